"""SQLAlchemy's sessions for requests, scripts and threads."""

from .database import Database as Database
from .exceptions import AlreadyAnswered as AlreadyAnswered
from .exceptions import CommitUnknown as CommitUnknown
from .exceptions import DatabaseConfigError as DatabaseConfigError
from .exceptions import DatabaseConflict as DatabaseConflict
from .exceptions import DatabaseUnavailable as DatabaseUnavailable
from .exceptions import PaginationError as PaginationError
from .exceptions import ReaderIsReadOnly as ReaderIsReadOnly
from .naming import NAMING_CONVENTION as NAMING_CONVENTION
from .pagination import KeysetPage as KeysetPage
from .pagination import OffsetPage as OffsetPage
from .session import DatabaseSession as DatabaseSession
