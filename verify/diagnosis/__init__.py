"""Diagnosis: the probable mistake behind a broken law, with its entries. Nothing of it is loaded before a law is broken."""

from __future__ import annotations

from typing import TYPE_CHECKING

from verify.later import found_in

if TYPE_CHECKING:
    from verify.diagnosis.diagnosis import diagnose, is_lost, unnamed
    from verify.diagnosis.numbers import Numbers, of_inputs, of_numbers
    from verify.diagnosis.wording import Diagnosis

__all__ = ["Diagnosis", "Numbers", "diagnose", "is_lost", "of_inputs", "of_numbers", "unnamed"]

__getattr__ = found_in(
    __name__,
    {"Diagnosis": "verify.diagnosis.wording"}
    | dict.fromkeys(("diagnose", "is_lost", "unnamed"), "verify.diagnosis.diagnosis")
    | dict.fromkeys(("Numbers", "of_inputs", "of_numbers"), "verify.diagnosis.numbers"),
)
