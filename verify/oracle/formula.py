"""One formula, compiled: values, slopes and switches of ℓ over its variables (the scores, or one weight of a penalty)."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache, reduce
from itertools import product
from math import inf

import sympy
from flint import arb, arb_series, fmpq

from verify.errors import UsageError
from verify.oracle import ranges
from verify.oracle.program import Program, Run
from verify.rounding import BALL_BITS, EXACT_BITS, MOST_LIMITS
from verify.spec.lift import lift
from verify.spec.loss import LossSpec
from verify.spec.penalty import Penalty
from verify.tape.balls import Ball, precision
from verify.tape.zeros import first_zero

Terms = tuple[int, ...]

BESIDE = 2.0**-64
"""Beyond a kink that is known up to BALL_BITS: far enough that signs on either side differ, and nothing else has happened."""


@dataclass(frozen=True)
class Quantity:
    """A true number, how far a careful floating-point evaluation may be from it, and the magnitude of its terms."""

    exact: arb
    radius: float
    magnitude: float


@dataclass(frozen=True)
class Vertex:
    """One generator of a subdifferential over the variables: entries, their rounding radii, their terms' magnitudes."""

    entries: dict[int, Quantity]


@dataclass(frozen=True)
class Pieces:
    """∂ℓ at one point: `certain` plus, for each ambiguous switch, the convex hull of its vertices."""

    certain: dict[int, Quantity]
    ambiguous: list[list[Vertex]]


