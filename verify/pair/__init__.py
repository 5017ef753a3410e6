"""A loss and its gradient without a spec: judged by differences of the loss, with estimated errors where the spec gives bounds."""

from verify.pair.laws import why_not
from verify.pair.place import Start, case_of, point, start
from verify.pair.recorded import Recorded
from verify.pair.subject import Pair
from verify.pair.trial import Estimated

__all__ = ["Estimated", "Pair", "Recorded", "Start", "case_of", "point", "start", "why_not"]
