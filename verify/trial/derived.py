"""Trials with the truth from an oracle: the engine draws cases of all families, then problems are searched in bulk."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING

from verify import bulk
from verify.candidates import Misbehaviour
from verify.cases import Case
from verify.cases.case import IN_BULK
from verify.cases.shrinking import shrunk
from verify.evidence import Measurement
from verify.laws import LAWS, Law, Subject, paths
from verify.laws.surroundings import borrowed, seed_all
from verify.oracle import Truth
from verify.profiles import PROFILES
from verify.traced import NotTraced
from verify.trial import stored
from verify.trial.result import Result
from verify.trial.trial import Trial, Watch, unwatched

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

    from verify.diagnosis import Diagnosis

MOST_SIMPLIFICATIONS = 60
"""Simpler cases to try for a counterexample: half as many as a profile draws."""

MOST_SUSPECTS = 8
"""Suspects of a bulk round that the law examines, by strain; then as many by size."""

HELD_LESS, NOT_ASKED = "on a tie, looked at in bulk only", "suspect in bulk, where others were looked at"

MIN_CASES = 2
"""Least number of cases of a family: the first that the engine draws is the simplest, all zeros."""


def run(
    law: Law, subject: Subject, *, profile: str, seed: int, watch: Watch = unwatched, part: bulk.SearchPart = bulk.WHOLE_SEARCH
) -> Result:
    """Judges the law on the profile's number of cases from every family; or runs one `part` of a large search.

    Stops at the first break, which is shrunk to the smallest case that still breaks the law.
    """
    return Trial(Derived(law, subject, profile, seed, part), watch).run()


def again(law: Law, subject: Subject, case: Case, *, watch: Watch = unwatched, avoided: Sequence[Case] = ()) -> Result:
    """Judges the law on one case only, such as a stored counterexample. Its mistake is named without the cases `avoided`."""
    return Trial(Derived(law, subject), watch).again(case, avoided)


def draw(oracle: Truth, *, profile: str, seed: int) -> list[Case]:
    """The profile's cases from every family, independent of what is judged on them."""
    from verify.cases import families
    from verify.trial import engine  # loads Hypothesis

    found = families(oracle).items()
    return [d.case for name, (strategy, share) in found for d in engine.drawn(strategy, _seed_of(name, seed), _most(share, profile))]