class Formula:
    """The program of an expression and of its derivatives, piece by piece."""

    def __init__(self, e: sympy.Expr, variables: Sequence[sympy.Symbol], constants: Sequence[sympy.Symbol] = ()) -> None:
        self.lifted = lift(e, variables, constants)
        self.program = Program(self.lifted)
        self._index = {x: i for i, x in enumerate(self.lifted.variables)}
        self._switch = {k.symbol: i for i, k in enumerate(self.lifted.switches)}
        self.value_terms = self.program.terms(self.lifted.smooth)
        self.slopes = self._split(self.lifted.smooth)
        self.piece_slopes = [[self._split(p) for p in k.pieces] for k in self.lifted.switches]
        self.additions = max(1, len(self.value_terms))
        self._seconds: dict[Hashable, Formula] = {}

    @cached_property
    def quadratic(self) -> tuple[arb, arb, arb] | None:
        """(c0, c1, c2) where the formula of one variable is c0 + c1·w + c2·w² with rational coefficients, else None."""
        if self.lifted.switches or len(self.lifted.variables) != 1 or not self.lifted.smooth.is_polynomial(*self.lifted.variables):
            return None
        c = sympy.Poly(self.lifted.smooth, *self.lifted.variables).all_coeffs()[::-1]
        if len(c) > 3 or not all(x.is_Rational for x in c):
            return None
        c0, c1, c2 = [arb(fmpq(int(x.p), int(x.q))) for x in [*c, sympy.S.Zero, sympy.S.Zero][:3]]
        return c0, c1, c2

    @cached_property
    def piecewise_linear(self) -> bool:
        """Whether every slope of every piece is a constant, so that no piece is curved."""
        pieces = [self.lifted.smooth, *(p for k in self.lifted.switches for p in k.pieces)]
        moving = {*self.lifted.variables, *(k.symbol for k in self.lifted.switches)}
        return not any(slope.free_symbols & moving for p in pieces for slope in self.lifted.slopes(p).values())

    @cached_property
    def _polynomials(self) -> tuple[bool, list[list[bool]]]:
        """Whether what is outside the switches is a polynomial, and which pieces of each switch are."""
        moving = [*self.lifted.variables, *(k.symbol for k in self.lifted.switches)]
        smooth, *pieces = [
            [bool(e.is_polynomial(*moving)) for e in es] for es in ([self.lifted.smooth], *(k.pieces for k in self.lifted.switches))
        ]
        return smooth[0], pieces

    @property
    def is_polynomial(self) -> bool:
        """Whether every piece is a polynomial."""
        smooth, pieces = self._polynomials
        return smooth and all(all(p) for p in pieces)

    def is_polynomial_at(self, run: Run) -> bool:
        """Whether all that is active in the run's box is."""
        smooth, pieces = self._polynomials
        return smooth and all(p[a] for p, (k, _) in zip(pieces, self.program.switch_registers, strict=True) for a in run.possible[k])

    @cached_property
    def mentioned(self) -> tuple[frozenset[str], frozenset[str]]:
        """The names of the constants that the value depends on, and of those that the gradient depends on: on its slopes or on where
        its switches turn. A constant that is not among them changes nothing, wherever it is evaluated.
        """
        pieces = [p for k in self.lifted.switches for p in (*k.pieces, *(k.conditions or ()))]
        slopes = [d for p in (self.lifted.smooth, *pieces) if isinstance(p, sympy.Expr) for d in self.lifted.slopes(p).values()]
        value, gradient = ({str(c) for e in es for c in e.free_symbols} for es in ([self.lifted.smooth, *pieces], [*slopes, *pieces]))
        names = {str(c) for c in self.lifted.constants}
        return frozenset(names & value), frozenset(names & gradient)

    @cached_property
    def _steps(self) -> dict[bool, tuple[ranges.Steps, list[list[ranges.Steps]]]]:
        """What careful code must hold to compute the value (False), the slopes (True): outside the switches, and of each piece of each."""

        def of(e: sympy.Expr, slopes: bool) -> ranges.Steps:
            wanted = self.lifted.slopes(e).values() if slopes else [e]
            return ranges.steps(self.program, [t for d in wanted for t in sympy.Add.make_args(d)])

        return {
            slopes: (of(self.lifted.smooth, slopes), [[of(p, slopes) for p in k.pieces] for k in self.lifted.switches])
            for slopes in (False, True)
        }

    def leaves(self, run: Run, dtype: str, factor: float, *, slopes: bool) -> bool:
        """Whether a number on the way to the value, or to the slopes, may not fit `dtype` on the pieces that are possible: see `ranges`."""
        smooth, switches = self._steps[slopes]
        taken = [s[a] for s, (register, _) in zip(switches, self.program.switch_registers, strict=True) for a in run.possible[register]]
        return any(s.leave(run, dtype, factor) for s in (smooth, *taken))

    @property
    def underflow_steps(self) -> int:
        """How many operations may each lose one smallest normal."""
        return len(self.program.operations) + 1

    def value(self, thin: Run, fat: Run) -> Quantity:
        """ℓ."""
        return self._quantity(self.value_terms, thin, fat)

    def pieces(self, thin: Run, fat: Run) -> Pieces:
        """∂ℓ over the box of `fat`, by the chain rule through the switches."""
        vertices: list[list[Vertex]] = []
        for (register, _), slopes in zip(self.program.switch_registers, self.piece_slopes, strict=True):
            possible = fat.possible[register]
            vertices.append([v for a in possible for v in self._vertices(slopes[a], vertices, thin, fat)])
        own, inner = self.slopes
        certain = {j: self._quantity(t, thin, fat) for j, t in own.items()}
        ambiguous = []
        for k, terms in inner.items():
            weight = self._quantity(terms, thin, fat)
            weighted = [_scaled(weight, v) for v in vertices[k]]
            if len(weighted) == 1:
                certain = _plus(certain, weighted[0].entries)
            else:
                ambiguous.append(weighted)
        return Pieces(certain, ambiguous)

    def curvature(self, j: int, thin: Run, fat: Run) -> list[Quantity] | None:
        """∂²ℓ/∂s_j² on each combination of pieces that is possible over the box of `fat`: at kinks every one-sided limit.

        None where there are more than MOST_LIMITS of them.
        """
        inputs = len(self.lifted.variables) + len(self.lifted.constants)
        sums = {0.0: Quantity(arb(0), 0.0, 0.0)}
        for term in sympy.Add.make_args(self.lifted.smooth):
            choices: dict[Formula, Quantity] = {}
            switches = self._within(term)
            for pieces in product(*(fat.possible[self.program.switch_registers[k][0]] for k in switches)):
                second = self._second(term, j, dict(zip(switches, pieces, strict=True)))
                if second not in choices:
                    choices[second] = second.value(
                        second.program.run(thin.registers[:inputs]), second.program.run(fat.registers[:inputs], fat.u)
                    )
                if len(choices) > MOST_LIMITS:
                    return None
            added = [_plus({j: q}, {j: c})[j] for q in sums.values() for c in choices.values()]
            sums = {}
            for q in added:
                at = float(q.exact)
                sums[at] = max(sums.get(at, q), q, key=lambda x: x.radius)  # of equal limits the one that careful code misses most
            if len(sums) > MOST_LIMITS:
                return None
        return list(sums.values())

    def seconds(self, j: int) -> list[Formula]:
        """The formulas whose sum is ∂²ℓ/∂s_j², of a formula without switches."""
        return [self._second(term, j, {}) for term in sympy.Add.make_args(self.lifted.smooth)]

    def _within(self, e: sympy.Basic) -> list[int]:
        """The switches that `e` depends on, in order."""
        found = {k for k, s in enumerate(self.lifted.switches) if e.has(s.symbol)}
        inner = {i for k in found for p in self.lifted.switches[k].pieces for i in self._within(p)}
        return sorted(found | inner)

    def _second(self, term: sympy.Expr, j: int, pieces: dict[int, int]) -> Formula:
        """The formula of ∂²/∂s_j² of a term of ℓ, its switches on these pieces."""
        key = (term, j, *pieces.items())
        if key not in self._seconds:
            e = term
            for k in sorted(pieces, reverse=True):
                e = e.subs(self.lifted.switches[k].symbol, self.lifted.switches[k].pieces[pieces[k]])
            e = sympy.diff(e, self.lifted.variables[j], 2)
            known = next((f for f in self._seconds.values() if f.lifted.smooth == e), None)
            self._seconds[key] = known or Formula(e, self.lifted.variables, self.lifted.constants)
        return self._seconds[key]

    def slope(self, run: Run, v: Sequence[arb]) -> arb:
        """A ball around ⟨∂ℓ, v⟩ over the box of the run, every possible piece of every switch included."""
        inner: list[arb] = []
        for (register, _), slopes in zip(self.program.switch_registers, self.piece_slopes, strict=True):
            balls = [self._slope_of(slopes[a], run, v, inner) for a in run.possible[register]]
            inner.append(reduce(lambda a, b: a.union(b), balls))
        return self._slope_of(self.slopes, run, v, inner)

    def _slope_of(self, slopes: tuple[dict[int, Terms], dict[int, Terms]], run: Run, v: Sequence[arb], inner: list[arb]) -> arb:
        own = sum((_total(t, run) * v[j] for j, t in slopes[0].items()), arb(0))
        return sum((_total(t, run) * inner[k] for k, t in slopes[1].items()), own)

    def next_kink(self, run: Run, line: Callable[[arb], list[Ball]], start: arb, end: arb) -> arb | None:
        """The least t in (start, end) at which a switch may leave the piece that it took `ahead` of the start; None if none does.

        What is compared may be straight along the line: then two numbers say where it is 0. Else balls isolate the first zero.
        Raises KinkOnSegment where they cannot.
        """
        nearest, curved = None, []
        for register, pieces in self.program.switch_registers:
            (taken,) = run.possible[register]
            choice = self.program.choice(register)
            for a, b in choice.sides(pieces, taken):
                gap = run.registers[a] - run.registers[b]
                if not isinstance(gap, arb_series) or gap.length() == 0:
                    continue  # it does not depend on t, or is 0 all along
                if choice.degree > 1:
                    curved.append((a, b))
                elif not gap[1].contains(0) and (at := -gap[0] / gap[1]) > 0 and start + at < end:
                    nearest = end = start + at
        if curved:
            reach = end if end.is_exact() else (end + BESIDE).upper()  # a zero at the end of the straight part has to show
            first = first_zero(lambda t: self._differences(curved, line(t), run.possible), start, reach)
            nearest = first if first is not None and first < end else nearest
        return nearest

    def _differences(self, pairs: Sequence[tuple[int, int]], inputs: list[Ball], taken: dict[int, list[int]]) -> list[arb_series]:
        registers = self.program.run(inputs, taken=taken).registers
        return [registers[a] - registers[b] for a, b in pairs]

    @cached_property
    def gaps(self) -> list[tuple[int, int]]:
        """The pairs of registers that are compared: where two are equal a switch turns. A switch comes before those within it, which
        may turn where nothing else does, like the one of |s| in a formula that asks for |s| ≤ δ.
        """

        def within(k: int) -> int:
            s = self.lifted.switches[k]
            return len({i for e in (*s.pieces, *(s.conditions or ())) for i in self._within(e)})

        order = sorted(range(len(self.lifted.switches)), key=within, reverse=True)
        switches = [self.program.switch_registers[k] for k in order]
        return [pair for register, pieces in switches for pair in self.program.choice(register).sides(pieces)]

    def sign(self, inputs: Sequence[Ball], gap: int) -> int | None:
        """The exact sign of a gap; None where it stays undecided up to EXACT_BITS (never for polynomials)."""
        bits = BALL_BITS
        while bits <= EXACT_BITS:
            with precision(bits):
                difference = self.gap(inputs, gap)
                if difference.is_zero() or difference > 0 or difference < 0:
                    return 0 if difference.is_zero() else 1 if difference > 0 else -1
            bits *= 4
        return None

    def gap(self, inputs: Sequence[Ball], gap: int) -> arb:
        """By how much the first of two that are compared is the greater, at the precision in force."""
        registers = self.program.run(inputs).registers
        a, b = self.gaps[gap]
        difference: arb = registers[a] - registers[b]
        return difference

    def _split(self, e: sympy.Expr) -> tuple[dict[int, Terms], dict[int, Terms]]:
        """Slopes of `e` by variable and by inner switch."""
        slopes = {x: self.program.terms(de) for x, de in self.lifted.slopes(e).items()}
        own = {self._index[x]: t for x, t in slopes.items() if x in self._index}
        return own, {self._switch[x]: t for x, t in slopes.items() if x in self._switch}

    def _vertices(self, slopes: tuple[dict[int, Terms], dict[int, Terms]], inner: list[list[Vertex]], thin: Run, fat: Run) -> list[Vertex]:
        """The vertices of one piece: its own slope plus every combination of its inner switches' vertices."""
        own = {j: self._quantity(t, thin, fat) for j, t in slopes[0].items()}
        weighted = [[_scaled(self._quantity(t, thin, fat), v) for v in inner[k]] for k, t in slopes[1].items()]
        found = []
        for combination in product(*weighted):
            entries = own
            for v in combination:
                entries = _plus(entries, v.entries)
            found.append(Vertex(entries))
        return found

    def _quantity(self, terms: Terms, thin: Run, fat: Run) -> Quantity:
        exact = sum((thin.registers[t] for t in terms), arb(0))
        wide = sum((fat.registers[t] for t in terms), arb(0))
        magnitude = sum((fat.registers[t].abs_upper() for t in terms), arb(0))
        return Quantity(exact, _upper(wide - exact), _upper(magnitude))


