"""The parameters of a loss, such as the margin of a hinge, inferred from the candidate's own answers: if nothing fits at the defaults,
something may at other values of one parameter, or of several together.

The members' answers form a small system of equations, one for each answer, which is solved in double precision from many starts at once.
This proves nothing: the caller accepts a solution only if exact values confirm it, at other points too.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import combinations, product
from math import inf
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from verify.candidates import Answer
from verify.conventions.probes import Probe
from verify.form import Form
from verify.oracle import InstanceOracle, Oracle, Point
from verify.oracle.formula import Formula, loss_formula
from verify.oracle.vectorised import local
from verify.problem import Fixed, Instance, Part, Values, fixed, mean_by
from verify.rounding import SLACK
from verify.spec.claimed_function import ClaimedFunction
from verify.spec.loss import Parameter
from verify.spec.objective import Objective
from verify.tape import floats
from verify.tape.balls import precision

Floats = NDArray[np.float64]
M = TypeVar("M", bound=ClaimedFunction)

HIGHEST, LOWEST = 10, -20
"""Powers of 2 between which the distance from an end of the domain lies, or from 0 if it has none."""
DOMAIN_PARTS = 32
"""Parts of a domain with two ends that are searched one by one: answers need not be monotone in a parameter."""
SIZES = (2.0**-6, 0.125, 4.0, 64.0)
"""Further factors of the weights: with other switches on, an offset of the loss is no margin."""
DIGITS = (2, 4, 8, 15)
"""Significant digits of a result that are tried, the fewest first: people write short numbers, and float32 holds no more than 8."""
COINCIDENCE = 0.01
"""Share of all numbers that may lie as close to one of so few digits: above it, the short number may be a coincidence."""
MAX_TOGETHER = 4
"""Most parameters to solve for together: a loss gives ten equations, twice as many and two more."""
PLACES = 1024
"""Points of the grid of all parameters, so that its step is √2 for one parameter, and 2 for each of two."""
STARTS = 16
"""Starting points of each member: the lowest of the local minima on the grid."""
MAX_STEPS = 40
"""Steps from a start: a smooth system takes six, one with kinks a few more for each kink on the way."""
POLISHING_STEPS = 5
"""Steps from a solution with some digits missing: only rounding is left then."""
STEP = 2.0**-20
"""Step of a difference quotient, in the coordinates of the search: half of the digits, which gains as many with each step."""
FIRST_DAMPING = 2.0**-10
"""Damping of the first step, relative to the squares of the slopes: almost none."""
CONVERGED = 2.0**-48
"""Residual, relative to the answers, of a start that has converged; also the least damping, and its inverse the greatest: beyond, no step
improves the residual.
"""
INDEPENDENT = 2.0**-24
"""Relative to the greatest, the least singular value of slopes of length 1 at which the answers determine all parameters. Of a product of
two parameters they determine only the product.
"""
MIN_FINITE = 0.3
"""Least share of answers with a value in double precision. A temperature of 0.01 overflows on all but the smallest weights."""
MAX_STEP = 2.0
"""Longest step, in the same coordinates: two steps of the grid of two parameters. From farther away a slope says little."""
LANES = 2**15
"""Examples evaluated at once: some hundred registers of them take 25 MB."""


Answered = tuple[Probe, Answer]


def sized(probe: Probe, form: Form, sizes: tuple[float, ...] = SIZES) -> list[Probe]:
    """The probe with weights, or scores, of other sizes."""
    x = probe[form.point]
    return [{**probe, form.point: np.asarray(x * x.dtype.type(size))} for size in sizes]


def more_probes(probes: Sequence[Probe], objective: Objective) -> list[Probe]:
    """More points, at which parameters show that have no effect at these: weights of other sizes; and from the second probe on all targets
    as near to 0 as possible, so that small weights come near the target, where a loss bends.
    """
    targets = objective.loss.targets
    others = probes[1:] if targets is None else [{**p, "y": np.full_like(p["y"], np.argmin(np.abs(targets)))} for p in probes[1:]]
    return [p for probe in (*probes[:1], *others) for p in sized(probe, objective.form)]


def solved(
    members: Sequence[Objective], questions: Sequence[Answered], names: Sequence[str], dtype: str, *, by_gradient: bool
) -> Iterator[Objective]:
    """The members with values of some of the named parameters for which they approximate the candidate's answers, rounded to more and more
    digits: the fewest parameters first. `by_gradient` says that it returns no loss.
    """
    system = loss_system(members, questions, dtype, by_gradient=by_gradient) if names else None
    if system is not None:
        yield from solutions(system, names)


def loss_system(members: Sequence[Objective], questions: Sequence[Answered], dtype: str, *, by_gradient: bool) -> LossSystem | None:
    """The system of the finite answers; None if there are none."""
    known = [(probe, a) for probe, a in questions if np.isfinite(a.gradient if by_gradient else a.value).all()]
    return LossSystem(tuple(members), known, dtype, by_gradient) if known else None


def solutions(system: System[M], names: Sequence[str]) -> Iterator[M]:
    """The members of a system with some of the named parameters at its solutions, rounded to more and more digits."""
    for size in range(1, min(len(names), MAX_TOGETHER) + 1):
        for chosen in combinations(names, size):
            yield from _solutions(system, chosen)


def _solutions(system: System[M], names: Sequence[str]) -> Iterator[M]:
    axes, columns = [Axis(system.domains[name]) for name in names], [system.columns[name] for name in names]
    member, t = _starts(system, axes, columns)
    if not member.size:
        return
    owner = [k for k, own in enumerate(columns) for _ in own]  # of each number that is solved for; those of one name start alike
    each, single = [axes[k] for k in owner], [[column] for own in columns for column in own]

    def residuals(member: NDArray[np.intp], t: Floats) -> Floats:
        return system.residuals(member, _placed(system.defaults, single, each, t))

    t, left = _descended(residuals, member, t[:, owner])
    near = (
        left <= float(np.finfo(system.dtype).eps) ** 0.5
    )  # half of the digits: between rounding errors and the residuals of non-solutions
    if not near.any():
        return
    member, t = member[near], t[near]
    t, left = _descended(residuals, member, t, done=0.0, rounds=POLISHING_STEPS)
    tried: set[tuple[float, ...]] = set()  # many starts lead to one place
    for k in np.lexsort((left, member)):  # the likeliest members first
        found = [axis.at(x) for axis, x in zip(each, t[k], strict=True)]
        for digits in sorted(product(DIGITS, repeat=len(names)), key=sum):
            short: list[float] = [_short(float(x), digits[own]) for x, own in zip(found, owner, strict=True)]
            place: tuple[float, ...] = (int(member[k]), *short)
            if place not in tried and all(axis.domain.low < x < axis.domain.high for axis, x in zip(each, short, strict=True)):
                tried.add(place)
                values = system.defaults.copy()
                values[np.concatenate(single)] = short
                yield system.member(system.members[member[k]], values)


def _short(x: float, digits: int) -> float:
    """A number with this many digits; for all digits the number itself, unless it differs from the short one only by rounding."""
    short = float(f"{x:.{digits}g}")
    return x if digits == DIGITS[-1] and abs(short - x) > 2 * abs(np.spacing(x)) else short


def _digits(x: float) -> int:
    """The number of significant digits."""
    return next(digits for digits in range(1, 18) if float(f"{x:.{digits}g}") == x)


@np.errstate(all="ignore")
def _starts(system: System[M], axes: Sequence[Axis], columns: Sequence[Sequence[int]]) -> tuple[NDArray[np.intp], Floats]:
    """(members (S,), coordinates (S, parameters)): the points of a grid that are local minima of a member's distance from the answers."""
    each = round(PLACES ** (1 / len(axes)))
    lines = [axis.coordinates(each) for axis in axes]
    places = np.stack(np.meshgrid(*lines, indexing="ij"), axis=-1)
    apart = _wrong(system.all_residuals(_placed(system.defaults, columns, axes, places.reshape(-1, len(axes)))))
    found = [
        (m, places.reshape(-1, len(axes))[k]) for m, far in enumerate(apart) for k in _lowest(far.reshape([line.size for line in lines]))
    ]
    return np.array([m for m, _ in found], np.intp), np.array([t for _, t in found]).reshape(-1, len(axes))


