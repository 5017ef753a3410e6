"""A pair as the laws use it: a loss and a gradient of one array, called on copies."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from verify.candidates import Candidate, Misbehaviour
from verify.candidates.answer import array, guarded_call, number
from verify.candidates.arguments import Arguments, loss_and_gradient, loss_of
from verify.difference import joined, parted
from verify.pair.slope import along, beside, noise_beside, noise_of_each, stands
from verify.problem.sampling import scales
from verify.slope import Slope

Floats = NDArray[np.floating]


@dataclass(frozen=True)
class Pair:
    """`f` is a Candidate(loss=…, grad=…) or a function that returns both, of one array, or of its `own` arguments: then the point holds the
    differentiated ones, and `beside` the others, which are copied unless they are `lent`. `convex` is claimed or not. With a `reference`
    the loss is that of this function, and its own is judged by the law `value`.
    """

    f: Callable[..., Any]
    convex: bool = False
    own: Arguments | None = None
    reference: Callable[..., Any] | None = field(default=None, compare=False)
    beside: Mapping[str, Any] = field(default_factory=dict, compare=False)
    lent: bool = False
    seen: dict[bytes, Slope] = field(default_factory=dict, compare=False, repr=False)
    grades: dict[bytes, Grades] = field(default_factory=dict, compare=False, repr=False)
    latest: list[bytes] = field(default_factory=list, compare=False, repr=False)
    """Where its own loss was called last, if it is one of two functions."""

    def value(self, x: Floats) -> float:
        """The loss on a copy of x. Raises Misbehaviour."""
        return self.loss(np.array(x))

    def gradient(self, x: Floats) -> Floats:
        """The gradient on a copy of x. Raises Misbehaviour."""
        return self.slope_of(np.array(x)).copy()

    def loss(self, x: Floats) -> float:
        """The loss at this array, not a copy."""
        return self.own_loss(x) if self.reference is None else number(loss_of(guarded_call(self.reference, self.arguments(x))))

    def own_loss(self, x: Floats) -> float:
        """The candidate's own loss at this array, not a copy."""
        if isinstance(self.f, Candidate):
            assert self.f.loss is not None
            self.latest[:] = [x.tobytes()]
            return number(guarded_call(self.f.loss, self.arguments(x)))
        returned = guarded_call(getattr(self.f, "loss_alone", self.f), self.arguments(x))
        return number(returned if self.own is not None and self.own.returned is None else loss_and_gradient(returned)[0])

    def slope_of(self, x: Floats, *, last: Floats | None = None) -> Floats:
        """The gradient at this array, not a copy. A separate one may use what the loss has kept, so this was called here before, or at the
        `last` point.
        """
        point = x if last is None else last
        if isinstance(self.f, Candidate) and self.f.loss is not None and self.latest != [point.tobytes()]:
            self.own_loss(point)
        f, given = self.f, self.arguments(x)
        returned = guarded_call(f.grad, given) if isinstance(f, Candidate) else loss_and_gradient(guarded_call(f, given))[1]
        parts = {"x": returned} if self.own is None else self.own.gradients(returned)
        found = []
        for (name, part), due in zip(parts.items(), [np.shape(a) for a in self._parted(x)], strict=True):
            g = array(part, "gradient")
            if g.shape != due and not (g.size == 1 and not any(n != 1 for n in due)):
                raise Misbehaviour("shape", f"returned a gradient of shape {g.shape} for {name} of shape {due}")
            found.append(g.reshape(due))
        return joined(found)

    def arguments(self, x: Floats) -> tuple[Any, ...]:
        """The candidate's arguments for this array, not a copy."""
        if self.own is None:
            return (x,)
        here = zip(self.own.differentiated, self._parted(x), strict=True)
        beside = {name: np.array(a) if np.ndim(a) and not self.lent else a for name, a in self.beside.items()}
        return self.own.packed({**beside, **dict(here)})

    def _parted(self, x: Floats) -> list[NDArray[Any]]:
        return [x] if self.own is None else parted(x, [self.own.values[name] for name in self.own.differentiated])

    def along(self, x: Floats, d: Floats) -> Slope:
        """The loss along ±d. The latest lines are cached: several laws use the same one."""
        key = x.tobytes() + d.tobytes()
        if key not in self.seen:
            if len(self.seen) > KEPT:
                self.seen.clear()
            self.seen[key] = along(self.sampled, x, d)
        return self.seen[key]

    def noise(self, x: Floats) -> float:
        """A bound of the rounding error of the loss around x, in no special direction: `x − mean` has none along (1, …, 1)."""
        return noise_beside(self.sampled, x, askew(x))

    def graded(self, x: Floats) -> Grades:
        """The rounding of the gradient around x. The latest is cached: two directions and their halves use the same."""
        key = x.tobytes()
        if key not in self.grades:
            self.grades.clear()
            self.grades[key] = Grades.of(self.gradient_or_none, x)
        return self.grades[key]

    def gradient_or_none(self, x: Floats) -> Floats:
        """The gradient in double precision, NaN where it is refused."""
        try:
            return self.gradient(x).astype(np.float64)
        except Misbehaviour:
            return np.full(x.shape, np.nan)

    def sampled(self, x: Floats) -> float:
        """The loss away from x; NaN where it is refused."""
        try:
            return self.value(x)
        except Misbehaviour as error:
            if error.code != "crashed":
                raise
            return float("nan")


