"""A loss and its gradient without a spec: judged by differences of the loss, with estimated errors in place of the spec's bounds."""

from verify.pair.laws import why_not
from verify.pair.place import Start, case_of
from verify.pair.recorded import WEAKER, RecordedPair
from verify.pair.subject import Pair
from verify.pair.trial import Estimated

__all__ = ["WEAKER", "Estimated", "Pair", "RecordedPair", "Start", "case_of", "why_not"]
