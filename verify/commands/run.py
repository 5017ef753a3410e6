"""`verify run`: all candidates of a project, with a report, a ledger and a gate."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from math import nan
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from verify import limits
from verify.commands.codes import ENDED_BY, EPILOG, NOTHING_SELECTED, WRONG_USAGE
from verify.commands.judging import UNWRITTEN, judge, prepare, proved, shared
from verify.commands.signals import undisturbed, until_ended
from verify.errors import UsageError
from verify.evidence import Verdict
from verify.report.names import EXIT_CODES
from verify.settings import project_above, tool
from verify.storage import Room, Spare, save, writable

if TYPE_CHECKING:
    from verify.campaign.executor import Execute
    from verify.campaign.ledger import Ledger
    from verify.campaign.task import Request
    from verify.gate.policy import Policy
    from verify.report.model import Report

OUR_OWN = (
    "no candidates are listed in a pyproject.toml here, under [[tool.verify.candidates]]: the built-in core is judged. "
    "One file or function is judged by verify check."
)
SPARE_FILES = 4
"""Files that writing a report needs at once: its own, and those of modules that are loaded for it."""

REPORT, OUTCOME = 1 << 18, 1 << 14
"""Bytes on disk for a report, and for each of its outcomes: in report.json, on the page, and as a witness."""

MOST_CASES = 1e15


def _problems(_: click.Context, __: click.Parameter, given: str | None) -> int:
    """A whole number of problems; 1e9 is accepted too. Raises UsageError for anything else."""
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
def command(**options: Any) -> int:
    """Judge every candidate of [tool.verify] in pyproject.toml, or the built-in core, write the report and apply [tool.verify.gate]."""
    return _Run(**options).carry_out()


@dataclass(kw_only=True)
class _Run:
    """One run of the command with its options, and what it has come to so far."""

    output: Path
    power: bool
    prove: bool
    hiker: bool
    gate: bool
    fresh: bool
    cases: int
    scheduler: str | None
    installed: bool
    format_: str
    quiet: bool
    profile: str | None
    seed: int | None
    laws: tuple[str, ...]
    timeout: float | None
    in_process: bool

    policy: Policy | None = None
    ledger: Ledger | None = None
    ended_by: str | Exception | None = None
    """The name of the signal, or the error, that ended the run early."""
    document: dict[str, Any] = field(default_factory=dict)
    code: int = 0

    def carry_out(self) -> int:
        """The whole run, from checks of the options to the exit code. Files and space for the report are reserved before anything is
        judged: a candidate may use up what the system has.
        """
        spare, own_limits = Spare(SPARE_FILES), limits.limits()
        writable(self.output, UNWRITTEN)
        is_core = self._start_server()
        requests = self._requests()
        tasks = sum(len(r.tasks()) for r in requests)
        if not tasks:
            click.echo("nothing selected: [tool.verify] lists no candidate", err=True)
            return NOTHING_SELECTED
        if is_core and not self.quiet:
            click.echo(OUR_OWN, err=True)
        room = Room(self.output, REPORT + OUTCOME * tasks)  # the report comes before what the ledger keeps
        report = self._judge(requests, spare)
        if is_core and not self.in_process:
            from verify.campaign.server import CORE, remember

            remember([CORE])
        self._supplement(report, requests)
        self._apply_gate(report)
        limits.raise_again(own_limits)
        room.close()
        has_witnesses = self._write(report)
        return self._exit_code(report, has_witnesses=has_witnesses)

    def _start_server(self) -> bool:
        """Starts the workers' server, which imports what the listed losses need; returns whether the built-in core is judged. Raises
        UsageError where a folder above lists candidates.
        """
        from verify.campaign.server import CORE

        table = tool(Path.cwd()) or {}
        listed = table.get("candidates")
        is_core = listed is None
        if is_core and (other := project_above(Path.cwd())) is not None:
            raise UsageError(
                f"no candidates are listed in a pyproject.toml here, but in that of a folder above, {other}. Go there: cd {other}"
            )
        losses = [CORE] if is_core else _losses(listed) if not self.power else None
        profile, seed = self.profile or table.get("profile"), table.get("seed") if self.seed is None else self.seed
        prepare(in_process=self.in_process, losses=losses, profile=profile, seed=seed)
        return is_core

    def _requests(self) -> list[Request]:
        """What is to be judged. Reads the project's configuration, with its policy and its scheduler."""
        from verify.campaign.configuration import read
        from verify.gate.command import configured

        self.policy = configured() if self.gate else None
        configuration = read(Path.cwd())
        self.scheduler = None if self.in_process or self.scheduler == "local" else self.scheduler or configuration.scheduler
        if self.installed and self.scheduler is None:
            raise UsageError("--installed says where the code of candidates is on a cluster, and there is none: give --scheduler ADDRESS.")
        return configuration.requests(profile=self.profile, seed=self.seed, laws=self.laws or None)

    def _judge(self, requests: list[Request], spare: Spare) -> Report:
        """Judges the requests, here or on the cluster, with the ledger. What writes the report is imported before: later there may be no
        file or memory left for it.
        """
        from verify.campaign import pictures  # noqa: F401
        from verify.campaign.ledger import FILE_NAME, Ledger

        if not self.in_process:
            ledger = self.ledger = Ledger(self.output / FILE_NAME)
            click.get_current_context().call_on_close(lambda: _close(ledger))
            if ledger.note:
                click.echo(ledger.note, err=True)
        from verify.report import folder, formats, power  # noqa: F401

        how: dict[str, Any] = {"timeout": self.timeout, "in_process": self.in_process, "quiet": self.quiet, "ledger": self.ledger}
        with until_ended(), self._elsewhere(requests) as elsewhere:
            return judge(requests, elsewhere=elsewhere, fresh=self.fresh, partial=True, problems=self.cases, on_end=spare.close, **how)

    @contextmanager
    def _elsewhere(self, requests: list[Request]) -> Iterator[Execute | None]:
        """How to execute tasks on the cluster of the scheduler; None without a scheduler."""
        if self.scheduler is None:
            yield None
            return
        from verify.campaign.cluster import cluster

        with cluster(self.scheduler, requests, installed=self.installed, reports=self.output) as there:
            click.echo(f"judging on {there.workers} workers of {self.scheduler}, {there.threads} tasks at a time", err=True)
            yield there.execute

    def _supplement(self, report: Report, requests: list[Request]) -> None:
        """Makes the document: the report, and what stands beside the verdicts. A signal or an error leaves out the rest; both are told when
        the report is written.
        """
        from verify.campaign.pictures import measured

        self.ended_by = report.ended_by
        self.document, self.code = report.to_dict() | {"figures": []}, EXIT_CODES[report.verdict]
        shown = [] if self.in_process or report.ended_by else [r for r in requests if r.name not in report.ended]
        try:
            with until_ended():
                self.document["figures"] = measured(shown, self.timeout, self.ledger, fresh=self.fresh)
                if report.ended_by is not None:
                    return
                if self.power:
                    self.document["power"] = _kill_tables(report)
                if self.prove or (self.policy is not None and self.policy.proof is not None):
                    self.code = proved(self.document, requests, self.code, in_process=self.in_process)
                if self.hiker:
                    from verify.descent import hiker_command

                    hiker_command.write(self.output, seed=report.seed, report=True, quiet=self.quiet)
        except KeyboardInterrupt as interrupt:
            if not isinstance(self.ended_by, Exception):  # which says more
                self.ended_by = str(interrupt)
        except Exception as error:
            self.ended_by = error

    def _apply_gate(self, report: Report) -> None:
        """Applies the gate, if there is one, to a complete run; else the kill tables count."""
        from verify.report.power import complete

        if self.policy is not None and self.ended_by is None:
            from verify.gate.command import apply
            from verify.gate.rules import exit_code

            self.document = apply(self.document, self.policy, accept_reused=True)  # of this project's own ledger, by this run
            self.code = exit_code(self.document)
        elif not complete(self.document.get("power", ()), every_law=report.laws is None):  # what it lacks stands in the document
            self.code = EXIT_CODES[Verdict.BROKEN]

    def _write(self, report: Report) -> bool:
        """Writes the witnesses, the report and its page; shows the document. Returns whether the witnesses could be written. Raises
        UsageError where the report cannot be.
        """
        from verify.report.folder import write
        from verify.report.formats import emit, render

        kept = _keep(report, self.output / "witness")  # before the report that names them
        try:
            with undisturbed():
                save(self.output / "report.json", render(self.document, "json"))
                write(self.document, self.output)
        finally:  # without a page, or on a full disk without any file, the results are still shown
            if kept is not None:
                _forget(self.output / "witness", kept)
            emit(self.document, self.format_, None)
        return kept is not None

    def _exit_code(self, report: Report, *, has_witnesses: bool) -> int:
        """Says where the report is, and how the run ended. Raises the error that ended it."""
        file = self.output / "report.json"
        if isinstance(self.ended_by, Exception):
            click.echo(f"{file} has what was judged before this:", err=True)
            raise self.ended_by
        if self.ended_by:
            click.echo(f"ended by {self.ended_by}: {file} has what was judged, and verify run goes on from there", err=True)
            return ENDED_BY + int(signal.Signals[self.ended_by])
        if report.reused:
            click.echo(f"reused {report.reused} of {report.judged} answers of earlier runs; --fresh judges all again", err=True)
        click.echo(f"report: {self.output / 'index.html'}, {file}", err=True)
        return self.code if has_witnesses and not report.refused else WRONG_USAGE


