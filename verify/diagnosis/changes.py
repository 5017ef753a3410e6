"""The catalogue of mistakes in a gradient: each with the matrix, one row per class, that it adds to the true gradient of a case."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

import numpy as np

from verify.diagnosis import omissions, parts, penalties, probabilities, slopes, targets, transformations
from verify.diagnosis.change import Change, DesignMatrix, Mistakes
from verify.diagnosis.decomposition import Decomposition, Floats
from verify.form import LINEAR, SCORES, Form

Catalogue = tuple[Mistakes, ...]


@lru_cache(maxsize=128)
def changes(decomposition: Decomposition) -> DesignMatrix:
    """Every change, in the same order for every decomposition of one objective."""
    found: dict[Change, Floats] = {}
    with np.errstate(all="ignore"):  # a change that is not finite explains nothing
        for mistakes in _catalogue(decomposition):
            found |= dict(mistakes.columns(decomposition))
    return DesignMatrix.of(found)


@lru_cache(maxsize=1024)
def few(decomposition: Decomposition, names: tuple[Change, ...]) -> DesignMatrix:
    """The design matrix of these changes only, taken from another decomposition."""
    found: dict[Change, Floats] = dict.fromkeys(names, np.zeros(decomposition.shape))
    kinds = {name.kind for name in names}
    with np.errstate(all="ignore"):
        for mistakes in _catalogue(decomposition):
            if kinds & mistakes.sentences.keys():
                found |= {name: matrix for name, matrix in mistakes.columns(decomposition) if name in found}
    return DesignMatrix.of(found)


def _catalogue(decomposition: Decomposition) -> Catalogue:
    return CATALOGUES[decomposition.form, decomposition.targets is not None]


OF_CLASSES: Catalogue = (
    parts.parts,
    parts.roles,
    omissions.entries,
    parts.reduced,
    parts.reduced_roles,
    penalties.penalised,
    slopes.labelled,
    slopes.shifted,
    slopes.activity,
    omissions.classes,
    omissions.columns,
    omissions.examples,
    transformations.permuted,
    transformations.transposed,
    probabilities.replaced,
    probabilities.weighted,
    transformations.transformed,
    transformations.featured,
    parts.constants,
    parts.features,
    slopes.own_labels,
)
"""The likeliest first: of explanations that coincide on every decomposition the first is reported."""
OF_WEIGHTS: Catalogue = (
    parts.parts,
    parts.reduced,
    parts.reduced_roles,
    penalties.penalised,
    *targets.OF_ONE_SCORE,
    slopes.shifted,
    slopes.activity,
    omissions.examples,
    omissions.entries,
    omissions.columns,
    transformations.permuted,
    transformations.transformed,
    transformations.featured,
    parts.constants,
    parts.features,
    parts.roles,
)
"""For a loss of one score, as a function of weights."""

INSTEAD: dict[Mistakes, Catalogue] = {
    penalties.penalised: (),
    omissions.columns: (),
    transformations.featured: (transformations.summed,),
    parts.features: (parts.scores,),
}
"""Replacements, for functions of scores, of mistakes in weights and features."""
ALONE: dict[Mistakes, Catalogue] = {**INSTEAD, omissions.entries: ()}
"""Replacements for functions of one score, where an entry is an example."""


def _replaced(catalogue: Catalogue, instead: Mapping[Mistakes, Catalogue]) -> Catalogue:
    return tuple(mistakes for old in catalogue for mistakes in instead.get(old, (old,)))


CATALOGUES: dict[tuple[Form, bool], Catalogue] = {
    (LINEAR, False): OF_CLASSES,
    (LINEAR, True): OF_WEIGHTS,
    (SCORES, False): _replaced(OF_CLASSES, INSTEAD),
    (SCORES, True): _replaced(OF_WEIGHTS, ALONE),
}
"""By the form of the objective, and whether an example has one score."""
