"""The installed command, run in an empty folder: its exit codes, its documents, its sentences."""

from __future__ import annotations

import errno
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from importlib import metadata
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from verify import UsageError, storage
from verify.__main__ import main as script
from verify.campaign import configuration, reuse, witness
from verify.campaign.configuration import read
from verify.campaign.process_group import below
from verify.cli import cli, main
from verify.commands.signals import until_ended
from verify.settings import tool
from verify.spec.catalogue import penalties

MODULE = [sys.executable, "-m", "verify"]
SCRIPT = [str(Path(sys.executable).parent / "verify")]
ENVIRONMENT = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "FORCE_COLOR", "PYTHONPATH")} | {"PYTHONIOENCODING": "utf-8"}

MINE = """
import os
import time
import numpy as np

def right(W, X, y, reg):
    S = X @ W.T
    E = np.exp(S - S.max(1, keepdims=True))
    P = E / E.sum(1, keepdims=True)
    loss = -np.log(P[np.arange(len(X)), y]).mean() + reg * (W * W).sum()
    P[np.arange(len(X)), y] -= 1
    return loss, P.T @ X / len(X) + 2 * reg * W

def wrong(W, X, y, reg):
    loss, dW = right(W, X, y, reg)
    return loss, dW - reg * W

def hinge(W, X, y, reg):
    M = X @ W.T
    M = M - M[np.arange(len(X)), y][:, None] + 1e30
    M[np.arange(len(X)), y] = 0
    A = (M > 0) * 1.0
    A[np.arange(len(X)), y] = -A.sum(1)
    return M.sum() / len(X) + reg * (W * W).sum(), A.T @ X / len(X) + 2 * reg * W

def noisy(W, X, y, reg):
    print("noise from print")
    os.write(1, b"noise from below\\n")
    return right(W, X, y, reg)

def hangs(W, X, y, reg):
    while not W.flags.writeable:  # the law of purity alone gives read-only arrays
        time.sleep(0.05)
    return right(W, X, y, reg)

def leaves(W, X, y, reg):
    return right(W, X, y, reg) if W.flags.writeable else os._exit(7)

def exits(W, X, y, reg):
    raise SystemExit(3)

def slow(W, X, y, reg):
    open("begun", "wb").close()
    time.sleep(0.2)
    return right(W, X, y, reg)

number = 3
print("noise at import")
"""
SOFTMAX = "--loss softmax_cross_entropy"
ONE_LAW = "--profile quick --law value"


@pytest.fixture
def verify(tmp_path):
    """Runs the command with these words in a folder that holds only `mine.py`; it must leave nothing else there."""
    (tmp_path / "mine.py").write_text(MINE, encoding="utf-8")

    def run(words: str = "", *, command=MODULE, code: int, leaves=(), **environment: str) -> subprocess.CompletedProcess:
        done = subprocess.run(
            [*command, *words.split()],
            cwd=tmp_path,
            env=ENVIRONMENT | environment,
            capture_output=True,
            encoding="utf-8",
            timeout=60,
            check=False,
        )
        assert done.returncode == code, done.stdout + done.stderr
        assert "Internal error" not in done.stderr
        assert "\x1b" not in done.stdout + done.stderr
        left = {p.name for p in tmp_path.iterdir()} - {"mine.py", "pyproject.toml", "__pycache__"}
        assert left == set(leaves)
        return done

    return run


CANDIDATE = "[[tool.verify.candidates]]\ntarget = 'mine.py:{}'\nloss = 'softmax_cross_entropy'\n"


def configure(folder: Path, text: str) -> None:
    (folder / "pyproject.toml").write_text(text, encoding="utf-8")


@pytest.mark.parametrize("words", ["--help", "-h", "check --help", "run --help", "list --help"])
def test_help_tells_the_exit_codes(verify, words):
    done = verify(words, code=0)
    assert done.stdout.startswith("Usage:")
    assert "Exit codes: 0 all laws hold" in done.stdout


ENDS = """
import atexit, gc, sys
atexit.register(lambda: print(gc.get_freeze_count() > 0))
from verify.__main__ import main
sys.argv[1:] = ["--version"]
main()
"""


def test_the_script_looks_for_no_garbage_when_it_ends():
    done = subprocess.run([sys.executable, "-c", ENDS], capture_output=True, text=True, encoding="utf-8", check=True)
    assert done.stdout.endswith("True\n")


class Interrupts:
    """A part of a class, of which Ctrl-C comes while the class is made."""

    def __set_name__(self, owner, name):
        raise KeyboardInterrupt


def makes_a_class(*_, **__):
    type("Interrupted", (), {"name": Interrupts()})


@pytest.mark.parametrize("where", ["verify.commands.early.start", "verify.cli.main", "verify.cli.cli.main"])
def test_an_interrupt_while_a_class_is_made_is_one(monkeypatch, capsys, where):
    monkeypatch.setattr("sys.argv", ["verify", "check", "nowhere.py:f"])
    monkeypatch.setattr("verify.streams.prepare", lambda: None)
    monkeypatch.setattr("gc.freeze", lambda: None)
    monkeypatch.setattr("verify.commands.early.start", lambda *_: None)
    monkeypatch.setattr(where, makes_a_class)
    with pytest.raises(SystemExit) as ended:
        script()
    assert ended.value.code == 130
    assert capsys.readouterr().err == "interrupted\n"


def test_the_script_tells_the_version(verify):
    assert metadata.version("verify-gradients") in verify("--version", command=SCRIPT, code=0).stdout


