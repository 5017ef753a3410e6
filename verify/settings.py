"""Reads `[tool.verify]` of pyproject.toml and other TOML, checked key by key; and parameters of a loss from a command line."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from contextlib import suppress
from difflib import get_close_matches
from math import isnan, nan
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
    if isinstance(tools, dict) and "verify" not in tools and (near := get_close_matches("verify", tools, n=1, cutoff=ALMOST)):
        raise UsageError(f"{file} has a table [tool.{near[0]}]. Did you mean [tool.verify]?")
    table = tools.get("verify", {}) if isinstance(tools, dict) else tools
    if not isinstance(table, dict):
        raise UsageError(f"tool.verify in {file} is {shown(table)}; it must be a table, [tool.verify].")
    known(table, KEYS, "[tool.verify]")
    return table


ALMOST = 0.9
"""Part of its letters that a name shares with another, by difflib, where it is taken for a slip of the keyboard."""


def project_above(folder: Path) -> Path | None:
    """The nearest folder above whose pyproject.toml lists candidates."""
    for above in folder.parents:
        with suppress(UsageError, OSError):  # what is wrong there does not matter here
            if (tool(above) or {}).get("candidates") is not None:
                return above
    return None


def known(table: Mapping[str, Any], keys: tuple[str, ...], where: str) -> None:
    """Raises UsageError for a key that does not exist; it names the nearest one that does."""
    for key in table:
        if key not in keys:
            raise unknown(f"key in {where}", key, keys)


def numbers(given: Sequence[str]) -> dict[str, float | tuple[float, ...]]:
    """Each --parameter NAME=VALUE, as a table. Raises UsageError for what is none, and for a name that is given twice."""
    found: dict[str, tuple[float, ...]] = {}
    for one in given:
        name, equals, value = (part.strip() for part in one.partition("="))
        try:
            values = tuple(map(float, value.split(",")))
        except ValueError:
            values = (nan,)
        if not (equals and name) or any(map(isnan, values)):
            raise UsageError(
                f"--parameter {one!r} is no NAME=VALUE; give a name and a number, such as --parameter delta=2, or one for each class, "
                "--parameter w=1,2,0.5."
            )
        if name in found:
            twice = " and ".join(",".join(f"{x:g}" for x in n) for n in (found[name], values))
            raise UsageError(f"--parameter {name} is given twice, as {twice}; give it once.")
        found[name] = values
    return {name: values if len(values) > 1 else values[0] for name, values in found.items()}
