"""What was judged is kept: nothing is lost with a run, nothing is judged again for nothing, and nothing is believed that has changed."""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import signal
import sqlite3
import stat
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack, closing
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest

from verify import Verdict
from verify.api import judge_all
from verify.campaign import ledger as ledger_module
from verify.campaign import leftovers
from verify.campaign.ledger import FILE_NAME, Ledger, shared_by_machines
from verify.campaign.reuse import asking
from verify.campaign.sources import _library
from verify.campaign.task import Request, unfinished
from verify.candidates.example import Example
from verify.conventions import PINS, Pins
from verify.documents import as_json
from verify.elapsed import now

LAWS = ("value", "gradient")
HELPER = "FACTOR = 2\n"
MINE = """
import os
import numpy as np
from helper import FACTOR

HERE = os.path.dirname(os.path.abspath(__file__))

def softmax(W, X, y, reg, factor):
    S = X @ W.T
    E = np.exp(S - S.max(1, keepdims=True))
    P = E / E.sum(1, keepdims=True)
    loss = -np.log(P[np.arange(len(X)), y]).mean() + reg * (W * W).sum()
    P[np.arange(len(X)), y] -= 1
    with open(os.path.join(HERE, "asked"), "a", encoding="utf-8") as log:
        log.write("x")
    return loss, P.T @ X / len(X) + factor * reg * W

def f(W, X, y, reg):
    return softmax(W, X, y, reg, FACTOR)
"""
WEIGHED = MINE.replace("from helper import FACTOR", "").replace("reg, FACTOR)", "reg, np.load(os.path.join(HERE, 'factor.npy')))")


def write(folder: Path) -> None:
    """A project of a candidate with a helper, one that is wrong, and one that reads its factor from a file of data."""
    for name, text in {
        "helper": HELPER,
        "right": MINE,
        "wrong": MINE.replace("reg, FACTOR)", "reg, 1)"),
        "weighed": WEIGHED,
    }.items():
        (folder / f"{name}.py").write_text(text, encoding="utf-8")
    np.save(folder / "factor.npy", 2.0)
    for file in folder.iterdir():
        os.utime(file, ns=(1, time.time_ns() - 10**9))


