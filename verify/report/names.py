"""Names that commands need before a report is made: its formats, and the exit codes."""

from __future__ import annotations

from verify.evidence import Verdict

RENDERINGS = {
    "text": "verify.report.text:plain",
    "json": "verify.documents:as_json",
    "html": "verify.report.html:render",
    "markdown": "verify.report.markdown:render",
    "junit": "verify.report.junit:render",
    "github": "verify.report.github:render",
    "sarif": "verify.report.sarif:render",
}
"""The function of each format, from the document to text."""
FORMATS = tuple(RENDERINGS)
EXIT_CODES = {Verdict.HOLDS: 0, Verdict.BROKEN: 1, Verdict.SILENT: 4}
