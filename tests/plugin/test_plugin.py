"""pytest with the plugin, as a user's project runs it: what becomes a test, what it is called, what it says."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from candidates import layers
from hypothesis import settings
from implementations import softmax

import verify
from verify.campaign.task import Task
from verify.gate import Policy
from verify.profiles import PROFILES
from verify.testing import outcome_of

ENVIRONMENT = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST_")}

LOSSES = """
import numpy as np

def softmax(W, X, y, reg):
    S = X @ W.T
    S = S - S.max(1, keepdims=True)
    E = np.exp(S)
    P = E / E.sum(1, keepdims=True)
    loss = np.log(E.sum(1)).mean() - S[np.arange(len(X)), y].mean() + reg * (W * W).sum()
    P[np.arange(len(X)), y] -= 1
    return loss, P.T @ X / len(X) + 2 * reg * W

def half(W, X, y, reg):
    loss, dW = softmax(W, X, y, reg)
    return loss, dW - reg * W
"""
TESTS = """
import pytest
import verify
from losses import half

test_half = pytest.mark.slow(verify.as_test(half, loss="softmax_cross_entropy", profile="quick", laws=("value", "gradient", "compiled")))

class TestTarget:
    test_target = verify.as_test("losses:softmax", loss="softmax_cross_entropy", dtypes=("float32",), laws=("gradient",))
    helper = verify.as_test("losses:softmax", loss="softmax_cross_entropy")
"""
PROJECT = """
[tool.pytest.ini_options]
pythonpath = ["."]
addopts = ["--strict-markers"]
markers = ["slow"]
filterwarnings = ["error"]
[tool.verify]
profile = "quick"
[[tool.verify.candidates]]
target = "losses.py:softmax"
loss = "softmax_cross_entropy"
dtypes = ["float64", "float32"]
"""


def run(folder: Path, *words: str) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *words]
    return subprocess.run(command, cwd=folder, env=ENVIRONMENT, capture_output=True, encoding="utf-8", timeout=120, check=False)


def project(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        folder.joinpath("pyproject.toml" if name == "pyproject" else f"{name}.py").write_text(text, encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def judged(tmp_path_factory):
    """A run on two processes, of three laws, with a Hypothesis profile of ours; and its JUnit file."""
    folder = project(tmp_path_factory.mktemp("project"), losses=LOSSES, test_losses=TESTS, pyproject=PROJECT)
    words = ["-n", "2", "-ra", "--verify-profile", "quick", "--hypothesis-profile", "verify-quick", "--junitxml", "junit.xml"]
    done = run(folder, *words, "-m", 'verify(law="value") or verify(law="gradient") or verify(law="compiled")')
    return done, ET.parse(folder / "junit.xml")


def test_each_law_of_each_candidate_at_each_dtype_is_a_test(judged):
    done, junit = judged
    assert done.returncode == 1, done.stdout + done.stderr
    outcomes = {c.get("name"): [e.tag for e in c if e.tag != "properties"] for c in junit.iter("testcase")}
    configured = {
        f"losses.py:softmax[softmax_cross_entropy-{d}-{law}]": ["skipped"] if law == "compiled" else []
        for d in ("float64", "float32")
        for law in ("value", "gradient", "compiled")
    }
    assert outcomes == configured | {
        "test_half[float64-value]": [],
        "test_half[float64-gradient]": ["failure"],
        "test_half[float64-compiled]": ["skipped"],
        "test_target[float32-gradient]": [],
    }


def test_a_failure_is_a_sentence_with_its_witness_and_no_traceback(judged):
    done, _ = judged
    assert "gradient law broken for softmax_cross_entropy (float64), losses:half: entry [" in done.stdout
    assert "witness: N=" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr
    assert "runtest" not in done.stdout
    assert "not asked: the candidate is not compiled by numba" in done.stdout


def test_what_was_measured_reaches_junit_from_other_processes(judged):
    _, junit = judged
    case = next(c for c in junit.iter("testcase") if c.get("name") == "test_half[float64-gradient]")
    told = {p.get("name"): p.get("value") for p in case.iter("property")}
    assert told.items() >= {"candidate": "losses:half", "law": "gradient", "dtype": "float64", "verdict": "broken"}.items()
    assert float(told["strain"]) > 1e9
    assert float(told["sensitivity"]) < 1e-12
    assert (told["profile"], told["seed"], len(told["witness"])) == ("quick", "0", 8)  # the option comes before the test's own profile


def test_the_summary_has_a_line_for_each_candidate_and_dtype(judged):
    done, _ = judged
    lines = done.stdout.partition("= verify =")[2].splitlines()
    assert "losses:half (softmax_cross_entropy, float64): " in done.stdout
    (line,) = (x for x in lines if x.startswith("losses.py:softmax (softmax_cross_entropy, float32)"))
    assert "2 hold, 1 not asked, worst strain 0.0" in line
    assert line.endswith("profile quick, seed 0")


TWO = """
import verify
from losses import softmax

