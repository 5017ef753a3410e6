"""The command `verify`: a thin shell. Heavy imports wait until a command needs them."""

from __future__ import annotations

import errno
import os
import signal
import sys
from importlib import import_module
from typing import NoReturn

import click

from verify.commands.codes import ENDED_BY, EPILOG, INTERNAL_ERROR, INTERRUPTED, WRONG_USAGE
from verify.errors import SchedulerLostError, UsageError, interrupt_in, unknown
from verify.library_errors import PYTHON_NO_THREAD
from verify.storage import DISK_FULL

NO_MORE = {errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EAGAIN}
"""Error codes of a system that has no more files, memory or processes to give."""


def main() -> None:
    """Runs the command and exits with its code. Wrong use prints a sentence, not a traceback."""
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
        _end_interrupted(error)
    except Exception as error:
        if (interrupt := interrupt_in(error)) is not None:
            _end_interrupted(interrupt)
        if isinstance(error, OSError) and error.errno in DISK_FULL:
            click.echo(f"Error: the output cannot be written: {error.strerror}. Make room, or give another place for it.", err=True)
            sys.exit(WRONG_USAGE)
        if (lacking := _lacking(error)) is not None:
            message = f"the system gives this command no more: {lacking}. Raise its limits (ulimit -a shows them)"
            click.echo(f"Error: {message}; verify run goes on from its ledger.", err=True)
            sys.exit(WRONG_USAGE)
        import traceback

        click.echo(f"Internal error: this is a bug of verify, please report it.\n\n{_shown(traceback.format_exc())}", err=True)
        sys.exit(INTERNAL_ERROR)
    sys.exit(code if isinstance(code, int) else 0)


def _end_interrupted(error: BaseException) -> NoReturn:
    """Exits with the code of the signal that is named by the error, or with that of Ctrl-C."""
    click.echo("interrupted", err=True)
    name = str(error.__cause__ or error)
    sys.exit(ENDED_BY + signal.Signals[name] if name in signal.Signals.__members__ else INTERRUPTED)


def _lacking(error: BaseException) -> str | None:
    """The system resource (memory, threads, …) whose lack caused an error; None for other errors."""
    if isinstance(error, MemoryError):
        return "no memory"
    if isinstance(error, OSError) and error.errno in NO_MORE:
        return error.strerror
    if PYTHON_NO_THREAD.is_told_by(error):
        return "no thread"
    from verify.campaign.memory import check_room

    try:  # an import, for instance, fails with another message
        check_room()
        open(os.devnull, "rb").close()
    except (MemoryError, OSError) as lacking:
        return _lacking(lacking)
    return None if error.__cause__ is None else _lacking(error.__cause__)


def _shown(text: str) -> str:
    """`printable(text)`, imported only when there is something to print."""
    from verify.report.reading import printable

    return printable(text)


COMMANDS = {
    "bench": ("verify.bench.command", "Time the core beside what is installed."),
    "check": ("verify.commands.check", "Judge one implementation now."),
    "descend": ("verify.descent.command", "Walk down the loss of real data: the optimisers of the course notes."),
    "gate": ("verify.gate.command", "Apply [tool.verify.gate] and its baseline to a report.json."),
    "landscape": ("verify.descent.landscape_command", "Draw slices of the loss with their exact kinks."),
    "list": ("verify.commands.listing", "List the specs, the laws, or the candidates that `verify run` would judge here."),
    "power": ("verify.commands.power", "Show which law catches which wrong gradient, and the smallest error that it sees."),
    "prove": ("verify.commands.prove", "Prove that a gradient's code is the derivative of its loss's code."),
    "replay": ("verify.commands.replay", "Judge one stored counterexample again."),
    "report": ("verify.report.command", "Render the report.json of an earlier run in another format."),
    "run": ("verify.commands.run", "Judge every candidate of [tool.verify], write the report and apply the gate."),
}
"""For each command its module and its line in the list of commands, which is printed without importing any."""


class _Commands(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:  # noqa: ARG002
        found: click.Command | None = import_module(COMMANDS[name][0]).command if name in COMMANDS else None
        return found

    def resolve_command(self, ctx: click.Context, args: list[str]) -> tuple[str | None, click.Command | None, list[str]]:
        """Resolves a command. Raises UsageError for an unknown one."""
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            raise unknown("command", args[0], COMMANDS)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """Writes the list of commands, each with the first line of its help."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, help_) for name, (_, help_) in sorted(COMMANDS.items())])


@click.group(cls=_Commands, epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="verify-gradients", prog_name="verify")
def cli() -> None:
    """Tells whether a hand-written loss and its gradient are right, how accurately, at kinks too."""


if __name__ == "__main__":
    main()
