"""Workers import what is installed, whatever lies in the current folder; their server outlives whoever turns away, or is replaced."""

from __future__ import annotations

import gc
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import Future
from contextlib import ExitStack, nullcontext
from multiprocessing import forkserver
from pathlib import Path
from types import SimpleNamespace

import pytest
from pebble.pool import process

from verify import Verdict, check, limits
from verify.campaign import attempts, candidate_run, executor, leftovers, pictures, server, task_clock, worker_exits, workers
from verify.campaign.task import Request

RIGHT = """
import numpy as np
def f(W, X, y, reg):
    S = X @ W.T
    E = np.exp(S - S.max(1, keepdims=True))
    P = E / E.sum(1, keepdims=True)
    loss = -np.log(P[np.arange(len(X)), y]).mean() + reg * (W * W).sum()
    P[np.arange(len(X)), y] -= 1
    return loss, P.T @ X / len(X) + 2 * reg * W
"""


def test_a_folder_called_verify_is_not_imported(tmp_path):
    (tmp_path / "verify").mkdir()
    (tmp_path / "verify" / "__init__.py").write_text("raise SystemExit('the wrong verify was imported')", encoding="utf-8")
    (tmp_path / "mine.py").write_text(RIGHT, encoding="utf-8")
    command = [str(Path(sys.executable).parent / "verify"), "check", "mine.py:f", "--loss", "softmax_cross_entropy", "--profile", "quick"]
    run = subprocess.run([*command, "--law", "value"], cwd=tmp_path, capture_output=True, text=True, encoding="utf-8", check=False)
    assert (run.returncode, "the wrong verify" in run.stdout + run.stderr) == (0, False), run.stderr


@pytest.fixture
def asked():
    """Asks the server of the workers for a process, and says no more than `words`, which ends it; its process before."""

    def ask(words: bytes) -> int:
        server.context()
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(forkserver._forkserver._forkserver_address)
            client.send(words)
        return forkserver._forkserver._forkserver_pid

    return ask


@pytest.mark.parametrize("words", [b"", b"what it does not expect"])
def test_a_server_that_is_ending_is_replaced(asked, words):
    before = asked(words)
    address = forkserver._forkserver._forkserver_address
    while True:
        with socket.socket(socket.AF_UNIX) as client:
            if client.connect_ex(address):
                break
        time.sleep(0.01)
    assert os.waitpid(before, os.WNOHANG) == (0, 0)  # it is there still
    assert workers.each(os.getppid, [()]) != [before]


SCRIPT = """
from multiprocessing import spawn
before = spawn.get_preparation_data
import verify
print(verify.check("mine.py:f", loss="softmax_cross_entropy", profile="quick", laws=("value",)).verdict)
print(spawn.get_preparation_data is before)
"""


def test_a_script_that_calls_us_is_run_once(tmp_path):
    """Though it has no `if __name__ == "__main__"`; and what others start is told of theirs as before."""
    (tmp_path / "mine.py").write_text(RIGHT, encoding="utf-8")
    (tmp_path / "script.py").write_text(SCRIPT, encoding="utf-8")
    run = subprocess.run([sys.executable, "script.py"], cwd=tmp_path, capture_output=True, text=True, encoding="utf-8", check=True)
    assert run.stdout == "Verdict.HOLDS\nTrue\n"


@pytest.mark.parametrize("instead", [None, "a file"])
def test_a_server_whose_socket_is_gone_is_replaced(instead):
    """Whoever removes all temporary files removes it, too, and may put others in their place."""
    server.context()
    before, home = forkserver._forkserver._forkserver_pid, Path(forkserver._forkserver._forkserver_address).parent
    shutil.rmtree(home)
    if instead:
        home.touch()
    assert workers.each(os.getppid, [()]) != [before]
    assert workers.each(os.getppid, [()]) == [forkserver._forkserver._forkserver_pid]


def test_a_server_that_is_stopped_goes_on_at_the_end_of_any_pool():
    """Whoever waits for the end of a worker waits for it."""
    with workers.workers(1) as pool:
        pool.schedule(os.kill, args=[forkserver._forkserver._forkserver_pid, signal.SIGSTOP]).result()


def test_workers_start_where_the_current_folder_is_gone(tmp_path, monkeypatch):
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    assert workers.each(os.getpid, [()]) != [os.getpid()]


