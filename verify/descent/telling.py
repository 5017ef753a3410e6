"""What `verify descend hiker` does: the whole story, its page and its numbers."""

from __future__ import annotations

import json
from pathlib import Path

import click

from verify.descent.compare import text
from verify.descent.hiker import hiker
from verify.descent.options import seed_of, tell_files
from verify.descent.page import render
from verify.descent.problem import between
from verify.descent.progress import progress
from verify.report import html
from verify.report.stored import read
from verify.report.text import console
from verify.storage import save, writable

EVALUATIONS = 300


def run_hiker(folder: Path, *, seed: int | None, evaluations: int | None, format_: str, quiet: bool) -> int:
    """Writes hiker.html and hiker.json into the folder of the report, so that they find each other."""
    budget = EVALUATIONS if evaluations is None else evaluations
    between("evaluations", budget, 1, 10**9, whole=True)
    seed = seed_of(seed)
    writable(folder)
    with progress("hiker", quiet=quiet) as on_part:
        found = hiker(seed=seed, evaluations=budget, on_part=on_part)
    document = json.dumps(found, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n"
    files = [
        save(folder / "hiker.html", render(found, report=(folder / "index.html").exists())),
        save(folder / "hiker.json", document),
    ]
    _link(folder)
    if format_ == "json":
        click.echo(document, nl=False)
    else:
        console().print(text(found["comparison"]))
    tell_files(*files)
    return 0


def _link(folder: Path) -> None:
    """Draws the report's page again, if there is one beside the hiker's, so that it links the hiker."""
    if (folder / "index.html").exists() and (folder / "report.json").exists():
        save(folder / "index.html", html.render(read(folder / "report.json"), hiker=True))
