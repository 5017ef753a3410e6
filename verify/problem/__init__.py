"""What is asked of a candidate, whatever its inputs are: named arrays with domains, and a sum over elements."""

from verify.problem.build import EVENT, PREDICTION, TARGET, TIME, fixed, problem_of, weighted
from verify.problem.described import described_problem
from verify.problem.problem import (
    KEPT_MEAN,
    MEAN,
    SUM,
    WEIGHTED_MEAN,
    WEIGHTS,
    Fixed,
    Input,
    Instance,
    Part,
    Problem,
    Stated,
    Values,
    is_mean,
    mean_by,
)
from verify.problem.small import of_bytes, small, sound

__all__ = [
    "EVENT",
    "KEPT_MEAN",
    "MEAN",
    "PREDICTION",
    "SUM",
    "TARGET",
    "TIME",
    "WEIGHTED_MEAN",
    "WEIGHTS",
    "Fixed",
    "Input",
    "Instance",
    "Part",
    "Problem",
    "Stated",
    "Values",
    "described_problem",
    "fixed",
    "is_mean",
    "mean_by",
    "of_bytes",
    "problem_of",
    "small",
    "sound",
    "weighted",
]