def _total(terms: Terms, run: Run) -> arb:
    return sum((run.registers[t] for t in terms), arb(0))


def _upper(x: arb) -> float:
    bound = float(x.abs_upper())
    return bound if bound == bound else inf


def _times(a: float, b: float) -> float:
    """The product of two bounds: nothing of whatever is nothing."""
    return a * b if a and b else 0.0


def _scaled(w: Quantity, v: Vertex) -> Vertex:
    def times(q: Quantity) -> Quantity:
        return Quantity(w.exact * q.exact, _times(w.radius, q.magnitude) + _times(w.magnitude, q.radius), _times(w.magnitude, q.magnitude))

    return Vertex({j: times(q) for j, q in v.entries.items()})


def _plus(a: dict[int, Quantity], b: dict[int, Quantity]) -> dict[int, Quantity]:
    total = dict(a)
    for j, q in b.items():
        old = total.get(j)
        total[j] = q if old is None else Quantity(old.exact + q.exact, old.radius + q.radius, old.magnitude + q.magnitude)
    return total


@lru_cache(maxsize=512)
def loss_formula(spec: LossSpec, classes: int, label: int) -> Formula:
    """ℓ(·, label) over `classes` scores, compiled once a process. Raises UsageError where it is not made of known functions."""
    e, symbols = spec.expression(classes, label)
    try:
        return Formula(e, symbols[:classes], symbols[classes:])
    except (ValueError, TypeError, NotImplementedError, RecursionError) as error:
        raise UsageError(f"{spec.name}, {spec.place(classes, label)}: {error}") from None