@dataclass(frozen=True, eq=False)
class Grades:
    """The rounding error of each entry of a gradient at one point, as far as a black box shows it.

    `terms`: the size of the terms before they cancel. If the entry changes from float to float it is its own size, since larger terms would
    show in `noise`. If it stands still, it may be p − 1 with p almost 1: then it includes the entry's size half way to 0 and at 0. `noise`:
    a bound of the observed rounding error. `condition`: its change if x is rounded.
    """

    terms: Floats
    noise: Floats
    condition: Floats

    @classmethod
    def of(cls, gradient: Callable[[Floats], Floats], x: Floats) -> Grades:
        """The grades from the gradient at points beside x, as close as floats are, and farther if it stands still between those."""
        own, d = np.abs(gradient(x)), askew(x)
        noise, still = np.zeros(x.shape), np.ones(x.shape, dtype=bool)
        standing = still
        for k, line in enumerate(beside(x, d)):
            values = np.array([gradient(y) for y in line])
            noise = np.where(still, np.maximum(noise, noise_of_each(values)), noise)
            still = still & stands(values)
            standing = still if k == 0 else standing
            if not still.any():
                break
        nudge = x.dtype.type(np.sqrt(np.finfo(x.dtype).eps))
        condition = np.abs(gradient(x + nudge * d) - gradient(x)) * float(np.finfo(x.dtype).eps) / float(nudge)
        far = [np.nan_to_num(np.abs(gradient((x * x.dtype.type(t)).astype(x.dtype))), nan=0.0, posinf=0.0) for t in HALF_WAY]
        terms = np.where(standing, np.maximum(own, np.maximum(*far)), own)
        return cls(*(np.nan_to_num(a, nan=0.0, posinf=0.0) for a in (terms, noise, condition)))


HALF_WAY = 0.5, 0.0
"""Where terms that cancel at a point may not: half way to 0, and there."""


def askew(x: Floats) -> Floats:
    """A direction of small multiples of the scale of each entry, without a pattern: points beside x along it are exact."""
    multiples = np.random.default_rng(x.size).choice((-2.0, -1.0, 1.0, 2.0), size=x.shape)
    return np.asarray(multiples * scales(x), dtype=x.dtype)


KEPT = 64


def direction(x: Floats, seed: int) -> Floats:
    """±1 times the scale of each entry: no wrong entry is orthogonal to it by bad luck."""
    signs = np.random.default_rng(seed).choice((-1.0, 1.0), size=x.shape)
    return np.asarray(signs * scales(x), dtype=x.dtype)
