"""Inputs as a user declares them in words, if no spec does: `x: n d, y: n

labels(c), sigma:

positive`.

Dimensions stand left of the bar, as in jaxtyping: names, where equal names are equal sizes, and whole numbers; none for a single number. A
domain in lower case stands right of it, or nothing for real numbers.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from verify.errors import UsageError, shown, unknown
from verify.spec.domains import Binary, Count, Finite, Label, Positive, Probability, Real, Sign, Simplex
from verify.spec.function import Array


def _count(low: str = "0", high: str | None = None) -> Any:
    if high is None and int(low) == 0:
        return Count()
    values = tuple(range(int(low), int(high or "") + 1))
    if not values:
        raise UsageError(f"count({low}, {high}) is empty; the second number is the greatest.")
    return Finite("Count", values)


NAMES: dict[str, Callable[..., Any]] = {
    "real": lambda *ends: Real(*map(float, ends)), "positive": Positive, "probability": Probability, "count": _count, "binary": Binary,
    "sign": Sign, "simplex": Simplex, "labels": Label,
}  # fmt: skip
"""The names of domains: `real(-1, 1)`, `count(0, 5)`, `labels(c)`."""
EXAMPLE = "such as 'x: n d, y: n | labels(c), sigma: | positive'"


def texts(given: object) -> dict[str, str]:
    """The declaration of each input, from one text or from a table of texts. Raises UsageError for anything else."""
    if isinstance(given, str):
        parts = [part for part in re.split(r",(?![^(]*\))", given) if part.strip()]
        if wrong := [part for part in parts if ":" not in part]:
            raise UsageError(f"inputs has {wrong[0].strip()!r}, which is no NAME: DIMENSIONS. Give names and dimensions, {EXAMPLE}.")
        pairs = [(name.strip(), told.strip()) for name, _, told in (part.partition(":") for part in parts)]
        if len(dict(pairs)) < len(pairs):
            raise UsageError(f"inputs {given!r} names one of them twice; name each once.")
        given = dict(pairs)
    if not isinstance(given, Mapping) or not given or not all(isinstance(text, str) for pair in given.items() for text in pair):
        raise UsageError(f"inputs is {shown(given)}; give dimensions by names, {EXAMPLE}.")
    return dict(given)


def declared(given: Mapping[str, str]) -> dict[str, Array]:
    """The inputs by name. Raises UsageError for an invalid declaration."""
    return {name: _array(name, declaration) for name, declaration in given.items()}


def _array(name: str, declaration: str) -> Array:
    dims, _, domain = declaration.partition("|")
    called = re.fullmatch(r"\s*(\w*)\s*(?:\(([^()]*)\))?\s*", domain)
    if called is None:
        raise UsageError(f"the domain of {name} is {domain.strip()!r}; give one of {', '.join(NAMES)}, such as labels(c) or real(-1, 1).")
    kind, inside = called[1] or "real", [a.strip() for a in (called[2] or "").split(",") if a.strip()]
    if kind not in NAMES:
        raise unknown(f"domain of {name}", kind, NAMES)
    try:
        return Array(dims.strip(), NAMES[kind](*inside))
    except UsageError as error:
        raise UsageError(f"{name} is declared as {declaration.strip()!r}: {error}") from None
    except (TypeError, ValueError):
        raise UsageError(
            f"{name} is declared as {declaration.strip()!r}, and {kind} takes no such numbers. Write labels(c) or count(0, 5)."
        ) from None
