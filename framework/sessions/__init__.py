"""Sessions: the visitor's data, in a signed cookie or in Redis."""

from .csrf import require_csrf_token as require_csrf_token
from .exceptions import CsrfTokenRefused as CsrfTokenRefused
from .exceptions import InsecureSessionCookie as InsecureSessionCookie
from .exceptions import LoginRefused as LoginRefused
from .exceptions import SessionBusy as SessionBusy
from .exceptions import SessionConfigError as SessionConfigError
from .exceptions import SessionConflict as SessionConflict
from .exceptions import SessionGone as SessionGone
from .exceptions import SessionTooLarge as SessionTooLarge
from .exceptions import SessionUnavailable as SessionUnavailable
from .exclusive import ExclusiveAccess as ExclusiveAccess
from .flashes import Flash as Flash
from .headers import SessionCookie as SessionCookie
from .ids import SessionId as SessionId
from .ids import SessionIds as SessionIds
from .interface import SessionInterface as SessionInterface
from .memory_store import MemorySessionStore as MemorySessionStore
from .server_side import ServerSideSessionInterface as ServerSideSessionInterface
from .session import Session as Session
from .store import Record as Record
from .store import SessionStore as SessionStore
