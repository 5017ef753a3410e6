"""Parts that are claimed: each is done once, by whoever is free, and nobody waits for who does not come."""

from __future__ import annotations

import os
import time
from concurrent.futures import Future
from threading import Event, get_ident

import pytest

from verify.core import threads


class Absent:
    """A pool that never begins."""

    def submit(self, *_):
        return Future()


class Refused:
    """One that can start no thread."""

    def submit(self, *_):
        raise RuntimeError("can't start new thread")


@pytest.fixture(autouse=True)
def several_threads(monkeypatch):
    monkeypatch.setattr(threads, "get_num_threads", lambda: 3)


@pytest.mark.parametrize("others", [None, Absent(), Refused()], ids=["a pool", "one that does not come", "none"])
def test_each_part_is_done_once(others, monkeypatch):
    if others is not None:
        monkeypatch.setattr(threads, "_pool", lambda: others)
    done = []
    threads.share(done.append, 50)
    assert sorted(done) == list(range(50))


def test_another_thread_helps_and_is_waited_for():
    came, who = Event(), {}

    def work(part):
        who[part] = get_ident()
        if get_ident() == me:
            assert came.wait(10)
        else:
            came.set()
            time.sleep(0.05)

    me = get_ident()
    threads.share(work, 8)
    assert sorted(who) == list(range(8))
    assert len(set(who.values())) > 1


@pytest.mark.parametrize("in_the_pool", [False, True])
def test_what_is_raised_reaches_the_caller(in_the_pool):
    me, raised = get_ident(), Event()

    def work(_):
        if (get_ident() != me) == in_the_pool:
            raised.set()
            raise KeyError("a part")
        assert raised.wait(10)

    with pytest.raises(KeyError, match="a part"):
        threads.share(work, 30)


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
def test_a_child_has_a_pool_of_its_own():
    threads.share(lambda _: None, 4)
    before = threads._pool()
    child = os.fork()
    if not child:
        os._exit(0 if threads._pool() is not before else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
