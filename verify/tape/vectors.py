"""Evaluates a tape in double precision at many points at once, each number with an error radius: some twenty times as fast as balls, and as
rigorous.

The true number lies in `value ± radius`. Radii add up the errors of numpy's and scipy's functions (`Primitive.roundings`, confirmed by the
table's tests), and are rounded up. Where a number is not finite, or no radius is known, the radius is infinite, which claims nothing.

Source: the midpoint-radius arithmetic of S. M. Rump, Fast and parallel interval arithmetic, BIT 39 (1999), with the roundings bounded a
priori instead of by directed modes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from verify.rounding import gamma, smallest_normal, unit_roundoff
from verify.tape.arithmetic import Arithmetic, Column
from verify.tape.primitives import COMPARISONS, PRIMITIVES, Primitive, given, is_held, nearest
from verify.tape.reverse import Adjoints, sweep
from verify.tape.tape import Instruction, Registers, Tape

Floats = NDArray[np.float64]
U = unit_roundoff("float64")
TINY = 4 * smallest_normal("float64")
"""Bound of the underflow error of a product, a quotient or a function, with or without subnormals."""
UNDERFLOWN = 2.0**-960
"""Bound of the accumulated underflow errors of many products that are 0."""
ROUND_UP = 1 + 64 * U
"""Rounds a radius up: at most 32 operations make one, each of which errs by U."""
Roundoff = float | Floats
"""A unit roundoff, or one for each point."""


@dataclass(slots=True, eq=False)
class Wide:
    """Numbers with radii; the points are along the last axis. (A frozen class would take twice as long to construct as some of them to
    compute.)
    """

    value: Floats
    radius: Floats

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the values."""
        return self.value.shape

    def __getitem__(self, which: Any) -> Wide:
        return Wide(self.value[which], self.radius[which])

    def reshape(self, *shape: int) -> Wide:
        """The numbers in another shape."""
        return Wide(self.value.reshape(shape), self.radius.reshape(shape))

    def swapaxes(self, a: int, b: int) -> Wide:
        """The numbers with two axes exchanged."""
        return Wide(self.value.swapaxes(a, b), self.radius.swapaxes(a, b))

    def spread(self, shape: tuple[int, ...]) -> Wide:
        """The numbers broadcast to a shape."""
        return self if self.value.shape == shape else Wide(np.broadcast_to(self.value, shape), np.broadcast_to(self.radius, shape))

    @property
    def size(self) -> Floats:
        """An upper bound of the absolute value."""
        return np.asarray((np.abs(self.value) + self.radius) * ROUND_UP)


def _up(radius: Any) -> Any:
    return radius * ROUND_UP


def _rounded(near: Any, rounds: Any, u: Roundoff) -> Floats:
    """How far the floats nearest to numbers are off where they are rounded: a number that no float is near has 0."""
    return np.where(rounds, u * np.abs(near) * (1 + 4 * U) + TINY, 0.0)


def _add(x: Wide, y: Wide, v: Floats, u: Roundoff) -> Floats:
    return x.radius + y.radius + u * np.abs(v)


def _mul(x: Wide, y: Wide, v: Floats, u: Roundoff) -> Floats:
    return np.abs(x.value) * y.radius + (np.abs(y.value) + y.radius) * x.radius + u * np.abs(v) + TINY


def _div(x: Wide, y: Wide, v: Floats, u: Roundoff) -> Floats:
    """(x + δ)/(y + ε) − x/y = (δ − ε·x/y)/(y + ε)."""
    least = (np.abs(y.value) * (1 - 2 * U) - y.radius) * (1 - 2 * U)
    moved = x.radius + (np.abs(v) * (1 + 2 * U) + TINY) * y.radius + np.where(y.radius > 0, TINY, 0.0)
    return np.asarray(np.where(least > 0, moved / least + u * np.abs(v) + TINY, np.inf))


def _square(x: Wide, v: Floats, u: Roundoff) -> Floats:
    return (2 * np.abs(x.value) + x.radius) * x.radius + u * np.abs(v) + TINY


