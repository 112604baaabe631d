"""`twofold plan`: parse, call, print, exit code."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from loadtests.command import ended_in_order
from loadtests.settings import converted, factor, limit, some_seconds

if TYPE_CHECKING:
    from loadtests.plan.planning import Plan
    from loadtests.result import ScalingResult


@click.command(short_help="Tell what a demand takes, from a saved scaling run.")
@click.argument("result", type=click.Path(path_type=Path))
@click.option("--rps", metavar="X", required=True, help="Requests per second, at the busiest time.")
@click.option("--p99", metavar="TIME", help="The highest p99 latency, such as 200ms.")
@click.option("--spare", metavar="N", default="0", help="Nodes that may be away.  [default: 0]")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@click.pass_context
def plan(
    ctx: click.Context, /, result: Path, rps: str, p99: str | None, spare: str, as_json: bool
) -> None:
    """Tell how many nodes, workers, connections and how much memory a demand takes.

    RESULT is the file of twofold verify --nodes ... --latency-at 0.7 --json RESULT. The nodes
    planned carry the demand in 95 of 100 cases, also while --spare of them are away. Nothing is
    planned beyond twice the nodes that were measured.

    The exit code is 0 with a plan, 1 when what was measured does not carry the demand, 2 for wrong
    usage or a file that cannot be planned with.
    """
    with ended_in_order(ctx):
        found, run = make(result, rps, p99, spare)
        click.echo(as_text(found, run, as_json=as_json))


def make(result: Path, rps: str, p99: str | None, spare: str) -> tuple[Plan, ScalingResult]:
    from loadtests.plan.capacity import Demand
    from loadtests.plan.planning import make_plan
    from loadtests.report import read_result

    demand = Demand(
        rps=converted(factor, rps, "--rps"),
        max_p99=None if p99 is None else converted(some_seconds, p99, "--p99"),
        spare=converted(limit, spare, "--spare"),
    )
    run = read_result(result)
    return make_plan(run, demand), run


def as_text(plan: Plan, run: ScalingResult, *, as_json: bool) -> str:
    from loadtests.plan.text import assumptions, plan_text

    if as_json:
        return json.dumps({**plan.to_json(), "assumed": assumptions(plan, run)}, indent=2)
    return plan_text(plan, run)
