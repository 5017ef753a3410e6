"""The data sets that are part of the package."""

from __future__ import annotations

from functools import cache
from importlib.resources import as_file, files

import numpy as np
from numpy.typing import NDArray


@cache
def digits() -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """(images, labels): 1,797 × 64 values 0..16, and digits 0..9. Source and licence: README.md beside the file."""
    with as_file(files(__package__) / "digits.npz") as path, np.load(path, allow_pickle=False) as archive:
        return archive["images"], archive["labels"]