def _lipschitz(bound: Callable[[Floats, Floats], Any]) -> Callable[..., Floats]:
    """The radius of a function with |f'| ≤ `bound(x, r)` on x ± r."""

    def radius(x: Wide, charged: Floats) -> Floats:
        return np.asarray(np.where(x.radius == 0, 0.0, bound(x.value, x.radius) * x.radius) + charged)

    return radius


def _greater(f: Callable[[Floats], Any]) -> Callable[[Floats, Floats], Any]:
    """The greater absolute value of f at both ends, with its error: a bound for a slope that is monotone, or a sum of such."""
    return lambda x, r: np.maximum(np.abs(f(x - r)), np.abs(f(x + r))) * (1 + 64 * U) + 16 * U


SLOPES: dict[str, Callable[[Floats, Floats], Any]] = {
    "sin": lambda x, r: np.ones_like(x),  # noqa: ARG005
    "cos": lambda x, r: np.ones_like(x),  # noqa: ARG005
    "cosh": lambda x, r: np.sinh(np.abs(x) + r) * (1 + 2048 * U),  # the end itself is rounded, and is below 711
    "log": lambda x, r: np.where(x > r, 1 / (x - r), np.inf) * (1 + 8 * U),
    "lgamma": lambda x, r: np.where(x - r > 0, _greater(PRIMITIVES["digamma"].floats)(x, r), np.inf),
}
"""Bounds of the slopes of functions that are not monotone."""


def _tan(x: Wide, charged: Floats) -> Floats:
    """The radius of the tangent: tan(x + δ) − tan x = sin δ / (cos x cos(x + δ)), and |cos(x + δ)| ≥ |cos x| − r."""
    c = np.abs(np.cos(x.value)) * (1 - 16 * U)
    return np.asarray(np.where(c > 2 * x.radius, x.radius / (c * (c - x.radius)) * (1 + 16 * U), np.inf) + charged)


def _atan2(y: Wide, x: Wide, charged: Floats) -> Floats:
    """The radius of the angle: it changes by at most the asin of the distance over the modulus, if the axis is not crossed: x > 0."""
    moved, modulus = np.hypot(x.radius, y.radius), np.hypot(x.value, y.value) * (1 - 8 * U)
    turned = np.where(modulus > 2 * moved, 1.05 * moved / modulus, np.inf)
    return np.asarray(np.where((x.value - x.radius > 0) | (moved == 0), turned, np.inf) + charged)


