"""Finding a smaller case at which a candidate ends its process in the same way. Each try costs a process, so there are few."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import replace
from typing import TypeGuard

from verify.campaign.task import Inapplicable, Outcome, Task
from verify.cases import Case
from verify.cases.case import NAMING
from verify.cases.shrinking import lean
from verify.form import FORMS

MOST_TRIES = 10
"""Smaller cases to try for each law: halving finds one size of up to some hundreds."""

MOST_SECONDS = 10.0
"""Seconds that all tries of one candidate may take."""

PROCESS_ENDED, OR_ALL = "the candidate ended its process", ", or that of all workers)"


def can_be_smaller(outcome: Outcome | Inapplicable) -> TypeGuard[Outcome]:
    """Whether a search ended with the end of its process, at a case that has not been shrunk."""
    if not isinstance(outcome, Outcome) or outcome.task.case is not None or outcome.result.witness is None:
        return False
    case = outcome.result.witness.case
    if all(case.values.keys() != set(form.names) for form in FORMS):  # only for these it is known what may be removed
        return False
    told = str((outcome.result.diagnosis or {}).get("message"))
    return case.family != NAMING and told.startswith(PROCESS_ENDED) and not told.endswith(OR_ALL)


class Shrinking:
    """The search for it. `outcome` has the smallest case found so far; `known`, the case at which another law ended so, is tried first."""

    def __init__(self, outcome: Outcome, known: Case | None) -> None:
        assert outcome.result.witness is not None
        self.outcome, self.case, self._tries = outcome, outcome.result.witness.case, 0
        self._tried = known
        self._cases = self._of(known)

    def _of(self, known: Case | None) -> Generator[Case, bool, None]:
        if known is not None and (yield replace(known, family=self.case.family)):
            return
        found = self.outcome.conventions or {}
        yield from lean(self.case, classes="classes" not in found)

    def next(self) -> Task | None:
        """The first try."""
        return self._task(None)

    def after(self, outcome: Outcome | Inapplicable) -> Task | None:
        """The next try after one with this outcome; None after the last."""
        like = isinstance(outcome, Outcome) and outcome.result.diagnosis == self.outcome.result.diagnosis
        witness = outcome.result.witness if isinstance(outcome, Outcome) and like else None
        breaks = witness is not None and self._tried is not None and witness.case.to_dict() == self._tried.to_dict()
        if breaks:
            assert self._tried is not None
            self.case = self._tried
            result = self.outcome.result
            assert result.witness is not None
            self.outcome = replace(self.outcome, result=replace(result, witness=replace(result.witness, case=self.case)))
        return self._task(breaks)

    def _task(self, breaks: bool | None) -> Task | None:
        if self._tries == MOST_TRIES:
            return None
        self._tries += 1
        try:
            self._tried = next(self._cases) if breaks is None else self._cases.send(breaks)
        except StopIteration:
            return None
        return replace(self.outcome.task, case=self._tried)
