"""Where specs are found: every module of `verify.specs`, and any file that a user names."""

from __future__ import annotations

import pkgutil
import re
from dataclasses import replace
from functools import lru_cache
from importlib import import_module
from pathlib import Path
from typing import TypeVar

import verify.specs
from verify.errors import UsageError, unknown
from verify.source import load_file
from verify.spec.function import FunctionSpec
from verify.spec.loss import LossSpec
from verify.spec.penalty import Penalty

T = TypeVar("T")
U = TypeVar("U")


def _modules() -> list[object]:
    return [import_module(f"verify.specs.{m.name}") for m in pkgutil.iter_modules(verify.specs.__path__)]


def losses() -> dict[str, LossSpec]:
    """The shipped losses by name: what each module of `verify.specs` calls SPEC."""
    specs = [m.SPEC for m in _modules() if hasattr(m, "SPEC")]
    return {s.name: s for s in specs}


def penalties() -> dict[str, Penalty]:
    """The shipped penalties by name: what a module of `verify.specs` lists as PENALTIES."""
    return {p.name: p for m in _modules() for p in getattr(m, "PENALTIES", ())}


def find_spec(name: str) -> LossSpec | FunctionSpec:
    """The spec of this name, or of `FILE.py[:NAME]` (NAME is a variable of the file, SPEC by default): of a loss or of a function."""
    own = _in_a_file(name, (LossSpec, FunctionSpec), "SPEC")
    return find_loss(name) if own is None else own


def find_loss(name: str) -> LossSpec:
    """The same where only a loss of scores will do."""
    own = _in_a_file(name, (LossSpec, FunctionSpec), "SPEC")
    if isinstance(own, FunctionSpec) or (own is not None and own.of_inputs):
        raise UsageError(f"{name} is no loss of scores with one label or target each; `verify check` and `verify run` judge it.")
    if own is not None:
        return own
    if name.isidentifier() and name in {m.name for m in pkgutil.iter_modules(verify.specs.__path__)}:  # most are named like their files
        there: LossSpec | None = getattr(import_module(f"verify.specs.{name}"), "SPEC", None)
        if there is not None and there.name == name:
            return there
    known = losses()
    if name not in known:
        raise unknown("loss", name, known)
    return known[name]


def find_penalty(name: str) -> Penalty:
    """The penalty of this name, or of `FILE.py[:NAME]` (PENALTY by default), which then is its name; raises UsageError with the nearest."""
    own = _in_a_file(name, (Penalty,), "PENALTY")
    if own is not None:
        return _named(own, name)
    known = penalties()
    if name not in known:
        raise unknown("penalty", name, known)
    return known[name]


def _in_a_file(name: str, kinds: tuple[type[T], *tuple[type[U], ...]], default: str) -> T | U | None:
    """What a user's file calls this, or `default`; None where no file is named."""
    file = re.fullmatch(r"(.*\.py)(?::(\w*))?", name)
    if file is None:
        return None
    path, variable = file[1], file[2] or default
    module = load_file(Path(path))
    found = getattr(module, variable, None)
    if not isinstance(found, kinds):
        there = [v for v, value in vars(module).items() if isinstance(value, kinds)]
        told = f" It has {', '.join(there)}." if there else ""
        wanted = " or ".join(kind.__name__ for kind in kinds)
        raise UsageError(f"{path} has no {wanted} called {variable}. Define one, or give FILE.py:NAME.{told}")
    return found


@lru_cache(maxsize=64)
def _named(penalty: Penalty, name: str) -> Penalty:
    """One object for each, since what is compiled is kept by it."""
    return replace(penalty, name=name)
