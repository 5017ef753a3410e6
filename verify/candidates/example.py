"""One example of a candidate's inputs, as the user gives it: an array, a tuple by position, a dict by name, or a function that returns one.

It is kept as plain data, since the candidate may be imported only where it is judged; the names of its parts are inferred there.
"""

from __future__ import annotations

import reprlib
from collections.abc import Callable, Hashable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from verify.candidates.answer import error_line
from verify.errors import UsageError
from verify.rounding import HALVES

Floats = NDArray[np.floating]


@dataclass(frozen=True, eq=False)
class Example:
    """`given` is an array, or a tuple, list or dict of numbers, arrays and text, possibly nested. Examples with the same bits are equal.
    `halves` are the half-precision formats of the original: code is not judged in them, and the numbers are stored here in a finer dtype.
    """

    given: Any
    halves: tuple[str, ...] = ()

    def limitations(self, dtype: str) -> tuple[str, ...]:
        """Notes for the report when the example is judged in this dtype."""
        if not self.halves:
            return ()
        told = " and ".join(self.halves)
        return (f"the example is in {told}, and the code is judged in {dtype}: how it computes in half precision is not asked",)

    @cached_property
    def key(self) -> Hashable:
        """A hashable key, equal for equal examples."""
        return _key(self.given)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Example) and self.key == other.key

    def __hash__(self) -> int:
        return hash(self.key)

    @property
    def dtype(self) -> str:
        """The default dtype to judge in: single precision where all of numpy's real numbers in the example have it."""
        found = {a.dtype for a in _leaves(self.given) if isinstance(a, (np.ndarray, np.floating)) and a.dtype.kind == "f"}
        return "float32" if found == {np.dtype(np.float32)} else "float64"


def example(at: Any) -> Example:
    """The example as plain data. Raises UsageError where a part cannot be converted."""
    if callable(at) and not hasattr(at, "__array__"):
        try:
            at = at()
        except Exception as error:
            raise UsageError(
                f"at is a function, and raises {error_line(error)}. Give the inputs, or a function that returns them."
            ) from None
    try:
        halves = tuple(sorted(_halves(at)))
        if isinstance(at, Mapping) or (isinstance(at, (tuple, list)) and not of_numbers(at)):
            return Example(part(at, "at"), halves)
    except RecursionError:
        raise UsageError(f"at is {reprlib.repr(at)}, which is nested too deeply. Give arrays of numbers, several by their names.") from None
    return Example(at if isinstance(at, (tuple, list)) and at else point(at), halves)


def _halves(at: Any) -> set[str]:
    """The half-precision formats of the arrays in a value, of any library. Raises RecursionError."""
    if isinstance(at, (Mapping, tuple, list)):
        return {name for a in (at.values() if isinstance(at, Mapping) else at) for name in _halves(a)}
    name = str(getattr(at, "dtype", "")).removeprefix("torch.")
    return {name} & HALVES.keys()


def of_numbers(a: Any) -> bool:
    """Whether a value consists of numbers of any kind in nested lists and tuples, as an array may be written."""
    return all(map(of_numbers, a)) if isinstance(a, (tuple, list)) else isinstance(a, (int, float, complex, np.number))


def point(at: ArrayLike | None) -> Floats:
    """The point as an array of a supported dtype; others become double precision. Raises UsageError for what is not an array of numbers."""
    if getattr(at, "requires_grad", False) is True:
        raise UsageError("at is a tensor that requires grad: the candidate is asked at other points too. Give at.detach().")
    if isinstance(at, str):
        raise UsageError(f"at is the text {at!r}; give an array of numbers. FILE:NAME is for the command line and pyproject.toml.")
    _dense(at, "at")
    try:
        with np.errstate(all="ignore"):
            x = np.asarray(_in_single(at))
            real = x.dtype.kind in "iufO" or (x.dtype.kind == "V" and "float" in x.dtype.name)  # V: bfloat16 and the like
            x = x if x.dtype in (np.float32, np.float64) or not real else np.asarray(x, dtype=np.float64)
    except Exception:  # any error of an object that is no array
        raise UsageError(f"at is {reprlib.repr(at)}, a {type(at).__name__}; give an array of numbers.") from None
    if x.dtype.kind == "c":
        raise UsageError(f"at has dtype {x.dtype}; gradients are judged at real numbers. Give at.real, or real and imaginary part apart.")
    if not real or np.any(np.ma.getmaskarray(at) if isinstance(at, np.ma.MaskedArray) else False):
        what = "masked entries" if real else f"dtype {x.dtype}"
        raise UsageError(f"at is {reprlib.repr(at)} with {what}; give an array of numbers, such as np.array([1.0, 2.5]).")
    if not x.size or not np.all(np.isfinite(x)):
        raise UsageError(f"at has shape {x.shape}{' and holds numbers that are not finite' if x.size else ''}; give a finite point.")
    return x


