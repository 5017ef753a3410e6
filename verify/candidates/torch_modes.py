"""torch code with a hand-written backward, called in other ways: in forward mode, by its `jvp`, and with a batch of upstream gradients, as
`vmap` passes them.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch.autograd import forward_ad

from verify.candidates.answer import Misbehaviour, error_line
from verify.candidates.upstream import generic, same
from verify.rounding import unit_roundoff

Path = tuple[Any, ...]
Leaves = Mapping[Path, torch.Tensor]
Code = Callable[[dict[Path, torch.Tensor]], Sequence[torch.Tensor]]
"""A function from tensors in the places of the inputs to the differentiated outputs."""

INPUT_SHIFTS = (0.0, 2.0**-12, 2.0**-9)
"""Relative distances by which the inputs are moved where both modes are compared: at a kink each mode may take another side."""
ROUNDING_FACTOR = 16
"""Rounding may change either mode by this multiple of the change that a few ulps of the inputs cause."""


def has_jvp(nodes: Iterator[Any]) -> bool:
    """Whether a node of a graph belongs to an `autograd.Function` with its own forward mode."""
    functions = (getattr(type(node), "_forward_cls", None) for node in nodes)
    return any(f is not None and f.jvp is not torch.autograd.Function.jvp for f in functions)


def forward_mode(f: Code, leaves: Leaves, weights: Sequence[torch.Tensor], coarse: str | None) -> list[str]:
    """A note if ⟨v, Jẋ⟩ cannot be computed in forward mode. Raises Misbehaviour where it differs from ⟨Jᵀv, ẋ⟩ by the backward, in half of
    the digits of the leaves, or of the `coarse` format of the outputs, at the leaves and beside them.
    """
    rng = np.random.default_rng(0)
    along = {path: _drawn(a, rng) for path, a in leaves.items()}
    wrong: set[Path] | None = None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # from modules that torch loads for it
            for away in INPUT_SHIFTS:
                if wrong is None or wrong:
                    found = _apart(f, {path: _moved(a, away, rng) for path, a in leaves.items()}, weights, along, rng, coarse)
                    wrong = found if wrong is None else wrong & found
    except NotImplementedError:  # a function without a forward mode, torch's or another
        return []
    except Exception as error:
        return [f"cannot be differentiated in forward mode, though it has a jvp ({error_line(error)})"]
    for path in leaves:
        if path in (wrong or ()):
            raise Misbehaviour(
                "forward-mode", f"has another derivative for {_path_in_words(path)} in forward mode, by its jvp, than by its backward"
            )
    return []


def _apart(
    f: Code, leaves: Leaves, weights: Sequence[torch.Tensor], along: Leaves, rng: np.random.Generator, coarse: str | None
) -> set[Path]:
    """The leaves for which both modes differ, by more than rounding."""
    first, found = _both(f, leaves, weights, along), set[Path]()
    half = {path: (2 * unit_roundoff(str(a.dtype)[6:], coarse)) ** 0.5 for path, a in leaves.items()}
    unlike = [path for path, (p, q, size) in first.items() if abs(p - q) > half[path] * size]
    if unlike:
        jolted = [
            _both(f, {path: _moved(a, 4 * torch.finfo(a.dtype).eps, rng) for path, a in leaves.items()}, weights, along) for _ in "12"
        ]
        for path in unlike:
            p, q, size = first[path]
            noise = max(abs(other[path][0] - p) + abs(other[path][1] - q) for other in jolted)
            if abs(p - q) > half[path] * size + ROUNDING_FACTOR * noise:
                found.add(path)
    return found


def _both(f: Code, leaves: Leaves, weights: Sequence[torch.Tensor], along: Leaves) -> dict[Path, tuple[float, float, float]]:
    """(⟨v, Jẋ⟩ by forward mode, the same by the backward, the size of their terms) for each leaf, moved alone."""
    mine = {path: a.detach().clone().requires_grad_() for path, a in leaves.items()}
    outputs = f({path: a.clone() for path, a in mine.items()})  # which may be written into
    places = [k for k, y in enumerate(outputs) if y.requires_grad]
    gradients = torch.autograd.grad([outputs[k] for k in places], [*mine.values()], [weights[k] for k in places], allow_unused=True)
    found = dict[Path, tuple[float, float, float]]()
    for path, g in zip(mine, gradients, strict=True):
        if g is None:  # it is not judged
            continue
        with forward_ad.dual_level():
            still = {p: torch.zeros_like(a) for p, a in leaves.items()} | {path: along[path].clone()}
            returned = f({p: forward_ad.make_dual(a.detach().clone(), still[p]) for p, a in leaves.items()})
            tangents = [forward_ad.unpack_dual(returned[k]).tangent for k in places]
        terms = [(weights[k] * t).double() for k, t in zip(places, tangents, strict=True) if t is not None]
        back = (g * along[path]).double()
        size = sum((float(t.abs().sum()) for t in terms), float(back.abs().sum()))
        found[path] = sum(float(t.sum()) for t in terms), float(back.sum()), size
    return found


def batched(f: Code, leaves: Leaves, weights: Sequence[torch.Tensor], coarse: str | None) -> list[str]:
    """A note if upstream gradients cannot be batched (`is_grads_batched`). Raises Misbehaviour where a batch gives another gradient than
    one by one.
    """
    mine = {path: a.detach().clone().requires_grad_() for path, a in leaves.items()}
    outputs = f({path: a.clone() for path, a in mine.items()})
    pairs = [(y, v) for y, v in zip(outputs, weights, strict=True) if y.requires_grad]

    def back(upstream: Sequence[torch.Tensor], **how: Any) -> tuple[Any, ...]:
        ys = [y for y, _ in pairs]
        found: tuple[Any, ...] = torch.autograd.grad(ys, [*mine.values()], upstream, allow_unused=True, retain_graph=True, **how)
        return found

    rows = [[v, -0.5 * v.roll(1, -1) if v.ndim else -0.5 * v] for _, v in pairs]
    alone = [back([row[k] for row in rows]) for k in (0, 1, 0)]
    pairwise = [*zip(mine, *alone, strict=True)]
    if not all(_alike(a, c, coarse) for _, a, _, c in pairwise):
        return []  # it is not deterministic, which is reported elsewhere
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about speed
            together = back([torch.stack(row) for row in rows], is_grads_batched=True)
    except Exception as error:
        return [f"cannot be asked for several gradients at once, by vmap, as is_grads_batched does ({error_line(error)})"]
    for (path, a, b, _), both in zip(pairwise, together, strict=True):
        if not all(_alike(one, None if both is None else both[k], coarse) for k, one in enumerate((a, b))):
            told = "where several upstream gradients come at once, by vmap, as with is_grads_batched"
            raise Misbehaviour("nondeterministic", f"answers with another gradient for {_path_in_words(path)} {told}")
    return []


def _alike(a: torch.Tensor | None, b: torch.Tensor | None, coarse: str | None) -> bool:
    """Whether two gradients are equal up to rounding; None counts as 0."""
    if a is None or b is None:
        return all(t is None or not bool(t.any()) for t in (a, b))
    one, other = (t.detach().to_dense().cpu().numpy() for t in (a, b))
    return same(one, other, joint=True, coarse=coarse)


def _drawn(a: torch.Tensor, rng: np.random.Generator) -> torch.Tensor:
    return torch.from_numpy(generic(a.numel(), rng)).reshape(a.shape).to(a.dtype)


def _moved(a: torch.Tensor, part: float, rng: np.random.Generator) -> torch.Tensor:
    """The tensor with each number changed by this share of its size, up or down."""
    size = torch.where(a == 0, float(a.detach().abs().max()) or 1.0, a.detach().abs())
    return a.detach() + part * size * _drawn(a, rng) if part else a.detach().clone()


def _path_in_words(path: Path) -> str:
    return "".join([str(path[0]), *(f"[{key!r}]" for key in path[1:])]) if path else "its input"
