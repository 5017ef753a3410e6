"""Nobody is blamed for what the clock, the machine or somebody else does to a worker; whoever hangs or ends itself is."""

from __future__ import annotations

import json
import resource
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from verify import Verdict
from verify.api import judge_all
from verify.campaign import candidate_run, task_clock
from verify.campaign.notes import TaskNotes, read
from verify.campaign.task import Request
from verify.cases import Case
from verify.elapsed import now

FILE = Path(__file__).parents[1] / "misbehaving.py"


def judged(name: str, timeout: float | None = None):
    """The result of the law `value` on a candidate of that file."""
    request = Request(candidate=f"{FILE}:{name}", loss="softmax_cross_entropy", profile="quick", laws=("value",))
    (outcome,) = judge_all([request], timeout=timeout).outcomes
    return outcome.result


@pytest.mark.parametrize("step", [1e6, -1e6])
def test_a_clock_that_is_set_ends_nobody(monkeypatch, step):
    began, clock = now(), time.time

    def stepping() -> float:
        return clock() + step * (now() - began)

    monkeypatch.setattr(time, "time", stepping)
    result = judged("right")
    assert result.verdict is Verdict.HOLDS


def test_notes_are_of_the_clock_that_all_processes_share(tmp_path, monkeypatch):
    monkeypatch.setattr(time, "time", lambda: -1e6)
    before = now()
    TaskNotes(tmp_path / "notes").close()
    note = read(tmp_path / "notes")
    assert before <= note.started == note.since <= now()


def test_cases_that_are_only_drawn_do_not_count(tmp_path):
    """Which law draws them for all depends on how tasks are dealt to workers."""
    notes, case = TaskNotes(tmp_path / "notes"), Case(values={"W": np.zeros(1)}, family="a test")
    for drawn in (True, True, False, True, False, False):
        notes.on_case(case, drawn=drawn)
    notes.close()
    note = read(tmp_path / "notes")
    assert (note.before, note.drawn) == (2, False)


def waiting(part: float):
    """A machine that keeps workers waiting for a part of the time."""

    @dataclass
    class Waiting:
        process: int

        def __post_init__(self) -> None:
            self.began = self.updated = now()
            self.seconds = 0.0

        def update(self) -> float:
            self.updated = now()
            more, self.seconds = part * (self.updated - self.began) - self.seconds, part * (self.updated - self.began)
            return more

    return Waiting


def test_slow_for_want_of_a_processor_is_neither_slow_nor_hung(monkeypatch):
    alone = judged("slow", timeout=0.8)
    monkeypatch.setattr(task_clock, "Starved", waiting(0.95))
    beside = judged("slow", timeout=0.8)
    assert (alone.verdict, beside.verdict) == (Verdict.SILENT, Verdict.HOLDS)


def test_what_hangs_is_found_on_a_busy_machine(monkeypatch):
    monkeypatch.setattr(task_clock, "Starved", waiting(0.5))
    result = judged("sleeps_in_c", timeout=1)
    assert result.diagnosis["message"] == "the candidate gave no answer within 1 s"


def test_a_machine_that_gives_nothing_is_waited_for_and_told(monkeypatch):
    monkeypatch.setattr(task_clock, "Starved", waiting(1.0))
    monkeypatch.setattr(candidate_run, "STARVED_LIMITS", 2)
    result = judged("sleeps_in_c", timeout=1)
    assert result.verdict is Verdict.SILENT
    assert next(iter(result.undecided)).startswith("the machine is too busy: the law had ")


