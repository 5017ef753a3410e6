"""Pictures of runs: the loss at each step, the best so far, and the accuracy on test data."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from matplotlib.figure import Figure

from verify.descent.history import History
from verify.figures.canvas import GREY, Picture

COLOURS = {
    "random-search": "#8a8f98",
    "local-search": "#d9822b",
    "gradient": "#3b82c4",
    "minibatch": "#3a9e5f",
    "sgd": "#b05cc6",
}
"""Colours of the methods, visible on white and on near-black."""


def run_picture(history: History) -> Picture:
    """One run: its losses and best so far on the left, its accuracy on the right."""
    last = history.rows[-1]
    told = f"{history.name}: best loss {last.best:.4g}, test accuracy {last.test_accuracy:.1%} after {last.evaluations:g} evaluations"
    return Picture(lambda figure: _draw(figure, [history], each=True), description=told)


def comparison_picture(histories: Sequence[History]) -> Picture:
    """All runs with the same number of evaluations."""
    ends = ", ".join(f"{h.name} {h.rows[-1].test_accuracy:.1%}" for h in histories)
    description = f"Test accuracy with the same number of evaluations: {ends}"
    return Picture(lambda figure: _draw(figure, histories, each=False), description=description)


def _draw(figure: Figure, histories: Sequence[History], *, each: bool) -> None:
    losses, accuracies = figure.subplots(1, 2)
    for h in histories:
        x, colour = [r.evaluations for r in h.rows], COLOURS[h.name]
        if each:
            losses.plot(x, [r.loss for r in h.rows], color=colour, alpha=0.35, linewidth=0.8, label="what each step saw")
        losses.plot(x, [r.best for r in h.rows], color=colour, drawstyle="steps-post", label="best so far" if each else h.name)
        accuracies.plot(x, [100 * r.test_accuracy for r in h.rows], color=colour, drawstyle="steps-post", label=h.name)
    _label(losses, "loss", log=True)
    _label(accuracies, "accuracy on test data, %")
    chance = 100 * float(histories[0].about["chance"])
    accuracies.axhline(chance, color=GREY, linestyle=":", linewidth=1)
    accuracies.text(1, chance, "chance", color=GREY, transform=accuracies.get_yaxis_transform(), ha="right", va="bottom")
    accuracies.set_ylim(0, 100)
    losses.legend(loc="best", fontsize="small")


def _label(axes: Any, name: str, *, log: bool = False) -> None:
    axes.set_xlabel("evaluations of the whole loss")
    axes.set_ylabel(name)
    if log:
        axes.set_yscale("log")
