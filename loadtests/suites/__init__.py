"""Locustfiles: one kind of traffic each, to be run, copied and edited."""
