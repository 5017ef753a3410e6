"""`verify report`: a report that exists, in another format."""

from __future__ import annotations

from pathlib import Path

import click

from verify.report.names import FORMATS


@click.command("report")
@click.argument("report", type=click.Path(path_type=Path))
@click.option("--format", "format_", type=click.Choice(FORMATS), default="text", help="How to render it.")
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), default=None, help="Write it to this file instead.")
def command(report: Path, format_: str, output: Path | None) -> int:
    """Render REPORT.json, the document of an earlier run: as text, HTML, Markdown, JUnit, GitHub annotations or SARIF."""
    from verify.report.formats import emit
    from verify.report.stored import read

    emit(read(report), format_, output)
    return 0