@dataclass(frozen=True)
class Vectors(Arithmetic):
    """Columns are `Wide`. With a unit roundoff `u` greater than that of the floats, the radii are those of
    careful code in another dtype.
    """

    points: int = 1
    u: Roundoff = U

    def number(self, value: Any) -> Wide:
        """A number, at every point, with its rounding where it has one."""
        near = nearest(value)
        return Wide(np.full((1, 1), near), np.atleast_2d(_rounded(near, not is_held(value), self.u)))

    def apply(self, row: Primitive, ins: Sequence[Column], parameter: Any = None) -> Wide:
        """The values as floats compute them, with radii that contain the truth."""
        wide = [x if isinstance(x, Wide) else self.number(x) for x in ins]
        if row.form == "elementwise" and len(wide) > 1 and any(x.shape != wide[0].shape for x in wide):
            shape = np.broadcast_shapes(*(x.shape for x in wide))
            wide = [x.spread(shape) for x in wide]
        value = np.asarray(row.floats(*(x.value for x in wide), *given(parameter)), np.float64)
        radius = _up(self._radius(row, wide, value, parameter))
        known = np.isfinite(value) & np.isfinite(radius)
        if not known.all():
            value, radius = np.where(known, value, 0.0), np.where(known, radius, np.inf)
        return Wide(value, radius)

    def _radius(self, row: Primitive, ins: Sequence[Wide], v: Floats, parameter: Any) -> Floats:
        of = row.name
        if of in ("add", "sub"):
            return _add(ins[0], ins[1], v, self.u)
        if of == "mul":
            return _mul(ins[0], ins[1], v, self.u)
        if of == "div":
            return _div(ins[0], ins[1], v, self.u)
        if of == "neg":
            return ins[0].radius
        if of == "square":
            return _square(ins[0], v, self.u)
        if of == "sum":
            slack = gamma(ins[0].shape[1], self.u)  # n − 1 additions, and what the sum of the sizes itself errs by
            return np.asarray((ins[0].radius.sum(1) + slack * np.abs(ins[0].value).sum(1)) * (1 + slack))
        if of in ("dot", "matmul"):
            return self._products(of, *ins)
        if row.form == "composite":
            return np.full(v.shape, np.inf)
        return self._function(row, ins, v, parameter)

    def _products(self, of: str, a: Wide, b: Wide) -> Floats:
        x, y = np.abs(a.value), np.abs(b.value)
        if of == "dot":
            k = a.shape[1]
            radius = (x * b.radius + (y + b.radius) * a.radius).sum(1) + gamma(k + 2, self.u) * (x * y).sum(1) + k * TINY
            return np.asarray(radius * (1 + gamma(4 * k, self.u)))
        k, times = a.shape[1], PRIMITIVES["matmul"].floats
        radius = times(x, b.radius) + times(a.radius, y + b.radius) + gamma(k + 2, self.u) * times(x, y) + k * TINY
        return np.asarray(radius * (1 + gamma(4 * k, self.u)))

    def _function(self, row: Primitive, ins: Sequence[Wide], v: Floats, parameter: Any) -> Floats:
        """The radius of a function: from its values at the ends if it is monotone, otherwise from a bound on its slope; plus the library's
        error.
        """

        def charged(value: Floats, *at: Floats) -> Floats:
            size = np.abs(value) if row.size is None else row.size(np.abs(value), *map(np.abs, at))
            return np.asarray(row.rounded(parameter) * self.u * size * (1 + 16 * U) + TINY)

        if row.name == "round_to":
            unit = np.maximum(self.u, unit_roundoff(parameter))
            return np.asarray(ins[0].radius + unit * (np.abs(ins[0].value) + ins[0].radius) + smallest_normal(parameter))
        own = charged(v, *(x.value for x in ins))
        if row.name == "tan":
            return _tan(ins[0], own)
        if row.name == "atan2":
            return _atan2(ins[0], ins[1], own)
        if row.name == "logaddexp":
            return np.maximum(ins[0].radius, ins[1].radius) + own
        if row.name == "xlogy":
            x, y = ins
            logarithm = self.log(y)
            return np.asarray(np.where((x.value == 0) & (x.radius == 0), 0.0, _mul(x, logarithm, v, self.u) + own))
        if row.name == "exp":
            return np.asarray((v + own) * np.expm1(ins[0].radius) * (1 + 64 * U) + own)
        if row.name in SLOPES:
            return _lipschitz(SLOPES[row.name])(ins[0], own)
        corners = self._corners(row, ins, parameter)
        if corners is None:
            return np.full(v.shape, np.inf)
        reach = own
        for at in corners:
            end = np.asarray(row.floats(*at, *given(parameter)), np.float64)
            reach = np.maximum(reach, np.abs(end - v) * (1 + 4 * U) + charged(end, *at) + own)
        still = np.ones(v.shape, bool)
        for x in ins:
            still &= x.radius == 0
        return np.asarray(np.where(still, own, np.where(np.isnan(reach), np.inf, reach)))

    def _corners(self, row: Primitive, ins: Sequence[Wide], parameter: Any) -> list[tuple[Floats, ...]] | None:
        """The ends between which a function takes its values; None where they do not bound it."""
        low, high = ([np.nextafter(x.value - x.radius, -np.inf) for x in ins], [np.nextafter(x.value + x.radius, np.inf) for x in ins])
        if row.name == "pow":
            base = np.where(low[0] >= 0, low[0], np.nan)
            return [(b, e) for b in (base, high[0]) for e in (low[1], high[1])]
        if row.name == "pow_c":
            return self._powers(low[0], high[0], parameter)
        if row.name == "polygamma":
            return [(np.where(low[0] > 0, low[0], np.nan),), (high[0],)]
        if not row.monotone:
            return None
        if row.name in ("rsqrt", "digamma"):
            low = [np.where(low[0] > 0, low[0], np.nan)]
        if row.name == "sqrt":
            low = [np.where((low[0] < 0) & (ins[0].radius == 0), 0.0, low[0])]
        return [tuple(low), tuple(high)]

    def _powers(self, low: Floats, high: Floats, c: Any) -> list[tuple[Floats, ...]]:
        """The ends of a power: an even one falls and rises; an odd one is monotone; a negative one has a pole at 0; a fractional one needs
        a nonnegative base.
        """
        if c.denominator != 1:
            return [(np.where(low >= 0 if c > 0 else low > 0, low, np.nan),), (high,)]
        crossing = (low <= 0) & (high >= 0)
        if c < 0:
            return [(np.where(crossing, np.nan, low),), (high,)]
        return [(low,), (high,), (np.where(crossing, 0.0, low),)]


