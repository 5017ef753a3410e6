"""Names that commands need before a report is made: the formats that it comes in, and their exit codes."""

from __future__ import annotations

from verify.evidence import Verdict

FORMATS = ("text", "json", "html", "markdown", "junit", "github", "sarif")
"""Each has its rendering in `formats`."""
EXIT_CODES = {Verdict.HOLDS: 0, Verdict.BROKEN: 1, Verdict.SILENT: 4}
