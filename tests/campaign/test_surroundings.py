"""What a candidate leaves behind of what a process shares is told, and whoever is judged next in the same process finds all as before."""

from __future__ import annotations

import locale
import math
import os
import signal
import time
import warnings
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace

import pytest
from misbehaving import right

from verify import Verdict, limits
from verify.api import judge_all
from verify.campaign.task import Request
from verify.laws import surroundings

RIGHT = """
import decimal, faulthandler, gc, locale, logging, os, resource, signal, sys, threading, warnings
import numpy as np

def f(W, X, y, reg):
    {each}
    S = X @ W.T
    P = np.exp(S - S.max(1, keepdims=True))
    P /= P.sum(1, keepdims=True)
    loss = -np.log(P[np.arange(len(X)), y]).mean() + reg * (W * W).sum()
    P[np.arange(len(X)), y] -= 1
    return loss, P.T @ X / len(X) + 2 * reg * W
"""

BREAKS = {
    "changes the current folder": "os.chdir('/')",
    "changes np.seterr": "np.seterr(all='raise')",
    "changes the locale": "locale.setlocale(locale.LC_ALL, 'C.UTF-8')",
}
DOES = BREAKS | {
    "changes the filters of warnings": "warnings.simplefilter('error')",
    "changes the decimal context": "decimal.getcontext().prec = 2",
    "changes environment variables": "os.environ['VERIFY_LEFT_THIS'] = '1'",
    "changes sys.path": "sys.path.insert(0, '/nowhere')",
    "changes handlers of signals": "signal.signal(signal.SIGALRM, print)",
    "blocks signals": "signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})",
    "changes when garbage is collected": "gc.disable()",
    "replaces standard streams": "sys.stdin = None",
    "changes the umask of files": "os.umask(0o777)",
    "changes the recursion limit": "sys.setrecursionlimit(777)",
    "changes numpy's print options": "np.set_printoptions(precision=2)",
    "starts timers": "signal.setitimer(signal.ITIMER_REAL, 1000)",
    "changes how often threads take turns": "sys.setswitchinterval(0.5)",
    "changes how long numbers in text may be": "sys.set_int_max_str_digits(700)",
}
HOOKS = {
    "hears of errors": "sys.excepthook = print",
    "hears of errors of threads": "threading.excepthook = print",
}
LIMITS = {
    "files": "resource.setrlimit(resource.RLIMIT_NOFILE, (200, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))",
    "memory": "resource.setrlimit(resource.RLIMIT_AS, (1 << 44, resource.getrlimit(resource.RLIMIT_AS)[1]))",
    "processors": "os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})",
}
OF_LIBRARIES = {
    "changes torch's default dtype": "torch.set_default_dtype(torch.float64)",
    "changes how many threads torch takes": "torch.set_num_threads(7)",
    "switches torch's detection of anomalies on or off": "torch.autograd.set_detect_anomaly(True)",
    "switches torch's gradients on or off": "torch.set_grad_enabled(False)",
    "changes jax's configuration": "jax.config.update('jax_debug_nans', True)",
}


def library(act: str) -> str | None:
    return next((name for name in ("torch", "jax") if act.startswith(f"{name}.")), None)


ALL = [
    pytest.param(told, act, marks=pytest.mark.skipif(bool((it := library(act)) and find_spec(it) is None), reason="it is not installed"))
    for told, act in (DOES | OF_LIBRARIES).items()
]
GROUPS = {"changes hooks of the interpreter": HOOKS, "changes limits of its process": LIMITS}
ALL += [pytest.param(told, act, id=name) for told, group in GROUPS.items() for name, act in group.items()]


@pytest.fixture
def alone():
    """How all stands for a candidate, where nobody was before it: to be compared with how it stands after others."""
    before = locale.setlocale(locale.LC_ALL)
    states = {}

    def f(W, X, y, reg):
        states.setdefault("seen", {s: s.read() for s in surroundings.APART})
        return right(W, X, y, reg)

    def seen(*first: Request):
        states.clear()
        report = judge_all([*first, request(f, laws=("value",))], in_process=True)
        assert report.outcomes[-1].result.verdict is Verdict.HOLDS
        return states["seen"], report.outcomes

    seen()  # loads what is loaded at first
    yield seen
    assert locale.setlocale(locale.LC_ALL) == before


def request(candidate, laws=("value", "purity")):
    return Request(candidate=candidate, loss="softmax_cross_entropy", profile="quick", laws=laws)


