"""A compiled formula: values, slopes and switches of ℓ over its variables (the scores, or one weight of a penalty)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Hashable, Mapping, Sequence
from fractions import Fraction
from functools import cached_property, lru_cache, reduce
from itertools import product
from math import inf
from typing import TYPE_CHECKING, Any

import flint
import numpy as np
from flint import arb, fmpq
from numpy.typing import NDArray

from verify import disk_cache
from verify.errors import UsageError
from verify.later import sympy
from verify.spec.loss import LossSpec
from verify.spec.penalty import Penalty
from verify.spec.shipped import shipped
from verify.tape import enclose, reverse, series, stored
from verify.tape.balls import Ball, precision
from verify.tape.derive import Second, SecondDerivatives, cut_slopes
from verify.tape.enclose import Run
from verify.tape.ranges import Ranges
from verify.tape.reverse import Pieces, Quantity, upper
from verify.tape.series import Comparison
from verify.tape.tape import Builder, Tape, degrees

Terms = tuple[int, ...]
Slopes = tuple[dict[int, Terms], dict[int, Terms]]
if TYPE_CHECKING:
    Stated = tuple[sympy.Expr, Sequence[sympy.Symbol], Sequence[sympy.Symbol]]
    """An expression with its variables and its constants."""

MAX_VARIABLES = 8
"""Most variables for which the formula is tested to be a polynomial."""


class Formula:
    """An expression as a tape, with its slopes, recorded once: of the part outside the switches, and of each piece of each switch.

    `value_terms` are the registers of its summands, as written; `registers` has those of its subexpressions. `slopes` hold, for each
    variable and for each switch by its number, the registers of the slope's terms. Along lines only the value is needed: that is a separate
    tape, with the same registers.
    """

    _stated: Callable[[], Stated]
    _polynomial_in: Sequence[bool] | None = None

    def __init__(self, e: sympy.Expr, variables: Sequence[sympy.Symbol], constants: Sequence[sympy.Symbol] = ()) -> None:
        from verify.oracle.compiler import Compiler  # tables of sympy's functions

        compiler = Compiler(variables, constants)
        terms = compiler.terms(e)
        self.expression, self.variables = e, tuple(variables)
        self.registers = {part: int(k) for part, k in compiler.known.items() if np.ndim(k) == 0}
        self._of_recording(compiler.b, terms, len(variables), tuple(map(str, constants)), compiler.asked)

    @cached_property
    def expression(self) -> sympy.Expr | None:
        """The compiled expression; None for a recording."""
        return self._stated()[0]

    @cached_property
    def variables(self) -> tuple[sympy.Symbol, ...]:
        """The variables of the expression."""
        return tuple(self._stated()[1])

    @cached_property
    def registers(self) -> dict[sympy.Basic, int]:
        """The registers of its subexpressions."""
        return Formula(*self._stated()).registers

    def as_data(self) -> dict[str, Any]:
        """Plain data, from which it is `read`. Raises ValueError if there is no plain form."""
        curvature = [] if self._curvature is None else [self._curvature.tape]
        few = self.arity <= MAX_VARIABLES
        return {
            "tapes": stored.as_data([self.value_tape, self.tape, *curvature]),
            "arity": self.arity,
            "constants": list(self.constants),
            "terms": list(self.value_terms),
            "asked": list(self._asked.items()),
            "slopes": _plain(self.slopes),
            "piece slopes": [[_plain(slopes) for slopes in pieces] for pieces in self.piece_slopes],
            "quadratic": self._coefficients and [str(c) for c in self._coefficients],
            "polynomial in": [self.is_polynomial_in(j) for j in range(self.arity)] if few else None,
        }

    @classmethod
    def read(cls, found: dict[str, Any], stated: Callable[[], Stated]) -> Formula:
        """The formula from plain data; its expression is computed by `stated` when needed.

        Raises LookupError, TypeError or ValueError for invalid data.
        """
        self = cls.__new__(cls)
        self._stated = stated
        self.value_tape, self.tape, *curvature = stored.read(found["tapes"])
        self._curvature = SecondDerivatives(curvature[0], int(curvature[0].outputs)) if curvature else None
        self.arity, self.constants, self.value_terms = int(found["arity"]), tuple(found["constants"]), tuple(found["terms"])
        self._asked = dict(found["asked"])
        self._find_switches()
        self.slopes = _slopes(found["slopes"])
        self.piece_slopes = [[_slopes(slopes) for slopes in pieces] for pieces in found["piece slopes"]]
        self._coefficients = found["quadratic"] and tuple(map(Fraction, found["quadratic"]))
        self._polynomial_in = found["polynomial in"]
        return self

    def _of_recording(self, b: Builder, terms: Terms, variables: int, constants: tuple[str, ...], asked: Mapping[int, str]) -> None:
        self.arity, self.constants, self.value_terms, self._asked = variables, constants, terms, asked
        self.value_tape = b.tape(np.array([*self.value_terms, *self._asked], np.intp))
        self._record_slopes(b, self._find_switches())

    def _find_switches(self) -> list[list[tuple[int, int]]]:
        """The pieces of each switch."""
        switches = [(k, pieces) for i in self.value_tape.instructions if i.row.form == "switch" for k, pieces in i.choices]
        self.switches = [k for k, _ in switches]
        self._number = {k: n for n, k in enumerate(self.switches)}
        return [pieces for _, pieces in switches]

    def _record_slopes(self, b: Builder, switches: Sequence[list[tuple[int, int]]]) -> None:
        self.slopes = self._split(b, self.value_terms)
        self.piece_slopes = [[self._split(b, (register,), sign) for register, sign in pieces] for pieces in switches]
        self.tape = b.tape(np.array([*self.value_tape.outputs, *self._slope_terms], np.intp))
        self._curvature = _curvature(b, self.value_terms) if self.value_terms else None

    @property
    def additions(self) -> int:
        """The number of summands."""
        return max(1, len(self.value_terms))

    @cached_property
    def _slope_terms(self) -> list[int]:
        return [t for slopes in (self.slopes, *(slopes for pieces in self.piece_slopes for slopes in pieces)) for t in _all(slopes)]

    def _split(self, b: Builder, starts: Sequence[int], sign: int = 1) -> Slopes:
        """The slopes of a sum of registers, by variable and by inner switch."""
        found, variables = cut_slopes(b, starts, sign), range(self.arity)
        own = {j: tuple(found[j]) for j in variables if j in found}  # variables come first among the registers
        return own, {self._number[k]: tuple(terms) for k, terms in found.items() if k in self._number}

    def run(self, inputs: Sequence[Ball], u: arb | None = None) -> Run:
        """All registers at a point or over a box; with `u` as careful floating-point code may have them."""
        return self._with_a_piece(enclose.run(self.tape, inputs, u))

    def follow(
        self, inputs: Sequence[Ball], u: arb | None = None, *, ahead: bool = False, taken: Mapping[int, list[int]] | None = None
    ) -> Run:
        """The registers of the value only, at points or along lines: see `enclose.run`."""
        return self._with_a_piece(enclose.run(self.value_tape, inputs, u, ahead=ahead, taken=taken))

    def _with_slopes(self, run: Run) -> Run:
        """The run of all registers, continuing one of the value."""
        if run.tape is self.tape:
            return run
        return enclose.run(self.tape, [run.values[k] for k in self.tape.inputs.tolist()], run.arithmetic.u, begun=run)

    def _with_a_piece(self, run: Run) -> Run:
        for k, shown in self._asked.items():
            if run.values[k] is False:
                raise UsageError(f"a Piecewise of the formula has no piece where none of {shown} holds: end it with (…, True).")
        return run

    @cached_property
    def conditional(self) -> list[int]:
        """The switches that select by a condition."""
        return [k for k in self.switches if self.value_tape.places[k].instruction.op == "where"]

    @cached_property
    def quadratic(self) -> tuple[arb, arb, arb] | None:
        """(c0, c1, c2) if the formula of one variable is c0 + c1·w + c2·w² with rational coefficients, else None."""
        if self._coefficients is None:
            return None
        c0, c1, c2 = [arb(fmpq(c.numerator, c.denominator)) for c in self._coefficients]
        return c0, c1, c2

    @cached_property
    def _coefficients(self) -> tuple[Fraction, ...] | None:
        """These three coefficients as fractions."""
        if self.expression is None or self.switches or self.arity != 1:
            return None
        if not self.expression.is_polynomial(*self.variables):
            return None
        c = sympy.Poly(self.expression, *self.variables).all_coeffs()[::-1]
        if len(c) > 3 or not all(x.is_Rational for x in c):
            return None
        return tuple(Fraction(int(x.p), int(x.q)) for x in [*c, sympy.S.Zero, sympy.S.Zero][:3])

    @cached_property
    def piecewise_linear(self) -> bool:
        """Whether every piece is linear."""
        return self._degree(self.value_tape.degrees) <= 1

    @cached_property
    def is_polynomial(self) -> bool:
        """Whether every piece is a polynomial."""
        return self._degree(self.value_tape.degrees) < inf

    def is_polynomial_in(self, j: int) -> bool:
        """Whether it depends on this variable as a polynomial, without a switch."""
        if self._polynomial_in is not None:
            return self._polynomial_in[j]
        if self.expression is None:
            return False
        variable = self.variables[j]
        return variable in self.expression.free_symbols and bool(self.expression.is_polynomial(variable))

    def is_polynomial_at(self, run: Run) -> bool:
        """Whether the pieces that are active in the run's box are polynomials."""
        if self.is_polynomial or not self.switches:
            return self.is_polynomial
        pattern = tuple(map(tuple, run.possible.values()))
        if pattern not in self._polynomial_at:
            self._polynomial_at[pattern] = self._degree(degrees(self.value_tape, run.possible)) < inf
        return self._polynomial_at[pattern]

    @cached_property
    def _polynomial_at(self) -> dict[Hashable, bool]:
        return {}

    def is_constant(self, register: int) -> bool:
        """Whether a register depends on no input."""
        return register in self._still

    @cached_property
    def _still(self) -> frozenset[int]:
        known = set(self.tape.constants)
        for i in self.tape.instructions:
            if i.row.form not in ("switch", "matrix", "composite"):
                known |= {k for k, ins in i.elements if known.issuperset(np.ravel(ins).tolist())}
        return frozenset(known)

    def _degree(self, of: NDArray[np.float64]) -> float:
        return max((float(of[k]) for k in self.value_terms), default=0.0)

    @cached_property
    def mentioned(self) -> tuple[frozenset[str], frozenset[str]]:
        """The names of the constants that the value depends on, and of those that the gradient depends on: in its slopes or in the position
        of its switches. Another constant changes nothing, wherever it is evaluated.
        """
        of_switches = [r for i in self.value_tape.instructions if i.row.form == "switch" for x in i.ins for r in x.ravel().tolist()]
        return self._constants_behind(self.value_terms), self._constants_behind([*self._slope_terms, *of_switches])

    def _constants_behind(self, registers: Sequence[int]) -> frozenset[str]:
        known = self.tape.behind(registers)
        registers_of_constants = self.tape.inputs[self.arity :].tolist()
        return frozenset(c for c, r in zip(self.constants, registers_of_constants, strict=True) if r in known)

    @cached_property
    def _ranges(self) -> Ranges:
        return Ranges(self.tape, self.value_tape.behind(self.value_terms))

    def leaves(self, run: Run, dtype: str, factor: float, *, slopes: bool) -> bool:
        """Whether a number in the computation of the value, or of the slopes, may not fit `dtype` on the possible pieces: see `ranges`."""
        run = self._with_slopes(run) if slopes else run
        registers = _all(self.slopes) if slopes else [*self.value_terms]
        for k in enclose.reached(run, self.value_terms):
            switch, element = self.value_tape.places[k]
            for a in run.possible[k]:
                registers += _all(self.piece_slopes[self._number[k]][a]) if slopes else [switch.pieces(element)[a][0]]
        return any(self._ranges.leave(r, run.values, dtype, factor) for r in registers)

    @cached_property
    def underflow_steps(self) -> int:
        """The number of operations that may each lose one smallest normal."""
        return self.tape.operations + 1

    def value(self, thin: Run, fat: Run) -> Quantity:
        """The value of ℓ."""
        return _quantity(self.value_terms, thin, fat)

    def pieces(self, thin: Run, fat: Run) -> Pieces:
        """∂ℓ over the box of `fat`, by the chain rule through the switches. The runs may be of the value only."""
        thin, fat = self._with_slopes(thin), self._with_slopes(fat)

        def of(slopes: Slopes) -> reverse.Slopes:
            key = id(slopes), thin.arithmetic, fat.arithmetic, flint.ctx.prec
            known = self._steady.get(key)
            if known is None:
                own, inner = ({k: _quantity(terms, thin, fat) for k, terms in part.items()} for part in slopes)
                known = reverse.Slopes(own, inner)
                if all(map(self.is_constant, _all(slopes))):  # those of a hinge, wherever it is looked at
                    self._steady[key] = known
            return known

        vertices: dict[int, list[reverse.Vertex]] = {}
        for k, (register, slopes) in enumerate(zip(self.switches, self.piece_slopes, strict=True)):
            vertices[k] = [v for a in fat.possible[register] for v in reverse.combined(of(slopes[a]), vertices)]
        return reverse.assembled(of(self.slopes), vertices)

    @cached_property
    def _steady(self) -> dict[Hashable, reverse.Slopes]:
        """A cache of slopes that depend on no input, by place, roundings and precision."""
        return {}

    def curvature(self, j: int, thin: Run, fat: Run) -> list[Quantity] | None:
        """∂²ℓ/∂s_j² on each combination of pieces that is possible over the box of `fat`: at kinks every one-sided limit.

        None if there are more than MOST_LIMITS of them.
        """
        return [Quantity(arb(0), 0.0, 0.0)] if self._curvature is None else self._curvature.at(j, thin, fat)

    def seconds(self, j: int) -> list[tuple[Second, int]]:
        """The tapes whose sum is ∂²ℓ/∂s_j², with their counts, for a formula without switches."""
        return [] if self._curvature is None else self._curvature.seconds(j)

    def slope(self, run: Run, v: Sequence[arb]) -> arb:
        """A ball around ⟨∂ℓ, v⟩ over the box of the run, including every possible piece of every switch."""
        inner: list[arb] = []
        for register, slopes in zip(self.switches, self.piece_slopes, strict=True):
            balls = [_slope_of(slopes[a], run, v, inner) for a in run.possible[register]]
            inner.append(reduce(lambda a, b: a.union(b), balls))
        return _slope_of(self.slopes, run, v, inner)

    def next_kink(self, run: Run, line: Callable[[arb], list[Ball]], start: arb, end: arb) -> arb | None:
        """The least t in (start, end) at which a switch may leave the piece that it took `ahead` of the start: see `series`."""
        return series.next_kink(run, line, start, end)

    @cached_property
    def gaps(self) -> list[Comparison]:
        """The compared differences: a switch turns where one is 0. A switch comes before those within it."""
        return series.gaps(self.value_tape)

    @cached_property
    def _gap_tapes(self) -> list[Tape]:
        return [self.value_tape.only(np.array([r for r in gap if r is not None], np.intp)) for gap in self.gaps]

    def sign(self, inputs: Sequence[Ball], gap: int) -> int | None:
        """The exact sign of a gap; None where it stays undecided up to EXACT_BITS (never for polynomials)."""
        return series.sign(self._gap_tapes[gap], inputs, self.gaps[gap])

    def gap(self, inputs: Sequence[Ball], gap: int) -> arb:
        """A compared difference, at the present precision."""
        difference: arb = self.gaps[gap].of(enclose.run(self._gap_tapes[gap], inputs).values)
        return difference


