"""The counters of several balancers become those of one deployment."""

from deploy.targets.swarm.counters import merged

COLUMNS = (
    "# pxname,svname,qcur,scur,stot,status,type,rate,econ,eresp,hrsp_5xx,req_rate,req_tot,rtime,"
    "addr"
)


def page(*slots: str, requests: int, latency: int) -> str:
    return "\n".join(
        [
            COLUMNS,
            f"visitors,FRONTEND,0,1,9,OPEN,0,0,0,0,2,5,{requests},,",
            *slots,
            f"web,BACKEND,1,3,9,UP,1,0,0,0,0,0,,{latency},",
        ]
    )


def slot(name: str, status: str, requests: int, address: str, latency: int = 0) -> str:
    return f"web,{name},0,1,{requests},{status},2,4,0,0,1,,,{latency},{address}"


FIRST = page(
    slot("slot1-1", "UP", 30, "10.0.0.5:8001", 10),
    slot("slot1-2", "MAINT (resolution)", 0, ""),
    requests=30,
    latency=10,
)
# HAProxy gives out its lines in the order in which it finds the nodes, another one on each host.
SECOND = page(
    slot("slot1-1", "MAINT (resolution)", 0, ""),
    slot("slot1-2", "DOWN", 10, "10.0.0.5:8001", 50),
    requests=10,
    latency=50,
)


def test_sums_by_the_address_of_the_slot() -> None:
    counters = merged({"10.0.0.2": FIRST, "10.0.0.3": SECOND})
    assert list(counters.slots) == ["10.0.0.5:8001"]
    found = counters.slots["10.0.0.5:8001"]
    assert (found.requests, found.errors, found.in_flight, found.throughput) == (40, 2, 2, 8)
    assert found.latency == 0.02
    assert counters.total.requests == 40
    assert counters.total.queue == 2
    assert counters.total.latency == 0.02


def test_slot_is_in_rotation_if_one_balancer_sends_requests_there() -> None:
    counters = merged({"10.0.0.2": FIRST, "10.0.0.3": SECOND})
    assert counters.slots["10.0.0.5:8001"].state == "in rotation"
    assert counters.seen["10.0.0.5:8001"] == 1
    assert counters.answered == 2


def test_silent_balancer_is_named() -> None:
    counters = merged({"10.0.0.2": FIRST, "10.0.0.3": ""})
    assert counters.silent == ("10.0.0.3",)
    assert counters.answered == 1
    assert counters.total.requests == 30


def test_nobody_answered() -> None:
    counters = merged({"10.0.0.2": ""})
    assert counters.answered == 0
    assert counters.total.latency == 0.0
