"""One law on one candidate: the only place that runs Hypothesis' engine."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from math import ceil, inf, isfinite, log2
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings, target
from hypothesis import seed as with_seed
from hypothesis import strategies as st
from hypothesis.database import ExampleDatabase, choices_to_bytes
from hypothesis.errors import FlakyFailure
from hypothesis.internal.conjecture import providers
from hypothesis.strategies import SearchStrategy

from verify import bulk
from verify.candidates import Misbehaviour
from verify.cases import Case, families
from verify.cases.bulk import FAMILY, Choices, anywhere
from verify.cases.simpler import shrunk
from verify.diagnosis import diagnose, is_lost
from verify.evidence import Evidence, Finding, Verdict, judge
from verify.laws import Law, Subject
from verify.oracle import InstanceOracle, Oracle
from verify.profiles import PROFILES

MOST_SIMPLIFICATIONS = 60
"""Simpler cases that are tried on a counterexample: as much as drawing half a profile."""

MOST_SUSPECTS = 8
"""Suspects of a round of the bulk search that the law looks at, the greatest strain first; then as many, the smallest first."""

HELD_LESS, NOT_ASKED = "on a tie, looked at in bulk only", "suspect in bulk, where others were looked at"

FEWEST = 2
"""Cases of a family at least: the first that the engine draws is the simplest, all zeros."""


class _Broken(Exception):
    """Tells the engine that this case is a counterexample, so that it is shrunk."""


@dataclass(frozen=True, kw_only=True)
class Witness:
    """The smallest case found that breaks the law, and what was measured there."""

    case: Case
    evidence: Evidence | None


@dataclass(frozen=True, kw_only=True)
class Result:
    """What became of one law on one candidate at one dtype.

    `families` counts the cases by the strategy that built them, `patterns` the different sets of active pieces that they visited;
    `worst` is the case under the greatest strain, `farthest` the one that attains `ulps`, and `spread` counts the cases by the binary
    order of their ulps: k stands for errors of 2^(k−1) to 2^k, 0 for those up to 1, −1 for none at all;
    `limitations` are what the candidate refuses or accepts without breaking a law.
    """

    law: str
    dtype: str
    verdict: Verdict
    kind: str | None
    cases: int
    decided: int
    undecided: dict[str, int]
    families: dict[str, int]
    patterns: int
    strain: float
    sensitivity: float
    ulps: float | None
    seconds: float
    witness: Witness | None = None
    diagnosis: dict[str, Any] | None = None
    worst: Witness | None = None
    farthest: Witness | None = None
    spread: dict[int, int] = field(default_factory=dict)
    limitations: tuple[str, ...] = ()

    @classmethod
    def unanswered(
        cls,
        *,
        law: str,
        dtype: str,
        diagnosis: dict[str, Any] | None = None,
        undecided: dict[str, int] | None = None,
        witness: Witness | None = None,
        cases: int = 0,
        seconds: float = 0.0,
    ) -> Result:
        """The result of a trial that came to no answer: the candidate's behaviour broke the law; silent without a diagnosis."""
        return cls(
            law=law,
            dtype=dtype,
            verdict=Verdict.BROKEN if diagnosis else Verdict.SILENT,
            kind="behaviour" if diagnosis else None,
            cases=cases,
            decided=0,
            undecided=undecided or {},
            families={},
            patterns=0,
            strain=inf if diagnosis else 0.0,
            sensitivity=inf,
            ulps=None,
            seconds=seconds,
            witness=witness,
            diagnosis=diagnosis,
        )


@dataclass
class _Tally:
    """What is counted while the engine draws; it stops counting when it begins to shrink."""

    findings: list[Finding] = field(default_factory=list)
    families: Counter[str] = field(default_factory=Counter)
    patterns: set[Hashable] = field(default_factory=set)
    worst: tuple[Case, Evidence] | None = None
    farthest: tuple[Case, Evidence] | None = None
    failure: tuple[Case, Finding | Misbehaviour] | None = None
    held: int = 0
    undecided: Counter[str] = field(default_factory=Counter)

    def count(self, pattern: Callable[[], Hashable], case: Case, finding: Finding | Misbehaviour, *, broken: bool) -> None:
        if self.failure is None:
            self.families[case.family] += 1
            self.patterns.add(pattern())
            if isinstance(finding, Finding):
                self.findings.append(finding)
                self._compare(case, finding)
        if broken:
            self.failure = (case, finding)

    def _compare(self, case: Case, finding: Finding) -> None:
        """Keeps the case if none before it was under greater strain, or farther off in ulps."""
        for e in finding.evidence:
            if self.worst is None or e.strain > self.worst[1].strain:
                self.worst = (case, e)
            if e.ulps is not None and (self.farthest is None or e.ulps > (self.farthest[1].ulps or 0.0)):
                self.farthest = (case, e)


Watch = Callable[[Case], None]
"""Hears of each case before the candidate does."""