LISTS = {
    "laws": ({"name", "statement"}, "gradient"),
    "candidates": ({"target", "loss", "dtypes"}, "verify.core.multiclass_hinge:half_l2_no_bias"),
}


@pytest.mark.parametrize("what", LISTS)
def test_lists(verify, what):
    keys, one = LISTS[what]
    text, document = verify(f"list {what}", code=0).stdout, json.loads(verify(f"list {what} --format json", code=0).stdout)
    assert all(row.keys() == keys for row in document)
    assert one in [next(iter(row.values())) for row in document]
    assert [line.split()[0] for line in text.splitlines()] == [next(iter(row.values())) for row in document]


def test_specs_are_listed_by_groups(verify):
    keys = {"name", "kind", "group", "formula", "convexity", "aliases", "computed_by", "inputs", "parameters", "source"}
    text, document = verify("list specs", code=0).stdout.splitlines(), json.loads(verify("list specs --format json", code=0).stdout)
    assert all(row.keys() == keys for row in document)
    groups = list(dict.fromkeys(row["group"] for row in document))
    assert [line[:-1] for line in text if not line.startswith(" ")] == groups == [*sorted(set(groups) - {"penalties"}), "penalties"]
    assert [line.split()[0] for line in text if line.startswith(" ")] == [row["name"] for row in document]
    assert sum(row["kind"] == "loss" for row in document) >= 60
    regression = json.loads(verify("list specs --group regression --format json", code=0).stdout)
    assert regression == [row for row in document if row["group"] == "regression"] != []


def test_a_spec_is_found_by_what_people_call_it(verify):
    for word in ("pinball", "mean_pinball_loss", "quantile"):
        found = verify(f"list specs {word}", code=0).stdout
        assert "quantile  (regression)\n  Quantile loss: ℓ(s, t) = τ(t − s) where s < t" in found
    assert "other names: pinball loss; check loss" in found
    assert "computed by: sklearn._loss.loss.PinballLoss" in found
    assert "parameters: tau = 0.5 in (0, 1)" in found
    assert "claims: convex, proved and tested" in found
    assert "source: R. Koenker and G. Bassett" in found
    assert verify("list specs log cosh", code=0).stdout == verify("list specs log_cosh", code=0).stdout


def test_what_is_right_ends_with_0(verify):
    done = verify(f"check mine.py:right {SOFTMAX} {ONE_LAW}", command=SCRIPT, code=0)
    assert "holds: 1 of 1 check holds" in done.stdout
    assert "layout (C, D), reduction mean, penalty l2" in done.stdout
    assert "[1/1] mine.py:right float64 value: holds" in done.stderr


def test_what_is_wrong_ends_with_1_and_a_sentence(verify):
    done = verify(f"check mine:wrong {SOFTMAX} --profile quick --law gradient --dtype float64,float32 --quiet", code=1)
    for dtype in ("float64", "float32"):
        assert f"gradient law broken for softmax_cross_entropy ({dtype}), mine:wrong: entry [" in done.stdout
    assert "allowed" in done.stdout
    assert "witness: N=" in done.stdout
    assert "broken: 0 of 2 checks hold, 2 broken" in done.stdout
    assert done.stderr == ""


def test_a_law_that_decides_nothing_ends_with_4(verify):
    """A margin of 1e30 swamps every difference of the loss."""
    done = verify("check mine.py:hinge --loss multiclass_hinge --parameter delta=1e30 --profile quick --law order", code=4)
    assert "order law silent for multiclass_hinge (float64), mine.py:hinge: nothing was decided" in done.stdout


WRONG_USE = {
    "unknown command": ("chek", "Did you mean 'check'"),
    "no target": ("check", "Missing argument 'TARGET'"),
    "no loss": ("check mine.py:right", "give --loss, the name of a spec"),
    "unknown option": (f"check mine.py:right {SOFTMAX} --lawn value", "--lawn"),
    "unknown loss": ("check mine.py:right --loss softmax", "Did you mean 'softmax_cross_entropy'"),
    "a class of torch": ("check mine.py:right --loss CrossEntropyLoss", "or 'binary_cross_entropy' or"),
    "a name with a word more": ("check mine.py:right --loss huber_loss", "Did you mean 'huber' or"),
    "nothing like any": ("check mine.py:right --loss xyzzy", "unknown loss 'xyzzy'. `verify list specs` shows all"),
    "no loss at all": ("check mine.py:right --loss none", "--loss none"),
    "unknown law": (f"check mine.py:right {SOFTMAX} --law gradien", "Did you mean 'gradient'"),
    "unknown dtype": (f"check mine.py:right {SOFTMAX} --dtype float64,float31", "Did you mean 'float32'"),
    "unknown penalty": (f"check mine.py:right {SOFTMAX} --penalty half_l2", "Did you mean 'half-l2'"),
    "unknown layout": (f"check mine.py:right {SOFTMAX} --layout DCC", "Did you mean 'DC'"),
    "unknown reduction": (f"check mine.py:right {SOFTMAX} --reduction men", "Did you mean 'mean'"),
    "unknown profile": (f"check mine.py:right {SOFTMAX} --profile quik", "quick"),
    "missing file": (f"check nothere.py:f {SOFTMAX}", "there is no file nothere.py"),
    "missing file without a loss": ("check nothere.py:f", "there is no file nothere.py"),
    "no function": (f"check mine.py {SOFTMAX}", "has no function"),
    "unknown function": (f"check mine.py:rihgt {SOFTMAX}", "Did you mean 'right'"),
    "delta that is no number": ("check mine.py:hinge --loss multiclass_hinge --delta x", "'x' is not a valid float"),
    "a parameter without a value": (
        "check mine.py:hinge --loss multiclass_hinge --parameter delta",
        "--parameter 'delta' is no NAME=VALUE",
    ),
    "a parameter that is no number": ("check mine.py:hinge --loss multiclass_hinge --parameter delta=x", "such as --parameter delta=2"),
    "a parameter given twice": (
        "check mine.py:hinge --loss multiclass_hinge --parameter delta=1 --parameter delta=2",
        "delta is given twice",
    ),
    "no such parameter": ("check mine.py:hinge --loss multiclass_hinge --parameter dleta=1", "Did you mean 'delta'"),
    "classes that are no number": ("check mine.py:hinge --loss multiclass_hinge --classes x", "'x' is not a valid integer"),
    "delta out of its domain": ("check mine.py:hinge --loss multiclass_hinge --delta -1", "delta = -1 is outside its domain"),
    "timeout of 0": (f"check mine.py:right {SOFTMAX} --timeout 0", "--timeout"),
    "timeout in this process": (f"check mine.py:right {SOFTMAX} --timeout 5 --in-process", "cannot be kept in this process"),
    "timeout that is not a number": (f"check mine.py:right {SOFTMAX} {ONE_LAW} --timeout nan", "--timeout"),
    "output below a file": (f"check mine.py:right {SOFTMAX} --output mine.py/deep/report.json", "cannot be written to mine.py/deep"),
    "run with an output below a file": ("run --output mine.py/deep", "cannot be written to mine.py/deep"),
    "unknown list": ("list spec", "'specs'"),
    "unknown word": ("list specs pinbull", "Near it are: pinball loss"),
    "unknown group": ("list specs --group regresion", "Did you mean 'regression'"),
    "a word of laws": ("list laws gradient", "takes no words"),
}


