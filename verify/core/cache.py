"""The cache of compiled kernels between runs.

numba's own cache looks at the file of the outermost function only, so a kernel whose helper changed would be served stale:
a verifier would pass code that no longer exists. The folder's name is therefore a hash of this package's sources, of
numba's version and of Python's. It is private to the user, since a cache is pickle and whoever writes it runs code. Of one version
installed in several places each kernel is compiled once.
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
from numba.core import caching

from verify.folders import folder

MAX_FOLDERS = 8
"""Number of folders kept, of some megabytes each: as many versions as one user works with at a time."""


config: Any = numba.config
SHARED = hasattr(caching, "UserProvidedCacheLocator") and hasattr(config, "CACHE_LOCATOR_CLASSES")
"""Whether this numba allows choosing the place in the folder; otherwise it adds the path of the file, so that each installation has its own
kernels.
"""

if SHARED:

    class Shared(caching.UserProvidedCacheLocator):
        """The cache folder itself, wherever the source lies: the folder's name covers everything."""

        def __init__(self, py_func: Any, py_file: str) -> None:
            super().__init__(py_func, py_file)  # type: ignore[no-untyped-call]
            self._cache_path = config.CACHE_DIR

        def get_source_stamp(self) -> str:
            """The same stamp for every source."""
            return ""


@contextmanager
def kernel_cache() -> Iterator[None]:
    """Functions declared with `cache=True` in this block are cached in the suite's folder; others keep theirs."""
    settings = {"CACHE_DIR": str(_folder())} | ({"CACHE_LOCATOR_CLASSES": "verify.core.cache.Shared"} if SHARED else {})
    before = {name: getattr(config, name) for name in settings}
    try:
        for name, value in settings.items():
            setattr(config, name, value)
        yield
    finally:
        for name, value in before.items():
            setattr(config, name, value)


def _folder() -> Path:
    digest = hashlib.sha256(f"{numba.__version__} {sys.version}".encode())
    for file in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(file.name.encode() + b"\0" + file.read_bytes() + b"\0")
    found = folder("kernels", digest.hexdigest()[:16], MAX_FOLDERS)
    return found or Path(tempfile.mkdtemp(prefix="verify-kernels-"))  # compiled anew in each process