def made(factor):
    def f(W, X, y, reg):
        loss, dW = softmax(W, X, y, reg)
        return loss, factor * dW
    return f

test_right = verify.as_test(made(1), loss="softmax_cross_entropy", profile="quick", laws=("gradient",))
test_double = verify.as_test(made(2), loss="softmax_cross_entropy", profile="quick", laws=("gradient",))
"""


def test_two_candidates_of_one_name_have_a_line_each(tmp_path):
    done = run(project(tmp_path, losses=LOSSES, test_two=TWO, pyproject="[tool.pytest.ini_options]\npythonpath = ['.']\n"))
    lines = done.stdout.partition("= verify =")[2]
    assert "made.<locals>.f (softmax_cross_entropy, float64), test_right: 1 holds" in lines
    assert "made.<locals>.f (softmax_cross_entropy, float64), test_double: 1 broken" in lines


def test_tests_are_selected_by_words_and_by_the_users_own_markers(tmp_path):
    project(tmp_path, losses=LOSSES, test_losses=TESTS, pyproject=PROJECT)
    done = run(tmp_path, "--collect-only", "-q", "-k", "slow and gradient")
    assert [line for line in done.stdout.splitlines() if "::" in line] == ["test_losses.py::test_half[float64-gradient]"]


ALONE = """
import sys

def test_nothing_heavy_is_loaded():
    assert "verify.pytest_plugin" in sys.modules
    assert not {"flint", "hypothesis", "numba", "numpy", "rich", "sympy"} & sys.modules.keys()
