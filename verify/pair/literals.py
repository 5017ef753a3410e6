"""An example of the inputs from the command line. Text is read as numbers or as a name, and never evaluated."""

from __future__ import annotations

from numbers import Number
from pathlib import Path
from typing import Any

import numpy as np

from verify.candidates import attribute
from verify.errors import UsageError
from verify.source import load_file, load_module


def read_example(text: str) -> Any:
    """The numbers `1,2.5,-3`, the array in a FILE.npy, the arrays by name in a FILE.npz, or the object NAME of FILE.py:NAME or module:NAME:
    an array, a tuple, a dict, or a function that returns one. Raises UsageError.
    """
    if text.endswith((".npy", ".npz")):
        try:
            with Path(text).open("rb") as file:
                found = np.load(file, allow_pickle=False)
                if isinstance(found, np.ndarray) is text.endswith(".npz"):
                    raise ValueError(f"it holds {'one array' if text.endswith('.npz') else 'several'}")
                return found if isinstance(found, np.ndarray) else {name: found[name][()] for name in found.files}
        except Exception as error:  # any error of the readers for an invalid file: memory, recursion, a header's syntax
            by = "numpy.savez(FILE, W=W, X=X)" if text.endswith(".npz") else "numpy.save"
            raise UsageError(f"--at {text} cannot be read: {error}. Give a file that {by} wrote.") from None
    place, colon, name = text.rpartition(":")
    if colon:
        return attribute(load_file(Path(place)) if place.endswith(".py") else load_module(place), place, name, _is_data)
    try:
        return [float(x) for x in text.split(",")]
    except ValueError:
        raise UsageError(f"--at {text!r} is no point. Give numbers such as 1,2.5,-3, or FILE.npy, FILE.npz or FILE.py:NAME.") from None


def _is_data(a: Any) -> bool:
    return callable(a) or isinstance(a, (np.ndarray, np.generic, Number, tuple, list, dict))
