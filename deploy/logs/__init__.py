"""Logs of a deployment: a bounded file a part, and one more with a line for each request."""
