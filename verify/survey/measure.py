"""All pictures of one candidate at one dtype, at fixed points drawn without Hypothesis: the same in every run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from verify.candidates import Misbehaviour
from verify.cases import Case
from verify.difference import direction
from verify.laws import Subject
from verify.laws.line import through
from verify.survey.kinks import kink_map
from verify.survey.landscape import plane, profile
from verify.survey.steps import curve, sweep

C, D, N = 3, 3, 4
"""Sizes of the point: three classes show every kind of switch, and more classes show no more."""

REG = 0.125


def survey(subject: Subject) -> dict[str, Any]:
    """The measurements by picture, without pictures for which the candidate gives no answer."""
    case = point(subject.oracle.dtype)
    line = through(subject, case, direction(0, case.x.shape, case.dtype))
    pictures: dict[str, Callable[[], Any]] = {
        "curve": lambda: curve(line),
        "kinks": lambda: kink_map(subject),
        "profile": lambda: profile(line),
        "plane": lambda: plane(line, direction(1, case.x.shape, case.dtype)),
        "sweep": lambda: sweep(line),
    }
    found = {}
    for name, measured in pictures.items():
        try:
            found[name] = measured()
        except Misbehaviour:
            continue
    return {name: f for name, f in found.items() if f is not None}


def point(dtype: str, seed: int = 0) -> Case:
    """A generic point with a column of ones."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(N, D))
    X[:, -1] = 1
    W = rng.normal(size=(C, D))
    return Case(values={"W": W.astype(dtype), "X": X.astype(dtype), "y": rng.integers(0, C, N), "reg": REG}, family="survey", seed=seed)
