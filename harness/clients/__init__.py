"""Talking to a Kafka, Redis or S3 that is there, whoever started it."""
