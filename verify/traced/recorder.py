"""Recording of running code: operations on registers, the lines they come from, and the decisions made by comparing numbers."""

from __future__ import annotations

import linecache
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import lru_cache, reduce
from importlib import import_module
from itertools import islice
from types import CodeType, FrameType
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from verify.tape.tape import Builder, Registers, SourceLine, of_one_shape
from verify.traced import infinite

OWN = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep
BESIDE = os.path.dirname(os.path.dirname(os.path.abspath(np.__file__))) + os.sep
"""The folder of numpy and scipy: an environment may borrow them from another one."""
LIBRARIES = (*(BESIDE + library + os.sep for library in ("numpy", "scipy", "torch", "jax", "jaxlib")), OWN)
"""Paths of code that is never part of a formula."""
ASKING = OWN + os.path.join("traced", "record.py")
"""The path of the code that runs what is recorded: beyond it are frames of whoever asks, none of a candidate."""
BITS = {"float64": 24, "float32": 12}
"""By dtype, the significant bits of a constant that is taken as exact: longer ones were rounded before the code got them."""
ROUNDINGS = 64.0
"""Roundings, relative to the largest number of an array, that such constants may have behind them."""
FRONT_ENDS = {"torch": "verify.traced.tensors", "jax": "verify.traced.jaxpr"}
"""The modules that record code of a framework."""
SHORT = 64
"""Largest array whose registers are cached: loops use the same arrays again and again."""
MOST_INSTRUCTIONS = 100_000
"""Operations that one run of code may record: some fifty microseconds each, whether of one number or of many."""
GUARD = 1e-7
"""Largest constant that counts as added to keep a logarithm or a quotient finite. Leaving it out of a gradient changes less than rounding
in single precision does.
"""


class NotTraced(BaseException):
    """The code does something that cannot be recorded: what, and on which line. The code's own exception handlers do not catch it."""

    def __init__(self, what: str, line: SourceLine | None = None) -> None:
        super().__init__(what)
        self.what, self.line = what, line

    def __str__(self) -> str:
        where = f" ({os.path.basename(self.line.file)}:{self.line.number}, `{self.line.code}`)" if self.line else ""
        return f"{self.what}{where}"


class WritesBuffer(NotTraced):
    """The code writes into an array that it keeps: the `buffer`, if another array can replace it."""

    buffer: Any = None


