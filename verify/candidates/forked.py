"""Calls that may end the process run in a forked copy of it: compiled code may read and write outside its arrays."""

from __future__ import annotations

import faulthandler
import os
import select
import signal
import warnings
from collections.abc import Callable, Sequence

from verify.elapsed import Starved, now

ANSWER_TIMEOUT = 2.0
"""Seconds for one question, less those in which other processes kept it from running: a thousand times what an answer takes."""

POLL_INTERVAL = 0.1
"""Seconds between two checks of a forked copy."""

MAX_WAIT = 20 * ANSWER_TIMEOUT
"""Seconds after which waiting ends, however busy the machine is."""

LOST, HANGS, STARVED = UNANSWERED = b"", b"h", b"w"


def in_a_copy(ask: Callable[[], bytes]) -> bytes:
    """The one-byte answer of `ask` in a forked copy; empty where the copy was lost. A copy without an answer is ended after ANSWER_TIMEOUT:
    HANGS, or STARVED.
    """
    return in_one_copy([ask])[0]


def in_one_copy(asks: Sequence[Callable[[], bytes]]) -> list[bytes]:
    """The answers of one forked copy to each question in turn, up to the first that it did not answer."""
    read, write = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # forking beside threads: the copy gets a valid call first
        child = os.fork()
    if child == 0:
        faulthandler.disable()  # a lost copy is an answer, not a fault to report on standard error
        nowhere = os.open(os.devnull, os.O_WRONLY)
        for stream in (1, 2):
            os.dup2(nowhere, stream)
        try:
            for ask in asks:
                os.write(write, ask())
        finally:
            os._exit(0)
    os.close(write)
    try:
        said: list[bytes] = []
        while len(said) < len(asks) and (not said or said[-1] not in UNANSWERED):
            said.append(_reply(child, read))
        return said
    finally:
        os.kill(child, signal.SIGKILL)  # it stays a zombie until it is waited for, so that its number is not reused
        os.waitpid(child, 0)
        os.close(read)


def _reply(child: int, read: int) -> bytes:
    """The copy's answer; HANGS where there is none, and STARVED where other processes kept it from running."""
    began, starved = now(), Starved(child)
    while now() - began < MAX_WAIT:
        if select.select([read], [], [], POLL_INTERVAL)[0]:
            return os.read(read, 1)
        starved.update()
        if now() - began - starved.seconds > ANSWER_TIMEOUT:
            return HANGS
    return STARVED
