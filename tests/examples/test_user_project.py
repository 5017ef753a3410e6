"""The project of `examples/`, copied to an empty folder: its tests, its tox, its workflow and its hooks do what docs/ci.md says."""

from __future__ import annotations

import configparser
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "user-project"
MINE = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
ENVIRONMENT = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST_")} | {"PATH": MINE, "PYTHONIOENCODING": "utf-8"}


def shell(folder: Path, line: str, **environment: str) -> subprocess.CompletedProcess:
    command = ["bash", "-euo", "pipefail", "-c", line]
    return subprocess.run(
        command, cwd=folder, env=ENVIRONMENT | environment, capture_output=True, encoding="utf-8", timeout=120, check=False
    )


def steps() -> list[str]:
    """What the workflow runs, but for the installation."""
    text = (EXAMPLE / ".github/workflows/verify.yml").read_text(encoding="utf-8")
    lines = re.findall(r"^\s+(?:- )?run: (.+)$", text, re.MULTILINE)
    assert lines[0].startswith("python -m pip install")
    return lines[1:]


def entry(file: Path) -> str:
    """What a hook runs."""
    text = file.read_text(encoding="utf-8")
    args = re.search(r"args: \[(.+)\]", text)
    return " ".join([re.search(r"entry: (.+)", text)[1], *(args[1].split(", ") if args else [])])


@pytest.fixture
def copied(tmp_path):
    folder = tmp_path / "project"
    shutil.copytree(EXAMPLE, folder, ignore=shutil.ignore_patterns("latest", "__pycache__"))
    return folder


def test_the_life_of_the_project(copied):
    """The first run makes the baseline, the workflow is green, a wrong gradient is stopped by the hook and annotated where it stands."""

    def run(line: str, code: int) -> str:
        done = shell(copied, line, GITHUB_STEP_SUMMARY=str(copied / "summary.md"))
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout

    first, second, *_ = re.findall(r"^    (verify .+)$", (copied / "README.md").read_text(encoding="utf-8"), re.MULTILINE)
    told = run(first, 1)
    assert re.findall("^gate: (.*)$", told, re.MULTILINE) == ["the baseline reports/baseline.json does not exist", "1 failure"]
    assert (copied / "reports/latest/index.html").stat().st_size > 100_000  # the page with its pictures
    run(second, 0)

    judge, summarise = steps()
    assert "::error" not in run(f"{judge} --law value", 0)  # one law is enough: the first run has judged all
    run(summarise, 0)
    summary = (copied / "summary.md").read_text(encoding="utf-8")
    assert summary.startswith("## ✅ verify: holds")
    assert "**gate: passed**" in summary

    file = copied / "mylosses" / "svm.py"
    right = file.read_text(encoding="utf-8")
    file.write_text(right.replace("+ 2 * reg * W", "+ reg * W"), encoding="utf-8")
    words = entry(EXAMPLE / ".pre-commit-config.yaml")
    assert entry(ROOT / ".pre-commit-hooks.yaml") == words  # the one that pre-commit installs by itself
    annotations = [line for line in run(f"{words} --format github", 1).splitlines() if line.startswith("::")]
    assert any("title=verify%3A gradient law broken::" in line for line in annotations)
    assert all(line.startswith("::error file=mylosses/svm.py,line=6,") for line in annotations)
    document = json.loads((copied / "reports/latest/report.json").read_text(encoding="utf-8"))
    assert {r["candidate"] for r in document["results"]} == {"mylosses.svm:svm_loss", "mylosses.softmax:softmax_loss"}


def test_its_tests_are_one_for_each_dtype_and_law(copied):
    done = shell(copied, "pytest -q -p no:cacheprovider --junitxml junit.xml")
    assert done.returncode == 0, done.stdout + done.stderr
    names = {case.get("name") for case in ET.parse(copied / "junit.xml").iter("testcase")}
    laws = {f"test_svm[{d}-{law}]" for d in ("float64", "float32") for law in ("value", "gradient", "membership", "purity")}
    assert names == laws | {"test_softmax[float64-value]", "test_softmax[float64-gradient]"}


def test_tox_runs_what_is_tested_here_and_hides_no_configuration():
    tox = configparser.ConfigParser()
    tox.read(EXAMPLE / "tox.ini", encoding="utf-8")
    assert "pytest" not in tox.sections()
    assert shlex.split(tox["testenv:tests"]["commands"]) == ["pytest", "{posargs}"]
    assert shlex.split(tox["testenv:verify"]["commands"]) == ["verify", "run", "--quiet", "{posargs}"]
    groups = tomllib.loads((EXAMPLE / "pyproject.toml").read_text(encoding="utf-8"))["dependency-groups"]
    assert tox["testenv"]["dependency_groups"] in groups


def test_the_documents_show_the_examples_own_files():
    """What docs/ci.md quotes is what was run here."""
    text = (ROOT / "docs/ci.md").read_text(encoding="utf-8")
    for language, file in (("yaml", ".github/workflows/verify.yml"), ("ini", "tox.ini"), ("yaml", ".pre-commit-config.yaml")):
        quoted = re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)
        assert (EXAMPLE / file).read_text(encoding="utf-8") in quoted, file
