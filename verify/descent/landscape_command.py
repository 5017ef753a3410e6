"""`verify landscape`: slices of the loss, with their exact kinks, as pictures and numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from verify.descent.options import DATA, LOSS, SPEECH, output_option, reg_option
from verify.report.options import all_of

FOLDER = "reports/landscape"
EXAMPLES = 20
KINDS = ("line", "plane", "terms")


@click.command("landscape")
@all_of(
    LOSS,
    reg_option("0"),
    *DATA,
    click.option("--at", type=click.Choice(["start", "descended"]), default="start", help="Small random weights, or after 100 steps."),
    click.option("--reach", type=float, default=32.0, metavar="A", help="Greatest |a| and |b| (default 32; rounded up to a power of two)."),
    click.option("--only", type=click.Choice(KINDS), default=None, help="One kind of slice (default all)."),
    output_option(FOLDER),
    *SPEECH,
)
def command(
    at: str, reach: float, only: str | None, seed: int | None, output: Path | None, format_: str, quiet: bool, **options: Any
) -> int:
    """Slices of the loss: L(W + aW₁), L(W + aW₁ + bW₂), and the notes' three examples of three classes.

    Without a penalty the hinge is piecewise linear. --examples 1 is one example (default 20).
    """
    from verify.descent.landscape_files import draw, print_document

    folder = output or Path(FOLDER)
    options["reg"] = 0.0 if options["reg"] is None else options["reg"]
    document, files = draw(folder, at=at, reach=reach, only=only, seed=seed, quiet=quiet, most=EXAMPLES, **options)
    print_document(document, files, format_)
    return 0
