"""A benchmark's document as one self-contained page, for light and dark."""

from __future__ import annotations

from collections.abc import Iterator

from jinja2 import Environment, PackageLoader, StrictUndefined

from verify.bench.text import Document, cells, columns, compared, drawing, machine, notes, setups


def page(document: Document, *, report: bool = False) -> str:
    """The page with all tables; the figure of how cost grows stands at its table. `report` says whether one lies in the same folder as
    index.html.
    """
    loader = PackageLoader("verify.bench", "")
    pages = Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    told: str = pages.get_template("bench.html.j2").render(
        d=document,
        blocks=_blocks,
        columns=columns,
        figure=drawing(document),
        compared=compared(document),
        machine=machine(document),
        report=report,
    )
    return told


def _blocks(table: Document) -> Iterator[tuple[str, list[list[str]], list[str]]]:
    for setup, rows in setups(table):
        yield setup, [cells(r) for r in rows], notes(rows)
