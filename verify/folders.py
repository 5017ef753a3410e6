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
        return found if make(found) and private(found) and os.access(found, os.W_OK) else None
    except OSError:
        return None  # a read-only home


def _drop_oldest(home: Path, kind: str, most: int) -> None:
    """Leaves room for one folder more."""
    folders = sorted(home.glob(f"{kind}-*"), key=lambda f: f.stat().st_mtime)
    for old in folders[: max(0, len(folders) + 1 - most)]:
        shutil.rmtree(old, ignore_errors=True)  # whoever still uses it makes all of it anew


def make(found: Path) -> bool:
    """Makes the folder, and ours above it, for this user alone whatever the umask says. Raises OSError where that cannot be."""
    for one in (*reversed(found.parents), found):
        if not one.exists():
            with suppress(FileExistsError):  # another process was faster
                one.mkdir(mode=0o700)
            one.chmod(0o700)
    return True


def private(found: Path) -> bool:
    """Whether nobody else can put something in the folder's place: it is ours and only we may write to it, and so may nobody but us and
    the system to the folders above, unless what lies there stays its owner's (the sticky bit).
    """
    if not hasattr(os, "getuid"):
        return True
    try:
        whole = found.resolve()
        return whole.stat().st_uid == os.getuid() and not _others_write(whole) and all(map(_keeps, whole.parents))
    except OSError:
        return False


def _keeps(above: Path) -> bool:
    """Whether what lies in a folder can be replaced by its owner and the system alone."""
    info = above.stat()
    return info.st_uid in (0, os.getuid()) and (not _others_write(above) or bool(info.st_mode & stat.S_ISVTX))


def _others_write(found: Path) -> bool:
    """Whether others than its owner may write there; a group of the owner's own has his number."""
    info = found.stat()
    of_group = info.st_mode & stat.S_IWGRP and info.st_gid != info.st_uid
    return bool(of_group or info.st_mode & stat.S_IWOTH)