def edit(file: Path, old: str, new: str) -> None:
    file.write_text(file.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")
    os.utime(file, ns=(1, time.time_ns() - 10**8))


@pytest.fixture
def opened():
    """Opens ledgers, which are closed in the end."""
    with ExitStack() as ledgers:
        yield lambda *how, **more: ledgers.enter_context(closing(Ledger(*how, **more)))


@pytest.fixture
def project(tmp_path, monkeypatch):
    write(tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("how", ["BEGIN IMMEDIATE", "BEGIN EXCLUSIVE"])
def test_who_finds_it_locked_goes_on_and_keeps_what_waited_once_it_is_free(tmp_path, opened, monkeypatch, how):
    monkeypatch.setattr(ledger_module, "LOCK_TIMEOUT", 0.05)
    with closing(sqlite3.connect(tmp_path / FILE_NAME, isolation_level=None)) as other:
        for waits in (False, True):  # as it is made, and later
            ledger = opened(tmp_path / FILE_NAME) if waits else None
            other.execute(how)
            ledger = ledger or opened(tmp_path / FILE_NAME)
            assert ledger.claim({"a"}) == {"a"}
            ledger.keep("a", '{"n": 1}', None)
            assert "is locked by another process: what is judged is kept there as soon as it is free" in ledger.note
            began = time.monotonic()
            ledger.keep("b", '{"n": 2}', None)
            assert time.monotonic() - began < 0.05  # it has been waited for
            other.execute("COMMIT")
            ledger.keep("c", '{"n": 3}', None)
            assert [ledger.find(name).document["n"] for name in "abc"] == [1, 2, 3]


def test_what_waits_is_kept_in_the_end_or_said(tmp_path, opened, monkeypatch):
    monkeypatch.setattr(ledger_module, "LOCK_TIMEOUT", 0.05)
    monkeypatch.setattr(ledger_module, "FINAL_TIMEOUT", 0.05)
    monkeypatch.setattr(ledger_module, "FINAL_NOTICE", 0.01)
    said = []
    kept, lost = opened(tmp_path / FILE_NAME), opened(tmp_path / FILE_NAME)
    with closing(sqlite3.connect(tmp_path / FILE_NAME, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        for ledger in (kept, lost):
            ledger.keep("a" if ledger is kept else "b", "{}", None)
        lost.close(said.append)
        assert [told.removeprefix(str(lost.file)) for told in said] == [
            " is locked by another process: waiting up to 0.05 s to keep 1 answers there"
        ]
        assert "is locked by another process still: 1 answers are not kept" in lost.note
        other.execute("COMMIT")
    kept.close(said.append)
    assert len(said) == 1
    again = opened(tmp_path / FILE_NAME)
    assert again.find("a") is not None
    assert again.find("b") is None


def judged(folder: Path, *names: str, fresh: bool = False, **how):
    """The outcomes of one run beside the ledger, by candidate and law, and how often a candidate was asked."""
    log = folder / "asked"
    log.write_text("", encoding="utf-8")
    ledger = Ledger(folder / FILE_NAME)
    how = {"laws": LAWS, "profile": "quick"} | how
    requests = [Request(candidate=f"{name}.py:f", loss="softmax_cross_entropy", **how) for name in names]
    report = judge_all(requests, ledger=ledger, fresh=fresh)
    ledger.close()
    outcomes = {(o.task.request.name.removesuffix(".py:f"), o.task.law): o for o in report.outcomes}
    return report, outcomes, len(log.read_text(encoding="utf-8"))


def told(report) -> str:
    return as_json({**report.to_dict(), "environment": None})


def test_an_unchanged_project_is_not_asked_again_but_for_its_counterexamples(project):
    names = ("right", "wrong", "weighed")
    first, _, asked = judged(project, *names)
    second, outcomes, again = judged(project, *names)
    assert told(second) == told(first)
    assert second.reused == second.judged == 6
    assert outcomes["wrong", "gradient"].result.verdict is Verdict.BROKEN
    assert second.to_dict()["environment"]["reused"] == list(range(6))
    assert again < asked / 5
    assert judged(project, "right", "weighed")[2] == 0
    third, _, anew = judged(project, *names, fresh=True)
    assert (third.reused, told(third)) == (0, told(first))
    assert anew > 0.8 * asked  # each process that takes up a task finds out how it is called


@pytest.mark.parametrize("change", ["right.py", "helper.py", "factor.npy"])
def test_only_what_an_edit_concerns_is_judged_again(project, change):
    judged(project, "right", "weighed")
    if change == "factor.npy":
        np.save(project / change, 1.0)
        os.utime(project / change, ns=(1, 2))
    else:
        edit(project / change, *(("reg, FACTOR)", "reg, 1)") if change == "right.py" else ("2", "1")))
    _, outcomes, _ = judged(project, "right", "weighed")
    edited, other = ("weighed", "right") if change == "factor.npy" else ("right", "weighed")
    assert all(not outcomes[edited, law].reused and outcomes[other, law].reused for law in LAWS)
    assert outcomes[edited, "gradient"].result.verdict is Verdict.BROKEN


READ = {
    "sought": "try:\n    from fast import FACTOR\nexcept ImportError:\n    FACTOR = 2",
    "queried": "import sqlite3\nFACTOR = sqlite3.connect('some.db').execute('SELECT x FROM t').fetchone()[0]",
    "listed": "FACTOR = len(os.listdir('data'))",
    "beside": "os.chdir('data')\nFACTOR = float(open('a.txt', encoding='utf-8').read())\nos.chdir('..')",
    "asked_of": "import subprocess\nFACTOR = float(subprocess.check_output(['cat', 'data/a.txt']))",
}
"""How a candidate may come to its factor."""


def test_what_a_candidate_reads_is_seen_however_it_does(project):
    for name, how in READ.items():
        (project / f"{name}.py").write_text(MINE.replace("from helper import FACTOR", how), encoding="utf-8")
    (project / "data").mkdir()
    for name in ("a.txt", "b.txt"):
        (project / "data" / name).write_text("2", encoding="utf-8")
    with closing(sqlite3.connect(project / "some.db")) as rows:
        rows.executescript("CREATE TABLE t (x); INSERT INTO t VALUES (2)")
    for file in project.rglob("*"):
        os.utime(file, ns=(1, time.time_ns() - 10**9))
    judged(project, *READ, laws=("gradient",))
    _, outcomes, _ = judged(project, *READ, laws=("gradient",))
    assert {name: o.reused for (name, _), o in outcomes.items()} == {name: name != "asked_of" for name in READ}
    (project / "fast.py").write_text("FACTOR = 1\n", encoding="utf-8")
    (project / "data" / "a.txt").write_text("1", encoding="utf-8")
    (project / "data" / "b.txt").unlink()
    with closing(sqlite3.connect(project / "some.db")) as rows:
        rows.executescript("UPDATE t SET x = 1")
    _, outcomes, _ = judged(project, *READ, laws=("gradient",))
    assert {o.result.verdict for o in outcomes.values()} == {Verdict.BROKEN}


def test_a_library_that_the_system_loads_is_read(project):
    compiled = project / "some.so"
    shutil.copy(np.linalg._umath_linalg.__file__, compiled)
    loading = "import ctypes\nctypes.CDLL('./some.so')\nFACTOR = 2"
    (project / "loads.py").write_text(MINE.replace("from helper import FACTOR", loading), encoding="utf-8")
    for file in project.iterdir():
        os.utime(file, ns=(1, time.time_ns() - 10**9))
    for reused in (False, True):
        assert judged(project, "loads", laws=("value",))[1]["loads", "value"].reused is reused
    with compiled.open("ab") as file:
        file.write(b"another build")
    assert not judged(project, "loads", laws=("value",))[1]["loads", "value"].reused


COMPILED = """
import numba
import numpy as np
from helper import twice

@numba.njit({how})
def weighed(W, reg):
    return twice(reg) * W

def f(W, X, y, reg):
    S = X @ W.T
    E = np.exp(S - S.max(1, keepdims=True))
    P = E / E.sum(1, keepdims=True)
    loss = -np.log(P[np.arange(len(X)), y]).mean() + reg * (W * W).sum()
    P[np.arange(len(X)), y] -= 1
    return loss, P.T @ X / len(X) + weighed(W, reg)
"""


@pytest.mark.parametrize("how", ["cache=True", "'float64[:, :](float64[:, ::1], float64)', cache=True"])
def test_what_numba_keeps_of_a_callee_that_has_changed_is_not_believed(project, how):
    """It compares the time of the function's own file alone; with a signature it loads what it keeps on import."""
    source = COMPILED.format(how=how).replace("twice(reg) * W", "np.multiply(twice(reg), W)")
    (project / "compiled.py").write_text(source, encoding="utf-8")
    (project / "helper.py").write_text("import numba\n\n@numba.njit\ndef twice(x):\n    return 2 * x\n", encoding="utf-8")
    for file in project.iterdir():
        os.utime(file, ns=(1, time.time_ns() - 10**9))
    for verdict in (Verdict.HOLDS, Verdict.BROKEN, Verdict.HOLDS):
        _, outcomes, _ = judged(project, "compiled", laws=("gradient",))
        assert outcomes["compiled", "gradient"].result.verdict is verdict
        assert [*(project / "__pycache__").glob("compiled.weighed*.nbi")]
        helper = (project / "helper.py").read_text(encoding="utf-8")
        edit(project / "helper.py", *(("2 * x", "3 * x") if "2 * x" in helper else ("3 * x", "2 * x")))
        os.utime(project / "helper.py")


@pytest.mark.parametrize(
    ("file", "library"),
    [("scipy/_cyutility.so", "scipy"), ("six.py", "six"), ("a/site-packages/b/c.py", "b"), ("../mine.py", None)],
)
def test_a_module_of_a_library_is_one_whatever_it_calls_itself(file, library):
    assert _library(os.path.normpath(f"/lib/site-packages/{file}")) == library


def test_what_broke_is_asked_first_after_an_edit(project):
    _, before, _ = judged(project, "wrong")
    edit(project / "wrong.py", "def f", "# tried\ndef f")
    _, edited, asked = judged(project, "wrong", laws=("gradient",))
    result = edited["wrong", "gradient"].result
    assert (result.verdict, result.cases, edited["wrong", "gradient"].reused) == (Verdict.BROKEN, 1, False)
    assert result.witness.case.to_dict() == before["wrong", "gradient"].result.witness.case.to_dict()
    edit(project / "wrong.py", "reg, 1)", "reg, FACTOR)")
    _, mended, searched = judged(project, "wrong", laws=("gradient",))
    assert mended["wrong", "gradient"].result.verdict is Verdict.HOLDS
    assert mended["wrong", "gradient"].result.cases > 1
    assert asked < searched / 2


def test_what_a_ledger_says_is_broken_is_only_believed_where_it_breaks(project):
    judged(project, "right", "wrong", laws=("gradient",))
    right, wrong = (
        asking(Request(candidate=f"{n}.py:f", loss="softmax_cross_entropy", laws=("gradient",), profile="quick").tasks()[0])
        for n in ("right", "wrong")
    )
    rows = sqlite3.connect(project / FILE_NAME)
    rows.execute("UPDATE answers SET told=(SELECT told FROM answers WHERE question=?), broken=1 WHERE question=?", (wrong, right))
    rows.commit()
    rows.close()
    _, outcomes, _ = judged(project, "right", laws=("gradient",))
    assert (outcomes["right", "gradient"].result.verdict, outcomes["right", "gradient"].reused) == (Verdict.HOLDS, False)


@pytest.mark.parametrize("change", [{"seed": 1}, {"profile": "ci"}, {"dtypes": ("float32",)}])
def test_another_question_has_another_answer(project, change):
    judged(project, "right", laws=("value",))
    assert not judged(project, "right", laws=("value",), **change)[1]["right", "value"].reused


OTHER: dict[str, object] = {
    "candidate": "g.py:f", "loss": "squared_error", "pins": Pins(delta=2.0), "dtypes": ("float32",), "laws": ("gradient",),
    "profile": "deep", "seed": 1, "at": Example(np.ones(2)), "wrt": ("x",), "reference": "g.py:f", "surrogate": "g.py:f",
    "derivative": 2, "convex": True, "formula": "own", "at_only": True, "inputs": (("x", "n"),), "is_drawn": True, "folder": "elsewhere",
}  # fmt: skip
"""Another value of each field of a request."""


@pytest.mark.parametrize("name", [f.name for f in fields(Request)])
def test_every_field_of_a_request_makes_another_question(name):
    """Else the ledger answers the old one. Where files lie is none: what they hold is looked at."""
    request = Request(candidate="f.py:f", loss="softmax_cross_entropy", laws=("value",))
    other = replace(request, **{name: OTHER[name]})
    assert (asking(other.tasks()[0]) == asking(request.tasks()[0])) is (name == "folder")


@pytest.mark.parametrize("name", PINS)
def test_every_pin_makes_another_question(name):
    values = {"signature": "scores", "layout": "DC", "reduction": "sum", "penalty": "l2", "delta": 2.0, "parameters": {"delta": 3.0}}
    other = Pins(**{name: (values | {"classes": 3, "hessian": "exact", "gradient": "none"})[name]})
    request = Request(candidate="f.py:f", loss="multiclass_hinge", laws=("value",))
    assert asking(replace(request, pins=other).tasks()[0]) != asking(request.tasks()[0])


CASE = {"values": {"x": [0.0], "y": [2**70]}, "differentiated": ["x"]}
HUGE = json.dumps({"outcome": {"result": {"witness": {"case": CASE, "dtype": "float64", "evidence": None}}}})


def test_rows_that_are_none_are_judged_again(project):
    judged(project, "right")
    for told_now in ("", "[]", "{}", '{"outcome": {"result": {}}, "limits": {}}', "[" * 100_000, '{"outcome": 3, "limits": 4}', HUGE):
        rows = sqlite3.connect(project / FILE_NAME)
        rows.create_function("digest", 3, ledger_module.digest)
        rows.execute("UPDATE answers SET told=?", (told_now,))
        rows.execute("UPDATE answers SET digest=digest(question, told, sources)")
        rows.commit()
        rows.close()
        report, _, _ = judged(project, "right", laws=("value",))
        assert (report.verdict, report.reused) == (Verdict.HOLDS, 0)


def test_what_is_silent_for_want_of_time_is_not_kept(project, opened):
    from verify.campaign import reuse
    from verify.campaign.notes import Note

    ledger = opened(project / FILE_NAME)

    def late(tasks, *, on_done, **_):
        for task in tasks:
            on_done(unfinished(task, Note(process=1, started=0.0, since=0.0), 1.0))

    task = Request(candidate="right.py:f", loss="softmax_cross_entropy", laws=("value",)).tasks()[0]
    (outcome,) = reuse.judged([task], ledger, timeout=None, execute=late)
    assert outcome.result.verdict is Verdict.SILENT
    assert ledger.find(asking(task)) is None


def test_a_claim_holds_as_long_as_its_process_lives(tmp_path, opened):
    mine = opened(tmp_path / FILE_NAME)
    code = f"""
import time; from pathlib import Path; from verify.campaign.ledger import Ledger
print(sorted(Ledger(Path({str(tmp_path / FILE_NAME)!r})).claim(["a", "b"])), flush=True); time.sleep(60)
"""
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, encoding="utf-8") as other:
        assert other.stdout.readline() == "['a', 'b']\n"
        assert mine.claim(["a", "b", "c"]) == {"c"}
        assert mine.claimed("a") == other.pid
        other.kill()
        other.wait()
    assert mine.claimed("a") is None
    assert mine.claim(["a", "b", "c"]) == {"a", "b", "c"}


def test_two_runs_judge_nothing_twice(project):
    (project / "pyproject.toml").write_text(
        '[tool.verify]\nprofile = "quick"\n' + '[[tool.verify.candidates]]\ntarget = "right.py:f"\nloss = "softmax_cross_entropy"\n',
        encoding="utf-8",
    )
    (project / "asked").write_text("", encoding="utf-8")
    command = [sys.executable, "-m", "verify", "run", "--law", "value", "--law", "gradient", "--format", "json"]
    runs = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, encoding="utf-8") for _ in range(2)]
    ended = [run.communicate() for run in runs]
    assert [run.returncode for run in runs] == [0, 0], ended
    documents = [json.loads(out) for out, _ in ended]
    assert documents[0]["results"] == documents[1]["results"]
    assert sorted(len(d["environment"].get("reused", ())) for d in documents)[1] > 0
    reused = [set(d["environment"].get("reused", ())) for d in documents]
    assert reused[0] | reused[1] == {0, 1}
    assert not reused[0] & reused[1]


AT_ONCE = """
import sys
from pathlib import Path
from verify.campaign.ledger import Ledger
from verify.elapsed import now

for line in sys.stdin:
    at, path = line.split(maxsplit=1)
    while now() < float(at):
        pass
    ledger = Ledger(Path(path.strip()))
    print(ledger.note, ledger.claim(["a"]) and "claimed", flush=True)
    sys.stdin.readline()
    ledger.close()
"""


def test_processes_that_begin_a_ledger_at_once_share_it(tmp_path):
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True, "encoding": "utf-8", "bufsize": 1}
    with (
        subprocess.Popen([sys.executable, "-c", AT_ONCE], **pipes) as one,
        subprocess.Popen([sys.executable, "-c", AT_ONCE], **pipes) as other,
    ):
        for i in range(20):
            at = now() + 0.01
            for run in (one, other):
                run.stdin.write(f"{at} {tmp_path / f'{i}.sqlite'}\n")
            assert sorted(run.stdout.readline().strip() for run in (one, other)) == ["None claimed", "None set()"]
            for run in (one, other):
                run.stdin.write("close\n")
        one.communicate()
        other.communicate()