def test_sockets_have_a_place_where_that_of_temporary_files_has_a_long_name(tmp_path):
    home = tmp_path / ("long" * 30)
    home.mkdir()
    code = "import os; from verify.campaign import workers; print(workers.each(os.getppid, [()]))"
    run = [sys.executable, "-c", code]
    assert subprocess.run(run, env={**os.environ, "TMPDIR": str(home)}, capture_output=True, check=True).stdout.startswith(b"[")


@pytest.mark.parametrize("loop", ["message_manager_loop", "pool_manager_loop"])
def test_a_pool_whose_thread_has_ended_is_replaced_and_given_up_in_the_end(tmp_path, monkeypatch, loop):
    """As for want of memory: nobody would hear of an answer any more, and wait for ever."""
    slow = f"import time\n\ntime.sleep({3 * workers.TICK})  # or it has answered before anybody looks\n"
    (tmp_path / "mine.py").write_text(slow + RIGHT, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(attempts, "MOST_MOVES", 2)
    usual, threads = getattr(process, loop), []
    monkeypatch.setattr(process, loop, lambda manager: threads.pop()(manager))
    request = Request(candidate="mine.py:f", loss="softmax_cross_entropy", laws=("value",), profile="quick")
    for ends, due in ((1, Verdict.HOLDS), (100, Verdict.SILENT)):
        threads[:] = [usual] * 100 + [lambda _: None] * ends
        (outcome,) = executor.execute(request.tasks(), timeout=None)
        assert outcome.result.verdict is due


@pytest.mark.parametrize("platform", ["linux", "win32"])
def test_a_worker_that_cannot_begin_ends_its_server_where_there_is_one(monkeypatch, platform):
    """On Windows its parent is the command, which has no SIGKILL either."""
    told = []

    def no_memory(_):
        raise MemoryError

    monkeypatch.setattr(workers, "sys", SimpleNamespace(platform=platform))
    monkeypatch.setattr(signal, "SIGKILL", 9, raising=False)
    monkeypatch.setattr(workers, "_start", no_memory)
    monkeypatch.setattr(os, "kill", lambda process, number: told.append((process, number)))
    monkeypatch.setattr(os, "_exit", told.append)
    monkeypatch.setattr(workers.limits, "raise_again", told.append)
    workers._begin(0, given := limits.limits())
    server = [] if platform == "win32" else [(os.getppid(), 9)]
    assert told == [given, *server, worker_exits.WITH_THE_SERVER]


def test_limits_are_raised_again_while_a_pool_runs(monkeypatch):
    raised = threading.Event()
    monkeypatch.setattr(workers, "TICK", 0.01)
    monkeypatch.setattr(workers.limits, "raise_again", lambda _: raised.set())
    with workers.workers(1):
        assert raised.wait(timeout=10)


def test_limits_are_raised_again_where_a_pool_ends(monkeypatch):
    """Nobody looks at them from then on."""
    told = []
    monkeypatch.setattr(workers, "TICK", 60)
    monkeypatch.setattr(workers.limits, "raise_again", told.append)
    with workers.workers(1, given := limits.limits()):
        assert told == []
    assert told == [given]


def test_a_pool_begun_later_has_the_limits_of_the_beginning(monkeypatch):
    told = []

    def pool(*given):
        told.append(given)
        return nullcontext(SimpleNamespace(active=True, schedule=lambda *_, **__: Future()))

    monkeypatch.setattr(attempts, "workers", pool)
    with ExitStack() as pools:
        attempts.Attempts(2, given := limits.limits(), pools)._future([])
    assert told == [(2, given)]


@pytest.mark.parametrize("begun", [False, True])
def test_nobody_waits_for_pictures_that_no_process_makes(monkeypatch, begun):
    """A pool takes no notice of some ends of its processes, and one that has lost its thread of none."""
    future: Future[object] = Future()
    if begun:
        future.set_running_or_notify_cancel()
    looks = iter([0.05] * 20)  # more of them are for ever
    monkeypatch.setattr(pictures, "wait", lambda *_, **__: time.sleep(next(looks)))
    monkeypatch.setattr(pictures, "STALL_TIMEOUT", 0.1)
    pool = SimpleNamespace(schedule=lambda *_, **__: future, active=False)
    monkeypatch.setattr(pictures, "workers", lambda _: nullcontext(pool))
    request = Request(candidate="mine.py:f", loss="softmax_cross_entropy")
    (found,) = pictures.measured([request], timeout=100)
    assert found["reason"] == "its process was lost"


linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="as Linux tells it")


