"""Type aliases: `Probe`, a fixed point to ask at, and `Watch`, called before each question."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

Probe = Mapping[str, Any]
"""Values by name: those of the form of an objective, or those of a function of named inputs."""

Watch = Callable[[Probe], None]


def unwatched(_: Probe) -> None:
    """Nobody hears of it."""
