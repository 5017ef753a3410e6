"""Mistakes that any gradient may have, as columns: what each adds to the right one."""

from verify.mistakes.lines import Lines, Site, Slip, derivative_told, multiple, told, told_place
from verify.mistakes.paths import FACTORS, likelier, paths

__all__ = ["FACTORS", "Lines", "Site", "Slip", "derivative_told", "likelier", "multiple", "paths", "told", "told_place"]
