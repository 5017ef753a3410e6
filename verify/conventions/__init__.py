"""Inferring a candidate's conventions: the member of the spec's family that it claims to be (layout, reduction, penalty), and how it is
called.

Conventions that a user pins are read without importing the inference.
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