ENDED = """
from pathlib import Path

ends = Path(__file__).with_name("ends")

def ended(signals, at):
    '''Its process is ended by a signal, once for each, where it is asked for the so-manieth time.'''
    def f(*arguments):
        f.calls += 1
        done = len(ends.read_text()) if ends.exists() else 0
        if done < len(signals) and f.calls == at[done]:
            ends.write_text("x" * (done + 1))
            os.kill(os.getpid(), signals[done])
            time.sleep(60)
        return right(*arguments)
    f.calls = 0
    return f

killed = ended([signal.SIGKILL], [25])
told_to_end = ended([signal.SIGTERM], [25])
killed_twice = ended([signal.SIGKILL] * 2, [25, 28])
def exits(times):
    '''Its process ends as one does that a candidate has spoilt before.'''
    def f(*arguments):
        done = len(ends.read_text()) if ends.exists() else 0
        if done < times:
            ends.write_text("x" * (done + 1))
            os._exit(254)
        return right(*arguments)
    return f

exits_once, exits_always = exits(1), exits(9)
killed_each_time = ended([signal.SIGKILL] * 9, [20, 22, 24, 26, 28, 30, 32, 34, 36])
"""


def of_a_file(tmp_path, name: str):
    (tmp_path / "mine.py").write_text(FILE.read_text(encoding="utf-8") + ENDED, encoding="utf-8")
    request = Request(candidate=f"{tmp_path / 'mine.py'}:{name}", loss="softmax_cross_entropy", profile="quick", laws=("value",))
    (outcome,) = judge_all([request]).outcomes
    return outcome.result, len((tmp_path / "ends").read_text(encoding="utf-8"))


@pytest.mark.parametrize(("name", "times"), [("killed", 1), ("told_to_end", 1), ("killed_twice", 2)])
def test_a_worker_that_somebody_ended_is_asked_again(tmp_path, name, times):
    result, ends = of_a_file(tmp_path, name)
    assert (result.verdict, ends) == (Verdict.HOLDS, times)


@pytest.mark.parametrize(("name", "verdict", "times"), [("exits_once", Verdict.HOLDS, 1), ("exits_always", Verdict.BROKEN, 2)])
def test_the_end_of_a_worker_that_takes_no_other_task_is_no_fault_at_the_case_before(tmp_path, name, verdict, times):
    """What the last task came to may not have been read when it ends."""
    result, ends = of_a_file(tmp_path, name)
    assert result.verdict is verdict
    assert ends >= times  # of one that is broken smaller cases are asked, too


def test_one_that_is_ended_at_another_case_each_time_is_given_up_and_nobody_blamed(tmp_path):
    result, ends = of_a_file(tmp_path, "killed_each_time")
    assert (result.verdict, ends) == (Verdict.SILENT, candidate_run.MOST_ENDS)
    assert next(iter(result.undecided)).startswith("its process was ended 3 times (SIGKILL: Killed), each time at another case: ")


BURNS = """
def burns(*arguments):
    until = time.process_time() + 30
    while time.process_time() < until:
        pass
    return right(*arguments)
"""


@pytest.mark.skipif(not hasattr(signal, "SIGXCPU"), reason="the system limits no processor time")
@pytest.mark.parametrize("hard", [False, True], ids=["SIGXCPU", "SIGKILL"])
def test_nobody_is_blamed_for_the_processor_time_that_the_system_gives(tmp_path, hard):
    (tmp_path / "mine.py").write_text(FILE.read_text(encoding="utf-8") + BURNS, encoding="utf-8")
    options = ["--loss", "softmax_cross_entropy", "--law", "value", "--profile", "quick", "--format", "json"]
    command = [sys.executable, "-m", "verify", "check", "mine.py:burns", *options]
    most = resource.getrlimit(resource.RLIMIT_CPU)[1]

    def limited():
        resource.setrlimit(resource.RLIMIT_CPU, (4, 4 if hard else most))

    ended = subprocess.run(command, cwd=tmp_path, preexec_fn=limited, capture_output=True, encoding="utf-8", timeout=120)
    (result,) = json.loads(ended.stdout)["results"]
    assert result["verdict"] == "silent", ended.stderr
    (reason,) = result["undecided"]
    assert reason.startswith("the system gives a process 4 s of a processor (ulimit -t), and ended it at the same case twice")
