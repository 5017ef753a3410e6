"""The kill table as text: one row a wrong implementation, one letter for each law that catches it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from io import StringIO
from math import inf
from string import ascii_lowercase
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from verify.report.reading import power_summary


def render(tables: Sequence[Mapping[str, Any]]) -> RenderableType:
    """All tables, one after the other."""
    return Group(*(part for table in tables for part in (*_parts(table), Text())))


def plain(tables: Sequence[Mapping[str, Any]]) -> str:
    """Without colours."""
    buffer = StringIO()
    Console(file=buffer, width=160, highlight=False, soft_wrap=True).print(render(tables))
    return "\n".join(line.rstrip() for line in buffer.getvalue().splitlines()) + "\n"


def _parts(found: Mapping[str, Any]) -> list[RenderableType]:
    letters = dict(zip(found["laws"], ascii_lowercase, strict=False))
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("wrong implementation", "kind", "caught by"):
        table.add_column(title, overflow="fold", no_wrap=title == "caught by")
    for mutant in found["mutants"]:
        caught = found["kills"][mutant["name"]]
        marks = "".join(letters[law] if law in caught else "·" for law in letters)
        table.add_row(escape(mutant["name"]), mutant["family"], marks if caught else f"[bold red]{marks} survives[/]")
    seen = Table(box=None, pad_edge=False, header_style="bold")
    for title, justify in (
        ("", "left"),
        ("law", "left"),
        ("catches", "right"),
        ("of one gradient entry", "right"),
        ("of the loss", "right"),
        ("of the Hessian", "right"),
        ("of an entry in the tails", "right"),
    ):
        seen.add_column(title, justify=justify)  # type: ignore[arg-type]
    for law, letter in letters.items():
        count = sum(law in laws for laws in found["kills"].values())
        errors = [found["sensitivity"][law].get(of) for of in ("gradient", "loss", "hessian", "tail")]
        seen.add_row(letter, law, str(count), *("–" if e is None else f"{e:.2g}" for e in errors))
    title = f"{found['loss']}, penalty {found['penalty']}, {found['dtype']}: {found['cases']} cases"
    return [Text(title, style="bold"), table, Text("\nsmallest relative error seen"), seen, Text("\n" + power_summary(found))]


def complete(tables: Sequence[Mapping[str, Any]], *, every_law: bool = True) -> bool:
    """Whether every wrong implementation is caught, every law catches one, and the right one is left alone.

    With a selection of laws a survivor may be what the others catch.
    """
    return all(not (t["idle"] or t["false alarms"] or (every_law and t["survivors"])) for t in tables)


def finest(found: Mapping[str, Any], of: str) -> float:
    """The smallest relative error that any law saw, of one entry of the "gradient" or of the "loss"; infinite where none saw one."""
    return min((float(seen[of]) for seen in found["sensitivity"].values() if of in seen), default=inf)