@dataclass(frozen=True, kw_only=True)
class Lanes:
    """All registers at n points: `values` and `radii` (size, n). A truth value is 1, 0, or open: 0 with an infinite radius."""

    tape: Tape
    values: Floats
    radii: Floats
    u: Roundoff = U
    chosen: dict[int, NDArray[np.bool_]] = field(default_factory=dict)
    """By the first output of an instruction of switches, which pieces may be taken: (pieces, outputs, n)."""

    def gather(self, registers: Registers) -> Wide:
        """The column of these registers."""
        return Wide(self.values[registers], self.radii[registers])


def run(tape: Tape, inputs: Any, radii: Any = 0.0, u: Roundoff = U) -> Lanes:
    """All registers for inputs (inputs, n) of float64, each known up to its radius; with a unit roundoff `u`, at least that of float64, the
    radii are what careful code in such a dtype may be off by; `u` may be another at each point.
    """
    points, tape = np.asarray(inputs, np.float64), tape.fused
    n = points.shape[1]
    a = Vectors(n, u)
    lanes = Lanes(tape=tape, u=u, values=np.zeros((tape.size, n)), radii=np.zeros((tape.size, n)))
    known = np.isfinite(points)
    lanes.values[tape.inputs], lanes.radii[tape.inputs] = np.where(known, points, 0.0), np.where(known, radii, np.inf)
    constants, numbers = _constants(tape, u)
    lanes.values[constants], lanes.radii[constants] = numbers.value, numbers.radius
    with np.errstate(all="ignore"):
        for i in tape.instructions:
            ins = [lanes.gather(r) for r in i.ins]
            if i.row.form == "comparison":
                found = _truths(i, ins)
            elif i.row.form == "switch":
                found = _choose(lanes, i, ins)
            else:
                found = a.apply(i.row, ins, i.parameter)
            lanes.values[i.outs], lanes.radii[i.outs] = found.value, found.radius
    return lanes


def _constants(tape: Tape, u: Roundoff) -> tuple[Registers, Wide]:
    """The registers of a tape's numbers, and these."""
    if "numbers" not in tape.prepared:
        numbers = np.reshape([(nearest(value), not is_held(value)) for value in tape.constants.values()], (-1, 2))
        tape.prepared["numbers"] = np.array([*tape.constants], np.intp), numbers[:, :1], numbers[:, 1:] > 0
    registers, near, rounds = tape.prepared["numbers"]
    return registers, Wide(near, _rounded(near, rounds, u))


def _truths(i: Instruction, ins: Sequence[Wide]) -> Wide:
    sure, perhaps = _surely(i, ins)
    return Wide(np.where(sure, 1.0, 0.0), np.where(sure | ~perhaps, 0.0, np.inf))


