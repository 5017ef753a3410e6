"""Mistakes in a loss of one score: another target, another function of the score, weights.

There are no classes: the role of the label's part is played by the difference between the slope and that at a target of 0.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from verify.cases.kinks import has_kinks
from verify.diagnosis.change import Added, Change, Mutation, with_sentences
from verify.diagnosis.decomposition import Decomposition, Floats, Labels
from verify.diagnosis.omissions import OF_A_TARGET, example
from verify.diagnosis.parts import added
from verify.diagnosis.slopes import NEXT_LABEL, leak, smoothed
from verify.diagnosis.vocabulary import Vocabulary
from verify.diagnosis.wording import Coefficient, Message
from verify.spec.margins import MARGINS
from verify.terms import Reference

OTHER_TARGETS: dict[str, Callable[[float], float]] = {
    "1 − t": lambda t: 1 - t,
    "−t": lambda t: -t,
    "2t − 1": lambda t: 2 * t - 1,
    "(t + 1)/2": lambda t: (t + 1) / 2,
    "sign(t)": lambda t: float(np.sign(t)),
    "|t|": abs,
    "t − 1": lambda t: t - 1,
    "t + 1": lambda t: t + 1,
    "t²": lambda t: t * t,
    "1": lambda _: 1.0,
    "−1": lambda _: -1.0,
}
"""Targets 0 and 1 used as −1 and 1, the other way round, and the like."""

OTHER_EXAMPLES: dict[str, Callable[[Labels], Labels]] = {
    "the next example's target": lambda y: np.roll(y, -1),
    "the previous example's target": lambda y: np.roll(y, 1),
    "the targets in reverse order": lambda y: y[::-1],
    "the first example's target": lambda y: np.full_like(y, y[0]),
}


def _target(_: Vocabulary, change: Change, c: Coefficient) -> Message:
    return Message("label-term", f"the gradient is that of another target than the loss's: it takes {change.how} for the target t")


@with_sentences({"target": _target, "smoothed": smoothed})
def _targets(decomposition: Decomposition) -> Added:
    for how, change in OTHER_TARGETS.items():
        other = decomposition.with_targets(change)
        if other is not None:
            yield Change("target", "data", how), other.data - decomposition.data
    known = decomposition.oracle.objective.loss.targets or ()
    if len(known) == 2:
        yield Change("smoothed", "target", free=True), decomposition.relabelled(1 - decomposition.y) - decomposition.data
    for how, order in OTHER_EXAMPLES.items():
        yield Change("target", "data", how), decomposition.relabelled(order(decomposition.y)) - decomposition.data


@with_sentences({"example": example})
def _by_target(decomposition: Decomposition) -> Added:
    for k, t in enumerate((decomposition.oracle.objective.loss.targets or ())[:MOST_TARGETS]):
        yield (
            Change("example", OF_A_TARGET, f"every example with target {t:g}", free=True),
            decomposition.sum_of(decomposition.all_slopes * (decomposition.y == k)[:, None]),
        )


def _mutated_target(reference: Reference) -> Iterator[Mutation]:
    if reference.label_matters:
        yield Mutation(NEXT_LABEL, "label", Change("target", "data", NEXT_TARGET))


@with_sentences({"target": _target}, _mutated_target)
def _next_target(decomposition: Decomposition) -> Added:
    """The next target of the spec in place of the right one."""
    following = (decomposition.y + 1) % len(decomposition.oracle.objective.loss.targets or (0,))
    yield Change("target", "data", NEXT_TARGET), decomposition.relabelled(following) - decomposition.data


NEXT_TARGET = "the next of the possible targets"
MOST_TARGETS = 8
"""For a loss with many targets the first ones represent the rest."""


def _sigmoid(s: Floats) -> Floats:
    return np.asarray(1 / (1 + np.exp(-s)))


FUNCTIONS: dict[str, Callable[[Floats], Floats]] = {
    "s": lambda s: s,
    "σ(s)": _sigmoid,
    "exp(s)": np.exp,
    "tanh(s)": np.tanh,
    "[s > 0]": lambda s: (s > 0).astype(np.float64),
    "sign(s)": np.sign,
    "σ(−s)": lambda s: _sigmoid(-s),
    "σ(2s)": lambda s: _sigmoid(2 * s),
    "σ(s/2)": lambda s: _sigmoid(s / 2),
    "1/2": lambda s: np.full_like(s, 0.5),
    "log σ(s)": lambda s: -np.log1p(np.exp(-s)),
    "log(1 + exp s)": lambda s: np.log1p(np.exp(s)),
    "σ(s)(1 − σ(s))": lambda s: _sigmoid(s) * _sigmoid(-s),
    "σ(s)²": lambda s: _sigmoid(s) ** 2,
    "σ(σ(s))": lambda s: _sigmoid(_sigmoid(s)),
    "exp(−s)": lambda s: np.exp(-s),
}
"""Functions that people apply to the score, or forget to apply."""


SECOND = "the second derivative"


def _slope(_: Vocabulary, change: Change, c: Coefficient) -> Message:
    if change.how == SECOND:
        return Message("term-extra", f"{SECOND} stands in place of the first: gradient and Hessian are mixed up")
    return Message("scaled" if change.how == UNNORMALISED else "term-extra", f"in place of the slope ∂ℓ/∂s stands {change.how}")


UNNORMALISED = "exp(s) − t"


@with_sentences({"slope": _slope})
def _functions(decomposition: Decomposition) -> Added:
    """Another function f of the score in f(s) − t, and in −t·f(−t·s)."""
    s, t, slopes = decomposition.scores, _column(decomposition), decomposition.all_slopes
    for how, f in FUNCTIONS.items():
        yield Change("slope", "data", f"{how} − t"), decomposition.sum_of(f(s) - t - slopes)
        if np.all(np.abs(t) == 1):
            yield Change("slope", "data", f"−t·{how.replace('s', 'z')}, z = −t·s"), decomposition.sum_of(-t * f(-t * s) - slopes)
    second = decomposition.curvature
    if second is not None:
        yield Change("slope", "data", SECOND), decomposition.sum_of(second - slopes)


CURVED = "left out where the second derivative is 0"


def weighted(v: Vocabulary, change: Change, _: Coefficient) -> Message:
    """The message on slopes that are multiplied by a weight, or passed through a function."""
    if change.how == "multiplied by the target" and {abs(t) for t in v.oracle.objective.loss.targets or ()} == {1}:
        return Message("label-term", "the factor t of the target is missing in the slope, as if every target were 1")
    return Message("term-missing" if change.how == CURVED else "scaled", f"the slope ∂ℓ/∂s of each example is {change.how}")


@with_sentences({"weighted": weighted, "extra": added})
def _weighted(decomposition: Decomposition) -> Added:
    """The right slope ∂ℓ/∂s times a weight, or passed through a function."""
    s, t, slopes = decomposition.scores, _column(decomposition), decomposition.all_slopes
    found = {
        "multiplied by its own absolute value": slopes * np.abs(slopes),
        "squared": slopes * slopes,
        "taken as an absolute value": np.abs(slopes),
        "multiplied by the score": slopes * s,
        "multiplied by the target": slopes * t,
        "multiplied by σ(s)": slopes * _sigmoid(s),
        "multiplied by σ(s)(1 − σ(s)), the slope of the sigmoid": slopes * _sigmoid(s) * _sigmoid(-s),
        "divided by σ(s)(1 − σ(s))": slopes / (_sigmoid(s) * _sigmoid(-s)),
        "clipped to [−1, 1]": np.clip(slopes, -1, 1),
        "divided by the number of examples with a slope, where N is due": slopes * decomposition.N / max(int(np.count_nonzero(slopes)), 1),
    }
    second = decomposition.curvature
    if second is not None:
        found |= {CURVED: slopes * (second != 0)}
        found |= {"multiplied by the second derivative": slopes * second, "divided by the second derivative": slopes / second}
    for how, dS in found.items():
        yield Change("weighted", "data", how), decomposition.sum_of(dS - slopes)
    times = "" if decomposition.form.is_apart else "times the features"
    yield Change("extra", "signs of the slopes", times, free=True), decomposition.sum_of(np.sign(slopes))
    yield Change("extra", "targets", times, free=True), decomposition.sum_of(t)


@with_sentences({"weighted": weighted})
def _rectified(decomposition: Decomposition) -> Added:
    """Slopes of one sign set to 0: if the sign is that of the target, as in classification, the examples of that target are left out."""
    slopes = decomposition.all_slopes
    for how, dS in (("negative", np.maximum(slopes, 0)), ("positive", np.minimum(slopes, 0))):
        yield Change("weighted", "data", f"set to 0 where it is {how}"), decomposition.sum_of(dS - slopes)


def _margin(_: Vocabulary, change: Change, c: Coefficient) -> Message:
    if change.how == "always on":
        return Message("margin", "the switch counts as on, whatever its sign: max(0, a) is taken for a")
    if change.how == "uncapped":
        return Message("margin", "what is cut off above counts as if it were not: min(c, a) is taken for a")
    how = "missing" if change.how == "0" else change.how
    return Message("margin", f"the margin's constant is {how} in the gradient, such as the 1 of max(0, 1 − t·s)")


@with_sentences({"margin": _margin, "leak": leak})
def _margins(decomposition: Decomposition) -> Added:
    """Another constant in a switch, such as the 1 of max(0, 1 − t·s), in the gradient only; or no switch at all."""
    for how in MARGINS if has_kinks(decomposition.oracle) else ():
        other = decomposition.with_margin(how)
        if other is not None:
            yield Change("margin", "data", how), other.data - decomposition.data
            if how == "always on":
                yield Change("leak", "data", free=True), other.data - decomposition.data


def _column(decomposition: Decomposition) -> Floats:
    assert decomposition.targets is not None
    return decomposition.targets[:, None]


OF_ONE_SCORE = (_targets, _margins, _functions, _weighted, _by_target, _rectified, _next_target)
