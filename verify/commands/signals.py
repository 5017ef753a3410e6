"""Signals that would end a command: they wait, or raise what it can handle, while it has something to bring to an end."""

from __future__ import annotations

import _thread
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click

LATER = 0.05
"""Seconds after which a signal is raised again whose exception was lost."""


@contextmanager
def until_ended() -> Iterator[None]:
    """Signals that would end the command raise KeyboardInterrupt with their name in the block; ignored signals stay ignored. A closing
    shell sends them twice: after the first all but another Ctrl-C are ignored until the command has ended.
    """
    heard = list[str]()

    def end(number: int, _: object) -> None:
        again = bool(heard) and number != signal.SIGINT
        heard.append(signal.Signals(number).name)
        if not again:
            raise KeyboardInterrupt(heard[-1])

    def raise_again(lost: Any) -> None:
        """Raises a signal again whose exception was lost, for instance in the callback of a weak reference."""
        if isinstance(lost.exc_value, KeyboardInterrupt) and (name := str(lost.exc_value)) in heard:
            heard.clear()
            threading.Timer(LATER, _thread.interrupt_main, [signal.Signals[name]]).start()
        else:
            hook(lost)

    context = click.get_current_context(silent=True)
    before, hook, sys.unraisablehook = {}, sys.unraisablehook, raise_again
    for number in _ending():
        if signal.getsignal(number) is not signal.SIG_IGN:
            before[number] = signal.signal(number, end)
    try:
        yield
    finally:
        sys.unraisablehook = hook
        ignored = {number: handler for number, handler in before.items() if heard and context and number != signal.SIGINT}
        for number, handler in before.items():
            signal.signal(number, signal.SIG_IGN if number in ignored else handler)
        if context is not None:
            whole = context.find_root()  # its callbacks are called behind the command's own, of which one closes the ledger
            whole.call_on_close(lambda: [signal.signal(number, handler) for number, handler in ignored.items()])


@contextmanager
def undisturbed() -> Iterator[None]:
    """Signals that would end the command wait until the block has ended."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _ending())
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _ending() -> list[signal.Signals]:
    names = ("SIGINT", "SIGTERM", "SIGHUP", "SIGXCPU", "SIGBREAK")
    return [getattr(signal, name) for name in names if hasattr(signal, name)]
