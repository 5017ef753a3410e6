"""What a witness of a stranger may import: nothing that nobody here has named. Each case would leave a file behind if it did."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from click.testing import CliRunner

import verify
from verify.campaign import trust, witness
from verify.commands.replay import _agreed, command
from verify.errors import UsageError
from verify.gate.baseline import Baseline
from verify.gate.command import command as gate
from verify.report.command import command as report
from verify.report.names import FORMATS

DOCUMENT = Path(__file__).parents[1] / "report" / "document.json"
HARM = (
    'open({!r}, "w", encoding="utf-8").close()\n\n\ndef f(prediction, target):\n    return 3 * (prediction - target), 0 * prediction + 1\n'
)
WITNESS = {
    "schema": 2,
    "candidate": "mine.py:f",
    "loss": "squared_error",
    "dtype": "float64",
    "law": "gradient",
    "conventions": {"signature": "objective", "fits": True},
    "case": {"family": "lattice", "seed": 3},
    "values": {"scores": [["0x1.0p+0"]], "y": [0]},
    "differentiated": ["scores"],
}


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A project, and beside it a file whose import leaves `harm`."""
    project, strange = tmp_path / "project", tmp_path / "strange"
    for folder in (project / "pkg", strange):
        folder.mkdir(parents=True)
    (strange / "evil.py").write_text(HARM.format(str(tmp_path / "harm")), encoding="utf-8")
    (project / "mine.py").write_text(
        "import os\nfrom os import system\nfrom pkg import again\nfrom evil import f as theirs\n"
        "\n\ndef f(a, b): return 3 * (a - b), a * 0 + 1\n"
        "\n\nclass Net(dict):\n    def loss(self): ...\n\n\nmade = f\nsystem_of = os\n",
        encoding="utf-8",
    )
    (project / "pkg" / "__init__.py").write_text("from .inner import again, popen\n", encoding="utf-8")
    (project / "pkg" / "inner.py").write_text("from os import popen\n\n\ndef again(a, b): ...\n", encoding="utf-8")
    (project / "link.py").symlink_to(strange / "evil.py")
    monkeypatch.chdir(project)
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setattr(witness, "kept", lambda: tmp_path / "cache")
    monkeypatch.setattr(trust, "kept", lambda: tmp_path / "cache")
    return tmp_path


def stored(folder, **changed):
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    (folder / "w.json").write_text(json.dumps(WITNESS | changed), encoding="utf-8")
    return folder / "w.json"


@pytest.mark.parametrize("target", ["mine.py:f", "./mine.py:f", "mine:f", "mine.py:Net.loss", "mine.py:f,made", "mine:again", "pkg:again"])
def test_what_is_written_below_the_current_folder_is_known(here, target):
    assert trust.strange(WITNESS | {"candidate": target}) == []


STRANGE = ["../strange/evil.py:f", "link.py:f", "mine.py:theirs", "mine.py:os.system", "mine.py:system", "pkg:popen", "mine:again.__call__"]
STRANGE += ["mine.py:system_of.abort", "mine.py:Net.popitem", "mine.py:f,system_of.abort"]
STRANGE += [
    "os:system",
    "subprocess:run",
    "sys:exit",
    "numpy:sum",
    "nothere:f",
    "verify.source:load_file",
    "\0.py:f",
    "x" * 5000 + ".py:f",
    ":",
    "",
]


@pytest.mark.parametrize("target", STRANGE)
def test_what_lies_elsewhere_is_strange(here, target):
    assert trust.strange(WITNESS | {"candidate": target}) == [target]


def test_a_package_elsewhere_is_strange_though_a_module_of_it_lies_here(here):
    """Its own code would run first."""
    (here / "strange" / "theirs").mkdir()
    (here / "strange" / "theirs" / "__init__.py").touch()
    (here / "strange" / "theirs" / "mine.py").symlink_to(here / "project" / "mine.py")
    sys.path.append(str(here / "strange"))
    assert trust.strange(WITNESS | {"candidate": "theirs.mine:f"}) == ["theirs.mine:f"]


def test_a_module_is_the_one_that_would_be_imported(here):
    (here / "strange" / "mine.py").symlink_to(here / "strange" / "evil.py")
    sys.path[:] = [str(here / "strange"), *sys.path, str(here / "project")]  # as of a project that is installed where it stands
    assert trust.strange(WITNESS | {"candidate": "mine:f"}) == ["mine:f"]
    assert trust.strange(WITNESS) == []


NAMES = {
    "the candidate": lambda evil: {"candidate": f"{evil}:f"},
    "the spec": lambda evil: {"loss": str(evil)},
    "the penalty": lambda evil: {"conventions": WITNESS["conventions"] | {"penalty": f"{evil}:P"}},
    "the reference": lambda evil: {"conventions": {"formula": {"source": "reference", "operations": 1, "reference": f"{evil}:f"}}},
}


