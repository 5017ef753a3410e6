"""What the bug is: the probable mistake behind a broken law, told with its entries."""

from verify.diagnosis.asked import NAMING
from verify.diagnosis.diagnosis import diagnose, is_lost
from verify.diagnosis.numbers import Numbers, of_inputs, of_numbers
from verify.diagnosis.words import Diagnosis

__all__ = ["NAMING", "Diagnosis", "Numbers", "diagnose", "is_lost", "of_inputs", "of_numbers"]
