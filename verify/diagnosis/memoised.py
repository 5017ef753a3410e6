"""A candidate that is asked each case once: its answers are remembered, and a `watch` is told of a case before it is asked."""

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
"""Hears of each case before the candidate does."""


@dataclass(frozen=True, kw_only=True)
class Memoised(Subject):
    """A subject whose answers are remembered by their case; `watch` hears of each case before the candidate does, which is not asked on
    those with the bits of one `avoided`.
    """

    watch: Watch
    avoided: frozenset[Hashable] = frozenset()
    remembered: dict[Case, Answer | Misbehaviour] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def of(cls, subject: Subject, watch: Watch, avoided: Sequence[Case] = ()) -> Memoised:
        """Nothing is asked yet."""
        keys = frozenset(case.key for case in avoided)
        return cls(candidate=subject.candidate, oracle=subject.oracle, approximate=subject.approximate, watch=watch, avoided=keys)

    def judged_by(self, oracle: Oracle) -> Memoised:
        """The same candidate beside another truth."""
        return replace(self, oracle=oracle, truths=OrderedDict())

    def answer(self, case: Case) -> Answer:
        """What the candidate answers at the case. Raises Misbehaviour as often as it is asked, where the candidate gives none."""
        if case not in self.remembered and self.avoided and case.key in self.avoided:
            self.remembered[case] = Misbehaviour("crashed", "ended its process here before")
        if case not in self.remembered:
            self.watch(replace(case, family=NAMING))
            try:
                self.remembered[case] = super().answer(case).kept()
            except Misbehaviour as error:
                self.remembered[case] = error
            except OutOfRange:  # which explains nothing
                self.remembered[case] = Misbehaviour("overflow", "answers out of range, where that need not be wrong")
        found = self.remembered[case]
        if isinstance(found, Misbehaviour):
            raise found
        return found
