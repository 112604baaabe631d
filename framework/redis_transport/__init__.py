"""One way to Redis and Valkey for everything that all nodes share.

Import from the modules: ``transport`` has ``RedisTransport``, ``scripts`` has ``Script``,
``budget`` has ``TimeBudget``, ``exceptions`` what can go wrong. The package itself loads nothing.
"""
