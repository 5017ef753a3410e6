"""Reading `[tool.verify]` of pyproject.toml and other TOML, checked key by key."""

from __future__ import annotations

import tomllib
from collections.abc import Collection, Mapping
from contextlib import suppress
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from verify.documents import text
from verify.errors import UsageError, shown, unknown


def load(file: Path) -> dict[str, Any]:
    """The contents of a TOML file. Raises UsageError where it cannot be read."""
    try:
        return tomllib.loads(text(file))
    except ValueError as error:  # of a whole number of thousands of digits, too
        raise UsageError(f"{file} cannot be read: {error}.") from None
    except RecursionError:
        raise UsageError(f"{file} cannot be read: it is nested too deeply.") from None


KEYS = ("profile", "seed", "candidates", "gate", "scheduler")


def tool(folder: Path) -> dict[str, Any] | None:
    """`[tool.verify]` of a folder's pyproject.toml; None without the file. Raises UsageError for unknown keys."""
    file = folder / "pyproject.toml"
    if not file.is_file():
        return None
    tools = load(file).get("tool", {})
    if isinstance(tools, dict) and "verify" not in tools and (near := _near(tools)):
        raise UsageError(f"{file} has a table [tool.{near[0]}]. Did you mean [tool.verify]?")
    table = tools.get("verify", {}) if isinstance(tools, dict) else tools
    if not isinstance(table, dict):
        raise UsageError(f"tool.verify in {file} is {shown(table)}; it must be a table, [tool.verify].")
    known(table, KEYS, "[tool.verify]")
    return table


MISSPELLING = 0.9
"""Similarity of two names, by difflib, from which one is taken for a misspelling of the other: verity, at 0.83, is another tool."""


def _near(names: Collection[str]) -> list[str]:
    """The names that misspell this tool's, also by letters that are exchanged or capital, which difflib counts twice."""
    exchanged = [name for name in names if sorted(name.casefold()) == sorted("verify")]
    return exchanged or get_close_matches("verify", names, n=1, cutoff=MISSPELLING)


def project_above(folder: Path) -> Path | None:
    """The nearest folder, from this one upwards, whose pyproject.toml lists candidates."""
    for above in folder.parents:
        with suppress(UsageError, OSError):  # errors there do not matter here
            if (tool(above) or {}).get("candidates") is not None:
                return above
    return None


def known(table: Mapping[str, Any], keys: tuple[str, ...], where: str) -> None:
    """Raises UsageError for an unknown key; suggests the nearest known one."""
    for key in table:
        if key not in keys:
            raise unknown(f"key in {where}", key, keys)