def written(folder: Path, act: str, *, on_import: bool) -> str:
    more = f"import {it}\n" if (it := library(act)) else ""
    text = more + RIGHT.format(each="pass" if on_import else act) + (f"\n{act}\n" if on_import else "")
    (folder / "mine.py").write_text(text, encoding="utf-8")
    return f"{folder / 'mine.py'}:f"


@pytest.mark.parametrize("on_import", [True, False])
@pytest.mark.parametrize(("told", "act"), ALL)
def test_it_is_told_and_the_next_candidate_finds_all_as_before(tmp_path, alone, told, act, on_import):
    if library(act):
        with warnings.catch_warnings(action="ignore"):
            import_module(library(act))
    there, _ = alone()
    after, (value, purity, _) = alone(request(written(tmp_path, act, on_import=on_import)))
    assert [s.effect for s in there if s.differ(there[s], after[s])] == []
    assert value.result.verdict is Verdict.HOLDS
    if on_import:
        assert purity.result.verdict is Verdict.HOLDS
        assert purity.result.limitations == (f"when it is imported, it {told}",)
    elif told in BREAKS:
        assert purity.result.diagnosis["message"] == f"the candidate {told}"
    else:
        assert (purity.result.verdict, purity.result.limitations) == (Verdict.HOLDS, (told,))


@pytest.mark.parametrize("in_process", [True, False])
def test_a_file_that_leaves_its_process_no_memory_when_it_is_imported_is_judged_all_the_same(tmp_path, in_process):
    """What is enough for the file alone is less than its judge has taken by then."""
    act = "import resource; resource.setrlimit(resource.RLIMIT_AS, (1 << 20, resource.getrlimit(resource.RLIMIT_AS)[1]))"
    report = judge_all([request(written(tmp_path, act, on_import=True))], in_process=in_process)
    told = ("when it is imported, it changes limits of its process",)
    assert [(o.result.verdict, o.result.limitations) for o in report.outcomes] == [(Verdict.HOLDS, told)] * 2


def test_a_file_finds_what_it_has_set_up_when_it_is_asked_again(tmp_path):
    """It is imported once, and each law may count on that."""
    act = "os.environ['VERIFY_LEFT_THIS'] = '1'"
    text = RIGHT.format(each="assert os.environ['VERIFY_LEFT_THIS'] == '1'") + f"\n{act}\n"
    (tmp_path / "mine.py").write_text(text, encoding="utf-8")
    for law in ("value", "purity"):
        report = judge_all([request(f"{tmp_path / 'mine.py'}:f", laws=(law,))], in_process=True, captured=True)
        assert report.verdict is Verdict.HOLDS
        assert "VERIFY_LEFT_THIS" not in os.environ


def test_what_libraries_set_up_as_they_are_loaded_is_not_told(tmp_path):
    """Whose doing it was nobody knows then."""
    (tmp_path / "site-packages").mkdir()
    (tmp_path / "site-packages" / "some_library.py").write_text("import warnings; warnings.simplefilter('ignore')\n", encoding="utf-8")
    (tmp_path / "mine.py").write_text(
        "import sys\nsys.path.insert(0, __file__.replace('mine.py', 'site-packages'))\nimport some_library\n" + RIGHT.format(each="pass"),
        encoding="utf-8",
    )
    report = judge_all([request(f"{tmp_path / 'mine.py'}:f")])
    assert [o.result.limitations for o in report.outcomes] == [(), ()]


def test_files_of_the_judge_can_be_read_whatever_the_umask(tmp_path):
    """A worker's notes are read by another process, which need not be the administrator's."""
    from verify.campaign.guarded import perform_guarded

    task = request(written(tmp_path, "os.umask(0o777)", on_import=True), laws=("value",)).tasks()[0]
    before = os.umask(0o777)
    try:
        outcome = perform_guarded(task, tmp_path / "notes" / "0", tmp_path / "printed")
    finally:
        os.umask(before)
    assert outcome.result.verdict is Verdict.HOLDS
    assert [path.stat().st_mode & 0o700 for path in (tmp_path / "notes", tmp_path / "notes" / "0")] == [0o700, 0o600]


def test_limits_that_a_candidate_lowers_are_as_before_when_it_is_asked_again():
    """What else it sets up it finds again; its judge needs the room."""
    resource, found = pytest.importorskip("resource"), []

    def lowers(W, X, y, reg):
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        found.append(soft)
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(soft, 200), hard))
        return right(W, X, y, reg)

    for _ in range(2):
        found.clear()
        judge_all([request(lowers, laws=("value",))], in_process=True)
        assert (found[0], {*found[1:]}) == (resource.getrlimit(resource.RLIMIT_NOFILE)[0], {200})


