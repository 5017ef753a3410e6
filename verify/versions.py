"""Versions of installed packages: for the report's header, and for the keys of the ledger and of the disk cache."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from importlib import metadata

DISTRIBUTION = "verify-gradients"
"""The name of this distribution."""


def versions(distributions: Iterable[str]) -> dict[str, str]:
    """The versions of these distributions, by name, without those that are not installed."""
    return {name: found for name in distributions if (found := _version(name)) is not None}


@lru_cache(maxsize=256)
def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None
