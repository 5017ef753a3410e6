"""One law on one candidate: the search for a case that breaks it. The only room that runs Hypothesis' engine."""

from verify.trial.derived import Derived, again, draw, run
from verify.trial.result import Result, Witness
from verify.trial.trial import Question, Trial, Watch, unwatched

__all__ = ["Derived", "Question", "Result", "Trial", "Watch", "Witness", "again", "draw", "run", "unwatched"]