def _lowest(far: Floats) -> list[int]:
    """The local minima of a grid along each axis, the lowest first."""
    low = np.isfinite(far)
    for axis in range(far.ndim):
        walled = np.pad(far, [(1, 1) if a == axis else (0, 0) for a in range(far.ndim)], constant_values=inf)
        before, after = (np.take(walled, range(first, first + far.shape[axis]), axis) for first in (0, 2))
        low &= (far <= before) & (far <= after)
    there = np.flatnonzero(low)
    return [int(k) for k in there[np.argsort(far.flat[there], kind="stable")][:STARTS]]


def _placed(defaults: Floats, columns: Sequence[Sequence[int]], axes: Sequence[Axis], t: Floats) -> Floats:
    """All parameters (S, columns), some at coordinates (S, axes): all columns of an axis at the same one."""
    found = np.tile(defaults, (len(t), 1))
    for k, (own, axis) in enumerate(zip(columns, axes, strict=True)):
        found[:, list(own)] = axis.at(t[:, k])[:, None]
    return found


def _wrong(residuals: Floats) -> Floats:
    """The share of wrong answers, each weighted by its error up to 1: also for those without a value. Infinite if all are fully wrong."""
    found = np.mean(np.where(np.isfinite(residuals), np.minimum(np.abs(residuals), 1.0), 1.0), axis=-1)
    return np.where(found < 1, found, inf)


