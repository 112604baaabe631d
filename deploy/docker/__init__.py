"""Docker: the one place that runs its command and speaks to its engine."""