def _plain(slopes: Slopes) -> list[Any]:
    return [list(part.items()) for part in slopes]


def _slopes(found: Any) -> Slopes:
    own, inner = ({int(k): tuple(terms) for k, terms in part} for part in found)
    return own, inner


def _all(slopes: Slopes) -> list[int]:
    """The registers of all terms."""
    return [t for part in slopes for terms in part.values() for t in terms]


def _curvature(b: Builder, terms: Terms) -> SecondDerivatives:
    (total,) = b.sum(np.array([terms], np.intp)).tolist()
    return SecondDerivatives(b.tape(np.array(total, np.intp)), total)


def _slope_of(slopes: Slopes, run: Run, v: Sequence[arb], inner: list[arb]) -> arb:
    own = sum((_total(t, run) * v[j] for j, t in slopes[0].items()), arb(0))
    return sum((_total(t, run) * inner[k] for k, t in slopes[1].items()), own)


def _quantity(terms: Terms, thin: Run, fat: Run) -> Quantity:
    balls = [fat.values[t] for t in terms]
    exact, wide, magnitude = sum([thin.values[t] for t in terms], arb(0)), sum(balls, arb(0)), sum(map(arb.abs_upper, balls), arb(0))
    return Quantity(exact, upper(wide - exact), upper(magnitude))


