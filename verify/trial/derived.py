"""A law whose truth an oracle derives: cases of all its families from the engine, then problems in bulk."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from verify import bulk
from verify.candidates import Misbehaviour
from verify.cases import Case, families
from verify.cases.bulk import FAMILY
from verify.cases.shrinking import shrunk
from verify.evidence import Measurement
from verify.laws import LAWS, Law, Subject
from verify.laws.surroundings import borrowed
from verify.oracle import Truth
from verify.profiles import PROFILES
from verify.traced import NotTraced
from verify.trial import engine
from verify.trial.result import Result
from verify.trial.trial import Trial, Watch, unwatched

if TYPE_CHECKING:
    from verify.diagnosis import Diagnosis

MOST_SIMPLIFICATIONS = 60
"""Simpler cases that are tried on a counterexample: as much as drawing half a profile."""

MOST_SUSPECTS = 8
"""Suspects of a round of the bulk search that the law looks at, the greatest strain first; then as many, the smallest first."""

HELD_LESS, NOT_ASKED = "on a tie, looked at in bulk only", "suspect in bulk, where others were looked at"

FEWEST = 2
"""Cases of a family at least: the first that the engine draws is the simplest, all zeros."""


def run(law: Law, subject: Subject, *, profile: str, seed: int, watch: Watch = unwatched, part: bulk.SearchPart = bulk.WHOLE) -> Result:
    """Draws the profile's number of cases from every family and measures the law on each; or has one `part` of a large search.

    Stops at the first break, which is shrunk to the smallest case that still breaks the law.
    """
    return Trial(Derived(law, subject, profile, seed, part), watch).run()


def again(law: Law, subject: Subject, case: Case, *, watch: Watch = unwatched, avoided: Sequence[Case] = ()) -> Result:
    """One case alone, without any search: what a stored counterexample comes to now. Its mistake is named without the cases `avoided`."""
    return Trial(Derived(law, subject), watch).again(case, avoided)


def draw(oracle: Truth, *, profile: str, seed: int) -> list[Case]:
    """The profile's cases from every family, whatever is judged on them."""
    found = families(oracle).items()
    return [d.case for name, (strategy, share) in found for d in engine.drawn(strategy, _seed_of(name, seed), _most(share, profile))]