def test_a_file_that_is_no_ledger_is_put_aside(tmp_path, opened):
    (tmp_path / FILE_NAME).write_bytes(b"not a database, and long enough to be looked at" * 100)
    ledger = opened(tmp_path / FILE_NAME)
    ledger.keep("a", "1", None)
    assert ledger.find("a").document == 1
    assert "was no ledger" in ledger.note
    assert (tmp_path / f"{FILE_NAME}.unreadable").exists()


def test_a_ledger_that_cannot_be_written_costs_nothing_else(tmp_path, opened):
    ledger = opened(tmp_path / "nowhere" / FILE_NAME)
    ledger.keep("a", "1", None)
    assert ledger.find("a") is None
    assert ledger.claim(["a"]) == {"a"}
    assert "cannot be used" in ledger.note


def test_a_disk_that_is_full_ends_no_run_and_is_told(project, opened):
    """SQLite says the same where it may take no further page."""
    ledger, said = opened(project / FILE_NAME), []
    (pages,) = ledger._rows.execute("PRAGMA page_count").fetchone()
    ledger._rows.execute(f"PRAGMA max_page_count={pages}")
    request = Request(candidate="right.py:f", loss="softmax_cross_entropy", laws=LAWS, profile="quick")
    report = judge_all([request], ledger=ledger, say=said.append)
    assert report.verdict is Verdict.HOLDS
    assert len(report.outcomes) == 2
    assert [("full" in told, "not kept" in told) for told in said] == [(True, True)]


