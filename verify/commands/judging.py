"""What `verify check` and `verify run` share: options, the guard, progress, and proofs beside the verdicts."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import redirect_stdout
from typing import TYPE_CHECKING, Any

import click

from verify.commands import options
from verify.commands.early import start
from verify.errors import seconds
from verify.evidence import Verdict
from verify.profiles import PROFILES
from verify.report.names import EXIT_CODES, FORMATS
from verify.report.options import all_of, no_progress

if TYPE_CHECKING:
    from verify.campaign.task import Inapplicable
    from verify.report.model import Report

UNWRITTEN = "the report cannot be written"


def _seconds(_: click.Context, __: click.Parameter, given: float | None) -> float | None:
    seconds("--timeout", given)
    return given


shared = all_of(
    click.option("--profile", type=click.Choice(list(PROFILES)), help="How many cases a law: 25, 100 (ci, the default) or 2000."),
    click.option("--seed", type=int, help="Seed of the search (default 0)."),
    click.option("--law", "laws", multiple=True, metavar="NAME", help="Only this law; repeatable."),
    click.option("--timeout", type=float, callback=_seconds, metavar="SECONDS", help="Limit for one law at one dtype (default 300)."),
    options.in_process,
    click.option("--format", "format_", type=click.Choice(FORMATS), default="text", help="The document on standard output."),
    no_progress,
)
"""The options that judging commands share."""


def prepare(*, in_process: bool, losses: Sequence[str] | None = None, profile: str | None = None, seed: int | None = None) -> None:
    """Starts the workers' server while this process does its own imports: each takes half a second or more."""
    if not in_process:
        start(losses, profile, seed)


def judge(
    requests: list[Any],
    *,
    timeout: float | None,
    in_process: bool,
    quiet: bool,
    **how: Any,
) -> Report:
    """Judges the requests with progress on standard error; `how` are further arguments of `judge_all`."""
    from verify.api import judge_all
    from verify.campaign.task import Outcome
    from verify.report import text  # noqa: F401  (to write it: later there may be no file or memory to load it)
    from verify.report.model import installed, libraries
    from verify.report.progress import outcomes  # and rich: now, while the workers' server starts

    for header in (installed, libraries):  # of the report, computed early
        header()
    callbacks: dict[str, Any] = {"say": lambda line: click.echo(line, err=True), **how}
    names = [t.request.name for r in requests for t in r.tasks()]
    # The document alone goes to standard output.
    with outcomes(names, quiet=quiet or in_process) as (on_start, on_outcome), redirect_stdout(sys.stderr):

        def on_done(o: Outcome | Inapplicable) -> None:
            came_to = o.result.verdict.value if isinstance(o, Outcome) else None
            problems, strain = (o.result.cases, o.result.strain) if isinstance(o, Outcome) and not o.reused else (0, 0.0)
            on_outcome(o.task.request.name, f"{o.task.dtype} {o.task.law}", came_to, problems, strain)

        return judge_all(requests, timeout=timeout, in_process=in_process, on_start=on_start, on_done=on_done, **callbacks)


def proved(document: dict[str, Any], requests: Sequence[Any], code: int, *, in_process: bool) -> int:
    """Adds the proofs of all candidates to a document, and returns the exit code: a refutation counts as broken."""
    from verify.campaign.proving import proofs_of

    document["proofs"] = proofs_of(requests, in_process=in_process)
    if any(p["status"] == "refuted" for p in document["proofs"]):
        document["verdict"], code = Verdict.BROKEN.value, EXIT_CODES[Verdict.BROKEN]
    return code
