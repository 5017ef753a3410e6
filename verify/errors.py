"""What can go wrong on the user's side, as opposed to the candidate's or ours."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


class UsageError(Exception):
    """Wrong use or configuration: the message says what was given, what is allowed and what to do. Exit code 2."""


def unknown(kind: str, given: str, known: Iterable[str]) -> UsageError:
    """The error for a name that does not exist: it offers the nearest one that does."""
    names = sorted(known)
    near = get_close_matches(given, names, n=1, cutoff=0.4)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    return UsageError(f"unknown {kind} {given!r}.{hint} Known: {', '.join(names)}.")