def _total(terms: Terms, run: Run) -> arb:
    return sum([run.values[t] for t in terms], arb(0))


@lru_cache(maxsize=512)
def loss_formula(spec: LossSpec, classes: int, label: int) -> Formula:
    """ℓ(·, label) over `classes` scores, compiled once per process. For a domain of targets there is one formula, with the target as its
    first constant. Raises UsageError if it contains unknown functions.
    """
    if spec.domain and label:
        return loss_formula(spec, classes, 0)

    def stated() -> Stated:
        e, symbols = spec.expression(classes, label)
        return e, symbols[:classes], symbols[classes:]

    return compiled(f"{spec.name}, {spec.place(classes, label)}", stated, shipped(spec), [classes, label])


def compiled(what: str, stated: Callable[[], Stated], home: tuple[str, str] | None = None, which: Sequence[Any] = ()) -> Formula:
    """The formula that `stated` returns, cached between processes: by where it ships (`home`) and `which` of the formulas there it is, else
    by the expression. Raises UsageError if it contains unknown functions.
    """
    if home is None:
        expression = stated()
        return _kept(what, ["expression", _digest(*expression)], lambda: expression)
    return _kept(what, ["formula", *home, *which], stated)


def _kept(what: str, key: Sequence[Any], stated: Callable[[], Stated]) -> Formula:
    def made() -> Formula:
        e, variables, constants = stated()
        try:
            return Formula(e, variables, constants)
        except (ValueError, TypeError, NotImplementedError, RecursionError) as error:
            raise UsageError(f"{what}: {error}") from None

    return disk_cache.cached(key, made, Formula.as_data, lambda found: Formula.read(found, stated))


