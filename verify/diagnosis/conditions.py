"""Conditions: what the cases that break have in common, and the cases that hold do not."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import gcd

import numpy as np

from verify.cases.conversion import adapted
from verify.diagnosis import reference_cases
from verify.diagnosis.decomposition import Decomposition

Holds = Callable[[Decomposition], bool]

PROPERTIES: dict[str, Holds] = {
    "N = 1": lambda s: s.N == 1,
    "C = 2": lambda s: s.C == 2,
    "D = 1": lambda s: s.D == 1,
    "all examples are of one class": lambda s: s.N > 1 and len(set(s.y.tolist())) == 1,
    "a class is absent": lambda s: len(set(s.y.tolist())) < s.C,
    "every class has an example": lambda s: len(set(s.y.tolist())) == s.C,
    "all weights are 0": lambda s: not s.W.any(),
    "all scores are 0": lambda s: not s.scores.any(),
    "λ = 0": lambda s: s.reg == 0,
    "the penalty's gradient is 0": lambda s: not s.penalty.any(),
    "λ > 0": lambda s: s.reg > 0,
    "λ > 1": lambda s: s.reg > 1,
    "on a kink": lambda s: not s.point.gradient.is_single,
    "an example is there twice": lambda s: len(s.point.data.elements) < s.N,
    "N is odd": lambda s: s.N % 2 == 1,
    "N is even": lambda s: s.N % 2 == 0,
    "N = C": lambda s: s.N == s.C,
    "C = D": lambda s: s.C == s.D,
    "N < C": lambda s: s.N < s.C,
    "a label is 0": lambda s: 0 in s.y,
    "no label is 0": lambda s: 0 not in s.y,
}
"""In the order of preference where several fit."""

OF_WEIGHTS = ("D = 1", "all weights are 0", "λ = 0", "the penalty's gradient is 0", "λ > 0", "λ > 1", "C = D", "D")
"""Properties that only linear scores have."""

OF_TARGETS: dict[str, Holds] = {
    "N = 1": lambda s: s.N == 1,
    "all targets are equal": lambda s: s.N > 1 and len(set(s.y.tolist())) == 1,
    "not all targets are equal": lambda s: len(set(s.y.tolist())) > 1,
    "a target is 0": lambda s: s.targets is not None and 0 in s.targets,
    "no target is 0": lambda s: s.targets is not None and 0 not in s.targets,
    "a target is negative": lambda s: s.targets is not None and bool(np.any(s.targets < 0)),
} | {
    words: holds for words, holds in PROPERTIES.items()
    if words not in ("C = 2", "all examples are of one class", "a class is absent", "every class has an example", "N = C", "C = D", "N < C",
        "a label is 0", "no label is 0")
}  # fmt: skip
"""Properties for a loss of one score, which has targets and no classes."""

SIZES: dict[str, Callable[[Decomposition], float]] = {
    "N": lambda s: s.N,
    "C": lambda s: s.C,
    "D": lambda s: s.D,
    "a |score|": lambda s: float(np.max(np.abs(s.scores))),
    "a score": lambda s: float(np.max(s.scores)),
    "the spread of an example's scores": lambda s: float(np.max(np.ptp(s.scores, axis=1))),
}
"""Quantities that may have to lie above or below a bound."""
COUNTS = ("N", "C", "D")


def only_when(broken: Sequence[Decomposition], holding: Sequence[Decomposition], breaks: Callable[[Decomposition], bool]) -> str | None:
    """The condition in words; None if nothing separates the two. `breaks` judges another decomposition, to find a bound."""
    if not broken or not holding:
        return None
    left_out = OF_WEIGHTS if broken[0].form.is_apart else ("all scores are 0",)
    for words, holds in (PROPERTIES if broken[0].targets is None else OF_TARGETS).items():
        if words not in left_out and all(map(holds, broken)) and not any(map(holds, holding)):
            return words
    for words, size in ((words, size) for words, size in SIZES.items() if words not in left_out):
        least, most = min(map(size, broken)), max(map(size, holding))
        if least > most:
            return f"{words} > {_bound(words, broken, most, least, breaks)}"
    return next(
        (found for words in COUNTS if words not in left_out and (found := _number(words, broken, holding, breaks)) is not None), None
    )


def _number(
    words: str, broken: Sequence[Decomposition], holding: Sequence[Decomposition], breaks: Callable[[Decomposition], bool]
) -> str | None:
    """A condition that one number of examples, classes or features, or its multiples, breaks: further cases with this number, and with
    neighbouring ones, are judged.
    """
    size = SIZES[words]
    step = gcd(*(int(size(s)) for s in broken))
    base = min(broken, key=_entries)
    if step < 2 or not any(size(s) > step for s in holding):
        return None

    def asked(n: int) -> bool | None:
        decomposition = _of_size(words, base, n)
        return None if decomposition is None else breaks(decomposition)

    if any(size(s) == step for s in holding) or not asked(step) or asked(step - 1) or asked(step + 1):
        return None
    if any(size(s) % step == 0 for s in holding) or not asked(2 * step):
        return f"{words} = {step}" if all(size(s) == step for s in broken) and not asked(2 * step) else None
    if not asked(3 * step):
        return None
    return f"{words} is even" if step == 2 else f"{words} is a multiple of {step}"


def _bound(words: str, broken: Sequence[Decomposition], low: float, high: float, breaks: Callable[[Decomposition], bool]) -> str:
    """The greatest size that still holds, by bisection between one that holds and one that breaks. If the broken case breaks at that size,
    too, the other case held for another reason, such as a label: then the bound is searched below.
    """
    # Moved by its biases, a decomposition keeps the spread of its scores: a small one leaves the greatest alone to matter.
    base = min(broken, key=SIZES["the spread of an example's scores"] if "|score|" in words or words == "a score" else _entries)
    whole = words in COUNTS
    at_low = None if whole or low <= 0 else _of_size(words, base, low)
    if at_low is not None and breaks(at_low):
        low, high = 0.0, low
    for _ in range(STEPS):
        middle = float(np.floor((low + high) / 2)) if whole else (low + high) / 2
        decomposition = _of_size(words, base, middle)
        if middle <= low or middle >= high or decomposition is None:
            break
        if breaks(decomposition):
            high = min(high, middle if whole else SIZES[words](decomposition))
        else:
            low = max(low, middle if whole else SIZES[words](decomposition))
    return f"{low:.0f}" if whole else f"{low:.4g}"


def _entries(decomposition: Decomposition) -> int:
    return int(decomposition.N * decomposition.case.x.size)


STEPS = 12
"""Halvings: enough for every size of the reference cases, and for three digits of a score."""


def _of_size(words: str, base: Decomposition, size: float) -> Decomposition | None:
    case, dtype = base.case, base.case.dtype
    if words == "N":
        return Decomposition(base.oracle, reference_cases.of_size(case, int(size)))
    if words == "C" and base.oracle.objective.classes is not None:
        return None
    if words in ("C", "D"):
        C, D = (int(size), base.shape[1]) if words == "C" else (base.C, int(size))
        return Decomposition(base.oracle, adapted(reference_cases.drawn(case.seed, base.N, C, D, base.reg, dtype), base.oracle))
    if words == "the spread of an example's scores":
        return _scaled(base, size / SIZES[words](base))
    # Every score is moved, so that the greatest is `size`.
    return Decomposition(base.oracle, reference_cases.off(case, size - SIZES["a score"](base)))


def _scaled(base: Decomposition, factor: float) -> Decomposition:
    return Decomposition(base.oracle, base.case.at(np.asarray(base.case.x * base.case.x.dtype.type(factor))))
