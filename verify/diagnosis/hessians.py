"""The catalogue of mistakes in a Hessian's diagonal, each with the array (N, C) that it adds to the true one."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

import numpy as np

from verify.diagnosis.change import Added, Change, DesignMatrix, Mutation, with_sentences
from verify.diagnosis.decomposition import Decomposition, Floats
from verify.diagnosis.vocabulary import Vocabulary
from verify.diagnosis.wording import Coefficient, Message, multiple, number, put, times
from verify.terms import Reference


@lru_cache(maxsize=128)
def changes(decomposition: Decomposition) -> DesignMatrix:
    """Every change; none on a kink."""
    if decomposition.curvature is None:
        return DesignMatrix((), np.zeros((0, decomposition.N * decomposition.C)))
    with np.errstate(all="ignore"):
        return DesignMatrix.of({change: matrix for mistakes in CATALOGUE for change, matrix in mistakes.columns(decomposition)})


def _hessian(_: Vocabulary, change: Change, c: Coefficient) -> Message:
    sentences = {
        "counted": _counted(1 + c),
        "example": f"the Hessian of {change.how} is 0" if c == -1 else f"the Hessian is {times(1 + c)} what it must be for {change.how}",
        "added": put(c, change.how, "the Hessian"),
        "made": f"the Hessian is {change.how}",
        "instead": f"in place of the Hessian stands {change.how}",
    }
    return Message("curvature", sentences[change.part])


def alone(put: Change, c: Coefficient) -> str:
    """The added term, c times, where it stands alone."""
    return f"the constant {number(c)}" if put == CONSTANT else multiple(c, put.how)


def _counted(factor: Coefficient) -> str:
    if factor in (0, -1):
        return "the Hessian is 0" if factor == 0 else "the Hessian has the wrong sign"
    meant = "; an approximation that is meant is declared, by --hessian approximate" if factor > 1 else ""
    return f"the Hessian is {times(factor)} what it must be{meant}"


COUNTED, CONSTANT = Change("hessian", "counted", free=True), Change("hessian", "added", "a constant", free=True)


def _mutated(reference: Reference) -> Iterator[Mutation]:
    yield Mutation("a constant for the Hessian", "hessian", CONSTANT, 1.5, instead_of=COUNTED)  # 1 is the Hessian of the squared error
    for what in ("the gradient", "the gradient's square"):
        yield Mutation(f"{what} for the Hessian", "hessian", Change("hessian", "instead", what))
    if not reference.oracle.piecewise_linear:  # there is something to count
        for how, often in {"left out": -1.0, "doubled": 1.0, "with the wrong sign": -2.0}.items():
            yield Mutation(f"the Hessian {how}", "hessian", COUNTED, often)


@with_sentences({"hessian": _hessian}, _mutated)
def _diagonals(decomposition: Decomposition) -> Added:
    if decomposition.curvature is None:
        return
    H: Floats = decomposition.share * decomposition.curvature
    N, g = decomposition.N, decomposition.share * decomposition.all_slopes
    yield COUNTED, H
    for how, other in (
        ("multiplied by N", H * N),
        ("divided by N", H / N),
        ("squared", H * H),
        ("taken as its square root", np.sqrt(np.abs(H))),
    ):
        yield Change("hessian", "made", how), other - H
    for how, other in (
        ("the gradient", g),
        ("the gradient's absolute value", np.abs(g)),
        ("the gradient's square", g * g),
        ("g (1 − g) of the gradient g", g * (1 - g)),
        ("the probabilities p", _probabilities(decomposition)),
        ("1 − p", decomposition.share - _probabilities(decomposition)),
        ("p²", _probabilities(decomposition) ** 2 / decomposition.share),
    ):
        yield Change("hessian", "instead", how), other - H
    yield CONSTANT, np.ones(H.shape)
    yield Change("hessian", "added", "the gradient", free=True), g
    yield Change("hessian", "example", "the first example", free=True), H * (np.arange(N) == 0)[:, None]
    yield Change("hessian", "example", "the last example", free=True), H * (np.arange(N) == N - 1)[:, None]


CATALOGUE = (_diagonals,)


def _probabilities(decomposition: Decomposition) -> Floats:
    """The probabilities of softmax, or of the sigmoid for one score."""
    S = decomposition.scores if decomposition.targets is None else np.hstack([decomposition.scores, np.zeros((decomposition.N, 1))])
    E = np.exp(S - S.max(axis=1, keepdims=True))
    return np.asarray(decomposition.share * (E / E.sum(axis=1, keepdims=True))[:, : decomposition.C])
