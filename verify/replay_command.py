"""`verify replay`: one stored counterexample is judged again, with the same bits."""

from __future__ import annotations

import json

import click

from verify.api import replay
from verify.campaign import witness
from verify.evidence import Verdict
from verify.report.model import Report
from verify.report.pytest_function import function
from verify.streams import held

EXIT_CODES = {Verdict.HOLDS: 0, Verdict.BROKEN: 1, Verdict.SILENT: 4}


def _json(report: Report) -> str:
    return json.dumps(report.to_dict(), indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n"


@click.command(name="replay")
@click.argument("witness_", metavar="WITNESS")
@click.option("--format", "format_", type=click.Choice(["text", "json", "pytest"]), default="text", help="pytest: a ready test function.")
@click.option("--timeout", type=click.FloatRange(min=0, min_open=True), default=300.0, metavar="SECONDS", help="Default 300.")
def command(witness_: str, format_: str, timeout: float) -> int:
    """Judge one stored counterexample again. WITNESS is a file of reports/latest/witness/, or the id that a check printed.

    Ends with 1 if the case still breaks the law, with 0 if it holds now.
    """
    if format_ == "pytest":
        click.echo(function(witness.read(witness.find(witness_))), nl=False)
        return 0
    report = replay(witness_, timeout=timeout)
    click.echo(held(_json(report), "json") if format_ == "json" else str(report), nl=False)
    return EXIT_CODES[report.verdict]
