"""One law on one candidate: the search for a case that breaks it. The only package that runs Hypothesis' engine."""

from __future__ import annotations

from typing import TYPE_CHECKING

from verify.later import found_in
from verify.trial.result import Result, Witness

if TYPE_CHECKING:
    from verify.trial.derived import Derived, again, draw, run
    from verify.trial.trial import LawOnCandidate, Trial, Watch, unwatched

__all__ = ["Derived", "LawOnCandidate", "Result", "Trial", "Watch", "Witness", "again", "draw", "run", "unwatched"]

__getattr__ = found_in(
    __name__,
    dict.fromkeys(("Derived", "again", "draw", "run"), "verify.trial.derived")
    | dict.fromkeys(("LawOnCandidate", "Trial", "Watch", "unwatched"), "verify.trial.trial"),
)
