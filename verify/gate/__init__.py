"""The gate: a policy and a baseline turn a report's document into passed or failed, each failure in a sentence."""

from verify.gate.baseline import Baseline
from verify.gate.policy import Policy
from verify.gate.rules import judged

__all__ = ["Baseline", "Policy", "judged"]
