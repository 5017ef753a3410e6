"""Where specs are found: every file in `verify.specs` and its folders, and any file that a user names."""

from __future__ import annotations

import pkgutil
import re
import sys
from dataclasses import replace
from difflib import get_close_matches
from functools import lru_cache
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

import verify.specs
from verify.errors import UsageError, shown, unknown
from verify.source import load_file
from verify.spec.function import FunctionSpec
from verify.spec.loss import LossSpec
from verify.spec.penalty import Penalty

T = TypeVar("T")
U = TypeVar("U")


PENALTIES = "penalties"
"""The folder of penalties."""


@lru_cache(maxsize=1)
def _files() -> dict[str, str]:
    """The modules of `verify.specs` and its folders by the names of their files, in that order; none is imported.

    Raises RuntimeError if two have one name: it is a spec's, whatever its folder.
    """
    found: dict[str, str] = {}
    for m in pkgutil.walk_packages(verify.specs.__path__, "verify.specs."):  # of packages only their docstrings
        name = m.name.rpartition(".")[2]
        if not m.ispkg and found.setdefault(name, m.name) != m.name:
            raise RuntimeError(f"{found[name]} and {m.name} have one name. A spec is named like its file: rename one of them.")
    return dict(sorted(found.items()))


def group_of(module: str) -> str:
    """The folder of a shipped spec."""
    return module.split(".")[2]


def names() -> tuple[str, ...]:
    """The names of the shipped losses and functions, which are those of their files. Nothing is imported."""
    return tuple(name for name, module in _files().items() if group_of(module) != PENALTIES)


def specs() -> dict[str, LossSpec | FunctionSpec]:
    """The shipped losses and functions by name: SPEC of each file."""
    return {name: _shipped(name) for name in names()}


def losses() -> dict[str, LossSpec]:
    """The shipped losses of scores with one label or target each."""
    return {name: s for name, s in specs().items() if isinstance(s, LossSpec) and not s.of_inputs}


def penalties() -> dict[str, Penalty]:
    """The shipped penalties that are inferred from candidates, by name: PENALTIES of each file."""
    return {p.name: p for m in _penalty_modules() for p in getattr(m, "PENALTIES", ())}


def all_penalties() -> dict[str, Penalty]:
    """All shipped penalties, also those that are only used by name: PENALTY of each file."""
    return penalties() | {m.PENALTY.name: m.PENALTY for m in _penalty_modules() if hasattr(m, "PENALTY")}


def _penalty_modules() -> list[Any]:
    return [import_module(module) for module in _files().values() if group_of(module) == PENALTIES]


def _shipped(name: str) -> LossSpec | FunctionSpec:
    known = names()
    if name not in known:
        raise UsageError(f"unknown loss {shown(name)}.{_nearest(name)} `verify list specs` shows all {len(known)}.")
    spec: LossSpec | FunctionSpec = import_module(_files()[name]).SPEC
    return spec


def plain(text: str) -> str:
    """A name in the form used for searching: words in lower case."""
    return re.sub(r"[\s_–-]+", " ", text).casefold()


def _nearest(name: str) -> str:
    """A question that suggests the losses with similar names or aliases."""
    given = _squeezed(name[:100]).removesuffix("loss")
    called = [(_squeezed(other), s.name) for s in specs().values() for other in (s.name, *s.aliases)]
    near = get_close_matches(given, [other for other, _ in called], n=SUGGESTIONS, cutoff=MIN_SIMILARITY)
    whole = [other for other, _ in called if len(given) >= MIN_LETTERS and given in other]
    found = dict.fromkeys(own for wanted in (*near, *whole) for other, own in called if other == wanted)
    return f" Did you mean {' or '.join(map(repr, [*found][:SUGGESTIONS]))}?" if found else ""


def _squeezed(name: str) -> str:
    return plain(name).replace(" ", "")


SUGGESTIONS = 3
"""Number of losses suggested for an unknown name."""
MIN_SIMILARITY = 0.75
"""Least similarity of two names, by difflib: enough for misspellings and other endings."""
MIN_LETTERS = 3
"""Least number of letters of a name that is searched for inside others."""


def name_of_spec(given: LossSpec | FunctionSpec | Penalty) -> str:
    """The name under which this process finds a spec or penalty given as an object: its own if it is shipped, FILE.py:NAME if a module
    holds it. One that no file holds, such as a notebook's, is found by this process only.
    """
    ships = all_penalties() if isinstance(given, Penalty) else {given.name: _shipped(given.name)} if given.name in names() else {}
    if ships.get(given.name) is given:
        return given.name
    known = next((name for name, other in _GIVEN.items() if other is given), None)
    if known is not None:
        return known
    place = _variable(given) or f"{given.name} of this process"
    name, n = place, 2
    while name in _GIVEN:  # an earlier one of a notebook cell or reloaded module: results are cached under its name
        name, n = f"{place} ({n})", n + 1
    _GIVEN[name] = given
    return name


def is_in_a_file(name: str) -> bool:
    """Whether other processes find it, too."""
    return name not in _GIVEN or name.partition(".py:")[2].isidentifier()


def _variable(given: object) -> str | None:
    """The FILE.py:NAME of the variable that holds the object, with the path relative to the current folder if it lies there."""
    formula = next((f for f in map(vars(given).get, ("formula", *FORMULAS)) if f is not None), None)
    home = sys.modules.get(getattr(formula, "__module__", ""))  # where it is written, rather than where it was imported
    for module in (home, *list(sys.modules.values())):
        file = getattr(module, "__file__", None) if isinstance(module, ModuleType) else None
        if isinstance(file, str) and file.endswith(".py"):
            path = Path(file).resolve()
            place = path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
            for variable, value in list(vars(module).items()):
                if value is given:
                    return f"{place}:{variable}"
    return None


FORMULAS = ("per_example", "per_batch", "per_weight", "per_group")
"""The fields of specs that hold a function with the formula, besides `formula` itself."""

_GIVEN: dict[str, LossSpec | FunctionSpec | Penalty] = {}


def find_spec(name: str) -> LossSpec | FunctionSpec:
    """The spec of this name, or of `FILE.py[:NAME]` (NAME is a variable of the file, SPEC by default): of a loss or of a function."""
    own = _in_a_file(name, (LossSpec, FunctionSpec), "SPEC")
    return _shipped(name) if own is None else own


def find_loss(name: str) -> LossSpec:
    """The loss of scores of this name. Raises UsageError for other specs."""
    found = find_spec(name)
    if isinstance(found, FunctionSpec) or found.of_inputs:
        raise UsageError(f"{name} is no loss of scores with one label or target each; `verify check` and `verify run` judge it.")
    return found


def find_penalty(name: str) -> Penalty:
    """The penalty of this name, or of `FILE.py[:NAME]` (PENALTY by default), which then is its name; raises UsageError with the nearest."""
    own = _in_a_file(name, (Penalty,), "PENALTY")
    if own is not None:
        return _named(own, name)
    known = all_penalties()
    if name not in known:
        raise unknown("penalty", name, known)
    return known[name]


def _in_a_file(name: str, kinds: tuple[type[T], *tuple[type[U], ...]], default: str) -> T | U | None:
    """The object of this name, or `default`, in a user's file; None if no file is named."""
    given = _GIVEN.get(name)
    if isinstance(given, kinds):
        return given
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
    """One object for each name, since compiled formulas are cached by it."""
    return replace(penalty, name=name)
