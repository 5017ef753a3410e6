"""A benchmark's document as text, as JSON, and its growth as a log-log figure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from io import StringIO
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from verify.bench.comparison import Beside, beside
from verify.figures.canvas import BLUE, GREEN, GREY, ORANGE, RED, svg

Document = Mapping[str, Any]
UNITS = ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs"), (1e-9, "ns"))
COLUMNS = ("", "median", "quartiles", "ratio", "error")
SAYS = "says"


def plain(document: Document) -> str:
    """The document without colours."""
    buffer = StringIO()
    Console(file=buffer, width=140, highlight=False, soft_wrap=True).print(render(document))
    return "\n".join(line.rstrip() for line in buffer.getvalue().splitlines()) + "\n"


def render(document: Document) -> RenderableType:
    """All tables, then the machine and versions."""
    smoke = [Text("a smoke run: these times mean nothing\n")] if document["smoke"] else []
    return Group(*(part for t in document["tables"] for part in _table(t)), *smoke, Text(machine(document)))


def machine(document: Document) -> str:
    """The machine and versions in one line."""
    e = document["environment"]
    told = f"{e['platform']}, {e['cores']} cores, Python {e['python']}, " + ", ".join(f"{k} {v}" for k, v in e["libraries"].items())
    return told + (f"; not installed: {', '.join(e['absent'])}" if e["absent"] else "")


def setups(table: Document) -> Iterator[tuple[str, list[Document]]]:
    """The rows of each setup, in order."""
    for setup in dict.fromkeys(r["setup"] for r in table["rows"]):
        yield setup, [r for r in table["rows"] if r["setup"] == setup]


def columns(rows: Sequence[Document]) -> tuple[str, ...]:
    """The columns for some rows: answers in words, if there are any, in place of errors."""
    return (*COLUMNS[:-1], SAYS) if any(r[SAYS] for r in rows) else COLUMNS


def _table(table: Document) -> list[RenderableType]:
    parts: list[RenderableType] = [Text(table["title"], style="bold")]
    for setup, rows in setups(table):
        shown = Table(box=None, pad_edge=False, header_style="dim")
        for title in columns(rows):
            shown.add_column(title or setup, justify="right" if title else "left")
        for r in rows:
            shown.add_row(*cells(r))
        parts += [shown, *(Text(f"  {n}", style="dim") for n in notes(rows)), Text()]
    parts += [Text(f"{g['contestant']}: time grows like {g['axis']}^{g['exponent']:.2f} ({g['points']} sizes)") for g in table["growth"]]
    return [*parts, Text()] if table["growth"] else parts


def cells(r: Document) -> list[str]:
    """The cells of one row, by `columns`."""
    name = f"{r['contestant']}{' (limit)' if r['limit'] else ''}{'*' if r['share'] < 1 else ''}"
    s, ratio = r["seconds"], r["ratio"]
    answer = r[SAYS] or ("" if r["error"] is None else f"{r['error']:.1e}")
    return [name, seconds(s["median"]), f"{seconds(s['low'])} … {seconds(s['high'])}", f"{ratio['median']:.3g} ×", answer]


def notes(rows: Sequence[Document]) -> list[str]:
    """Notes on the times of a setup."""
    r = rows[0]
    busy = ["other processes kept the machine busy: compare with care"] if r["quiet"] is False else []
    dropped = [f"{r['dropped']} busy rounds dropped"] if r["dropped"] else []
    part = [f"* timed on {100 * x['share']:.2g} % of the work" for x in rows if x["share"] < 1][:1]
    return [*part, *dropped, *busy]


def seconds(x: float) -> str:
    """A time in the unit that fits.

    >>> seconds(0.0123), seconds(2.5e-6)
    ('12.3 ms', '2.5 µs')
    """
    scale, unit = next(((s, u) for s, u in UNITS if x >= s), UNITS[-1])
    return f"{x / scale:.3g} {unit}"


def alone(drawn: str | None) -> str | None:
    """A drawing as the content of its own file; None if there is none."""
    names = '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" color="#24292f" '
    return drawn and '<?xml version="1.0" encoding="utf-8"?>\n' + drawn.replace("<svg ", names, 1)


def drawing(document: Document) -> str | None:
    """Time by size, both logarithmic, one line per contestant and axis, as an SVG element; None if no size varies."""
    rows = [r for t in document["tables"] if not t["compares"] for r in t["rows"] if r["axis"]]
    if not rows:
        return None
    lines = list(dict.fromkeys((r["contestant"], r["axis"]) for r in rows))
    axes_ = list(dict.fromkeys(a for _, a in lines))
    names = list(dict.fromkeys(n for n, _ in lines))

    def draw(axes: Any) -> None:
        for name, axis in lines:
            mine = [r for r in rows if (r["contestant"], r["axis"]) == (name, axis)]
            colour, dash = (BLUE, ORANGE, GREEN, RED, GREY)[axes_.index(axis) % 5], ("-", "--", ":")[names.index(name) % 3]
            x, y = [r["size"] for r in mine], [r["seconds"]["median"] for r in mine]
            axes.plot(x, y, color=colour, linestyle=dash, marker="o", markersize=3, label=f"{name}, {axis}")
        axes.set(xscale="log", yscale="log", xlabel="size", ylabel="seconds")
        axes.legend(fontsize="small")

    return svg("growth", "Time by size, both logarithmic", draw, width=6.4, height=4.0)


def compared(document: Document) -> str | None:
    """The ratio to the fastest peer by size, both logarithmic, one line per varying size and series: above 1 the first contestant is
    faster. An SVG element; None if no table compares.
    """
    points: dict[tuple[str, str], list[tuple[int, Beside]]] = {}
    for table in document["tables"]:
        for _, rows in setups(table) if table["compares"] else ():
            found = beside(table["name"], rows)
            if found is not None:
                points.setdefault((rows[0]["axis"], rows[0]["series"]), []).append((rows[0]["size"], found))
    if not points:
        return None
    axes_, names = (list(dict.fromkeys(key[k] for key in points)) for k in range(2))

    def draw(axes: Any) -> None:
        axes.axhline(1, color=GREY, linewidth=1)
        for (axis, series), mine in points.items():
            colour, dash = (BLUE, ORANGE, GREEN)[axes_.index(axis) % 3], ("-", "--", ":", "-.")[names.index(series) % 4]
            y = [b.ratio["median"] for _, b in mine]
            off = [[b.ratio["median"] - b.ratio["low"] for _, b in mine], [b.ratio["high"] - b.ratio["median"] for _, b in mine]]
            told = {"color": colour, "linestyle": dash, "marker": "o", "markersize": 3, "label": f"{axis}, {series}"}
            axes.errorbar([size for size, _ in mine], y, yerr=off, elinewidth=1, **told)
        axes.set(xscale="log", yscale="log", xlabel="size", ylabel="time of the fastest peer / ours")
        for formatted in (axes.yaxis.set_major_formatter, axes.yaxis.set_minor_formatter):
            formatted(lambda ratio, _: f"{ratio:g}")
        axes.legend(fontsize="x-small", ncols=3, handlelength=4, loc="upper center", bbox_to_anchor=(0.5, -0.15))

    return svg("compared", "The fastest peer's time in units of ours by size, both logarithmic", draw, width=6.4, height=4.4)
