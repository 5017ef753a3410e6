"""The point of a pair as the command line names it. Text is read as numbers or as a name, and never evaluated."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from verify.candidates import attribute
from verify.errors import UsageError
from verify.source import load_file, load_module


def given(text: str) -> ArrayLike:
    """`1,2.5,-3`, or the array in a FILE.npy, or the one called NAME in FILE.py:NAME or module:NAME. Raises UsageError."""
    if text.endswith(".npy"):
        try:
            found: ArrayLike = np.load(Path(text), allow_pickle=False)
        except (OSError, ValueError) as error:
            raise UsageError(f"--at {text} cannot be read: {error}. Give a file that numpy.save wrote.") from None
        return found
    place, colon, name = text.rpartition(":")
    if colon:
        return attribute(load_file(Path(place)) if place.endswith(".py") else load_module(place), place, name)  # type: ignore[no-any-return]
    try:
        return [float(x) for x in text.split(",")]
    except ValueError:
        raise UsageError(f"--at {text!r} is no point. Give numbers such as 1,2.5,-3, or FILE.npy, or FILE.py:NAME.") from None
