"""The data of the pictures: a candidate and the truth along lines, in planes, on kinks and down its gradient.

Nothing is judged here. All figures are rounded to DIGITS significant digits, so that a document stays small.
"""

from verify.survey.measure import survey

__all__ = ["survey"]
