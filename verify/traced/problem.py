"""A problem whose formula is code: recorded anew at every point, with the branches taken there."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import wraps
from typing import Any, TypeVar

import numpy as np
from flint import arb
from numpy.typing import NDArray

from verify.problem import FromExample, Input, Part, Problem, Recording, Values
from verify.rounding import SAME_NUMBER, unit_roundoff
from verify.spec.domains import Domain
from verify.spec.loss import Claims
from verify.tape import enclose
from verify.tape.balls import precision
from verify.tape.tape import SourceLine, Tape
from verify.traced.approximate import ApproximateGradient, Located, denoted
from verify.traced.float32_constants import explained, has_digits
from verify.traced.gap import Written, agree, apart, arithmetic, slopes, strayed, tape_of, written
from verify.traced.instability import Origin, origin
from verify.traced.record import Record, as_run, as_written, balls, is_recorded, recorded
from verify.traced.recorder import BITS, NotTraced

T = TypeVar("T")

KEPT = 16
"""Cached records: each is as large as everything that the code computes."""
OPERATIONS = 40_000
"""Most operations of all remembered runs of code: the laws visit the same points one after the other, more points than records are cached,
and small code need not run again for each.
"""
LATEST = 6
"""Records to try at another point, the latest first, before the code runs again: along a line the code may take one branch ahead and
another behind.
"""
ABOUT = 1024
"""Points for which an approximate truth is cached."""
EXACTLY = 4
"""Points at which the gradient's code is evaluated in balls at least: the example, and three others."""
NEAR = 2.0**-20
"""Relative to the size of a gradient, the largest radii in double precision that may replace balls."""
SHRUNK = (1.0, 2.0**-2, 2.0**-4, 2.0**-6, 0.0)
"""Multiples of the example at which the size of slopes is examined. A slope that is small there may be a difference of numbers of that
size, as σ(m) − 1 is, where right code loses its digits.
"""


@dataclass(frozen=True, kw_only=True)
class Gap:
    """The entry at which a gradient's code is farthest from the loss's gradient, in units of the `size` of the whole gradient, with a
    proved `distance`. `guarded` says that the gap vanishes if tiny numbers that only one of the codes adds may be left out, `rounded` that
    it vanishes if constants are moved by the rounding of their dtype. `widest` is the width of the widest ball of all entries: where it is
    not small, the entries may be off by more.
    """

    place: int
    distance: float
    width: float
    measured: float
    expected: float
    size: float
    line: SourceLine | None
    guarded: tuple[float, ...] = ()
    rounded: bool = False
    widest: float = 0.0