def _far(residuals: Floats) -> Floats:
    """The greatest error among the answers that have a value; infinite if these are few."""
    return _over(residuals, lambda r: np.max(np.abs(r), axis=-1))


def _over(residuals: Floats, norm: Callable[[Floats], Floats]) -> Floats:
    known = np.isfinite(residuals)
    return np.where(known.mean(-1) >= MIN_FINITE, norm(np.where(known, residuals, 0.0)), inf)


Residuals = Callable[[NDArray[np.intp], Floats], Floats]
"""(members (S,), coordinates (S, parameters)) → (S, answers)."""


@np.errstate(all="ignore")
def _descended(
    residuals: Residuals, member: NDArray[np.intp], t: Floats, *, done: float = CONVERGED, rounds: int = MAX_STEPS
) -> tuple[Floats, Floats]:
    """Where the Gauss–Newton method leads from each start, damped where a step does not improve (Levenberg–Marquardt), and the greatest
    error there: infinite if the answers do not determine all parameters.
    """
    t, r, held, told = t.copy(), residuals(member, t), np.full(len(t), FIRST_DAMPING), np.zeros(len(t), bool)
    on, K = np.arange(len(t)), t.shape[1]
    for _ in range(rounds):
        if not on.size:
            break
        moved = np.concatenate([t[on] + STEP * e for e in np.eye(K)])
        J = (residuals(np.tile(member[on], K), moved).reshape(K, on.size, -1) - r[on]).transpose(1, 2, 0) / STEP
        lengths = np.linalg.norm(np.where(np.isfinite(J), J, 0.0), axis=1)
        J = np.where(np.isfinite(J), J, 0.0) / np.where(lengths > 0, lengths, 1.0)[:, None]
        u, sizes, v = np.linalg.svd(J, full_matrices=False)
        told[on] = (lengths > CONVERGED).all(1) & (sizes[:, -1] > INDEPENDENT * sizes[:, 0])
        along = np.einsum("spk,sp->sk", u, np.where(np.isfinite(r[on]), r[on], 0.0)) * sizes / (sizes**2 + held[on, None])
        move = -np.einsum("skj,sk->sj", v, along) / np.where(lengths > 0, lengths, inf)
        there = t[on] + np.clip(move, -MAX_STEP, MAX_STEP)
        tried = residuals(member[on], there)
        nearer = _square(tried) < _square(r[on])
        t[on], r[on] = np.where(nearer[:, None], there, t[on]), np.where(nearer[:, None], tried, r[on])
        held[on] = np.where(nearer, held[on] / 10, np.maximum(held[on], CONVERGED) * 10)
        on = on[(_far(r[on]) > done) & (held[on] < 1 / CONVERGED)]
    return t, np.where(told, _far(r), inf)


def _square(residuals: Floats) -> Floats:
    return _over(residuals, lambda r: np.sum(r**2, axis=-1) / np.isfinite(residuals).sum(-1))


