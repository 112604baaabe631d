"""Servers to talk to."""

from tests.framework.redis_servers import at_once_fixture as at_once_fixture
from tests.framework.redis_servers import cluster as cluster
from tests.framework.redis_servers import no_connection_is_left as no_connection_is_left
from tests.framework.redis_servers import own_cluster as own_cluster
from tests.framework.redis_servers import own_server as own_server
from tests.framework.redis_servers import proxy as proxy
from tests.framework.redis_servers import redis_server as redis_server
from tests.framework.redis_servers import replicated as replicated
from tests.framework.redis_servers import server as server
from tests.framework.redis_servers import valkey as valkey
from tests.framework.redis_servers import wait_until_fixture as wait_until_fixture
