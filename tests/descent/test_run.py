"""Runs: budgets, rows, histories, checkpoints, and the ordering of the methods on the digits."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import asdict
from math import isclose

import numpy as np
import pytest

from verify.descent.history import load
from verify.descent.methods import prepare
from verify.descent.names import SETTINGS
from verify.descent.problem import Split, TrainingProblem, digits_split
from verify.descent.run import descend
from verify.errors import UsageError


@pytest.fixture(scope="module")
def problem():
    return TrainingProblem(split=digits_split().first(150))


def run(problem, name, *, evaluations=6, seed=0, before=None, **settings):
    return descend(problem, prepare(problem, name, seed=seed, **settings), evaluations=evaluations, before=before)


def hinge(W, X, y, reg):
    """The loss in plain numpy, to compare with the core's."""
    M = X @ W.T
    M = np.maximum(0, M - M[np.arange(len(y)), y][:, None] + 1)
    M[np.arange(len(y)), y] = 0
    return M.sum() / len(y) + reg * (W * W).sum()


@pytest.mark.parametrize("name", SETTINGS)
def test_a_run_tells_what_is_so(problem, name):
    history = run(problem, name)
    last, split = history.rows[-1], problem.split
    assert last.evaluations == 6
    assert last.iteration == 6 * {"minibatch": 3, "sgd": 150}.get(name, 1)
    assert isclose(hinge(history.state.best_at, split.X, split.y, problem.reg), last.best, rel_tol=1e-12)
    assert last.test_accuracy == np.mean((split.X_test @ history.state.best_at.T).argmax(1) == split.y_test)
    bests = [r.best for r in history.rows]
    assert bests == sorted(bests, reverse=True)
    assert [r.evaluations for r in history.rows] == sorted(r.evaluations for r in history.rows)


@pytest.mark.parametrize("name", SETTINGS)
def test_a_run_that_goes_on_is_the_run_that_never_stopped(problem, name, tmp_path):
    whole = run(problem, name, evaluations=6, seed=3)
    (tmp_path / "kept.npz").write_bytes(run(problem, name, evaluations=2, seed=3).checkpoint())
    resumed = run(problem, name, evaluations=6, seed=3, before=load(tmp_path / "kept.npz"))
    assert resumed.rows == whole.rows
    assert resumed.to_dict() == whole.to_dict()
    assert resumed.state.W.tobytes() == whole.state.W.tobytes()
    assert resumed.state.best_at.tobytes() == whole.state.best_at.tobytes()


@pytest.mark.parametrize("name", ["gradient", "minibatch"])
@pytest.mark.parametrize("budgets", [(3, 4), (7, 31), (10, 100)])
def test_long_runs_that_go_on_keep_the_rows_of_those_that_never_stopped(problem, name, budgets, monkeypatch):
    monkeypatch.setattr("verify.descent.run.MOST_ROWS", 4)
    short, long = budgets
    before = run(problem, name, evaluations=short)
    assert before.rows[-1].evaluations == short  # the last step has its row, even where every second has none
    resumed, whole = (run(problem, name, evaluations=long, before=start) for start in (before, None))
    assert resumed.rows == whole.rows
    assert len(whole.rows) <= 2 * 4 + 1
    assert resumed.state.W.tobytes() == whole.state.W.tobytes()


@pytest.mark.parametrize("name", SETTINGS)
def test_the_seed_decides(problem, name):
    assert run(problem, name, seed=1).rows == run(problem, name, seed=1).rows
    assert run(problem, name, seed=1).rows != run(problem, name, seed=2).rows


def test_the_documents_hold_the_rows(problem):
    history = run(problem, "minibatch")
    assert json.loads(json.dumps(history.to_dict(), allow_nan=False))["rows"] == [asdict(r) for r in history.rows]
    read = list(csv.DictReader(io.StringIO(history.to_csv())))
    assert [{k: float(v) for k, v in row.items()} for row in read] == [asdict(r) for r in history.rows]


