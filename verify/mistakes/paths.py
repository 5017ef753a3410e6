"""Paths through a formula: the part of a gradient that comes through one of its subexpressions.

The chain rule adds up the contributions of all paths. Code that forgets one lacks its part; code that has one twice, with the wrong sign or
without a factor, adds a multiple of it. A subexpression that occurs for each row, or each entry, is one path.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from verify.later import sympy
from verify.oracle import InstanceOracle
from verify.oracle.formula import Formula
from verify.problem import Part, Values
from verify.tape import floats
from verify.tape.reverse import Adjoints, sweep
from verify.tape.tape import Instruction, Registers

Floats = NDArray[np.float64]

FACTORS = {
    -1.0: ("path-missing", "left out", "lacks"),
    1.0: ("path-doubled", "counted twice", "has twice"),
    -2.0: ("path-sign", "with the wrong sign", "has with the wrong sign"),
}
"""Meaning of a multiple of a path that is added to the gradient: its code, words for the path, and a verb for the gradient."""

MAX_SUBEXPRESSION = 40
"""Most characters of a subexpression shown in full."""


def paths(oracle: InstanceOracle, values: Values) -> dict[str, Floats]:
    """The parts of the gradient, in the layout of all differentiated inputs in one row, by the text of the subexpression that they come
    through. The whole gradient does not count as a path.
    """
    parts = oracle.problem.parts(values)
    x = np.concatenate([np.ravel(values[name]) for name in oracle.problem.differentiated]).astype(np.float64)
    found: dict[str, Floats] = {}
    for part in parts:
        for name, column in _of(oracle, part, x).items():
            np.add.at(found.setdefault(name, np.zeros(x.size)), part.places, part.weight * column)
    share = oracle.share(parts)
    return {name: share * column for name, column in found.items() if np.all(np.isfinite(column)) and np.any(column)}


def _of(oracle: InstanceOracle, part: Part, x: Floats) -> dict[str, Floats]:
    formula = oracle.formula(part.key)
    inputs = [*x[part.places], *part.numbers, *map(float, oracle.instance.parameters.values())]
    registers = floats.run(formula.value_tape, np.array(inputs)[:, None])
    whole = _Sums({})
    for k in formula.value_terms:
        whole.add(np.array([k]), np.ones((1, 1)), None)
    _swept(formula, registers, whole)
    found = {}
    for name, group in subexpressions(formula).items():
        own = _Sums({int(r): whole.parts[int(r)] for r in group if int(r) in whole.parts})
        if own.parts:
            _swept(formula, registers, own)
            found[name] = _slopes(formula, own)
    return found


def _swept(formula: Formula, registers: NDArray[np.floating], adjoints: _Sums) -> None:
    """Propagates adjoints from the registers to the variables, at each switch along the active piece."""

    def switch(i: Instruction, there: Adjoints) -> None:
        for e, k in enumerate(i.outs.tolist()):
            g, _ = there.total(np.array([k]))
            pieces = i.pieces(e)
            taken = [(r, s) for r, s in pieces if s * registers[r, 0] == registers[k, 0]] or pieces[:1]
            r, s = taken[0]
            if formula.value_tape.moving[r]:
                there.add(np.array([r]), s * g, None)

    with np.errstate(all="ignore"):
        sweep(formula.value_tape, floats.Floats(), lambda r: registers[r], adjoints, switch)


def _slopes(formula: Formula, adjoints: _Sums) -> Floats:
    places = formula.value_tape.variables.tolist()
    return np.array([float(adjoints.parts[r][0]) if r in adjoints.parts else 0.0 for r in places])


@dataclass
class _Sums:
    """Adjoints in floats."""

    parts: dict[int, Floats] = field(default_factory=dict)

    def add(self, registers: Registers, parts: Floats, through: object) -> None:  # noqa: ARG002
        for r, p in zip(registers.tolist(), np.broadcast_to(parts, (len(registers), 1)), strict=True):
            self.parts[r] = self.parts.get(r, np.zeros(1)) + p

    def live(self, registers: Registers) -> NDArray[np.bool_]:
        return np.array([r in self.parts for r in registers.tolist()], bool)

    def total(self, registers: Registers) -> tuple[Floats, None]:
        return np.array([self.parts.get(r, np.zeros(1)) for r in registers.tolist()]), None


@lru_cache(maxsize=256)
def subexpressions(formula: Formula) -> dict[str, NDArray[np.intp]]:
    """The registers of each subexpression that depends on a variable, by its text. Subexpressions that differ only in the indices of their
    symbols count as one; none contains another.
    """
    tape = formula.value_tape
    inputs = set(tape.inputs.tolist())
    alike: dict[str, list[tuple[int, sympy.Basic]]] = {}
    for e, register in formula.registers.items():
        if register not in inputs and tape.moving[register] and not isinstance(e, sympy.Symbol):
            alike.setdefault(_form(e), []).append((register, e))
    found: dict[str, NDArray[np.intp]] = {}
    for group in alike.values():
        registers = np.array(sorted({r for r, _ in group}), np.intp)
        if not any(_contains(formula, registers)):
            found.setdefault(shown(group[0][1]), registers)
    return found


def _contains(formula: Formula, registers: NDArray[np.intp]) -> Iterator[bool]:
    own = set(registers.tolist())
    for r in registers.tolist():
        yield len(own & set(formula.value_tape.behind([r]))) > 1


@lru_cache(maxsize=1 << 14)
def _form(e: sympy.Basic) -> str:
    """A key of an expression that ignores the indices of its symbols and the order of its terms."""
    if isinstance(e, sympy.Symbol):
        return _bare(e.name)
    if not e.args:
        return str(e)
    return f"{e.func.__name__}({','.join(sorted(map(_form, e.args)))})"


def _bare(name: str) -> str:
    return re.sub(r"(_\d+)+$", "", name)


def shown(e: sympy.Basic) -> str:
    """A subexpression for a sentence, without indices; a long one as its function with the argument left out."""
    text = str(e.xreplace({s: sympy.Symbol(_bare(s.name)) for s in e.free_symbols if len(e.free_symbols) == 1}))
    plain = re.sub(r"([A-Za-z]\w*?)(_\d+)+\b", r"\1", str(e)) if len(text) > MAX_SUBEXPRESSION or len(e.free_symbols) > 1 else text
    if len(plain) <= MAX_SUBEXPRESSION:
        return plain
    return _outline(e)


def _outline(e: sympy.Basic) -> str:
    if isinstance(e, sympy.Pow):
        base = _outline(e.base) if e.base.args else _bare(str(e.base))
        return {sympy.Rational(1, 2): f"sqrt({base})", sympy.Rational(-1, 2): f"1/sqrt({base})"}.get(e.exp, f"({base})**{e.exp}")
    if isinstance(e, (sympy.Add, sympy.Mul)):
        names = sorted({_bare(s.name) for s in e.free_symbols})
        return f"a {'sum' if isinstance(e, sympy.Add) else 'product'} of {', '.join(names)}"
    return f"{e.func.__name__}({', '.join(_outline(a) if a.args else _bare(str(a)) for a in e.args)})"


def likelier(name: str) -> tuple[bool, int]:
    """The sort key of paths with equal columns: a function is visible in code, a sum within it is not."""
    return name.startswith(("a sum", "a product")), len(name)
