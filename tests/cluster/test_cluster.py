"""A run on a cluster of dask: real processes, of which some are killed, and the same report as at home."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import warnings
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace

import pytest

from verify.documents import as_json

pytestmark = [
    pytest.mark.skipif(find_spec("distributed") is None, reason="distributed is not installed: pip install 'verify-gradients[cluster]'"),
    pytest.mark.skipif(sys.platform == "win32", reason="there are no signals"),
]

START = """
import sys, warnings
warnings.simplefilter("ignore")
from distributed import LocalCluster
if __name__ == "__main__":
    with LocalCluster(n_workers=int(sys.argv[1]), threads_per_worker=1, processes=True, dashboard_address=None) as cluster:
        print(cluster.scheduler_address, flush=True)
        for line in sys.stdin:
            print(*(w.process.pid for w in cluster.workers.values()), flush=True)
"""
RIGHT = """
import os, time
import numpy as np

def f(W, X, y, reg):
    S = X @ W.T
    P = np.exp(S - S.max(1, keepdims=True))
    P /= P.sum(1, keepdims=True)
    loss = -np.log(P[np.arange(len(X)), y]).mean() + reg * (W * W).sum()
    P[np.arange(len(X)), y] -= 1
    return loss, P.T @ X / len(X) + 2 * reg * W
