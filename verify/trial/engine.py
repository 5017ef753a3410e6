"""Hypothesis' engine: what it draws, from what it begins, and what it shrinks."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import lru_cache
from random import Random
from typing import NamedTuple

from hypothesis import HealthCheck, Phase, settings
from hypothesis.control import BuildContext
from hypothesis.database import ExampleDatabase, choices_to_bytes
from hypothesis.errors import FlakyReplay
from hypothesis.internal.conjecture import providers
from hypothesis.internal.conjecture.data import ConjectureData
from hypothesis.internal.conjecture.engine import ConjectureRunner
from hypothesis.internal.escalation import InterestingOrigin
from hypothesis.strategies import SearchStrategy

from verify.candidates import Misbehaviour
from verify.cases import Case
from verify.evidence import Measurement
from verify.laws.surroundings import borrowed, seed_all
from verify.trial.trial import Trial

SETTINGS = settings(
    database=None,
    deadline=None,
    derandomize=False,
    report_multiple_bugs=False,
    print_blob=False,
    phases=(Phase.generate, Phase.target, Phase.shrink),
    suppress_health_check=list(HealthCheck),
)


Failure = tuple[Case, Measurement | Misbehaviour]
"""A case that breaks the law, and what was found there."""

Choices = tuple[int | str | bool | float | bytes, ...]
"""What a strategy decided by, in order."""

UNSTEERED = 10
"""Cases of a search that the engine draws before strains steer it, or cases that it drew are mutated."""

KEPT = 128
"""Searches whose cases are kept: of all families of some candidates."""


class Drawn(NamedTuple):
    """A case, and the choices by which its strategy came to it."""

    case: Case
    choices: Choices


def search(trial: Trial, cases: Iterable[Drawn], strategy: SearchStrategy[Case], seed: str) -> None:
    """Has the trial look at cases that the strategy drew, where random numbers are `borrowed`. The first that breaks the law is shrunk."""
    for found in cases:
        seed_all()  # as the engine does: a candidate that draws numbers draws the same at every case
        trial.examine(found.case)
        if trial.failure is not None:
            search_from(found.choices, trial, strategy, seed)
            return


def drawn(strategy: SearchStrategy[Case], seed: str, most: int, strain: Callable[[Case], float] | None = None) -> list[Drawn]:
    """So many cases that the strategy draws. After the first of them the engine follows a `strain`, where it is told of one: a finite
    number, and the greater the nearer a case is to one that breaks a law.
    """
    steered = most > UNSTEERED and strain is not None
    return _drawn(strategy, seed, most, strain) if steered else [*_drawn_once(strategy, seed, most)]


@lru_cache(maxsize=KEPT)
def _drawn_once(strategy: SearchStrategy[Case], seed: str, most: int) -> list[Drawn]:
    """What no candidate has a part in."""
    return _drawn(strategy, seed, most)


def _drawn(strategy: SearchStrategy[Case], seed: str, most: int, strain: Callable[[Case], float] | None = None) -> list[Drawn]:
    found: list[Drawn] = []

    def collect(case: Case, data: ConjectureData) -> None:
        found.append(Drawn(case, data.choices))
        if strain is not None:
            data.target_observations["strain"] = strain(case)

    _run(collect, strategy, seed, settings(SETTINGS, max_examples=most, phases=(Phase.generate, Phase.target)))
    return found


def search_from(choices: Choices, trial: Trial, strategy: SearchStrategy[Case], seed: str) -> None:
    """Shrinks what the strategy draws by these choices. Most choices that the engine tries make a case that it has tried before, since a
    small case has no use for most of the bytes: the trial looks at each case once.
    """
    given, known, broken = StoredChoices(choices), dict[Hashable, Failure | None](), dict[bytes, Failure]()

    def examine(case: Case, data: ConjectureData) -> None:
        key = case.key, case.family, case.seed
        if key not in known:
            trial.examine(case)
            known[key] = trial.failure if trial.failure is not None and trial.failure[0] is case else None
        failure = known[key]
        if failure is not None:
            broken[choices_to_bytes(data.choices)] = failure
            data.mark_interesting(BROKEN)

    with suppress(FlakyReplay):  # it broke the law once, which is enough; the tally has the case
        _run(examine, strategy, seed, settings(SETTINGS, database=given, phases=(Phase.reuse, Phase.shrink)))
    if given.least in broken:  # what broke the law last need not be the simplest
        trial.tally.failure = broken[given.least]


BROKEN = InterestingOrigin.from_exception(AssertionError())
"""Tells the engine that a case is a counterexample, so that it is shrunk: there is one kind of them."""


def _run(test: Callable[[Case, ConjectureData], None], strategy: SearchStrategy[Case], seed: str, how: settings) -> None:
    """Has the engine run a test as `given` would do, which takes as long for each case as a law does: it prepares what to tell of the case,
    and puts aside the global random numbers, which here are `borrowed` once for all cases.
    """

    def once(data: ConjectureData) -> None:
        seed_all()
        with BuildContext(data, wrapped_test=test):
            case = data.draw(strategy)
        test(case, data)

    with _whatever_is_loaded(), borrowed():
        random = Random(seed)  # noqa: S311  # nothing is kept secret by it
        ConjectureRunner(once, settings=how, random=random, database_key=b"search").run()


class StoredChoices(ExampleDatabase):
    """Hands the engine these choices where it keeps what has failed before and is not yet shrunk, so that it begins with them."""

    def __init__(self, choices: Choices) -> None:
        self.choices, self.least = choices, b""

    def fetch(self, key: bytes) -> Iterator[bytes]:
        """The choices, under any key."""
        if key.endswith(b".secondary"):
            yield choices_to_bytes(self.choices)

    def save(self, key: bytes, value: bytes) -> None:
        """Of the counterexamples that the engine comes to, each simpler than the one before, the last is known."""
        if not key.endswith(b".secondary"):
            self.least = value

    def delete(self, key: bytes, value: bytes) -> None:
        """Nothing was."""


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
