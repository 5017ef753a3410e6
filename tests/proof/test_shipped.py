"""What ships is proved: the rows of the core's kernels, and the right examples."""

from __future__ import annotations

from pathlib import Path

import pytest
from proof.kernels import rows_of

import verify
from verify.core import multiclass_hinge, softmax_cross_entropy
from verify.source import load_file

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.mark.parametrize("kernel", [multiclass_hinge, softmax_cross_entropy], ids=lambda m: m.__name__.rpartition(".")[2])
def test_rows_of_the_core_are_proved(kernel, monkeypatch):
    assert verify.prove(rows_of(kernel, monkeypatch), limit=60).status == "proved"


def test_right_examples_are_proved():
    course, pair = (load_file(EXAMPLES / f"{name}.py") for name in ("course_svm", "scipy_pair"))
    for f in (course.svm_loss_naive, course.svm_loss_vectorized):
        assert verify.prove(f, limit=60).status == "proved"
    assert verify.prove(verify.Candidate(loss=pair.loss, grad=pair.grad), at=pair.START, limit=60).status == "proved"
    assert verify.prove(verify.Candidate(loss=pair.loss, grad=pair.wrong), at=pair.START, limit=60).status == "refuted"
