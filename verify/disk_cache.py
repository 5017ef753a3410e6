"""A cache on disk of what follows from code alone: JSON, which runs nothing, valid as long as that code is unchanged.

The folder is named by a digest of our own sources, of Python and of the libraries that formulas are made with; a key tells the rest, such
as the source of a spec. An entry that is broken or of another key is made again. Nothing is written before somebody says so who knows that
no candidate has changed what it was made with.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

from verify.folders import folder
from verify.versions import versions

T = TypeVar("T")
Key = Sequence[Any]
"""Names, numbers and digests: what JSON holds."""

LIBRARIES = ("numpy", "python-flint", "sympy", "verify-gradients")
MOST_FOLDERS = 4
MOST = 4096
"""Entries of a folder, of some kilobytes each; then the older half goes."""
LONGEST = 1 << 20
"""Characters of an entry: what takes more is read no faster than it is made."""

_waiting: dict[str, str] = {}


def cached(key: Key, make: Callable[[], T], as_data: Callable[[T], Any], read: Callable[[Any], T]) -> T:
    """What is kept by this key, else what is made, to be kept. `as_data` is its plain form, from which it is `read`.

    Raises what `make` raises. What cannot be as_data or read is made.
    """
    name = _name(key)
    with suppress(OSError, ValueError, TypeError, LookupError, AttributeError, ArithmeticError, RecursionError):
        return read(_found(key))
    made = make()
    if _home() is None or len(_waiting) == MOST:  # of what nobody has written
        return made
    with suppress(ValueError, TypeError, RecursionError):  # of what has no plain form
        whole = json.dumps({"key": key, "value": as_data(made)})
        if len(whole) <= LONGEST:
            _waiting[name] = whole
    return made


def plain(key: Key, make: Callable[[], T]) -> T:
    """The same of what is plain itself."""
    found: T = cached(key, make, lambda made: made, lambda entry: entry)
    return found


def has(key: Key) -> bool:
    """Whether anything is kept by this key."""
    with suppress(OSError, ValueError, TypeError, LookupError):
        _found(key)
        return True
    return False


def write() -> None:
    """Writes what waits. Where that cannot be, it is made again next time."""
    waiting = dict(_waiting)
    _waiting.clear()
    home = _home() if waiting else None
    if home is None:
        return
    with suppress(OSError):
        _make_room(home, len(waiting))
        for name, entry in waiting.items():
            number, partial = tempfile.mkstemp(prefix="partial-", dir=home)  # several processes may write the same
            with os.fdopen(number, "w", encoding="utf-8") as file:
                file.write(entry)
            Path(partial).replace(home / name)


def drop() -> None:
    """Forgets what waits."""
    _waiting.clear()


def _name(key: Key) -> str:
    return f"{hashlib.sha256(json.dumps(key).encode()).hexdigest()[:32]}.json"


def _found(key: Key) -> Any:
    """Raises OSError, ValueError, TypeError or LookupError where there is nothing of this key."""
    name, home = _name(key), _home()
    if home is None:
        raise LookupError("there is no folder")
    entry = json.loads(_waiting[name] if name in _waiting else (home / name).read_text(encoding="utf-8"))
    if entry["key"] != json.loads(json.dumps(key)):
        raise LookupError("it is of another key")
    return entry["value"]


def _make_room(home: Path, for_: int) -> None:
    there = list(home.iterdir())
    if len(there) + for_ > MOST:
        for old in sorted(there, key=lambda f: f.stat().st_mtime)[: len(there) // 2]:
            old.unlink(missing_ok=True)


def _home() -> Path | None:
    return folder("derived", _digest(), MOST_FOLDERS)


@lru_cache(maxsize=1)
def _digest() -> str:
    """Of each file its size and when it was last written: to read them all would take as long as much of what is kept."""
    return hashlib.sha256(json.dumps([sys.version, versions(LIBRARIES), [*_sources(Path(__file__).parent)]]).encode()).hexdigest()[:16]


def _sources(home: Path) -> Iterator[tuple[str, int, int]]:
    for path, folders, files in os.walk(home):
        folders.sort()
        for name in sorted(name for name in files if name.endswith(".py")):
            info = os.stat(os.path.join(path, name))  # some hundred files, at a microsecond each
            yield os.path.join(path, name), info.st_size, info.st_mtime_ns
