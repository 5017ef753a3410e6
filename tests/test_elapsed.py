"""What a process waited for a processor that others held is not its own time; what it slept, and what its own threads took, is."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import pytest

from verify import elapsed
from verify.elapsed import Starved, started, threads

LEADER, OTHER = 71, 72


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """A machine of two processors, whose files and clock say what the test says."""
    clock = [0.0]
    monkeypatch.setattr(elapsed, "PROC", tmp_path)
    monkeypatch.setattr(elapsed, "now", lambda: clock[0])
    monkeypatch.setattr(elapsed, "processors", lambda _: 2)

    def say(at: float, **threads: tuple[float, float]) -> None:
        """Seconds on a processor and seconds of waiting, of threads of the leader and of another process of its group."""
        clock[0] = at
        for name, (ran, waited) in threads.items():
            process = LEADER if name.startswith("own") else OTHER
            folder = tmp_path / str(process) / "task" / name
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "schedstat").write_text(f"{ran * 1e9:.0f} {waited * 1e9:.0f} 7\n", encoding="ascii")
            (tmp_path / str(process) / "stat").write_text(f"{process} (a) name) S 1 {LEADER} 1 0\n", encoding="ascii")

    return say


WAITS = {
    "kept from work by others": ({"own": (1.0, 9.0)}, 9.0),
    "asleep": ({"own": (0.0, 0.0)}, 0.0),
    "at work all the time": ({"own": (10.0, 0.0)}, 0.0),
    "eight threads that wait for each other": ({f"own{k}": (2.5, 7.5) for k in range(8)}, 0.0),
    "two threads beside two of somebody else": ({"own1": (5.0, 5.0), "own2": (5.0, 5.0)}, 5.0),
    "asleep while what it started waits": ({"own": (0.0, 0.0), "child": (1.0, 9.0)}, 9.0),
}


@pytest.mark.parametrize("what", WAITS)
def test_what_others_kept_it_from(machine, what):
    seen, waited = WAITS[what]
    machine(100.0, **dict.fromkeys(seen, (3.0, 4.0)))
    starved = Starved(LEADER)
    machine(110.0, **{name: (3.0 + ran, 4.0 + waits) for name, (ran, waits) in seen.items()})
    assert starved.update() == pytest.approx(waited)
    machine(120.0)  # nothing has moved on: asleep
    assert (starved.update(), starved.seconds) == (0.0, pytest.approx(waited))


def test_a_system_that_does_not_tell_leaves_the_time_that_passed(machine):
    machine(0.0)
    starved = Starved(LEADER)
    machine(10.0)
    assert (threads(LEADER), starved.update()) == ({}, 0.0)


def test_the_clock_is_nobody_s_to_set(monkeypatch):
    monkeypatch.setattr(time, "time", lambda: 1e6)
    before = elapsed.now()
    monkeypatch.setattr(time, "time", lambda: -1e6)
    assert 0 <= elapsed.now() - before < 1e3


SPIN = """
import os, sys, time
os.sched_setaffinity(0, {int(sys.argv[1])})
until = time.process_time() + 0.5
while time.process_time() < until:
    pass
"""


@pytest.mark.skipif(not threads(os.getpid()), reason="the system does not tell")
def test_two_that_share_a_processor_keep_each_other_from_it():
    processor = str(min(os.sched_getaffinity(0)))
    both = [subprocess.Popen([sys.executable, "-c", SPIN, processor]) for _ in range(2)]
    starved = Starved(both[0].pid)
    while both[0].poll() is None:
        starved.update()
        time.sleep(0.02)
    assert [process.wait() for process in both] == [0, 0]
    assert starved.seconds > 0.1


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="as Linux tells it")
def test_a_process_that_has_ended_is_gone_though_nobody_has_waited_for_it():
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as other:
        assert started(other.pid)
        other.kill()
        os.waitid(os.P_PID, other.pid, os.WEXITED | os.WNOWAIT)
        assert started(other.pid) == ""
