"""One figure: matplotlib's SVG made fit for a page, light or dark, beside others."""

from __future__ import annotations

import re
from collections.abc import Callable
from io import StringIO
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

INK = "#010203"
"""Stands for the page's own colour of text; replaced by `currentColor`."""

BLUE, ORANGE, GREEN, RED, GREY = "#3b82c4", "#d97706", "#2e9e6b", "#d1435b", "#8a8f98"
"""Told apart on white and on black, and by the colour-blind; dashes say the same again."""

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

DECIMALS = 2
"""Of coordinates: a hundredth of a point."""


def svg(name: str, label: str, draw: Callable[[Axes], None], *, width: float = 5.2, height: float = 3.2) -> str:
    """The SVG element of one drawing; `name` keeps its ids apart from those of other figures, `label` is read to who cannot see it."""
    with mpl.rc_context(STYLE):  # type: ignore[arg-type]
        figure = Figure(figsize=(width, height), layout="constrained")
        FigureCanvasSVG(figure)
        draw(figure.add_subplot())
        buffer = StringIO()
        figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    return _fit(buffer.getvalue(), name, label)


def _fit(text: str, name: str, label: str) -> str:
    body = text[text.index("<svg") :]
    body = re.sub(r"<metadata>.*?</metadata>\s*", "", body, flags=re.DOTALL)
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