@dataclass(frozen=True)
class Derived:
    """A law on a candidate with an oracle. Only a search uses `profile` and `seed`; a `part` of a large search is in bulk only."""

    law: Law
    subject: Subject
    profile: str = "quick"
    seed: int = 0
    part: bulk.SearchPart = bulk.WHOLE_SEARCH

    def __post_init__(self) -> None:
        paths.forget(self.subject)

    @property
    def name(self) -> str:
        """The law's name."""
        return self.law.name

    @property
    def dtype(self) -> str:
        """The oracle's dtype."""
        return self.subject.oracle.dtype

    def measure(self, case: Case) -> Measurement:
        """Measures the law at the values of the parameters that the case names."""
        return self.law.measure(*_placed(self.subject, case))

    def pattern(self, case: Case) -> Hashable:
        """The active pieces, as the oracle sees them; None where code is not recorded."""
        there, bare = _placed(self.subject, case)
        try:
            return there.truth(bare).pattern
        except NotTraced:
            return None

    def search(self, trial: Trial) -> None:
        """Searches each family by itself; then, if none breaks the law, in bulk."""
        if self.part.number:
            self._search_in_bulk(trial)
            return
        with borrowed():
            for name, cases in self._families(trial.watch):
                self._examine(trial, name, cases)
                if trial.failure is not None:
                    return
        if trial.failure is None:
            self._search_in_bulk(trial)

    def _examine(self, trial: Trial, family: str, cases: Sequence[stored.Drawn]) -> None:
        """Has the trial examine the cases, with random numbers borrowed. The first that breaks the law is shrunk."""
        for drawn in cases:
            seed_all()  # as the engine does: a candidate that draws numbers draws the same at every case
            trial.examine(drawn.case)
            if trial.failure is not None:
                from verify.trial.engine import search_from  # loads Hypothesis

                search_from(drawn.choices, trial, self._strategies()[family][0], _seed_of(family, self.seed))
                return

    def _families(self, watch: Watch) -> Iterator[tuple[str, Sequence[stored.Drawn]]]:
        """The cases of each family: stored ones, or drawn when the search comes to the family, and stored behind the last."""
        subject, profile, seed = self.subject, self.profile, self.seed
        known = subject.once(f"stored {profile} {seed}", lambda: stored.find(subject, profile, seed))
        if known is not None:
            yield from known.items()
            return
        from verify.trial.engine import UNSTEERED_CASES  # loads Hypothesis

        drawn: dict[str, Sequence[stored.Drawn]] = {}
        for name, (strategy, share) in self._strategies().items():
            drawn[name] = self._drawn(strategy, _seed_of(name, seed), _most(share, profile), watch)
            yield name, drawn[name]
        if all(len(cases) <= UNSTEERED_CASES for cases in drawn.values()):  # others depend on the candidate
            subject.once(f"kept {profile} {seed}", lambda: stored.keep(subject, profile, seed, drawn))

    def _strategies(self) -> dict[str, tuple[SearchStrategy[Case], float]]:
        from verify.trial.families import families_of  # loads Hypothesis

        return self.subject.once("families", lambda: families_of(self.subject))

    def _drawn(self, strategy: SearchStrategy[Case], seed: str, most: int, watch: Watch) -> Sequence[stored.Drawn]:
        """The cases drawn, the same for all laws, which share the truth there: the search is steered by the strain of the laws that compare
        answers with the truth.
        """
        from verify.trial import engine

        subject = self.subject
        laws = [law for law in LAWS.values() if law.steers and law.why_not(subject) is None]

        def strain(case: Case) -> float:
            watch(case, drawn=True)
            try:
                measurements = [law.measure(*_placed(subject, case)) for law in laws]
            except Misbehaviour:
                return 0.0
            return min(1.0, max((e.strain for f in measurements for e in f.evidence), default=0.0))

        return subject.once(f"drawn {seed} {most}", lambda: engine.drawn(strategy, seed, most, strain))

    def simplify(self, case: Case, breaks: Callable[[Case], bool]) -> None:
        """Removes dispensable parts of the counterexample. For named inputs the engine has shrunk the bytes."""
        if (oracle := self.subject.oracle.scored) is not None:
            objective = oracle.objective
            free, own = objective.classes is None, objective.parameters
            shrunk(case, breaks, MOST_SIMPLIFICATIONS, classes=free, defaults=own)

    def diagnose(self, case: Case, what: Measurement | Misbehaviour, watch: Watch, avoided: Sequence[Case]) -> Diagnosis:
        """The diagnosis from the truth at the case and at others beside it, at the values of the parameters that the case names."""
        there, bare = _placed(self.subject, case)
        values = {name: value for name, value in case.values.items() if name not in bare.values}
        asked = [_placed(self.subject, c)[1] for c in avoided]
        from verify.diagnosis import diagnose  # not needed for right code

        return diagnose(self.law.name, there, bare, what, lambda c: watch(c.beside(values)), asked)

    def _search_in_bulk(self, trial: Trial) -> None:
        """Runs rounds of the bulk search until the law breaks on a suspect, which the engine then shrinks from its bytes."""
        law, subject, tally = self.law, self.subject, trial.tally
        for round_ in bulk.search(law, subject, profile=self.profile, seed=self.seed, watch=trial.watch, part=self.part):
            worst = sorted(round_.suspects, key=lambda s: -s.strain)[:MOST_SUSPECTS]
            tally.held += round_.held
            tally.undecided += Counter({HELD_LESS: round_.tied, NOT_ASKED: round_.failed - len(worst)})
            tally.families[IN_BULK] += round_.held + round_.tied + round_.failed - len(worst)
            for suspect in worst:
                trial.examine(suspect.case.beside(subject.own))
                if trial.failure is not None:
                    break
            if trial.failure is not None:
                from verify.trial.engine import search_from
                from verify.trial.families import at

                for suspect in sorted(round_.suspects, key=lambda s: s.size)[:MOST_SUSPECTS]:
                    before = trial.failure
                    strategy, choices = suspect.batch.drawn(0)
                    search_from(choices, trial, at(strategy, subject.own), _seed_of(IN_BULK, self.seed))
                    if trial.failure is not before:
                        return
                return


def _most(share: float, profile: str) -> int:
    """The number of cases drawn from a family with this share."""
    return max(MIN_CASES, ceil(share * PROFILES[profile]))


def _seed_of(family: str, seed: int) -> str:
    """A different seed for each family: families that decode strings of one length would otherwise draw the same ones."""
    return f"{seed} {family}"


def _placed(subject: Subject, case: Case) -> tuple[Subject, Case]:
    """The subject at the parameter values that a case names, and the case without them."""
    named = {name: case[name] for name in subject.oracle.parameters if name in case.values}
    return (subject.at(named), case.without(named)) if named else (subject, case)
