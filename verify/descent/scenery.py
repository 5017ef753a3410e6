"""Pictures of the landscape: lines with their kinks, planes, and the terms of the notes' smallest data set."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

import numpy as np
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

from verify.figures.canvas import BLUE, GREEN, GREY, INK, ORANGE, RED, VIOLET, Picture

Document = Mapping[str, Any]
HEIGHTS = LinearSegmentedColormap.from_list("heights", ["#14324f", "#3b82c4", "#9fd0a9", "#f4e29a", "#d9822b"])
LEVELS = 10
"""Contour lines of a plane."""

THIN = {"linewidth": 0.6, "alpha": 0.45}


def line_picture(found: Document) -> Picture:
    """One example on the left, with its kinks; all of them and their average, the bowl, on the right."""

    def draw(figure: Figure) -> None:
        one, all_ = figure.subplots(1, 2)
        first = found["examples"][0]
        x, values = _corners(found["a"], first)
        one.plot(x, values, color=BLUE)
        one.plot([k["a"] for k in first["kinks"]], [k["loss"] for k in first["kinks"]], "o", color=ORANGE, markersize=4, label="kinks")
        one.set_title("one example", fontsize=10)
        if first["kinks"]:
            one.legend()
        for example in found["examples"]:
            all_.plot(*_corners(found["a"], example), color=GREY, **THIN)
        all_.plot(found["a"], found["average"], color=BLUE, linewidth=2)
        all_.set_title(f"{len(found['examples'])} examples and their average", fontsize=10)
        for axes in (one, all_):
            axes.set_xlabel("a")
            axes.set_ylabel("L(W + aW₁)")

    kinks = sum(len(e["kinks"]) for e in found["examples"])
    return Picture(
        draw, description=f"The loss along a line: one example with {len(found['examples'][0]['kinks'])} kinks, all examples with {kinks}"
    )


def _corners(a: list[float], example: Document) -> tuple[list[float], list[float]]:
    """The sampled points with the kinks between them, so that no corner is cut."""
    points = sorted([*zip(a, example["losses"], strict=True), *((k["a"], k["loss"]) for k in example["kinks"])])
    return [p[0] for p in points], [p[1] for p in points]


def plane_picture(found: Document) -> Picture:
    """The first example with its lines of kinks on the left, the average on the right."""

    def draw(figure: Figure) -> None:
        for axes, key, title in zip(figure.subplots(1, 2), ("first", "average"), ("one example", "average of all"), strict=True):
            heights = axes.pcolormesh(found["a"], found["b"], found[key], cmap=HEIGHTS, shading="gouraud", rasterized=True)
            low, high = np.min(found[key]), np.max(found[key])
            levels = np.linspace(low, high, LEVELS + 2)[1:-1]  # not the lowest: around a flat bottom it wanders with the rounding
            axes.contour(found["a"], found["b"], found[key], levels=levels, colors="white", linewidths=0.5, alpha=0.6)
            figure.colorbar(heights, ax=axes)
            axes.set(xlabel="a", ylabel="b", aspect="equal")
            axes.set_title(title, fontsize=10)
            axes.grid(visible=False)
            if key == "first":
                for k in found["kink_lines"]:
                    _line(axes, k, found["a"][0], found["a"][-1])

    return Picture(
        draw, description=f"The loss in a plane: one example with {len(found['kink_lines'])} lines of kinks, and the average", height=3.8
    )


def _line(axes: Any, k: Document, low: float, high: float) -> None:
    """Draws constant + along_a·a + along_b·b = 0, clipped to the square."""
    c, p, q = k["constant"], k["along_a"], k["along_b"]
    ends = [(a, -(c + p * a) / q) for a in (low, high) if q] + [(-(c + q * b) / p, b) for b in (low, high) if p]
    inside = sorted({e for e in ends if all(low <= x <= high for x in e)})
    if len(inside) > 1:
        axes.plot(*zip(inside[0], inside[-1], strict=True), color=RED, linewidth=1)


def terms_picture(found: Document) -> Picture:
    """The six terms and the loss, for each of the three weights."""

    def draw(figure: Figure) -> None:
        panels = figure.subplots(1, 3, sharey=True)
        for c, (axes, weight) in enumerate(zip(panels, found["weights"], strict=True)):
            x = [float(Fraction(w)) for w in weight["w"]]
            for i, term in enumerate(weight["terms"]):
                values = [max(0.0, term["slope"] * w + term["constant"]) for w in x]
                axes.plot(x, values, color=(BLUE, GREEN, VIOLET)[i // 2], linestyle=("-", "--")[i % 2], linewidth=1, label=term["formula"])
            axes.plot(x, [float(Fraction(v)) for v in weight["loss"]], color=INK, linewidth=2.2, label="L, the mean over three examples")
            axes.axvline(found["w"][c], color=GREY, linestyle=":", linewidth=1)
            axes.set_xlabel(f"w{c}, the others fixed")
        figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=4, fontsize="small")

    return Picture(draw, description="Six terms and the loss as functions of each of three weights: all are piecewise linear", height=4.2)
