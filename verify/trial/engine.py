"""Hypothesis' engine: what it draws, from what it begins, and what it shrinks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings, target
from hypothesis import seed as with_seed
from hypothesis.database import ExampleDatabase, choices_to_bytes
from hypothesis.errors import FlakyFailure
from hypothesis.internal.conjecture import providers
from hypothesis.strategies import SearchStrategy

from verify.cases import Case
from verify.cases.bulk import Choices
from verify.evidence import Finding
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


class _Broken(Exception):
    """Tells the engine that this case is a counterexample, so that it is shrunk."""


def search(trial: Trial, strategy: SearchStrategy[Case], seed: str, **options: Any) -> None:
    """Has the trial look at what the strategy draws. The first case that breaks the law is shrunk."""

    @settings(SETTINGS, **options)
    @with_seed(seed)  # which would take the database away from settings below it
    @given(strategy)
    def look(case: Case) -> None:
        finding = trial.look(case)
        if trial.failure is not None and trial.failure[0] is case:
            raise _Broken
        if isinstance(finding, Finding) and finding.worst is not None:
            target(finding.worst.strain, label="strain")

    look._hypothesis_internal_database_key = b"search"  # type: ignore[attr-defined]  # else the engine digests the source each time
    with suppress(_Broken, FlakyFailure), _whatever_is_loaded():  # flaky: it broke the law once, which is enough; the tally has the case
        look()


def search_from(choices: Choices, trial: Trial, strategy: SearchStrategy[Case], seed: str) -> None:
    """Shrinks what the strategy draws by these choices."""
    search(trial, strategy, seed, database=Given(choices), phases=(Phase.reuse, Phase.shrink))


def drawn(strategy: SearchStrategy[Case], seed: str, most: int) -> list[Case]:
    """What a search draws whose law never breaks, and is under no strain."""
    cases: list[Case] = []

    @with_seed(seed)
    @settings(SETTINGS, max_examples=most, phases=(Phase.generate,))
    @given(strategy)
    def collect(case: Case) -> None:
        cases.append(case)

    with _whatever_is_loaded():
        collect()
    return cases


class Given(ExampleDatabase):
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