@pytest.mark.parametrize("case", WRONG_USE)
def test_wrong_use_ends_with_2_and_names_the_remedy(verify, case):
    words, message = WRONG_USE[case]
    done = verify(words, code=2)
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_an_import_error_is_the_user_s_own(verify, tmp_path):
    (tmp_path / "mine.py").write_text("import nothere\n", encoding="utf-8")
    done = verify(f"check mine.py:right {SOFTMAX}", code=2)
    assert 'mine.py", line 1' in done.stderr
    assert done.stderr.rstrip().endswith("No module named 'nothere'")
    assert done.stderr.count("File ") == 1


WRONG_CONFIGURATION = {
    "unknown key": ("[tool.verify]\nprofil = 'ci'", "'profil'. Did you mean 'profile'"),
    "unknown key of a candidate": ("[[tool.verify.candidates]]\ntarget = 'a:f'\nloss = 'b'\ndtype = ['float64']", "Did you mean 'dtypes'"),
    "no target": ("[[tool.verify.candidates]]\nloss = 'softmax_cross_entropy'", "has no target"),
    "no loss and no example": ("[[tool.verify.candidates]]\ntarget = 'mine.py:right'", "give the name of a spec"),
    "a loss that is a number": ("[[tool.verify.candidates]]\ntarget = 'mine.py:right'\nloss = 3", "has loss = 3; give the name"),
    "a slip in the table's name": ("[tool.verfy]\nprofile = 'quick'", "has a table [tool.verfy]. Did you mean [tool.verify]?"),
    "letters of it exchanged": ("[tool.verfiy]\nprofile = 'quick'", "has a table [tool.verfiy]. Did you mean [tool.verify]?"),
    "its first letters exchanged": ("[tool.veirfy]\nprofile = 'quick'", "has a table [tool.veirfy]. Did you mean [tool.verify]?"),
    "a capital letter in it": ("[tool.Verify]\nprofile = 'quick'", "has a table [tool.Verify]. Did you mean [tool.verify]?"),
    "no TOML": ("[tool.verify", "pyproject.toml cannot be read"),
    "candidates that are a number": ("[tool.verify]\ncandidates = 3", "candidates"),
    "a candidate that is text": ("[tool.verify]\ncandidates = ['mine.py:right']", "candidates"),
    "a table that is a number": ("[tool]\nverify = 3", "tool.verify"),
    "a seed that is text": ("[tool.verify]\nseed = 'x'\ncandidates = []", "seed"),
    "a profile that does not exist": ("[tool.verify]\nprofile = 'quik'\ncandidates = []", "Did you mean 'quick'"),
    "one dtype for several": ("[[tool.verify.candidates]]\ntarget = 'a:f'\nloss = 'b'\ndtypes = 'float64'", "dtype"),
    "a dtype that is a number": ("[[tool.verify.candidates]]\ntarget = 'a:f'\nloss = 'b'\ndtypes = [64]", "dtype"),
    "a layout that is a number": ("[[tool.verify.candidates]]\ntarget = 'a:f'\nloss = 'b'\nlayout = 3", "layout"),
    "a margin that is text": ("[[tool.verify.candidates]]\ntarget = 'a:f'\nloss = 'b'\ndelta = 'x'", "delta"),
}


def test_the_kernels_are_asked_for_the_penalties_that_they_have(tmp_path, monkeypatch):
    """Another penalty of weights.py needs no kernel: it is found out from what users have written."""
    usual = read(tmp_path).candidates
    assert {c["target"].rpartition(":")[2] for c in usual} == {"none", "l2", "l2_no_bias", "half_l2", "half_l2_no_bias"}
    monkeypatch.setattr(configuration, "penalties", lambda: {**penalties(), "l4": None})
    assert read(tmp_path).candidates == usual


