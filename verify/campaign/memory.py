"""How much memory a worker may take beyond what it starts with: a candidate that allocates without end must not take the machine's.

Counted is writable memory of its own, not address space, of which some frameworks reserve plenty and use nothing. Linux counts it so.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

GIB = 1 << 30
MOST, FEWEST = 4 * GIB, 2 * GIB
"""The cases are small: 4 GiB are for frameworks and their arenas; 2 where a worker's share of half the machine is smaller."""

NEARLY = 0.9
"""Part of the allowance with which there is no telling what fails next, and how."""

_limit = {"before": 0, "allowance": 0}


def allowance() -> int:
    """Bytes that each worker may take."""
    share = MOST
    with suppress(ValueError, OSError, AttributeError):
        share = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2 // (os.cpu_count() or 1)
    return max(FEWEST, min(MOST, share))


ROOM = 1 << 26
"""Bytes that must be there for threads to begin: one has 8 MiB of stack, and Python waits for ever for a thread that has no memory. Less
than that may lie about in what was given back, of which nobody else can make use.
"""


def check_room() -> None:
    """Raises MemoryError where this process gets no more memory."""
    bytes(ROOM)  # asked for, and never touched: as a bytearray it would be written, in some 20 ms


def limit(allowed: int) -> None:
    """Lets allocations beyond so many bytes fail in this process from now on."""
    taken = _taken()
    if taken is not None and _set(taken + allowed):
        _limit.update(before=taken, allowance=allowed)


def exhausted() -> str | None:
    """What to say where nearly all is taken, else None. The limit is then taken back, so that there is memory to say it."""
    if not _limit["allowance"]:
        return None
    _set(None)
    if (_taken() or 0) - _limit["before"] < NEARLY * _limit["allowance"]:
        _set(_limit["before"] + _limit["allowance"])
        return None
    return f"took more than the {_limit['allowance'] / GIB:g} GiB of memory that a candidate may have"


def _taken() -> int | None:
    try:
        lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("VmData:")), None)


def _set(most: int | None) -> bool:
    try:
        import resource

        hard = resource.getrlimit(resource.RLIMIT_DATA)[1]
        resource.setrlimit(resource.RLIMIT_DATA, (hard if most is None else most, hard))
    except (ImportError, OSError, ValueError):
        return False
    return True
