"""Code as a formula: what it computes is recorded while it runs, as a tape like any other formula's."""

from verify.traced.origin import Origin
from verify.traced.problem import Code, Gap, code_problem
from verify.traced.record import Record, recorded
from verify.traced.recorder import NotTraced
from verify.traced.swapped import uncompiled

__all__ = ["Code", "Gap", "NotTraced", "Origin", "Record", "code_problem", "recorded", "uncompiled"]