def test_long_runs_keep_a_row_now_and_then(problem):
    history = run(problem, "sgd", evaluations=20)  # 3,000 steps
    assert 1_000 < len(history.rows) <= 2_020
    assert history.rows[-1].iteration == 3_000


def test_the_ordering_of_the_methods_on_the_digits():
    problem = TrainingProblem(split=digits_split())
    at = {name: run(problem, name, evaluations=300).rows[-1] for name in ("random-search", "local-search", "gradient")}
    at["minibatch"] = run(problem, "minibatch", evaluations=20).rows[-1]
    at["sgd"] = run(problem, "sgd", evaluations=5).rows[-1]
    accuracy = {name: row.test_accuracy for name, row in at.items()}
    assert 0.10 < accuracy["random-search"] < 0.30
    assert accuracy["random-search"] + 0.2 < accuracy["local-search"] < 0.8
    assert min(accuracy[name] for name in ("gradient", "minibatch", "sgd")) > 0.9
    assert at["gradient"].best < at["local-search"].best < at["random-search"].best


def test_the_split_is_one_of_the_digits():
    split = digits_split()
    assert (split.X.shape, split.X_test.shape) == ((1347, 65), (450, 65))
    assert np.all(split.X[:, -1] == 1)
    rows = {x.tobytes() for x in np.vstack([split.X, split.X_test])}
    assert len(rows) == len({x.tobytes() for x in split.X}) + len({x.tobytes() for x in split.X_test})
    assert 0 <= split.X.min() < split.X.max() == 1


def test_float32_stays_float32():
    split = digits_split().first(60)
    small = Split(name="small", X=split.X.astype(np.float32), y=split.y, X_test=split.X_test.astype(np.float32), y_test=split.y_test)
    for name in SETTINGS:
        assert run(TrainingProblem(split=small), name, evaluations=2).state.W.dtype == np.float32


WRONG = {
    "an unknown method": (lambda p: prepare(p, "gradeint", seed=0), "Did you mean 'gradient'?"),
    "a setting of another": (lambda p: prepare(p, "gradient", seed=0, batch=3), "gradient has no batch. It takes: step."),
    "no step": (lambda p: prepare(p, "gradient", seed=0, step=0.0), "step is 0.0; give a finite number greater than 0."),
    "a step back": (lambda p: prepare(p, "gradient", seed=0, step=-1.0), "step is -1.0; give a finite number greater than 0."),
    "a step that is no number": (lambda p: prepare(p, "sgd", seed=0, step=float("nan")), "step is nan"),
    "a batch too large": (lambda p: prepare(p, "minibatch", seed=0, batch=151), "give a whole number from 1 to 150"),
    "half a batch": (lambda p: prepare(p, "minibatch", seed=0, batch=1.5), "batch is 1.5"),
    "no evaluations": (lambda p: run(p, "sgd", evaluations=0), "evaluations is 0"),
    "an unknown loss": (lambda p: TrainingProblem(split=p.split, loss="hinge"), "Did you mean 'multiclass_hinge'?"),
    "a negative penalty": (lambda p: TrainingProblem(split=p.split, reg=-1.0), "reg is -1.0"),
    "too many examples": (lambda p: p.split.first(151), "examples is 151; give a whole number from 1 to 150"),
    "a step that leaves the floats": (lambda p: run(p, "gradient", step=1e300), "Give a smaller --step; 1/L is 0."),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_use_is_told(problem, case):
    call, message = WRONG[case]
    with pytest.raises(UsageError) as caught:
        call(problem)
    assert message in str(caught.value)


def test_a_file_that_is_no_checkpoint_is_told(tmp_path):
    (tmp_path / "x.npz").write_bytes(b"no archive")
    np.savez(tmp_path / "y.npz", W=np.zeros(3))
    for name in ("x.npz", "y.npz"):
        with pytest.raises(UsageError, match="is no checkpoint"):
            load(tmp_path / name)
