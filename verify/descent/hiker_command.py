"""`verify descend hiker`: the whole story, its page and its numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from verify.descent.compare import text
from verify.descent.hiker import hiker
from verify.descent.options import print_files, seed_of
from verify.descent.page import render
from verify.descent.problem import between
from verify.documents import as_json
from verify.report.folder import write_again
from verify.report.progress import progress
from verify.report.text import console
from verify.storage import save, writable
from verify.streams import print_json

EVALUATIONS = 300


def run_hiker(folder: Path, *, seed: int | None, evaluations: int | None, format_: str, quiet: bool) -> int:
    """Writes hiker.html and hiker.json into the folder of the report, so that they link each other."""
    budget = EVALUATIONS if evaluations is None else evaluations
    between("evaluations", budget, 1, 10**9, whole=True)
    writable(folder)
    found, files = write(folder, seed=seed_of(seed), evaluations=budget, report=(folder / "index.html").exists(), quiet=quiet)
    write_again(folder)
    if format_ == "json":
        print_json(found, indent=None)
    else:
        console().print(text(found["comparison"]))
    print_files(*files)
    return 0


def write(
    folder: Path, *, seed: int, report: bool, evaluations: int = EVALUATIONS, quiet: bool = False
) -> tuple[dict[str, Any], list[Path]]:
    """The document and its files. `report` says whether a report lies, or will lie, in the same folder as index.html."""
    with progress("hiker", quiet=quiet) as on_part:
        found = hiker(seed=seed, evaluations=evaluations, on_part=on_part)
    return found, [save(folder / "hiker.html", render(found, report=report)), save(folder / "hiker.json", as_json(found, indent=None))]