class Code:
    """The value of a function of named arrays, and the code of a gradient (which returns an array for each of the first `variables` of
    them), recorded when they are needed. `unrecorded` says why a gradient is not. `loss` is another code of the same value, if the gradient
    is that of a candidate which is judged by this code. `both` returns the value and these arrays in one list, if one code computes both.
    The candidate may answer in a format of `half` precision.
    """

    def __init__(
        self,
        f: Callable[..., Any],
        names: tuple[str, ...],
        gradient: Callable[..., Any] | None = None,
        unrecorded: str | None = None,
        *,
        variables: int | None = None,
        loss: Callable[..., Any] | None = None,
        both: Callable[..., Any] | None = None,
        half: str | None = None,
    ) -> None:
        self.both, self.half = both, half
        self.f, self.names, self._gradient, self.unrecorded = f, names, gradient, unrecorded
        self.variables, self._loss = len(names) if variables is None else variables, None if loss is None else _in_a_list(loss)
        self._records: OrderedDict[Hashable, tuple[Record, bytes]] = OrderedDict()
        self._formulas: OrderedDict[bytes, Recording] = OrderedDict()
        self._written: OrderedDict[Hashable, list[Written] | NotTraced] = OrderedDict()
        self._latest: list[tuple[Hashable, Record]] = []
        self._gradients: tuple[Hashable, list[Record], Tape] | None = None
        self._runs: OrderedDict[Hashable, Record] = OrderedDict()
        self._gradient_runs: OrderedDict[Hashable, tuple[list[Record], Tape]] = OrderedDict()
        self._read: OrderedDict[Hashable, list[Written]] = OrderedDict()
        self._sizes: dict[str, float] = {}
        self._approximate: OrderedDict[Hashable, Any] = OrderedDict()
        self._met: set[Any] = set()
        self._exactly = 0

    @property
    def gradient(self) -> Callable[..., Any]:
        """The code of the gradient. Raises NotTraced if there is none."""
        if self._gradient is None:
            raise NotTraced(self.unrecorded or "it has no gradient")
        return self._gradient

    def _unit(self, given: list[Any]) -> float:
        return unit_roundoff(_dtype(given), self.half)

    def _place(self, values: Values) -> tuple[list[Any], Hashable]:
        given = [values[name] for name in self.names]
        return given, _bits(given)

    def _unrecorded(self, given: list[Any]) -> Hashable:
        """The inputs that a record treats as fixed and not as variables or data."""
        return _bits([a for k, a in enumerate(given) if not is_recorded(a, k < self.variables)]), _dtype(given), tuple(map(np.shape, given))

    def record(self, values: Values) -> tuple[Record, bytes]:
        """The record at these values, and its key. Raises NotTraced."""
        given, place = self._place(values)
        if place not in self._records:
            plain = self._unrecorded(given)
            found = next((r for beside, r in self._latest if beside == plain and r.holds(given, place)), None)
            if found is None:
                found = self._recorded(given, place)
            self._latest = [(plain, found), *((beside, r) for beside, r in self._latest if r is not found)][:LATEST]
            key = found.key
            self._formulas.setdefault(key, Recording(b=found.b, output=found.output))
            self._formulas.move_to_end(key)
            _kept(self._formulas)
            self._records[place] = found, key
            _kept(self._records)
        return self._records[place]

    def _recorded(self, given: list[Any], place: Hashable) -> Record:
        """The record of the code as it runs at this place."""
        if place not in self._runs:
            self._runs[place] = recorded(self.f, given, u=self._unit(given), variables=self.variables)
            _remembered(self._runs, self._runs[place].tape.operations)
        return self._runs[place]

    def once(self, question: Hashable, answer: Callable[[], T]) -> T:
        """The cached approximate truth or answer at a point, computed for the first law that needs it."""
        if question not in self._approximate:
            self.keep(question, answer())
        found: T = self._approximate[question]
        return found

    def keep(self, question: Hashable, answer: object) -> None:
        """Caches the answer of `once`."""
        self._approximate[question] = answer
        _kept(self._approximate, ABOUT)

    def is_known(self, question: Hashable) -> bool:
        """Whether `once` has an answer."""
        return question in self._approximate

    def place(self, values: Values) -> Hashable:
        """A key, equal for values with the same bits."""
        return self._place(values)[1]

    def located(self, values: Values, moved: NDArray[np.float64]) -> Located:
        """The record at these values, and its inputs; careful code may have `moved` each variable by at most this share of its size. Raises
        NotTraced.
        """
        given, place = self._place(values)
        record, _ = self.record(values)
        inputs = _floats(given, record)
        off = np.zeros(len(inputs))
        off[: len(moved)] = moved
        off[len(inputs) - len(record.guards) :] = 1.0  # a guard may be left out
        return Located(record=record, place=place, inputs=inputs, off=off, u=self._unit(given))

    def is_near(self, values: Values, there: ApproximateGradient) -> float | None:
        """The radius, relative to the size of the gradient, within which the gradient's code denotes the true one; None where that needs
        balls: at the first points, where the code takes new branches, and where double precision does not decide.
        """
        given, _ = self._place(values)
        records, tape = self._gradient_records(given)
        taken = self.taken(values, there)
        if self._exactly < EXACTLY or not taken <= self._met:
            self._met |= taken
            self._exactly += 1
            return None
        value, radius = denoted(tape, _floats(given, records[0]))
        due = there.gradient
        if len(value) != len(due.value) or not np.all(np.abs(value - due.value) <= radius + due.radius):
            return None
        size = float(np.max(np.abs(due.value), initial=0.0))
        width = float(np.max(radius + due.radius, initial=0.0))
        return width / size if size > 0 and width <= NEAR * size else None

    def taken(self, values: Values, there: ApproximateGradient) -> frozenset[Hashable]:
        """The pieces that are taken on each line of the loss's code, and the branches; off kinks also those of the gradient's, which is not
        recorded on one for any law. Raises NotTraced.
        """
        given, place = self._place(values)
        return self.once(("taken", place), lambda: there.lines.union(self._branches(values, given, smooth=not there.kinked)))

    def _branches(self, values: Values, given: list[Any], *, smooth: bool) -> Iterator[Hashable]:
        record, _ = self.record(values)
        codes = [(record, record.tape)]
        if smooth and self._gradient is not None:
            (first, *_), tape = self._gradient_records(given)
            codes.append((first, tape))
        for code, tape in codes:
            yield from ((tape.places[r].instruction.line, truth) for r, truth in code.decided.items() if r in tape.places)

    def as_run(self, values: Values) -> tuple[Record, NDArray[np.float64]]:
        """The loss's code as the operations that run there, line by line, and the inputs of that record. Raises NotTraced."""
        given, _ = self._place(values)
        found = as_run(self.f, given, self.variables)
        return found, _floats(given, found)

    def gradient_as_run(self, values: Values) -> tuple[Tape, NDArray[np.float64], int]:
        """The gradient's code, the inputs of its record, and how many of these, the last ones, are tiny numbers that it adds. Raises
        NotTraced.
        """
        given, _ = self._place(values)
        (first, *_), tape = self._gradient_records(given)
        return tape, _floats(given, first), len(first.guards)

    def parts(self, values: Values) -> list[Part]:
        """One element of all inputs."""
        record, key = self.record(values)
        given, _ = self._place(values)
        size = sum(int(np.size(a)) for a in given[: self.variables])
        beside = [a for a in given[self.variables :] if is_recorded(a, variable=False)]
        numbers = (*(x for a in beside for x in np.ravel(a).tolist()), *record.guards)
        return [Part(key=key, places=np.arange(size), numbers=numbers, tiny=len(record.guards))]

    def stated(self, key: Hashable) -> Recording:
        """The formula of a recently made record."""
        assert isinstance(key, bytes)
        return self._formulas[key]

    def written(self, values: Values) -> list[Written]:
        """The entries of the gradient as its code computes them, in a row. Raises NotTraced."""
        given, place = self._place(values)
        if place not in self._written:
            try:
                found: Any = self._read_there(given, place)
            except NotTraced as error:
                found = error
            self._written[place] = found
            _kept(self._written)
        known = self._written[place]
        if isinstance(known, NotTraced):
            raise known
        return known

    def _read_there(self, given: list[Any], place: Hashable) -> list[Written]:
        (first, *_), tape = self._gradient_records(given)
        if (tape, place) not in self._read:
            self._read[tape, place] = written(first, tape, _inputs(given, first), _dtype(given))
            _remembered(self._read, tape.operations)
        return self._read[tape, place]

    def _gradient_records(self, given: list[Any]) -> tuple[list[Record], Tape]:
        plain, place = self._unrecorded(given), _bits(given)
        if self._gradients is None or self._gradients[0] != plain or not self._gradients[1][0].holds(given, place):
            if place not in self._gradient_runs:
                records = as_written(self.gradient, given, self.variables)
                self._gradient_runs[place] = records, tape_of(records)
                _remembered(self._gradient_runs, self._gradient_runs[place][1].operations)
            self._gradients = plain, *self._gradient_runs[place]
        return self._gradients[1:]

    def follow(self, first: Callable[..., Any], values: Values, gradient: NDArray[np.floating]) -> None:
        """Records the gradient's code after the code `first`, where by itself it does not give this gradient: it uses what that keeps."""
        own = self._gradient
        assert own is not None

        @wraps(own)
        def after(*inputs: Any) -> Any:
            first(*inputs)
            return own(*inputs)

        for self._gradient in (own, after):
            with suppress(NotTraced):
                if self.strayed(values, gradient) is None:
                    return
        self._gradient = own
        self._gradient_runs.clear()

    def strayed(self, values: Values, gradient: NDArray[np.floating]) -> tuple[int, float] | None:
        """The position of the first entry of a gradient, returned at these values, that the recorded code cannot have computed, and the
        recorded value: code may act differently when it is recorded. None if there is none. Raises NotTraced.
        """
        given, _ = self._place(values)
        returned, first, self._gradients = np.ravel(gradient).tolist(), 0, None  # it is recorded anew, there
        self._gradient_runs.clear()
        for record in self._gradient_records(given)[0]:
            last = first + record.outputs.size
            found = strayed(record, _inputs(given, record), returned[first:last], _dtype(given)) if last <= len(returned) else None
            if found is not None:
                return first + found[0], found[1]
            first = last
        return None

    def changed(self, values: Values) -> tuple[float, float] | None:
        """The recorded value of the loss's code, or of an entry of the gradient's, and its value when the code is recorded again, if they
        differ: then the code depends on what it keeps. None where they agree, or nothing is known.
        """
        given, _ = self._place(values)
        with suppress(NotTraced):
            before, now = self.record(values)[0], recorded(self.f, given, u=self._unit(given), variables=self.variables)
            pairs = [(before, before.tape, now, now.tape)]
            if self._gradient is not None:
                (first, *_), tape = self._gradient_records(given)
                again = as_written(self.gradient, given, self.variables)
                pairs.append((first, tape, again[0], tape_of(again)))
            for one, tape, other, another in pairs:
                was, found = (_outputs(r, t, _inputs(given, r)) for r, t in ((one, tape), (other, another)))
                for a, b in zip(was, found, strict=False):
                    if a.is_finite() and b.is_finite() and not a.overlaps(b):
                        return float(a), float(b)
        return None

    def origin(self, values: Values, place: int | None = None) -> Origin | None:
        """Where the floats of the loss's code go wrong, or of an entry of the gradient's, by its `place` in a row; None where they do not,
        or where that is unknown.
        """
        given, _ = self._place(values)
        try:
            if place is None:
                record, _ = self.record(values)
                return origin(record, _inputs(given, record), _dtype(given), record.output)
            for record in self._gradient_records(given)[0]:
                if place < record.outputs.size:
                    return origin(record, _inputs(given, record), _dtype(given), int(record.outputs.ravel()[place]))
                place -= record.outputs.size
        except NotTraced:
            return None
        return None

    def careless(self, values: Values, example: Values | None) -> NDArray[np.float64] | None:
        """The error of careful floats in the gradient's code, entry by entry, up to half of the digits of the largest entry, here or
        between the example, if there is one, and 0.
        """
        try:
            found = self.written(values)
        except NotTraced:
            return None
        given, _ = self._place(values)
        if len(found) != sum(int(np.size(a)) for a in given[: self.variables]):  # reading the answer reports this
            return None
        half = float(np.sqrt(self._unit(given)))
        size = max((float(w.exact.abs_upper()) for w in found), default=0.0)
        if example is not None and not all(w.radius <= half * size for w in found):
            size = max(size, self._largest(example, _dtype(given)))
        return np.asarray(np.minimum(np.nan_to_num([w.radius for w in found], nan=half * size), half * size))

    def _largest(self, example: Values, dtype: str) -> float:
        """The largest slope of the loss on the way from the example to 0, where slopes exist."""
        if dtype not in self._sizes:
            sizes = [0.0]
            for part in SHRUNK:
                values = {name: _shrunk(example[name], part, dtype) for name in self.names}
                with suppress(NotTraced):
                    due = slopes(self.record(values)[0], _inputs(self._place(values)[0], self.record(values)[0])) or ()
                    sizes += [float(t.abs_upper()) for t in due if t.is_finite()]
            self._sizes[dtype] = max(sizes)
        return self._sizes[dtype]

    def careless_value(self, values: Values) -> float:
        """The error of careful floats in the other code of the value, up to half of its digits."""
        if self._loss is None:
            return 0.0
        given, _ = self._place(values)
        try:
            (record,) = as_written(self._loss, given, self.variables)
            (found,) = written(record, record.tape, _inputs(given, record), _dtype(given))
        except NotTraced:
            return 0.0
        return float(np.nanmin([found.radius, np.sqrt(self._unit(given)) * float(found.exact.abs_upper())]))

    def enclosed(self, values: Values) -> arb:
        """The value, for all possible values of the tiny numbers that are added. Raises NotTraced."""
        record, _ = self.record(values)
        given, _ = self._place(values)
        with precision():
            run = enclose.run(record.tape, _inputs(given, record, loose=True), arithmetic=arithmetic(record))
            found: arb = run.values[record.output]
        return found

    def slopes(self, values: Values) -> list[arb] | None:
        """The gradient of the value; None on a kink, or where it is unknown. Raises NotTraced."""
        record, _ = self.record(values)
        return slopes(record, _inputs(self._place(values)[0], record))

    def gap(self, values: Values) -> Gap | None:
        """See `Gap`; None on a kink, or where nothing is finite. Raises NotTraced."""
        record, _ = self.record(values)
        given, _ = self._place(values)
        found = self._compared(given, record, values, guards=False)
        if found is None or not found.distance:
            return found
        if record.guards:
            loose = self._compared(given, record, values, guards=True)
            if loose is None or not loose.distance:
                return replace(found, distance=0.0, guarded=record.guards)
        return replace(found, distance=0.0, rounded=True) if self._is_rounding(given, record, found.size) else found

    def _is_rounding(self, given: list[Any], record: Record, size: float) -> bool:
        """Whether rounding of constants to single precision explains a gap. In double precision all digits of constants count."""
        if _dtype(given) != "float32":
            return False
        (first, *_), tape = self._gradient_records(given)
        inputs, others = _inputs(given, record), _inputs(given, first)
        numbers = [t.constants[r] for c, t in ((record, record.tape), (first, tape)) for r in sorted(c.alone) if r in t.constants]
        constants = [c for c in dict.fromkeys(numbers) if not isinstance(c, str) and has_digits(float(c), BITS["float32"])]
        unit = unit_roundoff("float32", self.half)
        return explained(lambda moved: apart(record, inputs, tape, others, moved), constants, unit, size)

    def sharp_gap(self, values: Values, gap: Gap) -> Gap | None:
        """The gap, narrowed: none where the uncertainty of constants leaves one open, but none exists for the constants as written, or for
        possible values before rounding; None where that does not decide. It blames no candidate.
        """
        record, _ = self.record(values)
        given, _ = self._place(values)
        (first, *_), tape = self._gradient_records(given)
        if agree(record, first, _inputs(given, record), tape, _inputs(given, first), gap.size):
            return gap
        return replace(gap, rounded=True) if self._is_rounding(given, record, gap.size) else None

    def gap_as_recorded(self, values: Values, example: Values) -> Gap | None:
        """The gap at these values by the records made at an example, without running code where it may not be able to run: None where the
        records do not hold. Raises NotTraced.
        """
        record, _ = self.record(example)
        records, _ = self._gradient_records(self._place(example)[0])
        given, _ = self._place(values)
        holds = all(r.holds(given) for r in (record, *records))
        return self._compared(given, record, values, guards=bool(record.guards)) if holds else None

    def turns_elsewhere(self, values: Values, example: Values) -> frozenset[tuple[int, int]]:
        """The decisions of either code, as recorded at an example, that turn out otherwise at these values, where it does not run: by the
        place of its record and their own. Raises NotTraced.
        """
        records = [self.record(example)[0], *self._gradient_records(self._place(example)[0])[0]]
        given, _ = self._place(values)
        return frozenset((k, turned) for k, r in enumerate(records) for turned in r.turns_elsewhere(given))

    def _compared(self, given: list[Any], record: Record, values: Values, *, guards: bool) -> Gap | None:
        due = slopes(record, _inputs(given, record, loose=guards))
        if due is None:
            return None
        told = self.written(values)
        if len(due) != len(told):
            raise NotTraced(f"the gradient has {len(told)} numbers, where {len(due)} are due")
        size = max((float(t.abs_upper()) for t in due if t.is_finite()), default=0.0)
        worst: Gap | None = None
        widest = 0.0
        for k, (t, w) in enumerate(zip(due, told, strict=True)):
            apart = w.exact - t
            if not apart.is_finite():
                widest = float("inf")
                continue
            widest = max(widest, float(apart.rad()))
            distance = float(apart.abs_lower())
            distance = distance if distance > SAME_NUMBER * size else 0.0
            if worst is None or distance > worst.distance:
                worst = Gap(
                    place=k, distance=distance, width=float(apart.rad()), measured=float(w.exact), expected=float(t), size=size, line=w.line
                )
        return None if worst is None else replace(worst, widest=widest)