def unwatched(_: Case) -> None:
    """Nobody hears of it."""


def run(law: Law, subject: Subject, *, profile: str, seed: int, watch: Watch = unwatched) -> Result:
    """Draws the profile's number of cases from every family and measures the law on each.

    Stops at the first break, which is shrunk to the smallest case that still breaks the law.
    """
    tally, began = _Tally(), time.perf_counter()
    for name, (strategy, share) in _families(subject).items():
        if tally.failure is None:
            most = max(FEWEST, ceil(share * PROFILES[profile]))
            _search(law, subject, strategy, _seed_of(name, seed), tally, watch, max_examples=most)
    if tally.failure is None:
        _search_in_bulk(law, subject, profile, seed, tally, watch)
    _simplify(law, subject, tally, watch)
    return _result(law, subject, tally, began, watch)


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


def draw(oracle: Oracle | InstanceOracle, *, profile: str, seed: int) -> list[Case]:
    """The profile's cases from every family, whatever is judged on them."""
    cases: list[Case] = []
    for name, (strategy, share) in families(oracle).items():
        most = max(FEWEST, ceil(share * PROFILES[profile]))

        @with_seed(_seed_of(name, seed))
        @settings(SETTINGS, max_examples=most, phases=(Phase.generate,))
        @given(strategy)
        def collect(case: Case) -> None:
            cases.append(case)

        with _whatever_is_loaded():
            collect()
    return cases


def _seed_of(family: str, seed: int) -> str:
    """Another one for each family: families that decode strings of one length would else be drawn the same ones."""
    return f"{seed} {family}"


SETTINGS = settings(
    database=None,
    deadline=None,
    derandomize=False,
    report_multiple_bugs=False,
    print_blob=False,
    phases=(Phase.generate, Phase.target, Phase.shrink),
    suppress_health_check=list(HealthCheck),
)


def again(law: Law, subject: Subject, case: Case, *, watch: Watch = unwatched, avoided: Sequence[Case] = ()) -> Result:
    """One case alone, without any search: what a stored counterexample comes to now. Its mistake is named without the cases `avoided`."""
    tally, began = _Tally(), time.perf_counter()
    _look(law, subject, case, tally, watch)
    return _result(law, subject, tally, began, watch, avoided)


def _simplify(law: Law, subject: Subject, tally: _Tally, watch: Watch) -> None:
    """Leaves out of the counterexample what it can do without. It must break in the same way: a crash is no smaller wrong number."""
    if tally.failure is None:
        return

    def way(what: Finding | Misbehaviour) -> object:
        return what.code if isinstance(what, Misbehaviour) else is_lost(what.worst)

    wanted = way(tally.failure[1])

    def breaks(case: Case) -> bool:
        before = tally.failure
        finding = _look(law, subject, case, tally, watch)
        if tally.failure is before:
            return False
        if way(finding) == wanted:
            return True
        tally.failure = before
        return False

    if isinstance(subject.oracle, InstanceOracle):
        return  # the engine has shrunk its bytes
    objective = subject.oracle.objective
    free, own = objective.classes is None, objective.parameters
    shrunk(tally.failure[0], breaks, MOST_SIMPLIFICATIONS, of_scores=objective.of_scores, classes=free, defaults=own)


def _look(law: Law, subject: Subject, case: Case, tally: _Tally, watch: Watch) -> Finding | Misbehaviour:
    """Measures the law on a case and counts what was found."""
    watch(case)
    finding: Finding | Misbehaviour
    there, bare = _placed(subject, case)
    try:
        finding = law.measure(there, bare)
    except Misbehaviour as error:
        finding = error
    broken = isinstance(finding, Misbehaviour) or judge([finding]) is Verdict.BROKEN
    tally.count(lambda: there.truth(bare).pattern, case, finding, broken=broken)
    return finding


def _placed(subject: Subject, case: Case) -> tuple[Subject, Case]:
    """The subject at the values of the parameters that a case names, and the case as it is there."""
    named = {name: case[name] for name in subject.oracle.parameters if name in case.values}
    return (subject.at(named), case.without(named)) if named else (subject, case)


def _search_in_bulk(law: Law, subject: Subject, profile: str, seed: int, tally: _Tally, watch: Watch) -> None:
    """Rounds of the bulk search until the law breaks on one of its suspects, which the engine then shrinks from its bytes."""
    for round_ in bulk.search(law, subject, profile=profile, seed=seed, watch=watch):
        worst = sorted(round_.suspects, key=lambda s: -s.strain)[:MOST_SUSPECTS]
        tally.held += round_.held
        tally.undecided += Counter({HELD_LESS: round_.tied, NOT_ASKED: round_.failed - len(worst)})
        tally.families[FAMILY] += round_.held + round_.tied + round_.failed - len(worst)
        for suspect in worst:
            _look(law, subject, suspect.case.beside(subject.own), tally, watch)
            if tally.failure is not None:
                break
        if tally.failure is not None:
            for suspect in sorted(round_.suspects, key=lambda s: s.size)[:MOST_SUSPECTS]:
                before, options = tally.failure, {"database": _Given(suspect.choices), "phases": (Phase.reuse, Phase.shrink)}
                _search(law, subject, _at(anywhere(subject.scored), subject.own), _seed_of(FAMILY, seed), tally, watch, **options)
                if tally.failure is not before:
                    return
            return


