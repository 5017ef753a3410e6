"""Arrays that compute like numpy's and record the computation: each number has a register."""

from __future__ import annotations

import dis
import operator
import sys
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from verify.tape.tape import Registers
from verify.traced.recorder import Recorder

BINARY, REMAINDERS = dis.opmap["BINARY_OP"], (6, 19)
"""The bytecode instruction of CPython's operators, and its arguments for % and %=."""


class Recorded(np.lib.mixins.NDArrayOperatorsMixin):
    """The base of numbers (`Traced`) and truth values (`Truths`): `values` as in numpy, an array or a single number, and their `registers`,
    in arrays of the same shape. Views of one are views of the other.
    """

    __slots__ = ("recorder", "registers", "values")
    __array_priority__ = 1000.0

    def __init__(self, recorder: Recorder, values: Any, registers: Registers) -> None:
        self.recorder, self.values = recorder, values
        self.registers = registers.copy() if isinstance(values, np.generic) else registers

    def like(self, values: Any, registers: Registers) -> Any:
        """Other numbers on the same record."""
        return type(self)(self.recorder, values, np.asarray(registers, np.intp))

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **options: Any) -> Any:
        from verify.traced.ufuncs import called

        return called(self.recorder, ufunc, method, inputs, options)

    def __array_function__(self, f: Callable[..., Any], types: Any, args: Any, kwargs: Any) -> Any:  # numpy's protocol
        from verify.traced.functions import FUNCTIONS

        own = FUNCTIONS.get(f)
        if own is None:
            name = f"{f.__module__.replace('numpy', 'np', 1)}.{f.__name__}"
            self.recorder.fail(f"it calls {name}" + (", which computes with complex numbers" if name.startswith("np.fft.") else ""))
        return own(*args, **kwargs)

    @property
    def shape(self) -> tuple[int, ...]:
        """See numpy."""
        return np.shape(self.values)

    @property
    def ndim(self) -> int:
        """See numpy."""
        return int(np.ndim(self.values))

    @property
    def size(self) -> int:
        """See numpy."""
        return int(np.size(self.values))

    @property
    def dtype(self) -> np.dtype[Any]:
        """See numpy."""
        found: np.dtype[Any] = self.values.dtype
        return found

    @property
    def nbytes(self) -> int:
        """See numpy."""
        return int(self.values.nbytes)

    @property
    def itemsize(self) -> int:
        """See numpy."""
        return int(self.values.itemsize)

    @property
    def flags(self) -> Any:
        """See numpy."""
        return self.values.flags

    @property
    def T(self) -> Any:  # numpy's name
        """See numpy."""
        return self.transpose()

    @property
    def strides(self) -> tuple[int, ...]:
        """See numpy."""
        found: tuple[int, ...] = self.values.strides
        return found

    @property
    def flat(self) -> Flat:
        """The entries in C order."""
        return Flat(self)

    @flat.setter
    def flat(self, values: Any) -> None:
        self.flat[:] = values

    def __len__(self) -> int:
        return len(self.values)

    def __iter__(self) -> Iterator[Any]:
        return (self[k] for k in range(len(self)))

    def __repr__(self) -> str:
        self.recorder.printed = True
        return repr(self.values)

    def __str__(self) -> str:
        self.recorder.printed = True
        return str(self.values)

    def __format__(self, spec: str) -> str:
        self.recorder.printed = True
        return format(self.values, spec)

    def __hash__(self) -> int:
        return id(self)

    def __getitem__(self, at: Any) -> Any:
        at = plain_index(at)
        return self.like(self.values[at], self.registers[at])

    def moved(self, f: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """The result of a function that moves entries and computes nothing."""
        return self.like(f(self.values, *args, **kwargs), f(self.registers, *args, **kwargs))

    def reshape(self, *shape: Any, **options: Any) -> Any:
        """See numpy."""
        return self.moved(lambda a: np.asarray(a).reshape(*shape, **options))

    def transpose(self, *axes: Any) -> Any:
        """See numpy."""
        return self.moved(lambda a: np.asarray(a).transpose(*axes))

    def ravel(self, *order: Any, **options: Any) -> Any:
        """See numpy."""
        return self.moved(lambda a: np.asarray(a).ravel(*order, **options))

    def flatten(self, *order: Any) -> Any:
        """See numpy."""
        return self.moved(lambda a: np.asarray(a).flatten(*order))

    def squeeze(self, *axis: Any, **options: Any) -> Any:
        """See numpy."""
        return self.moved(np.squeeze, *axis, **options)

    def swapaxes(self, a: int, b: int) -> Any:
        """See numpy."""
        return self.moved(np.swapaxes, a, b)

    def repeat(self, *args: Any, **kwargs: Any) -> Any:
        """See numpy."""
        return self.moved(np.repeat, *args, **kwargs)

    def take(self, *args: Any, **kwargs: Any) -> Any:
        """See numpy."""
        return self.moved(np.take, *args, **kwargs)

    def diagonal(self, *args: Any, **kwargs: Any) -> Any:
        """See numpy."""
        return self.moved(np.diagonal, *args, **kwargs)

    def copy(self, *_: Any, **__: Any) -> Any:
        """See numpy."""
        return self.moved(np.copy)

    __copy__ = copy

    def symmetrised(self) -> Any:
        """Half the sum of a matrix and its transpose, for the suite's use. For symmetric numbers it changes nothing."""
        self.recorder.b.line = None
        turned, b = np.swapaxes(self.registers, -1, -2), self.recorder.b
        return self.like((self.values + np.swapaxes(self.values, -1, -2)) / 2, b.mul(b.add(self.registers, turned), 0.5))

    def __deepcopy__(self, _: Any) -> Any:
        return self.copy()

    def __reduce_ex__(self, _: Any) -> Any:
        self.recorder.fail("it pickles numbers that are differentiated")


class Flat:
    """A view of all entries in one row."""

    def __init__(self, x: Any) -> None:
        self.x = x

    def __len__(self) -> int:
        return int(self.x.size)

    def __iter__(self) -> Iterator[Any]:
        return iter(self.x.ravel())

    def __getitem__(self, at: Any) -> Any:
        return self.x.ravel()[at]

    def __setitem__(self, at: Any, values: Any) -> None:
        places = np.arange(self.x.size)[plain_index(at)]
        if places.ndim and np.ndim(values):
            values = np.resize(values, places.shape)  # as numpy repeats them
        self.x[np.unravel_index(places, self.x.shape)] = values


class Truths(Recorded):
    """The results of comparing recorded numbers: three-valued on the tape, open where the numbers are equal."""

    __slots__ = ()

    def __array__(self, dtype: Any = None, **_: Any) -> Any:
        return np.asarray(self.decided(), dtype)

    def decided(self) -> Any:
        """Plain truth values, on which the code branches."""
        found = self.recorder.decide(self.registers, self.values)
        return found if isinstance(self.values, np.ndarray) else np.bool_(found)

    def numbers(self, dtype: Any = np.float64) -> Any:
        """1 where true, else 0."""
        registers = self.recorder.apply("where", self.registers, 1, 0)
        return Traced(self.recorder, np.asarray(self.values).astype(dtype)[()], registers)

    def __bool__(self) -> bool:
        return bool(self.decided())

    def __index__(self) -> int:
        return operator.index(bool(self))

    def __int__(self) -> int:
        return int(bool(self))

    def __setitem__(self, at: Any, value: Any) -> None:
        new, b = truths(self.recorder, value), self.recorder.b
        if isinstance(at, Truths) and at.shape == self.shape and not new.ndim:
            at = at.decided() if not isinstance(at.values, np.ndarray) else at
            kept = b.or_(b.and_(at.registers, new.registers), b.and_(b.not_(at.registers), self.registers))
            self.registers[...], self.values[...] = kept, np.where(at.values, new.values, self.values)
            return
        at = plain_index(at)
        self.values[at], self.registers[at] = new.values, new.registers

    def astype(self, dtype: Any, **_: Any) -> Any:
        """Numbers on the record; for integer dtypes, decided ones."""
        kind = np.dtype(dtype).kind
        if kind == "b":
            return self
        return self.numbers(dtype) if kind == "f" else np.asarray(self.decided()).astype(dtype)[()]

    def sum(self, axis: Any = None, dtype: Any = None, keepdims: bool = False) -> Any:
        """The number of true values, on the record."""
        return self.numbers(np.int64 if dtype is None else dtype).sum(axis=axis, keepdims=keepdims)

    def mean(self, axis: Any = None, keepdims: bool = False) -> Any:
        """The share of true values, on the record."""
        return self.numbers().mean(axis=axis, keepdims=keepdims)

    def any(self, axis: Any = None, keepdims: bool = False, **_: Any) -> Any:
        """See numpy; decides the values."""
        return np.any(self.decided(), axis=axis, keepdims=keepdims)

    def all(self, axis: Any = None, keepdims: bool = False, **_: Any) -> Any:
        """See numpy; decides the values."""
        return np.all(self.decided(), axis=axis, keepdims=keepdims)

    def nonzero(self) -> Any:
        """See numpy; decides the values."""
        return np.nonzero(self.decided())

    def item(self, *_: Any) -> bool:
        """See numpy; decides the value."""
        return bool(self)


class Traced(Recorded):
    """Recorded numbers."""

    __slots__ = ()

    def __array__(self, *_: Any, **__: Any) -> Any:
        self.recorder.fail("it makes a plain array of numbers that are differentiated")

    def __setitem__(self, at: Any, value: Any) -> None:
        recorder = self.recorder
        value = value.numbers(self.dtype) if isinstance(value, Truths) else value
        if isinstance(at, Truths) and at.shape == self.shape and np.ndim(value) == 0:
            new = value if isinstance(value, Traced) else lifted(recorder, np.asarray(value, self.dtype)[()])
            self.registers[...] = recorder.choice(at.registers, at.values, new.registers, self.registers)
            self.values[...] = np.where(at.values, new.values, self.values)
            return
        at = plain_index(at)
        new = value if isinstance(value, Traced) else lifted(recorder, np.asarray(value, self.dtype))
        self.values[at] = new.values
        self.registers[at] = cast(new, self.dtype).registers

    def __iadd__(self, other: Any) -> Any:
        return self._into(np.add, other)

    def __isub__(self, other: Any) -> Any:
        return self._into(np.subtract, other)

    def __imul__(self, other: Any) -> Any:
        return self._into(np.multiply, other)

    def __itruediv__(self, other: Any) -> Any:
        return self._into(np.true_divide, other)

    def __ipow__(self, other: Any) -> Any:
        return self._into(np.power, other)

    def _into(self, ufunc: np.ufunc, other: Any) -> Any:
        if not isinstance(self.values, np.ndarray):
            return ufunc(self, other)  # a single number is never changed
        found = ufunc(self, other)
        self.values[...] = found.values
        self.registers[...] = cast(found, self.dtype).registers
        return self

    def __bool__(self) -> bool:
        return bool(self != 0)

    def __float__(self) -> float:
        return float(self._as_text() or self.recorder.fail("it makes a plain number of one that is differentiated"))

    def __int__(self) -> int:
        return int(self._as_text() or self._whole("trunc"))

    def __index__(self) -> int:
        return self.recorder.fail("it takes a number that is differentiated for a whole one")

    def _whole(self, name: str) -> Any:
        """The numbers rounded to whole ones, plain."""
        from verify.traced.rounding_functions import whole

        return whole(self, name)

    def __trunc__(self) -> int:
        return int(self._whole("trunc"))

    def __floor__(self) -> int:
        return int(self._whole("floor"))

    def __ceil__(self) -> int:
        return int(self._whole("ceil"))

    def _as_text(self) -> Any:
        """The plain number in an array that is formatted as text: `"%.3f" % loss`. (An array's own % does not ask for a plain number.)"""
        frame = sys._getframe(2)
        code, at = frame.f_code.co_code, frame.f_lasti
        if at < 0 or code[at] != BINARY or code[at + 1] not in REMAINDERS:
            return None
        self.recorder.printed = True
        return np.reshape(self.values, 1).tolist()[0] or "0"

    def __round__(self, digits: int | None = None) -> Any:
        return int(self._whole("rint")) if digits is None else np.round(self, digits)

    def item(self, *at: Any) -> Any:
        """One entry, still on the record."""
        flat = self.ravel()
        return flat[0] if not at else self[at] if len(at) > 1 else flat[at[0]]

    def tolist(self) -> Any:
        """Nested lists of entries, still on the record."""
        return [a.tolist() for a in self] if self.ndim else self[()]

    def astype(self, dtype: Any, **_: Any) -> Any:
        """The numbers in another dtype; truth values and whole numbers are decided."""
        if np.dtype(dtype).kind == "b":
            return self != 0
        if np.dtype(dtype).kind in "iu":
            return self._whole("trunc").astype(dtype)[()]
        if np.dtype(dtype).kind != "f":
            self.recorder.fail(f"it makes {np.dtype(dtype)} numbers of ones that are differentiated")
        return cast(self.copy(), dtype)

    def fill(self, value: Any) -> None:
        """See numpy."""
        self[...] = value

    def view(self, *_: Any) -> Any:
        """A view of the same memory."""
        return self.like(self.values, self.registers)

    @property
    def real(self) -> Any:
        """The array itself."""
        return self

    def __getattr__(self, name: str) -> Any:
        from verify.traced.functions import METHODS

        if name in METHODS:
            return lambda *args, **kwargs: METHODS[name](self, *args, **kwargs)
        if name.startswith("__"):
            raise AttributeError(name)
        return self.recorder.fail(f"it asks an array for .{name}")


def lifted(recorder: Recorder, x: Any) -> Traced:
    """The numbers on the record; those that are not recorded become constants."""
    if isinstance(x, Recorded):
        recorder.owns(x.recorder)
        return x if isinstance(x, Traced) else x.numbers()  # type: ignore[attr-defined]
    if isinstance(x, (list, tuple)):
        return stacked(recorder, x)
    values = x if isinstance(x, (np.ndarray, np.generic)) else np.asarray(x)[()]
    return Traced(recorder, values, recorder.constants(values))


def truths(recorder: Recorder, x: Any) -> Truths:
    """The truth values on the record; those that are not recorded become constants."""
    if isinstance(x, Recorded):
        recorder.owns(x.recorder)
        return x if isinstance(x, Truths) else x != 0
    values = np.asarray(x, bool)[()]
    return Truths(recorder, values, recorder.known(values))


def stacked(recorder: Recorder, rows: Any) -> Traced:
    """Nested lists as one array."""
    if not has_recorded(rows):
        return lifted(recorder, np.asarray(rows))
    parts = [lifted(recorder, r) for r in rows]
    return Traced(recorder, np.array([p.values for p in parts]), np.array([p.registers for p in parts], np.intp))


def has_recorded(x: Any) -> bool:
    """Whether nested lists contain anything recorded."""
    return isinstance(x, Recorded) or (isinstance(x, (list, tuple)) and any(map(has_recorded, x)))


def recorder_of(*args: Any) -> Recorder:
    """The recorder of the first recorded argument."""
    for a in args:
        if isinstance(a, Recorded):
            return a.recorder
        if isinstance(a, (list, tuple)) and has_recorded(a):
            return recorder_of(*a)
    raise AssertionError("nothing is recorded")


def cast(x: Traced, dtype: Any) -> Traced:
    """The numbers in another precision, rounded if it is lower."""
    wanted = np.dtype(dtype)
    values = x.values.astype(wanted)
    if x.dtype.kind == "f" and wanted.itemsize < x.dtype.itemsize:
        return Traced(x.recorder, values, x.recorder.apply("round_to", x.registers, parameter=wanted.name))
    return Traced(x.recorder, values, x.registers)


def plain_index(at: Any) -> Any:
    """The index with recorded truth values decided, since they select entries."""
    if isinstance(at, tuple):
        return tuple(map(plain_index, at))
    if isinstance(at, Truths):
        return at.decided()
    if isinstance(at, Traced):
        at.recorder.fail("it indexes by a number that is differentiated")
    return at
