"""A case: the point at which a law is measured."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, SupportsIndex

import numpy as np
from numpy.typing import NDArray

from verify.difference import Floats, joined, parted
from verify.nested import hexadecimal, leaves

IN_BULK = "in bulk"
"""The family of problems of the bulk search."""

NAMING = "panel"
"""The family of all cases used to name a mistake, whatever they were made from."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Case:
    """Values by name: arrays, and plain numbers. `differentiated` names, in order, those that a gradient is for, all of one dtype. For
    linear scores with labels the values are W (C, D), which is differentiated, X (N, D) with a last column of ones, y (N,) in 0..C−1, and λ
    = reg. `family` is the strategy that built it; `seed` gives laws that need directions something to draw them from.
    """

    values: Mapping[str, Any]
    family: str
    seed: int = 0
    differentiated: tuple[str, ...] = ("W",)

    def __getitem__(self, name: str) -> Any:
        return self.values[name]

    def but(self, /, **values: Any) -> Case:
        """The case with other values of these names. Raises TypeError for an unknown name."""
        if not values.keys() <= self.values.keys():
            raise TypeError(f"{', '.join(values.keys() - self.values.keys())} is no value of a case of {', '.join(self.values)}")
        return Case(values={**self.values, **values}, family=self.family, seed=self.seed, differentiated=self.differentiated)

    def without(self, names: Collection[str]) -> Case:
        """The case without the values of these names."""
        return replace(self, values={name: value for name, value in self.values.items() if name not in names})

    def beside(self, parameters: Mapping[str, float]) -> Case:
        """The case with values of parameters in addition to its own."""
        return replace(self, values={**self.values, **parameters})

    @property
    def x(self) -> Floats:
        """The point as one array: the differentiated value in its own shape; for several, all entries in a row."""
        return joined([np.asarray(self.values[name]) for name in self.differentiated])

    def at(self, x: Floats) -> Case:
        """The case at another point, in the same layout."""
        return self.but(**{name: part if part.ndim else part[()] for name, part in self.parted(x).items()})

    def parted(self, x: NDArray[Any]) -> dict[str, NDArray[Any]]:
        """The parts of an array in the layout of the point, or with its entries in a row, by the names of the values."""
        return dict(zip(self.differentiated, parted(x, [self.values[name] for name in self.differentiated]), strict=True))

    def place(self, entry: Sequence[SupportsIndex]) -> tuple[str, list[int]]:
        """The name of the value that an entry of `x` belongs to, and its index there."""
        here = np.zeros(self.x.shape, bool)
        here[tuple(entry)] = True
        return next((name, np.argwhere(part)[0].tolist()) for name, part in self.parted(here).items() if part.any())

    @property
    def dtype(self) -> str:
        """The name of the point's dtype: float64 or float32."""
        return str(self.values[self.differentiated[0]].dtype.name)

    @cached_property
    def key(self) -> Hashable:
        """A key, equal for cases whose values have the same bits."""
        told = ((v.dtype.char, v.shape, v.tobytes()) if isinstance(v, np.ndarray) else v for v in self.values.values())
        return (*self.values, *told, *self.differentiated)

    def to_dict(self) -> dict[str, Any]:
        """The case as plain data: floats as hexadecimal text, so that the bits are kept; whole numbers as they are."""
        values = {name: hexadecimal(v.tolist() if isinstance(v, (np.ndarray, np.generic)) else v) for name, v in self.values.items()}
        return {"values": values, "differentiated": list(self.differentiated), "family": self.family, "seed": self.seed}

    @classmethod
    def from_dict(cls, found: Mapping[str, Any], dtype: str) -> Case:
        """The case from plain data of `to_dict`, with the same bits; decimal numbers are accepted as well.

        Raises ValueError for invalid numbers, numbers that are not finite, or do not form an array.
        """
        names, values = tuple(found["differentiated"]), dict(found["values"])
        if not names or not values.keys() >= set(names):
            raise ValueError(f"differentiated is {list(names)!r}, of the values {', '.join(values)}")
        return cls(
            values={name: _value(told, dtype, point=name in names) for name, told in values.items()},
            family=str(found.get("family", "stored")),
            seed=_whole(found.get("seed", 0)),
            differentiated=names,
        )


def _value(data: Any, dtype: str, *, point: bool) -> Any:
    """An array, of its own dtype if it is whole, or truth values, and not part of the point; or a number."""
    if not point and leaves(data) and all(isinstance(x, bool) for x in leaves(data)):
        return np.array(data) if isinstance(data, list) else data
    read = _read(data)
    numbers = leaves(read)
    if not numbers:
        raise ValueError("a value has no numbers")
    whole = not point and all(isinstance(x, int) for x in numbers)
    return np.array(read, dtype=np.int64 if whole else dtype) if point or isinstance(data, list) else read


def _read(data: Any) -> Any:
    """The numbers in the same nested lists."""
    if isinstance(data, list):
        return [_read(x) for x in data]
    return data if isinstance(data, int) and not isinstance(data, bool) else _number(data)


def _number(x: object) -> float:
    if isinstance(x, bool) or not isinstance(x, (int, float, str)):
        raise ValueError(f"{x!r} is no number")
    value = float.fromhex(x) if isinstance(x, str) else float(x)
    if not np.isfinite(value):
        raise ValueError(f"{x!r} is not finite")
    return value


def _whole(i: object) -> int:
    if isinstance(i, bool) or not isinstance(i, int):
        raise ValueError(f"{i!r} is no whole number")
    return i
