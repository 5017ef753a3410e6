"""Code as a formula: its computation is recorded while it runs, as a tape like any other formula's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from verify.later import found_in
from verify.traced.recorder import NotTraced

if TYPE_CHECKING:
    from verify.traced.instability import Origin
    from verify.traced.patching import uncompiled
    from verify.traced.problem import Code, Gap, code_problem
    from verify.traced.record import Record, recorded

__all__ = ["Code", "Gap", "NotTraced", "Origin", "Record", "code_problem", "recorded", "uncompiled"]

__getattr__ = found_in(
    __name__,
    {"Origin": "verify.traced.instability", "uncompiled": "verify.traced.patching"}
    | dict.fromkeys(("Code", "Gap", "code_problem"), "verify.traced.problem")
    | dict.fromkeys(("Record", "recorded"), "verify.traced.record"),
)
