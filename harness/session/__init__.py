"""What a series of trials stands on: services, engines, a private directory, the machine's fingerprint."""
