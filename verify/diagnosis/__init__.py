"""What the bug is: the probable mistake behind a broken law, told with its entries."""

from verify.diagnosis.diagnosis import Diagnosis, diagnose, of_gradient

__all__ = ["Diagnosis", "diagnose", "of_gradient"]
