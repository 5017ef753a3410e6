"""Mistakes that may occur in any gradient, as columns: what each adds to the right gradient."""

from verify.mistakes.axes import CUT, DUE, Kind, Summation
from verify.mistakes.edges import AGAINST
from verify.mistakes.lines import NEUTRAL, Lines
from verify.mistakes.messages import (
    derivative_in_words,
    in_words,
    is_mean,
    line_in_words,
    multiple,
    operand_in_words,
    place_in_words,
    product_in_words,
)
from verify.mistakes.paths import FACTORS, likelier, paths
from verify.mistakes.slips import Site, Slip

__all__ = [
    "AGAINST",
    "CUT",
    "DUE",
    "FACTORS",
    "NEUTRAL",
    "Kind",
    "Lines",
    "Site",
    "Slip",
    "Summation",
    "derivative_in_words",
    "in_words",
    "is_mean",
    "likelier",
    "line_in_words",
    "multiple",
    "operand_in_words",
    "paths",
    "place_in_words",
    "product_in_words",
]
