"""The way out: the only home of requests."""
