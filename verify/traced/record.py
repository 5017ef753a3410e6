"""The record of a function's code at given values: a tape, with the branches that are open there.

Where the code branches on a comparison, the record holds for that outcome only: elsewhere its value is unknown, and no ball around it is
finite. Where careful floats may see either outcome, the code runs again with the other one, and the record selects between both like a
switch of a formula.
"""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence, Set
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b
from traceback import clear_frames
from typing import Any

import numpy as np
from flint import arb

from verify.tape import enclose
from verify.tape.balls import precision
from verify.tape.tape import Builder, Registers, Tape
from verify.traced.array import Recorded, Traced, lifted
from verify.traced.cleanup import tidy
from verify.traced.patching import swapped
from verify.traced.recorder import FRONT_ENDS, GUARD, NotTraced, Recorder, WritesBuffer

MOST_LINES = 100
"""Lines of code that a report shows."""
AWAY = (0.0, 1.0)
"""Distances from the point at which plain numbers are passed where the code has kept recorded ones for its
next call: then it keeps these.
"""
UNKEPT = 3
"""References to a recorder that remain when nothing recorded on it does."""
MOST_RUNS = 64
"""Most runs of the code at one point, for all outcomes of open comparisons."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Record:
    """`outputs` are registers of `b` in the shape of the result, `values` the numbers that the code computed, `guards` the tape's inputs
    after those of the code: tiny numbers that are added. `decided` are the truth values on which the code branched, for floats with the
    unit roundoff `u`, or in real arithmetic. It is `steady` if the code depends on the inputs in no other way. Derivatives are in the first
    `variables` of the inputs. `halved` are functions that read one triangle of a matrix whose triangles differ. `alone` are constants that
    are no entries of arrays.
    """

    b: Builder
    outputs: Registers
    values: Any
    blurred: Mapping[int, float]
    alone: Set[int]
    guards: tuple[float, ...]
    decided: Mapping[int, bool]
    u: float | None
    variables: int
    steady: bool = True
    halved: tuple[str, ...] = ()

    @property
    def output(self) -> int:
        """The register of the result, if it is one number; code may return it as an array of one."""
        return int(self.outputs.item())

    @cached_property
    def tape(self) -> Tape:
        """The tape of the outputs."""
        return self.b.tape(self.outputs)

    def holds(self, given: Sequence[Any], place: Hashable = None) -> bool:
        """Whether the code takes the same branches at other inputs: every decision certainly has the same outcome. Cached by `place`."""
        if not self.steady:
            return False
        if place is None or place not in self._held:
            with precision():
                inputs = balls(given, self.variables, self.guards)
                run = enclose.run(self._truths, inputs, None if self.u is None else arb(self.u))
            self._held[place] = all(run.values[r] is v for r, v in self.decided.items())
        return self._held[place]

    def turns_elsewhere(self, given: Sequence[Any]) -> frozenset[int]:
        """The decisions that certainly have another outcome at other inputs: the code takes another branch there."""
        with precision():
            run = enclose.run(self._truths, balls(given, self.variables, self.guards), None if self.u is None else arb(self.u))
        return frozenset(r for r, v in self.decided.items() if run.values[r] is (not v))

    @cached_property
    def _held(self) -> dict[Hashable, bool]:
        return {}

    @cached_property
    def listing(self) -> list[dict[str, Any]]:
        """The first lines of code in the order of execution: the file's name, the number, the code, and what is computed."""
        found: dict[tuple[str, int], tuple[str, Counter[str]]] = {}
        for i in self.tape.instructions:
            if i.line is not None:
                found.setdefault((i.line.file, i.line.number), (i.line.code, Counter()))[1][i.op] += i.outs.size
        return [
            {"file": os.path.basename(file), "line": number, "code": code, "operations": dict(ops)}
            for (file, number), (code, ops) in [*found.items()][:MOST_LINES]
        ]

    @cached_property
    def _truths(self) -> Tape:
        return self.b.tape(np.array([*self.decided], np.intp))

    @cached_property
    def key(self) -> bytes:
        """A key, equal for records of the same operations on the same constants."""
        found = blake2b(digest_size=16)
        tape = self.tape
        needed = {int(r) for i in tape.instructions for x in i.ins for r in x.ravel().tolist()} | set(self.outputs.ravel().tolist())
        for i in tape.instructions:
            found.update(f"{i.op} {i.parameter!r} {i.outs.shape}".encode())
            for registers in (i.outs, *i.ins):
                found.update(registers.tobytes())
        found.update(repr([(r, v) for r, v in tape.constants.items() if r in needed]).encode())
        found.update(self.outputs.tobytes())
        return found.digest()


