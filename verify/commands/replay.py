"""`verify replay`: one stored counterexample is judged again, with the same bits."""

from __future__ import annotations

import sys

import click

from verify.api import replay
from verify.campaign import witness
from verify.campaign.server import quiet
from verify.campaign.trust import question
from verify.errors import UsageError
from verify.report.names import EXIT_CODES
from verify.report.pytest_function import function
from verify.report.reading import visible
from verify.streams import print_json


@click.command(name="replay")
@click.argument("witness_", metavar="WITNESS")
@click.option("--format", "format_", type=click.Choice(["text", "json", "pytest"]), default="text", help="pytest: a ready test function.")
@click.option("--trust", is_flag=True, help="Import what the file names, wherever that lies. Without it you are asked.")
@click.option("--timeout", type=click.FloatRange(min=0, min_open=True), default=300.0, metavar="SECONDS", help="Default 300.")
def command(witness_: str, format_: str, trust: bool, timeout: float) -> int:
    """Judge one stored counterexample again. WITNESS is a file of reports/latest/witness/, or the id that a check printed.

    A file may come from anybody, and names code that would be imported: what is neither a candidate of [tool.verify] nor written in a file
    below the current folder is asked about first.

    Ends with 1 if the case still breaks the law, with 0 if it holds now.
    """
    file = witness.find(witness_)
    found = witness.read(file)
    if format_ == "pytest":
        click.echo(function(found), nl=False)
        return 0
    asked = None if trust else question(found, file)
    if asked is not None and not _agreed(asked):
        raise UsageError(f"{asked}. Nothing was imported. Look at that code, then give --trust.")
    quiet()
    report = replay(found, timeout=timeout)
    if format_ == "json":
        print_json(report.to_dict())
    else:
        click.echo(str(report), nl=False)
    return EXIT_CODES[report.verdict]


def _agreed(asked: str) -> bool:
    """What the user says on a terminal; without one, no."""
    if not (sys.stdin and sys.stdin.isatty() and sys.stderr.isatty()):
        return False
    return click.confirm(visible(f"{asked}. Import it?"), err=True)
