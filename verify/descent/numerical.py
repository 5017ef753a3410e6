"""The gradient by differences, one weight at a time, as in the notes, with every evaluation counted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from verify.descent.optimisers import Floats
from verify.difference import centred, forward
from verify.errors import unknown

METHODS = ("forward", "centred")


@dataclass
class Counted:
    """A loss that counts its calls."""

    f: Callable[[Floats], tuple[float, Floats]]
    evaluations: int = field(default=0, init=False)

    def __call__(self, W: Floats) -> float:
        """The loss at W."""
        self.evaluations += 1
        return self.f(W)[0]


def numerical_gradient(
    f: Callable[[Floats], float], W: Floats, *, h: float, method: str = "centred", on_part: Callable[[float], None] = lambda _: None
) -> Floats:
    """(f(W + he) − f(W))/h or (f(W + he) − f(W − he))/(2h) for each of the P unit vectors e.

    P + 1 evaluations forward, 2P centred. W (C, D) is restored. Error: truncation h/2·|f''| or h²/6·|f'''|, and rounding 2ε/h or ε/h, ε
    being that of one loss; where a kink lies within h, a part of its jump. Raises UsageError for another method.
    """
    if method not in METHODS:
        raise unknown("method", method, METHODS)
    here = f(W) if method == "forward" else 0.0
    moved, gradient = W.copy(), np.empty_like(W)
    for place in np.ndindex(*W.shape):
        moved[place] = W[place] + h
        ahead = f(moved)
        if method == "centred":
            moved[place] = W[place] - h
            gradient[place] = centred(ahead, f(moved), h)
        else:
            gradient[place] = forward(ahead, here, h)
        moved[place] = W[place]
        if place[1] == W.shape[1] - 1:
            on_part((place[0] + 1) / W.shape[0])
    return gradient
