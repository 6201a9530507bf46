"""One stream sent by several machines, and the shards merged."""