@dataclass(frozen=True)
class Axis:
    """A parameter's domain in coordinates without an end: logarithms of the distances from its ends."""

    domain: Parameter

    def at(self, t: Floats) -> Floats:
        """The values at coordinates."""
        low, high = self.domain.low, self.domain.high
        if low > -inf and high < inf:
            return np.asarray(np.where(t < 0, low + (high - low) / (1 + np.exp(-t)), high - (high - low) / (1 + np.exp(t))))
        return np.asarray(low + np.exp(t) if low > -inf else high - np.exp(-t) if high < inf else np.sinh(t))

    def of(self, value: Floats) -> Floats:
        """The coordinates of values."""
        low, high = self.domain.low, self.domain.high
        if low > -inf and high < inf:
            return np.asarray(np.log((value - low) / (high - value)))
        return np.asarray(np.log(value - low) if low > -inf else -np.log(high - value) if high < inf else np.arcsinh(value))

    def coordinates(self, most: int) -> Floats:
        """At most this many coordinates of the domain's grid, including its ends."""
        points = np.array(grid(self.domain))
        return self.of(points[np.unique(np.linspace(0, len(points) - 1, min(most, len(points))).round().astype(int))])


def grid(domain: Parameter) -> list[float]:
    """Points of a parameter's domain in order: at powers of √2 from each end, or from 0 if there is none, and between two."""
    steps = [2.0 ** (k / 2) for k in range(2 * LOWEST, 2 * HIGHEST + 1)]
    if domain.low > -inf and domain.high < inf:
        length = domain.high - domain.low
        near = [length * step for step in steps if step < 1 / DOMAIN_PARTS]
        inside = {domain.low + length * k / DOMAIN_PARTS for k in range(1, DOMAIN_PARTS)}
        points = inside | {domain.low + step for step in near} | {domain.high - step for step in near}
    elif domain.low > -inf:
        points = {domain.low + step for step in steps}
    elif domain.high < inf:
        points = {domain.high - step for step in steps}
    else:
        points = {0.0, *steps, *(-step for step in steps)}
    return sorted(t for t in points if domain.low < t < domain.high)


class System(ABC, Generic[M]):
    """The equations for parameters: the members' answers minus the candidate's, in units of the latter.

    Each member's answer is its share of a sum, plus a rest (members, answers) that does not depend on parameters. `answers` are the
    candidate's, one for each question, and `sizes` (questions,) the units of their errors. Parameters are numbers in a row, initially the
    `defaults`; `numbers` maps names to their positions, and `columns` the names to solve for.
    """

    rest: Floats

    def __init__(
        self, members: tuple[M, ...], domains: Mapping[str, Parameter], answers: Sequence[Floats], sizes: Floats, dtype: str
    ) -> None:
        self.members: tuple[M, ...] = members
        self.domains, self.dtype = domains, dtype
        self.defaults = np.array([*members[0].parameters.values()])
        self.numbers: Mapping[str, Sequence[int]] = {name: (k,) for k, name in enumerate(members[0].parameters)}
        self.columns = self.numbers
        self._size = np.repeat(sizes if sizes.any() else np.ones(len(sizes)), np.array([a.size for a in answers], np.intp))
        self._answers = np.concatenate([np.zeros(0), *answers])

    @abstractmethod
    def sums(self, parameters: Floats) -> Floats:
        """The sums (S, answers), at parameters (S, columns)."""

    @abstractmethod
    def shares(self, parameters: Floats) -> Floats:
        """The factors of the sums for each member, (members, S, answers), possibly broadcast."""

    @abstractmethod
    def member(self, own: M, values: Floats) -> M:
        """One of the members with other parameters (columns,)."""

    @abstractmethod
    def values(self, member: M) -> Floats:
        """The parameters (columns,) of a member."""

    @abstractmethod
    def allowed(self, member: M) -> Floats:
        """The error bounds of careful code (answers,)."""

    @np.errstate(all="ignore")
    def sure(self, member: M) -> M:
        """The member with the uncertainty of its parameters: that of the answers that determine them.

        Some parameters were written as short numbers: if the answers allow only one number of so few digits, it is that one. Others were
        computed, and the answers determine them up to rounding.
        """
        values: Floats = self.values(member)
        solved: list[int] = [k for own in self.columns.values() for k in own if values[k] != self.defaults[k]]
        place = next((k for k, m in enumerate(self.members) if m.kind == member.kind), None)
        if not solved or place is None:
            return member
        moved = np.array([values, *(values * (1 + STEP * e) for e in np.eye(len(values))[solved])])
        r = self.residuals(np.full(len(moved), place), moved)
        J = np.where(np.isfinite(r[1:] - r[0]), r[1:] - r[0], 0.0).T / STEP
        off = np.abs(np.linalg.pinv(J)) @ (self.allowed(member) / self._size)
        unsure = {k: far for k, far in zip(solved, off.tolist(), strict=True) if 2 * far * 10 ** _digits(float(values[k])) > COINCIDENCE}
        told = {name: tuple(unsure.get(k, 0.0) for k in own) for name, own in self.numbers.items()}
        return replace(member, unsure={name: far for name, far in told.items() if any(far)})

    def residuals(self, member: NDArray[np.intp], parameters: Floats) -> Floats:
        """The residuals (S, answers), each of one member (S,) at parameters (S, columns)."""
        shares = np.broadcast_to(self.shares(parameters), (len(self.members), len(member), self._size.size))
        share = shares[member, np.arange(len(member))]
        return np.asarray((share * self.sums(parameters) + self.rest[member] - self._answers) / self._size)

    def all_residuals(self, parameters: Floats) -> Floats:
        """The residuals (members, S, answers) of every member at each of the parameters."""
        return np.asarray((self.shares(parameters) * self.sums(parameters) + self.rest[:, None] - self._answers) / self._size)


