"""Mistakes that any gradient may have, as columns: what each adds to the right one."""

from verify.mistakes.lines import (
    Lines,
    Site,
    Slip,
    derivative_in_words,
    in_words,
    line_in_words,
    multiple,
    operand_in_words,
    place_in_words,
)
from verify.mistakes.paths import FACTORS, likelier, paths

__all__ = [
    "FACTORS",
    "Lines",
    "Site",
    "Slip",
    "derivative_in_words",
    "in_words",
    "likelier",
    "line_in_words",
    "multiple",
    "operand_in_words",
    "paths",
    "place_in_words",
]
