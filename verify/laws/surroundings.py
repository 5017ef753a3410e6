"""The state that a process shares: random numbers, numpy's error handling, functions, floating-point settings. A candidate leaves it as it
is.

There are two kinds. Changing the numbers or the behaviour of code that runs later breaks the law. Leaving other things behind is a
limitation. What a library sets up when it is loaded or first used is neither: where that is possible, an effect counts only if it recurs.
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
import threading
import warnings
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import update_wrapper
from operator import ne
from pathlib import Path
from typing import Any

import numpy as np

from verify import limits
from verify.candidates import Candidate, errstate, float_environment, process_globals
from verify.storage import folder

UNLIKELY = 0x5EED_0DD
"""A seed that no candidate sets: with a common one, a candidate that seeds the generators with it would change nothing."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Shared:
    """A piece of state that all code of a process shares: what to say of a candidate that changes it, how to read it, and how to restore
    it. `breaks` says whether a change breaks the law, and `once` whether one occurrence is enough. A candidate may keep it as its `own`
    from call to call; libraries may set it `up` when they are loaded.
    """

    effect: str
    read: Callable[[], Any]
    put_back: Callable[[Any], object]
    differ: Callable[[Any, Any], bool] = ne
    breaks: bool = False
    once: bool = False
    own: bool = True
    up: bool = False


GENERATORS = "draws from numpy's global random numbers", "draws from Python's global random numbers"
SEEDED = "seeds the global random numbers with its own seed: whoever draws next gets what follows that"
DRAWN = 16
"""Bytes drawn to see whether a generator is where it was seeded: another state gives the same bytes with probability 2^-128."""


def _numpy_random() -> bytes:
    """The next bytes of numpy's generator, which is then seeded again: that takes a hundredth of the time of reading its whole state."""
    drawn: bytes = np.random.bytes(DRAWN)  # noqa: NPY002  # the legacy global state is the one that a candidate may touch
    np.random.seed(UNLIKELY)  # noqa: NPY002
    return drawn


def _python_random() -> bytes:
    drawn = random.randbytes(DRAWN)  # noqa: S311
    random.seed(UNLIKELY)
    return drawn


def _stays(_: Any) -> None:
    """Nothing to do: reading the state has seeded it again."""


_borrowers = [0]


@contextmanager
def borrowed() -> Iterator[None]:
    """In the block the global random numbers are seeded, to see whether they are drawn from; afterwards their state before the outermost
    block is restored.
    """
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
    """Seeds the global random numbers while they are `borrowed`."""
    np.random.seed(seed)  # noqa: NPY002
    random.seed(seed)


def _folder_as(before: str | None) -> None:
    with suppress(OSError):
        os.chdir(before or os.curdir)


def _filters_as(filters: list[Any]) -> None:
    warnings.simplefilter("default", append=True)  # resets the filters' registry of earlier warnings
    warnings.filters[:] = filters  # type: ignore[index]


def _decimals() -> tuple[str, decimal.Context]:
    context = decimal.getcontext().copy()
    return repr(context), context


def _another(before: tuple[str, Any], after: tuple[str, Any]) -> bool:
    return before[0] != after[0]


ENVIRONMENT: Any = os.environ
"""The original mapping, which a candidate may replace."""


def _variables() -> dict[Any, Any]:
    """The environment variables as the system stores them: decoding them all takes longer than all other comparisons."""
    if os.environ is ENVIRONMENT:
        return dict(ENVIRONMENT._data)  # type: ignore[attr-defined]
    return {ENVIRONMENT.encodekey(str(name)): ENVIRONMENT.encodevalue(str(value)) for name, value in os.environ.items()}


def _variables_as(before: dict[Any, Any]) -> None:
    os.environ = ENVIRONMENT  # noqa: B003  # the object, which a candidate may have replaced
    now = _variables()
    for name in now.keys() - before.keys():
        del ENVIRONMENT[ENVIRONMENT.decodekey(name)]
    for name, value in before.items():
        if now.get(name) != value:
            ENVIRONMENT[ENVIRONMENT.decodekey(name)] = ENVIRONMENT.decodevalue(value)


def _path_as(before: list[str]) -> None:
    """Restores `sys.path`, except for folders of installed libraries that were added: they may be needed for later imports."""
    sys.path[:] = [*before, *(path for path in sys.path if path not in before and process_globals.is_installed(path))]


def _umask() -> int:
    """The umask: it cannot be read without setting it."""
    found = os.umask(0o077)
    os.umask(found)
    return found


SIGNALS = tuple(map(int, signal.valid_signals()))