Group = tuple[Formula, list[Floats | int], Floats, NDArray[np.intp]]
"""Elements with one formula: each of its inputs, a number for each element or a column; the count of each, and the answers that it
contributes to: (elements,) or, for gradients, (elements, variables).
"""


class InputsSystem(System[Instance]):
    """The equations of a function of named inputs, from its values, or from its gradients if it has none. The answers are finite.

    Parameters with a number for each class named in `each` are solved for; for those in `held` the first number stays.
    """

    def __init__(
        self,
        members: tuple[Instance, ...],
        questions: Sequence[tuple[Values, Answer]],
        dtype: str,
        *,
        by_gradient: bool,
        each: Sequence[str] = (),
        held: Sequence[str] = (),
    ) -> None:
        problem = members[0].problem
        known = [(values, np.ravel(a.gradient if by_gradient else a.value).astype(np.float64)) for values, a in questions]
        oracle = InstanceOracle(members[0], dtype)
        sizes = np.array(
            [max(np.abs(a).max(), _allowed(oracle.at(**values), by_gradient).max() / (SLACK * oracle.u)) for values, a in known]
        )
        super().__init__(members, problem.all_parameters, [a for _, a in known], np.maximum(sizes, TINY * sizes.max()), dtype)
        self.by_gradient, self._each = by_gradient, dict[str, list[int]]()
        for name in each:
            first, own = len(self.defaults), np.size(known[0][0][name])
            self._each[name] = [*range(first, first + own)]
            self.defaults = np.append(self.defaults, np.full(own, problem.classwise[name].default))
        self.numbers = {**self.numbers, **self._each}
        self.columns = {name: own[name in held :] for name, own in self.numbers.items()}
        self.rest = np.zeros((len(members), len(self._answers)))
        self._sizes, self._questions = [a.size for _, a in known], [values for values, _ in known]
        self._groups = self._grouped(self._questions, oracle)
        self._totals = np.array([[self._total(m, values) for values in self._questions] for m in members])

    def _grouped(self, questions: Sequence[Values], oracle: InstanceOracle) -> list[Group]:
        problem, first = oracle.problem, np.cumsum([0, *self._sizes])
        found: dict[Hashable, list[tuple[Part, Floats, int]]] = {}
        for k, values in enumerate(questions):
            for part in problem.parts(values):
                found.setdefault(part.key, []).append((part, np.asarray(oracle.point(values), np.float64).ravel(), int(first[k])))
        last = [c for name in problem.classwise for c in self._each.get(name, [None] * np.size(questions[0][name]))]
        groups = []
        for key, mine in found.items():
            rows = np.array([[*x[p.places].tolist(), *p.numbers] for p, x, _ in mine]).T
            own: list[Floats | int] = [*rows]
            for at, column in enumerate(last, len(rows) - len(last)):  # a part ends with the numbers of such parameters
                own[at] = own[at] if column is None else column
            answers = [q + p.places if self.by_gradient else q for p, _, q in mine]
            groups.append((oracle.formula(key), own, np.array([p.weight for p, _, _ in mine]), np.array(answers, np.intp)))
        return groups

    def _total(self, member: Instance, values: Values) -> Floats:
        """The divisor of the sum (columns + 1,), which is linear in the parameters, with its constant last."""
        found = np.zeros(len(self.defaults) + 1)
        own = next((columns for name, columns in self._each.items() if member.reduction == mean_by(name)), None)
        if own is None:
            found[-1] = member.total(member.problem.parts(values))
            return found
        name = member.reduction.removeprefix(mean_by(""))
        found[own] = [float(member.total(member.problem.parts({**values, name: unit}))) for unit in np.eye(len(own))]
        return found

    def shares(self, parameters: Floats) -> Floats:
        """One over the sum of the weights, or over the number."""
        totals = self._totals[:, :, :-1] @ parameters.T + self._totals[:, :, -1:]
        return np.repeat(1 / totals.transpose(0, 2, 1), self._sizes, axis=2)

    def sums(self, parameters: Floats) -> Floats:
        """The sums over the elements of each question, or their gradients."""
        most = max(1, LANES // max((len(weights) for _, _, weights, _ in self._groups), default=1))
        parts = [self._some(parameters[first : first + most]) for first in range(0, len(parameters), most)]
        return np.concatenate(parts)

    def _some(self, parameters: Floats) -> Floats:
        S = len(parameters)
        found = np.zeros((len(self._answers), S))
        numbers = range(len(self.members[0].parameters))
        for formula, own, weights, answers in self._groups:
            P = len(weights)
            inputs = [np.repeat(parameters[:, a], P) if isinstance(a, int) else np.tile(a, S) for a in (*own, *numbers)]
            if self.by_gradient:
                slopes = evaluated(formula, inputs, by_gradient=True).reshape(S, P, -1).transpose(1, 2, 0)
                np.add.at(found, answers, weights[:, None, None] * slopes)
            else:
                np.add.at(found, answers, weights[:, None] * evaluated(formula, inputs, by_gradient=False).reshape(S, P).T)
        return found.T

    def member(self, own: Instance, values: Floats) -> Instance:
        """The member; parameters with a number for each class that are solved for are fixed in its problem."""
        problem, numbers = own.problem, values.tolist()
        for name, columns in self._each.items():
            problem = fixed(problem, name, tuple(numbers[k] for k in columns))
        return replace(own, problem=problem, parameters=dict(zip(own.parameters, numbers, strict=False)))

    def values(self, member: Instance) -> Floats:
        """The parameters of a member, including fixed ones."""
        return np.array(
            [*member.parameters.values(), *(x for name, own in self._each.items() for x in fixed_values(member, name, len(own)))]
        )

    def allowed(self, member: Instance) -> Floats:
        """The error bounds from its oracle."""
        oracle = InstanceOracle(member, self.dtype)
        return np.concatenate([_allowed(oracle.at(**values), self.by_gradient) for values in self._questions])


def fixed_values(member: Instance, name: str, classes: int) -> tuple[float, ...]:
    """The values of a fixed parameter with a number for each class."""
    domain = member.problem.input(name).domain
    assert isinstance(domain, Fixed)
    return domain.values if isinstance(domain.values, tuple) else (domain.values,) * classes


def _allowed(truth: Point, by_gradient: bool) -> Floats:
    """The error bounds of careful code for the answers at a point; 0 if unbounded."""
    allowed = np.ravel(truth.gradient.radius if by_gradient else truth.value.radius).astype(np.float64)
    return np.where(np.isfinite(allowed), allowed, 0.0)


def evaluated(formula: Formula, inputs: Sequence[Floats], *, by_gradient: bool) -> Floats:
    """The value of each lane (lanes,), or its slopes (lanes, variables)."""
    if not by_gradient:
        return np.asarray(floats.run(formula.value_tape, np.stack(inputs))[list(formula.value_terms)].sum(0), np.float64)
    found = local(formula, inputs, np.zeros(len(inputs[0])), 0.0)
    return found.low / 2 + found.high / 2


class LossSystem(System[Objective]):
    """The equations of a loss, from its values or, with `by_gradient`, its gradients."""

    def __init__(self, members: tuple[Objective, ...], questions: Sequence[Answered], dtype: str, by_gradient: bool) -> None:
        self.loss, self.form, self.by_gradient = members[0].loss, members[0].form, by_gradient
        self._probes = [probe for probe, _ in questions]
        answers = [np.ravel(a.gradient if by_gradient else a.value).astype(np.float64) for _, a in questions]
        sizes = np.array([np.abs(a).max() for a in answers])
        super().__init__(members, self.loss.parameters, answers, np.maximum(sizes, MIN_UNIT * sizes.max()), dtype)
        rest = {m.penalty: self._penalty(m) for m in members}
        self.rest = np.array([rest[m.penalty] for m in members])
        self._share = np.array([self._shares(m) for m in members])

    def _shares(self, member: Objective) -> Floats:
        shares = [float(np.divide(*member.share(len(p["y"])))) for p in self._probes]
        return np.repeat(shares, [p[self.form.point].size if self.by_gradient else 1 for p in self._probes])

    def shares(self, parameters: Floats) -> Floats:  # noqa: ARG002
        """The shares, which do not depend on the parameters."""
        return self._share[:, None]

    def member(self, own: Objective, values: Floats) -> Objective:
        """The member; all its parameters are solved for."""
        return replace(own, parameters=dict(zip(own.parameters, values.tolist(), strict=True)))

    def values(self, member: Objective) -> Floats:
        """All parameters of a member."""
        return np.array([*member.parameters.values()])

    def allowed(self, member: Objective) -> Floats:
        """The error bounds from its oracle."""
        oracle = Oracle(member, self.dtype)
        return np.concatenate([_allowed(oracle.at(**probe), self.by_gradient) for probe in self._probes])

    def _penalty(self, member: Objective) -> Floats:
        """The exact contribution of the penalty to each answer, independent of the parameters."""
        points = [Oracle(member, self.dtype).at(**probe) for probe in self._probes]
        with precision():
            if self.by_gradient:
                slopes = [np.zeros(point.x.size) if point.penalty is None else point.penalty.gradient()[0].ravel() for point in points]
                return np.concatenate(slopes).astype(np.float64)
            return np.array([0.0 if point.penalty is None else float(point.penalty.value()[0]) for point in points])

    def sums(self, parameters: Floats) -> Floats:
        """The sums of the losses of each question's examples, or their gradients."""
        most = max(1, LANES // sum(len(p["y"]) for p in self._probes))
        parts = [self._some(parameters[first : first + most]) for first in range(0, len(parameters), most)]
        return np.concatenate(parts)

    def _some(self, parameters: Floats) -> Floats:
        S = len(parameters)
        classes = [self.form.classes(p) for p in self._probes]
        found = np.zeros((S, len(self._examples), max(classes) if self.by_gradient else 1))
        for (C, label), mine in self._groups.items():
            scores = np.array([self._examples[i][1] for i in mine])
            targets = np.array([self.loss.constant(self._examples[i][0]) for i in mine])
            inputs = [np.tile(column, S) for column in (*scores.T, *targets.T)]
            inputs += [np.repeat(column, len(mine)) for column in parameters.T]
            answer = evaluated(loss_formula(self.loss, C, label), inputs, by_gradient=self.by_gradient).reshape(S, len(mine), -1)
            found[:, mine, : answer.shape[2]] = answer
        parts = np.split(found, np.cumsum([len(p["y"]) for p in self._probes])[:-1], axis=1)
        if not self.by_gradient:
            return np.stack([part.sum((1, 2)) for part in parts], axis=1)
        there = zip(parts, self._probes, classes, strict=True)
        slopes = [self.form.gradient(self.form.double(p), part[:, :, :C]) for part, p, C in there]
        return np.concatenate([g.reshape(S, -1) for g in slopes], axis=1)

    @cached_property
    def _examples(self) -> list[tuple[int, Floats]]:
        """The label and the scores (C,) of each example of all questions."""
        scores = [(p["y"], self.form.scores(self.form.double(p))) for p in self._probes]
        return [(int(label), row) for y, rows in scores for label, row in zip(y, rows, strict=True)]

    @cached_property
    def _groups(self) -> dict[tuple[int, int], list[int]]:
        """The examples with one formula, by the number of classes and the label: any label, if the target is a constant of the formula."""
        found: dict[tuple[int, int], list[int]] = {}
        for i, (label, scores) in enumerate(self._examples):
            found.setdefault((len(scores), 0 if self.loss.domain else label), []).append(i)
        return found


MIN_UNIT = 1e-3
"""Relative to the greatest answer, the least unit for errors, since an answer may be almost 0."""
TINY = 2.0**-20
"""The least unit if sizes include the error of careful code: an answer that is almost 0 may be the one that determines a parameter."""
