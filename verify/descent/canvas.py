"""How pictures are drawn: the only home of matplotlib here. SVG for pages of any background, PNG on white.

Text and axes of an SVG take the colour of the text around them (`currentColor`), so that one picture serves light and dark
pages; texts stay texts, and ids are the same in every run.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from io import BytesIO, StringIO
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

INK = "#010203"
"""Stands for the colour of the text around a picture."""

COLOURS = {
    "random-search": "#8a8f98",
    "local-search": "#d9822b",
    "gradient": "#3b82c4",
    "minibatch": "#3a9e5f",
    "sgd": "#b05cc6",
}
"""Seen on white and on near-black alike."""

BLUE, ORANGE, GREEN, VIOLET, RED, GREY = "#3b82c4", "#d9822b", "#3a9e5f", "#b05cc6", "#d1495b", "#8a8f98"
STYLE: Any = {
    "svg.fonttype": "none",
    "svg.hashsalt": "verify",
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": GREY,
    "grid.alpha": 0.25,
    "legend.frameon": False,
    "figure.constrained_layout.use": True,
    **dict.fromkeys(("axes.edgecolor", "axes.labelcolor", "text.color", "xtick.color", "ytick.color", "axes.titlecolor"), INK),
}

Draw = Callable[[Figure], None]


class Picture:
    """One picture: `draw(figure)` puts it on an empty figure of `width` × `height` inches; `told` says it in words."""

    def __init__(self, draw: Draw, *, told: str, width: float = 9.0, height: float = 3.6) -> None:
        self.told = told
        with mpl.rc_context(STYLE):
            self._figure = Figure(figsize=(width, height))
            draw(self._figure)
            self._svg = self._render()

    @property
    def svg(self) -> str:
        """As an <svg> element without prologue; it is `told` to those who do not see it."""
        return self._svg

    @property
    def file(self) -> str:
        """As an SVG file."""
        return '<?xml version="1.0" encoding="utf-8"?>\n' + self._svg

    @property
    def png(self) -> bytes:
        """As PNG, 150 dots an inch, on white."""
        whole = BytesIO()
        with mpl.rc_context(STYLE):
            self._figure.savefig(whole, format="png", dpi=150, facecolor="white", metadata={"Software": None})
        return whole.getvalue()

    def _render(self) -> str:
        text = StringIO()
        self._figure.savefig(text, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
        svg = text.getvalue()
        svg = svg[svg.index("<svg") :].replace(INK, "currentColor")
        svg = re.sub(r"<metadata>.*?</metadata>\s*", "", svg, flags=re.DOTALL)
        svg = re.sub(r' id="image[0-9a-f]+"', "", svg)  # two equal colour bars would have the same
        said = self.told.replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;")
        return re.sub(r"<svg ", f'<svg role="img" aria-label="{said}" ', svg, count=1)
