"""All methods with the same number of evaluations, compared with chance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from rich.table import Table

from verify.descent.history import SCHEMA, History, table


def document(histories: Sequence[History]) -> dict[str, Any]:
    """The JSON document: the result of each run, without its rows."""
    shared = {k: v for k, v in histories[0].about.items() if k not in ("method", "settings")}
    results = [{"method": h.name, "settings": h.about["settings"]} | asdict(h.rows[-1]) for h in histories]
    return {"schema": SCHEMA, "method": "compare", **shared, "results": results}


def rows(histories: Sequence[History]) -> str:
    """The rows of all runs as CSV, each line beginning with its method."""
    parts = [table(h.rows, method=h.name) for h in histories]
    return parts[0] + "".join(p.split("\n", 1)[1] for p in parts[1:])


def text(found: Mapping[str, Any]) -> Table:
    """The table for a terminal, chance first."""
    shown = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("method", "steps", "evaluations", "best loss", "test accuracy"):
        shown.add_column(title, justify="left" if title == "method" else "right")
    shown.add_row("chance", "", "", "", f"{found['chance']:.1%}")
    for r in found["results"]:
        shown.add_row(r["method"], f"{r['iteration']:,}", f"{r['evaluations']:g}", f"{r['best']:.4f}", f"{r['test_accuracy']:.1%}")
    return shown