def _losses(listed: Any) -> list[str] | None:
    """The losses of the candidates that a project lists; None where the list is invalid, which is reported later."""
    losses: list[Any] = [c.get("loss", "none") for c in listed if isinstance(c, dict)] if isinstance(listed, list) else [None]
    return losses if all(isinstance(loss, str) for loss in losses) else None


def _close(ledger: Ledger) -> None:
    """Closes the ledger, and reports what could not be stored."""
    note = ledger.note
    ledger.close(lambda remark: click.echo(remark, err=True))
    if ledger.note != note:
        click.echo(ledger.note, err=True)


def _kill_tables(report: Report) -> list[dict[str, Any]]:
    from verify.campaign.power import tables

    dtypes = dict.fromkeys(r.dtype for r in report.results)
    return tables(list(report.losses), penalty="l2", dtypes=tuple(dtypes), profile="quick", seed=report.seed, laws=report.laws)


def _keep(report: Report, folder: Path) -> set[str] | None:
    """Writes the witnesses beside the report; returns the names of their files, or None where that fails, which is reported."""
    from verify.campaign import witness

    try:
        return {file.name for file in witness.save(report.outcomes, folder)}
    except OSError as error:
        why = f"the witnesses cannot be written to {folder}: {error.strerror}. Give another place with --output."
        click.echo(f"Error: {why} report.json has them, too.", err=True)
        _forget(folder, set())  # remove useless ones, which take the space that the report needs
        with suppress(OSError):  # there may be some that a report names
            folder.rmdir()
        return None


def _forget(folder: Path, kept: set[str]) -> None:
    """Removes the witnesses of earlier runs, except those that a report in the folder names: another run may have ended meanwhile."""
    report = folder.parent / "report.json"
    with suppress(OSError):
        text = report.read_text(encoding="utf-8") if report.is_file() else ""
        for old in folder.glob("*.json"):
            if old.name not in kept and f'"{old.stem}"' not in text:
                old.unlink()
