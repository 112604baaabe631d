"""Run any WSGI app on gunicorn behind HAProxy, on one node or many."""

from .deployment import Balancer as Balancer
from .deployment import Deployment as Deployment
from .deployment import Node as Node
from .deployment import Slot as Slot
from .errors import DeployError as DeployError
from .profiles import WorkerProfile as WorkerProfile