QUICK = "[tool.verify]\nprofile = 'quick'\nseed = 0\n"
PREPARED = {
    "those that are listed": (CANDIDATE.format("f"), "", ["softmax_cross_entropy"], None, None),
    "whatever kill tables need": (CANDIDATE.format("f"), " --power", None, None, None),
    "the core's": ("[tool.verify]\n", "", ["core"], None, None),
    "none, without a word": ("[[tool.verify.candidates]]\ntarget = 'mine.py:f'\n", "", ["none"], None, None),
    "no list": ("[tool.verify]\ncandidates = 3\n", "", None, None, None),
    "a profile that is configured": (QUICK, "", ["core"], "quick", 0),
    "another one": (QUICK, " --profile deep --seed 3", ["core"], "deep", 3),
}


@pytest.mark.parametrize("case", PREPARED)
def test_the_server_of_a_run_is_told_which_losses_it_is_for(tmp_path, monkeypatch, case):
    """Before all else: sympy, half a second, is for those alone that are new."""
    text, words, *due = PREPARED[case]
    asked = []

    def prepare(*, in_process, losses, profile, seed):
        asked.append([losses, profile, seed])
        raise UsageError("that is all")

    monkeypatch.setattr("verify.commands.run.prepare", prepare)
    monkeypatch.chdir(tmp_path)
    configure(tmp_path, text)
    assert str(CliRunner().invoke(cli, f"run{words}".split()).exception) == "that is all"
    assert asked == [due]