def test_where_nothing_can_be_logged_ahead_there_is_another_journal(tmp_path, opened):
    ledger = opened(tmp_path / FILE_NAME, system="unix-dotfile")
    ledger.keep("a", "1", None)
    assert ledger.find("a").document == 1
    assert "its journal is delete" in ledger.note
    assert opened(tmp_path / f"other-{FILE_NAME}").note is None


def test_file_systems_of_several_machines_are_known(tmp_path):
    mounts = tmp_path / "mounts"
    mounts.write_text(f"/dev/a / ext4 rw 0 0\nserver:/x {tmp_path} nfs4 rw 0 0\n", encoding="utf-8")
    assert shared_by_machines(tmp_path / "sub" / FILE_NAME, mounts)
    assert not shared_by_machines(Path("/elsewhere") / FILE_NAME, mounts)


def killed_until_it_ends(folder: Path, seed: int, kills: int, seconds: float = 0.0) -> tuple[str, int]:
    """Runs `verify run` there, kills it so often at random moments of so many seconds, then lets it end: what it reports then, and how
    many outcomes were told before a kill. Each of them must have been kept.
    """
    (folder / "pyproject.toml").write_text(
        '[tool.verify]\nprofile = "quick"\n'
        + "".join(f'[[tool.verify.candidates]]\ntarget = "{n}.py:f"\nloss = "softmax_cross_entropy"\n' for n in ("right", "wrong")),
        encoding="utf-8",
    )
    command = [sys.executable, "-m", "verify", "run", "--law", "value", "--law", "gradient"]
    chance, seen = random.Random(seed), 0
    for _ in range(kills):
        with subprocess.Popen(command, cwd=folder, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, start_new_session=True) as run:
            time.sleep(chance.uniform(0, seconds))
            os.killpg(run.pid, signal.SIGKILL)
            lines = re.findall(r"\[\d+/\d+\] (\S+) (\S+) (\S+): (\w+)", run.stderr.read().decode())
        seen += len(lines)
        if lines:
            rows = sqlite3.connect(folder / FILE_NAME if (folder / FILE_NAME).exists() else folder / "reports" / "latest" / FILE_NAME)
            (kept,) = rows.execute("SELECT count(*) FROM answers WHERE subject NOT NULL").fetchone()
            rows.close()
            assert kept >= len(lines)
    ended = subprocess.run(command, cwd=folder, capture_output=True, text=True, encoding="utf-8", timeout=300, check=False)
    assert ended.returncode == 1, ended.stderr
    document = json.loads((folder / "reports" / "latest" / "report.json").read_text(encoding="utf-8"))
    return as_json({**document, "environment": None}), seen