@dataclass(frozen=True)
class Derived:
    """A law on a candidate beside its oracle. Only a search asks for `profile` and `seed`; a `part` of a large one is in bulk alone."""

    law: Law
    subject: Subject
    profile: str = "quick"
    seed: int = 0
    part: bulk.SearchPart = bulk.WHOLE

    @property
    def name(self) -> str:
        """The law's."""
        return self.law.name

    @property
    def dtype(self) -> str:
        """The oracle's."""
        return self.subject.oracle.dtype

    def measure(self, case: Case) -> Measurement:
        """The law at the values of the parameters that the case names."""
        return self.law.measure(*_placed(self.subject, case))

    def pattern(self, case: Case) -> Hashable:
        """The active pieces, as the oracle sees them; unknown where code is not recorded."""
        there, bare = _placed(self.subject, case)
        try:
            return there.truth(bare).pattern
        except NotTraced:
            return None

    def search(self, trial: Trial) -> None:
        """Every family by itself; then, if none breaks the law, in bulk."""
        if self.part.number:
            self._search_in_bulk(trial)
            return
        with borrowed():
            for name, (strategy, share) in self.subject.once("families", lambda: _families(self.subject)).items():
                if trial.failure is None:
                    seed = _seed_of(name, self.seed)
                    engine.search(trial, self._drawn(strategy, seed, _most(share, self.profile), trial.watch), strategy, seed)
        if trial.failure is None:
            self._search_in_bulk(trial)

    def _drawn(self, strategy: SearchStrategy[Case], seed: str, most: int, watch: Watch) -> list[engine.Drawn]:
        """The same for all laws, which share what is true there: the answers' own strain steers the search, as that of no law has to."""
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
        """Leaves out of the counterexample what it can do without. Of inputs by name the engine has shrunk the bytes."""
        if (oracle := self.subject.oracle.scored) is not None:
            objective = oracle.objective
            free, own = objective.classes is None, objective.parameters
            shrunk(case, breaks, MOST_SIMPLIFICATIONS, classes=free, defaults=own)

    def diagnose(self, case: Case, what: Measurement | Misbehaviour, watch: Watch, avoided: Sequence[Case]) -> Diagnosis:
        """By what is true at the case and at others beside it, at the values of the parameters that it names."""
        there, bare = _placed(self.subject, case)
        values = {name: value for name, value in case.values.items() if name not in bare.values}
        asked = [_placed(self.subject, c)[1] for c in avoided]
        from verify.diagnosis import diagnose  # which nobody waits for whose code is right

        return diagnose(self.law.name, there, bare, what, lambda c: watch(c.beside(values)), asked)

    def _search_in_bulk(self, trial: Trial) -> None:
        """Rounds of the bulk search until the law breaks on one of its suspects, which the engine then shrinks from its bytes."""
        law, subject, tally = self.law, self.subject, trial.tally
        for round_ in bulk.search(law, subject, profile=self.profile, seed=self.seed, watch=trial.watch, part=self.part):
            worst = sorted(round_.suspects, key=lambda s: -s.strain)[:MOST_SUSPECTS]
            tally.held += round_.held
            tally.undecided += Counter({HELD_LESS: round_.tied, NOT_ASKED: round_.failed - len(worst)})
            tally.families[FAMILY] += round_.held + round_.tied + round_.failed - len(worst)
            for suspect in worst:
                trial.examine(suspect.case.beside(subject.own))
                if trial.failure is not None:
                    break
            if trial.failure is not None:
                for suspect in sorted(round_.suspects, key=lambda s: s.size)[:MOST_SUSPECTS]:
                    before = trial.failure
                    strategy, choices = suspect.batch.drawn(0)
                    engine.search_from(choices, trial, _at(strategy, subject.own), _seed_of(FAMILY, self.seed))
                    if trial.failure is not before:
                        return
                return


def _families(subject: Subject) -> dict[str, tuple[SearchStrategy[Case], float]]:
    """The families of cases. Where parameters vary, half of each have the defaults, and the others each one of the other values."""
    found = families(subject.oracle)
    if not subject.other_values:
        return found
    values = [subject.own, *subject.other_values]
    there = [{name: _at(s, v) for name, (s, _) in families(subject.at(v).oracle).items()} for v in values]
    return {name: (_half(*(each[name] for each in there)), share) for name, (_, share) in found.items()}


def _at(strategy: SearchStrategy[Case], parameters: Mapping[str, float]) -> SearchStrategy[Case]:
    return strategy.map(lambda case: case.beside(parameters))


def _half(first: SearchStrategy[Case], *others: SearchStrategy[Case]) -> SearchStrategy[Case]:
    """Half of the cases of the first, which is the simplest, and as many of all others together."""

    @st.composite
    def drawn(draw: st.DrawFn) -> Case:
        k = draw(st.integers(0, 2 * len(others) - 1))
        return draw(first if k < len(others) else others[k - len(others)])

    return drawn()


def _most(share: float, profile: str) -> int:
    """How many cases of a family with this share are drawn."""
    return max(FEWEST, ceil(share * PROFILES[profile]))


def _seed_of(family: str, seed: int) -> str:
    """Another one for each family: families that decode strings of one length would else be drawn the same ones."""
    return f"{seed} {family}"


def _placed(subject: Subject, case: Case) -> tuple[Subject, Case]:
    """The subject at the values of the parameters that a case names, and the case as it is there."""
    named = {name: case[name] for name in subject.oracle.parameters if name in case.values}
    return (subject.at(named), case.without(named)) if named else (subject, case)