def _surely(i: Instruction, ins: Sequence[Wide]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """The points at which a condition certainly holds, and those at which it may."""
    if i.op in COMPARISONS:
        x, y = ins if i.op in ("lt", "le") else ins[::-1]
        reach = _up(x.radius + y.radius)
        less, equal = x.value < y.value, x.value == y.value
        apart = np.abs(y.value - x.value) * (1 - 2 * U) > reach
        exact = reach == 0
        holds = np.where(exact, less if i.op in ("lt", "gt", "above") else less | equal, apart & less)
        fails = np.where(exact, ~less if i.op in ("lt", "gt") else ~(less | equal), apart & ~less)
        return holds, ~fails
    sure, perhaps = zip(*((x.value == 1, (x.value == 1) | (x.radius > 0)) for x in ins), strict=True)
    if i.op == "not":
        return ~perhaps[0], ~sure[0]
    join = np.logical_and if i.op == "and" else np.logical_or
    return join(*sure), join(*perhaps)


def _choose(lanes: Lanes, i: Instruction, ins: Sequence[Wide]) -> Wide:
    """The value of a switch; its possible pieces are noted, by output."""
    if i.op == "where":
        truth, x, y = ins
        open_, first = truth.radius > 0, truth.value == 1
        may = np.stack([first | open_, ~first | open_])  # (2, outs, n)
        low, high = np.minimum(x.value - x.radius, y.value - y.radius), np.maximum(x.value + x.radius, y.value + y.radius)
        decided = Wide(np.where(first, x.value, y.value), np.where(first, x.radius, y.radius))
        middle = low / 2 + high / 2
        hull = np.maximum(np.abs(high - middle), np.abs(middle - low)) * ROUND_UP + U * np.abs(middle) * 8 + TINY
        found = Wide(np.where(open_, middle, decided.value), np.where(open_, hull, decided.radius))
    elif i.op == "abs":
        (x,) = ins
        may = np.stack([x.value >= -x.radius, x.value <= x.radius])
        found = Wide(np.abs(x.value), x.radius)
    else:
        (x,) = ins
        flip = -1.0 if i.op == "min" else 1.0
        v, r = flip * x.value, x.radius
        floor = np.nextafter((v - r).max(1), -np.inf)
        reach = np.nextafter(v + r, np.inf)
        may = np.moveaxis(reach >= floor[:, None], 1, 0)  # (pieces, outs, n)
        top = v.max(1)
        ceiling = np.nextafter((v + r).max(1), np.inf)
        radius = np.where((r == 0).all(1), 0.0, np.maximum(ceiling - top, top - floor) * ROUND_UP)
        found = Wide(flip * top, radius)
    bad = ~np.isfinite(found.radius)
    lanes.chosen[int(i.outs[0])] = may if i.op in ("where", "abs") else _once(may, i.ins[0])
    return Wide(np.where(bad, 0.0, found.value), np.where(bad, np.inf, found.radius))


def _once(may: NDArray[np.bool_], rows: Registers) -> NDArray[np.bool_]:
    """The possible pieces (pieces, outs, n), with each register of a row counted once."""
    for e, row in enumerate(rows.tolist()):
        if len(set(row)) < len(row):
            for p, r in enumerate(row):
                first = row.index(r)
                if first < p:
                    may[first, e] |= may[p, e]
                    may[p, e] = False
    return may


def _pieces(i: Instruction) -> list[tuple[Registers, int]]:
    """The pieces of all elements of a switch: columns of registers, each with its sign."""
    if i.op == "abs":
        return [(i.ins[0], 1), (i.ins[0], -1)]
    return [(i.ins[1], 1), (i.ins[2], 1)] if i.op == "where" else [(r, 1) for r in i.ins[0].T]


@dataclass
class WideAdjoints:
    """The sums of adjoints at each register, with radii and with the rounding errors of the additions. A summand that is 0, up to
    underflow, is not counted, so that a point has the same radii whichever others are swept with it: adding it errs by no more than itself.
    """

    registers: int
    points: int
    u: Roundoff = U
    values: Floats = field(init=False)
    radii: Floats = field(init=False)
    sizes: Floats = field(init=False)
    counts: NDArray[np.intp] = field(init=False)
    """Those that are not 0."""
    reached: NDArray[np.bool_] = field(init=False)

    def __post_init__(self) -> None:
        self.values, self.radii, self.sizes = (np.zeros((self.registers, self.points)) for _ in range(3))
        self.counts, self.reached = np.zeros((self.registers, self.points), np.intp), np.zeros(self.registers, bool)

    def add(self, registers: Registers, parts: Column, through: Column | None) -> None:  # noqa: ARG002  # sizes are those of the parts
        """Adds a summand to each of these registers."""
        size, radius = np.abs(parts.value), parts.radius
        counted = (size > 0) | (radius > UNDERFLOWN)
        if not counted.all():
            radius = np.where(counted, radius, 2 * radius)
        distinct = len(set(registers.tolist())) == len(registers)
        stores: tuple[tuple[NDArray[Any], NDArray[Any]], ...] = (
            (self.values, parts.value),
            (self.radii, radius),
            (self.sizes, size),
            (self.counts, counted),
        )
        for store, part in stores:
            if distinct:
                store[registers] += part
            else:
                np.add.at(store, registers, part)
        self.reached[registers] = True

    def live(self, registers: Registers) -> NDArray[np.bool_]:
        """Which of these registers have an adjoint."""
        return np.asarray(self.reached[registers])

    def total(self, registers: Registers) -> tuple[Column, Column]:
        """The sums."""
        counts, value = self.counts[registers], self.values[registers]
        radius = self.radii[registers] * (1 + 2 * counts * U)
        if (counts > 1).any():
            of_many = (counts - 1) * self.u * (1 + 2 * counts * self.u) * self.sizes[registers]
            radius = radius + np.where(counts > 2, of_many, np.where(counts == 2, self.u * (1 + 2 * self.u) * np.abs(value), 0.0))
        radius = radius * ROUND_UP
        known = np.isfinite(value) & np.isfinite(radius)
        return (Wide(value, radius) if known.all() else Wide(np.where(known, value, 0.0), np.where(known, radius, np.inf))), None


def absorbing(a: Vectors, g: Wide, p: Any) -> Wide:
    """A product that is 0 where the adjoint is 0: a piece that is not taken need not have a slope."""
    found = a.mul(g, p)
    nothing = (g.value == 0) & (g.radius == 0)
    return Wide(np.where(nothing, 0.0, found.value), np.where(nothing, 0.0, found.radius)) if nothing.any() else found


def gradient(lanes: Lanes, output: int) -> Wide:
    """The slopes (variables, n) of one output. Where switches are open, intervals that contain all possible ones."""
    return slopes(lanes, output)[0]


def slopes(lanes: Lanes, output: int) -> tuple[Wide, NDArray[np.bool_]]:
    """The slopes (variables, n) of one output, and at which points (n,) it depends on an open switch."""
    tape, n = lanes.tape, lanes.values.shape[1]
    adjoints, a, met = WideAdjoints(tape.size, n, lanes.u), Vectors(n, lanes.u), np.zeros(n, bool)
    adjoints.add(np.array([output]), Wide(np.ones((1, n)), np.zeros((1, n))), None)

    def switch(i: Instruction, _: Adjoints) -> None:
        g, _sizes = adjoints.total(i.outs)
        places = [tape.places[k] for k in i.outs.tolist()]
        may = lanes.chosen[int(places[0].instruction.outs[0])][:, [place.element for place in places]]
        open_ = may.sum(0) > 1
        met[:] |= np.any(open_ & ((g.value != 0) | (g.radius > UNDERFLOWN)), axis=0)
        part = a.mul(g, Wide(np.where(open_, 0.5, 1.0), np.where(open_, 0.5, 0.0)))
        for p, (registers, s) in enumerate(_pieces(i)):
            moving, taken = tape.moving[registers], may[p]
            if moving.any() and taken.any():
                value, radius = np.where(taken, s * part.value, 0.0), np.where(taken, part.radius, 0.0)
                adjoints.add(registers[moving], Wide(value[moving], radius[moving]), None)

    with np.errstate(all="ignore"):
        sweep(tape, a, lanes.gather, adjoints, switch, lambda g, p: absorbing(a, g, p))
        found, _ = adjoints.total(tape.variables)
    return found, met
