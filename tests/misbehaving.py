"""Candidates that misbehave, each in one way, and otherwise compute the softmax cross-entropy rightly.

Most of them do so for a single example only, so that their conventions can be found out before.
"""

from __future__ import annotations

import ctypes
import os
import sys
import time

import numpy as np


def right(W, X, y, reg):
    S = X @ W.T
    P = np.exp(S - S.max(1, keepdims=True))
    P /= P.sum(1, keepdims=True)
    loss = -np.log(P[np.arange(len(X)), y]).mean() + reg * (W * W).sum()
    P[np.arange(len(X)), y] -= 1
    return loss, P.T @ X / len(X) + 2 * reg * W


def for_one_example(act):
    """Acts where there is one example only."""
    return lambda W, X, y, reg: act() if len(X) == 1 else right(W, X, y, reg)


def throw(error):
    raise error


def spin():
    while True:
        pass


def prints(W, X, y, reg):
    """By all ways, the interpreter's and the system's."""
    print("from Python: λ")
    print("to standard error", file=sys.stderr)
    os.write(1, b"from below\n")
    libc.puts(b"from C")
    return right(W, X, y, reg)


def aborts_with_a_word():
    print("the matrix is singular")
    libc.puts(b"C says goodbye")
    os.abort()


def leak():
    """Takes memory until there is none, and keeps it."""
    while True:
        KEPT.append(np.ones(1 << 24))


def take_all_and_go_on():
    """Fills all memory, says nothing of it and leaves nothing to whoever comes next."""
    try:
        leak()
    except MemoryError:
        KEPT.extend(bytearray(1 << 12) for _ in range(1 << 30))


KEPT: list[object] = []


def slow(W, X, y, reg):
    time.sleep(0.05)
    return right(W, X, y, reg)


libc = ctypes.CDLL(None)
raises = for_one_example(lambda: throw(ValueError("one example is too few")))
interrupts = for_one_example(lambda: throw(KeyboardInterrupt))
exits = for_one_example(lambda: sys.exit(3))
exits_at_once = for_one_example(lambda: os._exit(7))
exits_as_if_done = for_one_example(lambda: os._exit(0))
exits_from_c = for_one_example(lambda: libc.exit(0))
aborts = for_one_example(os.abort)
reads_at_0 = for_one_example(lambda: ctypes.string_at(0))
loops = for_one_example(spin)
sleeps_in_c = for_one_example(lambda: libc.sleep(1000))
aborts_loudly = for_one_example(aborts_with_a_word)
asks_for_too_much = for_one_example(lambda: np.ones(1 << 42))
leaks = for_one_example(leak)
takes_all = for_one_example(take_all_and_go_on)
always_aborts = lambda *_: os.abort()  # noqa: E731
always_sleeps = lambda *_: libc.sleep(1000)  # noqa: E731
