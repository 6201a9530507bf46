"""The dashboard load test: Locust users that watch the live map, in an environment of its own (see `loadtest.main`)."""
