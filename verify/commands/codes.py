"""Exit codes of commands, beside those of a verdict (`EXIT_CODES` of `verify.report.names`)."""

from __future__ import annotations

WRONG_USAGE, INTERNAL_ERROR, NOTHING_SELECTED, INTERRUPTED = 2, 3, 5, 130
ENDED_BY = 128
"""Shells add this to the number of the signal that ended a command."""

EPILOG = (
    "Exit codes: 0 all laws hold; 1 something is broken; 2 wrong usage or configuration; 3 internal error; "
    "4 nothing broken, but a law is silent; 5 nothing selected."
)
