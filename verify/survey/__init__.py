"""The data of the pictures: a candidate beside its truth along lines, in planes, on kinks and down its gradient.

Nothing here is judged: laws do that. All figures are rounded to DIGITS significant digits, so that a document stays small.
"""

from verify.survey.measure import survey

__all__ = ["survey"]
