"""What one operation of a tape costs in each of its readings: nanoseconds by operation and point.

    python benchmarks/tape.py [--runs 5] [--points 200]

The tapes are a softmax loss of 50 examples of 10 classes, and a net of two layers with batch normalisation. `forward` computes all
registers, `reverse` the slopes by all inputs too. The goals are those of a quiet machine; `load` tells whether it was one.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable
from statistics import median
from typing import Any

import numpy as np
from flint import arb

from verify.tape import enclose, floats, reverse, vectors
from verify.tape.balls import precision
from verify.tape.tape import Builder, Tape

GOALS = {"vectors, forward": 30.0, "balls, forward": 3000.0}
"""Nanoseconds by operation and point."""

U = arb(2) ** -53


def log_softmax(b: Builder, s: Any) -> Any:
    """Along the last axis."""
    moved = b.sub(s, b.max(s)[..., None])
    return b.sub(moved, b.log(b.sum(b.exp(moved)))[..., None])


def softmax_loss(n: int = 50, classes: int = 10) -> Tape:
    """The mean over n examples."""
    b = Builder()
    s = b.inputs((n, classes))
    picked = log_softmax(b, s)[np.arange(n), np.arange(n) % classes]
    return b.tape(b.neg(b.div(b.sum(picked), n)))


def net(n: int = 8, inputs: int = 6, hidden: int = 10, classes: int = 4) -> Tape:
    """Two layers, with batch normalisation between them."""
    b = Builder()
    x, first, second = b.inputs((n, inputs)), b.inputs((inputs, hidden)), b.inputs((hidden, classes))
    h = b.matmul(x, first).T
    centred = b.sub(h, b.div(b.sum(h), n)[:, None])
    normal = b.mul(centred, b.rsqrt(b.add(b.div(b.sum(b.square(centred)), n), 1e-5))[:, None]).T
    on = b.max(np.stack([normal, np.broadcast_to(b.constants(0), normal.shape)], -1))
    picked = log_softmax(b, b.matmul(on, second))[np.arange(n), np.arange(n) % classes]
    return b.tape(b.neg(b.div(b.sum(picked), n)))


def readings(tape: Tape, points: int) -> dict[str, tuple[Callable[[], Any], int]]:
    """Each with the points that it reads at once."""
    x = np.random.default_rng(0).standard_normal((len(tape.inputs), points))
    balls, out = [arb(float(v)) for v in x[:, 0]], int(tape.outputs)

    def gradient_set() -> Any:
        with precision():
            return reverse.pieces(enclose.run(tape, balls), enclose.run(tape, balls, U), out)

    def thin() -> Any:
        with precision():
            return enclose.run(tape, balls)

    return {
        "floats, forward": (lambda: floats.run(tape, x), points),
        "vectors, forward": (lambda: vectors.run(tape, x), points),
        "vectors, reverse": (lambda: vectors.gradient(vectors.run(tape, x), out), points),
        "balls, forward": (thin, 1),
        "balls, set of slopes with roundings": (gradient_set, 1),
    }


def timed(work: Callable[[], Any], runs: int) -> float:
    """The median of some runs, the first of which is thrown away."""
    found = []
    for _ in range(runs + 1):
        began = time.perf_counter()
        work()
        found.append(time.perf_counter() - began)
    return median(found[1:])


def main() -> None:
    """Measures and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--runs", type=int, default=5, help="runs of each; the first one more is thrown away (default 5)")
    parser.add_argument("--points", type=int, default=200, help="points that floats and vectors read at once (default 200)")
    options = parser.parse_args()
    print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores, {options.runs} runs each, {options.points} points at once")
    print(f"{'tape':24}{'operations':>11}  {'reading':36}{'a run':>11}{'ns/op/point':>13}  goal")
    for name, tape in {"softmax loss, 50 × 10": softmax_loss(), "net with batch norm": net()}.items():
        for reading, (work, points) in readings(tape, options.points).items():
            seconds = timed(work, options.runs)
            each = seconds / tape.operations / points * 1e9
            goal = GOALS.get(reading)
            told = "" if goal is None else f"{'met' if each <= goal else 'missed'}: {goal:g} ns"
            print(f"{name:24}{tape.operations:11}  {reading:36}{seconds * 1e3:8.1f} ms{each:13.1f}  {told}")


if __name__ == "__main__":
    main()
