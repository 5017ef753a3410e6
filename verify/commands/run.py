"""`verify run`: all candidates of a project, with a report, a ledger and a gate."""

from __future__ import annotations

import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from math import nan
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from verify.commands.codes import ENDED_BY, EPILOG, NOTHING_SELECTED, WRONG_USAGE
from verify.commands.judging import UNWRITTEN, judge, prepare, proved, shared
from verify.errors import UsageError
from verify.evidence import Verdict
from verify.report.names import EXIT_CODES
from verify.settings import project_above, tool
from verify.storage import Room, Spare, save, writable

if TYPE_CHECKING:
    from verify.campaign.executor import Execute
    from verify.campaign.ledger import Ledger
    from verify.report.model import Report

OUR_OWN = (
    "no candidates are listed in a pyproject.toml here, under [[tool.verify.candidates]]: the built-in core is judged. "
    "One file or function is judged by verify check."
)
SPARE = 4
"""Files that a report needs at once: its own, and those of modules that are loaded to write it."""

REPORT, OUTCOME = 1 << 18, 1 << 14
"""Bytes that a report takes on disk, and each of its outcomes: in report.json, on the page, and as a witness."""

MOST_CASES = 1e15


def _problems(_: click.Context, __: click.Parameter, given: str | None) -> int:
    """A whole number, 1e9 too. Raises UsageError for what is none."""
    try:
        found = float(given or 0)
    except ValueError:
        found = nan
    if not (found.is_integer() and 0 <= found <= MOST_CASES) or (given is not None and found == 0):
        raise UsageError(f"--cases is {given!r}; give a whole number of problems from 1 to {MOST_CASES:.0e}, such as 1e9.")
    return int(found)


@click.command("run", epilog=EPILOG)
@click.option(
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("reports/latest"),
    show_default=True,
    help="Folder of the report.",
)
@click.option("--power", is_flag=True, help="Add the kill tables of the judged losses: see `verify power`.")
@click.option("--prove", is_flag=True, help="Prove the gradients too, as `verify prove` does.")
@click.option("--hiker", is_flag=True, help="Add the page of the course notes: see `verify descend hiker`.")
@click.option("--gate/--no-gate", default=True, help="Apply [tool.verify.gate], where there is one.")
@click.option("--fresh", is_flag=True, help="Judge again what the ledger of earlier runs, beside the report, has answered.")
@click.option(
    "--cases", default=None, metavar="N", callback=_problems, help="Search on in bulk where laws hold: so many problems, such as 1e9."
)
@click.option("--scheduler", default=None, metavar="ADDRESS", help="Judge on a cluster of dask.distributed (docs/scale.md); local: here.")
@click.option("--installed", is_flag=True, help="With --scheduler: the project is installed on the workers, and is not sent there.")
@shared
def command(
    output: Path,
    power: bool,
    prove: bool,
    hiker: bool,
    gate: bool,
    fresh: bool,
    cases: int,
    scheduler: str | None,
    installed: bool,
    format_: str,
    quiet: bool,
    profile: str | None,
    seed: int | None,
    laws: tuple[str, ...],
    timeout: float | None,
    in_process: bool,
) -> int:
    """Judge every candidate of [tool.verify] in pyproject.toml, or the built-in core, write the report and apply [tool.verify.gate]."""
    spare = Spare(SPARE)
    writable(output, UNWRITTEN)
    from verify.campaign.server import CORE, remember

    listed = (tool(Path.cwd()) or {}).get("candidates")
    core = listed is None
    if core and (other := project_above(Path.cwd())) is not None:
        raise UsageError(f"no candidates are listed in a pyproject.toml here, but in that of a folder above, {other}. Go there: cd {other}")
    prepare(in_process=in_process, losses=[CORE] if core else _losses(listed) if not power else None)
    from verify.campaign.configuration import read
    from verify.gate.command import configured

    policy = configured() if gate else None

    configuration = read(Path.cwd())
    scheduler = None if in_process or scheduler == "local" else scheduler or configuration.scheduler
    if installed and scheduler is None:
        raise UsageError("--installed says where the code of candidates is on a cluster, and there is none: give --scheduler ADDRESS.")
    requests = configuration.requests(profile=profile, seed=seed, laws=laws or None)
    due = sum(len(r.tasks()) for r in requests)
    if not due:
        click.echo("nothing selected: [tool.verify] lists no candidate", err=True)
        return NOTHING_SELECTED
    if core and not quiet:
        click.echo(OUR_OWN, err=True)
    room = Room(output, REPORT + OUTCOME * due)  # the report comes before what the ledger keeps
    from verify.campaign.ledger import NAME, Ledger
    from verify.campaign.pictures import measured

    ledger = None if in_process else Ledger(output / NAME)
    if ledger is not None:
        click.get_current_context().call_on_close(lambda: _close(ledger))
        if ledger.note:
            click.echo(ledger.note, err=True)
    from verify.report.folder import write  # the page: later there may be no file or memory to load that

    how: dict[str, Any] = {"ledger": ledger, "fresh": fresh, "partial": True, "problems": cases, "on_end": spare.close}
    with _until_ended(), _elsewhere(scheduler, requests, installed, output) as elsewhere:
        report = judge(requests, timeout=timeout, in_process=in_process, quiet=quiet, elsewhere=elsewhere, **how)
    if core and not in_process:
        remember([CORE])
    from verify.report.formats import emit, render
    from verify.report.power import complete

    ended_by = report.ended_by if isinstance(report.ended_by, str) else None
    failed = report.ended_by if isinstance(report.ended_by, Exception) else None
    shown = [] if in_process or report.ended_by else [r for r in requests if r.name not in report.ended]
    document, code = report.to_dict() | {"figures": []}, EXIT_CODES[report.verdict]
    try:
        with _until_ended():
            document["figures"] = measured(shown, timeout, ledger, fresh=fresh)
            if power and report.ended_by is None:
                document["power"] = _kill_tables(report)
            if report.ended_by is None and (prove or (policy is not None and policy.proof is not None)):
                code = proved(document, requests, code, in_process=in_process)
            if hiker and report.ended_by is None:
                from verify.descent import hiker_command

                hiker_command.write(output, seed=report.seed, report=True, quiet=quiet)
    except KeyboardInterrupt as interrupt:  # what is there is told
        ended_by = str(interrupt)
    except Exception as error:  # is raised when that is written
        failed = error
    if policy is not None and ended_by is None and failed is None:  # what was not judged is no failure of what was
        from verify.gate.command import apply
        from verify.gate.rules import exit_code

        document = apply(document, policy, accept_reused=True)  # of this project's own ledger, by this run
        code = exit_code(document)
    elif not complete(document.get("power", ()), every_law=report.laws is None):  # what it lacks stands in the document
        code = EXIT_CODES[Verdict.BROKEN]
    room.close()
    kept = _keep(report, output / "witness")  # before the report that names them
    try:
        save(output / "report.json", render(document, "json"))
        write(document, output)
    finally:  # without a page, or without a file at all for a disk that is full, what was found is shown
        if kept is not None:
            _forget(output / "witness", kept)
        emit(document, format_, None)
    if failed is not None:
        click.echo(f"{output / 'report.json'} has what was judged before this:", err=True)
        raise failed
    if ended_by:
        click.echo(f"ended by {ended_by}: {output / 'report.json'} has what was judged, and verify run goes on from there", err=True)
        return ENDED_BY + int(signal.Signals[ended_by])
    if report.reused:
        click.echo(f"reused {report.reused} of {report.judged} answers of earlier runs; --fresh judges all again", err=True)
    click.echo(f"report: {output / 'index.html'}, {output / 'report.json'}", err=True)
    return WRONG_USAGE if report.refused or kept is None else code


