"""Instructions of a request and of a start, counted by valgrind's callgrind.

Time depends on what else the machine does; a count hardly does, so it shows small changes.
Callgrind writes what it has counted whenever ``getloadavg`` is entered, which the measuring process
calls as a mark: what is counted between two marks is requests alone, without start and warm-up.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from ..processes import with_bytecode

REQUESTS = 400
"""How many requests are counted together, so that the collector's rounds even out."""

MARK = "getloadavg"


def of_request(framework: str, scenario: str) -> tuple[float, float] | None:
    """Return two counts of one request, of disjoint runs; ``None`` for what a framework has not."""
    measure = ["-m", f"{__package__}.measure", framework, scenario, "--count", str(REQUESTS)]
    counts = count(measure)
    if len(counts) == 1:
        return None
    _before, first, second, _after = counts
    return first / REQUESTS, second / REQUESTS


def of_program(program: str) -> int:
    """Return the instructions of a whole Python process that runs ``program``."""
    return sum(count(["-c", program]))


def count(arguments: list[str]) -> list[int]:
    """Return the instructions of a Python process before, between and after its marks."""
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder, "counts")
        valgrind = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={output}"]
        subprocess.run(  # noqa: S603
            [*valgrind, f"--dump-before={MARK}", sys.executable, *arguments],
            check=True,
            capture_output=True,
            env={**with_bytecode(), "PYTHONHASHSEED": "0"},
        )
        # The file without a number is the last: it is written when the process ends.
        dumps = sorted(output.parent.glob("counts.*"), key=lambda path: int(path.suffix[1:]))
        return [_total(path) for path in [*dumps, output]]


def _total(path: Path) -> int:
    line = next(line for line in path.read_text().splitlines() if line.startswith("totals:"))
    return int(line.split()[1])