"""
DOES = {
    "right": RIGHT,
    "wrong": RIGHT.replace("2 * reg", "reg"),
    "aborts": RIGHT.replace("    S = X", "    os.abort() if len(X) == 1 else None\n    S = X"),
    "hangs": RIGHT.replace("    S = X", "    time.sleep(60) if len(X) == 1 else None\n    S = X"),
}
COMMAND = [sys.executable, "-m", "verify", "run", "--law", "gradient", "--timeout", "6", "--format", "json"]
ENVIRONMENT = {k: v for k, v in os.environ.items() if k != "PYTHONWARNDEFAULTENCODING"}


@contextmanager
def started(workers: int, folder: Path):
    """The address of a scheduler with so many workers, and a function that tells their process ids."""
    (folder / "start.py").write_text(START, encoding="utf-8")
    with subprocess.Popen(
        [sys.executable, "start.py", str(workers)],
        cwd=folder,
        env=ENVIRONMENT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        encoding="utf-8",
    ) as there:
        address = there.stdout.readline().strip()

        def processes() -> list[int]:
            print(file=there.stdin, flush=True)
            return [*map(int, there.stdout.readline().split())]

        try:
            yield address, processes
        finally:
            there.stdin.close()


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    with started(2, tmp_path_factory.mktemp("cluster")) as cluster:
        yield cluster


def project(folder: Path, *names: str, more: str = "") -> Path:
    folder.mkdir(exist_ok=True)
    table = '[tool.verify]\nprofile = "quick"\n' + more
    for name in names:
        (folder / f"{name}.py").write_text(DOES[name], encoding="utf-8")
        table += f'[[tool.verify.candidates]]\ntarget = "{name}.py:f"\nloss = "softmax_cross_entropy"\n'
    (folder / "pyproject.toml").write_text(table, encoding="utf-8")
    return folder


def run(folder: Path, *options: str, **how) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *options], cwd=folder, env=ENVIRONMENT, capture_output=True, text=True, encoding="utf-8", timeout=200, check=False, **how
    )


def document(folder: Path) -> str:
    found = json.loads((folder / "reports" / "latest" / "report.json").read_text(encoding="utf-8"))
    return as_json({**found, "environment": None})


def test_the_report_is_that_of_home_whatever_candidates_do_and_however_many_workers_there_are(two, tmp_path):
    """A crash and a hang cost their tasks there, too, and no worker of dask."""
    folders = {}
    workers = two[1]()
    for where in ("here", "there"):
        folders[where] = project(tmp_path / where, *DOES)
        ended = run(folders[where], "--cases", "10", *(["--scheduler", two[0]] if where == "there" else []))
        assert ended.returncode == 1, ended.stderr
    assert "judging on 2 workers" in ended.stderr
    assert document(folders["here"]) == document(folders["there"])
    results = json.loads(document(folders["there"]))["results"]
    codes = {r["candidate"].removesuffix(".py:f"): (r.get("diagnosis") or {}).get("code") for r in results if r["law"] == "gradient"}
    assert codes["right"] is None
    assert (codes["aborts"], codes["hangs"]) == ("crashed", "hung")
    assert two[1]() == workers
    again = run(folders["there"], "--scheduler", two[0])
    assert "reused 4 of 4" in again.stderr, again.stderr


def test_the_tasks_of_a_worker_that_is_killed_are_asked_again(two, tmp_path):
    folder = project(tmp_path / "mine", "right", "wrong")
    with subprocess.Popen(
        [*COMMAND, "--cases", "2e4", "--scheduler", two[0]],
        cwd=folder,
        env=ENVIRONMENT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
    ) as judging:
        said = [judging.stderr.readline() for _ in range(3)]  # until both laws are here, and parts are left
        before = two[1]()
        os.kill(before[0], signal.SIGKILL)
        said.append(judging.stderr.read())
    assert judging.returncode == 1, said
    alone = project(tmp_path / "alone", "right", "wrong")
    assert run(alone, "--cases", "2e4").returncode == 1
    assert document(folder) == document(alone)
    until = time.monotonic() + 30
    while len(after := two[1]()) < 2 and time.monotonic() < until:
        time.sleep(0.2)
    assert before[0] not in after


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="as Linux tells parents")
@pytest.mark.parametrize("call", ["wait_for_workers", "run_on_scheduler"])
def test_a_scheduler_that_is_lost_before_anything_is_asked_is_told_in_a_sentence(monkeypatch, tmp_path, call):
    from verify.campaign import cluster
    from verify.errors import SchedulerLostError

    def fails(*_, **__):
        raise OSError("Stream is closed")

    client = SimpleNamespace(wait_for_workers=lambda *_, **__: None, close=lambda **_: None)
    setattr(client, call, fails)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", EncodingWarning)  # dask's own, as it is loaded
        monkeypatch.setattr("distributed.Client", lambda *_, **__: client)
    monkeypatch.setattr(cluster, "_is_there", lambda _: None)
    with (
        pytest.raises(SchedulerLostError, match=r"tcp://there answers no more \(Stream is closed\)"),
        cluster.cluster("tcp://there", [], installed=True, reports=tmp_path),
    ):
        pass


@pytest.mark.parametrize("asked", ["workers", "threads"])
def test_a_scheduler_that_is_lost_before_it_tells_its_size_is_told_in_a_sentence(asked):
    from verify.campaign.cluster import Cluster
    from verify.errors import SchedulerLostError

    def fails():
        raise OSError("Stream is closed")

    there = Cluster(SimpleNamespace(nthreads=fails), "tcp://there", "plugin", None)
    with pytest.raises(SchedulerLostError, match=r"tcp://there answers no more \(Stream is closed\)"):
        getattr(there, asked)


def test_a_scheduler_that_is_lost_as_it_takes_a_task_is_told_in_a_sentence(monkeypatch):
    """What it took before cannot be called off either."""
    from verify.campaign.cluster import Cluster
    from verify.campaign.task import Request
    from verify.errors import SchedulerLostError

    taken = []

    def fails(*_, **__):
        raise OSError("Stream is closed")

    def takes_one(*_, **__):
        taken.append(SimpleNamespace(key="first") if not taken else fails())
        return taken[0]

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", EncodingWarning)  # dask's own, as it is loaded
        monkeypatch.setattr("distributed.as_completed", lambda loop: SimpleNamespace(add=lambda _: None))
    client = SimpleNamespace(nthreads=lambda: {"a worker": 9}, submit=takes_one, cancel=fails, loop=None)
    tasks = Request(candidate="mine.py:f", loss="hinge", dtypes=("float64", "float32")).tasks()
    with pytest.raises(SchedulerLostError, match=r"tcp://there answers no more \(Stream is closed\)"):
        Cluster(client, "tcp://there", "plugin", None).execute(tasks, timeout=None)
    assert len(taken) == 1


def test_a_scheduler_that_is_lost_leaves_a_report_and_a_sentence(tmp_path):
    folder = project(tmp_path / "mine", "right", "wrong")
    with (
        started(1, tmp_path) as (address, processes),
        subprocess.Popen(
            [*COMMAND, "--cases", "2e4", "--scheduler", address],
            cwd=folder,
            env=ENVIRONMENT | {"DASK_DISTRIBUTED__COMM__TIMEOUTS__CONNECT": "2s"},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        ) as judging,
    ):
        judging.stderr.readline()
        (worker,) = processes()
        scheduler = int(Path(f"/proc/{worker}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[1])
        os.kill(scheduler, signal.SIGKILL)
        told = judging.stderr.read()
    assert judging.returncode == 2, told
    assert f"Error: the scheduler at {address} answers no more (" in told
    assert "Traceback" not in told
    assert "silent" in {r["verdict"] for r in json.loads(document(folder))["results"]}


def test_what_differs_is_told_in_a_table_before_anything_starts(two, tmp_path, monkeypatch):
    from verify.campaign import cluster
    from verify.errors import UsageError

    class Client:
        def run_on_scheduler(self, f, text):
            return eval(text)

        def run(self, f, text=None):
            return {"tcp://far": {**eval(text), "numpy": "0.9", "numba": "none"}, "tcp://near": eval(text)}

    with pytest.raises(UsageError) as told:
        cluster._compare(Client(), "tcp://there")
    lines = str(told.value).splitlines()
    assert [line.split()[0] for line in lines if line.endswith("tcp://far")] == ["numpy", "numba"]
    assert "0.9" in str(told.value)
    assert lines[-1].endswith("no task was started.")


def test_the_suite_s_own_files_are_compared(monkeypatch):
    from verify.campaign import cluster
    from verify.errors import UsageError

    class Client:
        def run_on_scheduler(self, f, text):
            return eval(text)

        def run(self, f, text=None):
            return {"tcp://far": eval(text) if text else "another"}

    with pytest.raises(UsageError, match=r"verify \(its files\)"):
        cluster._compare(Client(), "tcp://there")


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--scheduler", "nowhere"), "there is no scheduler at 'nowhere'"),
        (("--installed",), "give --scheduler ADDRESS"),
        (("--cases", "many"), "--cases is 'many'"),
        (("--cases", "0.5"), "--cases is '0.5'"),
    ],
)
def test_wrong_use_is_one_sentence(tmp_path, options, told):
    ended = run(project(tmp_path / "mine", "right"), *options)
    assert (ended.returncode, told in ended.stderr, "Traceback" in ended.stderr) == (2, True, False), ended.stderr


def test_a_file_is_not_installed(two, tmp_path):
    ended = run(project(tmp_path / "mine", "right"), "--scheduler", two[0], "--installed")
    assert ended.returncode == 2
    assert "right.py:f is a file here, and --installed sends none" in ended.stderr


BACKEND = """
import zipfile

