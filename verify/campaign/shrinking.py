"""A smaller case at which a candidate ends its process likewise. Each try costs a process, so that few are made."""

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
"""Smaller cases that are tried for each law: halving finds one size of up to some hundreds."""

SECONDS = 10.0
"""That all tries of one candidate may take."""

ENDED, OR_ALL = "the candidate ended its process", ", or that of all workers)"


def can_be_smaller(outcome: Outcome | Inapplicable) -> TypeGuard[Outcome]:
    """Whether a search came to the end of its process, on a case that nobody has made smaller."""
    if not isinstance(outcome, Outcome) or outcome.task.case is not None or outcome.result.witness is None:
        return False
    case = outcome.result.witness.case
    if all(case.values.keys() != set(form.names) for form in FORMS):  # of these it is known what may be left out
        return False
    told = str((outcome.result.diagnosis or {}).get("message"))
    return case.family != NAMING and told.startswith(ENDED) and not told.endswith(OR_ALL)


class Shrinking:
    """Looks for it. `outcome` has the smallest case found so far; `known` is one at which another law ended so, and is tried first."""

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

    def after(self, found: Outcome | Inapplicable) -> Task | None:
        """The try after one that came to `found`; None where no more are made."""
        like = isinstance(found, Outcome) and found.result.diagnosis == self.outcome.result.diagnosis
        witness = found.result.witness if isinstance(found, Outcome) and like else None
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
