"""The upstream gradient for a candidate that returns an array: one weight for each entry of the result. f(x) = Σ_k ⟨v_k, y_k(x)⟩ with
weights v drawn once is a loss like any other, and its gradient is the answer of backward to v. Weights of 1 would not do: a backward that
ignores its upstream gradient, transposes it or sums it up is right for them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import FunctionType
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from verify.candidates import half_precision
from verify.candidates.answer import Misbehaviour, guarded_call
from verify.candidates.candidate import Candidate
from verify.nested import hexadecimal
from verify.rounding import smallest_normal, unit_roundoff
from verify.spec.function import UPSTREAM

Floats = NDArray[np.floating]
Shape = tuple[int, ...]

DRAWN, STRIDED, EVEN, EXPANDED = "drawn", "not contiguous", "even", "expanded from one number"
"""The forms of upstream gradients: the drawn weights, and the same weights with gaps in memory; one number everywhere, and the same as an
array whose entries share one place in memory, as autograd's own `sum` passes it.
"""

LEVEL = 0.75
"""The number used by EVEN and EXPANDED: neither 0 nor 1."""


@dataclass(frozen=True, kw_only=True)
class Upstream:
    """The weights of the outputs of one candidate. Without a seed they are 1, and an array holds the losses of examples, which are added.

    `positive` is for a candidate that claims to be convex: each output is, and so is their sum with positive weights, but with no others.
    """

    seed: int | None = None
    positive: bool = False

    def weights(self, shapes: Sequence[Shape]) -> list[NDArray[np.float64]]:
        """The weights: generic, so that none is 0 or ±1, and no two have one size; always the same for the same shapes. A single number has
        the weight 1.
        """
        sizes = [int(np.prod(shape)) for shape in shapes]
        if self.seed is None or sizes == [1]:
            return [np.ones(shape) for shape in shapes]
        drawn = generic(sum(sizes), np.random.default_rng([abs(self.seed), sum(sizes)]), positive=self.positive)
        return [part.reshape(shape) for part, shape in zip(np.split(drawn, np.cumsum(sizes)[:-1]), shapes, strict=True)]

    def described(self, shapes: Sequence[Shape], left_out: Mapping[int, str]) -> dict[str, str]:
        """The weights in words, and which outputs have none and why; empty for a single number, which is the loss."""
        said = [f"output {k} is left out, {why}" for k, why in left_out.items()]
        if [int(np.prod(shape)) for shape in shapes] != [1]:
            drawn = f"drawn at random{', all positive,' if self.positive else ''} for outputs of shape {' and '.join(map(str, shapes))}"
            said.insert(0, "1 for each entry of the output: the losses of the examples are added" if self.seed is None else drawn)
        return {"upstream": "; ".join(said)} if said else {}


NOT_DIFFERENTIABLE = "which is not differentiable"


def no_loss_and_gradient(shapes: Sequence[Shape], due: Shape) -> bool:
    """Whether arrays of these shapes, returned for x of shape `due`, are certainly not a loss and its gradient."""
    if len(shapes) < 2:
        return True
    loss, gradient = int(np.prod(shapes[0])) == 1, shapes[1] == due
    return not (loss or gradient) if len(shapes) == 2 else not (loss and gradient)


def generic(n: int, rng: np.random.Generator, *, positive: bool = False) -> NDArray[np.float64]:
    """Random numbers, `n` of them, with sizes between ½ and 3/2, odd multiples of one power of two: no two of one size, and none of
    size 1, which is an even multiple. Float32 holds them exactly up to millions, so they are the same in every dtype.
    """
    grid = 1 << max(n, 32).bit_length()
    sizes = 0.5 + (2 * rng.choice(grid, size=n, replace=False) + 1) / (2 * grid)
    return sizes if positive else sizes * rng.choice((-1.0, 1.0), size=n)


def recorder_in(a: Any) -> Any:
    """The recorder of the first recorded array in nested dicts, lists and tuples; None if there is none."""
    if isinstance(a, (tuple, list, dict)):
        parts = a.values() if isinstance(a, dict) else a
        return next((found for part in parts if (found := recorder_in(part)) is not None), None)
    return getattr(a, "recorder", None) if hasattr(a, "__array_ufunc__") else None


def contracted(weights: Sequence[Floats], outputs: Sequence[Floats]) -> float:
    """The sum Σ ⟨v, y⟩ in the widest format of numpy, so that the loss shows only the rounding errors of the outputs."""
    return float(sum(np.sum(v.astype(np.longdouble) * y.astype(np.longdouble)) for v, y in zip(weights, outputs, strict=True)))


@dataclass(frozen=True, kw_only=True, eq=False)
class Pulled:
    """The answer of a framework: the value, the gradient for the upstream gradient, and observations.

    `weights` is that upstream gradient, for each output. `changed` says that a backward wrote to it, `layouts` lists other memory layouts
    that can be passed.

    `habits` calls it in further ways and returns notes on those that fail; it raises Misbehaviour where the answer differs.
    """

    value: Any
    gradient: Any
    facts: dict[str, str] = field(default_factory=dict)
    weights: Sequence[Floats] = ()
    changed: bool = False
    layouts: tuple[str, ...] = ()
    habits: Callable[[], Sequence[str]] = tuple


class Pull(Protocol):
    """Calls a candidate for its outputs and pulls `scale` times the upstream gradient back; or returns the candidate's result, if that is a
    loss and a gradient already.
    """

    def __call__(self, arguments: tuple[Any, ...], scale: float = 1.0, layout: str = DRAWN, *, backward: bool = True) -> Any:
        """A `Pulled`, or the candidate's result. Without `backward` only the value is needed."""