def _in_a_list(loss: Callable[..., Any]) -> Callable[..., Any]:
    """The loss as a function that returns a list; cached, since the modules of each new function are searched."""

    @wraps(loss)
    def alone(*inputs: Any) -> list[Any]:
        return [loss(*inputs)]

    return alone


def _outputs(record: Record, tape: Tape, inputs: Sequence[arb]) -> list[arb]:
    """The values that a tape of a record denotes."""
    with precision():
        run = enclose.run(tape, inputs, arithmetic=arithmetic(record, tape))
        return [run.values[r] for r in tape.outputs.ravel().tolist()]


def _inputs(given: Sequence[Any], record: Record, *, loose: bool = False) -> list[arb]:
    guards = [arb(g) + arb(0, abs(g) if loose else 0.0) for g in record.guards]
    return [*balls(given, record.variables), *guards]


def _floats(given: Sequence[Any], record: Record) -> NDArray[np.float64]:
    """The inputs of a record."""
    return np.array([float(x) for x in _inputs(given, record)])


def _bits(given: Sequence[Any]) -> Hashable:
    return tuple((a.dtype.char, a.shape, a.tobytes()) for a in map(np.asarray, given))


def _shrunk(a: Any, part: float, dtype: str) -> Any:
    """An argument of floats, scaled by `part`."""
    return (np.asarray(a).astype(dtype) * np.dtype(dtype).type(part))[()] if np.asarray(a).dtype.kind == "f" else a


