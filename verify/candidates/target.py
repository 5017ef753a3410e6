"""`file.py:function` and `package.module:function`: from a name to the callable. No text is evaluated.

`file.py:loss,grad` and `file.py:loss,grad,hess` name functions of one file that belong together.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from verify.candidates.candidate import Candidate
from verify.candidates.objects import is_layer
from verify.errors import UsageError, unknown
from verify.source import existing, load_file, load_module


def resolve(target: str) -> Callable[..., Any]:
    """The callable that a target names; attributes may be dotted (`module:Class.method`).

    Raises UsageError where the file or module does not import (with its error), has no such name, or where the object is not callable.
    """
    place, path = parted(target)
    found = load_file(Path(place)) if place.endswith(".py") else load_module(place)
    parts = [_called(attribute(found, place, name.strip()), f"{place}:{name.strip()}") for name in path.split(",")]
    if len(parts) > len(PARTS):
        raise UsageError(f"target {target!r} names {len(parts)} functions. Give one, or a loss, its gradient and its Hessian.")
    return parts[0] if len(parts) == 1 else Candidate(**_by_part(parts))


def parted(target: str) -> tuple[str, str]:
    """A target as (file or module, name of the function or functions). Raises UsageError where either lacks, or the file does not exist."""
    place, colon, path = target.rpartition(":")
    if not colon or not place or not path:
        raise UsageError(f"target {target!r} has no function. Give file.py:function or package.module:function.")
    if place.endswith(".py"):
        existing(Path(place))
    return place, path


PARTS = ("loss", "grad", "hess")


def _by_part(parts: list[Callable[..., Any]]) -> dict[str, Any]:
    return dict(zip(PARTS, parts, strict=False))


def attribute(found: Any, place: str, path: str, fits: Callable[[Any], bool] = callable) -> Any:
    """The object at a dotted path in a module. Raises UsageError with the nearest existing name for which `fits` holds."""
    for name in path.split("."):
        if not hasattr(found, name):
            public = [n for n in dir(found) if not n.startswith("_") and fits(getattr(found, n))]
            raise unknown(f"name in {place}", path, public or ["(none that fits)"])
        found = getattr(found, name)
    return found


def _called(found: Any, target: str) -> Callable[..., Any]:
    if not callable(found) and not is_layer(found):
        raise UsageError(f"{target} is {type(found).__name__}, which cannot be called. Name a function f(W, X, y, reg).")
    return found  # type: ignore[no-any-return]