@pytest.mark.skipif(sys.platform != "linux", reason="Linux tells when a process began")
def test_folders_of_servers_that_live_no_more_are_swept(monkeypatch):
    """Those of runs that were killed together with their server. Of a stranger's nobody can tell whether it is of use."""
    home = Path(tempfile.mkdtemp())  # whose name is short: there are sockets
    monkeypatch.setattr(tempfile, "tempdir", str(home))
    (home / "pymp-other").mkdir()
    os.utime(home / "pymp-other", (1, 1))
    served = "from verify.campaign import server; from multiprocessing import forkserver; server.context()\n"
    served += "print(forkserver._forkserver._forkserver_pid, flush=True); input()"
    command, environment = [sys.executable, "-c", served], {**os.environ, "TMPDIR": str(home)}
    with subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as run:
        server = int(run.stdout.readline())
        (ours,) = home.glob("verify-*")
        assert stat.S_ISSOCK(next(ours.iterdir()).stat().st_mode)
        leftovers.sweep()
        assert ours.exists()
        for process in (server, run.pid):
            os.kill(process, signal.SIGKILL)
    leftovers.sweep()
    assert [path.name for path in home.iterdir()] == ["pymp-other"]
    shutil.rmtree(home)


SEEDS = range(1, 26) if os.environ.get("VERIFY_TEST_PROFILE") == "deep" else range(1, 2)
KILLS = 4


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """Its report, and how long it takes."""
    folder = tmp_path_factory.mktemp("undisturbed")
    write(folder)
    began = now()
    return killed_until_it_ends(folder, seed=0, kills=0)[0], now() - began


