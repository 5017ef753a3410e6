"""Importing candidates: each target once per process, with what its import changes; and their own surroundings."""

from __future__ import annotations

import os
from collections.abc import Callable, Hashable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, TypeVar

from verify.campaign.sources import is_users
from verify.campaign.task import Request
from verify.candidates import Misbehaviour, errstate, float_environment, frameworks, process_globals, resolve, tampering
from verify.candidates.compiled import compile_anew
from verify.laws import surroundings

T = TypeVar("T")

Imported = tuple[Callable[..., Any], tuple[str, ...], Misbehaviour | None]
"""A candidate's function, the limitations of its import, and the harm that the import does, if any."""

MODULE = "the module "
CACHE_SIZE = 64
"""Candidates whose imports, conventions and formulas are cached."""

_IMPORTED: dict[Hashable, Imported] = {}


@dataclass(frozen=True, eq=False)
class CandidateKey:
    """A candidate as a key of caches: a target by its text and the folder that it is searched in, an object by its identity, since it need
    not be hashable.
    """

    candidate: str | Callable[..., Any]
    folder: str | None

    def _key(self) -> Hashable:
        return (self.candidate, self.folder) if isinstance(self.candidate, str) else (id(self.candidate), self.folder)

    def __hash__(self) -> int:
        return hash(self._key())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, CandidateKey) and self._key() == other._key()


def cached(cache: dict[Hashable, T], key: Hashable, value: T, *, most: int = CACHE_SIZE) -> T:
    """Stores a value, and drops the oldest one beyond `most`; returns the value."""
    cache[key] = value
    if len(cache) > most:
        del cache[next(iter(cache))]
    return value


def in_own_surroundings(request: Request) -> AbstractContextManager[None]:
    """The block in which shared state is as this candidate has left it; none on a worker, which has one candidate only."""
    if tampering.is_kept():
        return nullcontext()
    frameworks.load(request.candidate)
    if isinstance(request.candidate, str):  # targets of one file are imported together
        return surroundings.apart((request.candidate.rpartition(":")[0], request.folder))
    return surroundings.apart(CandidateKey(request.candidate, request.folder))


def function_of(request: Request) -> Callable[..., Any]:
    """The candidate's function. Raises UsageError where the target cannot be found."""
    with in_own_surroundings(request):
        return imported(request.candidate, request.folder)[0]


def imported(candidate: str | Callable[..., Any], folder: str | None) -> Imported:
    """The function of a candidate, imported once per process; shared state that the import changes is restored."""
    if not isinstance(candidate, str):
        surroundings.remember(anew=False)
        return candidate, (), None
    key = CandidateKey(candidate, folder)
    return _IMPORTED[key] if key in _IMPORTED else cached(_IMPORTED, key, _import(candidate))


def _import(target: str) -> Imported:
    frameworks.load(target)
    suite, shared, settings, errors = tampering.suite(), process_globals.Before(), float_environment.settings(), errstate.settings()
    process, effects = os.getpid(), list[str]()
    try:
        with surroundings.importing(target, effects):
            f = resolve(target)
    finally:
        if os.getpid() != process:  # a copy forked by the candidate
            os._exit(0)
    compile_anew(is_users)
    harm = suite.restore() or shared.restore(
        lambda name, value: callable(value) or name.startswith("sys.") or _may_stay(name, value), path=False
    )
    how = float_environment.restore(settings)
    changes = [
        how and f"its process {how} from then on",
        *(change and f"it {change}" for change in (errstate.restore(errors), shared.restore(_may_stay, path=False))),
        *effects,
    ]
    limitations = tuple(f"when it is imported, {change}" for change in changes if change)
    surroundings.remember(anew=tampering.is_kept())
    return f, limitations, None if harm is None else Misbehaviour("crashed", f"{harm} when it is imported")


def _may_stay(name: str, value: object) -> bool:
    """Whether an import may replace this: a module that is not the suite's or numpy's, or a function that a library replaces by its own."""
    if name.startswith(MODULE):
        return name.removeprefix(MODULE).partition(".")[0] not in ("verify", "numpy")
    return process_globals.of_a_library(value)
