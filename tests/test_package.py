"""What is installed is whole: files that are no modules, commands and plugins, the classifiers, and the types that a user's mypy sees."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from importlib import metadata
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path

import pytest

PROJECT = tomllib.loads((Path(__file__).parent.parent / "pyproject.toml").read_text(encoding="utf-8"))
SHIPPED = PROJECT["tool"]["setuptools"]
PACKAGE = metadata.metadata("verify-gradients")


@pytest.mark.parametrize("package", SHIPPED["packages"])
def test_every_package_is_installed(package):
    assert find_spec(package) is not None


@pytest.mark.parametrize("package", SHIPPED["package-data"])
def test_what_is_no_module_is_installed(package):
    there = [file.name for file in files(package).iterdir()]
    for pattern in SHIPPED["package-data"][package]:
        assert any(Path(name).match(pattern) for name in there), pattern


def test_commands_and_plugins_are_found():
    found = {(e.group, e.name): e.value for e in metadata.distribution("verify-gradients").entry_points}
    assert found == {
        ("console_scripts", "verify"): "verify.__main__:main",
        ("pytest11", "verify"): "verify.pytest_plugin",
        ("hypothesis", "verify"): "verify.profiles:register",
    }
    assert all(e.load() for e in metadata.distribution("verify-gradients").entry_points)


def test_the_package_says_what_it_is():
    assert PACKAGE["Version"] == PROJECT["project"]["version"]
    assert re.fullmatch(r"\d+\.\d+\.\d+", PACKAGE["Version"])
    assert PACKAGE["License-Expression"] == "Apache-2.0"
    assert "Typing :: Typed" in PACKAGE.get_all("Classifier")
    assert PACKAGE["Description-Content-Type"] == "text/markdown"
    changes = (Path(__file__).parent.parent / "CHANGELOG.md").read_text(encoding="utf-8")
    assert PACKAGE["Version"] in changes


USER = """
from typing import Any

import verify
from verify.spec import Claims, LossSpec, positive


def svm_loss(W: Any, X: Any, y: Any, reg: float) -> tuple[float, Any]:
    return 0.0, W


report = verify.check(svm_loss, loss="multiclass_hinge", dtypes=("float64",), parameters={"delta": 1.0})
verdict: verify.Verdict = report.verdict
document: dict[str, Any] = report.to_dict()
pair = verify.Candidate(loss=svm_loss, grad=svm_loss)
test_svm = verify.as_test(svm_loss, loss="multiclass_hinge")
"""
WRONG = {
    "an option that is none": ('verify.check(svm_loss, los="huber")', "call-arg"),
    "a number for a name": ("verify.check(svm_loss, loss=3)", "arg-type"),
    "a verdict for a number": ("strain: float = report.verdict", "assignment"),
    "a name that is none": ("verify.chek(svm_loss)", "attr-defined"),
}


def test_its_types_reach_a_user(tmp_path):
    """Strictly, in a folder of the user's own: right use is right, and each wrong use is found at its line."""
    pytest.importorskip("mypy", reason="mypy is not installed: tox -e package")
    if "site-packages" not in str(find_spec("verify").origin):
        pytest.skip("mypy does not follow an editable install: tox -e package")
    wrong = [line for line, _ in WRONG.values()]
    (tmp_path / "mine.py").write_text("\n".join([USER.strip(), *wrong, ""]), encoding="utf-8")
    command = [sys.executable, "-m", "mypy", "--strict", "--no-error-summary", "--cache-dir", str(tmp_path / "cache"), "mine.py"]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, encoding="utf-8", check=False)
    first = len(USER.strip().splitlines()) + 1
    told = [re.fullmatch(r"mine\.py:(\d+): error: .*\[([a-z-]+)\]", line) for line in run.stdout.splitlines() if ": error: " in line]
    assert [(int(m[1]), m[2]) for m in told if m] == [(first + n, code) for n, (_, code) in enumerate(WRONG.values())], run.stdout
    assert all(told), run.stdout
