"""The form: vector instructions over a flat file of registers, and the builder that records them.

Every register is written once. Data movement (slices, transposes, broadcasting) is done during recording, on arrays of register numbers.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import cached_property
from heapq import heappop, heappush
from math import inf, isfinite
from operator import itemgetter
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from verify.tape.arithmetic import Arithmetic, Column
from verify.tape.primitives import NAMED, PRIMITIVES, Number, Primitive, is_held

Registers = NDArray[np.intp]


class SourceLine(NamedTuple):
    """The line of code that an instruction was recorded from, and the expression on it if known."""

    file: str
    number: int
    code: str
    part: str = ""


@dataclass(frozen=True, kw_only=True, eq=False)
class Instruction:
    """`outs` (n,) from as many elements of each operand (n,), or from a row of each (n, m) for `sum`, `dot`, `max`, `min`.

    `matmul` writes (n, m) from (n, k) and (k, m). `max` and `min` compare the numbers of a row.
    """

    op: str
    outs: Registers
    ins: tuple[Registers, ...]
    parameter: Any = None
    line: SourceLine | None = None

    @property
    def row(self) -> Primitive:
        """The primitive."""
        return PRIMITIVES[self.op]

    def part(self, which: Registers | NDArray[np.bool_]) -> Instruction:
        """The instruction for some of its outputs."""
        return Instruction(
            op=self.op, outs=self.outs[which], ins=tuple(i[which] for i in self.ins), parameter=self.parameter, line=self.line
        )

    @cached_property
    def elements(self) -> list[tuple[int, tuple[Any, ...]]]:
        """For each output its register, and those of its operands, rows as tuples."""
        operands = [map(tuple, r.tolist()) if r.ndim > 1 else r.tolist() for r in self.ins]
        return list(zip(self.outs.tolist(), zip(*operands, strict=True), strict=True))

    @cached_property
    def choices(self) -> list[tuple[int, list[tuple[int, int]]]]:
        """For each output of a switch its register, and its pieces."""
        return [(k, self._pieces(e)) for e, k in enumerate(self.outs.tolist())]

    def pieces(self, element: int) -> list[tuple[int, int]]:
        """The pieces of a switch: registers, each with its sign."""
        return self.choices[element][1]

    def _pieces(self, element: int) -> list[tuple[int, int]]:
        if self.op == "abs":
            x = int(self.ins[0][element])
            return [(x, 1), (x, -1)]
        if self.op == "where":
            return [(int(self.ins[1][element]), 1), (int(self.ins[2][element]), 1)]
        return [(r, 1) for r in dict.fromkeys(self.ins[0][element].tolist())]


class Definition(NamedTuple):
    """The instruction that writes a register, and the element of its (flattened) outputs."""

    instruction: Instruction
    element: int


class Definitions(Mapping[int, Definition]):
    """The definition of each register, stored in two columns: a record has tens of thousands."""

    def __init__(self, instructions: Sequence[Instruction], size: int) -> None:
        self.instructions = instructions
        which, element = np.full(size, -1, np.intp), np.zeros(size, np.intp)
        for n, i in enumerate(instructions):
            which[i.outs], element[i.outs] = n, np.arange(i.outs.size).reshape(i.outs.shape)
        self._which, self._element = which.tolist(), element.tolist()

    def __getitem__(self, register: int) -> Definition:
        n = self._which[register]
        if n < 0:
            raise KeyError(register)
        return Definition(self.instructions[n], self._element[register])

    def __contains__(self, register: object) -> bool:
        return isinstance(register, (int, np.integer)) and self._which[register] >= 0

    def __iter__(self) -> Iterator[int]:
        return (r for r, n in enumerate(self._which) if n >= 0)

    def __len__(self) -> int:
        return sum(n >= 0 for n in self._which)


def of_one_shape(columns: list[Registers]) -> list[Registers]:
    """The columns, broadcast to one shape."""
    return columns if all(c.shape == columns[0].shape for c in columns) else [*np.broadcast_arrays(*columns)]


def _joined(alike: Sequence[Instruction]) -> Instruction:
    """One instruction for several of the same operation."""
    if len(alike) == 1:
        return alike[0]
    ins = tuple(np.concatenate(columns) for columns in zip(*(i.ins for i in alike), strict=True))
    return Instruction(op=alike[0].op, outs=np.concatenate([i.outs for i in alike]), ins=ins, parameter=alike[0].parameter)


@dataclass(frozen=True, kw_only=True, eq=False)
class Tape:
    """`inputs` are in the order in which they are passed; derivatives are taken in `variables`, some of them."""

    inputs: Registers
    constants: Mapping[int, Number]
    instructions: tuple[Instruction, ...]
    outputs: Registers
    size: int
    variables: Registers

    @cached_property
    def prepared(self) -> dict[Any, Any]:
        """A cache of what evaluations prepare once for all their runs."""
        return {}

    @cached_property
    def places(self) -> Definitions:
        """The definition of each register, without inputs and constants."""
        return Definitions(self.instructions, self.size)

    @cached_property
    def fused(self) -> Tape:
        """The same registers in fewer instructions: equal operations on numbers that do not depend on each other become one, like those of
        a loop. It has no lines of code.
        """
        level, groups = np.zeros(self.size, np.intp), dict[Any, list[Instruction]]()
        for n, i in enumerate(self.instructions):
            here = 1 + max((int(level[r].max(initial=0)) for r in i.ins), default=0)
            level[i.outs] = here
            whole = n if i.row.form in ("matrix", "composite") else None
            groups.setdefault((here, i.op, i.parameter, i.ins[0].shape[1:], whole), []).append(i)
        found = replace(self, instructions=tuple(_joined(groups[key]) for key in sorted(groups, key=itemgetter(0))))
        found.__dict__["fused"] = found
        return found

    def operands(self, register: int) -> list[int]:
        """The operands of a register; empty for inputs and constants."""
        if register not in self.places:
            return []
        i, e = self.places[register]
        if i.row.form == "matrix":
            n, m = divmod(e, i.outs.shape[1])
            return [*i.ins[0][n].tolist(), *i.ins[1][:, m].tolist()]
        return [k for x in i.ins for k in np.ravel(x if i.row.form == "composite" else x[e]).tolist()]

    def only(self, outputs: Registers) -> Tape:
        """The tape with only the instructions that these outputs depend on; registers keep their numbers."""
        needed, found = np.zeros(self.size, bool), []
        needed[outputs.ravel()] = True
        for i in reversed(self.instructions):
            asked = needed[i.outs]
            if asked.any():
                found.append(_of_these(i, asked))
                for r in found[-1].ins:
                    needed[r] = True
        return replace(self, instructions=tuple(found[::-1]), outputs=outputs)

    def behind(self, registers: Sequence[int]) -> set[int]:
        """All registers that these depend on, including themselves."""
        seen, waiting = set(registers), list(registers)
        while waiting:
            fresh = set(self.operands(waiting.pop())) - seen
            seen |= fresh
            waiting += fresh
        return seen

    @cached_property
    def moving(self) -> NDArray[np.bool_]:
        """The registers that depend on a variable through numbers (not by comparisons alone)."""
        if self.fused is not self:  # of the same registers, in fewer steps
            return self.fused.moving
        found = np.zeros(self.size, bool)
        found[self.variables] = True
        for i in self.instructions:
            if i.row.form == "comparison":
                continue
            if i.row.form == "matrix":
                found[i.outs] = found[i.ins[0]].any(1, keepdims=True) | found[i.ins[1]].any(0, keepdims=True)
            elif i.row.form == "composite":
                found[i.outs] = any(found[r].any() for r in i.ins)
            else:
                for r in i.ins[1:] if i.op == "where" else i.ins:
                    found[i.outs] |= found[r] if r.ndim == 1 else found[r].reshape(len(i.outs), -1).any(1)
        return found

    @cached_property
    def degrees(self) -> NDArray[np.float64]:
        """For each register an upper bound of its degree as a polynomial in the variables, on every piece; infinite if it is not a
        polynomial.
        """
        return degrees(self)

    @cached_property
    def operations(self) -> int:
        """The number of computed numbers."""
        return sum(i.outs.size for i in self.instructions)


def degrees(tape: Tape, possible: Mapping[int, Sequence[int]] | None = None) -> NDArray[np.float64]:
    """For each register an upper bound of its degree as a polynomial in the variables; infinite if it is not a polynomial. Only the
    `possible` pieces of switches count, if given.
    """
    found = np.zeros(tape.size)
    found[tape.variables] = 1
    for i in tape.instructions:
        if possible is not None and i.row.form == "switch":
            for e, k in enumerate(i.outs.tolist()):
                found[k] = max(found[i.pieces(e)[p][0]] for p in possible[k])
        else:
            found[i.outs] = _degree(i, [found[r] for r in i.ins])
    return found


def _degree(i: Instruction, ins: Sequence[NDArray[np.float64]]) -> Any:
    of = i.row.form
    if of == "comparison":
        return np.max([x.max(1) if x.ndim > 1 else x for x in ins], axis=0)
    if i.op in ("add", "sub", "neg", "abs", "round_to"):
        return np.max(ins, axis=0)
    if i.op == "where":
        return np.maximum(ins[1], ins[2])
    if i.op in ("sum", "max", "min"):
        return ins[0].max(1)
    if i.op == "mul":
        return ins[0] + ins[1]
    if i.op == "dot":
        return (ins[0] + ins[1]).max(1)
    if i.op == "matmul":
        return ins[0].max(1)[:, None] + ins[1].max(0)[None, :]
    if i.op == "square":
        return 2 * ins[0]
    if i.op == "pow_c" and i.parameter.denominator == 1 and i.parameter >= 0:
        return int(i.parameter) * ins[0] if i.parameter else 0 * ins[0]
    if i.op == "div":
        return ins[0] + np.where(ins[1] > 0, inf, 0)
    if of == "composite":
        return inf if any(x.any() for x in ins) else 0.0
    return np.where(np.max(ins, axis=0) > 0, inf, 0.0)


COMMUTATIVE = {"add", "mul"}
SUMS: dict[str, tuple[int, ...]] = {"add": (1, 1), "sub": (1, -1), "neg": (-1,), "sum": ()}
"""The signs of the operands; all numbers of a row are added."""


@dataclass
class Builder(Arithmetic):
    """Records a tape: `x = b.inputs((3,))`, `y = b.exp(b.mul(2, x))`, `b.tape(outputs=y)`. Columns are arrays of register numbers.

    Equal operations share one register, so that the slopes of a difference of the same kink cancel; without `shared` each has its own
    register and line. Nothing else is folded.
    """

    line: SourceLine | None = None
    shared: bool = True
    _size: int = 0
    _inputs: list[int] = field(default_factory=list)
    _variables: list[int] = field(default_factory=list)
    _held: set[int] = field(default_factory=set)
    _constants: dict[Number, int] = field(default_factory=dict)
    _floats: dict[float, int] = field(default_factory=dict)
    _numbers: dict[int, Number] = field(default_factory=dict)
    _instructions: list[Instruction] = field(default_factory=list)
    _known: dict[Any, int] = field(default_factory=dict)

    @property
    def length(self) -> int:
        """The number of instructions."""
        return len(self._instructions)

    def inputs(self, shape: int | tuple[int, ...] = (), *, variable: bool = True) -> Registers:
        """The registers of an input, in which derivatives are taken if it is a `variable`."""
        found = self._new(int(np.prod(shape))).reshape(shape)
        self._inputs += found.ravel().tolist()
        if variable:
            self._variables += found.ravel().tolist()
        else:
            self._held.update(found.ravel().tolist())
        return found

    def given(self, registers: Registers) -> NDArray[np.bool_]:
        """Which registers are constants, or inputs that are no variables."""
        held, numbers = self._held, self._numbers
        return np.array([r in held or r in numbers for r in registers.ravel().tolist()], bool).reshape(registers.shape)

    def fixed(self, registers: Registers) -> NDArray[np.bool_]:
        """Which registers are rational constants."""
        numbers = self._numbers
        return np.array([isinstance(numbers.get(r), Fraction) for r in registers.ravel().tolist()], bool).reshape(registers.shape)

    def constants(self, values: Any) -> Registers:
        """The registers of numbers, or of an array of them."""
        if isinstance(values, (str, Fraction)):
            return np.asarray(self._constant(values), np.intp)
        given = np.asarray(values)
        found = [self._constant(v) for v in given.ravel()] if given.dtype == object else [*map(self._plain, given.ravel().tolist())]
        return np.array(found, np.intp).reshape(given.shape)

    def _plain(self, value: float) -> int:
        """The register of a float or a whole number, which is found faster than a fraction."""
        if value not in self._floats:
            self._floats[value] = self._constant(value)
        return self._floats[value]

    def _constant(self, value: Any) -> int:
        if isinstance(value, str):
            if value not in NAMED:
                raise ValueError(f"{value} is no number with a name. Known: {', '.join(NAMED)}.")
            key: Number = value
        elif isinstance(value, float) and not isfinite(value):
            raise ValueError(f"{value} is no number: choose by `where` what is left out.")
        else:
            key = Fraction(value)
        if key not in self._constants:
            (register,) = self._new(1).tolist()
            self._constants[key] = register
            self._numbers[register] = key
        return self._constants[key]

    def number(self, x: Any) -> Number | None:
        """The value of a constant's register (or a Python number); None for other registers, and for several."""
        if not isinstance(x, (np.ndarray, np.integer)):
            return x if isinstance(x, str) else Fraction(x)
        return self._numbers.get(int(x.item())) if x.size == 1 else None

    def column(self, x: Any) -> Registers:
        """The registers of a column: numpy integers are registers, Python numbers and numpy floats constants."""
        return np.asarray(x) if isinstance(x, (np.ndarray, np.integer)) and x.dtype == np.intp else self.constants(x)

    def apply(self, row: Primitive, ins: Sequence[Column], parameter: Any = None) -> Registers:
        """The registers of one primitive, elementwise with broadcasting; along the last axis for `sum`, `dot`, `max`, `min`."""
        columns = [self.column(x) for x in ins]
        if row.name == "pow_c":
            parameter = Fraction(parameter)
            if not is_held(parameter):  # a rounded exponent counts: as a constant it carries its rounding
                return self.apply(PRIMITIVES["pow"], [*ins, parameter])
        if row.form in ("matrix", "composite"):
            return self._whole(row, columns, parameter)
        rows = row.form == "row" or row.name in ("max", "min")
        if not rows and not any(c.ndim for c in columns):
            return self._single(row, [int(c) for c in columns], parameter)
        columns = of_one_shape(columns)
        shape = columns[0].shape[:-1] if rows else columns[0].shape
        flat = [c.reshape(-1, c.shape[-1]) if rows else c.ravel() for c in columns]
        keys = self._keys(row, flat, parameter)
        fresh: dict[Any, int] = {}
        for k, key in enumerate(keys):
            if key not in self._known:
                fresh.setdefault(key, k)
        if fresh:
            outs, which = self._new(len(fresh)), np.array(list(fresh.values()), np.intp)
            self._known.update(zip(fresh, outs.tolist(), strict=True))
            self._emit(row, outs, tuple(np.ascontiguousarray(c[which]) for c in flat), parameter)
        return np.array([self._known[key] for key in keys], np.intp).reshape(shape)

    def _single(self, row: Primitive, ins: Sequence[int], parameter: Any) -> Registers:
        """The register of one output, without the cost of arrays."""
        key: Any = (row.name, parameter, *(sorted(ins) if row.name in COMMUTATIVE else ins)) if self.shared else (self.length, 0)
        if key not in self._known:
            outs = self._new(1)
            self._known[key] = int(outs[0])
            self._emit(row, outs, tuple(np.array([r], np.intp) for r in ins), parameter)
        return np.array(self._known[key], np.intp)

    def _keys(self, row: Primitive, flat: Sequence[Registers], parameter: Any) -> list[Any]:
        if not self.shared:
            return [(len(self._instructions), k) for k in range(len(flat[0]))]

        def operands(c: Registers) -> Iterator[Any]:
            return iter(c.tolist()) if c.ndim == 1 else map(tuple, c.tolist())

        tuples = zip(*map(operands, flat), strict=True)
        if row.name in COMMUTATIVE:
            return [(row.name, parameter, *sorted(t)) for t in tuples]
        if row.name in ("max", "min"):
            return [(row.name, frozenset(pieces)) for (pieces,) in tuples]
        return [(row.name, parameter, *t) for t in tuples]

    def _whole(self, row: Primitive, columns: Sequence[Registers], parameter: Any) -> Registers:
        """The registers of one instruction on whole matrices."""
        shape = row.shape(*(c.shape for c in columns)) if row.shape else (columns[0].shape[0], columns[1].shape[1])
        key = (row.name, parameter, *((c.shape, c.tobytes()) for c in columns)) if self.shared else (len(self._instructions),)
        if key not in self._known:
            outs = self._new(int(np.prod(shape)))
            self._known[key] = int(outs[0]) if outs.size else 0
            self._emit(row, outs.reshape(shape), tuple(c.copy() for c in columns), parameter)
        first = self._known[key]
        return np.arange(first, first + int(np.prod(shape)), dtype=np.intp).reshape(shape)

    def _new(self, n: int) -> Registers:
        self._size += n
        return np.arange(self._size - n, self._size, dtype=np.intp)

    def _emit(self, row: Primitive, outs: Registers, ins: tuple[Registers, ...], parameter: Any) -> None:
        self._instructions.append(Instruction(op=row.name, outs=outs, ins=ins, parameter=parameter, line=self.line))

    def has_recorded(self, operations: Container[str]) -> bool:
        """Whether one of these operations has been recorded, needed or not."""
        return any(i.op in operations for i in self._instructions)

    def tape(self, outputs: Any, *, variables: Registers | None = None) -> Tape:
        """The recorded tape, without instructions that the outputs do not need."""
        outs = self.column(outputs)
        return Tape(
            inputs=np.array(self._inputs, np.intp),
            constants={r: value for value, r in self._constants.items()},
            instructions=tuple(_needed(self._instructions, outs, self._size)),
            outputs=outs.copy(),
            size=self._size,
            variables=np.array(self._variables, np.intp) if variables is None else variables,
        )


