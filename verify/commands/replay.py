"""`verify replay`: one stored counterexample is judged again, with the same bits."""

from __future__ import annotations

import select
import sys
from contextlib import suppress

import click

from verify.api import replay
from verify.campaign import server, witness
from verify.campaign.trust import question
from verify.errors import UsageError
from verify.report.findings import summary
from verify.report.names import EXIT_CODES
from verify.report.options import verdict_alone
from verify.report.pytest_function import function
from verify.report.reading import visible
from verify.streams import print_json

LOOK = 0.25
"""Seconds between two looks for what the user says."""


@click.command(name="replay")
@click.argument("witness_", metavar="WITNESS")
@click.option("--format", "format_", type=click.Choice(["text", "json", "pytest"]), default="text", help="pytest: a ready test function.")
@verdict_alone
@click.option("--trust", is_flag=True, help="Import what the file names, wherever that lies. Without it you are asked.")
@click.option("--timeout", type=click.FloatRange(min=0, min_open=True), default=300.0, metavar="SECONDS", help="Default 300.")
def command(witness_: str, format_: str, quiet: bool, trust: bool, timeout: float) -> int:
    """Judge one stored counterexample again. WITNESS is a file of reports/latest/witness/, or the id that a check printed.

    A file may come from anybody, and names code that would be imported: before code that is neither a candidate of [tool.verify] nor in a
    file below the current folder is imported, you are asked.

    Ends with 1 if the case still breaks the law, with 0 if it holds now.
    """
    file = witness.find(witness_)
    document = witness.read(file)
    if format_ == "pytest":
        click.echo(function(document), nl=False)
        return 0
    asked = None if trust else question(document, file)
    if asked is not None and not _agreed(asked):
        raise UsageError(f"{asked}. Nothing was imported. Look at that code, then give --trust.")
    server.quiet()
    report = replay(document, timeout=timeout)
    if format_ == "json":
        print_json(report.to_dict())
    elif quiet:
        click.echo(summary(report.to_dict()))
    else:
        click.echo(str(report), nl=False)
    return EXIT_CODES[report.verdict]


def _agreed(asked: str) -> bool:
    """Whether the user agrees, asked on a terminal; False without one. A read would miss a Ctrl-C that comes just before it."""
    if not (sys.stdin and sys.stdin.isatty() and sys.stderr.isatty()):
        return False
    click.echo(visible(f"{asked}. Import it? [y/N]: "), err=True, nl=False)
    with suppress(OSError):  # Windows, where that is asked of sockets alone
        while not select.select([sys.stdin], [], [], LOOK)[0]:
            pass
    return sys.stdin.readline().strip().lower() in ("y", "yes")
