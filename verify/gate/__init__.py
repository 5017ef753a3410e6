"""The gate: a policy and a baseline turn a report's document into passed or failed, with a sentence for each failure."""

from verify.gate.baseline import Baseline
from verify.gate.policy import Policy
from verify.gate.rules import judged

__all__ = ["Baseline", "Policy", "judged"]
