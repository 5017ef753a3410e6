"""Pictures: matplotlib's SVG adapted to pages, light or dark, with several pictures; and PNG on white.

Text and axes of an SVG take the colour of the surrounding text (`currentColor`), so that one picture serves light and dark pages; text
stays text, and ids are the same in every run.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from io import BytesIO, StringIO
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.ticker import LogFormatterSciNotation

INK = "#010203"
"""Placeholder for the page's own text colour, replaced by `currentColor`."""

BLUE, ORANGE, GREEN, VIOLET, RED, GREY = "#3b82c4", "#d97706", "#2e9e6b", "#b05cc6", "#d1435b", "#8a8f98"
"""Colours distinguishable on white and on black, also with colour blindness; dashes repeat the distinction."""

STYLE: dict[str, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "verify",
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.formatter.use_mathtext": False,
    "grid.color": GREY,
    "grid.alpha": 0.25,
    "legend.frameon": False,
    "lines.linewidth": 1.6,
    **dict.fromkeys(("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color"), INK),
}

LARGE = STYLE | {"font.size": 10}
"""Style of pictures in their own files."""

UNDATED = {"Date": None, "Creator": None, "Format": None, "Type": None}

DECIMALS = 2
"""Decimals of coordinates: a hundredth of a point."""

RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


class Powers(LogFormatterSciNotation):
    """Ticks of a logarithmic axis as plain text, 2×10⁻³: parsing matplotlib's takes a third of a picture's time."""

    def __call__(self, x: float, pos: int | None = None) -> str:
        """The tick's text; other numbers as matplotlib writes them."""
        told = super().__call__(x, pos)
        found = re.fullmatch(r"\$\\mathdefault\{(.*?)(?:\^\{(.*?)\})?\}\$", told)
        return told if found is None else found[1].replace(r"\times", "×") + (found[2] or "").translate(RAISED)


def _plain(figure: Figure) -> None:
    for axes in figure.axes:
        for axis, scale in ((axes.xaxis, axes.get_xscale()), (axes.yaxis, axes.get_yscale())):
            if scale == "log":
                axis.set_major_formatter(Powers())
                axis.set_minor_formatter(Powers())


def svg(name: str, label: str, draw: Callable[[Axes], None], *, width: float = 5.2, height: float = 3.2) -> str:
    """The SVG element of one drawing; `name` makes its ids unique on the page, `label` is read by screen readers."""
    with mpl.rc_context(STYLE):  # type: ignore[arg-type]
        figure = Figure(figsize=(width, height), layout="constrained")
        FigureCanvasSVG(figure)
        draw(figure.add_subplot())
        _plain(figure)
        buffer = StringIO()
        figure.savefig(buffer, format="svg", transparent=True, metadata=UNDATED)
    return _fit(buffer.getvalue(), name, label)


class Picture:
    """A picture that is also a file: `draw(figure)` draws it on a figure of `width` × `height` inches; `description` is its text
    alternative.
    """

    def __init__(self, draw: Callable[[Figure], None], *, description: str, width: float = 9.0, height: float = 3.6) -> None:
        self.description = description
        with mpl.rc_context(LARGE):  # type: ignore[arg-type]
            self._figure = Figure(figsize=(width, height), layout="constrained")
            draw(self._figure)
            _plain(self._figure)
            self._svg = self._render()

    @property
    def svg(self) -> str:
        """An <svg> element without prologue, with `description` for screen readers."""
        return self._svg

    @property
    def file(self) -> str:
        """The content of an SVG file."""
        return '<?xml version="1.0" encoding="utf-8"?>\n' + self._svg

    @property
    def png(self) -> bytes:
        """The content of a PNG file, 150 dots an inch, on white."""
        whole = BytesIO()
        with mpl.rc_context(LARGE):  # type: ignore[arg-type]
            self._figure.savefig(whole, format="png", dpi=150, facecolor="white", metadata={"Software": None})
        return whole.getvalue()

    def _render(self) -> str:
        text = StringIO()
        self._figure.savefig(text, format="svg", transparent=True, metadata=UNDATED)
        svg = _element(text.getvalue()).replace(INK, "currentColor")
        svg = re.sub(r' id="image[0-9a-f]+"', "", svg)  # two equal colour bars would have the same
        return re.sub(r"<svg ", f'<svg role="img" aria-label="{_attribute(self.description)}" ', svg, count=1)


def _element(text: str) -> str:
    """The SVG element of a file, without metadata on when and how it was made."""
    return re.sub(r"<metadata>.*?</metadata>\s*", "", text[text.index("<svg") :], flags=re.DOTALL)


def _fit(text: str, name: str, label: str) -> str:
    body = _element(text)
    referred = set(re.findall(r'(?:url\(|href=")#([^")]+)', body))
    body = re.sub(r' id="([^"]+)"', lambda m: f' id="{name}-{m[1]}"' if m[1] in referred else "", body)
    body = re.sub(r'(url\(|href=")#', rf"\1#{name}-", body)
    body = re.sub(r'\b(d|x|y|points|transform)="([^"]*)"', lambda m: f'{m[1]}="{_rounded(m[2])}"', body)
    body = re.sub(
        r"<svg [^>]*?viewBox=\"([^\"]+)\"[^>]*>", rf'<svg viewBox="\1" role="img" aria-label="{_attribute(label)}">', body, count=1
    )
    return re.sub(r"\n\s*", "\n", body.replace(INK, "currentColor")).strip()


def _rounded(numbers: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"-?\d+\.\d+", lambda m: f"{float(m[0]):.{DECIMALS}f}".rstrip("0").rstrip("."), numbers)).strip()


def _attribute(text: str) -> str:
    return text.replace("&", "&amp;").replace('"', "&quot;").replace("<", "&lt;")
