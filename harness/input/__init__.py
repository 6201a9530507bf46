"""A user's own records as the workload: found, read, checked, put in order, and prepared for `workloads.replay`."""
