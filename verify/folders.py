"""Folders in the user's cache, private to the user, for data that can be computed again: named by a digest of what the data depend on."""

from __future__ import annotations

import os
import shutil
import stat
from contextlib import suppress
from pathlib import Path

import platformdirs


def folder(kind: str, digest: str, most: int) -> Path | None:
    """The folder `kind-digest`. Creating it removes the oldest folders of its kind, so that `most` are left. None where it cannot be
    written, or others may write to it.
    """
    found = Path(platformdirs.user_cache_dir("verify-gradients")) / f"{kind}-{digest}"
    try:
        if not found.exists():
            with suppress(OSError):  # another process may remove them too
                _drop_oldest(found.parent, kind, most)
        return found if make(found) and private(found) and os.access(found, os.W_OK) else None
    except OSError:
        return None  # a read-only home


def _drop_oldest(home: Path, kind: str, most: int) -> None:
    """Removes the oldest folders of a kind to make room for one more."""
    folders = sorted(home.glob(f"{kind}-*"), key=lambda f: f.stat().st_mtime)
    for old in folders[: max(0, len(folders) + 1 - most)]:
        shutil.rmtree(old, ignore_errors=True)  # a process that still uses it computes everything again


def make(found: Path) -> bool:
    """Creates the folder, and the suite's folders above it, for this user alone, whatever the umask. Raises OSError on failure."""
    for one in (*reversed(found.parents), found):
        if not one.exists():
            with suppress(FileExistsError):  # another process was faster
                one.mkdir(mode=0o700)
            one.chmod(0o700)
    return True


def private(found: Path) -> bool:
    """Whether nobody but this user and the system can replace the folder: both own it and everything above, and others cannot write there,
    except to folders above that have the sticky bit.
    """
    if not hasattr(os, "getuid"):
        return True
    try:
        whole = found.resolve()
        return whole.stat().st_uid == os.getuid() and not _others_write(whole) and all(map(_keeps, whole.parents))
    except OSError:
        return False


def _keeps(above: Path) -> bool:
    """Whether only the owner of an entry and the system can replace it in this folder."""
    info = above.stat()
    return info.st_uid in (0, os.getuid()) and (not _others_write(above) or bool(info.st_mode & stat.S_ISVTX))


def _others_write(found: Path) -> bool:
    """Whether anybody but the owner may write there; a group with the owner's number is the owner's own."""
    info = found.stat()
    of_group = info.st_mode & stat.S_IWGRP and info.st_gid != info.st_uid
    return bool(of_group or info.st_mode & stat.S_IWOTH)
