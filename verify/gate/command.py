"""`verify gate`: applies policy and baseline to an existing report."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from difflib import unified_diff
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from verify.report.names import FORMATS
from verify.report.options import verdict_alone

if TYPE_CHECKING:
    from verify.gate.baseline import Baseline
    from verify.gate.policy import Policy


@click.command("gate")
@click.argument("report", type=click.Path(path_type=Path))
@click.option("--baseline", type=click.Path(dir_okay=False, path_type=Path), help="Instead of the one that [tool.verify.gate] names.")
@click.option("--update-baseline", is_flag=True, help="Accept the report's figures: write them to the baseline, and show what changes.")
@click.option("--diff", is_flag=True, help="With --update-baseline: show every line of the baseline that changes.")
@click.option("--accept-reused", is_flag=True, help="Take the word of the run's ledger for results that it has not judged itself.")
@click.option("--format", "format_", type=click.Choice(FORMATS), default=None, help="The whole report with what the gate says of it.")
@verdict_alone
def command(
    report: Path, baseline: Path | None, update_baseline: bool, diff: bool, accept_reused: bool, format_: str | None, quiet: bool
) -> int:
    """Apply [tool.verify.gate] and its baseline to REPORT.json. Each failure is a sentence and says how to accept it."""
    from verify.errors import UsageError
    from verify.gate.rules import RUN_FRESH, exit_code, reused
    from verify.report.formats import emit
    from verify.report.stored import read

    document, policy = read(report), policy_here(baseline)
    if update_baseline and not accept_reused and (told := reused(document)) is not None:
        raise UsageError(f"{report}: {told}, so the baseline is not written. To go on: {RUN_FRESH}.")
    if update_baseline:
        _update(document, policy, every_line=diff, quiet=quiet)
    document = apply(document, policy, accept_reused=accept_reused)
    if format_ is not None:
        emit(document, format_, None)
    else:
        explain(document, quiet=quiet)
    return exit_code(document)


def configured() -> Policy | None:
    """The policy of the current folder if it has [tool.verify.gate], else None: `verify run` then uses the verdict alone."""
    from verify.settings import tool

    return policy_here() if "gate" in (tool(Path.cwd()) or {}) else None


def policy_here(baseline: Path | None = None) -> Policy:
    """The policy in the current folder's pyproject.toml, or the default policy."""
    from dataclasses import replace

    from verify.gate.policy import Policy
    from verify.settings import tool

    table = (tool(Path.cwd()) or {}).get("gate", {})
    policy = Policy.of(table, Path.cwd())
    return policy if baseline is None else replace(policy, baseline=str(baseline))


def apply(document: Any, policy: Policy, *, accept_reused: bool) -> dict[str, Any]:
    """The document with the rulings of the gate."""
    from verify.gate.rules import judged

    return judged(document, policy, _stored(policy), accept_reused=accept_reused)


def explain(document: dict[str, Any], *, quiet: bool = False) -> None:
    """Prints the failures, the warnings and the verdict in sentences; if `quiet` neither warnings nor changes."""
    from verify.report.changes import split
    from verify.report.findings import declarations, folded
    from verify.report.reading import visible

    gate = document["gate"]
    for kind, rulings in (("failed", gate["failures"]), ("warning", () if quiet else gate["warnings"])):
        for said in folded(rulings, document):
            click.echo(f"{kind}: {visible(said['sentence'])}\n  to accept: {visible(said['accept'])}")
    in_meaning, _ = split(document)
    if not quiet:
        for line in declarations(document):
            click.echo(f"declared: {line}")
        _print_changes(in_meaning)
    came_to = "passed" if gate["passed"] else "failed"
    click.echo(f"gate: {came_to}, {len(gate['changes'])} changes since the baseline, {len(in_meaning)} in meaning")


MOST_LINES = 40
"""Changes that the command shows; the page has all of them."""


def _print_changes(changes: Sequence[Any]) -> None:
    """Prints changes since the baseline, line by line."""
    from verify.report.changes import line

    for change in changes[:MOST_LINES]:
        click.echo(f"changed: {line(change)}")
    if len(changes) > MOST_LINES:
        click.echo(f"changed: {len(changes) - MOST_LINES} more, in the report's page")


def _stored(policy: Policy) -> Baseline | None:
    from verify.gate.baseline import Baseline

    return None if policy.baseline is None else Baseline.read(policy.folder / policy.baseline)


def _update(document: Any, policy: Policy, *, every_line: bool, quiet: bool) -> None:
    from verify.errors import UsageError
    from verify.gate.baseline import Baseline
    from verify.gate.rules import judged
    from verify.report.changes import split
    from verify.report.reading import visible
    from verify.storage import save

    if policy.baseline is None:
        raise UsageError('there is no baseline to update. Name one by --baseline, or as baseline = "…" in [tool.verify.gate].')
    if document["selection"] is not None:
        raise UsageError("the report judges some laws only, and a baseline needs all of them. Run again without --law.")
    file = policy.folder / policy.baseline
    before = file.read_text(encoding="utf-8", errors="replace") if file.exists() else ""
    stored = None
    with suppress(UsageError):  # an unreadable one is replaced
        stored = _stored(policy)
    known = judged(document, policy, stored)
    in_meaning, rest = split(known)
    if not quiet:
        _print_changes(in_meaning)
    now = Baseline.of(document)
    save(file, str(now))
    if str(now) == before:
        click.echo(f"{policy.baseline} is as it was")
    elif stored is None:
        click.echo(f"{policy.baseline}: {len(now.entries)} results")
    else:
        shown = "" if every_line else " (--diff shows them)"
        click.echo(f"{policy.baseline}: {len(in_meaning)} changes in meaning, {len(rest)} other figures moved{shown}")
    if every_line:
        diff = unified_diff(before.splitlines(), str(now).splitlines(), policy.baseline, policy.baseline, lineterm="", n=0)
        click.echo("\n".join(map(visible, diff)))
