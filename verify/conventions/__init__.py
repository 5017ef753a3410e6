"""Finds out a candidate's conventions: which member of the spec's family it claims to be (layout, reduction, penalty), how it is called.

What a user pins is read without what finds out the rest.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from verify.conventions.pins import PINS, Conventions, Pins
from verify.conventions.probes import Probe
from verify.later import found_in

if TYPE_CHECKING:
    from verify.conventions.inference import find_out, find_out_inputs

__all__ = ["PINS", "Conventions", "Pins", "Probe", "find_out", "find_out_inputs"]

__getattr__ = found_in(__name__, dict.fromkeys(("find_out", "find_out_inputs"), "verify.conventions.inference"))