def recorded(f: Callable[..., Any], given: Sequence[Any], *, u: float, variables: int | None = None) -> Record:
    """The record of `f`, which returns one number or an array, as a function of those of the arrays `given` that hold floats; branches that
    are open for floats with the unit roundoff `u` are run both ways. Derivatives are in the first `variables` inputs, or in all. Raises
    NotTraced.
    """
    runs = _Runs(f, given, u, len(given) if variables is None else variables)
    with _forgotten(f, given, runs.recorders):
        return runs.explored()


def as_written(f: Callable[..., Any], given: Sequence[Any], variables: int | None = None) -> list[Record]:
    """The records of the arrays that `f` returns in a list: comparisons have the outcome of real arithmetic, on ties the outcome as
    written. Raises NotTraced.
    """
    recorders: list[Recorder] = []
    with _forgotten(f, given, recorders):
        return _as_written(f, given, len(given) if variables is None else variables, recorders)


def _as_written(f: Callable[..., Any], given: Sequence[Any], variables: int, recorders: list[Recorder]) -> list[Record]:
    b, forced = Builder(), dict[int, bool]()
    inputs, guards = inputs_of(b, given, variables), dict[float, int]()
    for _ in range(3):
        recorder = Recorder(b, forced=forced, written=True, guards=guards)
        recorders.append(recorder)
        parts = [lifted(recorder, p) for p in _run(f, given, inputs, recorder)]
        truths = _truths(b, balls(given, variables, guards), recorder.decided, None)
        wrong = {r: t for r, t in truths.items() if t is not None and t != recorder.decided[r]}
        if not wrong:
            told: dict[str, Any] = {"b": b, "blurred": recorder.blurred, "alone": recorder.alone, "guards": tuple(guards)}
            told |= {"decided": dict(recorder.decided), "u": None, "steady": not recorder.inspected, "variables": variables}
            return [Record(outputs=p.registers, values=p.values, **told) for p in parts]
        forced = forced | wrong
    raise NotTraced("rounding decides which of its branches are taken")


def followed(f: Callable[..., Any], given: Sequence[Any], inputs: Sequence[Any], recorder: Recorder) -> Any:
    """The result of `f` on recorded inputs, with the caller's recorder, which decides comparisons. Raises NotTraced."""
    with _forgotten(f, given, [recorder]):
        return _run(f, given, inputs, recorder)


def as_run(f: Callable[..., Any], given: Sequence[Any], variables: int | None = None) -> Record:
    """The record of the single number that `f` returns, as the operations that run at these inputs, each with its own line even if it
    equals another. Elsewhere it may be another formula. Raises NotTraced.
    """
    runs = _Runs(f, given, 0.0, len(given) if variables is None else variables, Builder(shared=False))
    with _forgotten(f, given, runs.recorders):
        return runs.first()


def inputs_of(b: Builder, given: Sequence[Any], variables: int) -> list[Registers | None]:
    """The registers of the recorded inputs."""
    return [b.inputs(np.shape(a), variable=k < variables) if is_recorded(a, k < variables) else None for k, a in enumerate(given)]


