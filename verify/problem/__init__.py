"""What is asked of a candidate, whatever its inputs are: named arrays with domains, and a sum over elements."""

from verify.problem.build import EVENT, PREDICTION, TARGET, TIME, problem_of, weighted
from verify.problem.described import described_problem
from verify.problem.problem import KEPT_MEAN, MEAN, SUM, WEIGHTS, Input, Instance, Part, Problem, Stated, Values
from verify.problem.relations import Equation, check_relations, equations
from verify.problem.small import of_bytes, small, sound

__all__ = [
    "EVENT",
    "KEPT_MEAN",
    "MEAN",
    "PREDICTION",
    "SUM",
    "TARGET",
    "TIME",
    "WEIGHTS",
    "Equation",
    "Input",
    "Instance",
    "Part",
    "Problem",
    "Stated",
    "Values",
    "check_relations",
    "described_problem",
    "equations",
    "of_bytes",
    "problem_of",
    "small",
    "sound",
    "weighted",
]