@pytest.mark.parametrize("case", WRONG_CONFIGURATION)
def test_a_wrong_configuration_is_a_usage_error_that_names_the_key(tmp_path, monkeypatch, case):
    text, message = WRONG_CONFIGURATION[case]
    (tmp_path / "mine.py").write_text(MINE, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    configure(tmp_path, text)
    with pytest.raises(UsageError) as caught:
        read(tmp_path).requests()
    assert message in str(caught.value)


def test_the_table_of_another_tool_is_no_slip(tmp_path):
    configure(tmp_path, "[tool.verity]\nprofile = 'quick'")
    assert tool(tmp_path) == {}


@pytest.mark.parametrize("words", ["run --output out", "list candidates"])
def test_a_wrong_configuration_ends_with_2(verify, tmp_path, words):
    configure(tmp_path, "[tool.verify]\nprofil = 'ci'")
    done = verify(words, code=2, leaves=["out"] if words.startswith("run") else [])
    assert done.stderr.startswith("Error: unknown key in [tool.verify] 'profil'. Did you mean 'profile'?")


def test_a_folder_without_candidates_is_told_what_is_judged(tmp_path, monkeypatch):
    """Here of one kernel alone."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(
        configuration, "core_candidates", lambda: [{"target": "verify.core.softmax_cross_entropy:l2", "loss": "softmax_cross_entropy"}]
    )
    told = {q: CliRunner().invoke(cli, ["run", "--law", "bad-input", "--profile", "quick", "--in-process", *q]) for q in ((), ("--quiet",))}
    assert [done.exit_code for done in told.values()] == [0, 0]
    assert ["the built-in core is judged" in done.stderr for done in told.values()] == [True, False]


def test_a_folder_within_a_project_is_not_taken_for_none(tmp_path, monkeypatch):
    configure(tmp_path, CANDIDATE.format("right"))
    (tmp_path / "deep" / "er").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "deep" / "er")
    done = CliRunner().invoke(cli, ["run"], standalone_mode=False)
    assert isinstance(done.exception, UsageError)
    assert f"in that of a folder above, {tmp_path}. Go there: cd {tmp_path}" in str(done.exception)


def test_no_candidate_ends_with_5(verify, tmp_path):
    configure(tmp_path, "[tool.verify]\ncandidates = []\n")
    assert "nothing selected" in verify("run --output out", code=5, leaves=["out"]).stderr
    assert verify("list candidates", code=5, leaves=["out"]).stdout == ""


def test_json_on_standard_output_is_pure_whatever_the_candidate_prints(verify):
    done = verify(f"check mine.py:noisy {SOFTMAX} {ONE_LAW} --format json", code=0)
    document = json.loads(done.stdout)
    assert document["verdict"] == "holds"
    assert done.stdout == json.dumps(document, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def test_in_process_what_is_printed_is_seen_at_once_beside_the_document(verify):
    done = verify(f"check mine.py:right {SOFTMAX} {ONE_LAW} --format json --in-process", code=0)
    assert json.loads(done.stdout)["verdict"] == "holds"
    assert done.stderr == "noise at import\n"


def test_a_document_can_go_to_a_file_and_nothing_else_is_left(verify, tmp_path):
    done = verify(f"check mine.py:right {SOFTMAX} {ONE_LAW} --format json --output a/b/report.json --quiet", code=0, leaves=["a"])
    assert json.loads((tmp_path / "a/b/report.json").read_text(encoding="utf-8"))["verdict"] == "holds"
    assert [p.name for p in (tmp_path / "a/b").iterdir()] == ["report.json"]
    assert done.stdout == ""
    assert sorted(p.name for p in tmp_path.iterdir() if p.name != "__pycache__") == ["a", "mine.py"]


def test_run_judges_every_candidate_and_writes_the_report(verify, tmp_path):
    configure(tmp_path, "[tool.verify]\nprofile = 'quick'\nseed = 7\n" + CANDIDATE.format("right") + CANDIDATE.format("wrong"))
    done = verify("run --law gradient", code=1, leaves=["reports"])
    latest = tmp_path / "reports" / "latest"
    document = json.loads((latest / "report.json").read_text(encoding="utf-8"))
    assert [(r["candidate"], r["verdict"]) for r in document["results"]] == [("mine.py:right", "holds"), ("mine.py:wrong", "broken")]
    assert (document["seed"], document["profile"], document["verdict"]) == (7, "quick", "broken")
    assert "gradient law broken" in (latest / "index.html").read_text(encoding="utf-8")
    assert sorted(p.name for p in latest.iterdir()) == ["index.html", "ledger.sqlite", "report.json", "witness"]
    assert [p.stem for p in (latest / "witness").iterdir()] == [document["results"][1]["witness"]["id"]]
    assert "index.html" in done.stderr


def test_a_run_whose_witnesses_cannot_be_written_leaves_its_report(verify, tmp_path):
    """A candidate may have put a file in the place of their folder."""
    configure(tmp_path, CANDIDATE.format("wrong"))
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "witness").touch()
    done = verify("run --law value --law gradient --profile quick --output out", code=2, leaves=["out"])
    assert "the witnesses cannot be written to out/witness" in done.stderr
    (broken,) = (
        r for r in json.loads((tmp_path / "out" / "report.json").read_text(encoding="utf-8"))["results"] if r["verdict"] == "broken"
    )
    assert broken["witness"]["values"]


def on_a_disk(size: str, *words: str) -> list[str]:
    """Runs the words with a file system of this size of their own at `out`; what is there in the end is in `kept`."""
    script = f"mount -t tmpfs -o size={size} tmpfs out && $0 $@; cp -r out kept"
    return ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", script, *words]


def can_mount() -> bool:
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "out").mkdir()
        return bool(shutil.which("unshare")) and not subprocess.run(on_a_disk("1m", "touch", "out/a"), cwd=folder, check=False).returncode


own_disks = pytest.mark.skipif(sys.platform == "win32" or not can_mount(), reason="no file system of one's own can be mounted here")
FILLS = """
def fills(W, X, y, reg):
    try:
        with open("out/junk", "ab", buffering=0) as junk:
            while True:
                junk.write(bytes(1000))
    except OSError:
        return right(W, X, y, reg)

def prints(W, X, y, reg):
    print("noise " * 300)
    return right(W, X, y, reg)
"""


@own_disks
@pytest.mark.parametrize(("size", "output"), [("1m", "out"), ("8k", "kept")])
def test_a_disk_that_is_full_costs_nobody_the_report(tmp_path, size, output):
    """It fills while the run goes on, or is that of temporary files."""
    (tmp_path / "mine.py").write_text(MINE.replace('print("noise at import")', "") + FILLS, encoding="utf-8")
    configure(tmp_path, CANDIDATE.format("fills" if output == "out" else "prints") + CANDIDATE.format("wrong"))
    (tmp_path / "out").mkdir()
    words = on_a_disk(size, *MODULE, "run", *ONE_LAW.split(), "--law", "gradient", "--law", "purity", "--law", "order", "--output", output)
    environment = ENVIRONMENT | ({} if output == "out" else {"TMPDIR": str(tmp_path / "out")})
    done = subprocess.run(words, cwd=tmp_path, env=environment, capture_output=True, encoding="utf-8", timeout=120, check=False)
    assert "Traceback" not in done.stderr
    results = json.loads((tmp_path / "kept" / "report.json").read_text(encoding="utf-8"))["results"]
    assert len(results) == 8
    if output == "out":
        assert {r["verdict"] for r in results} == {"holds", "broken"}
    else:
        silent = [r for r in results if r["verdict"] == "silent"]
        assert {r["verdict"] for r in results if "prints" in r["candidate"]} <= {"holds", "silent"}
        assert len(silent) > 2
        told = "temporary files cannot be written (No space left on device); make room, or name another folder in TMPDIR"
        assert all([*r["undecided"]] == [told] for r in silent)


def test_witnesses_that_do_not_all_fit_leave_their_room_to_the_report(tmp_path, monkeypatch, capsys):
    (tmp_path / "mine.py").write_text(MINE, encoding="utf-8")
    configure(tmp_path, CANDIDATE.format("wrong"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["verify", "run", "--profile", "quick", "--law", "gradient", "--output", "out"])
    usual = witness.save

    def fills(outcomes, folder):
        usual(outcomes, folder)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(witness, "save", fills)
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    assert "the witnesses cannot be written" in capsys.readouterr().err
    assert not (tmp_path / "out" / "witness").exists()
    assert (tmp_path / "out" / "report.json").exists()


def test_a_hang_and_a_lost_process_cost_their_own_law_only(verify, tmp_path):
    configure(tmp_path, "[tool.verify]\nprofile = 'quick'\n" + CANDIDATE.format("hangs") + CANDIDATE.format("leaves"))
    done = verify("run --law purity --law value --timeout 4 --format json --output out", code=1, leaves=["out"])
    results = json.loads((tmp_path / "out" / "report.json").read_text(encoding="utf-8"))["results"]
    told = {(r["candidate"], r["law"]): (r["verdict"], r.get("diagnosis", {}).get("code")) for r in results}
    assert told == {
        ("mine.py:hangs", "purity"): ("broken", "hung"),
        ("mine.py:hangs", "value"): ("holds", None),
        ("mine.py:leaves", "purity"): ("broken", "crashed"),
        ("mine.py:leaves", "value"): ("holds", None),
    }
    assert "Traceback" not in done.stderr


def test_a_candidate_that_exits_is_broken(verify):
    done = verify(f"check mine.py:exits {SOFTMAX} {ONE_LAW}", code=1)
    assert "SystemExit" in done.stdout


@pytest.mark.skipif(sys.platform == "win32", reason="pseudo-terminals are POSIX")
@pytest.mark.parametrize(
    ("setting", "coloured"), [({}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)], ids=["plain", "NO_COLOR", "dumb"]
)
def test_a_terminal_has_colours_unless_it_asks_for_none(tmp_path, setting, coloured):
    (tmp_path / "mine.py").write_text(MINE, encoding="utf-8")
    ours, theirs = os.openpty()
    words = f"check mine.py:right {SOFTMAX} {ONE_LAW} --quiet".split()
    environment = ENVIRONMENT | {"TERM": "xterm-256color"} | setting
    done = subprocess.run([*MODULE, *words], cwd=tmp_path, env=environment, stdout=theirs, stderr=subprocess.PIPE, timeout=60, check=False)
    os.close(theirs)
    shown = os.read(ours, 100_000).decode()
    os.close(ours)
    assert done.returncode == 0, done.stderr
    assert "holds: 1 of 1 check holds" in shown
    assert bool(re.search(r"\x1b\[[0-9;]*3[0-9]", shown)) is coloured


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device here that is always full")
@pytest.mark.parametrize("words", [["--help"], ["list", "laws", "--format", "json"]])
def test_a_full_disk_is_told_in_a_sentence(words):
    with Path("/dev/full").open("w", encoding="utf-8") as full:
        done = subprocess.run([*MODULE, *words], stdout=full, stderr=subprocess.PIPE, encoding="utf-8", timeout=60, check=False)
    assert done.returncode == 2
    assert re.fullmatch(r"Error: the output cannot be written: .*\. Make room, or give another place for it\.\n", done.stderr)


LIMITS = {
    "files": ("RLIMIT_NOFILE", 16, "Too many open files", True),
    "fewer files": ("RLIMIT_NOFILE", 8, "gives this command no more: Too many open files", False),
    "size of a file": ("RLIMIT_FSIZE", 0, "there is no folder for temporary files", False),
    "memory": ("RLIMIT_AS", 300 << 20, "gives this command no more: no memory", False),
}


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="limits of Linux")
@pytest.mark.parametrize("limit", LIMITS)
def test_a_run_that_a_limit_ends_says_so_and_leaves_a_report_where_it_can(tmp_path, limit):
    import resource

    name, most, told, report = LIMITS[limit]
    (tmp_path / "mine.py").write_text(MINE, encoding="utf-8")
    configure(tmp_path, CANDIDATE.format("right"))
    done = subprocess.run(
        [*MODULE, "run", *ONE_LAW.split(), "--output", "out"],
        cwd=tmp_path,
        env=ENVIRONMENT,
        preexec_fn=lambda: resource.setrlimit(getattr(resource, name), (most, most)),
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )
    assert done.returncode in ((2, 4) if report else (2,)), done.stderr
    assert told in done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    if report:
        (result,) = json.loads((tmp_path / "out" / "report.json").read_text(encoding="utf-8"))["results"]
        assert result["verdict"] == "silent"
        assert (tmp_path / "out" / "index.html").exists()


LIMITS_THE_COMMAND = """
def limits_the_command(*arguments):
    import os, resource
    with open(f"/proc/{os.getppid()}/stat") as server:
        command = int(server.read().rpartition(")")[2].split()[1])
    for limit in (resource.RLIMIT_NOFILE, resource.RLIMIT_FSIZE):
        resource.prlimit(command, limit, (3, resource.prlimit(command, limit)[1]))
    return right(*arguments)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="limits of Linux")
