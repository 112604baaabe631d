"""Files for other programs, as pure functions of a deployment."""
