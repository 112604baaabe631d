"""What may be true after the requests in a journal of ``test_model.py``.

``python model_checker.py JOURNAL`` reads the sessions that are still in the store from its input,
as a list in JSON, and prints everything that no order of the requests explains, a line each. Every
acknowledged request took effect once, every refused one not at all, and one that was interrupted
or killed either way.
"""

from __future__ import annotations

import json
import math
import sys
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass
class Operation:
    """One request, from the journal: what it saw and wrote, and when. Times are lines."""

    name: str
    cookie: str
    begun: int
    planned: float = math.inf
    ended: float = math.inf
    outcome: str = "under way"
    kind: str = ""
    origin: str | None = None
    saw: dict[str, Any] = field(default_factory=dict)
    writes: dict[str, str | None] = field(default_factory=dict)
    appends: bool = False
    adds: dict[str, int] = field(default_factory=dict)
    flashes: bool = False
    shown: list[str] = field(default_factory=list)

    @property
    def done(self) -> bool:
        return self.outcome == "done"

    @property
    def possible(self) -> bool:
        """Whether it may have taken effect."""
        return self.planned < math.inf and self.outcome != "refused"

    @property
    def visitor(self) -> str:
        return self.name.partition("/")[0]

    def done_before(self, line: float) -> bool:
        return self.done and self.ended < line


@dataclass
class View:
    """What was to be seen of a session between two moments: by a request, or in the end."""

    who: str
    origin: str
    begun: float
    planned: float
    saw: dict[str, Any]


def read_journal(path: Path) -> dict[str, Operation]:
    """Return the operations by name."""
    operations: dict[str, Operation] = {}
    working: dict[int, str] = {}
    for line, text in enumerate(path.read_text().splitlines()):
        step = json.loads(text)
        match step.pop("mark"):
            case "begin":
                operations[step["op"]] = Operation(step["op"], step["cookie"], begun=line)
                working[int(step["op"].partition("/")[2].partition(".")[0])] = step["op"]
            case "plan":
                vars(operations[step.pop("op")]).update(step, planned=line)
            case "end":
                operation = operations[step["op"]]
                operation.outcome, operation.ended = step["outcome"], line
            case "killed":
                unfinished = operations[working[step["worker"]]]
                unfinished.outcome, unfinished.ended = "killed", line
    return operations


