"""The services a run needs, each one process on 127.0.0.1, private to this user and gone with the harness.

Every service keeps its files in the directory it is given and its log in ``logs/NAME.log`` there. One that is run by
somebody else is not started but checked: `kafka.check_kafka`, `redis.check_redis`, `s3.check_s3`.
"""