def answering(pull: Pull) -> Callable[..., Any]:
    """The numpy function (loss, gradient) that calls `pull`; `facts` collects what is learnt in the calls. Its `loss_alone` returns the
    loss without the backward, where that is possible.
    """
    facts: dict[str, str] = {}
    weights: list[Floats] = []

    def answered(arguments: tuple[Any, ...], backward: bool) -> Any:
        found = pull(arguments, backward=backward)
        if not isinstance(found, Pulled):
            return found
        facts.update(found.facts)
        weights[:] = found.weights
        return found.value, found.gradient

    def call(*arguments: Any) -> Any:
        return answered(arguments, True)

    def loss_alone(*arguments: Any) -> Any:
        return answered(arguments, False)

    call.loss_alone = loss_alone  # type: ignore[attr-defined]
    call.pull, call.facts, call.weights = pull, facts, weights  # type: ignore[attr-defined]
    return call


def upstream_described(f: Any) -> dict[str, str]:
    """The notes on the upstream gradient of an adapted candidate, after its first call."""
    facts = getattr(f, "facts", None)
    return dict(facts) if isinstance(facts, dict) else {}  # a user's object may use the name for anything


def upstream_drawn(f: Any) -> dict[str, Any]:
    """The last upstream gradient of an adapted candidate, as documents hold numbers, by the names of its parts; empty for a single number,
    or if it is an input like others.
    """
    weights = getattr(f, "weights", None) if isinstance(f, FunctionType) else None  # a user's object may use the name for anything
    if not isinstance(weights, list) or [np.size(v) for v in weights] in ([], [1]):
        return {}
    names = [UPSTREAM] if len(weights) == 1 else [f"{UPSTREAM}[{k}]" for k in range(len(weights))]
    return {name: hexadecimal(v.tolist()) for name, v in zip(names, weights, strict=True)}


def changes(name: str) -> Misbehaviour:
    """The misbehaviour of a candidate that writes to an input, or to its upstream gradient."""
    if name.partition("[")[0] == UPSTREAM:
        return Misbehaviour("upstream-changed", f"{CHANGES}: others need it, too")
    return Misbehaviour("mutates-input", f"changes its input {name}")


