"""Where a pair is judged: at the point that the user gave, and around it."""

from __future__ import annotations

import reprlib
from collections.abc import Iterator
from itertools import count

import numpy as np
from numpy.typing import ArrayLike, NDArray

from verify.cases import Case
from verify.errors import UsageError
from verify.pair.slope import on_grid
from verify.problem.around import DRAWS, has_zeros, scales, sizes

Floats = NDArray[np.floating]
Start = tuple[tuple[int, ...], tuple[float, ...]]
"""A point as plain data: its shape and its numbers."""

GIVEN, NEAR, MOVED, SIMPLIFIED = "given", "near", "moved", "simplified"
"""Families that are told apart: the user's own point, points near it, one beside a place where differences decide nothing, and one of
plainer numbers than where a law broke.
"""
ASIDE = (2.0**-6, 2.0**-5)
"""Part of its size by which an entry is moved: some steps longer than the shortest in float32, and less than any two numbers of few bits
are apart.
"""


def case_of(x: Floats, *, family: str, seed: int = 0) -> Case:
    """One point, with the seed of its directions."""
    return Case(values={"x": x}, differentiated=("x",), family=family, seed=seed)


def grid(case: Case) -> Floats:
    """The point but for the last bits: steps from there are exact."""
    return on_grid(case.x, scales(case.x))


def moved(case: Case) -> Case:
    """A point a little beside this one, on no kink that goes through it, since each entry is moved by another amount."""
    rng = np.random.default_rng(case.seed)
    by = rng.uniform(*ASIDE, case.x.shape) * rng.choice((-1.0, 1.0), case.x.shape)
    x = np.asarray(case.x + sizes(case.x) * by, dtype=case.dtype)
    return _settled(x, MOVED, case.seed + 2)  # two directions are asked at each point


def simplified(case: Case, x: Floats) -> Case:
    """A point of plainer numbers, with the directions of the case that it was made from."""
    return _settled(x, SIMPLIFIED, case.seed)


def given(at: Start, dtype: str) -> Floats:
    """The point from its plain data."""
    return np.array(at[1], dtype=dtype).reshape(at[0])


def point(at: ArrayLike | None) -> Floats:
    """The point as an array of a dtype that is judged: other numbers are taken in double precision. Raises UsageError where it is none."""
    if getattr(at, "requires_grad", False) is True:
        raise UsageError("at is a tensor that requires grad: the candidate is asked at other points too. Give at.detach().")
    try:
        with np.errstate(all="ignore"):
            x = np.asarray(at)
            real = x.dtype.kind in "iufO" or (x.dtype.kind == "V" and "float" in x.dtype.name)  # V: bfloat16 and the like
            x = x if x.dtype in (np.float32, np.float64) or not real else np.asarray(x, dtype=np.float64)
    except Exception:  # whatever an object raises that is no array
        raise UsageError(f"at is {reprlib.repr(at)}, a {type(at).__name__}; give an array of numbers.") from None
    if x.dtype.kind == "c":
        raise UsageError(f"at has dtype {x.dtype}; gradients are judged at real numbers. Give at.real, or real and imaginary part apart.")
    if not real or np.any(np.ma.getmaskarray(at) if isinstance(at, np.ma.MaskedArray) else False):
        what = "masked entries" if real else f"dtype {x.dtype}"
        raise UsageError(f"at is {reprlib.repr(at)} with {what}; give an array of numbers, such as np.array([1.0, 2.5]).")
    if not x.size or not np.all(np.isfinite(x)):
        raise UsageError(f"at has shape {x.shape}{' and holds numbers that are not finite' if x.size else ''}; give a finite point.")
    return x


def start(x: Floats) -> Start:
    """The point as plain data."""
    return x.shape, tuple(float(v) for v in x.ravel())


def places(at: Start, dtype: str, seed: int) -> Iterator[Case]:
    """The given point as it is, then points around it without end, each on the grid on which steps are exact.

    Signs stay as they are, since a logarithm may wait behind them; where the given point has both, or zeros, there are zeros too, and
    a point that is nothing else.
    """
    x, rng = given(at, dtype), np.random.default_rng(seed)
    yield case_of(x, family=GIVEN, seed=seed)
    zeros = has_zeros(x)
    for round_ in count():
        for family, draw in DRAWS.items():
            if zeros or family != "zeroed":
                yield _settled(draw(x, rng), family, int(rng.integers(2**31)))
        if zeros and round_ == 0:
            yield _settled(np.zeros_like(x), "zeroed", int(rng.integers(2**31)))


def _settled(x: Floats, family: str, seed: int) -> Case:
    """The point on the grid on which steps from it are exact."""
    return case_of(on_grid(x, scales(x)), family=family, seed=seed)
