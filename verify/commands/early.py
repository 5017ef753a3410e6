"""Starts the server of the workers before the command line is read, which takes a twentieth of a quick check: what the server is for can
be seen in it at once.
"""

from __future__ import annotations

from collections.abc import Sequence

from verify.errors import interrupt_in
from verify.profiles import are_stored

ELSEWHERE = {"--in-process", "--help", "-h"}
"""Options with which no worker is started."""


def begin(arguments: Sequence[str]) -> None:
    """Starts the server for `verify check` with these arguments, which the command itself reads and checks later. Where they are wrong, or
    the server cannot be started, the command says so.
    """
    if arguments[:1] != ["check"] or not ELSEWHERE.isdisjoint(arguments):
        return
    try:
        seed = _given(arguments, "--seed")
        start([_given(arguments, "--loss") or "none"], _given(arguments, "--profile"), None if seed is None else int(seed))
    except Exception as error:
        if interrupt_in(error) is not None:
            raise


def start(losses: Sequence[str] | None, profile: str | None, seed: int | None) -> None:
    """Starts the server for candidates of these losses, None for any; a profile or seed of None is the default. Raises UsageError where
    there is no folder for temporary files.
    """
    from verify.campaign import process_group
    from verify.campaign.server import prepare, quiet

    process_group.adopt()
    quiet()
    prepare(losses, stored=are_stored(profile, seed))


def _given(arguments: Sequence[str], option: str) -> str | None:
    """The value of an option, as two arguments or as one with an equals sign; the last counts."""
    found = None
    for argument, following in zip(arguments, [*arguments[1:], None], strict=True):
        if argument == option:
            found = following
        elif argument.startswith(f"{option}="):
            found = argument.partition("=")[2]
    return found