ANY = -1
RAISED = {
    "lowered": ((200, 500), (100, 500), (200, 500)),
    "lowered for good": ((200, 500), (100, 150), (150, 150)),
    "none before": ((ANY, ANY), (100, ANY), (ANY, ANY)),
    "raised by whoever's process it is": ((200, 500), (300, 500), (300, 500)),
    "lifted by whoever's process it is": ((200, ANY), (ANY, ANY), (ANY, ANY)),
}


@pytest.mark.parametrize("what", RAISED)
def test_limits_are_raised_again_as_far_as_the_system_allows(monkeypatch, what):
    before, now, after = RAISED[what]
    held = {0: now}

    def put(limit, wanted):
        soft, hard = wanted
        if hard != ANY and not 0 <= soft <= hard:
            raise ValueError(wanted)
        held[limit] = wanted

    monkeypatch.setattr(limits, "LIMITS", [0])
    monkeypatch.setattr(limits, "resource", SimpleNamespace(RLIM_INFINITY=ANY, getrlimit=held.get, setrlimit=put))
    limits.raise_again([before])
    assert held[0] == after


@pytest.fixture
def owners(monkeypatch):
    """What is known of candidates, of none at first."""
    monkeypatch.setattr(surroundings, "_own", {})
    return surroundings._own


def test_a_candidate_that_asks_for_another_is_as_before(owners):
    with surroundings.apart("outer"):
        surroundings.remember(anew=True)
        before = {*surroundings._at_first}
        with surroundings.apart("inner"):
            pass
        assert {*surroundings._at_first} == before
    assert [*owners] == ["inner", "outer"]


def test_the_surroundings_of_the_latest_candidates_are_known(owners, monkeypatch):
    monkeypatch.setattr(surroundings, "MOST", 2)
    for name in "abc":
        with surroundings.apart(name):
            pass
    assert [*owners] == ["b", "c"]


def test_what_whoever_asks_replaces_between_two_checks_stays(monkeypatch):
    for tau in (math.tau, 6.28):
        monkeypatch.setattr(math, "tau", tau)
        judge_all([request(right, laws=("value",))], in_process=True)
        assert math.tau == tau


def test_a_timer_of_whoever_asks_rings_once():
    """It is none of the candidate's, and has run out by the end."""
    rung = []
    before = signal.signal(signal.SIGALRM, lambda *_: rung.append(True))
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.05)
        judge_all([request(right, laws=("purity", "value"))], in_process=True)
        while not rung:
            time.sleep(0.01)
        assert signal.getitimer(signal.ITIMER_REAL)[0] == 0
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert rung == [True]


def test_a_timer_that_rings_again_and_again_is_whoever_asks():
    """As a profiler's does, which is about to ring at every other look."""
    rung = []
    before = signal.signal(signal.SIGPROF, lambda *_: rung.append(True))
    try:
        judge_all([request(right, laws=("purity",))], in_process=True)  # before it runs
        signal.setitimer(signal.ITIMER_PROF, 0.001, 0.001)
        report = judge_all([request(right, laws=("purity", "value"))], in_process=True)
        assert signal.getitimer(signal.ITIMER_PROF)[1] > 0
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)
    assert len(rung) > 2
    assert report.outcomes[0].result.limitations == ()


def test_nothing_may_be_left_of_a_timer_that_runs():
    still, rings = [(0.0, 0.0)] * 3, [(0.0, 0.0), (0.0, 0.0), (0.0, 0.001)]
    later = [(0.0, 0.0), (0.0, 0.0), (0.001, 0.001)]
    assert not surroundings._begun(rings, later)
    assert surroundings._begun(still, later)


def test_one_timer_goes_on_where_a_candidate_starts_another():
    def starts(W, X, y, reg):
        signal.setitimer(signal.ITIMER_VIRTUAL, 1000)
        return right(W, X, y, reg)

    try:
        signal.setitimer(signal.ITIMER_REAL, 1000)
        judge_all([request(starts, laws=("purity",))], in_process=True)
        assert signal.getitimer(signal.ITIMER_REAL)[0] > 0
        assert signal.getitimer(signal.ITIMER_VIRTUAL)[0] == 0
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
