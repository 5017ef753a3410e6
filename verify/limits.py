"""The system's limits of a process: of memory, files, time and the like. Soft ones count, and may be raised up to the hard ones."""

from __future__ import annotations

from contextlib import suppress

try:
    import resource
except ImportError:  # Windows
    resource = None  # type: ignore[assignment]

LIMITS = sorted({number for name, number in vars(resource).items() if name.startswith("RLIMIT_")}) if resource else []

Limits = list[tuple[int, int]]


def limits() -> Limits:
    """The soft and the hard limits of this process."""
    return [resource.getrlimit(limit) for limit in LIMITS]


def put_back(before: Limits) -> None:
    """Restores the soft limits as far as the hard ones allow: a lowered hard limit stays, for any user."""
    for limit, (soft, _), (now, hard) in zip(LIMITS, before, limits(), strict=True):
        wanted = soft if _reaches(hard, soft) else hard
        if now != wanted:
            with suppress(OSError, ValueError):
                resource.setrlimit(limit, (wanted, hard))


def raise_again(before: Limits) -> None:
    """Restores the soft limits that are lower than before."""
    now = limits()
    if now != before:
        put_back([was if _reaches(was[0], is_[0]) else is_ for was, is_ in zip(before, now, strict=True)])


def _reaches(limit: int, other: int) -> bool:
    """Whether one limit is at least as high as another."""
    return limit == resource.RLIM_INFINITY or 0 <= other <= limit
