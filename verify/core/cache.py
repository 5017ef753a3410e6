"""Where compiled kernels are kept between runs.

numba's own cache looks at the file of the outermost function only, so a kernel whose helper changed would be served stale:
a verifier would pass code that no longer exists. The folder's name is therefore a hash of this package's sources, of
numba's version and of Python's. It is private to the user, since a cache is pickle and whoever writes it runs code.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numba
import platformdirs

MOST = 8
"""Folders that are kept: as many versions as one user works with at a time."""


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
    folder = Path(platformdirs.user_cache_dir("verify-gradients")) / f"kernels-{digest.hexdigest()[:16]}"
    try:
        if not folder.exists():
            with suppress(OSError):  # another process drops them too
                _drop_oldest(folder.parent)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if _private(folder) and os.access(folder, os.W_OK):
            return folder
    except OSError:
        pass  # a read-only home
    return Path(tempfile.mkdtemp(prefix="verify-kernels-"))  # compiled anew in each process


def _drop_oldest(home: Path) -> None:
    """Leaves room for one folder more: each new version of the sources, of numba and of Python makes one of some megabytes."""
    folders = sorted(home.glob("kernels-*"), key=lambda f: f.stat().st_mtime)
    for old in folders[: max(0, len(folders) + 1 - MOST)]:
        shutil.rmtree(old, ignore_errors=True)  # whoever still runs from it compiles anew next time


def _private(folder: Path) -> bool:
    """Whether nobody else owns the folder or may write to it."""
    info = folder.stat()
    return not hasattr(os, "getuid") or (info.st_uid == os.getuid() and not info.st_mode & (stat.S_IWGRP | stat.S_IWOTH))
