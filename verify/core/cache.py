"""Where compiled kernels are kept between runs.

numba's own cache looks at the file of the outermost function only, so a kernel whose helper changed would be served stale:
a verifier would pass code that no longer exists. The folder's name is therefore a hash of this package's sources, of
numba's version and of Python's. It is private to the user, since a cache is pickle and whoever writes it runs code.
"""

from __future__ import annotations

import hashlib
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numba

from verify.folders import folder

MOST = 8
"""Folders that are kept, of some megabytes each: as many versions as one user works with at a time."""


@contextmanager
def kernel_cache() -> Iterator[None]:
    """Functions that are declared with `cache=True` in this block are cached in our folder; others keep theirs."""
    config: Any = numba.config
    before, config.CACHE_DIR = config.CACHE_DIR, str(_folder())
    try:
        yield
    finally:
        config.CACHE_DIR = before


def _folder() -> Path:
    digest = hashlib.sha256(f"{numba.__version__} {sys.version}".encode())
    for file in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(file.name.encode() + b"\0" + file.read_bytes() + b"\0")
    found = folder("kernels", digest.hexdigest()[:16], MOST)
    return found or Path(tempfile.mkdtemp(prefix="verify-kernels-"))  # compiled anew in each process