def _dtype(given: Sequence[Any]) -> str:
    return str(np.asarray(given[0]).dtype.name)


def _remembered(runs: OrderedDict[Any, Any], operations: int) -> None:
    """Drops the oldest runs when their operations are too many."""
    while len(runs) * (operations + 1) > max(OPERATIONS, operations + 1):
        runs.popitem(last=False)


def _kept(known: OrderedDict[Any, Any], most: int = KEPT) -> None:
    if len(known) > most:
        known.popitem(last=False)


def code_problem(
    name: str,
    code: Code,
    example: Mapping[str, Any],
    *,
    convex: bool,
    declared: Mapping[str, Input] | None = None,
    drawn: Sequence[str] = (),
) -> Problem:
    """The problem around an example of the inputs; or for inputs that are `declared`, where the others have the shapes and signs of the
    example. Inputs without derivatives keep their values, unless they are `drawn`.
    """
    variables = code.names[: code.variables]
    free = {*variables, *drawn}
    shown = {
        n: Input(name=n, dims=tuple(map(str, np.shape(a))), domain=domain_of(np.asarray(a)) if n in free else FromExample(a))
        for n, a in example.items()
    }
    inputs = tuple(replace(i, differentiated=n in variables) for n, i in (shown | dict(declared or {})).items())
    return Problem(
        name=name,
        inputs=inputs,
        parts=code.parts,
        stated=code.stated,
        claims=Claims(convex=True if convex else None),
        source=name,
        example=None if declared else dict(example),
        code=code,
    )


def domain_of(a: np.ndarray[Any, np.dtype[Any]]) -> Domain:
    """The domain of an input that has no other: drawn numbers keep the sign that all numbers of the example share."""
    if np.all(a > 0):
        return Domain("Positive", 0.0, np.inf, closed=False)
    return Domain("Real", -np.inf, 0.0, closed=False) if np.all(a < 0) else Domain("Real")
