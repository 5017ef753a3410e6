"""Gradients of all pieces at one point, many in one reverse sweep: for tapes with many open switches.

Reverse mode in double precision with radii, with the starting registers along the axis that other evaluations use for points.
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
from verify.tape.vectors import UNDERFLOWN, U, Vectors, Wide, WideAdjoints, absorbing

MIN_TOGETHER = 16
"""Number of open switches from which on their slopes are computed together."""
STARTS_TOGETHER = 64
"""Registers to start from at a time."""


def slopes(thin: Run, fat: Run, open_: Sequence[int], variables: Mapping[int, int], starts: Sequence[tuple[int, int]]) -> list[Slopes]:
    """The slopes of each register, with its sign: in the variables, and in the open switches at which the tape is cut."""
    found: list[Slopes] = []
    near, far = _wide(thin), _wide(fat)
    for first in range(0, len(starts), STARTS_TOGETHER):
        part = starts[first : first + STARTS_TOGETHER]
        exact, careful = _swept(thin, near, fat.possible, part, U), _swept(fat, far, fat.possible, part, float(fat.arithmetic.u or U))
        own, inner = (_quantities(exact, careful, np.array(registers, np.intp)) for registers in ([*variables], open_))
        found += [Slopes({variables[r]: q for r, q in entries.items()}, cut) for entries, cut in zip(own, inner, strict=True)]
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
        found.counts[register, lane], found.reached[register] = 1, True

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


def _quantities(thin: WideAdjoints, careful: WideAdjoints, registers: NDArray[np.intp]) -> list[dict[int, Quantity]]:
    """The adjoints of these registers from each start."""
    (near, _), (far, _) = thin.total(registers), careful.total(registers)
    off = (np.abs(far.value - near.value) + far.radius + near.radius) * (1 + 8 * U)
    size = careful.sizes[registers]
    found: list[dict[int, Quantity]] = [{} for _ in range(size.shape[1])]
    for k, lane in np.argwhere((size > 0) | (off > UNDERFLOWN)).tolist():
        radius = float(near.radius[k, lane])
        exact = arb(float(near.value[k, lane]), radius) if np.isfinite(radius) else arb.nan()
        found[lane][int(registers[k])] = Quantity(exact, float(off[k, lane]), float(size[k, lane]))
    return found
