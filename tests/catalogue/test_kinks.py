"""Kinks are met wherever a loss has any, also where only some labels do."""

from __future__ import annotations

from collections import Counter

import pytest

from verify.oracle import InstanceOracle
from verify.problem import Instance
from verify.problem.named import problem_named
from verify.trial import draw


@pytest.mark.parametrize("name", ["contrastive", "cosine_embedding", "pairwise_hinge", "margin_ranking", "multilabel_margin"])
def test_cases_lie_on_kinks(name):
    oracle = InstanceOracle(Instance(problem=problem_named(name)), "float64")
    assert Counter(case.family for case in draw(oracle, profile="quick", seed=0))["kink"]
