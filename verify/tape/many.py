"""The slopes of many registers at one point, all at once: where hundreds of switches are open, each piece of each of them has its own.

Reverse mode in double precision with radii, with what it starts from side by side where other readings have points.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import inf

import numpy as np
from flint import arb
from numpy.typing import NDArray

from verify.tape.balls import constant
from verify.tape.enclose import Run
from verify.tape.reverse import Adjoints, Quantity, Slopes, sweep
from verify.tape.tape import Instruction, Registers
from verify.tape.vectors import U, Vectors, Wide, WideAdjoints, absorbing

FEWEST = 16
"""Open switches from which on they are looked at together."""
TOGETHER = 64
"""Registers that are started from at a time."""


def slopes(thin: Run, fat: Run, open_: Sequence[int], variables: Mapping[int, int], starts: Sequence[tuple[int, int]]) -> list[Slopes]:
    """Of each register, with its sign: by the variables, and by the open switches at which the tape is cut."""
    found: list[Slopes] = []
    near, far = _wide(thin), _wide(fat)
    for first in range(0, len(starts), TOGETHER):
        part = starts[first : first + TOGETHER]
        exact, careful = _swept(thin, near, fat.possible, part, U), _swept(fat, far, fat.possible, part, float(fat.arithmetic.u or U))
        found += [_of_one(exact, careful, open_, variables, lane) for lane in range(len(part))]
    return found


def _wide(run: Run) -> Wide:
    """All registers, as floats with radii."""
    values, radii = np.zeros(run.tape.size), np.full(run.tape.size, inf)
    for k, x in enumerate(run.values):
        if x is None or isinstance(x, bool) or not constant(x).is_finite():
            continue
        middle = float(x.mid())
        if np.isfinite(middle):
            values[k], radii[k] = middle, float((x - arb(middle)).abs_upper()) * (1 + 4 * U)
    return Wide(values, radii)


def _swept(run: Run, all_: Wide, possible: Mapping[int, list[int]], starts: Sequence[tuple[int, int]], u: float) -> WideAdjoints:
    tape, n = run.tape.fused, len(starts)
    found, a = WideAdjoints(tape.size, n, u), Vectors(n, u)
    for lane, (register, sign) in enumerate(starts):
        found.values[register, lane], found.sizes[register, lane] = sign, 1.0
        found.counts[register] = 1

    def gather(r: Registers) -> Wide:
        return all_[r][..., None].spread((*r.shape, n))

    def switch(i: Instruction, _: Adjoints) -> None:
        g, _sizes = found.total(i.outs)
        for e, k in enumerate(i.outs.tolist()):
            if len(possible[k]) == 1:  # else it is cut here
                r, s = i.pieces(e)[possible[k][0]]
                if tape.moving[r]:
                    found.add(np.array([r]), Wide(s * g.value[e : e + 1], g.radius[e : e + 1]), None)

    with np.errstate(all="ignore"):
        sweep(tape, a, gather, found, switch, lambda g, p: absorbing(a, g, p))
    return found


def _of_one(thin: WideAdjoints, careful: WideAdjoints, open_: Sequence[int], variables: Mapping[int, int], lane: int) -> Slopes:
    def quantities(registers: NDArray[np.intp]) -> dict[int, Quantity]:
        near, _ = thin.total(registers)
        far, _ = careful.total(registers)
        value, radius = near.value[:, lane], near.radius[:, lane]
        off = (np.abs(far.value[:, lane] - value) + far.radius[:, lane] + radius) * (1 + 8 * U)
        size = careful.sizes[registers, lane]
        there = np.flatnonzero((size > 0) | (off > 0))
        return {
            int(registers[k]): Quantity(
                arb(float(value[k]), float(radius[k])) if np.isfinite(radius[k]) else arb.nan(), float(off[k]), float(size[k])
            )
            for k in there.tolist()
        }

    own = quantities(np.array([*variables], np.intp))
    return Slopes({variables[r]: q for r, q in own.items()}, quantities(np.array(open_, np.intp)))