def is_recorded(a: Any, variable: bool) -> bool:
    """Whether an argument is recorded: an array of floats, or one float, except for a tiny one, such as an ε, that is no variable."""
    of_floats = isinstance(a, (np.ndarray, np.floating, float)) and np.asarray(a).dtype.kind == "f"
    return of_floats and (variable or np.ndim(a) > 0 or abs(float(a)) > GUARD)


def _run(f: Callable[..., Any], given: Sequence[Any], inputs: Sequence[Any], recorder: Recorder) -> Any:
    arguments = [
        _copied(a) if r is None else Traced(recorder, np.array(a) if np.ndim(a) else np.asarray(a)[()], r.copy())
        for a, r in zip(given, inputs, strict=True)
    ]
    try:
        with _ready(f, recorder) as own, np.errstate(all="ignore"):
            returned = own(*arguments)
    except WritesBuffer as kept:
        if kept.buffer is None:
            raise
        recorder.buffers[id(kept.buffer)] = kept.buffer
        recorder.decided.clear()
        recorder.failure = None
        return _run(f, given, inputs, recorder)
    except NotTraced:
        raise
    except RecursionError:
        raise NotTraced("it is too deep to be followed") from None
    except Exception as error:  # code that meets something it does not expect, a Traced
        raise recorder.failure or NotTraced(f"it raises {type(error).__name__}: {str(error)[:120]}") from None
    if recorder.failure is not None:
        raise recorder.failure
    return returned


def _ready(f: Callable[..., Any], recorder: Recorder) -> AbstractContextManager[Callable[..., Any]]:
    """The function with numpy's functions replaced; functions of a framework need no replacement."""
    return swapped(f, recorder) if getattr(f, "framework", None) not in FRONT_ENDS else nullcontext(f)


@contextmanager
def _forgotten(f: Callable[..., Any], given: Sequence[Any], recorders: Sequence[Recorder]) -> Iterator[None]:
    """Makes the code keep plain numbers where it has kept recorded ones, which no later call may meet."""
    try:
        yield
    except NotTraced as error:
        told: BaseException | None = error
        while told is not None:  # it and what it comes from would keep them, in their frames and arguments
            clear_frames(told.__traceback__)
            told = told.__context__
        error.__context__ = None
        raise
    finally:
        _have_forgotten(f, given, recorders)


def _have_forgotten(f: Callable[..., Any], given: Sequence[Any], recorders: Sequence[Recorder]) -> None:
    for away in AWAY:
        if all(sys.getrefcount(r) <= UNKEPT for r in recorders):
            return
        with suppress(Exception, NotTraced), np.errstate(all="ignore"):
            f(*(np.asarray(a + away, np.asarray(a).dtype)[()] if is_recorded(a, variable=True) else _copied(a) for a in given))
    if any(sys.getrefcount(r) > UNKEPT for r in recorders):  # its state depends on its earlier state, like running means
        tidy([f])


def _copied(a: Any) -> Any:
    return np.array(a) if isinstance(a, np.ndarray) else a


def _truths(b: Builder, inputs: Sequence[arb], asked: Mapping[int, bool], u: float | None) -> dict[int, bool | None]:
    """The truth values over all inputs that careful floats may have (with `u`), or in real arithmetic."""
    if not asked:
        return {}
    with precision():
        tape = b.tape(np.array(list(asked), np.intp))
        run = enclose.run(tape, inputs, None if u is None else arb(u))
    return {r: run.values[r] for r in asked}


def balls(given: Sequence[Any], variables: int, guards: Iterable[float] = ()) -> list[arb]:
    """The numbers of the inputs, in the order of their registers."""
    return [arb(x) for k, a in enumerate(given) if is_recorded(a, k < variables) for x in np.ravel(a).tolist()] + [*map(arb, guards)]


