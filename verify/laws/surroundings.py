"""What a process shares: random numbers, numpy's errors, functions, the settings for floats. A candidate leaves them as they are.

Two kinds. What changes the numbers of whoever comes next, or what its code does, is a break. What else is left behind is a limitation,
told and no break. What a library sets up when it is loaded or first asked is neither: where that may be, it counts only if it comes again.
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]  # signal makes members of enumerations of handlers, which takes a microsecond each
import decimal
import gc
import locale
import os
import random
import signal
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import wraps
from operator import ne
from typing import Any

import numpy as np

from verify.candidates import Candidate, errstate, floats, functions
from verify.storage import folder

UNLIKELY = 0x5EED_0DD
"""A seed that no candidate sets: one that seeds the generators with the same number each time would change nothing by it."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Shared:
    """Something that all code of a process shares: what to say of whoever changes it, how it stands, and how to set it back. Whether it
    `breaks` the law, and whether `once` is enough.
    """

    told: str
    look: Callable[[], Any]
    put_back: Callable[[Any], object]
    differ: Callable[[Any, Any], bool] = ne
    breaks: bool = False
    once: bool = False


GENERATORS = "draws from numpy's global random numbers", "draws from Python's global random numbers"
SEEDED = "seeds the global random numbers with its own seed: whoever draws next gets what follows that"
DRAWN = 16
"""Bytes that are drawn to see whether a generator stands where it was seeded: that it gives the same elsewhere has a chance of 2^-128."""


def _numpy_random() -> bytes:
    """What numpy gives next, which is then seeded anew: a hundredth of the time that its whole state takes."""
    drawn: bytes = np.random.bytes(DRAWN)  # noqa: NPY002  # the legacy global state is the one that a candidate may touch
    np.random.seed(UNLIKELY)  # noqa: NPY002
    return drawn


def _python_random() -> bytes:
    drawn = random.randbytes(DRAWN)  # noqa: S311
    random.seed(UNLIKELY)
    return drawn


def _stays(_: Any) -> None:
    """Needs no more: whoever looks has seeded it anew."""


_borrowers = [0]


@contextmanager
def borrowed() -> Iterator[None]:
    """In the block the global random numbers are seeded to see who draws from them; then they go on as they did before the outermost."""
    numbers = None if _borrowers[0] else (np.random.get_state(), random.getstate())  # noqa: NPY002  # which takes as long as some calls
    _borrowers[0] += 1
    try:
        yield
    finally:
        _borrowers[0] -= 1
        if numbers is not None:
            np.random.set_state(numbers[0])  # noqa: NPY002
            random.setstate(numbers[1])


def seed_all(seed: int = 0) -> None:
    """Seeds the global random numbers, where they are `borrowed`."""
    np.random.seed(seed)  # noqa: NPY002
    random.seed(seed)


def _folder_as(before: str | None) -> None:
    with suppress(OSError):
        os.chdir(before or os.curdir)


def _filters_as(filters: list[Any]) -> None:
    warnings.simplefilter("default", append=True)  # so that what the filters decided before is forgotten
    warnings.filters[:] = filters  # type: ignore[index]


def _decimals() -> tuple[str, decimal.Context]:
    context = decimal.getcontext().copy()
    return repr(context), context


def _another(before: tuple[str, Any], after: tuple[str, Any]) -> bool:
    return before[0] != after[0]


ENVIRONMENT: Any = os.environ
"""What a candidate may put something else in the place of."""


def _variables() -> dict[Any, Any]:
    """As the system has them: to decode them all takes longer than everything else that is looked at."""
    if os.environ is ENVIRONMENT:
        return dict(ENVIRONMENT._data)  # type: ignore[attr-defined]
    return {ENVIRONMENT.encodekey(str(name)): ENVIRONMENT.encodevalue(str(value)) for name, value in os.environ.items()}


def _variables_as(before: dict[Any, Any]) -> None:
    for name, value in before.items():
        ENVIRONMENT[ENVIRONMENT.decodekey(name)] = ENVIRONMENT.decodevalue(value)


def _other_variables(before: dict[Any, Any], after: dict[Any, Any]) -> bool:
    """Whether one is gone or another; new ones disturb nobody who did not ask for them, and libraries set them."""
    return before != after and any(after.get(name) != value for name, value in before.items())


SIGNALS = tuple(map(int, signal.valid_signals()))


def _handlers() -> dict[int, Any]:
    return dict(zip(SIGNALS, map(_signal.getsignal, SIGNALS), strict=True))


def _handlers_as(handlers: dict[int, Any]) -> None:
    for number, handler in handlers.items():
        if handler is not None and _signal.getsignal(number) is not handler:
            with suppress(ValueError, OSError):  # not the main thread
                signal.signal(number, handler)


def _collection_as(before: tuple[bool, tuple[int, int, int]]) -> None:
    (gc.enable if before[0] else gc.disable)()
    gc.set_threshold(*before[1])


def _streams_as(streams: tuple[Any, Any, Any]) -> None:
    sys.stdin, sys.stdout, sys.stderr = streams