def _losses(listed: Any) -> list[str] | None:
    """The losses of the candidates that a project lists; None where it does not list them as it has to, which is told later."""
    losses: list[Any] = [c.get("loss", "none") for c in listed if isinstance(c, dict)] if isinstance(listed, list) else [None]
    return losses if all(isinstance(loss, str) for loss in losses) else None


def _close(ledger: Ledger) -> None:
    """Gives the ledger back, and says what could not be kept there."""
    note = ledger.note
    ledger.close(lambda told: click.echo(told, err=True))
    if ledger.note != note:
        click.echo(ledger.note, err=True)


@contextmanager
def _elsewhere(scheduler: str | None, requests: Sequence[Any], installed: bool, output: Path) -> Iterator[Execute | None]:
    """How tasks are judged on the cluster of a scheduler; None where there is none."""
    if scheduler is None:
        yield None
        return
    from verify.campaign.cluster import cluster

    with cluster(scheduler, requests, installed=installed, reports=output) as there:
        click.echo(f"judging on {there.workers} workers of {scheduler}, {there.threads} tasks at a time", err=True)
        yield there.execute


@contextmanager
def _until_ended() -> Iterator[None]:
    """In the block whatever tells the command to end raises KeyboardInterrupt with the signal's name; who ignores a signal goes on to."""

    def end(number: int, _: object) -> None:
        raise KeyboardInterrupt(signal.Signals(number).name)

    before = {}
    for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGXCPU", "SIGBREAK"):
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is not signal.SIG_IGN:
            before[number] = signal.signal(number, end)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _kill_tables(report: Report) -> list[dict[str, Any]]:
    from verify.campaign.power import tables

    dtypes = dict.fromkeys(r.dtype for r in report.results)
    return tables(list(report.losses), penalty="l2", dtypes=tuple(dtypes), profile="quick", seed=report.seed, laws=report.laws)


def _keep(report: Report, folder: Path) -> set[str] | None:
    """The counterexamples beside the report, by the names of their files; None where they cannot be written, which is said."""
    from verify.campaign import witness

    try:
        return {file.name for file in witness.save(report.outcomes, folder)}
    except OSError as error:
        told = f"the witnesses cannot be written to {folder}: {error.strerror}. Give another place with --output."
        click.echo(f"Error: {told} report.json has them, too.", err=True)
        _forget(folder, set())  # some of them serve nobody, and take the room that the report needs
        with suppress(OSError):  # there may be some that a report names
            folder.rmdir()
        return None


def _forget(folder: Path, kept: set[str]) -> None:
    """The counterexamples of earlier runs go, unless a report that lies there now names them: another run may have ended meanwhile."""
    report = folder.parent / "report.json"
    with suppress(OSError):
        told = report.read_text(encoding="utf-8") if report.exists() else ""
        for old in folder.glob("*.json"):
            if old.name not in kept and f'"{old.stem}"' not in told:
                old.unlink()
