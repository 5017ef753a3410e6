"""Cases: Hypothesis strategies that build valid cases instead of filtering. Importing a case itself loads no strategy."""

from __future__ import annotations

from typing import TYPE_CHECKING

from verify.cases.case import Case
from verify.later import found_in

if TYPE_CHECKING:
    from verify.cases.kinks import has_kinks
    from verify.cases.mixture import families

__all__ = ["Case", "families", "has_kinks"]

__getattr__ = found_in(__name__, {"families": "verify.cases.mixture", "has_kinks": "verify.cases.kinks"})
