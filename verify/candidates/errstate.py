"""numpy's handling of floating-point errors (ignore, warn, raise or call): one setting for all code of a thread.

While a candidate runs, all errors go to a function that no other code knows, so that any setting by the candidate shows, also the default
one.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

import numpy as np

Settings = tuple[Any, Any]


def unheeded(*_: object) -> None:
    """Receives an error and ignores it."""


UNHEEDED: Settings = dict.fromkeys(np.geterr(), "call"), unheeded


def nobody_heeds() -> AbstractContextManager[None]:
    """Ignores floating-point errors in the block; restores the settings afterwards."""
    return np.errstate(all="call", call=unheeded)


def settings() -> Settings:
    """The settings of this thread."""
    return np.geterr(), np.geterrcall()


def restore(before: Settings) -> str | None:
    """Restores the settings that differ; returns a sentence if any did, else None."""
    if settings() == before:
        return None
    np.seterr(**before[0])
    np.seterrcall(before[1])
    return "changes np.seterr"