def _needed(instructions: Sequence[Instruction], outputs: Registers, size: int) -> list[Instruction]:
    needed, found = np.zeros(size, bool), []
    needed[outputs.ravel()] = True
    for i in reversed(instructions):
        if needed[i.outs[0]] if i.outs.shape == (1,) else needed[i.outs].any():
            found.append(i)
            for r in i.ins:
                needed[r] = True
    return found[::-1]


def _of_these(i: Instruction, asked: NDArray[np.bool_]) -> Instruction:
    """The instruction, restricted to these outputs if possible: for a matrix to whole rows and columns."""
    if asked.all() or i.row.form == "composite":
        return i
    if i.row.form != "matrix":
        return i.part(asked)
    rows, columns = asked.any(1), asked.any(0)
    return replace(i, outs=i.outs[np.ix_(rows, columns)], ins=(i.ins[0][rows], i.ins[1][:, columns]))


class Addend(NamedTuple):
    """A summand of an output, with its net count (`net`), and how often it is added or subtracted (`gross`)."""

    register: int
    net: int
    gross: int


def additive(tape: Tape, output: int) -> list[Addend]:
    """The summands of an output, as written; each register once."""
    weights, waiting, found = {output: (1, 1)}, [-output], []
    while waiting:
        r = -heappop(waiting)  # the latest first: everything that it is added to is done
        net, gross = weights.pop(r)
        place = tape.places.get(r)
        if place is None or place.instruction.op not in SUMS:
            found.append(Addend(r, net, gross))
            continue
        i, e = place
        operands = (
            [(k, 1) for k in i.ins[0][e].tolist()] if i.op == "sum" else [(int(x[e]), s) for x, s in zip(i.ins, SUMS[i.op], strict=True)]
        )
        for k, s in operands:
            if k not in weights:
                heappush(waiting, -k)
            n, g = weights.get(k, (0, 0))
            weights[k] = n + s * net, g + gross
    return found[::-1]