class Model:
    """What may be true after the operations in a journal; collects what cannot."""

    def __init__(self, operations: dict[str, Operation]) -> None:
        self.operations = operations
        self.wrong: list[str] = []
        self.sessions: dict[str, list[Operation]] = defaultdict(list)
        for operation in operations.values():
            if operation.kind == "create" and operation.possible:
                self.sessions[operation.name].append(operation)
            elif operation.origin is not None:
                self.sessions[operation.origin].append(operation)

    def check(self, left: list[dict[str, Any]]) -> list[str]:
        """Return everything that no order of the operations explains.

        :param left: the sessions that are still there, each as a view of it sees it.
        """
        for operation in self.operations.values():
            self.check_outcome(operation)
            if operation.origin is not None and operation.kind != "create":
                view = View(
                    operation.name,
                    operation.origin,
                    operation.begun,
                    operation.planned,
                    operation.saw,
                )
                self.check_view(view)
                self.check_life(operation)
                self.check_shown(operation)
        for origin in self.sessions:
            self.check_updates(origin)
        self.check_left(left)
        return self.wrong

    def check_outcome(self, operation: Operation) -> None:
        if operation.outcome not in ("done", "refused", "interrupted", "killed"):
            self.wrong.append(f"{operation.name} ended with {operation.outcome}")
        if operation.kind == "look" and operation.outcome == "refused":
            self.wrong.append(f"{operation.name} only read and was refused")

    def check_life(self, operation: Operation) -> None:
        """A session was seen: it belongs to this visitor and had not ended or moved before."""
        assert operation.origin
        if operation.visitor != operation.origin.partition("/")[0]:
            self.wrong.append(f"{operation.name} saw {operation.origin}, a foreign session")
        for other in self.sessions[operation.origin]:
            if not other.done_before(operation.begun):
                continue
            if other.kind == "log_out":
                self.wrong.append(f"{operation.name} saw a session that {other.name} had ended")
            if other.kind in ("renew", "log_in") and other.cookie == operation.cookie:
                self.wrong.append(f"{operation.name} saw the old id that {other.name} replaced")
        for other in self.ends_from_elsewhere(operation.origin):
            if other.done_before(operation.begun) and self.logged_in_before(
                operation.origin, other.begun
            ):
                self.wrong.append(f"{operation.name} saw what {other.name} ended from elsewhere")

    def ends_from_elsewhere(self, origin: str) -> list[Operation]:
        """The operations that logged this session's user out from another session."""
        return [op for op in self.logouts_elsewhere(origin) if op.origin != origin]

    def logouts_elsewhere(self, origin: str) -> list[Operation]:
        visitor = origin.partition("/")[0]
        return [
            op
            for op in self.operations.values()
            if op.kind == "log_out_elsewhere" and op.possible and op.visitor == visitor
        ]

    def may_have_ended_itself(self, origin: str) -> bool:
        """Whether it got a new id while it logged out elsewhere: that was another session then."""
        renewals = [op for op in self.sessions[origin] if op.kind in ("renew", "log_in")]
        return any(
            renewal.begun < op.ended and op.begun < renewal.ended
            for op in self.logouts_elsewhere(origin)
            if op.origin == origin
            for renewal in renewals
        )

    def logged_in_before(self, origin: str, line: float) -> bool:
        return any(op.kind == "log_in" and op.done_before(line) for op in self.sessions[origin])

    def check_shown(self, operation: Operation) -> None:
        """A request that shows the messages shows all that nobody else may have taken."""
        if not operation.flashes:
            return
        others = [op for op in self.sessions[operation.origin or ""] if op is not operation]
        must = {op.name for op in others if op.flashes and op.done_before(operation.begun)}
        taken = {
            message
            for op in others
            if op.possible and op.planned < operation.planned
            for message in op.shown
        }
        if lost := must - taken - set(operation.shown):
            self.wrong.append(f"{operation.name} did not get the messages {lost}")

    def check_view(self, view: View) -> None:
        for key, seen in view.saw.items():
            if key in ("counted", "adjusted", "turns"):
                self.check_count(view, key, seen)
            elif key == "basket":
                self.check_basket(view, seen)
            elif key == "user":
                self.check_user(view, seen)
            else:
                self.check_value(view, key, seen)

    def check_count(self, view: View, key: str, seen: int) -> None:
        adders = [op for op in self.sessions[view.origin] if key in op.adds]
        least = sum(op.adds[key] for op in adders if op.done_before(view.begun))
        most = sum(op.adds[key] for op in adders if op.possible and op.planned < view.planned)
        if not least <= seen <= most:
            self.wrong.append(f"{view.who} saw {key}={seen}, not {least} to {most}")

    def check_user(self, view: View, seen: str | None) -> None:
        logins = [op for op in self.sessions[view.origin] if op.kind == "log_in"]
        if seen is None and any(op.done_before(view.begun) for op in logins):
            self.wrong.append(f"{view.who} saw nobody logged in")
        elif seen is not None and seen != view.origin.partition("/")[0]:
            self.wrong.append(f"{view.who} saw the foreign user {seen}")
        elif seen is not None and not any(op.possible for op in logins):
            self.wrong.append(f"{view.who} saw a user who never logged in")

    def check_basket(self, view: View, seen: list[str]) -> None:
        appenders = [op for op in self.sessions[view.origin] if op.appends]
        must = {op.name for op in appenders if op.done_before(view.begun)}
        may = {op.name for op in appenders if op.possible and op.planned < view.planned}
        if len(seen) != len(set(seen)):
            self.wrong.append(f"{view.who} saw something twice in the basket: {seen}")
        if missing := must - set(seen):
            self.wrong.append(f"{view.who} misses in the basket: {missing}")
        if never := set(seen) - may:
            self.wrong.append(f"{view.who} saw in the basket what nobody put there: {never}")

    def check_value(self, view: View, key: str, seen: str | None) -> None:
        """The value is that of a write which no later one had replaced when the view began."""
        writes = [op for op in self.sessions[view.origin] if key in op.writes]
        sources = [
            op.ended
            for op in writes
            if op.writes[key] == seen and op.possible and op.planned < view.planned
        ]
        if seen is None:
            sources.append(-1)
        replaced = [op.planned for op in writes if op.done_before(view.begun)]
        if not sources:
            self.wrong.append(f"{view.who} saw {key}={seen!r}, which nobody wrote there")
        elif replaced and max(replaced) > max(sources):
            self.wrong.append(f"{view.who} saw {key}={seen!r}, which had been replaced")

    def check_updates(self, origin: str) -> None:
        """Of the operations that read one value and then replaced it, one took effect."""
        done = [op for op in self.sessions[origin] if op.kind == "swap" and op.done]
        for value, count in Counter(op.saw["swapped"] for op in done).items():
            if count > 1:
                self.wrong.append(f"in {origin} {count} operations replaced {value!r}")

    def check_left(self, left: list[dict[str, Any]]) -> None:
        found = Counter(session.get("origin") for session in left)
        for origin, operations in self.sessions.items():
            created = next((op for op in operations if op.kind == "create"), None)
            ends = [op for op in operations if op.kind == "log_out" and op.possible]
            may_be_listed = any(op.kind == "log_in" for op in operations)
            elsewhere = self.ends_from_elsewhere(origin) if may_be_listed else []
            ended = [op.name for op in ends if op.done]
            ended += [
                op.name for op in elsewhere if op.done and self.logged_in_before(origin, op.begun)
            ]
            if created is None or found[origin] > 1:
                self.wrong.append(f"{origin} is there {found[origin]} times")
            elif found[origin] and ended:
                self.wrong.append(f"{origin} is there although it was ended by {ended}")
            elif (
                created.done
                and not (found[origin] or ends or elsewhere)
                and not self.may_have_ended_itself(origin)
            ):
                self.wrong.append(f"{origin} is lost")
        for session in left:
            origin = session.pop("origin", None)
            if origin not in self.sessions:
                self.wrong.append(f"a session that nobody began: {session}")
                continue
            self.check_flashes(origin, set(session.pop("flashes")))
            unseen = {key for op in self.sessions[origin] for key in op.writes} - {"origin"}
            none = {"counted": 0, "adjusted": 0, "turns": 0, "basket": [], "user": None}
            saw: dict[str, Any] = {**dict.fromkeys(unseen), **none, **session}
            self.check_view(View("the end", origin, math.inf, math.inf, saw))
            self.check_chain(origin, saw.get("swapped"))

    def check_flashes(self, origin: str, left: set[str]) -> None:
        operations = self.sessions[origin]
        flashed = {op.name for op in operations if op.flashes and op.possible}
        shown = {message for op in operations if op.possible for message in op.shown}
        gone = {message for op in operations if op.done for message in op.shown}
        if lost := {op.name for op in operations if op.flashes and op.done} - shown - left:
            self.wrong.append(f"messages of {origin} are lost: {lost}")
        if back := gone & left:
            self.wrong.append(f"messages of {origin} that were shown are still there: {back}")
        if never := (left | shown) - flashed:
            self.wrong.append(f"messages of {origin} that nobody flashed: {never}")

    def check_chain(self, origin: str, last: str | None) -> None:
        """Each acknowledged swap is among those that led to the last value."""
        chain: list[str] = []
        while last is not None and last not in chain:
            chain.append(last)
            last = self.operations[last].saw["swapped"]
        done = {op.name for op in self.sessions[origin] if op.kind == "swap" and op.done}
        if lost := done - set(chain):
            self.wrong.append(f"in {origin} these swaps left no trace: {lost}")


def main() -> None:
    wrong = Model(read_journal(Path(sys.argv[1]))).check(json.load(sys.stdin))
    sys.stdout.writelines(f"{line}\n" for line in wrong)


if __name__ == "__main__":
    main()
