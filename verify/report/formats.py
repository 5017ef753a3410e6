"""One document, many renderings: each is a function from the document to text."""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib import import_module

from verify.errors import unknown
from verify.report.reading import Document

RENDERINGS = {
    "text": "verify.report.text:plain",
    "json": "verify.report.formats:as_json",
    "html": "verify.report.html:render",
    "markdown": "verify.report.markdown:render",
    "junit": "verify.report.junit:render",
    "github": "verify.report.github:render",
    "sarif": "verify.report.sarif:render",
}


def render(document: Document, format_: str) -> str:
    """The document in one of the formats. Raises UsageError for a format that does not exist."""
    if format_ not in RENDERINGS:
        raise unknown("format", format_, RENDERINGS)
    module, _, name = RENDERINGS[format_].partition(":")
    rendering: Callable[[Document], str] = getattr(import_module(module), name)
    return rendering(document)


def as_json(document: Document) -> str:
    """Keys sorted, so that two documents can be compared line by line."""
    return json.dumps(document, indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n"
