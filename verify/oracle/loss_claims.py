"""Examining the claims of a loss: they are refuted by balls, so that no rounding can refute a true claim.

Every formula is also examined for what it must be: compilable for every label, dependent on its scores, and continuous.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import pairwise, permutations, product

import numpy as np
from flint import arb

from verify import disk_cache
from verify.errors import UsageError
from verify.oracle import exact
from verify.oracle.formula import Formula, loss_formula, penalty_formula
from verify.spec.convexity import convex_loss
from verify.spec.loss import Chord, Claims, LossSpec
from verify.spec.penalty import Penalty
from verify.spec.shipped import shipped
from verify.spec.symbolic_targets import one_for_all_targets
from verify.tape.balls import precision
from verify.tape.enclose import Run
from verify.tape.series import sides

SIZES = (2, 3)
"""Numbers of classes at which a loss is examined, with all labels: two for properties of two classes, three for those of more."""

PAIRS = 200
"""Chords tried for each label of each size, where convexity is claimed and no composition rule proves it."""

PLACES = 16
"""Points at which a symmetry is tried, for each label of each size."""

SHIFTS = (1.0, -2.5, 16.0)
"""Constants added to all scores."""

TURN_WIDTH = 2.0**-60
"""Width, relative to 1 + |t|, of the ball in which a switch turns: the pieces change there by less than any jump that matters."""

MOST_COMBINATIONS = 64
"""Combinations of pieces that are distinguished where several switches turn at once."""

Point = tuple[float, ...]
Constants = tuple[arb, ...]


def examine(loss: LossSpec, given: Mapping[str, float] | None = None) -> None:
    """Raises UsageError if a formula is invalid or a claim is certainly false: right code would be called broken by it.

    `given` are values of parameters other than their defaults.
    """
    _examine(loss, tuple(loss.with_parameters(given or {}).values()))


def examine_what_is_new(loss: LossSpec, given: Mapping[str, float] | None = None) -> None:
    """Examines a loss, except shipped ones at their default parameters: these are examined by the tests, and
    it takes a second each time.
    """
    home = shipped(loss)
    values = loss.with_parameters(given or {})
    if home is None:
        examine(loss, given)
    elif values != loss.with_parameters({}):
        disk_cache.plain(["examined", *home, *values.values()], lambda: examine(loss, given))


def examine_penalty(penalty: Penalty) -> None:
    """Raises UsageError if ρ is not a formula, does not depend on the weights, jumps, or depends on their order in a group."""
    formula = penalty_formula(penalty)
    if formula.value_terms and not (formula.slopes[0] or formula.slopes[1]):
        raise UsageError(f"the penalty {penalty.name} does not depend on the weight: it is {formula.expression} whatever that is.")
    if formula.value_terms:
        examine(_of_one_weight(penalty) if penalty.per_group is None else _of_a_group(penalty))
    if penalty.per_group is not None and not _is_of_a_set(penalty):
        raise UsageError(
            f"{penalty.name} depends on the order of the weights in a group, and no class or feature comes first; give a formula that does "
            "not, such as a sum over them."
        )


@lru_cache(maxsize=64)
def _of_one_weight(penalty: Penalty) -> LossSpec:
    formula, claims = (lambda s, _: penalty.per_weight(s)), Claims(convex=None)  # type: ignore[misc]
    return _Weight(name=penalty.name, per_example=formula, targets=(0,), claims=claims, source="a penalty")


class _Weight(LossSpec):
    """ρ as a loss of one score, whose target is ignored."""

    def place(self, classes: int, label: int) -> str:  # noqa: ARG002
        """The place in words."""
        return "as a function of one weight"


@lru_cache(maxsize=64)
def _of_a_group(penalty: Penalty) -> LossSpec:
    formula, claims = (lambda s, _: penalty.per_group(s)), Claims(convex=None)  # type: ignore[misc]
    return _Group(name=penalty.name, per_example=formula, claims=claims, source="a penalty")


class _Group(LossSpec):
    """ρ of a group as a loss of its weights, whose label is ignored."""

    def place(self, classes: int, label: int) -> str:  # noqa: ARG002
        """The place in words."""
        return f"as a function of a group of {classes} weights"


def _is_of_a_set(penalty: Penalty) -> bool:
    """Whether ρ is unchanged under permutations of the weights at all points tried."""
    loss = _of_a_group(penalty)
    for size in SIZES:
        for at, order in product(_points(size, PLACES), list(permutations(range(size)))[1:]):
            if not (_value(loss, at, 0, ()) - _value(loss, tuple(at[j] for j in order), 0, ())).contains(0):
                return False
    return True


@lru_cache(maxsize=256)
def _examine(loss: LossSpec, values: tuple[float, ...]) -> None:
    constants = tuple(map(exact.ball, values))
    if loss.domain:
        one_for_all_targets(loss)
    _is_a_formula(loss, constants)
    _is_continuous(loss, constants)
    _is_written_alike(loss, constants)
    claims = loss.claims
    if claims.chord is not None:
        _is_shown(loss, claims.chord, constants)
    if claims.convex and not convex_loss(loss):
        _is_convex(loss, constants)
    if claims.symmetric:
        _is_symmetric(loss, constants)
    if claims.shift_invariant:
        _is_shift_invariant(loss, constants)


def bulge(loss: LossSpec, chord: Chord, constants: Constants | None = None) -> arb:
    """ℓ at the middle of a chord minus the mean of ℓ at its ends, as a ball: above 0 where ℓ is not convex."""
    known = tuple(exact.ball(p) for p in loss.with_parameters({}).values()) if constants is None else constants
    middle = tuple((a + b) / 2 for a, b in zip(chord.start, chord.end, strict=True))
    with precision():
        ends = _value(loss, chord.start, chord.label, known) + _value(loss, chord.end, chord.label, known)
        return _value(loss, middle, chord.label, known) - ends / 2


def _value(loss: LossSpec, at: Point, label: int, constants: Constants) -> arb:
    formula = loss_formula(loss, len(at), label)
    with precision():
        return _total(formula, _run(loss, formula, [exact.ball(x) for x in at], label, constants))


def _total(formula: Formula, run: Run) -> arb:
    return sum((run.values[k] for k in formula.value_terms), arb(0))


def _run(loss: LossSpec, formula: Formula, at: Sequence[arb], label: int, constants: Constants) -> Run:
    try:
        return formula.follow([*at, *_all(loss, label, constants)])
    except UsageError as error:
        raise UsageError(f"{loss.name}, {loss.place(len(at), label)}, at {_point(at)}: {error}") from None


def _all(loss: LossSpec, label: int, constants: Constants) -> list[arb]:
    """All constants of the formula for one label: with a domain of targets, the target is one."""
    return [*map(exact.ball, loss.constant(label)), *constants]


def _labels(loss: LossSpec) -> list[tuple[int, int]]:
    """The pairs (number of scores, label) to examine."""
    return sorted({(loss.scores(c), label) for c in SIZES for label in loss.examined(c)})


def _points(scores: int, count: int) -> Iterator[Point]:
    """Points near and far, on a lattice, so that sentences show short numbers; 0 first."""
    rng = np.random.default_rng(0)
    yield (0.0,) * scores
    for _ in range(count - 1):
        yield tuple(map(float, np.round(rng.normal(size=scores) * rng.choice([0.25, 1, 4]) * 32) / 32))


def _is_a_formula(loss: LossSpec, constants: Constants) -> None:
    """Checks that the formula compiles for every label, depends on its scores, and is real somewhere."""
    formulas = {(scores, label): loss_formula(loss, scores, label) for scores, label in _labels(loss)}
    if not any(f.slopes[0] or f.slopes[1] for f in formulas.values()):
        raise UsageError(f"the formula of {loss.name} depends on no score: its value is the same whatever they are.")
    for scores, label in formulas:
        if not any(_value(loss, at, label, constants).is_finite() for at in _points(scores, PLACES)):
            raise UsageError(
                f"the formula of {loss.name} is no finite number at any score that was tried, for {loss.place(scores, label)}: "
                "a root, a logarithm or a power of what is negative?"
            )


def _is_written_alike(loss: LossSpec, constants: Constants) -> None:
    """Checks that further ways of writing it are the same loss."""
    for n, way in enumerate(loss.written):
        for scores, label in _labels(loss):
            for at in _points(scores, PLACES):
                here, there = _value(loss, at, label, constants), _value(way, at, label, constants)
                if not (here - there).contains(0):
                    raise UsageError(
                        f"ways[{n}] of {loss.name} is another loss: at the scores {at}, {loss.place(scores, label)}, it is "
                        f"{_number(there)}, and per_example is {_number(here)}. Give formulas that are equal everywhere."
                    )


def _is_shown(loss: LossSpec, chord: Chord, constants: Constants) -> None:
    scores = len(chord.start)
    if scores != loss.scores(scores) or chord.label >= loss.labels(scores):
        labels = f"{loss.scores(scores)} score{'s' if loss.scores(scores) > 1 else ''} and labels 0 to {loss.labels(scores) - 1}"
        raise UsageError(f"the chord of {loss.name} has {scores} scores and label {chord.label}; it has {labels}.")
    if not bulge(loss, chord, constants) > 0:
        raise UsageError(
            f"{loss.name} claims not to be convex, but it does not lie above its chord from {chord.start} to {chord.end}, "
            f"label {chord.label}. Give a chord that it lies above at the middle, or claim nothing: Claims(convex=None)."
        )


def _is_convex(loss: LossSpec, constants: Constants) -> None:
    for chord in _chords(loss):
        if bulge(loss, chord, constants) > 0:
            raise UsageError(
                f"{loss.name} claims to be convex, but at the middle of {chord.start} and {chord.end}, {_labelled(loss, chord)}, "
                f"it lies above its chord. Correct the formula, or claim Claims(convex=False, chord={chord})."
            )


def _labelled(loss: LossSpec, chord: Chord) -> str:
    return f"label {chord.label}{f' (target {loss.targets[chord.label]:g})' if loss.targets else ''}"


def _chords(loss: LossSpec) -> Iterator[Chord]:
    for scores, label in _labels(loss):
        rng = np.random.default_rng(label)
        for _ in range(PAIRS):
            ends = np.round(rng.normal(size=(2, scores)) * rng.choice([0.25, 1, 4]) * 32) / 32
            start, end = (tuple(map(float, s)) for s in ends)
            yield Chord(start=start, end=end, label=label)


def _is_symmetric(loss: LossSpec, constants: Constants) -> None:
    for scores, label in _labels(loss):
        for at, order in product(_points(scores, PLACES), list(permutations(range(scores)))[1:]):
            here, there = _value(loss, at, label, constants), _value(loss, tuple(at[j] for j in order), order.index(label), constants)
            if not (here - there).contains(0):
                raise UsageError(
                    f"{loss.name} claims symmetric=True, but its value at the scores {at} with label {label} is {_number(here)}, and with "
                    f"the classes renamed, {tuple(at[j] for j in order)} with label {order.index(label)}, it is {_number(there)}. "
                    "Correct the formula, or leave the claim out."
                )


def _is_shift_invariant(loss: LossSpec, constants: Constants) -> None:
    for scores, label in _labels(loss):
        for at, c in product(_points(scores, PLACES), SHIFTS):
            here, there = _value(loss, at, label, constants), _value(loss, tuple(x + c for x in at), label, constants)
            if not (here - there).contains(0):
                raise UsageError(
                    f"{loss.name} claims shift_invariant=True, but its value at the scores {at}, {loss.place(scores, label)}, is "
                    f"{_number(here)}, and with {c:g} added to all of them it is {_number(there)}. "
                    "Correct the formula, or leave the claim out."
                )


def _is_continuous(loss: LossSpec, constants: Constants) -> None:
    """Searches along lines for places where the condition of a Piecewise turns, and compares the pieces there."""
    for scores, label in _labels(loss):
        formula = loss_formula(loss, scores, label)
        if not formula.conditional:
            continue
        more = _all(loss, label, constants)
        for base, direction in _lines(scores):
            found = Along(formula, base, direction, _runner(loss, formula, label, constants), more).jumps()
            if found is not None:
                at, left, right = found
                raise UsageError(
                    f"{loss.name} jumps: at {_point(at)}, {loss.place(scores, label)}, its value is {left} on one side and "
                    f"{right} on the other. {CONTINUOUS}"
                )


def _runner(loss: LossSpec, formula: Formula, label: int, constants: Constants) -> Callable[[list[arb]], Run]:
    return lambda at: _run(loss, formula, at, label, constants)


CONTINUOUS = "A loss must be continuous: correct the pieces of the Piecewise, or state it by Max, Min and Abs."


def _lines(scores: int) -> Iterator[tuple[Point, Point]]:
    """The only line of one score; for several, lines along each class and oblique ones, through two points."""
    if scores == 1:
        yield (0.0,), (1.0,)
        return
    askew = tuple((3 * j % 5 - 1.5) / 2 for j in range(scores))
    for base in list(_points(scores, 3))[1:]:
        yield from ((base, tuple(float(j == k) for k in range(scores))) for j in range(scores))
        yield base, askew


def _steps(scores: int) -> list[float]:
    """The positions examined along a line: dense near 0, then at growing distances."""
    dense, factor = (16, 1.25) if scores == 1 else (2, 2.0)
    out = [k / dense for k in range(1, 4 * dense + 1)]
    while out[-1] < 2.0**13:
        out.append(out[-1] * factor)
    return [-t for t in reversed(out)] + [0.0] + out


class Along:
    """A formula along base + t·direction; `run` evaluates it at a point, with the constants `more`."""

    def __init__(
        self, formula: Formula, base: Sequence[float], direction: Sequence[float], run: Callable[[list[arb]], Run], more: Sequence[arb]
    ) -> None:
        self.formula, self._run, self.more = formula, run, more
        self.base, self.direction = [exact.ball(x) for x in base], [exact.ball(x) for x in direction]
        self.choices = formula.conditional
        self.gaps = list(dict.fromkeys(gap for k in self.choices for gap in sides(formula.value_tape, k)))

    def at(self, t: float | arb) -> list[arb]:
        """The scores."""
        with precision():
            return [a + arb(t) * d for a, d in zip(self.base, self.direction, strict=True)]

    def run(self, t: float | arb) -> Run:
        """The formula at t."""
        with precision():
            return self._run(self.at(t))

    def jumps(self) -> tuple[list[arb], str, str] | None:
        """The place of a certain jump, and the values on both sides."""
        for low, high in self.turns():
            values = self.jump(low, high)
            if values is not None:
                return self.at((low + high) / 2), *_apart(*values)
        return None

    def turns(self) -> Iterator[tuple[arb, arb]]:
        """Narrow intervals in which a condition may turn."""
        steps = _steps(len(self.base))
        signs = [self._signs(t) for t in steps]
        for t, here in zip(steps, signs, strict=True):
            if 0 in here:
                yield _around(t)
        for (a, b), (before, after) in zip(pairwise(steps), pairwise(signs), strict=True):
            for k, (x, y) in enumerate(zip(before, after, strict=True)):
                if x * y < 0:
                    yield self._narrowed(k, a, b, x)

    def _signs(self, t: float) -> list[int]:
        """The sign of left − right of each condition: 0 if it is undecided."""
        return [self._sign(k, self.run(t)) for k in range(len(self.gaps))]

    def _sign(self, k: int, run: Run) -> int:
        gap = self.gaps[k].of(run.values)
        return 1 if gap > 0 else -1 if gap < 0 else 0

    def _narrowed(self, k: int, low: float, high: float, before: int) -> tuple[arb, arb]:
        """The interval by bisection, down to neighbouring floats."""
        while True:
            middle = (low + high) / 2
            if not low < middle < high:
                return arb(low), arb(high)
            sign = self._sign(k, self.run(middle))
            if sign == 0:
                return _around(middle)
            low, high = (middle, high) if sign == before else (low, middle)

    def jump(self, low: arb, high: arb) -> tuple[arb, arb] | None:
        """The values on both sides if the formula certainly jumps in between.

        Whatever pieces hold at a place in between, its value lies in the ball of one combination of the possible ones. If these balls fall
        into disjoint parts, and the ends (or the middle) lie in different parts, no continuous function passes from one to the other.
        """
        with precision():
            middle = (low + high) / 2
            ball = low.union(high)
            run = self.run(ball)
            choices = [run.possible[r] for r in self.choices]
            if np.prod([len(c) for c in choices]) > MOST_COMBINATIONS:
                return None
            balls, inputs = [], [*self.at(ball), *self.more]
            for pieces in product(*choices):
                taken = run.possible | {r: [p] for r, p in zip(self.choices, pieces, strict=True)}
                balls.append(_total(self.formula, self.formula.follow(inputs, taken=taken)))
            values = [_total(self.formula, self.run(t)) for t in (low, middle, high)]
            if not all(x.is_finite() for x in (*balls, *values)):
                return None
            parts = _parts(balls)
            places = [{k for k, part in enumerate(parts) if part.overlaps(v)} for v in values]
            for i, j in ((0, 2), (0, 1), (1, 2)):
                if not places[i] & places[j]:
                    return values[i], values[j]
            return None


def _around(t: float) -> tuple[arb, arb]:
    with precision():
        width = arb(TURN_WIDTH * (1 + abs(t)))
        return arb(t) - width, arb(t) + width


def _parts(balls: Sequence[arb]) -> list[arb]:
    """The balls, with overlapping ones merged."""
    parts: list[arb] = []
    for ball in balls:
        touching = [p for p in parts if p.overlaps(ball)]
        parts = [p for p in parts if p not in touching]
        for p in touching:
            ball = ball.union(p)
        parts.append(ball)
    return parts


def _number(x: arb) -> str:
    return f"{float(x):.6g}"


def _apart(a: arb, b: arb) -> tuple[str, str]:
    """Two numbers with enough digits to distinguish them."""
    return next((x, y) for n in (6, 9, 12, 17) if (x := f"{float(a):.{n}g}") != (y := f"{float(b):.{n}g}") or n == 17)


def _point(at: Sequence[arb]) -> str:
    found = [f"{round(float(x.mid()), 15) + 0.0:.6g}" for x in at]
    return f"score {found[0]}" if len(found) == 1 else f"the scores ({', '.join(found)})"