def test_a_candidate_that_lowers_the_limits_of_the_command_costs_no_report(tmp_path):
    (tmp_path / "mine.py").write_text(MINE + LIMITS_THE_COMMAND, encoding="utf-8")
    configure(tmp_path, CANDIDATE.format("limits_the_command") + CANDIDATE.format("right"))
    done = subprocess.run(
        [*MODULE, "run", *ONE_LAW.split(), "--output", "out"],
        cwd=tmp_path,
        env=ENVIRONMENT,
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )
    assert "Traceback" not in done.stderr
    assert done.returncode == 0, done.stderr
    assert [r["verdict"] for r in json.loads((tmp_path / "out" / "report.json").read_text(encoding="utf-8"))["results"]] == ["holds"] * 2
    assert (tmp_path / "out" / "index.html").exists()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="pipes with names are POSIX")
def test_a_report_may_be_read_from_a_pipe(tmp_path):
    """It is not read there a second time, for which nobody would write."""
    (tmp_path / "mine.py").write_text(MINE, encoding="utf-8")
    configure(tmp_path, CANDIDATE.format("right"))
    (tmp_path / "out" / "witness").mkdir(parents=True)
    os.mkfifo(tmp_path / "out" / "report.json")
    with subprocess.Popen(["cat", "out/report.json"], cwd=tmp_path, stdout=subprocess.PIPE, encoding="utf-8") as reader:
        try:
            done = subprocess.run(
                [*MODULE, "run", *ONE_LAW.split(), "--quiet", "--output", "out"], cwd=tmp_path, env=ENVIRONMENT, timeout=60, check=False
            )
        finally:
            reader.kill()
        assert done.returncode == 0
        assert json.loads(reader.stdout.read())["verdict"] == "holds"