def build_wheel(folder, config_settings=None, metadata_directory=None):
    name = "mine-1-py3-none-any.whl"
    with zipfile.ZipFile(f"{folder}/{name}", "w") as wheel:
        wheel.write("src/own.py", "own.py")
        wheel.writestr("mine-1.dist-info/METADATA", "Metadata-Version: 2.1\\nName: mine\\nVersion: 1\\n")
        wheel.writestr("mine-1.dist-info/WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        wheel.writestr("mine-1.dist-info/RECORD", "")
    return name
"""


def test_a_package_travels_as_its_wheel(two, tmp_path):
    """A module that is in nobody's folder, but in the wheel; the scheduler is named in pyproject.toml."""
    folder = project(tmp_path / "mine", more=f'scheduler = "{two[0]}"\n')
    (folder / "src").mkdir()
    (folder / "src" / "own.py").write_text(DOES["wrong"], encoding="utf-8")
    (folder / "backend.py").write_text(BACKEND, encoding="utf-8")
    build = '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n[project]\nname = "mine"\nversion = "1"\n'
    candidate = '[[tool.verify.candidates]]\ntarget = "own:f"\nloss = "softmax_cross_entropy"\n'
    table = (folder / "pyproject.toml").read_text(encoding="utf-8")
    (folder / "pyproject.toml").write_text(build + table + candidate, encoding="utf-8")
    ended = run(folder)
    assert ended.returncode == 1, ended.stderr
    assert "judging on" in ended.stderr
    results = json.loads(document(folder))["results"]
    assert [r["verdict"] for r in results] == ["broken"]
    assert "reused 1 of 1" in run(folder).stderr
    (folder / "src" / "own.py").write_text(DOES["right"], encoding="utf-8")
    assert run(folder).returncode == 0


LEVELS = """
import logging
from pathlib import Path
from verify.campaign.cluster import cluster
from verify.errors import UsageError
try:
    with cluster("tcp://127.0.0.1:9", [], installed=True, reports=Path("reports")):
        pass
except UsageError:
    known = logging.root.manager.loggerDict.items()
    loggers = [l for name, l in known if name.partition(".")[0] in ("distributed", "tornado") and isinstance(l, logging.Logger)]
    print(len(loggers) > 3, {l.getEffectiveLevel() for l in loggers} == {logging.CRITICAL})
"""


def test_libraries_log_no_traceback_beside_what_is_told(tmp_path):
    command = [sys.executable, "-c", LEVELS]
    told = subprocess.run(command, cwd=tmp_path, env=ENVIRONMENT, capture_output=True, encoding="utf-8", check=False)
    assert told.stdout.split() == ["True", "True"], told.stderr


def test_a_run_that_is_ended_keeps_what_was_judged(two, tmp_path):
    folder = project(tmp_path / "mine", "right", "hangs")
    with subprocess.Popen(
        [*COMMAND, "--scheduler", two[0]],
        cwd=folder,
        env=ENVIRONMENT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
    ) as judging:
        while "right.py:f" not in (line := judging.stderr.readline()):
            assert line, "it has ended"
        judging.send_signal(signal.SIGINT)
        said = judging.stderr.read()
    assert judging.returncode == 130, said
    assert "Traceback" not in said
    assert run(folder, "--scheduler", "local").returncode == 1
    environment = json.loads((folder / "reports" / "latest" / "report.json").read_text(encoding="utf-8"))["environment"]
    assert environment["reused"]