"""


def test_the_plugin_loads_nothing_that_is_heavy(tmp_path):
    project(
        tmp_path, test_alone=ALONE, pyproject="[tool.verify.gate]\nsilent = 'fail'\n[tool.pytest.ini_options]\nfilterwarnings = 'error'\n"
    )
    done = run(tmp_path)  # a project without candidates: the built-in core is not the user's to test
    assert "1 passed" in done.stdout
    assert "verify =" not in done.stdout


def test_wrong_configuration_is_a_sentence(tmp_path):
    project(tmp_path, pyproject=PROJECT.replace("loss =", "los ="), test_a="def test_a(): pass\n")
    done = run(tmp_path)
    assert done.returncode == 2, done.stdout
    assert "'los'. Did you mean 'loss'?" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr


def test_a_candidate_that_is_not_there_is_a_sentence(tmp_path):
    project(tmp_path, losses=LOSSES, pyproject=PROJECT.replace("losses.py:softmax", "losses.py:sofmax"))
    done = run(tmp_path, "-k", "value")
    assert done.returncode == 1, done.stdout
    assert "Did you mean 'softmax'?" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr
    assert "unknown name in losses.py" in done.stdout


def test_a_name_cannot_begin_a_line_of_its_own(tmp_path):
    evil = PROJECT.replace("losses.py:softmax", "losses.py:softmax\\n::error::owned")
    done = run(project(tmp_path, losses=LOSSES, pyproject=evil), "-v", "-k", "value")
    assert "::error::owned" in done.stdout
    assert not any(line.startswith("::error") for line in done.stdout.splitlines())


@pytest.mark.parametrize(("name", "most"), PROFILES.items())
def test_hypothesis_knows_the_profiles_and_none_is_loaded(name, most):
    assert settings.get_profile(f"verify-{name}").max_examples == most
    assert not settings.get_current_profile_name().startswith("verify")


RIGHT = softmax()
BROKEN = softmax(penalty=1.0)


def told(candidate, law, loss="softmax_cross_entropy", options=None, **table):
    """What the framework is told under a policy."""
    request = verify.as_test(candidate, loss=loss, profile="quick", laws=(law,), **(options or {})).verify_request
    found = outcome_of(Task(request, "float64", law), Policy.of(table, Path.cwd()))
    return found.outcome, found.message


def test_silence_is_never_a_success():
    huge = {"loss": "multiclass_hinge", "options": {"delta": 1e30, "penalty": "l2"}}
    outcome, message = told(hinge_of(1e30), "order", **huge)
    assert (outcome, "nothing was decided" in message) == ("failed", True)
    outcome, message = told(hinge_of(1e30), "order", **huge, silent="warn")
    assert (outcome, "nothing was decided" in message) == ("skipped", True)


def test_a_layer_is_a_test():
    for layer, outcome in ((layers.Affine, "passed"), (layers.Averages, "failed")):
        request = verify.as_test(layer, at=layers.EXAMPLE, profile="quick", laws=("gradient",)).verify_request
        found = outcome_of(Task(request, "float64", "gradient"), Policy.of({}, Path.cwd()))
        assert (found.outcome, "b[" in found.message) == (outcome, outcome == "failed")


def hinge_of(margin):
    import numpy as np

    def f(W, X, y, reg):
        rows, M = np.arange(len(y)), X @ W.T
        M = M - M[rows, y][:, None] + margin
        M[rows, y] = 0
        A = (M > 0) * 1.0
        A[rows, y] = -A.sum(1)
        return M.sum() / len(y) + reg * (W * W).sum(), A.T @ X / len(y) + 2 * reg * W

    return f


def test_the_gates_limits_hold_here_too():
    assert told(RIGHT, "gradient") == ("passed", "")
    outcome, message = told(RIGHT, "gradient", **{"max-ulps": 1e-9})
    assert (outcome, "to accept: raise max-ulps" in message) == ("failed", True)
    assert told(RIGHT, "gradient", baseline="nowhere.json", **{"time-budget": 1e-9})[0] == "passed"  # those are the gate's alone


def test_a_declared_deviation_is_told_with_its_reason(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    name = verify.as_test(BROKEN, loss="softmax_cross_entropy").verify_request.name
    other = '[[deviation]]\ncandidate = "another"\nlaw = "value"\nreason = "x"\n'
    Path("d.toml").write_text(f'{other}[[deviation]]\ncandidate = "{name}"\nlaw = "gradient"\nreason = "since 1999"\n', encoding="utf-8")
    outcome, message = told(BROKEN, "gradient", deviations="d.toml")
    assert outcome == "declared"
    assert message.startswith("since 1999: gradient law broken")
    assert told(RIGHT, "gradient", deviations="d.toml")[0] == "passed"


def test_without_the_plugin_it_is_one_test():
    verify.as_test(RIGHT, loss="softmax_cross_entropy", profile="quick", laws=("value",))()
    with pytest.raises(AssertionError, match="gradient law broken"):
        verify.as_test(BROKEN, loss="softmax_cross_entropy", profile="quick", laws=("gradient",))()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"dtype": "float64"}, "unknown option of as_test 'dtype'. Did you mean 'dtypes'"),
        ({"timeout": 3.0}, "unknown option of as_test 'timeout'"),
        ({"laws": ("gradeint",)}, "Did you mean 'gradient'"),
        ({"profile": "cy"}, "Did you mean 'ci'"),
    ],
)
def test_a_wrong_option_is_named(options, message):
    with pytest.raises(verify.UsageError, match=message):
        verify.as_test(RIGHT, loss="softmax_cross_entropy", **options)