class _Runs:
    """The runs of one function at one point, on one builder."""

    def __init__(self, f: Callable[..., Any], given: Sequence[Any], u: float, variables: int, b: Builder | None = None) -> None:
        self.f, self.given, self.u, self.variables = f, given, u, variables
        self.b, self.left = b or Builder(), MOST_RUNS
        self.inputs = inputs_of(self.b, given, variables)
        self.blurred: dict[int, float] = {}
        self.alone: set[int] = set()
        self.guards: dict[float, int] = {}
        self.decided: dict[int, bool] = {}
        self.recorders: list[Recorder] = []
        self.inspected = False

    def explored(self) -> Record:
        """The record with all open branches."""
        first, recorder = self._ran({})
        self.decided = dict(recorder.decided)
        return self._record(self._tree({}, first, recorder), first.values)

    def first(self) -> Record:
        """The record of one run."""
        found, recorder = self._ran({})
        self.decided = dict(recorder.decided)
        return self._record(found.registers, found.values)

    def _record(self, outputs: Registers, values: Any) -> Record:
        return Record(
            b=self.b,
            outputs=outputs,
            values=values,
            blurred=self.blurred,
            alone=self.alone,
            guards=tuple(self.guards),
            decided=self.decided,
            u=self.u,
            variables=self.variables,
            steady=self.left >= 0 and not self.inspected,
            halved=tuple(dict.fromkeys(name for r in self.recorders for name in r.halved)),
        )

    def _ran(self, forced: Mapping[int, bool]) -> tuple[Traced, Recorder]:
        self.left -= 1
        recorder = Recorder(self.b, forced=forced, blurred=self.blurred, alone=self.alone, guards=self.guards)
        self.recorders.append(recorder)
        returned = _run(self.f, self.given, self.inputs, recorder)
        self.inspected |= recorder.inspected
        if isinstance(returned, (list, tuple)) and len(returned) == 1:
            returned = returned[0]
        if not isinstance(returned, (Recorded, np.ndarray, np.generic, float, int)):
            raise NotTraced(f"it returns {type(returned).__name__}")
        return lifted(recorder, returned), recorder

    def _tree(self, forced: dict[int, bool], out: Traced, recorder: Recorder) -> Registers:
        free = {r: v for r, v in recorder.decided.items() if r not in forced}
        truths = _truths(self.b, balls(self.given, self.variables, self.guards), free, self.u)
        open_ = [r for r in free if truths[r] is None]
        if not open_ or self.left <= 0:
            self.left -= bool(open_)
            return self._guarded(out, {r: truths[r] is not None and v for r, v in free.items()}, known=not open_)
        first = open_[0]
        mine = free[first]
        other_out, other = self._ran({**forced, first: not mine})
        if 2 ** len(open_) > self.left + 2 and set(open_[1:]) <= other.decided.keys():
            self.left = -1  # they are independent: all combinations need more runs than are left
            return self._guarded(out, free, known=True)
        own = self._tree({**forced, first: mine}, out, recorder)
        if np.shape(other_out.values) != np.shape(out.values):
            raise NotTraced("its branches return arrays of different shapes")
        others = self._tree({**forced, first: not mine}, other_out, other)
        yes, no = (own, others) if mine else (others, own)
        apart = yes != no  # what it is either way, as of code that asks what a maximum with 0 is, is no kink
        self.b.line = None  # nobody has written this
        found = np.array(yes)
        if apart.any():
            found[apart] = self.b.where(np.intp(first), yes[apart], no[apart])
        return found

    def _guarded(self, out: Traced, closed: Mapping[int, bool], *, known: bool) -> Registers:
        """The outputs, valid where all decisions have the same outcome as here."""
        b = self.b
        b.line = None  # no line of code wrote this
        hole = b.div(1, 0)
        if not known:
            return np.broadcast_to(hole, out.registers.shape)
        if not closed:
            return out.registers
        truths = np.array([r if v else int(b.not_(np.intp(r))) for r, v in closed.items()], np.intp)
        while len(truths) > 1:
            half = len(truths) // 2
            truths = np.append(b.and_(truths[:half], truths[half : 2 * half]), truths[2 * half :])
        return b.where(truths[0], out.registers, hole)  # type: ignore[no-any-return]
