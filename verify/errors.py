"""What can go wrong on the user's side, as opposed to the candidate's or ours."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from math import isfinite


class UsageError(Exception):
    """Wrong use or configuration: the message says what was given, what is allowed and what to do. Exit code 2."""


def unknown(kind: str, given: str, known: Iterable[str]) -> UsageError:
    """The error for a name that does not exist: it offers the nearest one that does."""
    names = sorted(known)
    near = get_close_matches(given, names, n=1, cutoff=0.4)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    return UsageError(f"unknown {kind} {given!r}.{hint} Known: {', '.join(names)}.")


def of_type(kind: str, given: object, types: tuple[type, ...], allowed: str) -> None:
    """Raises UsageError where a value is of no allowed type; truth values are no numbers."""
    if isinstance(given, bool) or not isinstance(given, types):
        raise UsageError(f"{kind} is {given!r}; give {allowed}.")


def seconds(kind: str, given: object) -> None:
    """Raises UsageError where a time limit is no finite number above 0. None is no limit of one's own."""
    if given is None:
        return
    of_type(kind, given, (int, float), "a number of seconds greater than 0")
    if not (isinstance(given, (int, float)) and isfinite(given) and given > 0):
        raise UsageError(f"{kind} is {given!r}; give a number of seconds greater than 0.")


def names(kind: str, given: object) -> tuple[str, ...] | None:
    """Names, or one alone. Raises UsageError where they are none. None is none at all."""
    if given is None:
        return None
    found = (given,) if isinstance(given, str) else tuple(given) if isinstance(given, (tuple, list)) else ()
    if not found or not all(isinstance(name, str) and name for name in found):
        raise UsageError(f"{kind} is {given!r}; give one or more names, such as ('W', 'b').")
    return found
