"""What ships is proved: the rows of the core's kernels, and the right examples."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import verify
from verify.core import multiclass_hinge, softmax_cross_entropy
from verify.source import load_file

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.mark.parametrize("kernel", [multiclass_hinge, softmax_cross_entropy], ids=lambda m: m.__name__.rpartition(".")[2])
def test_rows_of_the_core_are_proved(kernel, monkeypatch):
    """The Python code of each row, which numba compiles; `exp` and `log` of math are numpy's here."""
    for name in ("exp", "log"):
        if hasattr(kernel, name):
            monkeypatch.setattr(kernel, name, getattr(np, name))
    if hasattr(kernel, "_greatest"):
        monkeypatch.setattr(kernel, "_greatest", kernel._greatest.py_func)

    def scores(s, y):
        ds, loss = np.zeros_like(s), 0.0
        for k in range(len(y)):
            loss = loss + kernel.row.py_func(s[k], y[k], 1.0, ds[k])
        return loss, ds

    assert verify.prove(scores, limit=60).status == "proved"


def test_right_examples_are_proved():
    course, pair = (load_file(EXAMPLES / f"{name}.py") for name in ("course_svm", "scipy_pair"))
    for f in (course.svm_loss_naive, course.svm_loss_vectorized):
        assert verify.prove(f, limit=60).status == "proved"
    assert verify.prove(verify.Candidate(loss=pair.loss, grad=pair.grad), at=pair.START, limit=60).status == "proved"
    assert verify.prove(verify.Candidate(loss=pair.loss, grad=pair.wrong), at=pair.START, limit=60).status == "refuted"
