"""Hypothesis' engine: drawing cases, starting from given ones, and shrinking."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager, suppress
from functools import lru_cache
from random import Random

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
from verify.trial.stored import Drawn
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
"""A case that breaks the law, and what was measured there."""

UNSTEERED_CASES = 10
"""Cases that the engine draws before the search follows strains, or mutates drawn cases."""

CACHE_SIZE = 128
"""Cached searches: of all families of some candidates."""


def drawn(strategy: SearchStrategy[Case], seed: str, most: int, strain: Callable[[Case], float] | None = None) -> list[Drawn]:
    """The first `most` cases that the strategy draws. After some of them the engine follows a `strain`, if one is given: a finite number,
    greater for cases nearer to breaking a law.
    """
    steered = most > UNSTEERED_CASES and strain is not None
    return _drawn(strategy, seed, most, strain) if steered else [*_drawn_once(strategy, seed, most)]


@lru_cache(maxsize=CACHE_SIZE)
def _drawn_once(strategy: SearchStrategy[Case], seed: str, most: int) -> list[Drawn]:
    """Cached cases, which do not depend on the candidate."""
    return _drawn(strategy, seed, most)


def _drawn(strategy: SearchStrategy[Case], seed: str, most: int, strain: Callable[[Case], float] | None = None) -> list[Drawn]:
    found: list[Drawn] = []

    def collect(case: Case, data: ConjectureData) -> None:
        found.append(Drawn(case, choices_to_bytes(data.choices)))
        if strain is not None:
            data.target_observations["strain"] = strain(case)

    _run(collect, strategy, seed, settings(SETTINGS, max_examples=most, phases=(Phase.generate, Phase.target)))
    return found


def search_from(choices: bytes, trial: Trial, strategy: SearchStrategy[Case], seed: str) -> None:
    """Shrinks the case that these serialized choices make. Most choices that the engine tries make a case that was examined before, since a
    small case uses few of the bytes: the trial examines each case once.
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
"""Marks a case as a counterexample for the engine, so that it is shrunk: there is one kind of them."""


def _run(test: Callable[[Case, ConjectureData], None], strategy: SearchStrategy[Case], seed: str, how: settings) -> None:
    """Has the engine run a test without `given`, which takes as long per case as a law does: it prepares output for each case, and saves
    the global random numbers, which are `borrowed` here once for all cases.
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
    """Passes these choices to the engine as a stored failure that is not shrunk yet, so that it starts from them."""

    def __init__(self, choices: bytes) -> None:
        self.choices, self.least = choices, b""

    def fetch(self, key: bytes) -> Iterator[bytes]:
        """The choices, under any key."""
        if key.endswith(b".secondary"):
            yield self.choices

    def save(self, key: bytes, value: bytes) -> None:
        """Keeps the last of the counterexamples that the engine finds, each simpler than the one before."""
        if not key.endswith(b".secondary"):
            self.least = value

    def delete(self, key: bytes, value: bytes) -> None:
        """Nothing to delete."""


@contextmanager
def _whatever_is_loaded() -> Iterator[None]:
    """Keeps the engine from drawing numbers that occur in the source of loaded modules: the same seed must give the same cases in every
    process. There is no setting for that; versions without this feature need none.
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