@pytest.mark.parametrize("what", NAMES)
def test_nothing_strange_is_imported_unasked(here, what):
    file = stored(here / "strange", **NAMES[what](here / "strange" / "evil.py"))
    done = CliRunner().invoke(command, [str(file)], standalone_mode=False)
    assert isinstance(done.exception, UsageError)
    assert "would import" in str(done.exception)
    assert "Nothing was imported. Look at that code, then give --trust." in str(done.exception)
    with pytest.raises(UsageError, match="give trust=True"):
        verify.replay(file)
    assert CliRunner().invoke(command, [str(file), "--format", "pytest"], standalone_mode=False).exit_code == 0
    assert not (here / "harm").exists()


def test_who_trusts_it_has_it_imported_and_so_has_who_named_it_before(here):
    evil = str(here / "strange" / "evil.py")
    file = stored(here / "strange", candidate=f"{evil}:f")
    assert verify.replay(file, trust=True, in_process=True).verdict is verify.Verdict.BROKEN
    assert (here / "harm").exists()
    Path("pyproject.toml").write_text(f'[[tool.verify.candidates]]\ntarget = "{evil}:f"\nloss = "squared_error"\n', encoding="utf-8")
    assert trust.question(WITNESS | {"candidate": f"{evil}:f"}, file) is None


def test_the_user_s_own_cache_is_trusted_as_long_as_nobody_else_can_write_there(here):
    strange = WITNESS | {"candidate": f"{here / 'strange' / 'evil.py'}:f"}
    file = stored(here / "cache", candidate=strange["candidate"])
    assert trust.question(strange, file) is None
    os.chmod(here / "cache", 0o777)
    assert "would import" in trust.question(strange, file)


def test_a_folder_above_the_user_s_own_is_no_project(here, monkeypatch):
    monkeypatch.setattr(Path, "home", lambda: here / "project" / "pkg")
    assert trust.strange(WITNESS) == ["mine.py:f"]


def test_reports_and_gates_import_nothing(here):
    document = json.loads(DOCUMENT.read_text(encoding="utf-8"))
    evil = f"{here / 'strange' / 'evil.py'}:f"
    for result in document["results"]:
        result |= {"candidate": evil, "loss": evil.removesuffix(":f")}
    document["places"] = {evil: {"file": evil.removesuffix(":f"), "line": 1}}
    Path("report.json").write_text(json.dumps(document), encoding="utf-8")
    Path("baseline.json").write_text(str(Baseline.of(document)), encoding="utf-8")
    for format_ in FORMATS:
        assert CliRunner().invoke(report, ["report.json", "--format", format_], standalone_mode=False).exception is None
    assert CliRunner().invoke(gate, ["report.json", "--baseline", "baseline.json"], standalone_mode=False).return_value == 1
    assert not (here / "harm").exists()


INTERRUPTED = """
import os, pty, signal, sys, time
from verify.commands.replay import _agreed

for _ in range(150):
    process, terminal = pty.fork()
    if not process:
        try:
            _agreed("It would import this")
        except KeyboardInterrupt:
            os._exit(0)
        os._exit(1)
    shown = b""
    while b"[y/N]" not in shown:
        shown += os.read(terminal, 1000)
    os.kill(process, signal.SIGINT)
    until = time.monotonic() + 10
    while (ended := os.waitpid(process, os.WNOHANG)) == (0, 0) and time.monotonic() < until:
        time.sleep(0.001)
    if ended != (process, 0):
        os.kill(process, signal.SIGKILL)
        sys.exit(f"it came to {ended}")
    os.close(terminal)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="terminals of POSIX")
def test_an_interrupt_at_the_moment_of_the_question_does_not_wait_for_a_key(tmp_path):
    """Some of them come just before the read that waits: of 150 about five would."""
    own = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}  # the installed package has more than its sources
    done = subprocess.run(
        [sys.executable, "-c", INTERRUPTED], cwd=tmp_path, env=own, capture_output=True, encoding="utf-8", timeout=100, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="terminals of POSIX")
@pytest.mark.parametrize(("said", "agrees"), [("y\n", True), ("YES\n", True), ("\n", False), ("maybe\n", False), ("\x04", False)])
def test_only_yes_is_a_yes(monkeypatch, said, agrees):
    ours, theirs = os.openpty()
    with open(theirs, encoding="utf-8") as terminal, open(ours, "wb"):
        monkeypatch.setattr(sys, "stdin", terminal)
        monkeypatch.setattr(sys, "stderr", SimpleNamespace(isatty=lambda: True, write=lambda _: None, flush=lambda: None))
        os.write(ours, said.encode())
        assert _agreed("It would import this") is agrees
