"""Parts of row formulas of many classes: loops over the classes without a chain from one to the next, so that they become vectors.

Sums have as many chains as there are lanes, an order that follows from the shape; nothing else is reordered, and NaN goes through.
"""

from __future__ import annotations

from math import exp
from typing import Any

import numpy as np
from numba import njit, types
from numba.extending import overload


@njit(error_model="numpy", fastmath={"reassoc", "nsz"})
def total(x):
    """Σ x, in the dtype of x."""
    found = x.dtype.type(0)
    for j in range(x.size):
        found += x[j]
    return found


def greatest(x: Any) -> Any:
    """The greatest of x; if one is NaN, either that or the greatest of the others."""
    return x.max()


def exponential(x: Any) -> Any:
    """eˣ for x ≤ 0 in the dtype of x, to 1 unit in the last place; 0 for subnormal results."""
    return exp(x)


@overload(greatest)
def _greatest_compiled(x):
    if x.dtype == types.float32:
        return lambda x: np.int32(_greatest_bits(x.view(np.int32), np.int32(31))).view(np.float32)
    return lambda x: np.int64(_greatest_bits(x.view(np.int64), np.int64(63))).view(np.float64)


@njit(error_model="numpy")
def _greatest_bits(x, sign):
    """The greatest float by its bits as whole numbers, which are in the same order once the bits below the `sign` of negative ones are
    inverted. A maximum of floats is not vectorised, since NaN has no order.
    """
    whole = x.dtype.type
    rest = whole(~(whole(1) << sign))
    top = whole(~rest)
    for bits in x:
        top = max(top, whole(bits ^ (bits >> sign & rest)))
    return whole(top ^ (top >> sign & rest))


@overload(exponential)
def _exponential_compiled(x):
    return (lambda x: _single(x)) if x == types.float32 else (lambda x: _double(x))


@njit(error_model="numpy", fastmath={"contract"})
def _single(x):
    """2ⁿ(1 + r + r²/2! + … + r⁷/7!) with |r| ≤ ½ log 2. Adding 1.5·2²³ rounds to a whole number, and leaves it in the last bits."""
    f = np.float32
    shifted = x * f(1.4426950408889634) + f(12582912.0)
    n = shifted - f(12582912.0)
    r = (x - n * f(0.693359375)) - n * f(-2.12194440054690583e-4)  # log 2 in two parts: the first product is exact
    q = f(1 / 120) + r * (f(1 / 720) + r * f(1 / 5040))
    q = f(1 / 2) + r * (f(1 / 6) + r * (f(1 / 24) + r * q))
    power = np.int32((np.float32(shifted).view(np.int32) << np.int32(23)) + np.int32(127 << 23)).view(np.float32)
    return f(0) if x < f(-87.0) else (f(1) + (r + r * r * q)) * power


@njit(error_model="numpy", fastmath={"contract"})
def _double(x):
    """As `_single`, to r¹³/13!."""
    shifted = x * 1.4426950408889634 + 6755399441055744.0
    n = shifted - 6755399441055744.0
    r = (x - n * 6.93147180369123816490e-01) - n * 1.90821492927058770002e-10
    q = 1 / 3628800 + r * (1 / 39916800 + r * (1 / 479001600 + r * (1 / 6227020800)))
    q = 1 / 720 + r * (1 / 5040 + r * (1 / 40320 + r * (1 / 362880 + r * q)))
    q = 1 / 2 + r * (1 / 6 + r * (1 / 24 + r * (1 / 120 + r * q)))
    power = np.int64((np.float64(shifted).view(np.int64) << 52) + (1023 << 52)).view(np.float64)
    return 0.0 if x < -708.0 else (1.0 + (r + r * r * q)) * power
