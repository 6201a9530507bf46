"""One long trial under random faults, watched for leaks."""