@pytest.mark.skipif(sys.platform == "win32", reason="there are no signals")
@pytest.mark.parametrize("seed", SEEDS)
def test_a_run_that_was_killed_goes_on_and_reports_the_same(tmp_path, undisturbed, seed):
    """A hundred kills at random moments in all, `tox -e kills`: no outcome that was told is lost."""
    write(tmp_path)
    expected, seconds = undisturbed
    report, told_before = killed_until_it_ends(tmp_path, seed=seed, kills=KILLS, seconds=seconds)
    assert report == expected
    with closing(sqlite3.connect(tmp_path / "reports" / "latest" / FILE_NAME)) as rows:
        (kept,) = rows.execute("SELECT count(*) FROM answers WHERE subject NOT NULL").fetchone()
    assert kept == 4
    print(f"{KILLS} kills, {told_before} outcomes told before them")


SPOILT = {
    "text that is no UTF-8": "UPDATE answers SET told=CAST(x'ff7b' AS TEXT)",
    "bytes": "UPDATE answers SET told=x'ff00'",
    "nothing": "UPDATE answers SET told=NULL, sources=NULL",
    "numbers": "UPDATE answers SET told=5, sources=7, digest=9",
    "another answer": "UPDATE answers SET told=replace(told, '1', '2')",
    "another place": "UPDATE answers SET question='b'",
}


