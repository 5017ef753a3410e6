"""Asks in a forked copy of the process what may end it: compiled code may read and write outside its arrays."""

from __future__ import annotations

import faulthandler
import os
import select
import signal
import warnings
from collections.abc import Callable, Sequence

from verify.elapsed import Starved, now

PATIENCE = 2.0
"""Seconds for one question, less what others kept it from: a thousand times what an answer takes."""

LOOK = 0.1
"""Seconds between two looks at what it waits for."""

MOST = 20 * PATIENCE
"""Seconds after which it is waited for no longer, however busy the machine is."""

LOST, HANGS, STARVED = UNANSWERED = b"", b"h", b"w"


def in_a_copy(ask: Callable[[], bytes]) -> bytes:
    """What a forked copy said, one byte; nothing where it was lost. One that says nothing is ended after PATIENCE: HANGS, or STARVED."""
    return in_one_copy([ask])[0]


def in_one_copy(asks: Sequence[Callable[[], bytes]]) -> list[bytes]:
    """What one forked copy said to each question in turn. The first that it did not answer is the last."""
    read, write = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # forking beside threads: the copy is asked a valid question first
        child = os.fork()
    if child == 0:
        faulthandler.disable()  # a lost copy is an answer, not a fault to be told on standard error
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
        os.kill(child, signal.SIGKILL)  # it stays until it is waited for, so that its number is nobody else's
        os.waitpid(child, 0)
        os.close(read)


def _reply(child: int, read: int) -> bytes:
    """What it says, HANGS where it does not, and STARVED where others kept it from saying so."""
    began, starved = now(), Starved(child)
    while now() - began < MOST:
        if select.select([read], [], [], LOOK)[0]:
            return os.read(read, 1)
        starved.update()
        if now() - began - starved.seconds > PATIENCE:
            return HANGS
    return STARVED
