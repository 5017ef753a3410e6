"""A candidate that is called once per case: its answers are remembered, and `watch` receives each case before the call."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field, replace

from verify.candidates import Answer, Misbehaviour
from verify.cases import Case
from verify.cases.case import NAMING
from verify.laws import OutOfRange, Subject
from verify.oracle import Oracle

Watch = Callable[[Case], None]
"""Receives each case before the candidate is called."""


@dataclass(frozen=True, kw_only=True)
class Memoised(Subject):
    """A subject whose answers are remembered by case; `watch` receives each case before the candidate is called, which is not called on
    cases with the bits of one `avoided`.
    """

    watch: Watch
    avoided: frozenset[Hashable] = frozenset()
    remembered: dict[Case, Answer | Misbehaviour] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def of(cls, subject: Subject, watch: Watch, avoided: Sequence[Case] = ()) -> Memoised:
        """The memoised subject, without answers so far."""
        keys = frozenset(case.key for case in avoided)
        return cls(candidate=subject.candidate, oracle=subject.oracle, approximate=subject.approximate, watch=watch, avoided=keys)

    def judged_by(self, oracle: Oracle) -> Memoised:
        """The same candidate with another oracle."""
        return replace(self, oracle=oracle, truths=OrderedDict())

    def answer(self, case: Case) -> Answer:
        """The candidate's answer at the case. Raises Misbehaviour each time if the candidate gives none."""
        if case not in self.remembered and self.avoided and case.key in self.avoided:
            self.remembered[case] = Misbehaviour("crashed", "ended its process here before")
        if case not in self.remembered:
            self.watch(replace(case, family=NAMING))
            try:
                self.remembered[case] = super().answer(case).kept()
            except Misbehaviour as error:
                self.remembered[case] = error
            except OutOfRange:  # such a call explains nothing
                self.remembered[case] = Misbehaviour("overflow", "answers out of range, where that need not be wrong")
        found = self.remembered[case]
        if isinstance(found, Misbehaviour):
            raise found
        return found
