"""Code as a formula: what it computes is recorded while it runs, as a tape like any other formula's."""

from verify.traced.problem import Code, Gap, code_problem
from verify.traced.record import Record, as_written, is_differentiated, recorded
from verify.traced.recorder import NotTraced

__all__ = ["Code", "Gap", "NotTraced", "Record", "as_written", "code_problem", "is_differentiated", "recorded"]
