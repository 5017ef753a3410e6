"""numpy's handling of floating-point errors: it ignores them, warns, raises or calls. It is one setting for all code of a thread.

While a candidate is asked they are all handed to a function that nobody else knows: whatever it sets differs from that, also where it
sets what most code does.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

import numpy as np

Settings = tuple[Any, Any]


def unheeded(*_: object) -> None:
    """Hears of an error and does nothing."""


UNHEEDED: Settings = dict.fromkeys(np.geterr(), "call"), unheeded


def nobody_heeds() -> AbstractContextManager[None]:
    """Errors go nowhere in the block, after which the settings are as they were before."""
    return np.errstate(all="call", call=unheeded)


def settings() -> Settings:
    """The settings of this thread."""
    return np.geterr(), np.geterrcall()


def restore(before: Settings) -> str | None:
    """Sets what differs back as it was; says that it differed, else None."""
    if settings() == before:
        return None
    np.seterr(**before[0])
    np.seterrcall(before[1])
    return "changes np.seterr"
