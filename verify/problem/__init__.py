"""What is asked of a candidate, whatever its inputs are: named arrays with domains, and a sum over elements."""

from verify.problem.build import EVENT, PREDICTION, TARGET, TIME, fixed, input_of, problem_of, weighted
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
    Kept,
    Part,
    Problem,
    Recording,
    Stated,
    Values,
    is_mean,
    mean_by,
)
from verify.problem.relations import Equation, check_relations, equations
from verify.problem.small import different, of_bytes, small, sound

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
    "Equation",
    "Fixed",
    "Input",
    "Instance",
    "Kept",
    "Part",
    "Problem",
    "Recording",
    "Stated",
    "Values",
    "check_relations",
    "described_problem",
    "different",
    "equations",
    "fixed",
    "input_of",
    "is_mean",
    "mean_by",
    "of_bytes",
    "problem_of",
    "small",
    "sound",
    "weighted",
]
