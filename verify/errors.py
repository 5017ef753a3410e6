"""Errors on the user's side, as opposed to the candidate's or ours."""

from __future__ import annotations

import reprlib
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Any


class UsageError(Exception):
    """Wrong use or configuration: the message says what was given, what is allowed and what to do. Exit code 2."""


class SchedulerLostError(Exception):
    """The cluster that judged answers no more: the message says which, and what to do. Exit code 2, with a report of what came before."""


class _Short(reprlib.Repr):
    def repr_int(self, x: int, level: int) -> str:
        """Python writes out no number of thousands of digits."""
        return super().repr_int(x, level) if x.bit_length() < MOST_BITS else f"a whole number of {x.bit_length()} bits"


MOST_BITS = 10_000
_SHORT = _Short()
_SHORT.maxstring = _SHORT.maxother = 200
_SHORT.maxlist = _SHORT.maxtuple = _SHORT.maxdict = 20


def shown(given: object) -> str:
    """The value given, as code, as far as a sentence can hold it, even where an object cannot say what it is.

    >>> shown("float63"), len(shown("x" * 10**6))
    ("'float63'", 200)
    >>> shown(16**5000)
    'a whole number of 20001 bits'
    """
    return _SHORT.repr(given)


def unknown(kind: str, given: str, known: Iterable[str]) -> UsageError:
    """The error for a name that does not exist: it offers the nearest one that does."""
    names = sorted(known)
    near = get_close_matches(given[:100], names, n=1, cutoff=0.4)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    return UsageError(f"unknown {kind} {shown(given)}.{hint} Known: {', '.join(names)}.")


def of_type(kind: str, given: object, types: tuple[type, ...], allowed: str) -> None:
    """Raises UsageError where a value is of no allowed type; truth values are no numbers."""
    if isinstance(given, bool) or not isinstance(given, types):
        raise UsageError(f"{kind} is {shown(given)}; give {allowed}.")


LARGEST = 2**63
"""Whole numbers that documents hold are smaller."""


def whole(kind: str, given: object) -> None:
    """Raises UsageError for what is no whole number from 0 on, or a larger one than documents hold."""
    of_type(kind, given, (int,), "a whole number from 0 on")
    if not (isinstance(given, int) and 0 <= given < LARGEST):
        raise UsageError(f"{kind} is {shown(given)}; give a whole number from 0 to 2**63 − 1.")


LONGEST = 1e9
"""Seconds: thirty years."""


def seconds(kind: str, given: object) -> None:
    """Raises UsageError where a time limit is no finite number above 0. None is no limit of one's own."""
    if given is None:
        return
    of_type(kind, given, (int, float), "a number of seconds greater than 0")
    if not (isinstance(given, (int, float)) and 0 < given <= LONGEST):
        raise UsageError(f"{kind} is {shown(given)}; give a number of seconds greater than 0, and at most {LONGEST:g}.")


def several(kind: str, given: object, such_as: str) -> tuple[Any, ...]:
    """The items of a list or a tuple. Raises UsageError for what is none; a text is none, either."""
    try:
        if isinstance(given, (str, bytes, Mapping)):
            raise TypeError
        return tuple(given)  # type: ignore[arg-type]
    except TypeError:
        raise UsageError(f"{kind} is {shown(given)}; give a list, such as {such_as}.") from None


def truth(kind: str, given: object) -> None:
    """Raises UsageError for what is neither True nor False."""
    if type(given).__name__ not in ("bool", "bool_"):  # numpy's too
        raise UsageError(f"{kind} is {shown(given)}; give True or False.")


def names(kind: str, given: object) -> tuple[str, ...] | None:
    """Names, or one alone. Raises UsageError where they are none. None is none at all."""
    if given is None:
        return None
    found = (given,) if isinstance(given, str) else tuple(given) if isinstance(given, (tuple, list)) else ()
    if not found or not all(isinstance(name, str) and name for name in found):
        raise UsageError(f"{kind} is {shown(given)}; give one or more names, such as ('W', 'b').")
    return found
