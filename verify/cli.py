"""The command `verify`: a thin shell. Heavy imports wait until a command needs them."""

from __future__ import annotations

import errno
import json
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stdout, suppress
from importlib import import_module
from math import nan
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from verify import streams
from verify.errors import SchedulerLostError, UsageError, seconds
from verify.evidence import Verdict
from verify.library_errors import PYTHON_NO_THREAD
from verify.profiles import PROFILES
from verify.report.names import EXIT_CODES, FORMATS
from verify.settings import numbers, tool
from verify.storage import FULL, Room, Spare, save, writable

if TYPE_CHECKING:
    from verify.campaign.executor import Execute
    from verify.campaign.ledger import Ledger
    from verify.campaign.task import Inapplicable
    from verify.report.model import Report

UNWRITTEN = "the report cannot be written"
WRONG_USAGE, INTERNAL_ERROR, NOTHING_SELECTED, INTERRUPTED = 2, 3, 5, 130
ENDED_BY = 128
"""What shells add to the number of the signal that ended a command."""

NO_MORE = {errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EAGAIN}
"""What the system says where it has no files, memory or processes to give."""

SPARE = 4
"""Files that a report needs at once: its own, and those of modules that are loaded to write it."""

REPORT, OUTCOME = 1 << 18, 1 << 14
"""Bytes that a report takes on disk, and each of its outcomes: in report.json, on the page, and as a witness."""

MOST_CASES = 1e15

SIGNATURES = "f(W, X, y, reg) → (loss, dW); f(scores, y) → (loss, dscores); f(prediction, target) → (grad, hess). Found out if not given."
EPILOG = (
    "Exit codes: 0 all laws hold; 1 something is broken; 2 wrong usage or configuration; 3 internal error; "
    "4 nothing broken, but a law is silent; 5 nothing selected."
)


def main() -> None:
    """Runs the command and exits with its code; whoever used it wrongly sees a sentence, not a traceback."""
    streams.prepare()
    try:
        code = cli.main(standalone_mode=False)
        sys.stdout.flush()
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (UsageError, SchedulerLostError) as error:
        click.echo(f"Error: {_shown(str(error))}", err=True)
        sys.exit(WRONG_USAGE)
    except (click.Abort, KeyboardInterrupt) as error:
        click.echo("interrupted", err=True)
        told = str(error.__cause__ or error)
        sys.exit(ENDED_BY + signal.Signals[told] if told in signal.Signals.__members__ else INTERRUPTED)
    except Exception as error:
        if isinstance(error, OSError) and error.errno in FULL:
            click.echo(f"Error: the output cannot be written: {error.strerror}. Make room, or give another place for it.", err=True)
            sys.exit(WRONG_USAGE)
        if (lacking := _lacking(error)) is not None:
            told = f"the system gives this command no more: {lacking}. Raise its limits (ulimit -a shows them)"
            click.echo(f"Error: {told}; verify run goes on from its ledger.", err=True)
            sys.exit(WRONG_USAGE)
        import traceback

        click.echo(f"Internal error: this is a bug of verify, please report it.\n\n{_shown(traceback.format_exc())}", err=True)
        sys.exit(INTERNAL_ERROR)
    sys.exit(code if isinstance(code, int) else 0)


def _lacking(error: BaseException) -> str | None:
    """What the system does not give, where that is why something failed."""
    if isinstance(error, MemoryError):
        return "no memory"
    if isinstance(error, OSError) and error.errno in NO_MORE:
        return error.strerror
    if PYTHON_NO_THREAD.is_told_by(error):
        return "no thread"
    from verify.campaign.memory import check_room

    try:  # an import, for instance, fails with other words
        check_room()
        open(os.devnull, "rb").close()
    except (MemoryError, OSError) as lacking:
        return _lacking(lacking)
    return None if error.__cause__ is None else _lacking(error.__cause__)


def _shown(text: str) -> str:
    """What somebody else's code or file may have worded, as it can be shown on a terminal and in a log."""
    from verify.report.reading import harmless, visible

    return harmless(visible(text, lines=True))


ELSEWHERE = {
    "bench": ("verify.bench.command", "Time the core beside what is installed."),
    "gate": ("verify.gate.command", "Apply [tool.verify.gate] and its baseline to a report.json."),
    "descend": ("verify.descent.command", "Walk down the loss of real data: the optimisers of the course notes."),
    "landscape": ("verify.descent.landscape_command", "Draw slices of the loss with their exact kinks."),
    "power": ("verify.power_command", "Show which law catches which wrong gradient, and the smallest error that it sees."),
    "prove": ("verify.prove_command", "Prove that a gradient's code is the derivative of its loss's code."),
    "replay": ("verify.replay_command", "Judge one stored counterexample again."),
    "report": ("verify.report.command", "Render the report.json of an earlier run in another format."),
}
"""Commands that live in modules of their own: where, and what the list of commands says of them, which imports none."""


