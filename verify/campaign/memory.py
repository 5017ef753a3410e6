"""The memory that a worker may take beyond its initial use: a candidate that allocates without end must not use up the machine's.

Private writable memory counts, not address space, of which some frameworks reserve plenty without using it. Linux counts it so.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

GIB = 1 << 30
MAX_ALLOWANCE, MIN_ALLOWANCE = 4 * GIB, 2 * GIB
"""Upper and lower limit of a worker's memory. The cases are small: 4 GiB are for frameworks and their arenas; 2 where a worker's share of
half the machine is smaller.
"""

NEARLY_FULL = 0.9
"""Share of the allowance from which on allocations may fail anywhere."""

_limit = {"before": 0, "allowance": 0}


def allowance() -> int:
    """The bytes that each worker may take."""
    share = MAX_ALLOWANCE
    with suppress(ValueError, OSError, AttributeError):
        share = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2 // (os.cpu_count() or 1)
    return max(MIN_ALLOWANCE, min(MAX_ALLOWANCE, share))


THREAD_RESERVE = 1 << 26
"""Bytes that must be free to start threads: each has 8 MiB of stack, and Python waits for ever for a thread without memory. Freed memory
that the system cannot reuse may be smaller than this.
"""


def check_room() -> None:
    """Raises MemoryError where this process can get no more memory."""
    bytes(THREAD_RESERVE)  # reserved and never touched: a bytearray would be written, in some 20 ms


def limit(allowed: int) -> None:
    """Makes allocations beyond this many bytes fail in this process from now on."""
    taken = _taken()
    if taken is not None and _set(taken + allowed):
        _limit.update(before=taken, allowance=allowed)


def exhausted() -> str | None:
    """A sentence if nearly all memory is taken, else None. The limit is then lifted, so that there is memory to report it."""
    if not _limit["allowance"]:
        return None
    _set(None)
    if (_taken() or 0) - _limit["before"] < NEARLY_FULL * _limit["allowance"]:
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