@linux
def test_a_worker_that_is_told_to_end_while_it_begins_says_nothing():
    code = """
import os, signal
from pebble.common import process_exit
from pebble.pool.base_pool import run_initializer
from verify.campaign import memory, workers
signal.signal(signal.SIGTERM, process_exit)
memory.limit = lambda _: os.kill(os.getpid(), signal.SIGTERM)
run_initializer(workers._start, [0])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, encoding="utf-8", check=False, timeout=60)
    assert (done.returncode, done.stderr) == (-signal.SIGTERM, "")


def _signals(process: int, which: str) -> set[int]:
    told = next(line for line in Path(f"/proc/{process}/status").read_text(encoding="utf-8").splitlines() if line.startswith(which))
    return {number for number in range(1, 65) if int(told.split()[1], 16) >> (number - 1) & 1}


@linux
def test_the_server_hears_of_no_signal_to_the_group_from_its_beginning_on():
    """In the middle of its imports it would tell where it was; what it starts hears of it again."""
    with server._deaf():
        code = "from pathlib import Path; print(Path('/proc/self/status').read_text(encoding='utf-8'))"
        told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, encoding="utf-8", check=True).stdout
    (blocked,) = (int(line.split()[1], 16) for line in told.splitlines() if line.startswith("SigBlk"))
    assert all(blocked >> (number - 1) & 1 for number in leftovers.BLOCKED_SIGNALS)
    assert not _signals(os.getpid(), "SigBlk") & {*leftovers.BLOCKED_SIGNALS}
    (server_process,) = workers.each(os.getppid, [()])
    assert signal.SIGINT in _signals(server_process, "SigIgn")
    assert not _signals(server_process, "SigBlk") & {*leftovers.BLOCKED_SIGNALS}
    assert signal.SIGTERM not in _signals(server_process, "SigIgn")


WITHOUT_ROOM = """
import resource
from pathlib import Path
from verify.campaign.workers import workers

pages = int(Path("/proc/self/statm").read_text(encoding="utf-8").split()[0])
most = pages * resource.getpagesize() + (32 << 20)
resource.setrlimit(resource.RLIMIT_AS, (most, most))
try:
    with workers(1):
        print("it began")
except MemoryError:
    print("no memory")
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="limits of Linux")
def test_no_pool_begins_without_memory_for_its_threads():
    """Python waits for ever for a thread that has none."""
    done = subprocess.run([sys.executable, "-c", WITHOUT_ROOM], capture_output=True, encoding="utf-8", timeout=60, check=False)
    assert done.stdout == "no memory\n", done.stderr


def test_nobody_waits_long_for_a_pool_that_sleeps(monkeypatch):
    slept = []

    def sleep(seconds):
        slept.append(seconds)
        time.sleep(seconds)

    monkeypatch.setattr(process, "time", SimpleNamespace(sleep=sleep, time=time.time))
    workers.each(os.getpid, [()])
    assert 0 < max(slept) < 0.05


def test_workers_look_for_garbage_though_their_server_does_not():
    assert workers.each(gc.isenabled, [()]) == [True]
    assert workers.each(gc.get_threshold, [()]) == [workers.COLLECT]


def test_in_this_process_garbage_is_looked_for_as_on_workers_and_then_as_before():
    before, seen = gc.get_threshold(), set()

    def wrong(W, X, y, reg):
        seen.add(gc.get_threshold())
        return 0.0, 0 * W

    check(wrong, loss="multiclass_hinge", laws=("value",), profile="quick")
    assert (seen, gc.get_threshold()) == ({workers.COLLECT}, before)


def test_of_what_has_ended_by_then_nobody_asks_what_it_waited_for(tmp_path, monkeypatch):
    """Which would read a file of each process of the system."""
    monkeypatch.setattr(task_clock, "Starved", None)
    (tmp_path / "mine.py").write_text(RIGHT, encoding="utf-8")
    how = {"loss": "softmax_cross_entropy", "profile": "quick", "laws": ("value",), "timeout": 100 * candidate_run.CLOCK_READINGS}
    assert check(f"{tmp_path / 'mine.py'}:f", **how).verdict is Verdict.HOLDS
