"""`verify descend` as it is typed: its files, its words, its exit codes, and what Ctrl-C leaves."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from types import SimpleNamespace

import numpy as np
import pytest
from click.testing import CliRunner

from verify.cli import cli
from verify.errors import UsageError

MODULE = [sys.executable, "-m", "verify", "descend"]
ENVIRONMENT = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "FORCE_COLOR", "PYTHONPATH")} | {"PYTHONIOENCODING": "utf-8"}
SMALL = "--examples 100 --evaluations 4"


@pytest.fixture
def descend(tmp_path, monkeypatch):
    """Runs the command in this process, in an empty folder: one start of Python for each would cost seconds."""
    monkeypatch.chdir(tmp_path)

    def run(words, *, code=0):
        done = CliRunner().invoke(cli, ["descend", *words.split()])
        if isinstance(done.exception, UsageError):
            assert code == 2, done.exception
            return SimpleNamespace(stdout=done.stdout, stderr=str(done.exception))
        assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
        assert (done.return_value if done.return_value is not None else done.exit_code) == code, done.output
        assert "\x1b" not in done.output
        return done

    return run


def test_a_method_writes_its_files_and_tells(descend, tmp_path):
    done = descend(f"gradient {SMALL} --output out")
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == [f"gradient.{kind}" for kind in ("csv", "json", "npz", "png", "svg")]
    document = json.loads((tmp_path / "out/gradient.json").read_text(encoding="utf-8"))
    assert f"{document['result']['test_accuracy']:.1%}" in done.stdout
    assert re.search(r"chance +10.0%", done.stdout)
    assert "[100%] gradient: best loss" in done.stderr
    assert (tmp_path / "out/gradient.png").read_bytes().startswith(b"\x89PNG")


def test_json_on_standard_output_is_the_file(descend, tmp_path):
    done = descend(f"sgd {SMALL} --output out --format json --quiet")
    assert done.stdout == (tmp_path / "out/sgd.json").read_text(encoding="utf-8")
    assert not re.search(r"\[ *\d+%\]", done.stderr)


@pytest.mark.parametrize("words", ["--compare", "minibatch --compare --batch 10", "--compare minibatch --batch 10"])
def test_the_comparison_runs_all_with_the_same_budget(descend, tmp_path, words):
    descend(f"{words} {SMALL} --output out --quiet")
    found = json.loads((tmp_path / "out/compare.json").read_text(encoding="utf-8"))
    assert [r["method"] for r in found["results"]] == ["random-search", "local-search", "gradient", "minibatch", "sgd"]
    assert {r["evaluations"] for r in found["results"]} == {4}
    assert found["results"][3]["settings"]["batch"] == (10 if "--batch" in words else 64)
    lines = (tmp_path / "out/compare.csv").read_text(encoding="utf-8").splitlines()
    assert lines[0] == "method,iteration,evaluations,loss,best,test_accuracy"
    assert {line.split(",")[0] for line in lines[1:]} == {r["method"] for r in found["results"]}


def test_cifar10_is_read_from_its_folder(descend, tmp_path):
    data = np.random.default_rng(0).integers(0, 256, (12, 3073), dtype=np.uint8)
    data[:, 0] %= 10
    (tmp_path / "data_batch_1.bin").write_bytes(data[:8].tobytes())
    (tmp_path / "test_batch.bin").write_bytes(data[8:].tobytes())
    done = descend("gradient --data . --evaluations 3 --output out --format json")
    document = json.loads(done.stdout)
    assert (document["data"], document["shape"], document["training_examples"], document["test_examples"]) == ("cifar10", [10, 3073], 8, 4)
    assert "the published set has 50,000 in 5" in done.stderr
    (tmp_path / "test_batch.bin").write_bytes(b"short")
    assert "truncated" in descend("gradient --data .", code=2).stderr


def test_a_run_goes_on_from_its_checkpoint(descend, tmp_path):
    descend("minibatch --examples 100 --reg 0.01 --seed 5 --evaluations 2 --output out --quiet")
    descend("minibatch --resume out/minibatch.npz --evaluations 4 --quiet")
    descend("minibatch --examples 100 --reg 0.01 --seed 5 --evaluations 4 --output whole --quiet")
    for kind in ("csv", "json", "svg"):
        assert (tmp_path / f"out/minibatch.{kind}").read_bytes() == (tmp_path / f"whole/minibatch.{kind}").read_bytes()
    wrong = {"--reg 1": "made with reg 0.01, not 1.0", "--evaluations 3": "has spent 4 evaluations", "--batch 7": "made with settings"}
    for words, message in wrong.items():
        assert message in descend(f"minibatch --resume out/minibatch.npz {words}", code=2).stderr
    assert "made with method 'minibatch', not 'sgd'" in descend("sgd --resume out/minibatch.npz", code=2).stderr


WRONG = {
    "gradeint": "unknown method 'gradeint'. Did you mean 'gradient'?",
    "gradient --step -1": "step is -1.0",
    "gradient --evaluations 0": "evaluations is 0",
    "gradient --seed -1": "seed is -1",
    "gradient --loss hing": "unknown loss 'hing'",
    "gradient --data nowhere": "nowhere is no folder",
    "gradient --compare --resume mine.npz": "leave out --compare",
    "gradient --output mine.npz/x": "nothing can be written to",
}


@pytest.mark.parametrize("words", WRONG)
def test_wrong_use_ends_with_2_and_a_sentence(descend, tmp_path, words):
    (tmp_path / "mine.npz").write_bytes(b"")
    assert WRONG[words] in descend(words, code=2).stderr


def test_the_installed_command_ends_with_2_and_no_traceback(tmp_path):
    words = ["gradeint", "--quiet"]
    done = subprocess.run([*MODULE, *words], cwd=tmp_path, env=ENVIRONMENT, capture_output=True, encoding="utf-8", timeout=60, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("Error: unknown method 'gradeint'. Did you mean 'gradient'?")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(sys.platform == "win32", reason="pseudo-terminals are POSIX")
def test_a_terminal_shows_a_bar_and_an_interrupt_keeps_what_was_done(descend, tmp_path):
    ours, theirs = os.openpty()
    words = ["sgd", "--examples", "200", "--evaluations", "1000000", "--output", "out"]
    environment = ENVIRONMENT | {"TERM": "xterm-256color"}
    process = subprocess.Popen([*MODULE, *words], cwd=tmp_path, env=environment, stdout=theirs, stderr=theirs, start_new_session=True)
    os.close(theirs)
    shown, end = "", time.monotonic() + 60
    while "best loss" not in shown and time.monotonic() < end:
        shown += os.read(ours, 10_000).decode(errors="replace")
    os.killpg(process.pid, signal.SIGINT)
    try:
        while chunk := os.read(ours, 10_000):
            shown += chunk.decode(errors="replace")
    except OSError:  # the other end is closed
        pass
    os.close(ours)
    assert process.wait(timeout=30) == 130
    assert "Traceback" not in shown
    assert re.search(r"\d+%", shown)
    assert shown.rstrip().endswith("interrupted")
    assert "verify descend sgd --resume out/sgd.npz" in " ".join(shown.split())
    assert "\x1b[?25h" in shown  # the cursor is back
    spent = json.loads(str(np.load(tmp_path / "out/sgd.npz")["told"]))["rows"][-1][1]
    more = descend(f"sgd --resume out/sgd.npz --evaluations {int(spent) + 2} --format json --quiet")
    assert json.loads(more.stdout)["result"]["evaluations"] == int(spent) + 2
