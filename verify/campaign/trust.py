"""The code that a witness would import, and whether its reader has named it: a file may come from anybody, and code can do anything.

A target is trusted if it is among the candidates of the project's `[tool.verify]`, or if the code that it names is written in a file below
the current folder. What that file imports from elsewhere is not: `mine.py:os.system` lies in none of the user's folders.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator, Mapping
from importlib.machinery import PathFinder
from pathlib import Path
from typing import Any

from verify import folders
from verify.campaign.witness import kept
from verify.errors import shown
from verify.settings import tool

MAX_REEXPORTS = 8
"""Most modules of the user that pass a name on to each other, by `from .losses import f`."""


def named(witness: Mapping[str, Any]) -> list[str]:
    """Everything that would be imported to judge the witness again: the candidate, its reference or surrogate, and a spec or penalty in a
    file.
    """
    conventions = witness.get("conventions") or {}
    reference = (conventions.get("formula") or {}).get("reference")
    files = [name for name in (witness["loss"], conventions.get("penalty")) if isinstance(name, str) and re.search(r"\.py(:|$)", name)]
    return [witness["candidate"], *([reference] if isinstance(reference, str) else []), *files]


def question(witness: Mapping[str, Any], file: Path) -> str | None:
    """What the user must confirm before the witness in this file is judged again; None where it names nothing strange, or lies in the
    user's own cache folder, where only targets that this user has named before are written.
    """
    if folders.private(file.parent) and file.resolve().parent == kept().resolve():
        return None
    strangers = strange(witness)
    what = "which is neither a candidate of [tool.verify] nor written in a file below the current folder"
    return f"{file} would import {' and '.join(map(shown, strangers))}, {what}" if strangers else None


def strange(witness: Mapping[str, Any]) -> list[str]:
    """The names in a witness that the user has not named. Nothing is imported to find out. Raises UsageError
    where pyproject.toml is wrong.
    """
    table = tool(Path.cwd()) or {}
    candidates = table.get("candidates")
    listed = [c for c in candidates if isinstance(c, dict)] if isinstance(candidates, list) else []
    known = {c[key] for c in listed for key in ("target", "loss", "penalty", "reference", "surrogate") if isinstance(c.get(key), str)}
    return [name for name in named(witness) if name not in known and not _is_own(name)]


def _is_own(target: str) -> bool:
    place, _, path = (target, "", "") if target.endswith(".py") else target.rpartition(":")
    if place.partition(".")[0] == "verify" and not place.endswith(".py"):
        return place.startswith("verify.core.")  # the built-in candidates
    file = Path(place) if place.endswith(".py") else _file(place)
    if file is None:
        return False
    return all(_is_written(file, *(part.strip() for part in name.split("."))) for name in path.split(","))


def _is_below(file: Path) -> bool:
    """Whether a file belongs to the project below the current folder, and not to a library installed there. The home folder, or one above
    it, is no project.
    """
    try:
        whole, folder = file.expanduser().resolve(), Path.cwd().resolve()
        mine = whole.is_relative_to(folder) and not Path.home().resolve().is_relative_to(folder)
        return mine and "site-packages" not in whole.parts and whole.is_file()
    except (OSError, ValueError, RuntimeError):  # names that no file can have
        return False


def _is_written(file: Path, name: str, *further: str, deep: int = 0) -> bool:
    """Whether a name of a file below the current folder is bound there, and not by an import from elsewhere; "" is any name. Attributes
    `further` along the path must be bound there, too: those of `xp = numpy`, or inherited by a class, are written elsewhere.
    """
    if deep > MAX_REEXPORTS or not _is_below(file):
        return False
    if not name:
        return True
    try:
        module = ast.parse(file.read_bytes())
    except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    nodes = [*ast.walk(module)]
    homes = [home for node in nodes for home in _homes(node, name, file)]
    for part in further:
        if {home for node in nodes for home, _ in _homes(node, part, file)} != {file} or part.startswith("__"):
            return False
    return bool(homes) and all(home == file or _is_written(home, called, *further, deep=deep + 1) for home, called in homes)


NOT_THE_USERS = Path("/")
"""Stands for all files that are not the user's own."""


def _homes(node: ast.AST, name: str, file: Path) -> Iterator[tuple[Path, str]]:
    """The files, and the names there, that a statement takes a name from that it binds."""
    defined = isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)) and node.name == name
    if defined or (isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store) and node.id == name):
        yield file, name
    elif isinstance(node, (ast.Import, ast.ImportFrom)):
        for alias in node.names:
            if (alias.asname or alias.name.partition(".")[0]) == name:
                yield (_imported(node, file) if isinstance(node, ast.ImportFrom) else None) or NOT_THE_USERS, alias.name


def _imported(node: ast.ImportFrom, file: Path) -> Path | None:
    """The file of the module that is imported from, if it lies below the current folder."""
    if not node.level:
        return _file(node.module or "", file.parent)
    folder = file.parent
    for _ in range(node.level - 1):
        folder = folder.parent
    found = folder.joinpath(*(node.module or "").split("."))
    return next((f for f in (found.with_suffix(".py"), found / "__init__.py") if f.is_file()), None)


def _file(module: str, beside: Path | None = None) -> Path | None:
    """The source of a module as an import would find it, without executing the packages that it is in: these
    must be the user's own, too.
    """
    here = [] if {"", str(Path.cwd())} & {*sys.path} else [str(Path.cwd())]
    where: Any = [*([str(beside)] if beside else []), *here, *sys.path]
    spec = None
    if module.partition(".")[0] in sys.builtin_module_names:
        return None
    for n in range(1, len(parts := module.split(".")) + 1):
        spec = PathFinder.find_spec(".".join(parts[:n]), where)
        if spec is None or (n < len(parts) and spec.origin is not None and not _is_below(Path(spec.origin))):
            return None
        where = spec.submodule_search_locations or []
    return Path(spec.origin) if spec and spec.origin and spec.origin.endswith(".py") else None
