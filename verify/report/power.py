"""The kill table as text: one row per wrong implementation, one letter for each law that catches it."""

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
    """The tables without colours."""
    buffer = StringIO()
    Console(file=buffer, width=160, highlight=False, soft_wrap=True).print(render(tables))
    return "\n".join(line.rstrip() for line in buffer.getvalue().splitlines()) + "\n"


def _parts(document: Mapping[str, Any]) -> list[RenderableType]:
    letters = dict(zip(document["laws"], ascii_lowercase, strict=False))
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("wrong implementation", "kind", "caught by"):
        table.add_column(title, overflow="fold", no_wrap=title == "caught by")
    for mutant in document["mutants"]:
        caught = document["kills"][mutant["name"]]
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
        count = sum(law in laws for laws in document["kills"].values())
        errors = [document["sensitivity"][law].get(of) for of in ("gradient", "loss", "hessian", "tail")]
        seen.add_row(letter, law, str(count), *("–" if e is None else f"{e:.2g}" for e in errors))
    title = f"{document['loss']}, penalty {document['penalty']}, {document['dtype']}: {document['cases']} cases"
    return [Text(title, style="bold"), table, Text("\nsmallest relative error seen"), seen, Text("\n" + power_summary(document))]


def complete(tables: Sequence[Mapping[str, Any]], *, every_law: bool = True) -> bool:
    """Whether every wrong implementation is caught, every law catches one, and the right implementation is not called broken.

    With a selection of laws, a survivor does not count: the other laws may catch it.
    """
    return all(not (t["idle"] or t["false alarms"] or (every_law and t["survivors"])) for t in tables)


def finest(found: Mapping[str, Any], of: str) -> float:
    """The smallest relative error that any law noticed, in one entry of the "gradient" or in the "loss"; infinite if none did."""
    return min((float(seen[of]) for seen in found["sensitivity"].values() if of in seen), default=inf)