def test_an_error_after_the_first_outcomes_leaves_them_in_the_report(tmp_path, monkeypatch, capsys):
    """Whatever fails in a run, or once all is judged, costs no outcome."""
    (tmp_path / "mine.py").write_text(MINE, encoding="utf-8")
    configure(tmp_path, CANDIDATE.format("right"))
    monkeypatch.chdir(tmp_path)
    judged, words = reuse.judged, ["verify", "run", "--profile", "quick", "--law", "value", "--law", "order", "--output", "out"]
    monkeypatch.setattr(sys, "argv", words)

    def fails(*_, **__):
        raise ValueError("a bug")

    def fails_later(tasks, *given, **how):
        judged(tasks[:1], *given, **how)
        fails()

    def is_lost(tasks, *given, **how):
        judged(tasks[:1], *given, **how)
        raise UsageError("there is no folder for temporary files.")

    failing = [
        ("api.reuse.judged", fails_later, 3, "ValueError: a bug", ["holds", "silent"]),
        ("api.reuse.judged", is_lost, 2, "Error: there is no folder", ["holds", "silent"]),
        ("campaign.pictures.measured", fails, 3, "ValueError: a bug", ["holds", "holds"]),
    ]
    for place, by, code, told, due in failing:
        shutil.rmtree(tmp_path / "out", ignore_errors=True)
        with monkeypatch.context() as patched:
            patched.setattr(f"verify.{place}", by)
            with pytest.raises(SystemExit) as ended:
                main()
        assert ended.value.code == code
        assert told in capsys.readouterr().err
        results = json.loads((tmp_path / "out" / "report.json").read_text(encoding="utf-8"))["results"]
        assert [r["verdict"] for r in results] == due


def test_a_system_that_has_no_more_to_give_is_told_in_a_sentence(monkeypatch, capsys):
    def fails(**_):
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    monkeypatch.setattr(cli, "main", fails)
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    assert "no more: Too many open files. Raise its limits" in capsys.readouterr().err


@pytest.mark.skipif(sys.platform == "win32", reason="process groups and /proc are POSIX")
@pytest.mark.parametrize("heard_by", ["the command", "everyone, as by Ctrl-C"])
def test_an_interrupt_ends_with_130_and_leaves_no_worker(tmp_path, heard_by):
    (tmp_path / "mine.py").write_text(MINE, encoding="utf-8")
    configure(tmp_path, CANDIDATE.format("slow"))
    process = subprocess.Popen(
        [*MODULE, "run", "--law", "value"],
        cwd=tmp_path,
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        start_new_session=True,
    )
    try:
        assert soon(lambda: (tmp_path / "begun").exists())
        (os.kill if heard_by == "the command" else os.killpg)(process.pid, signal.SIGINT)
        _, told = process.communicate(timeout=20)
    finally:
        if process.poll() is None:
            process.kill()
            process.communicate()
    ended = "ended by SIGINT: reports/latest/report.json has what was judged, and verify run goes on from there"
    assert (process.returncode, told.strip()) == (130, ended)
    (result,) = json.loads((tmp_path / "reports" / "latest" / "report.json").read_text(encoding="utf-8"))["results"]
    assert list(result["undecided"]) == ["the run was ended by SIGINT before this was judged; verify run goes on from there"]
    assert soon(lambda: not living(process.pid)), living(process.pid)


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
def test_a_second_signal_does_not_end_the_writing_of_the_report(tmp_path, monkeypatch):
    """A shell that ends tells its jobs that its terminal was closed, and so does the system."""
    (tmp_path / "mine.py").write_text(MINE, encoding="utf-8")
    configure(tmp_path, CANDIDATE.format("right"))
    monkeypatch.chdir(tmp_path)
    told, before = [], signal.signal(signal.SIGHUP, lambda number, _: told.append(number))

    def twice(*_, **__):
        try:
            signal.raise_signal(signal.SIGHUP)
        finally:
            signal.raise_signal(signal.SIGHUP)

    words = ["run", "--law", "value", "--profile", "quick", "--quiet"]
    try:
        with monkeypatch.context() as patched:
            patched.setattr("verify.campaign.pictures.measured", twice)
            patched.setattr("verify.commands.run._keep", lambda *_: signal.raise_signal(signal.SIGHUP))
            run = CliRunner().invoke(cli, words, standalone_mode=False)
        assert (run.return_value, told) == (129, [])
        latest = tmp_path / "reports" / "latest"
        assert "</html>" in (latest / "index.html").read_text(encoding="utf-8")
        (latest / "index.html").unlink()
        saved = storage.save
        with monkeypatch.context() as patched:
            patched.setattr("verify.report.folder.save", lambda *given: (signal.raise_signal(signal.SIGHUP), told.clear(), saved(*given)))
            run = CliRunner().invoke(cli, words, standalone_mode=False)
        assert (run.return_value, told) == (0, [signal.SIGHUP])
        assert "</html>" in (latest / "index.html").read_text(encoding="utf-8")
    finally:
        signal.signal(signal.SIGHUP, before)


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT"])
def test_a_signal_that_comes_where_nobody_hears_what_is_raised_ends_the_run_all_the_same(name, capfd):
    class Dies:
        def __del__(self):
            signal.raise_signal(signal.Signals[name])

    def goes_on():
        with until_ended():
            Dies()
            soon(lambda: False)

    with pytest.raises(KeyboardInterrupt, match=name):
        goes_on()
    assert capfd.readouterr().err == ""


