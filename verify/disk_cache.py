"""A disk cache of results that depend on code alone: JSON, which executes nothing, valid while that code is unchanged.

The folder is named by a digest of the suite's sources, of Python and of the libraries that build formulas; the key holds the rest, such as
the source of a spec. A broken entry, or one of another key, is computed again. Nothing is written until `write` is called, by code that
knows that no candidate has changed anything that the entries were computed with.
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
from verify.versions import metadata_folders

T = TypeVar("T")
Key = Sequence[Any]
"""Names, numbers and digests, as JSON can hold them."""

LIBRARIES = ("hypothesis", "numpy", "python-flint", "sympy", "verify-gradients")
MOST_FOLDERS = 4
MAX_ENTRIES = 4096
"""Entries of a folder, of some kilobytes each, 30 for drawn cases; beyond, the older half is removed."""
MAX_CHARACTERS = 1 << 20
"""Characters of an entry: reading a longer one is no faster than computing it."""

UNREADABLE = (OSError, ValueError, TypeError, LookupError, AttributeError, ArithmeticError, RecursionError)
"""What reading an entry may raise, whose text may be anything."""

_waiting: dict[str, str] = {}


def cached(key: Key, make: Callable[[], T], as_data: Callable[[T], Any], read: Callable[[Any], T]) -> T:
    """The value stored under a key; else the value of `make()`, which is stored. `as_data` turns it into plain data, `read` turns that
    back.

    Raises what `make` raises. A value that cannot be stored or read is computed.
    """
    with suppress(*UNREADABLE):
        return read(_found(key))
    made = make()
    keep(key, made, as_data)
    return made


def find(key: Key, read: Callable[[Any], T]) -> T | None:
    """The value stored under a key; None where there is none that can be read."""
    with suppress(*UNREADABLE):
        return read(_found(key))
    return None


def keep(key: Key, made: T, as_data: Callable[[T], Any]) -> None:
    """Stores a value under a key, if it has a plain form."""
    if _home() is None or len(_waiting) == MAX_ENTRIES:  # of what nobody has written
        return
    with suppress(ValueError, TypeError, RecursionError):
        whole = json.dumps({"key": key, "value": as_data(made)})
        if len(whole) <= MAX_CHARACTERS:
            _waiting[_name(key)] = whole


def plain(key: Key, make: Callable[[], T]) -> T:
    """`cached` for values that are plain data themselves."""
    found: T = cached(key, make, lambda made: made, lambda entry: entry)
    return found


def has(key: Key) -> bool:
    """Whether a value is stored under this key."""
    with suppress(OSError, ValueError, TypeError, LookupError):
        _found(key)
        return True
    return False


def write() -> None:
    """Writes the pending entries. Those that cannot be written are computed again next time."""
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
    """Discards the pending entries."""
    _waiting.clear()


def _name(key: Key) -> str:
    return f"{hashlib.sha256(json.dumps(key).encode()).hexdigest()[:32]}.json"


def _found(key: Key) -> Any:
    """The stored entry of a key. Raises OSError, ValueError, TypeError or LookupError where there is none."""
    name, home = _name(key), _home()
    if home is None:
        raise LookupError("there is no folder")
    entry = json.loads(_waiting[name] if name in _waiting else (home / name).read_text(encoding="utf-8"))
    if entry["key"] != json.loads(json.dumps(key)):
        raise LookupError("it is of another key")
    return entry["value"]


def _make_room(home: Path, for_: int) -> None:
    there = list(home.iterdir())
    if len(there) + for_ > MAX_ENTRIES:
        for old in sorted(there, key=lambda f: f.stat().st_mtime)[: len(there) // 2]:
            old.unlink(missing_ok=True)


def _home() -> Path | None:
    return folder("derived", _digest(), MOST_FOLDERS)


@lru_cache(maxsize=1)
def _digest() -> str:
    """A digest of Python, the libraries and the suite's files, each by its size and time of change: reading them all would take as long as
    computing much of what is cached.
    """
    return hashlib.sha256(json.dumps([sys.version, metadata_folders(LIBRARIES), [*_sources(Path(__file__).parent)]]).encode()).hexdigest()[
        :16
    ]


def _sources(home: Path) -> Iterator[tuple[str, int, int]]:
    for path, folders, files in os.walk(home):
        folders.sort()
        for name in sorted(name for name in files if name.endswith(".py")):
            info = os.stat(os.path.join(path, name))  # some hundred files, at a microsecond each
            yield os.path.join(path, name), info.st_size, info.st_mtime_ns