class _Commands(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted({*super().list_commands(ctx), *ELSEWHERE})

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in ELSEWHERE:
            return super().get_command(ctx, name)
        command: click.Command = import_module(ELSEWHERE[name][0]).command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """The list of commands, from their first lines."""
        here = {name: c.get_short_help_str(80) for name, c in self.commands.items()}
        there = {name: help_ for name, (_, help_) in ELSEWHERE.items()}
        with formatter.section("Commands"):
            formatter.write_dl(sorted((here | there).items()))


@click.group(cls=_Commands, epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="verify-gradients", prog_name="verify")
def cli() -> None:
    """Tells whether a hand-written loss and its gradient are right, how accurately, at kinks too."""


def _seconds(_: click.Context, __: click.Parameter, given: float | None) -> float | None:
    seconds("--timeout", given)
    return given


def _problems(_: click.Context, __: click.Parameter, given: str | None) -> int:
    """A whole number, 1e9 too. Raises UsageError for what is none."""
    try:
        found = float(given or 0)
    except ValueError:
        found = nan
    if not (found.is_integer() and 0 <= found <= MOST_CASES) or (given is not None and found == 0):
        raise UsageError(f"--cases is {given!r}; give a whole number of problems from 1 to {MOST_CASES:.0e}, such as 1e9.")
    return int(found)


def _shared(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options that judging commands have in common."""
    options = [
        click.option("--profile", type=click.Choice(list(PROFILES)), help="How many cases a law: 25, 100 (ci, the default) or 2000."),
        click.option("--seed", type=int, help="Seed of the search (default 0)."),
        click.option("--law", "laws", multiple=True, metavar="NAME", help="Only this law; repeatable."),
        click.option("--timeout", type=float, callback=_seconds, metavar="SECONDS", help="Limit for one law at one dtype (default 300)."),
        click.option("--in-process", is_flag=True, help="Without the guard: for a debugger. A crash or a hang is then ours."),
        click.option("--format", "format_", type=click.Choice(FORMATS), default="text", help="The document on standard output."),
        click.option("--quiet", is_flag=True, help="No progress."),
    ]
    for option in reversed(options):
        command = option(command)
    return command


@cli.command(epilog=EPILOG)
@click.argument("target")
@click.option(
    "--loss", default="none", metavar="NAME|FILE.py[:NAME]|none", help="The spec to judge by: `verify list specs`. none: without."
)
@click.option(
    "--at",
    default=None,
    metavar="NUMBERS|FILE",
    help="Without a spec: an example of the inputs. 1,2.5,-3 or FILE.npy; several by name FILE.npz; FILE.py:NAME, a tuple or a dict too.",
)
@click.option("--inputs", default=None, metavar="NAME: DIMENSIONS | DOMAIN, …", help='Without a spec: "x: n d, y: n | labels(c)".')
@click.option("--at-only", is_flag=True, help="Without a spec: judge at that example alone, and not around it.")
@click.option(
    "--reference", default=None, metavar="TARGET", help="Without a spec: another function of the same inputs, to judge by its code."
)
@click.option(
    "--surrogate", default=None, metavar="TARGET", help="Without a spec: the function whose gradient a straight-through estimator returns."
)
@click.option(
    "--derivative", type=int, default=1, metavar="1|2", help="Without a spec: 2 judges the second derivative, too: double backward."
)
@click.option("--wrt", default=None, metavar="NAME[,NAME]", help="Without a spec: which inputs the returned gradients are for.")
@click.option("--convex", is_flag=True, help="Without a spec: claim that the loss is convex.")
@click.option(
    "--formula", type=click.Choice(["own", "differences"]), help="Without a spec: judge by the loss's own code, or by differences."
)
@click.option("--signature", default=None, metavar="linear|scores|objective", help=SIGNATURES)
@click.option(
    "--layout",
    default=None,
    metavar="NAME",
    help="W: CD or DC; an objective: prediction-target, …; flat scores: row-major or class-major. Found out if not given.",
)
@click.option("--reduction", default=None, metavar="mean|sum", help="Over the examples. Found out if not given.")
@click.option("--penalty", default=None, metavar="NAME|FILE.py[:NAME]", help="Found out if not given; one of your own by its file.")
@click.option(
    "--parameter",
    "parameters",
    multiple=True,
    callback=lambda _, __, given: numbers(given),
    metavar="NAME=VALUE",
    help="Of the loss; repeatable. One for each class: w=1,2,0.5. Found out if not given.",
)
@click.option("--delta", type=float, default=None, help="Short for --parameter delta=…: the hinge's margin (default 1).")
@click.option(
    "--classes", type=int, default=None, metavar="N", help="The only number of classes that it answers for. Found out if not given."
)
@click.option("--hessian", default=None, metavar="exact|approximate", help="Of an approximate one only sign and finiteness are judged.")
@click.option("--gradient", default=None, metavar="none", help="There is none: judge the value alone.")
@click.option("--dtype", default=None, metavar="float64[,float32]", help="Dtypes to judge at (default float64, or that of --at).")
@click.option("--audit", is_flag=True, help="Look at every entry of the gradient of a problem of 10 × 3073 weights too.")
@click.option("--prove", is_flag=True, help="Prove the gradient too, as `verify prove` does.")
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), default=None, help="Write the document to this file instead.")
@_shared
def check(
    target: str,
    loss: str,
    reference: str | None,
    surrogate: str | None,
    derivative: int,
    at: str | None,
    wrt: str | None,
    dtype: str | None,
    audit: bool,
    prove: bool,
    output: Path | None,
    format_: str,
    quiet: bool,
    **options: Any,
) -> int:
    """Judge one implementation now.

    TARGET is file.py:function or package.module:function; with commas, a loss, its gradient and its Hessian: file.py:loss,grad,hess.
    """
    if output is not None:
        writable(output.parent, UNWRITTEN)
    _prepare(in_process=options["in_process"], losses=[loss])
    from verify.api import requested
    from verify.conventions import PINS
    from verify.spec.annotated import annotated

    if loss == "none" and at is None and options["inputs"] is None and annotated(target) is None:
        raise UsageError(
            "give --loss, the name of a spec (`verify list specs`) or a FILE.py. Without one (--loss none) a pair is judged at a point: "
            "give it as --at 1,2.5,-3, --at FILE.npy, or --at FILE.npz or --at FILE.py:NAME for several inputs, or declare these: --inputs."
        )
    if loss == "none" and audit:
        raise UsageError("--audit looks at a large problem of a loss that is known; a pair without a spec is judged at its point only.")
    if at is not None:
        from verify.pair.literals import read_example  # only for those that have no spec
    request = requested(
        target,
        loss=None if loss == "none" else loss,
        reference=reference,
        surrogate=surrogate,
        derivative=derivative,
        inputs=options.pop("inputs"),
        at_only=options.pop("at_only"),
        at=None if at is None else read_example(at),
        wrt=None if wrt is None else tuple(name.strip() for name in wrt.split(",")),
        dtypes=None if dtype is None else tuple(d.strip() for d in dtype.split(",")),
        laws=options.pop("laws") or None,
        profile=options.pop("profile") or "ci",
        seed=options.pop("seed") or 0,
        convex=options.pop("convex"),
        formula=options.pop("formula"),
        **{key: options.pop(key) for key in PINS},
    )
    report = _judge([request], timeout=options["timeout"], in_process=options["in_process"], quiet=quiet)
    from verify.report.formats import emit

    document, code = report.to_dict(), EXIT_CODES[report.verdict]
    if audit:
        from verify.campaign.audits import audited

        document["audits"] = audited(request, options["timeout"])
        if any(a["verdict"] == Verdict.BROKEN.value for a in document["audits"]):
            document["verdict"], code = Verdict.BROKEN.value, EXIT_CODES[Verdict.BROKEN]
    if prove:
        code = _proved(document, [request], code, in_process=options["in_process"])
    emit(document, format_, output)
    return code


@cli.command(epilog=EPILOG)
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
@_shared
def run(
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
    _prepare(in_process=in_process, losses=[CORE] if core else _losses(listed) if not power else None)
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
        report = _judge(requests, timeout=timeout, in_process=in_process, quiet=quiet, elsewhere=elsewhere, **how)
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
                code = _proved(document, requests, code, in_process=in_process)
            if hiker and report.ended_by is None:
                from verify.descent import hiker_command

                hiker_command.write(output, seed=report.seed, report=True, quiet=quiet)
    except KeyboardInterrupt as interrupt:  # what is there is told
        ended_by = str(interrupt)
    except Exception as error:  # is raised when that is written
        failed = error
    if policy is not None:
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
    losses: list[Any] = [c.get("loss") for c in listed if isinstance(c, dict)] if isinstance(listed, list) else [None]
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


def _proved(document: dict[str, Any], requests: Sequence[Any], code: int, *, in_process: bool) -> int:
    """Adds the proofs of all candidates to a document. What is refuted is broken."""
    from verify.campaign.proving import proofs_of

    document["proofs"] = proofs_of(requests, in_process=in_process)
    if any(p["status"] == "refuted" for p in document["proofs"]):
        document["verdict"], code = Verdict.BROKEN.value, EXIT_CODES[Verdict.BROKEN]
    return code


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


@cli.command(name="list", epilog=EPILOG)
@click.argument("what", type=click.Choice(["specs", "laws", "candidates"]))
@click.argument("words", nargs=-1)
@click.option("--group", default=None, metavar="NAME", help="Only specs of this group: regression, binary, …")
@click.option("--format", "format_", type=click.Choice(["text", "json"]), default="text")
def list_(what: str, words: tuple[str, ...], group: str | None, format_: str) -> int:
    """List the specs, the laws, or the candidates that `verify run` would judge here.

    Of specs WORDS are searched in names, other names, formulas and the functions of libraries; all that is known of those is shown.
    """
    if what != "specs" and (words or group is not None):
        raise UsageError(f"verify list {what} takes no words and no --group, which choose among specs: verify list specs huber.")
    rows = {"specs": lambda: _specs(words, group), "laws": _laws, "candidates": _candidates}[what]()
    if format_ == "json":
        click.echo(streams.held(json.dumps([dict(row) for row in rows], indent=2, ensure_ascii=False), "json"))
    elif what == "specs":
        from verify.problem.listing import lines

        click.echo(_shown("\n".join(lines(rows, whole=bool(words)))))
    else:
        width = max((len(next(iter(r.values()))) for r in rows), default=0)
        for row in rows:
            click.echo(_shown("  ".join(v if i else v.ljust(width) for i, v in enumerate(row.values()))))
    return 0 if rows else NOTHING_SELECTED


def _specs(words: Sequence[str], group: str | None) -> list[dict[str, Any]]:
    from verify import disk_cache
    from verify.problem.listing import rows

    found = rows(words, group)
    disk_cache.write()  # what was proved of those that ship
    return found


def _laws() -> list[dict[str, str]]:
    from verify.laws import LAWS

    return [{"name": law.name, "statement": law.statement} for law in LAWS.values()]


def _candidates() -> list[dict[str, str]]:
    from verify.campaign.configuration import read

    requests = read(Path.cwd()).requests()
    return [{"target": r.name, "loss": r.loss, "dtypes": ",".join(r.dtypes)} for r in requests]


def _prepare(*, in_process: bool, losses: Sequence[str] | None = None) -> None:
    """Lets the workers' server start beside our own imports: either takes half a second or more."""
    if not in_process:
        from verify.campaign import process_group
        from verify.campaign.server import prepare, quiet

        process_group.adopt()
        quiet()
        prepare(losses)


def _judge(
    requests: list[Any],
    *,
    timeout: float | None,
    in_process: bool,
    quiet: bool,
    **how: Any,
) -> Report:
    from verify.api import judge_all
    from verify.campaign.task import Outcome
    from verify.report import text  # noqa: F401  (to write it: later there may be no file or memory to load it)
    from verify.report.model import installed, libraries
    from verify.report.progress import outcomes  # and rich: now, while the workers' server starts, and not when all wait for it

    for header in (installed, libraries):  # of the report, to be known by then
        header()
    callbacks: dict[str, Any] = {"say": lambda line: click.echo(line, err=True), **how}
    names = [t.request.name for r in requests for t in r.tasks()]
    # The document alone goes to standard output.
    with outcomes(names, quiet=quiet or in_process) as (on_start, on_outcome), redirect_stdout(sys.stderr):

        def on_done(o: Outcome | Inapplicable) -> None:
            came_to = o.result.verdict.value if isinstance(o, Outcome) else f"does not apply: {o.reason}"
            problems, strain = (o.result.cases, o.result.strain) if isinstance(o, Outcome) and not o.reused else (0, 0.0)
            on_outcome(o.task.request.name, f"{o.task.dtype} {o.task.law}", came_to, problems, strain)

        return judge_all(requests, timeout=timeout, in_process=in_process, on_start=on_start, on_done=on_done, **callbacks)


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


if __name__ == "__main__":
    main()
