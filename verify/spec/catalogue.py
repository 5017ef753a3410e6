"""Where specs are found: every module of `verify.specs`, and any file that a user names."""

from __future__ import annotations

import pkgutil
import re
from importlib import import_module
from pathlib import Path

import verify.specs
from verify.errors import UsageError, unknown
from verify.source import load_file
from verify.spec.loss import LossSpec
from verify.spec.penalty import Penalty


def _modules() -> list[object]:
    return [import_module(f"verify.specs.{m.name}") for m in pkgutil.iter_modules(verify.specs.__path__)]


def losses() -> dict[str, LossSpec]:
    """The shipped losses by name: what each module of `verify.specs` calls SPEC."""
    specs = [m.SPEC for m in _modules() if hasattr(m, "SPEC")]
    return {s.name: s for s in specs}


def penalties() -> dict[str, Penalty]:
    """The shipped penalties by name: what a module of `verify.specs` lists as PENALTIES."""
    return {p.name: p for m in _modules() for p in getattr(m, "PENALTIES", ())}


def find_loss(name: str) -> LossSpec:
    """The loss of this name, or of `FILE.py[:NAME]` (NAME is a variable of the file, SPEC by default)."""
    if file := re.fullmatch(r"(.*\.py)(?::(\w*))?", name):
        path, variable = file[1], file[2] or "SPEC"
        module = load_file(Path(path))
        spec = getattr(module, variable, None)
        if not isinstance(spec, LossSpec):
            there = [v for v, value in vars(module).items() if isinstance(value, LossSpec)]
            told = f" It has {', '.join(there)}." if there else ""
            raise UsageError(f"{path} has no LossSpec called {variable}. Define one, or give FILE.py:NAME.{told}")
        return spec
    known = losses()
    if name not in known:
        raise unknown("loss", name, known)
    return known[name]


def find_penalty(name: str) -> Penalty:
    """The penalty of this name; raises UsageError with the nearest known one."""
    known = penalties()
    if name not in known:
        raise unknown("penalty", name, known)
    return known[name]
