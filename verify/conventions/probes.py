"""Type aliases: `Probe`, a fixed point to call at, and `Watch`, called before each call of the candidate."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

Probe = Mapping[str, Any]
"""Values by name: for the form of an objective, or for a function of named inputs."""

Watch = Callable[[Probe], None]


def unwatched(_: Probe) -> None:
    """A watch that ignores the points."""
