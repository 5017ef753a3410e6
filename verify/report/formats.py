"""The renderings of a document: each is a function from the document to text."""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

from verify.errors import unknown
from verify.report.names import RENDERINGS
from verify.report.reading import Document
from verify.storage import save
from verify.streams import held


def render(document: Document, format_: str) -> str:
    """The document in one of the formats. Raises UsageError for an unknown format."""
    if format_ not in RENDERINGS:
        raise unknown("format", format_, RENDERINGS)
    module, _, name = RENDERINGS[format_].partition(":")
    rendering: Callable[[Document], str] = getattr(import_module(module), name)
    return rendering(document)


def emit(document: Document, format_: str, output: Path | None) -> None:
    """Writes the document to a file, or to standard output; text on a terminal is a table with colours."""
    from verify.report.text import console  # rich is loaded where something is shown
    from verify.report.text import render as table

    if output is not None:
        save(output, render(document, format_))
    elif format_ == "text":
        console().print(table(document))
    else:
        sys.stdout.write(held(render(document, format_), format_))