@pytest.fixture
def terminated():
    """Ends a block by SIGTERM, and tells who hears one behind it; the handler from before."""

    def ended():
        with pytest.raises(KeyboardInterrupt, match="SIGTERM"), until_ended():
            signal.raise_signal(signal.SIGTERM)
        return signal.getsignal(signal.SIGTERM)

    before = signal.getsignal(signal.SIGTERM)
    yield ended, before
    signal.signal(signal.SIGTERM, before)


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
def test_where_no_command_ends_signals_are_not_ignored_for_good(terminated):
    ended, before = terminated
    assert ended() == before


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
def test_signals_are_ignored_until_the_ledger_is_closed(terminated):
    ended, before = terminated
    told = []
    with click.Context(cli) as whole:
        with click.Context(cli.get_command(whole, "run"), parent=whole) as context:
            context.call_on_close(lambda: told.append(signal.getsignal(signal.SIGTERM)))  # as the ledger
            assert ended() == signal.SIG_IGN
        assert told == [signal.SIG_IGN]
    assert signal.getsignal(signal.SIGTERM) == before


def test_an_interrupt_of_what_follows_the_judgement_leaves_the_page_too(tmp_path, monkeypatch):
    (tmp_path / "mine.py").write_text(MINE, encoding="utf-8")
    configure(tmp_path, CANDIDATE.format("right"))
    monkeypatch.chdir(tmp_path)

    def stopped(*_, **__):
        os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr("verify.campaign.power.tables", stopped)
    run = CliRunner().invoke(cli, ["run", "--law", "value", "--profile", "quick", "--quiet", "--power"], standalone_mode=False)
    assert run.return_value == 130
    latest = tmp_path / "reports" / "latest"
    assert "ended by SIGINT" in run.stderr
    assert json.loads((latest / "report.json").read_text(encoding="utf-8"))["results"][0]["verdict"] == "holds"
    assert (latest / "index.html").is_file()


LEAVES = """
import subprocess

begun = []

def leaves(W, X, y, reg):
    if not begun:
        begun.append(subprocess.Popen(["sleep", "60"], start_new_session=True))
        if os.fork() == 0:
            os.setsid()
            os.execvp("sleep", ["sleep", "60"])
        with open("begun", "w", encoding="utf-8") as told:
            told.write(str(os.getpid()))
    time.sleep(0.05)
    return right(W, X, y, reg)
"""


@pytest.fixture
def short():
    """A temporary folder whose name leaves room for that of a socket, of which systems take some hundred characters."""
    with tempfile.TemporaryDirectory(prefix="v", dir="/tmp") as folder:
        yield Path(folder)


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="only Linux tells who has started whom")
def test_nothing_outlives_a_run_that_is_killed(tmp_path, short):
    (tmp_path / "mine.py").write_text(MINE + LEAVES, encoding="utf-8")
    configure(tmp_path, CANDIDATE.format("leaves"))
    run = subprocess.Popen(
        [*MODULE, "run", "--law", "value"],
        cwd=tmp_path,
        env=ENVIRONMENT | {"TMPDIR": str(short)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        assert soon(lambda: (tmp_path / "begun").exists())
        there = below(run.pid)
        assert len(there) >= 5  # the tracker, the server, the worker, and two that it left
        assert list(short.glob(f"verify-{run.pid}-*"))
    finally:
        os.killpg(run.pid, signal.SIGKILL)
        run.wait()
    assert soon(lambda: not any(map(runs, there)))
    assert not list(short.glob("verify-*"))
    assert not [f for f in os.listdir("/dev/shm") if f.startswith(f"sem.verify-{run.pid}-")]


ENDS_THE_SERVER = """
import os, signal, subprocess
from pathlib import Path

def leaves(W, X, y, reg):
    if not Path("left").exists():
        left = subprocess.Popen(["sleep", "60"], start_new_session=True)
        Path("left").write_text(str(left.pid), encoding="utf-8")
        os.kill(os.getppid(), signal.SIGKILL)
    return right(W, X, y, reg)
"""


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="only Linux lets a command adopt what others leave")
def test_what_a_candidate_leaves_is_ended_though_it_ends_the_server_too(tmp_path):
    (tmp_path / "mine.py").write_text(MINE + ENDS_THE_SERVER, encoding="utf-8")
    configure(tmp_path, CANDIDATE.format("leaves"))
    ended = subprocess.run([*MODULE, "run", "--law", "value"], cwd=tmp_path, env=ENVIRONMENT, capture_output=True, check=False, timeout=120)
    assert ended.returncode in (0, 1), ended.stderr
    left = int((tmp_path / "left").read_text(encoding="utf-8"))
    assert soon(lambda: not runs(left))


def runs(process: int) -> bool:
    """Whether a process is there and no zombie, which whoever adopted it may leave."""
    try:
        return Path(f"/proc/{process}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def soon(happens: Callable[[], bool]) -> bool:
    """Whether it happens within 20 seconds."""
    end = time.monotonic() + 20
    while not happens() and time.monotonic() < end:
        time.sleep(0.05)
    return happens()


def living(session: int) -> list[int]:
    """The other processes of a session that are no zombies."""
    found = subprocess.run(["ps", "-s", str(session), "-o", "pid=,stat="], capture_output=True, encoding="utf-8", check=False).stdout
    rows = [line.split() for line in found.splitlines()]
    return [int(pid) for pid, state in rows if not state.startswith("Z") and int(pid) != session]
