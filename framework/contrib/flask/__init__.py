"""Server-side sessions for a Flask app, which stays as it is but for two lines: import
``RedisSessionInterface`` from here, and set ``app.session_interface`` to one.

``flask.session`` is used as before. What is new is what two requests do to one session: they change
it key by key, so both changes are kept; and where one would have overwritten what the other had
read, it is answered with 409 instead.
"""

from .interface import RedisSessionInterface as RedisSessionInterface
from .session import FlaskSession as FlaskSession
