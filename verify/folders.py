"""Folders in the user's cache for what can be made again: named by a digest of what it follows from, and nobody else's."""

from __future__ import annotations

import os
import shutil
import stat
from contextlib import suppress
from pathlib import Path

import platformdirs


def folder(kind: str, digest: str, most: int) -> Path | None:
    """The folder `kind-digest`, which is made if there is none; the oldest of its kind go then, so that `most` are left. None where it
    cannot be written, or others may write there.
    """
    found = Path(platformdirs.user_cache_dir("verify-gradients")) / f"{kind}-{digest}"
    try:
        if not found.exists():
            with suppress(OSError):  # another process drops them too
                _drop_oldest(found.parent, kind, most)
        found.mkdir(mode=0o700, parents=True, exist_ok=True)
        return found if _private(found) and os.access(found, os.W_OK) else None
    except OSError:
        return None  # a read-only home


def _drop_oldest(home: Path, kind: str, most: int) -> None:
    """Leaves room for one folder more."""
    folders = sorted(home.glob(f"{kind}-*"), key=lambda f: f.stat().st_mtime)
    for old in folders[: max(0, len(folders) + 1 - most)]:
        shutil.rmtree(old, ignore_errors=True)  # whoever still uses it makes all of it anew


def _private(found: Path) -> bool:
    """Whether nobody else owns the folder or may write to it."""
    info = found.stat()
    return not hasattr(os, "getuid") or (info.st_uid == os.getuid() and not info.st_mode & (stat.S_IWGRP | stat.S_IWOTH))