@pytest.mark.parametrize("how", SPOILT)
def test_a_row_that_somebody_has_changed_is_none(tmp_path, opened, how):
    ledger = opened(tmp_path / FILE_NAME)
    ledger.keep("a", '{"n": 1}', None)
    assert ledger.find("a").document == {"n": 1}
    ledger._rows.execute(SPOILT[how])
    assert ledger.find("a") is None
    assert ledger.find("b") is None


OTHERS = {
    "tables of somebody else": ["CREATE TABLE users (name)"],
    "a table of that name": ["CREATE TABLE answers (question)", "CREATE TABLE users (name)"],
    "their version is ours": ["CREATE TABLE users (name)", f"PRAGMA user_version={ledger_module.SCHEMA}"],
    "views in their place": ["CREATE TABLE t (question)", "CREATE VIEW answers AS SELECT * FROM t"],
    "other columns": ["CREATE TABLE answers (question)", "CREATE TABLE claims (a)", f"PRAGMA user_version={ledger_module.SCHEMA}"],
    "a table is missing": [*ledger_module.TABLES, "DROP TABLE claims"],
    "a trigger": [*ledger_module.TABLES, "CREATE TRIGGER t BEFORE INSERT ON answers BEGIN SELECT raise(ABORT, 'no'); END"],
}


@pytest.mark.parametrize("what", OTHERS)
def test_a_database_of_somebody_else_is_put_aside_as_it_is(tmp_path, opened, what):
    with closing(sqlite3.connect(tmp_path / FILE_NAME, isolation_level=None)) as other:
        for statement in OTHERS[what]:
            other.execute(statement)
        before = other.execute("SELECT sql FROM sqlite_master").fetchall()
    ledger = opened(tmp_path / FILE_NAME)
    assert "was no ledger" in ledger.note
    ledger.keep("a", "1", None)
    assert ledger.find("a").document == 1
    with closing(sqlite3.connect(tmp_path / f"{FILE_NAME}.unreadable")) as aside:
        assert aside.execute("SELECT sql FROM sqlite_master").fetchall() == before


@pytest.mark.skipif(sys.platform == "win32", reason="pipes with a name are POSIX")
@pytest.mark.parametrize("end", ["", "-journal", "-wal", "-shm"])
@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir] if hasattr(os, "mkfifo") else [])
def test_what_stands_in_the_place_of_a_file_of_sqlite_s_is_not_waited_for(tmp_path, opened, end, make):
    opened(tmp_path / FILE_NAME).close()
    (tmp_path / FILE_NAME).unlink() if not end else None
    make(tmp_path / f"{FILE_NAME}{end}")
    ledger = opened(tmp_path / FILE_NAME)
    assert "cannot be used" in ledger.note
    ledger.keep("a", "1", None)
    assert ledger.find("a") is None
