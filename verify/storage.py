"""Files that are written at once or not at all, the error where they cannot be, and the folder that all of it is relative to."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from verify.errors import UsageError


def writable(folder: Path, refused: str = "nothing can be written") -> None:
    """Makes the folder now, so that a long run does not end without a place for what it found.

    Raises UsageError, which begins with `refused`, where that cannot be.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"{refused} to {folder}: {error.strerror}. Give another place with --output.") from None
    if not os.access(folder, os.W_OK):
        raise UsageError(f"{refused} to {folder}: the folder is read-only. Give another place with --output.")


def save(path: Path, whole: str | bytes) -> Path:
    """Replaces the file at once, so that a reader never sees half of it; returns the path. Raises UsageError where that cannot be."""
    partial = path.with_name(path.name + ".partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.write_bytes(whole.encode("utf-8") if isinstance(whole, str) else whole)
        partial.replace(path)
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}. Give another place with --output.") from None
    return path


def folder() -> str | None:
    """The current one, if it is there still."""
    with suppress(OSError):  # it is gone
        return os.getcwd()
    return None


def go_home(home: str | None) -> None:
    """Makes `home` the current folder where that is gone: nothing can be found from there."""
    if home is not None and folder() is None:
        with suppress(OSError):
            os.chdir(home)
