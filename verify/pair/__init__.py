"""A loss and its gradient without a spec: judged by differences of the loss, with estimated errors where the spec gives bounds."""

from verify.pair.laws import why_not
from verify.pair.place import Start, case_of, point, start
from verify.pair.subject import Pair
from verify.pair.trial import run

__all__ = ["Pair", "Start", "case_of", "point", "run", "start", "why_not"]
