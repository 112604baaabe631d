"""What the balancers of all hosts have counted, asked for from inside the stack's network.

A manager cannot run a command in another host's container. So a container of its own engine joins
the network for as long as the question takes, and asks every balancer for its page of counters.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from ...balancer import Counters, SlotCounters, parse_counters
from ...docker.engine import Engine
from ...errors import BalancerError, EngineError
from ...render.containers import METRICS_PORT
from ...render.haproxy_dns import STATUS_PATH
from ...status import State

# Each answer ends with a byte that none has in it. A host that went silent is not waited for.
ASK = r"""
for host in "${@:3}"; do
  timeout 3 bash -c '
    exec 3<>"/dev/tcp/$1/$2" && printf "GET %s;csv HTTP/1.0\r\n\r\n" "$3" >&3 && cat <&3
  ' bash "$host" "$1" "$2" 2>/dev/null
  printf '\001'
done
"""

BEST: Sequence[State] = ("in rotation", "draining", "adding", "out of rotation")


@dataclass(frozen=True, slots=True)
class AllCounters:
    """The sum of what the balancers say, and who said nothing."""

    total: Counters
    slots: Mapping[str, SlotCounters]
    """By the slot's address."""
    seen: Mapping[str, int]
    """How many balancers have the slot in rotation, by its address."""
    answered: int = 0
    """How many balancers did."""
    silent: tuple[str, ...] = ()
    """The addresses of those that did not."""


def ask_balancers(
    engine: Engine, deployment: str, image: str, addresses: Sequence[str]
) -> AllCounters:
    """The counters of this moment; `image` is one with bash that the engine has.

    :raises BalancerError: nobody could be asked.
    """
    try:
        answer = engine.ask(
            *("run", "--rm", "--pull", "never", "--network", f"{deployment}_front"),
            *("--label", f"twofold.job={deployment}", "--read-only", "--cap-drop", "ALL"),
            *("--entrypoint", "bash", image, "-c", ASK, "bash", str(METRICS_PORT), STATUS_PATH),
            *addresses,
        )
    except EngineError as error:
        raise BalancerError(f"the balancers cannot be asked: {error}") from None
    if answer.returncode:
        raise BalancerError(f"the balancers cannot be asked: {answer.stderr.strip()}")
    pages = [page.replace("\r\n", "\n").partition("\n\n")[2] for page in answer.stdout.split("\1")]
    return merged(dict(zip(addresses, pages, strict=False)))


def merged(pages: Mapping[str, str]) -> AllCounters:
    """From the page of each balancer, by its address; an empty one is no answer."""
    answers = [parse_counters(page) for page in pages.values() if page]
    lines: dict[str, list[SlotCounters]] = {}
    for counters in answers:
        for _, line in counters.slots:
            if line.address:
                lines.setdefault(line.address, []).append(line)
    return AllCounters(
        total=_total(answers),
        slots={address: _slot(found) for address, found in lines.items()},
        seen={
            address: sum(line.state == "in rotation" for line in found)
            for address, found in lines.items()
        },
        answered=len(answers),
        silent=tuple(address for address, page in pages.items() if not page),
    )


def _total(answers: Sequence[Counters]) -> Counters:
    return Counters(
        requests=sum(each.requests for each in answers),
        in_flight=sum(each.in_flight for each in answers),
        queue=sum(each.queue for each in answers),
        responses_5xx=sum(each.responses_5xx for each in answers),
        throughput=sum(each.throughput for each in answers),
        latency=_mean((each.latency, each.requests) for each in answers),
    )


def _slot(lines: Sequence[SlotCounters]) -> SlotCounters:
    return SlotCounters(
        state=min(lines, key=lambda line: BEST.index(line.state)).state,
        in_flight=sum(line.in_flight for line in lines),
        queue=sum(line.queue for line in lines),
        requests=sum(line.requests for line in lines),
        errors=sum(line.errors for line in lines),
        throughput=sum(line.throughput for line in lines),
        latency=_mean((line.latency, line.requests) for line in lines),
        last_check=next((line.last_check for line in lines if line.last_check), ""),
        address=lines[0].address,
    )


def _mean(weighted: Iterable[tuple[float, int]]) -> float:
    pairs = list(weighted)
    weight = sum(count for _, count in pairs)
    return sum(value * count for value, count in pairs) / weight if weight else 0.0