def _digest(e: sympy.Expr, variables: Sequence[sympy.Symbol], constants: Sequence[sympy.Symbol]) -> str:
    """A digest of what a formula is compiled from: each node once, with its operands in order."""
    numbers: dict[sympy.Basic, int] = {}
    told: list[Any] = [len(variables), len(constants)]
    waiting = [e, *reversed(constants), *reversed(variables)]
    while waiting:
        node = waiting[-1]
        fresh = [a for a in node.args if a not in numbers] if node not in numbers else []
        if not fresh and node not in numbers:
            told.append([type(node).__module__, type(node).__name__, [numbers[a] for a in node.args] or sympy.srepr(node)])
            numbers[node] = len(numbers)
        waiting += fresh or []
        if not fresh:
            waiting.pop()
    return hashlib.sha256(json.dumps([told, numbers[e]]).encode()).hexdigest()


@lru_cache(maxsize=64)
def any_target_formula(spec: LossSpec) -> Formula | None:
    """ℓ over one score, with its target t and its parameters as constants; None if it is not the same formula for all targets."""
    if not spec.targets or spec.domain:
        return None
    home = shipped(spec)
    if home is None:
        return _any_target(spec)

    return disk_cache.cached(
        ["any target", *home],
        lambda: _any_target(spec),
        lambda made: None if made is None else made.as_data(),
        lambda found: None if found is None else Formula.read(found, lambda: _with_a_target(spec)),
    )


