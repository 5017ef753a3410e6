"""Whether a loss is what its author claims: refuted by balls, so that no rounding can refute a claim that is true."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

import numpy as np
from flint import arb

from verify.errors import UsageError
from verify.oracle import exact
from verify.oracle.formula import loss_formula
from verify.oracle.program import precision
from verify.spec.convexity import convex_loss
from verify.spec.loss import Chord, LossSpec

PAIRS = 200
"""Chords tried for each label of 2 and 3 classes, where convexity is claimed and no composition rule proves it."""


def bulge(loss: LossSpec, chord: Chord) -> arb:
    """ℓ at the middle of a chord less the mean of ℓ at its ends, as a ball: above 0 where ℓ is not convex."""
    formula = loss_formula(loss, len(chord.start), chord.label)
    parameters = [exact.ball(p) for p in loss.with_parameters({}).values()]

    def value(s: list[arb]) -> arb:
        with precision():
            registers = formula.program.run([*s, *parameters]).registers
            return sum((registers[k] for k in formula.value_terms), arb(0))

    a, b = [exact.ball(x) for x in chord.start], [exact.ball(x) for x in chord.end]
    with precision():
        return value([(x + y) / 2 for x, y in zip(a, b, strict=True)]) - (value(a) + value(b)) / 2


@lru_cache(maxsize=64)
def examine(loss: LossSpec) -> None:
    """Raises UsageError where a claim is certainly false: right code would be called broken by it."""
    claims = loss.claims
    if claims.chord is not None and not bulge(loss, claims.chord) > 0:
        raise UsageError(
            f"{loss.name} claims not to be convex, but it does not lie above its chord from {claims.chord.start} to {claims.chord.end}, "
            f"label {claims.chord.label}. Give a chord that it lies above at the middle, or claim nothing: Claims(convex=None)."
        )
    if claims.convex and not convex_loss(loss):
        for chord in _chords(loss):
            if bulge(loss, chord) > 0:
                raise UsageError(
                    f"{loss.name} claims to be convex, but at the middle of {chord.start} and {chord.end}, label {chord.label}, "
                    f"it lies above its chord. Correct the formula, or claim Claims(convex=False, chord={chord})."
                )


def _chords(loss: LossSpec) -> Iterator[Chord]:
    """Near and far, on a lattice, so that the sentence shows short numbers."""
    rng = np.random.default_rng(0)
    for classes in (2, 3):
        for label in range(loss.labels(classes)):
            for _ in range(PAIRS):
                ends = np.round(rng.normal(size=(2, loss.scores(classes))) * rng.choice([0.25, 1, 4]) * 32) / 32
                start, end = (tuple(map(float, s)) for s in ends)
                yield Chord(start=start, end=end, label=label)
