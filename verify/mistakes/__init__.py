"""Mistakes that any gradient may have, as columns: what each adds to the right one."""

from verify.mistakes.paths import FACTORS, likelier, paths

__all__ = ["FACTORS", "likelier", "paths"]