def _with_a_target(spec: LossSpec) -> Stated:
    _, (score, *parameters) = spec.expression(1, 0)
    target = sympy.Symbol("t", real=True)
    return sympy.sympify(spec.formula(score, target, **{p.name: p for p in parameters})), [score], [target, *parameters]


def _any_target(spec: LossSpec) -> Formula | None:
    assert spec.targets is not None
    try:
        found = Formula(*_with_a_target(spec))
    except Exception:  # it branches on the target, uses it as an index, or needs a function without a ball operation
        return None
    defaults = [arb(p) for p in spec.with_parameters({}).values()]
    with precision():
        for s, (i, t) in product((-3, -0.5, 0.25, 2), enumerate(spec.targets)):
            known = loss_formula(spec, 1, i)
            a, b = found.follow([arb(s), arb(float(t)), *defaults]), known.follow([arb(s), *defaults])
            difference = _total(found.value_terms, a) - _total(known.value_terms, b)
            if difference.is_finite() and not difference.contains(0):
                return None
    return found


@lru_cache(maxsize=64)
def penalty_formula(penalty: Penalty) -> Formula:
    """ρ(w), for a penalty over groups that of a group of two, compiled once per process. Raises UsageError if it contains unknown
    functions.
    """
    return compiled(penalty.name, lambda: (*penalty.expression(), ()), shipped(penalty))


@lru_cache(maxsize=256)
def group_formula(penalty: Penalty, size: int, gone: tuple[bool, ...]) -> Formula:
    """ρ over a group of `size` weights, without the norms in `gone`."""
    return compiled(penalty.name, lambda: (penalty.without(size, gone), penalty.expression(size)[1], ()))


@lru_cache(maxsize=64)
def norms_of(penalty: Penalty, size: int) -> tuple[tuple[tuple[float, ...], Formula], ...]:
    """For each norm in ρ over a group of this size: the semi-axes of the ball of its subgradients at 0, and the norm along a line through
    0, a formula of t with the constants v_1, …, k.
    """
    return tuple((norm.lengths, compiled(penalty.name, norm.ray)) for norm in penalty.norms(size))


@lru_cache(maxsize=1)
def parabola() -> Formula:
    """The formula a + b·t + c·t² of t, with a, b, c as constants: a quadratic penalty along a line, all weights at once."""

    def stated() -> Stated:
        t, a, b, c = sympy.symbols("t a b c", real=True)
        return a + b * t + c * t**2, [t], [a, b, c]

    return _kept("a parabola", ["parabola"], stated)