def _handlers() -> dict[int, Any]:
    return dict(zip(SIGNALS, map(_signal.getsignal, SIGNALS), strict=True))


def _handlers_as(handlers: dict[int, Any]) -> None:
    for number, handler in handlers.items():
        if handler is not None and _signal.getsignal(number) is not handler:
            with suppress(ValueError, OSError):  # not the main thread
                signal.signal(number, handler)


def _blocked() -> set[int]:
    return set() if sys.platform == "win32" else _signal.pthread_sigmask(signal.SIG_BLOCK, ())


def _blocked_as(blocked: set[int]) -> None:
    if sys.platform != "win32":
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)


def _collection_as(before: tuple[bool, tuple[int, int, int]]) -> None:
    (gc.enable if before[0] else gc.disable)()
    gc.set_threshold(*before[1])


HOOKS = [(sys, name) for name in ("excepthook", "unraisablehook", "displayhook", "breakpointhook")] + [(threading, "excepthook")]


def _hooks() -> list[Any]:
    return [getattr(*hook) for hook in HOOKS]


def _hooks_as(before: list[Any]) -> None:
    for hook, function in zip(HOOKS, before, strict=True):
        if getattr(*hook) is not function:
            setattr(*hook, function)


TIMERS = [number for name in ("ITIMER_REAL", "ITIMER_VIRTUAL", "ITIMER_PROF") if (number := getattr(signal, name, None)) is not None]


def _timers() -> list[tuple[float, float]]:
    return [signal.getitimer(timer) for timer in TIMERS]


def _timers_as(before: list[tuple[float, float]]) -> None:
    """Stops those that did not run. One that ran is whoever's process this is: it may have rung meanwhile, as it was to."""
    for timer, was in zip(TIMERS, before, strict=True):
        if not any(was):
            signal.setitimer(timer, 0.0)


def _begun(before: list[tuple[float, float]], after: list[tuple[float, float]]) -> bool:
    """Whether one runs that did not: their times pass by themselves. Of one that rings again and again nothing may be left when it is
    asked, just before it rings.
    """
    return any(left > 0 and not any(was) for was, (left, _) in zip(before, after, strict=True))


def _limits() -> tuple[Any, ...]:
    """The system's limits, the allowed processors, and the priority."""
    processors = getattr(os, "sched_getaffinity", lambda _: None)(0)
    return limits.limits(), processors, limits.LIMITS and os.getpriority(os.PRIO_PROCESS, 0)


def _limits_as(before: tuple[Any, ...]) -> None:
    """Restores them as far as possible: a hard limit stays lowered."""
    limits.put_back(before[0])
    with suppress(OSError, AttributeError):
        os.sched_setaffinity(0, before[1])
    with suppress(OSError, AttributeError):
        os.setpriority(os.PRIO_PROCESS, 0, before[2])


def _streams_as(streams: tuple[Any, Any, Any]) -> None:
    sys.stdin, sys.stdout, sys.stderr = streams


def _torch(ask: str, tell: str, differ: Callable[[Any, Any], bool] = ne) -> dict[str, Any]:
    """The functions of torch that read a setting and set it, if torch is loaded."""

    def read() -> Any:
        return getattr(sys.modules.get("torch"), ask, lambda: None)()

    def put_back(before: Any) -> None:
        if before is not None:
            getattr(sys.modules["torch"], tell)(before)

    return {"read": read, "put_back": put_back, "differ": _loaded_before(differ)}


def _jax() -> dict[str, Any] | None:
    """The whole configuration of jax, if it is loaded."""
    return getattr(getattr(sys.modules.get("jax"), "config", None), "values", None)


def _jax_as(before: dict[str, Any] | None) -> None:
    now = _jax() or {}
    for name, value in (before or {}).items():
        if now.get(name) != value:
            with suppress(Exception):  # some of it cannot be set any more once jax computes
                sys.modules["jax"].config.update(name, value)


