"""Versions of what is installed: for the report's header, the key of a ledger, and of what is kept on disk."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from importlib import metadata

OWN = "verify-gradients"
"""This distribution."""


def versions(distributions: Iterable[str]) -> dict[str, str]:
    """The version of each that is installed, by its name."""
    return {name: found for name in distributions if (found := _version(name)) is not None}


@lru_cache(maxsize=256)
def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None
