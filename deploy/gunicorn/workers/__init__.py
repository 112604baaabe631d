"""gunicorn's three worker classes with a shorter way for plain requests.

A request is plain when it came whole in one read and asks for nothing unusual. Its way is short
enough to read at once: `requests.py` makes the environ, `plain.py` calls the app, `responses.py`
writes what comes back; `processes.py`, `threads.py` and `greenlets.py` bring the connections.
Everything else is served by gunicorn's own code, which reads the same bytes from the start.
"""