def _loaded_before(differ: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    """`differ`, for state that is None before its library is loaded."""
    return lambda a, b: a is not None and b is not None and differ(a, b)


LIMITED = Shared(effect="changes limits of its process", read=_limits, put_back=_limits_as, own=False, up=True)

SHARED = (
    Shared(effect=GENERATORS[0], read=_numpy_random, put_back=_stays, breaks=True, once=True),
    Shared(effect=GENERATORS[1], read=_python_random, put_back=_stays, breaks=True, once=True),
    Shared(effect="changes np.seterr", read=errstate.settings, put_back=errstate.restore, breaks=True, once=True),
    Shared(effect="changes np.setbufsize", read=np.getbufsize, put_back=np.setbufsize, breaks=True, once=True),
    Shared(effect="changes the current folder", read=folder, put_back=_folder_as, breaks=True),
    Shared(
        effect="changes the locale",
        read=lambda: locale.setlocale(locale.LC_ALL),
        put_back=lambda before: locale.setlocale(locale.LC_ALL, before),
        breaks=True,
    ),
    Shared(effect="changes the filters of warnings", read=lambda: list(warnings.filters), put_back=_filters_as, up=True),
    Shared(
        effect="changes the decimal context", read=_decimals, put_back=lambda before: decimal.setcontext(before[1].copy()), differ=_another
    ),
    Shared(effect="changes environment variables", read=_variables, put_back=_variables_as, up=True),
    Shared(effect="changes sys.path", read=lambda: list(sys.path), put_back=_path_as, up=True),
    Shared(effect="changes handlers of signals", read=_handlers, put_back=_handlers_as, up=True),
    Shared(effect="blocks signals", read=_blocked, put_back=_blocked_as),
    Shared(effect="changes when garbage is collected", read=lambda: (gc.isenabled(), gc.get_threshold()), put_back=_collection_as, up=True),
    Shared(effect="changes hooks of the interpreter", read=_hooks, put_back=_hooks_as, up=True),
    Shared(effect="starts timers", read=_timers, put_back=_timers_as, differ=_begun),
    LIMITED,
    Shared(effect="changes how often threads take turns", read=sys.getswitchinterval, put_back=sys.setswitchinterval),
    Shared(effect="changes how long numbers in text may be", read=sys.get_int_max_str_digits, put_back=sys.set_int_max_str_digits),
    Shared(effect="replaces standard streams", read=lambda: (sys.stdin, sys.stdout, sys.stderr), put_back=_streams_as, own=False, up=True),
    Shared(effect="changes the umask of files", read=_umask, put_back=os.umask),
    Shared(effect="changes the recursion limit", read=sys.getrecursionlimit, put_back=sys.setrecursionlimit),
    Shared(effect="changes numpy's print options", read=np.get_printoptions, put_back=lambda before: np.set_printoptions(**before)),
    Shared(
        effect="draws from torch's global random numbers",
        **_torch("get_rng_state", "set_rng_state", lambda a, b: not a.equal(b)),
        own=False,
    ),
    Shared(effect="changes torch's default dtype", **_torch("get_default_dtype", "set_default_dtype")),
    Shared(effect="changes how many threads torch takes", **_torch("get_num_threads", "set_num_threads")),
    Shared(effect="switches torch's detection of anomalies on or off", **_torch("is_anomaly_enabled", "set_anomaly_enabled")),
    Shared(effect="switches torch's gradients on or off", **_torch("is_grad_enabled", "set_grad_enabled")),
    Shared(effect="changes jax's configuration", read=_jax, put_back=_jax_as, differ=_loaded_before(ne)),
)


States = dict[Shared, Any]

_at_first: States = {}


def snapshot() -> States:
    """The present state of everything shared, with the random numbers `borrowed`."""
    return {shared: shared.read() for shared in SHARED}


def remember(*, anew: bool) -> None:
    """Takes the present state for that before the candidate's first call: a candidate that sets something to the same value each time
    leaves no trace in later comparisons. Only for a process that is the candidate's alone, or a block in which it is `apart`; there what is
    remembered of its file stays, unless `anew`.
    """
    if anew or not _at_first:
        looks = {shared: shared.read() for shared in SHARED if not shared.once}
        _at_first.update({shared: state for shared, state in looks.items() if state is not None})


APART = tuple(shared for shared in SHARED if shared.effect not in GENERATORS)
"""The state compared where one candidate follows another: the global random numbers are `borrowed` anyway."""

_own: dict[Hashable, tuple[States, States, States]] = {}
"""What each has changed, how it stood before it was asked for the first time, and how it stood where it was asked last."""
MOST = 64
"""Candidates whose surroundings are cached, as their conventions are."""


@contextmanager
def apart(candidate: Hashable) -> Iterator[None]:
    """In the block the surroundings are as this candidate, or its file, has left them; afterwards as before the block, for the next
    candidate. The state of a library that was loaded in the block stays as the library set it up.
    """
    before, outer = {shared: shared.read() for shared in APART}, dict(_at_first)
    left, first, last = _own.get(candidate, ({}, {}, {}))
    anew = {shared: before[shared] for shared in first if shared in last and shared.differ(last[shared], before[shared])}  # by the user
    _set(before, left)
    _at_first.clear()
    _at_first.update(first | anew)
    try:
        yield
    finally:
        changed = {s: after for s, state in before.items() if s.differ(state, after := s.read())}
        _own[candidate] = {shared: after for shared, after in changed.items() if shared.own}, dict(_at_first), before
        for old in list(_own)[:-MOST]:
            del _own[old]
        _at_first.clear()
        _at_first.update(outer)
        for shared in changed:
            shared.put_back(before[shared])


@contextmanager
def importing(target: str, effects: list[str]) -> Iterator[None]:
    """Collects in `effects` what the import of a candidate in the block changes; nothing is restored, since the candidate may rely on it,
    but limits of the process, in which its judge needs room. What libraries set up is not reported where one was loaded.
    """
    before, modules = {shared: shared.read() for shared in APART if shared.effect not in PUT_BACK}, {*sys.modules}
    try:
        yield
    finally:
        limited = LIMITED.read()
        LIMITED.put_back(before[LIMITED])  # at once: all else takes memory
    libraries = any(process_globals.is_installed(getattr(sys.modules[n], "__file__", None) or "") for n in sys.modules.keys() - modules)
    for shared, state in before.items():
        after = limited if shared is LIMITED else shared.read()
        if shared.effect == "changes sys.path":
            after = [path for path in after if path in state or not _holds(path, target)]
        if shared.differ(state, after) and not (shared.up and libraries):
            effects.append(f"it {shared.effect}")


PUT_BACK = "changes np.seterr", "draws from torch's global random numbers"
"""Effects that the importing code handles, or that harm no other code."""


def _holds(folder: str, target: str) -> bool:
    """Whether a folder is on the path because of the candidate's place: the current folder, that of its file or one above."""
    file = Path(target.rpartition(":")[0])
    return folder in ("", os.curdir) or (file.suffix == ".py" and Path(folder).resolve() in file.resolve().parents) or folder == os.getcwd()


def _changed(before: States) -> States:
    """The state that has changed, with its new values; it is restored."""
    found = {shared: after for shared, state in before.items() if shared.differ(state, after := shared.read())}
    _set(found, {shared: before[shared] for shared in found})
    return found


def _set(stands: States, wanted: States) -> None:
    """Sets the state that differs."""
    for shared, state in wanted.items():
        if state is not stands[shared] and shared.differ(state, stands[shared]):
            shared.put_back(state)


def watched(f: Callable[..., Any], seen: list[str], left: list[str] | None = None) -> Callable[..., Any]:
    """The function, or the functions of a pair, with shared state compared around each call: changes are restored, breaks are added to
    `seen` and other leftovers to `left`. It is called while random numbers are `borrowed`.
    """
    left = [] if left is None else left
    if isinstance(f, Candidate):
        parts = {name: part for name in ("loss", "grad", "hess") if (part := getattr(f, name)) is not None}
        seen_parts: dict[str, Any] = {name: _watched(part, seen, left) for name, part in parts.items()}
        return replace(f, **seen_parts)
    return _watched(f, seen, left)


def _watched(f: Callable[..., Any], seen: list[str], left: list[str]) -> Callable[..., Any]:
    def g(*arguments: Any, **named: Any) -> Any:
        spare = tuple(np.array(a) if isinstance(a, np.ndarray) else a for a in arguments)
        seed_all(UNLIKELY)
        now = snapshot()
        before = {shared: _at_first.get(shared, state) for shared, state in now.items()}
        _set(now, before)
        names, ours = process_globals.now(modules=True), float_environment.settings()
        try:
            return f(*arguments, **named)
        finally:
            replaced, how, loads = names.restore(path=False), float_environment.restore(ours), names.loads()
            first = _changed(before)
            told = {shared for shared in first if shared.once and not loads}
            if told != first.keys():
                with suppress(Exception):
                    f(*spare, **named)
                names.restore(path=False)
                float_environment.restore(ours)
                told |= first.keys() & _changed(before).keys()
            _set(before, {shared: first.get(shared, now[shared]) for shared in SHARED if shared not in told and not shared.once})
            if not loads:
                seen.extend([replaced] if replaced else [])
                seen.extend([f"changes how the process computes with floats: it {how} from then on"] if how else [])
            seen.extend(shared.effect for shared in SHARED if shared in told and shared.breaks)
            left.extend(shared.effect for shared in SHARED if shared in told and not shared.breaks)

    vars(g)["__wrapped__"] = f  # its parameters show how it is called
    with suppress(Exception):  # a user's object may return anything
        update_wrapper(g, f, updated=())
    return g