@dataclass(eq=False)
class Recorder:
    """Records on a builder of tapes.

    `forced` gives the outcomes of comparisons, by the register of their truth value, that differ from those of the floats; `decided` has
    the outcome of each that decides which code runs, in order. With `written` every comparison decides at once, as in a gradient's code,
    where ties are taken as written; with `strict` ties are as written too, and nothing is decided before it is needed. `inspected` says
    that the code has asked about numbers in other ways, such as whether they are finite, and `printed` that it has formatted them as text.
    `real` says that, with `strict`, it asked whether numbers are finite that have a value everywhere, and so are finite as real numbers.
    `infinite` are the registers of constants that are not finite. `at` is the current line of a program that was written before it runs.

    At most `most` instructions of a run are recorded. `opposites` are truth values that are the negation of others, `known_arrays` short
    arrays of numbers, of which single ones have registers `alone`, `buffers` arrays that the code brings along and writes into. `halved`
    names functions that read one triangle of a matrix whose triangles differ. `extremes` are single numbers chosen by Python's `max` or
    `min`, with those that they were chosen from.
    """

    b: Builder = field(default_factory=Builder)
    forced: Mapping[int, bool] = field(default_factory=dict)
    written: bool = False
    strict: bool = False
    decided: dict[int, bool] = field(default_factory=dict)
    blurred: dict[int, float] = field(default_factory=dict)
    alone: set[int] = field(default_factory=set)
    guards: dict[float, int] = field(default_factory=dict)
    infinite: dict[int, float] = field(default_factory=dict)
    buffers: dict[int, Any] = field(default_factory=dict)
    known_arrays: dict[Any, Registers] = field(default_factory=dict)
    opposites: dict[int, int] = field(default_factory=dict)
    extremes: dict[int, tuple[str, tuple[int, ...]]] = field(default_factory=dict)
    halved: list[str] = field(default_factory=list)
    printed: bool = False
    inspected: bool = False
    real: bool = False
    failure: NotTraced | None = None
    at: SourceLine | None = None
    most: int = field(init=False)

    def __post_init__(self) -> None:
        self.most = self.b.length + MOST_INSTRUCTIONS

    def follow(self, library: str, f: Callable[..., Any], arguments: Sequence[Any], known: dict[Any, Any] | None = None) -> Any:
        """The result of a function of a framework's arrays for arrays, some of them recorded; `known` is a cache for later calls. Raises
        NotTraced.
        """
        found: Any = import_module(FRONT_ENDS[library]).followed(self, f, arguments, known)
        return found

    @property
    def line(self) -> SourceLine | None:
        """The running line of the candidate's own code."""
        return line_of_code() if self.at is None else self.at

    def constants(self, values: Any) -> Registers:
        """The registers of numbers that the code brings along. For those with long mantissas, the size from which on they may be rounded is
        kept.
        """
        a = np.asarray(values)
        if a.size > SHORT or a.dtype.hasobject:
            return self._constants(a)
        numbers = a.dtype.char, a.shape, a.tobytes()
        if numbers not in self.known_arrays:
            self.known_arrays[numbers] = found = self._constants(a)
            self.alone.update([] if a.ndim else [int(found)])
        return self.known_arrays[numbers].copy()

    def _constants(self, a: NDArray[Any]) -> Registers:
        if a.dtype.kind not in "fiub":
            self.fail(f"it computes with {a.dtype} numbers" if a.dtype.kind in "cOSU" else f"it computes with {a.dtype}")
        finite = np.isfinite(a)
        if not np.all(finite):
            registers = np.where(finite, self.constants(np.where(finite, a, a.dtype.type(0))), 0)
            registers[~finite] = [infinite.register(self, v) for v in a[~finite].tolist()]
            return registers
        registers = self.b.constants(a.astype(np.float64) if a.dtype.kind in "fb" else a)
        if a.dtype.kind == "f" and a.size:
            mantissa, _ = np.frexp(a.astype(np.float64))
            long = np.asarray(mantissa * 2.0 ** BITS.get(a.dtype.name, 24) % 1 != 0)
            if np.any(long):
                size = ROUNDINGS * float(np.finfo(a.dtype).eps) / 2 * float(np.max(np.abs(a)))
                for r in np.unique(registers[long]).tolist():
                    self.blurred[r] = max(size, self.blurred.get(r, 0.0))
        return registers

    def apply(self, name: str, *operands: Any, parameter: Any = None) -> Registers:
        """Records one primitive, with the line of code that calls it."""
        self.b.line = self.line
        if self.b.length > self.most:
            self.fail(f"it takes more than {MOST_INSTRUCTIONS} operations, up to which code is recorded")
        found: Registers | None = infinite.applied(self, name, operands, parameter) if self.infinite else None
        return getattr(self.b, name)(*operands, parameter=parameter) if found is None else found

    def added(self, x: Any) -> Registers | None:
        """The registers of a tiny number that is added, which a gradient may leave out, as an input of the tape; None if it is not tiny."""
        if np.ndim(x) or isinstance(x, (bool, np.bool_)) or not 0 < abs(float(x)) <= GUARD:
            return None
        if float(x) not in self.guards:
            self.guards[float(x)] = int(self.b.inputs((), variable=False))
        return np.asarray(self.guards[float(x)], np.intp)

    @property
    def hole(self) -> Registers:
        """The register of an unknown number: no ball around it is finite."""
        found: Registers = self.b.div(1, 0)
        return found

    def above(self, x: Registers, y: Registers) -> Registers:
        """The truth values of x > y, open where x = y: either side may be taken there, except by code that is taken as written."""
        first, second = of_one_shape([x, y])
        if self.extremes and first.size == 1 and (found := self._above_one(first, second)) is not None:
            return found
        closed = self._closed(first, second)
        if closed.any():
            pairs = zip(*(map(self._standing, c[closed].tolist()) for c in (first, second)), strict=True)
            found = np.empty(closed.shape, np.intp)
            found[closed] = self.known([a > b for a, b in pairs])
            if not np.all(closed):
                found[~closed] = self.above(first[~closed], second[~closed])
            return found
        if self.written or self.strict:
            self.b.line = self.line
            return self.b.gt(first, second)  # type: ignore[no-any-return]
        given = self.b.given(first) & self.b.given(second)
        if given.any():  # exact numbers without a derivative: x > 0 is false at 0
            self.b.line = self.line
            found = np.empty(given.shape, np.intp)
            found[given] = self.b.gt(first[given], second[given])
            if not given.all():
                found[~given] = self.above(first[~given], second[~given])
            return found
        flipped = np.asarray(first > second)  # one form for both orders, so that they decide alike
        low, high = np.where(flipped, second, first), np.where(flipped, first, second)
        self.b.line = self.line
        base: Registers = self.b.above(low, high)
        return np.asarray(np.where(flipped, self.b.not_(base), base), np.intp) if flipped.any() else base

    def _above_one(self, x: Registers, y: Registers) -> Registers | None:
        """The truth value of x > y for an extreme and one of the numbers that it was chosen from; None for other numbers."""
        for one, other, name in ((x, y, "max"), (y, x, "min")):
            among = self._chosen_among(one, other, name)
            if among is not None:
                of = [r for r in among if r != other.item()]
                pairs = [(np.intp(r), other) if name == "max" else (other, np.intp(r)) for r in of]
                return reduce(self.b.or_, [self.above(*np.broadcast_arrays(*pair)) for pair in pairs], self.known(np.zeros(x.shape, bool)))
        if self._chosen_among(y, x, "max") is not None or self._chosen_among(x, y, "min") is not None:
            return self.known(np.zeros(x.shape, bool))
        return None

    def _chosen_among(self, one: Registers, other: Registers, name: str) -> tuple[int, ...] | None:
        """The numbers that the extreme `one` of this name was chosen from, if `other` is one of them."""
        how, among = self.extremes.get(one.item(), ("", ()))
        return among if how == name and other.item() in among else None

    def negated(self, truths: Registers) -> Registers:
        """The negations, decided together with the originals. (Two separate comparisons are not: where both sides are equal, each may take
        either.)
        """
        found: Registers = self.b.not_(truths)
        self.opposites.update(zip(np.ravel(found).tolist(), np.ravel(truths).tolist(), strict=True))
        return found

    def _closed(self, x: Registers, y: Registers) -> NDArray[np.bool_]:
        """Where a comparison has a fixed outcome: of two constants, of a number with itself (`x != x` tests for NaN), or with one that is
        not finite, which compares with all others alike.
        """
        found = self.b.fixed(x) & self.b.fixed(y) | (x == y)
        return np.asarray(infinite.among(self, x) | infinite.among(self, y) | found if self.infinite else found)

    def _standing(self, r: int) -> float | Fraction:
        """The number to compare with."""
        known = self.b.number(np.intp(r))
        return self.infinite.get(r, known if isinstance(known, Fraction) else 0.0)

    def known(self, truths: Any) -> Registers:
        """The registers of plain truth values."""
        found: Registers = self.b.gt(self.b.constants(np.asarray(truths).astype(int)), 0)
        return found

    def choice(self, condition: Registers, truths: Any, x: Registers, y: Registers) -> Registers:
        """The selection between two columns by truth values: decided where a side is not finite, otherwise both stay in the record."""
        condition, truths, x, y = np.broadcast_arrays(condition, truths, x, y)
        special = infinite.among(self, x) | infinite.among(self, y)
        if not np.any(special):
            return self.apply("where", condition, x, y)
        found = np.empty(special.shape, np.intp)
        found[special] = np.where(self.decide(condition[special], truths[special]), x[special], y[special])
        found[~special] = self.apply("where", condition[~special], x[~special], y[~special])
        return found

    def decide(self, registers: Registers, values: Any) -> NDArray[np.bool_]:
        """The outcomes of truth values on which code branches."""
        shape, flat = np.shape(values), np.ravel(values)
        found = np.empty(flat.size, bool)
        for k, (r, v) in enumerate(zip(registers.ravel().tolist(), flat.tolist(), strict=True)):
            turned = False
            while r in self.opposites:
                r, turned = self.opposites[r], not turned
            if self.written:
                truth = self.forced.get(r, v != turned)
                self.decided.setdefault(r, bool(truth))
            else:
                truth = self.decided.setdefault(r, self.forced.get(r, v != turned))
            found[k] = truth != turned
        return found.reshape(shape)

    def keeps(self, buffer: Any) -> NoReturn:
        """Raises WritesBuffer: the code has to run again with another array in place of a buffer that it writes into."""
        self.failure = WritesBuffer("it writes numbers that are differentiated into an array that it keeps", self.line)
        if id(buffer) not in self.buffers and buffer.base is None:
            self.failure.buffer = buffer
        raise self.failure

    def fail(self, what: str) -> NoReturn:
        """Raises NotTraced."""
        self.failure = NotTraced(what, self.line)
        raise self.failure

    def factored(self, f: Callable[..., Any], *matrices: Any) -> Any:
        """The result of a function of linear algebra for plain matrices. With `strict`, a singular matrix is not recorded: it does not
        decide for other numbers.
        """
        try:
            return f(*matrices)
        except np.linalg.LinAlgError:
            if self.strict:
                self.fail("it factors a matrix that is singular for some numbers")
            raise

    def halves(self, matrix: Any, function: str) -> None:
        """Notes that a function reads one triangle of a matrix that is not symmetric up to rounding."""
        apart = np.abs(matrix - np.swapaxes(matrix, -1, -2))
        if np.any(apart > ROUNDINGS * len(matrix) * np.finfo(np.float64).eps * np.max(np.abs(matrix))):
            self.halved.append(function)

    def owns(self, recorder: Recorder) -> None:
        """Raises NotTraced where numbers were recorded by another recorder: the point of that recording is unknown."""
        if recorder is not self:
            self.fail("it uses numbers that an earlier call has kept")


