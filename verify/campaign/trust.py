"""What a witness would have us import, and whether its reader has named it: a file may come from anybody, and code does what it likes.

A target is known where it is among the candidates of the project's `[tool.verify]`, and where the code that it names is written in a file
below the current folder: not what that file imports from elsewhere, since `mine.py:os.system` lies in no folder of one's own.
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

DEEPEST = 8
"""Modules of one's own that hand a name on, `from .losses import f`, one to the other."""


def named(witness: Mapping[str, Any]) -> list[str]:
    """All that would be imported to judge it again: the candidate, its reference or surrogate, and a spec or penalty in a file."""
    conventions = witness.get("conventions") or {}
    reference = (conventions.get("formula") or {}).get("reference")
    files = [name for name in (witness["loss"], conventions.get("penalty")) if isinstance(name, str) and re.search(r"\.py(:|$)", name)]
    return [witness["candidate"], *([reference] if isinstance(reference, str) else []), *files]


def question(witness: Mapping[str, Any], file: Path) -> str | None:
    """What somebody must say yes to before the witness in this file is judged again; None where it names nothing strange, or lies in
    the user's own cache folder, where only what this user has named before is written.
    """
    if folders.private(file.parent) and file.resolve().parent == kept().resolve():
        return None
    found = strange(witness)
    what = "which is neither a candidate of [tool.verify] nor written in a file below the current folder"
    return f"{file} would import {' and '.join(map(shown, found))}, {what}" if found else None


def strange(witness: Mapping[str, Any]) -> list[str]:
    """What of that nobody here has named. Nothing is imported to find out. Raises UsageError where pyproject.toml is wrong."""
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
    """Whether it is a file of a project: not of a library that is installed there, and a folder that others' files lie in is none."""
    try:
        whole, folder = file.expanduser().resolve(), Path.cwd().resolve()
        mine = whole.is_relative_to(folder) and not Path.home().resolve().is_relative_to(folder)
        return mine and "site-packages" not in whole.parts and whole.is_file()
    except (OSError, ValueError, RuntimeError):  # names that no file can have
        return False


def _is_written(file: Path, name: str, *further: str, deep: int = 0) -> bool:
    """Whether a name of a file below the current folder is bound there by something else than an import from elsewhere; "" is any. What
    is `further` asked of it must be bound there, too, and by no import: what `xp = numpy` has, or a class inherits, is written elsewhere.
    """
    if deep > DEEPEST or not _is_below(file):
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


ELSEWHERE = Path("/")
"""Stands for all files that are none of one's own."""


def _homes(node: ast.AST, name: str, file: Path) -> Iterator[tuple[Path, str]]:
    """Where a statement of a file takes a name from that it binds, and what that is called there."""
    defined = isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)) and node.name == name
    if defined or (isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store) and node.id == name):
        yield file, name
    elif isinstance(node, (ast.Import, ast.ImportFrom)):
        for alias in node.names:
            if (alias.asname or alias.name.partition(".")[0]) == name:
                yield (_imported(node, file) if isinstance(node, ast.ImportFrom) else None) or ELSEWHERE, alias.name


def _imported(node: ast.ImportFrom, file: Path) -> Path | None:
    """The file of the module that is imported from, where it lies below the current folder."""
    if not node.level:
        return _file(node.module or "", file.parent)
    folder = file.parent
    for _ in range(node.level - 1):
        folder = folder.parent
    found = folder.joinpath(*(node.module or "").split("."))
    return next((f for f in (found.with_suffix(".py"), found / "__init__.py") if f.is_file()), None)


def _file(module: str, beside: Path | None = None) -> Path | None:
    """The source of a module as an import would find it, which does not run the packages that it is in: these are one's own, too."""
    here = [] if {"", str(Path.cwd())} & {*sys.path} else [str(Path.cwd())]
    where: Any = [*([str(beside)] if beside else []), *here, *sys.path]
    found = None
    if module.partition(".")[0] in sys.builtin_module_names:
        return None
    for n in range(1, len(parts := module.split(".")) + 1):
        found = PathFinder.find_spec(".".join(parts[:n]), where)
        if found is None or (n < len(parts) and found.origin is not None and not _is_below(Path(found.origin))):
            return None
        where = found.submodule_search_locations or []
    return Path(found.origin) if found and found.origin and found.origin.endswith(".py") else None
