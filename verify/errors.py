"""Errors in the use of the suite, as opposed to errors of a candidate or of the suite."""

from __future__ import annotations

import reprlib
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Any


class UsageError(Exception):
    """Wrong use or configuration: the message says what was given, what is allowed and what to do. Exit code 2."""


class NoGPUError(UsageError):
    """Code needs a GPU, and there is none here. What was found of it before stands; if that is no fault, nothing is said of it."""

    def __init__(self, told: str) -> None:
        super().__init__(f"{told}: it was skipped, and nothing is said of it. Judge it where there is one.")
        self.told = told


class SchedulerLostError(Exception):
    """The cluster that judges stopped answering: the message names it and says what to do. Exit code 2, with a report of the outcomes so
    far.
    """


def interrupt_in(error: BaseException) -> KeyboardInterrupt | None:
    """The interrupt that an error is, or was made of: Python 3.11 wraps one that comes while a class is made. None for other errors."""
    return next((e for e in (error, error.__cause__) if isinstance(e, KeyboardInterrupt)), None)


class _Short(reprlib.Repr):
    def repr_int(self, x: int, level: int) -> str:
        """A number of thousands of digits by its size: Python refuses to print it."""
        return super().repr_int(x, level) if x.bit_length() < MOST_BITS else f"a whole number of {x.bit_length()} bits"


MOST_BITS = 10_000
_SHORT = _Short()
_SHORT.maxstring = _SHORT.maxother = 200
_SHORT.maxlist = _SHORT.maxtuple = _SHORT.maxdict = 20


def shown(given: object) -> str:
    """A value as source code, shortened to fit a sentence, even if its `repr` fails.

    >>> shown("float63"), len(shown("x" * 10**6))
    ("'float63'", 200)
    >>> shown(16**5000)
    'a whole number of 20001 bits'
    """
    return _SHORT.repr(given)


def unknown(kind: str, given: str, known: Iterable[str]) -> UsageError:
    """The error for a name that does not exist; it suggests the nearest one that does."""
    names = sorted(known)
    near = get_close_matches(given[:100], names, n=1, cutoff=0.4)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    return UsageError(f"unknown {kind} {shown(given)}.{hint} Known: {', '.join(names)}.")


def of_type(kind: str, given: object, types: tuple[type, ...], allowed: str) -> None:
    """Raises UsageError where a value is of none of the allowed types; bool is not a number."""
    if isinstance(given, bool) or not isinstance(given, types):
        raise UsageError(f"{kind} is {shown(given)}; give {allowed}.")


WHOLE_BOUND = 2**63
"""Bound of the whole numbers that documents hold."""


def whole(kind: str, given: object) -> None:
    """Raises UsageError unless the value is a whole number from 0 to the largest that documents hold."""
    of_type(kind, given, (int,), "a whole number from 0 on")
    if not (isinstance(given, int) and 0 <= given < WHOLE_BOUND):
        raise UsageError(f"{kind} is {shown(given)}; give a whole number from 0 to 2**63 − 1.")


MAX_SECONDS = 1e9
"""Longest time limit in seconds: thirty years."""


def seconds(kind: str, given: object) -> None:
    """Raises UsageError unless a time limit is a finite number above 0, or None for the default."""
    if given is None:
        return
    of_type(kind, given, (int, float), "a number of seconds greater than 0")
    if not (isinstance(given, (int, float)) and 0 < given <= MAX_SECONDS):
        raise UsageError(f"{kind} is {shown(given)}; give a number of seconds greater than 0, and at most {MAX_SECONDS:g}.")


def several(kind: str, given: object, such_as: str) -> tuple[Any, ...]:
    """The items of a list or tuple. Raises UsageError for anything else, also for a string."""
    try:
        if isinstance(given, (str, bytes, Mapping)):
            raise TypeError
        return tuple(given)  # type: ignore[arg-type]
    except TypeError:
        raise UsageError(f"{kind} is {shown(given)}; give a list, such as {such_as}.") from None


def truth(kind: str, given: object) -> None:
    """Raises UsageError for a value other than True and False."""
    if type(given).__name__ not in ("bool", "bool_"):  # numpy's too
        raise UsageError(f"{kind} is {shown(given)}; give True or False.")


def names(kind: str, given: object) -> tuple[str, ...] | None:
    """One name or several, as a tuple; None stays None. Raises UsageError for anything else."""
    if given is None:
        return None
    found = (given,) if isinstance(given, str) else tuple(given) if isinstance(given, (tuple, list)) else ()
    if not found or not all(isinstance(name, str) and name for name in found):
        raise UsageError(f"{kind} is {shown(given)}; give one or more names, such as ('W', 'b').")
    return found