def keeps(name: str) -> str:
    """The note on a candidate that writes to a buffer."""
    return f"writes into {name}, which it keeps: that is as it was before each call"


CHANGES = "changes the upstream gradient that it was handed"


def upstream_is_kept(f: Any, arguments: tuple[Any, ...]) -> list[str]:
    """The forms of upstream gradients that the candidate refuses; empty if it has no backward that the suite calls.

    Raises Misbehaviour where the backward writes to the upstream gradient, or does not follow it: twice of it must give twice the gradient,
    which is exact, and the same numbers in another memory layout must give the same.
    """
    pull = getattr(f, "pull", None) if isinstance(f, (FunctionType, Candidate)) else None  # a user's object may use the name for anything
    with half_precision.noting() as formats:
        once = None if pull is None else _pulled(pull, arguments, 1.0, DRAWN)
    coarse = half_precision.coarsest(formats)
    if not isinstance(once, Pulled):
        return []
    if once.changed:
        raise changes(UPSTREAM)
    again = _numbers(_pulled(pull, arguments, 1.0, DRAWN))
    if not same(_numbers(once), again, joint=True, coarse=coarse):
        return []  # it answers as it likes, which is told elsewhere
    otherwise = not np.array_equal(_numbers(once), again, equal_nan=True)  # it sums in another order each time
    if not same(2.0 * _numbers(once), _numbers(_pulled(pull, arguments, 2.0, DRAWN)), joint=otherwise, coarse=coarse):
        raise Misbehaviour("upstream-ignored", "does not multiply by its upstream gradient: twice of it does not give twice the gradient")
    refused = [*guarded_call(once.habits, ())]
    for layout in once.layouts:
        plain = once if layout == STRIDED else _pulled(pull, arguments, 1.0, EVEN)
        try:
            found = _pulled(pull, arguments, 1.0, layout)
        except Misbehaviour:
            refused.append(f"refuses an upstream gradient that is {layout}")
            continue
        if not same(_numbers(plain), _numbers(found), joint=True, coarse=coarse, beside=_numbers(once)):
            raise Misbehaviour("nondeterministic", f"answers with another gradient to an upstream gradient that is {layout}")
    return refused


def _pulled(pull: Any, arguments: tuple[Any, ...], scale: float, layout: str) -> Any:
    copies = tuple(np.array(a) if isinstance(a, np.ndarray) else a for a in arguments)
    return guarded_call(pull, (copies, scale, layout))


def _numbers(found: Pulled) -> Floats:
    return np.array(found.gradient)


def same(a: Floats, b: Floats, *, joint: bool = False, coarse: str | None = None, beside: Floats | None = None) -> bool:
    """Whether two gradients are equal in half of the digits of their dtype, or of a `coarse` format of half precision. With `joint` the
    tolerance is relative to the largest entry: another layout may sum in another order, while scaling by 2 is exact in each entry. With
    `beside` it is relative to that gradient, for an upstream gradient of the same size: these gradients may cancel to 0, as in batch norm.
    Entries that are not finite on either side are ignored.
    """
    if a.shape != b.shape:
        return False
    known = () if not joint else (a,) if beside is None else (a, beside)
    size = max((float(np.max(np.abs(x), initial=0.0, where=np.isfinite(x))) for x in known), default=0.0)
    with np.errstate(all="ignore"):
        real = np.issubdtype(b.dtype, np.floating)
        eps = (2 * unit_roundoff(b.dtype.name, coarse)) ** 0.5 if real else 0.0
        tiny = smallest_normal(b.dtype.name, coarse) if real else 0.0
        close = np.abs(a - b) <= eps * np.maximum(np.maximum(np.abs(a), np.abs(b)), size) + tiny / eps if eps else a == b
    return bool(np.all(close | ~np.isfinite(a) | ~np.isfinite(b)))