def part(a: Any, path: str) -> Any:
    """A part of an example as plain data; `path` is its position for error messages."""
    if isinstance(a, Mapping):
        if not a or not all(isinstance(key, (str, int)) for key in a):
            what = "is an empty dict" if not a else f"has keys that are neither text nor whole numbers: {reprlib.repr(list(a))}"
            raise UsageError(f"{path} {what}. Give a dict of arrays by their names.")
        return {key: part(value, f"{path}[{key!r}]") for key, value in a.items()}
    if type(a) in (tuple, list) and (path == "at" or not of_numbers(a)):
        return type(a)(part(value, f"{path}[{k}]") for k, value in enumerate(a))
    return _leaf(a, path)


def _leaf(a: Any, path: str) -> Any:
    """An array, a number or a text as plain data."""
    if a is None or isinstance(a, (str, bool)):
        return a
    if getattr(a, "requires_grad", False) is True:
        raise UsageError(f"{path} is a tensor that requires grad: the candidate is asked at other points too. Give a detached one.")
    _dense(a, path)
    if callable(a) and not hasattr(a, "__array__"):
        raise UsageError(f"{path} is a function; give numbers, arrays and text, and let the candidate know its functions by itself.")
    try:
        x = a if isinstance(a, (int, float)) else np.asarray(_in_single(a))[()]
    except Exception:  # any error of an object that is no array
        raise UsageError(f"{path} is a {type(a).__name__}, which is no array. Give numbers, arrays and text, or dicts and lists.") from None
    kind = np.asarray(x).dtype
    if kind.kind == "c":
        raise UsageError(f"{path} has dtype {kind}; gradients are judged at real numbers. Give real and imaginary part apart.")
    if not np.size(x):
        raise UsageError(f"{path} is empty, of shape {np.shape(x)}; give an example with numbers in it.")
    if isinstance(a, np.ma.MaskedArray) and np.any(np.ma.getmaskarray(a)):
        raise UsageError(f"{path} has masked entries, which are no numbers.")
    if (kind.kind == "V" and "float" in kind.name) or (kind.kind == "f" and kind not in (np.float32, np.float64)):
        x = np.asarray(x, np.float64)[()]
    elif kind.kind not in "fiubU":
        if kind.kind == "O" and not isinstance(a, np.ndarray):
            name = type(a).__name__
            raise UsageError(
                f"{path} is a {name}; give arrays of numbers. What else a function takes is bound to it: partial(f, {name}(…))."
            )
        what = "of objects" if kind.kind == "O" else f"of dtype {kind}"
        raise UsageError(f"{path} is an array {what}, a {type(a).__name__}; give arrays of numbers, dicts and lists of these, or text.")
    if np.asarray(x).dtype.kind == "f" and not np.all(np.isfinite(x)):
        raise UsageError(f"{path} holds numbers that are not finite; give a finite example.")
    return x


def _in_single(a: Any) -> Any:
    """bfloat16 tensors of torch, which numpy has no format for, in single precision, which holds the same numbers."""
    return a.float() if str(getattr(a, "dtype", None)) == "torch.bfloat16" else a


def _dense(a: Any, path: str) -> None:
    if type(a).__module__.startswith(("scipy.sparse", "sparse.")) or getattr(a, "is_sparse", False) is True:
        dense = "to_dense()" if getattr(a, "is_sparse", False) is True else "toarray()"
        raise UsageError(f"{path} is sparse, a {type(a).__name__}; gradients are judged in arrays. Give it as .{dense}.")


def _leaves(given: Any) -> Iterator[Any]:
    if isinstance(given, (dict, tuple, list)):
        for part in given.values() if isinstance(given, dict) else given:
            yield from _leaves(part)
    else:
        yield given


def _key(given: Any) -> Hashable:
    if isinstance(given, dict):
        return "dict", tuple((key, _key(part)) for key, part in given.items())
    if isinstance(given, (tuple, list)):
        return type(given).__name__, tuple(map(_key, given))
    if isinstance(given, np.ndarray):
        return given.dtype.str, given.shape, given.tobytes()
    return type(given).__name__, repr(given)


def mapped(f: Callable[[tuple[Any, ...], Any], Any], tree: Any, path: tuple[Any, ...] = ()) -> Any:
    """Nested dicts, lists and tuples with `f(path, leaf)` in place of each leaf."""
    if isinstance(tree, dict):
        return {key: mapped(f, below, (*path, key)) for key, below in tree.items()}
    if isinstance(tree, (list, tuple)):
        return type(tree)(mapped(f, below, (*path, k)) for k, below in enumerate(tree))
    return f(path, tree)


def as_lists(tree: Any) -> Any:
    """Nested data with dicts of the keys 0, 1, … as lists."""
    if not isinstance(tree, dict):
        return tree
    below = {key: as_lists(part) for key, part in tree.items()}
    return [*below.values()] if [*below] == [*range(len(below))] else below
