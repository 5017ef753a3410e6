"""`[tool.verify]` of pyproject.toml and other TOML: read once, checked key by key."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from verify.documents import text
from verify.errors import UsageError, shown, unknown


def load(file: Path) -> dict[str, Any]:
    """A TOML file. Raises UsageError where it cannot be read."""
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
    table = tools.get("verify", {}) if isinstance(tools, dict) else tools
    if not isinstance(table, dict):
        raise UsageError(f"tool.verify in {file} is {shown(table)}; it must be a table, [tool.verify].")
    known(table, KEYS, "[tool.verify]")
    return table


def known(table: Mapping[str, Any], keys: tuple[str, ...], where: str) -> None:
    """Raises UsageError for a key that does not exist; it names the nearest one that does."""
    for key in table:
        if key not in keys:
            raise unknown(f"key in {where}", key, keys)