def line_of_code() -> SourceLine | None:
    """The running line of the candidate's own code."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and (file := frame.f_code.co_filename).startswith(LIBRARIES):
        if file.startswith(ASKING):  # it runs by itself, like torch's own backward: the next line is the caller's
            return None
        frame = frame.f_back
    if frame is None:
        return None
    return _line(frame.f_code.co_filename, frame.f_code, frame.f_lineno, frame.f_lasti)


def line_at(code: CodeType, at: int) -> SourceLine | None:
    """The line of an instruction of some code."""
    number = _number_at(code, at)
    return None if number is None else _line(code.co_filename, code, number, at)


@lru_cache(maxsize=1 << 14)
def _number_at(code: CodeType, at: int) -> int | None:
    return next(islice(code.co_positions(), at // 2, None), (None,) * 4)[0]


@lru_cache(maxsize=1 << 14)
def _line(file: str, code: CodeType, number: int, at: int) -> SourceLine:
    """The line, and the expression that one of its instructions evaluates. The file is part of the key, since code objects of two files
    with the same lines in the same place are equal.
    """
    first, last, begin, end = next(islice(code.co_positions(), at // 2, None), (None,) * 4)
    text = linecache.getline(file, number)
    part = ""
    if first == last == number and begin is not None and end is not None:
        part = text.encode()[begin:end].decode(errors="replace")  # columns count bytes
    return SourceLine(file, number, text.strip(), part)