@lru_cache(maxsize=64)
def any_target_formula(spec: LossSpec) -> Formula | None:
    """ℓ over one score, with its target t and its parameters as constants; None where that is not one formula for all targets."""
    if not spec.targets:
        return None
    _, (score, *parameters) = spec.expression(1, 0)
    target = sympy.Symbol("t", real=True)
    try:
        e = sympy.sympify(spec.per_example(score, target, **{p.name: p for p in parameters}))
        found = Formula(e, [score], [target, *parameters])
    except Exception:  # it branches on the target, looks it up, or does with it what no ball operation does
        return None
    defaults = [arb(p) for p in spec.with_parameters({}).values()]
    with precision():
        for s, (i, t) in product((-3, -0.5, 0.25, 2), enumerate(spec.targets)):
            known = loss_formula(spec, 1, i)
            a, b = found.program.run([arb(s), arb(float(t)), *defaults]), known.program.run([arb(s), *defaults])
            difference = _total(found.value_terms, a) - _total(known.value_terms, b)
            if difference.is_finite() and not difference.contains(0):
                return None
    return found


@lru_cache(maxsize=64)
def penalty_formula(penalty: Penalty) -> Formula:
    """ρ(w), compiled once a process."""
    return Formula(*penalty.expression())


@lru_cache(maxsize=1)
def parabola() -> Formula:
    """A + b·t + c·t² over t, with a, b, c as constants: a quadratic penalty along a line, all weights at once."""
    t, a, b, c = sympy.symbols("t a b c", real=True)
    return Formula(a + b * t + c * t**2, [t], [a, b, c])
