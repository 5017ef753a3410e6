"""A case as plain data with the bytes of its arrays: quicker to read than their numbers, and the same to the last bit and in type."""

from __future__ import annotations

from base64 import b64decode, b64encode
from typing import Any

import numpy as np

from verify.cases.case import Case


def packed(case: Case) -> list[Any]:
    """The case as plain data. Raises TypeError for values that are neither plain numbers nor arrays that lie in one piece."""
    return [{name: _packed(v) for name, v in case.values.items()}, case.family, case.seed, list(case.differentiated)]


def unpacked(found: list[Any]) -> Case:
    """The case of such data. Raises ValueError, TypeError or LookupError for other data."""
    values, family, seed, differentiated = found
    own = {name: _unpacked(v) for name, v in values.items()}
    return Case(values=own, family=family, seed=seed, differentiated=tuple(differentiated))


def _packed(value: Any) -> Any:
    if type(value) in (int, float):
        return value
    if type(value) is not np.ndarray or value.dtype.hasobject or not value.flags.c_contiguous:
        raise TypeError(f"{type(value).__name__} is not packed")
    return [value.dtype.str, value.shape, b64encode(value.tobytes()).decode()]


def _unpacked(found: Any) -> Any:
    if not isinstance(found, list):
        return found
    dtype, shape, raw = found
    return np.frombuffer(b64decode(raw), dtype).reshape(shape).copy()
