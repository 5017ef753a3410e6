"""Local derivatives that are written in place of others, in terms of the value v of a function and its argument x."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


class At(NamedTuple):
    """Values of a function, with its arguments."""

    v: Floats
    x: Floats


DERIVATIVES: dict[str, Callable[[At], Floats]] = {
    "1": lambda f: np.ones_like(f.v),
    "1/2": lambda f: np.full_like(f.v, 0.5),
    "v": lambda f: f.v,
    "1 − v": lambda f: 1 - f.v,
    "1 + v": lambda f: 1 + f.v,
    "1 − v²": lambda f: 1 - f.v**2,
    "1 + v²": lambda f: 1 + f.v**2,
    "(1 − v)²": lambda f: (1 - f.v) ** 2,
    "v(1 − v)": lambda f: f.v * (1 - f.v),
    "v(1 + v)": lambda f: f.v * (1 + f.v),
    "v²": lambda f: f.v**2,
    "v² − 1": lambda f: f.v**2 - 1,
    "v/2": lambda f: f.v / 2,
    "2v": lambda f: 2 * f.v,
    "3v": lambda f: 3 * f.v,
    "4v": lambda f: 4 * f.v,
    "1/v": lambda f: 1 / f.v,
    "1/(2v)": lambda f: 0.5 / f.v,
    "1/(2v³)": lambda f: 0.5 / f.v**3,
    "v³": lambda f: f.v**3,
    "−v³/2": lambda f: -(f.v**3) / 2,
    "−v²": lambda f: -(f.v**2),
    "−v": lambda f: -f.v,
    "v/x": lambda f: f.v / f.x,
    "−v/x": lambda f: -f.v / f.x,
    "x": lambda f: f.x,
    "2x": lambda f: 2 * f.x,
    "x²": lambda f: f.x**2,
    "3x": lambda f: 3 * f.x,
    "3x²": lambda f: 3 * f.x**2,
    "4x³": lambda f: 4 * f.x**3,
    "1/x": lambda f: 1 / f.x,
    "1/x²": lambda f: 1 / f.x**2,
    "−1/x²": lambda f: -1 / f.x**2,
    "1/√x": lambda f: 1 / np.sqrt(f.x),
    "√x": lambda f: np.sqrt(f.x),
    "1/(1 + x)": lambda f: 1 / (1 + f.x),
    "1/(1 + x²)": lambda f: 1 / (1 + f.x**2),
    "1 − x": lambda f: 1 - f.x,
    "1 − x²": lambda f: 1 - f.x**2,
    "x(1 − x)": lambda f: f.x * (1 - f.x),
    "exp(x)": lambda f: np.exp(f.x),
    "exp(−x)": lambda f: np.exp(-f.x),
    "sin(x)": lambda f: np.sin(f.x),
    "cos(x)": lambda f: np.cos(f.x),
    "−sin(x)": lambda f: -np.sin(f.x),
    "−cos(x)": lambda f: -np.cos(f.x),
    "tanh(x)": lambda f: np.tanh(f.x),
    "1/cosh(x)": lambda f: 1 / np.cosh(f.x),
    "1/(1 + exp(−x))": lambda f: 1 / (1 + np.exp(-f.x)),
    "log(x)": lambda f: np.log(f.x),
    "exp(−x²/2)/√(2π)": lambda f: np.exp(-(f.x**2) / 2) / np.sqrt(2 * np.pi),
    "exp(−x²/2)": lambda f: np.exp(-(f.x**2) / 2),
    "exp(−x²)": lambda f: np.exp(-(f.x**2)),
    "2exp(−x²)/√π": lambda f: 2 * np.exp(-(f.x**2)) / np.sqrt(np.pi),
}
"""Derivatives by their text. They include the right ones."""

POWERS = {"1/x", "1/x²", "−1/x²", "1/√x", "√x", "v/x", "−v/x"}
EXPONENTIAL = {"exp", "expm1", "exp2", "logistic", "softplus", "tanh", "erf", "erfc", "ndtr", "sin", "cos", "sinh", "cosh"}
"""Functions for whose derivative nobody writes such a power: where it fits, it does so by chance, as a in aσ(a) is cancelled by 1/a."""

ROOT_DERIVATIVE = "1/2"
"""The derivative of a root, as where a norm is not divided by: reported only where nothing else explains the gradient, as 1/s in place of
1/s² may.
"""

NOT_STRAIGHT = {
    "square", "pow_c", "sqrt", "rsqrt", "exp", "expm1", "exp2", "log", "log1p", "log2", "log10", "logistic", "softplus", "tanh", "erf",
    "erfc", "ndtr", "log_ndtr", "lgamma", "digamma", "sin", "cos", "tan", "asin", "acos", "atan", "sinh", "cosh",
}  # fmt: skip
"""Primitives of one number with a derivative that is not constant."""
