"""The report's page in its folder, which links the pages of other commands that lie beside it."""

from __future__ import annotations

from pathlib import Path

from verify.report.html import render
from verify.report.reading import Document
from verify.report.stored import read
from verify.storage import save

PAGES = {
    "hiker.html": ("The hiker", "the loss as a landscape, and five ways down"),
    "bench.html": ("How fast", "the core beside what else is installed"),
}
"""Pages of `verify descend hiker` and `verify bench`, with the words of their links."""


def write(document: Document, folder: Path) -> Path:
    """Saves the page as index.html of the folder and returns its path. Raises UsageError on failure."""
    beside = {name: words for name, words in PAGES.items() if (folder / name).exists()}
    return save(folder / "index.html", render(document, beside=beside))


def write_again(folder: Path) -> None:
    """Renders the page of the folder's report again, if there is one: a page to link was added."""
    if (folder / "index.html").exists() and (folder / "report.json").exists():
        write(read(folder / "report.json"), folder)
