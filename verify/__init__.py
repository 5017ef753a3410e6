"""Property-tested verification of loss and gradient code.

    report = verify.check(svm_loss, loss="multiclass_hinge")
    report.verdict              # Verdict.HOLDS | BROKEN | SILENT

The formula is stated once in sympy; an oracle derives what is true of it; Hypothesis hunts for a place where an implementation disagrees.
Importing this module loads none of them: names are resolved when they are first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from verify.later import found_in

if TYPE_CHECKING:
    from verify.api import check, prove, replay
    from verify.auditing.api import audit
    from verify.candidates.candidate import Candidate
    from verify.errors import UsageError
    from verify.evidence import Verdict
    from verify.report.model import Report
    from verify.testing import as_test

__all__ = ["Candidate", "Report", "UsageError", "Verdict", "as_test", "audit", "check", "prove", "replay"]

_HOMES = {
    "as_test": "verify.testing",
    "audit": "verify.auditing.api",
    "check": "verify.api",
    "prove": "verify.api",
    "replay": "verify.api",
    "Candidate": "verify.candidates.candidate",
    "Report": "verify.report.model",
    "UsageError": "verify.errors",
    "Verdict": "verify.evidence",
}


if not TYPE_CHECKING:  # otherwise type checkers would accept every name
    __getattr__ = found_in(__name__, _HOMES)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
