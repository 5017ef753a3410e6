"""A candidate that does something else than answer, or answers with something else than numbers, is broken, and told what it does."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from verify import Verdict
from verify.api import judge_all
from verify.campaign.task import Request

FILE = Path(__file__).parents[1] / "misbehaving.py"
X86 = pytest.mark.skipif(sys.platform != "linux" or "x86" not in __import__("platform").machine(), reason="sets a register of x86")

DOES = {
    "writes_to_W": ("purity", "mutates-input", "changes its input W"),
    "writes_to_X": ("purity", "mutates-input", "changes its input X"),
    "writes_to_y": ("purity", "mutates-input", "changes its input y"),
    "hands_out_its_buffer": ("purity", "nondeterministic", "hands out its own buffer"),
    "remembers_the_array": ("purity", "nondeterministic", "by the identity of the array"),
    "draws": ("purity", "nondeterministic", "draws from numpy's global random numbers"),
    "seeds": ("purity", "nondeterministic", "draws from numpy's global random numbers"),
    "draws_from_python": ("purity", "nondeterministic", "draws from Python's global random numbers"),
    "sets_errors": ("purity", "nondeterministic", "changes np.seterr"),
    "flushes_to_zero": ("purity", "nondeterministic", "flushes subnormal results to zero"),
    "rounds_up": ("purity", "nondeterministic", "rounds in another direction"),
    "reads_in_memory_order": ("purity", "nondeterministic", "answers otherwise for"),
    "counts": ("consistency", "nondeterministic", "answers differently when it is asked the same again"),
    "one_row_too_few": ("gradient", "shape", "returned a gradient of shape (3, 4) for W of shape (4, 4)"),
    "flat": ("gradient", "shape", "returned a gradient of shape (16,)"),
    "losses_in_an_array": ("value", "shape", "returned a loss of type float64 and shape (3,)"),
    "none": ("value", "shape", "returned NoneType, not a pair"),
    "an_object": ("gradient", "dtype", "Odd"),
    "an_object_for_a_loss": ("value", "dtype", "Odd"),
    "of_objects": ("gradient", "dtype", "dtype object"),
    "complex_numbers": ("gradient", "dtype", "dtype complex128"),
    "text": ("gradient", "dtype", "dtype <U32"),
    "in_single_precision": ("purity", "dtype", "float32"),
    "in_whole_numbers": ("purity", "dtype", "int64"),
    "nan_loss": ("value", "value", "is nan"),
    "nan_gradient": ("gradient", "value", "is nan"),
}


@pytest.fixture(scope="module")
def outcomes():
    """One run over all of them, in one process each."""
    requests = [
        Request(candidate=f"{FILE}:{name}", loss="softmax_cross_entropy", profile="quick", laws=(law,)) for name, (law, *_) in DOES.items()
    ]
    return dict(zip(DOES, judge_all(requests).outcomes, strict=True))


@pytest.mark.parametrize("name", DOES)
def test_it_is_broken_with_a_code_and_a_witness(outcomes, name):
    _, code, message = DOES[name]
    result = outcomes[name].result
    assert (result.verdict, result.kind, result.diagnosis["code"]) == (Verdict.BROKEN, "behaviour", code)
    assert message in result.diagnosis["message"]
    assert result.witness is not None
