"""The drawings: each takes the measurements of one candidate at one dtype from the document."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from math import nan
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from verify.figures.canvas import BLUE, GREEN, GREY, INK, ORANGE, RAISED, RED, svg

Measured = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class CaptionedFigure:
    """A drawing with its caption and its text alternative."""

    name: str
    title: str
    caption: str
    svg: str


def pictures(name: str, measured: Measured, spread: Mapping[str, int] | None, only: tuple[str, ...]) -> list[CaptionedFigure]:
    """The pictures of one candidate that its measurements allow, in order; `name` is unique on the page."""
    data = {**measured, **({"spread": spread} if spread else {})}
    found = []
    for key, (title, caption, draw) in PICTURES.items():
        if key in only and data.get(key):
            words = f"{title}: {_words(key, data[key])}"
            drawn = svg(f"{name}-{key}", words, partial(_into, draw, data[key]))
            found.append(CaptionedFigure(name=key, title=title, caption=caption, svg=drawn))
    return found


def _into(draw: Callable[[Axes, Any], None], data: Any, ax: Axes) -> None:
    draw(ax, data)


def _numbers(values: list[float | None]) -> np.ndarray[Any, Any]:
    return np.array([nan if v is None else v for v in values], dtype=float)


def _curve(ax: Axes, c: Measured) -> None:
    h = _numbers(c["h"])
    for method, colour in (("forward", BLUE), ("centred", ORANGE)):
        error = _numbers(c[method])
        ax.plot(h, np.where(error > 0, error, nan), color=colour, label=f"{method}: measured")
        ax.plot(h, _numbers(c[f"{method} bound"]), color=colour, linestyle="--", linewidth=1, label=f"{method}: predicted envelope")
        ax.axvline(c["best"][method], color=colour, linestyle=":", linewidth=1)
    ax.plot(h, _numbers(c["centred rounding"]), color=GREY, linestyle="-.", linewidth=1, label="rounding floor ε/h")
    ax.set(xscale="log", yscale="log", xlabel="step h (dotted: predicted best)", ylabel="|D(h) − f′|")
    ax.legend(fontsize=7)


def _spread(ax: Axes, s: Mapping[str, int]) -> None:
    orders = sorted(map(int, s))
    names = ["0" if k == -1 else "≤ 1" if k == 0 else "∞" if k == 1025 else f"≤ 2{str(k).translate(RAISED)}" for k in orders]
    ax.bar(range(len(orders)), [s[str(k)] for k in orders], color=BLUE)
    step = max(1, len(orders) // 8)
    ax.set_xticks(range(0, len(orders), step), names[::step], fontsize=7)
    ax.set(xlabel="error in ulps", ylabel="cases")
    ax.grid(visible=False, axis="x")


def _kinks(ax: Axes, rows: list[Measured]) -> None:
    colours = {"inside": GREEN, "outside": RED, "not a number": ORANGE}
    marks = {"inside": "o", "outside": "X", "not a number": "s"}
    for i, r in enumerate(rows):
        ax.plot([r["low"], r["high"]], [i, i], color=GREY, linewidth=5, alpha=0.5, solid_capstyle="butt")
        at = r["low"] if r["returned"] is None else r["returned"]
        ax.plot([at], [i], color=colours[r["state"]], marker=marks[r["state"]], linestyle="none", markersize=6)
    for state in dict.fromkeys(r["state"] for r in rows):
        ax.plot([], [], color=colours[state], marker=marks[state], linestyle="none", label=state)
    ax.plot([], [], color=GREY, linewidth=5, alpha=0.5, label="allowed")
    ax.set_yticks(range(len(rows)), [f"dW[{r['entry'][0]}, {r['entry'][1]}]" for r in rows], fontsize=7)
    ax.set(xlabel="value of the entry")
    ax.legend(fontsize=7, loc="center left", bbox_to_anchor=(1, 0.5))


def _profile(ax: Axes, p: Measured) -> None:
    ax.plot(p["t"], _numbers(p["loss"]), color=BLUE)
    for i, t in enumerate(p["kinks"]):
        ax.axvline(t, color=RED, linestyle=":", linewidth=1, label="kinks of the formula" if i == 0 else None)
    ax.set(xlabel="t, in W + td", ylabel="loss")
    if p["kinks"]:
        ax.legend(fontsize=7)


def _plane(ax: Axes, p: Measured) -> None:
    side, coarse = _numbers(p["side"]), _numbers(p["coarse"])
    loss = np.array([_numbers(row) for row in p["loss"]])
    lines = ax.contour(side, side, loss, levels=10, colors=BLUE, linewidths=0.9)
    ax.clabel(lines, fontsize=6, fmt="%.2g")
    for gap in p["gaps"]:
        ax.contour(coarse, coarse, np.array([_numbers(row) for row in gap]), levels=[0.0], colors=RED, linewidths=1, linestyles="dotted")
    ax.plot([0], [0], color=INK, marker="+")
    ax.set(xlabel="a, in W + ad + bd′ (dotted: kinks)", ylabel="b")
    ax.grid(visible=False)


def _sweep(ax: Axes, s: Measured) -> None:
    eta, change = _numbers(s["eta"]), _numbers(s["change"])
    for sign, colour, mark, told in ((-1, GREEN, "o", "falls"), (1, RED, "X", "rises")):
        part = np.where(sign * change > 0, sign * change, nan)
        if np.any(np.isfinite(part)):
            ax.plot(eta, part, color=colour, marker=mark, markersize=4, label=f"the loss {told}")
    ax.axhline(s["noise"], color=GREY, linestyle="-.", linewidth=1, label="rounding")
    if s["safe"] is not None:
        ax.axvline(s["safe"], color=INK, linestyle="--", linewidth=1, label=f"predicted safe step {s['safe']:g}")
    ax.set(xscale="log", yscale="log", xlabel="step size η", ylabel="|f(W − ηg) − f(W)|")
    ax.legend(fontsize=7)


def _words(key: str, d: Any) -> str:
    """The text alternative of a picture."""
    if key == "curve":
        least = {m: min((e for e in d[m] if e is not None), default=nan) for m in ("forward", "centred")}
        told = f"least error {least['forward']:.2g} forward and {least['centred']:.2g} centred"
        return f"{told}, predicted best steps {d['best']['forward']:g} and {d['best']['centred']:g}"
    if key == "kinks":
        return ", ".join(f"{sum(r['state'] == s for r in d)} {s}" for s in dict.fromkeys(r["state"] for r in d))
    if key == "spread":
        return ", ".join(f"{n} cases up to 2^{k}" if int(k) >= 0 else f"{n} cases without error" for k, n in d.items())
    if key == "profile":
        return f"{len(d['kinks'])} kinks on the line"
    if key == "plane":
        return f"{len(d['gaps'])} kink lines in the plane"
    return f"the loss falls at {sum((c or 0) < 0 for c in d['change'])} of {len(d['eta'])} step sizes; predicted safe step {d['safe']}"


PICTURES: dict[str, tuple[str, str, Callable[[Axes, Any], None]]] = {
    "curve": (
        "Error of differences against the step",
        "Truncation falls with h, rounding grows like 1/h. Exact zeros are left out of the logarithmic axis.",
        _curve,
    ),
    "spread": ("Errors of the gradient in ulps", "The searched cases by the binary order of the error at their worst entry.", _spread),
    "kinks": ("On kinks: returned and allowed", "Every value in the bar is a subgradient's; any of them is right.", _kinks),
    "profile": ("The loss along a line", "The candidate's own values; dotted where a switch of the formula changes.", _profile),
    "plane": ("The loss over a plane", "Contours of the candidate's own values, and the lines on which the formula has kinks.", _plane),
    "sweep": ("One step of descent", "Left of the dashed line the decrease is certain until rounding hides it.", _sweep),
}