class _Given(ExampleDatabase):
    """Hands the engine these choices where it keeps what has failed before and is not yet shrunk, so that it begins with them."""

    def __init__(self, choices: Choices) -> None:
        self.choices = choices

    def fetch(self, key: bytes) -> Iterator[bytes]:
        """The choices, under any key."""
        if key.endswith(b".secondary"):
            yield choices_to_bytes(self.choices)

    def save(self, key: bytes, value: bytes) -> None:
        """Nothing is kept."""

    def delete(self, key: bytes, value: bytes) -> None:
        """Nothing was."""


def _search(law: Law, subject: Subject, strategy: SearchStrategy[Case], seed: str, tally: _Tally, watch: Watch, **options: Any) -> None:
    @settings(SETTINGS, **options)
    @with_seed(seed)  # which would take the database away from settings below it
    @given(strategy)
    def search(case: Case) -> None:
        finding = _look(law, subject, case, tally, watch)
        if tally.failure is not None and tally.failure[0] is case:
            raise _Broken
        if isinstance(finding, Finding) and finding.worst is not None:
            target(finding.worst.strain, label="strain")

    search._hypothesis_internal_database_key = b"search"  # type: ignore[attr-defined]  # else the engine digests the source each time
    with suppress(_Broken, FlakyFailure), _whatever_is_loaded():  # flaky: it broke the law once, which is enough; the tally has the case
        search()


@contextmanager
def _whatever_is_loaded() -> Iterator[None]:
    """Keeps the engine from drawing numbers that it finds in the source of loaded modules: the same seed must give the same cases
    in whatever process. It has no setting for that; versions without the habit need none.
    """
    habit = "_get_local_constants"
    if not hasattr(providers, habit):
        yield
        return
    before = getattr(providers, habit), providers.CONSTANTS_CACHE
    setattr(providers, habit, vars(providers)["Constants"])
    providers.CONSTANTS_CACHE = type(before[1])(1024)
    try:
        yield
    finally:
        setattr(providers, habit, before[0])
        providers.CONSTANTS_CACHE = before[1]


def _result(law: Law, subject: Subject, tally: _Tally, began: float, watch: Watch, avoided: Sequence[Case] = ()) -> Result:
    findings = tally.findings
    evidence = [e for f in findings for e in f.evidence]
    decided = [f for f in findings if f.undecided is None and f.evidence]
    witness, diagnosis, kind, seconds = None, None, None, time.perf_counter() - began
    if tally.failure is not None:
        case, what = tally.failure
        found = None if isinstance(what, Misbehaviour) else what.worst
        witness = Witness(case=case, evidence=found)
        watch(case)  # the last before those that are asked to name the mistake
        there, bare = _placed(subject, case)
        values = {name: value for name, value in case.values.items() if name not in bare.values}
        asked = [_placed(subject, c)[1] for c in avoided]
        named = diagnose(law.name, there, bare, what, lambda c: watch(c.beside(values)), asked)
        kind, diagnosis = named.kind, named.to_dict()
    return Result(
        law=law.name,
        dtype=subject.oracle.dtype,
        verdict=Verdict.BROKEN if tally.failure else judge(findings),
        kind=kind,
        cases=tally.families.total(),
        decided=len(decided) + tally.held,
        undecided=dict(Counter(f.undecided for f in findings if f.undecided) + tally.undecided),
        families=dict(tally.families),
        patterns=len(tally.patterns),
        strain=max((e.strain for e in evidence), default=inf if tally.failure else 0.0),
        sensitivity=min((e.resolution for f in decided for e in f.evidence), default=inf),
        ulps=max((e.ulps for e in evidence if e.ulps is not None), default=None),
        seconds=seconds,
        witness=witness,
        diagnosis=diagnosis,
        worst=_place(tally.worst),
        farthest=_place(tally.farthest),
        spread=dict(sorted(Counter(order_of(e.ulps) for e in evidence if e.ulps is not None).items())),
        limitations=tuple(sorted({told for f in findings for told in f.limitations})),
    )


def _place(found: tuple[Case, Evidence] | None) -> Witness | None:
    return None if found is None else Witness(case=found[0], evidence=found[1])


def order_of(ulps: float) -> int:
    """The binary order of an error: the least k with ulps ≤ 2^k, 0 for up to one ulp; −1 for no error, 1025 for an infinite one."""
    if not isfinite(ulps):
        return 1025
    return -1 if ulps == 0 else max(0, ceil(log2(ulps)))