def _torch(ask: str, tell: str, differ: Callable[[Any, Any], bool] = ne) -> dict[str, Any]:
    """The functions of torch that look at a setting and set it, where torch is loaded."""

    def look() -> Any:
        return getattr(sys.modules.get("torch"), ask, lambda: None)()

    def put_back(before: Any) -> None:
        if before is not None:
            getattr(sys.modules["torch"], tell)(before)

    return {"look": look, "put_back": put_back, "differ": lambda a, b: a is not None and b is not None and differ(a, b)}


SHARED = (
    Shared(told=GENERATORS[0], look=_numpy_random, put_back=_stays, breaks=True, once=True),
    Shared(told=GENERATORS[1], look=_python_random, put_back=_stays, breaks=True, once=True),
    Shared(told="changes np.seterr", look=errstate.settings, put_back=errstate.restore, breaks=True, once=True),
    Shared(told="changes np.setbufsize", look=np.getbufsize, put_back=np.setbufsize, breaks=True, once=True),
    Shared(told="changes the current folder", look=folder, put_back=_folder_as, breaks=True),
    Shared(
        told="changes the locale",
        look=lambda: locale.setlocale(locale.LC_ALL),
        put_back=lambda before: locale.setlocale(locale.LC_ALL, before),
        breaks=True,
    ),
    Shared(told="changes the filters of warnings", look=lambda: list(warnings.filters), put_back=_filters_as),
    Shared(
        told="changes the decimal context", look=_decimals, put_back=lambda before: decimal.setcontext(before[1].copy()), differ=_another
    ),
    Shared(told="changes environment variables", look=_variables, put_back=_variables_as, differ=_other_variables),
    Shared(told="lengthens sys.path each time", look=lambda: len(sys.path), put_back=lambda _: None),  # it may have to import from there
    Shared(told="changes handlers of signals", look=_handlers, put_back=_handlers_as),
    Shared(told="changes when garbage is collected", look=lambda: (gc.isenabled(), gc.get_threshold()), put_back=_collection_as),
    Shared(told="replaces standard streams", look=lambda: (sys.stdin, sys.stdout, sys.stderr), put_back=_streams_as),
    Shared(told="draws from torch's global random numbers", **_torch("get_rng_state", "set_rng_state", lambda a, b: not a.equal(b))),
    Shared(told="changes torch's default dtype", **_torch("get_default_dtype", "set_default_dtype")),
    Shared(told="switches torch's gradients on or off", **_torch("is_grad_enabled", "set_grad_enabled")),
)


States = dict[Shared, Any]

_at_first: States = {}


def look() -> States:
    """How all of it stands, where random numbers are `borrowed`."""
    return {shared: shared.look() for shared in SHARED}


def remember() -> None:
    """Takes what stands now for how it was before the candidate was asked for the first time: one that sets something to the same each
    time leaves no trace in a later look. Only for a process that is the candidate's alone.
    """
    looks = {shared: shared.look() for shared in SHARED if not shared.once}
    _at_first.update({shared: state for shared, state in looks.items() if state is not None})


def _changed(before: States) -> States:
    """What has changed, and to what; it is put back."""
    found = {shared: after for shared, state in before.items() if shared.differ(state, after := shared.look())}
    _set(found, {shared: before[shared] for shared in found})
    return found


def _set(stands: States, wanted: States) -> None:
    """Sets what differs."""
    for shared, state in wanted.items():
        if state is not stands[shared] and shared.differ(state, stands[shared]):
            shared.put_back(state)


def watched(f: Callable[..., Any], seen: list[str], left: list[str] | None = None) -> Callable[..., Any]:
    """The same function, or functions of a pair; what they change is put back, breaks are told in `seen`, and what else is `left`.

    It is asked where random numbers are `borrowed`.
    """
    left = [] if left is None else left
    if isinstance(f, Candidate):
        parts = {name: part for name in ("loss", "grad", "hess") if (part := getattr(f, name)) is not None}
        seen_parts: dict[str, Any] = {name: _watched(part, seen, left) for name, part in parts.items()}
        return replace(f, **seen_parts)
    return _watched(f, seen, left)


def _watched(f: Callable[..., Any], seen: list[str], left: list[str]) -> Callable[..., Any]:
    @wraps(f, updated=())
    def g(*arguments: Any, **named: Any) -> Any:
        spare = tuple(np.array(a) if isinstance(a, np.ndarray) else a for a in arguments)
        seed_all(UNLIKELY)
        now = look()
        before = {shared: _at_first.get(shared, state) for shared, state in now.items()}
        _set(now, before)
        names, ours = functions.now(modules=True), floats.settings()
        try:
            return f(*arguments, **named)
        finally:
            replaced, how, loads = names.restore(), floats.restore(ours), names.loads()
            first = _changed(before)
            told = {shared for shared in first if shared.once and not loads}
            if told != first.keys():
                with suppress(Exception):
                    f(*spare, **named)
                names.restore()
                floats.restore(ours)
                told |= first.keys() & _changed(before).keys()
            _set(before, {shared: first.get(shared, now[shared]) for shared in SHARED if shared not in told and not shared.once})
            if not loads:
                seen.extend([replaced] if replaced else [])
                seen.extend([f"changes how the process computes with floats: it {how} from then on"] if how else [])
            seen.extend(shared.told for shared in SHARED if shared in told and shared.breaks)
            left.extend(shared.told for shared in SHARED if shared in told and not shared.breaks)

    return g
