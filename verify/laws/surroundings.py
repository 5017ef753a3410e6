"""What a process shares: random numbers, numpy's errors, functions, the settings for floats. A candidate leaves them as they are."""

from __future__ import annotations

import random
from collections.abc import Callable, Hashable
from dataclasses import replace
from functools import wraps
from typing import Any

import numpy as np

from verify.candidates import Candidate, floats, functions

UNLIKELY = 0x5EED_0DD
"""A seed that no candidate sets: one that seeds the generators with the same number each time would change nothing by it."""


def _numpy_random() -> Hashable:
    state: Any = np.random.get_state()  # noqa: NPY002  # the legacy global state is the one that a candidate may touch
    return state[1].tobytes(), *state[2:]


SHARED: dict[str, Callable[[], Any]] = {
    "draws from numpy's global random numbers": _numpy_random,
    "draws from Python's global random numbers": random.getstate,
    "changes np.seterr": np.geterr,
}


def watched(f: Callable[..., Any], seen: list[str]) -> Callable[..., Any]:
    """The same function, or functions of a pair; what they change is put back and told in `seen`."""
    if isinstance(f, Candidate):
        return replace(f, **{name: _watched(part, seen) for name in ("loss", "grad", "hess") if (part := getattr(f, name)) is not None})
    return _watched(f, seen)


def _watched(f: Callable[..., Any], seen: list[str]) -> Callable[..., Any]:
    @wraps(f, updated=())
    def g(*arguments: Any) -> Any:
        state, python, ours = np.random.get_state(), random.getstate(), floats.settings()  # noqa: NPY002
        shared = functions.Before()
        np.random.seed(UNLIKELY)  # noqa: NPY002
        random.seed(UNLIKELY)
        before = {what: look() for what, look in SHARED.items()}
        try:
            return f(*arguments)
        finally:
            replaced = shared.restore()
            seen.extend([replaced] if replaced else [])
            seen.extend(what for what, look in SHARED.items() if look() != before[what])
            np.random.set_state(state)  # noqa: NPY002
            random.setstate(python)
            how = floats.restore(ours)
            seen.extend([f"changes how the process computes with floats: it {how} from then on"] if how else [])

    return g
