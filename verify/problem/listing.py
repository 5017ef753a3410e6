"""`verify list specs`: the shipped specs, by group, searched by words of a name, a formula or a library function."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from itertools import groupby
from math import isfinite
from typing import Any

from verify.errors import UsageError, unknown
from verify.problem.convexity import supported
from verify.spec.catalogue import PENALTIES, all_penalties, group_of, penalties, plain, specs
from verify.spec.convexity import convex_penalty
from verify.spec.function import FunctionSpec
from verify.spec.loss import LossSpec, Parameter
from verify.spec.penalty import Penalty

SUGGESTIONS, MIN_SIMILARITY = 3, 0.5
"""Number of names suggested if nothing is found, and their least similarity."""

Row = dict[str, Any]
"""The entries about one spec."""


def rows(words: Sequence[str] = (), group: str | None = None) -> list[Row]:
    """Every shipped spec, losses first, by group; only those of one group, or with each of the words, if given.

    Raises UsageError for an unknown group, and if no spec has the words, with the nearest names.
    """
    stated: list[tuple[LossSpec | FunctionSpec | Penalty, str]] = [(s, _module(s)) for s in (*specs().values(), *all_penalties().values())]
    groups = sorted({group_of(module) for _, module in stated}, key=lambda g: (g == PENALTIES, g))
    if group is not None and group not in groups:
        raise unknown("group of specs", group, groups)
    chosen = [(s, m) for g in groups for s, m in stated if group_of(m) == g and group in (None, g)]
    found = [(s, m) for s, m in chosen if all(plain(word) in plain(" ".join(_searched(s, m))) for word in words)]
    if not found:
        near = get_close_matches(
            plain(" ".join(words)), {plain(n): n for s, _ in chosen for n in (s.name, *s.aliases)}, SUGGESTIONS, MIN_SIMILARITY
        )
        told = f" Near it are: {', '.join(near)}." if near else ""
        raise UsageError(f"no spec{'' if group is None else f' of {group}'} has {' '.join(words)!r}.{told} `verify list specs` shows all.")
    return [_row(s, m) for s, m in found]


def lines(found: Sequence[Row], *, whole: bool) -> Iterator[str]:
    """The rows as text: one line each below its group, or with `whole` everything known about each."""
    if whole:
        for k, row in enumerate(found):
            yield from ([""] if k else []) + [f"{row['name']}  ({row['group']})", *(f"  {line}" for line in _details(row))]
        return
    width = max(len(row["name"]) for row in found)
    for group, of_group in groupby(found, key=lambda row: row["group"]):
        yield f"{group}:"
        yield from (f"  {row['name'].ljust(width)}  {row['formula']}  {row['convexity']}" for row in of_group)


def _details(row: Row) -> Iterator[str]:
    yield row["formula"]
    for title, field in (("other names", "aliases"), ("computed by", "computed_by")):
        if row[field]:
            yield f"{title}: {'; '.join(row[field])}"
    if row["parameters"]:
        yield "parameters: " + "; ".join(f"{name} = {p['default']:g} in {p['domain']}" for name, p in row["parameters"].items())
    yield f"of: {', '.join(f'{name} {domain}' for name, domain in row['inputs'].items())}"
    yield f"claims: {row['convexity']}"
    if row["source"]:
        yield f"source: {row['source']}"


def _row(s: LossSpec | FunctionSpec | Penalty, module: str) -> Row:
    return {
        "name": s.name,
        "kind": "penalty" if isinstance(s, Penalty) else "loss",
        "group": group_of(module),
        "formula": _formula(s, module),
        "convexity": _convexity(s),
        "aliases": list(s.aliases),
        "computed_by": list(s.computed_by),
        "inputs": _inputs(s),
        "parameters": {} if isinstance(s, Penalty) else {n: {"default": p.default, "domain": _domain(p)} for n, p in s.parameters.items()},
        "source": "" if isinstance(s, Penalty) else s.source,
    }


def _module(s: LossSpec | FunctionSpec | Penalty) -> str:
    return str((s.per_weight or s.per_group if isinstance(s, Penalty) else s.formula).__module__)


def _formula(s: LossSpec | FunctionSpec | Penalty, module: str) -> str:
    if s.name in penalties():  # of several in one file
        assert isinstance(s, Penalty)
        return f"λ·Σ {s.expression()[0]}{'' if s.bias else ', without the last column'}"
    return _first(module)


def _first(module: str) -> str:
    return (sys.modules[module].__doc__ or "").split("\n")[0]


def _convexity(s: LossSpec | FunctionSpec | Penalty) -> str:
    if isinstance(s, Penalty):
        return "convex, proved" if convex_penalty(s) else "not proved convex"
    return supported(s)


def _inputs(s: LossSpec | FunctionSpec | Penalty) -> dict[str, str]:
    if isinstance(s, Penalty):
        return {"w": f"weights of one {s.group}" if s.group else "one weight"}
    if isinstance(s, FunctionSpec):
        return {name: f"[{a.dims}] {a.domain}{'' if a.is_differentiated else ', given'}" for name, a in s.inputs.items()}
    prediction = s.prediction or ("Score()" if s.width is None else "Scores()")
    return {"prediction": str(prediction), "target": str(s.target or s.targets or "Label()")}


def _domain(p: Parameter) -> str:
    ends = ("−∞" if not isfinite(p.low) else f"{p.low:g}"), ("∞" if not isfinite(p.high) else f"{p.high:g}")
    return f"({', '.join(ends)}){', one for each class' if p.dims else ''}"


def _searched(s: LossSpec | FunctionSpec | Penalty, module: str) -> tuple[str, ...]:
    return s.name, *s.aliases, *s.computed_by, _first(module)
