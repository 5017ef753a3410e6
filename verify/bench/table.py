"""A table of setups to time, each with contestants that do the same work."""

from __future__ import annotations

import pkgutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

import verify.benchmarks

Work = Callable[[], Any]
OUR_NAME = "verify"


@dataclass(frozen=True, kw_only=True)
class Setup:
    """One line of a table. `contestants` by name; the others are compared with the first. `error(answer)` is the error of a contestant's
    answer, `allowed` its bound: times of wrong answers are meaningless. `says(answer)` is the answer in words, if that is what counts.
    `problems` is the number of problems per call, `parts` by name the share of the work that a contestant does (its time is divided by it).
    `limits` are timed too, and bound what any contestant can do. `axis` and `size` make it a point of a curve, one of a `series` where
    there are several.
    """

    label: str
    contestants: Mapping[str, Work]
    error: Callable[[Any], float] | None = None
    allowed: float = 0.0
    says: Callable[[Any], str] | None = None
    problems: int = 1
    parts: Mapping[str, float] = field(default_factory=dict)
    limits: Mapping[str, Work] = field(default_factory=dict)
    axis: str | None = None
    size: int = 0
    series: str = ""


@dataclass(frozen=True, kw_only=True)
class Table:
    """`setups(smoke)` yields them one after the other, so that only one's data are in memory; small and few ones for a `smoke` run. If it
    `compares`, the result for a size is the ratio to the fastest peer, otherwise how time grows.
    """

    name: str
    title: str
    setups: Callable[[bool], Iterator[Setup]]
    compares: bool = False


def tables() -> dict[str, Table]:
    """All tables by name: TABLE of each module of `verify.benchmarks`."""
    modules = (import_module(f"verify.benchmarks.{m.name}") for m in pkgutil.iter_modules(verify.benchmarks.__path__))
    return {m.TABLE.name: m.TABLE for m in modules if hasattr(m, "TABLE")}
