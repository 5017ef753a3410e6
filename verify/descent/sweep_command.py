"""`verify descend step-sweep`: the experiment, its table, its picture, its files."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from io import StringIO
from pathlib import Path
from typing import Any

import click
from matplotlib.figure import Figure
from rich.console import Group
from rich.table import Table
from rich.text import Text

from verify.descent.options import print_files, problem_of, seed_of
from verify.descent.sweep import step_sweep
from verify.documents import as_json
from verify.figures.canvas import BLUE, GREY, ORANGE, RED, Picture
from verify.report.progress import progress
from verify.report.text import console
from verify.storage import save, writable
from verify.streams import held

CIFAR_EXAMPLES = 50
"""Examples of CIFAR-10 if --examples is not given: 30,730 weights need as many evaluations, twice over."""


def run_sweep(folder: Path, *, seed: int | None, format_: str, quiet: bool, **options: Any) -> int:
    """The experiment for the options; pixels are not scaled, as in the notes."""
    writable(folder)
    problem = problem_of(**options, most=None if options["data"] is None else CIFAR_EXAMPLES, raw=True).in_float64()
    with progress("step-sweep", quiet=quiet) as on_part:
        found = step_sweep(problem, seed=seed_of(seed), on_part=on_part)
    picture, document = sweep_picture(found), as_json(found)
    files: dict[str, str | bytes] = {"csv": _csv(found), "json": document, "svg": picture.file, "png": picture.png}
    written = [save(folder / f"step-sweep.{kind}", whole) for kind, whole in files.items()]
    if format_ == "json":
        click.echo(held(document, "json"), nl=False)
    else:
        console().print(text(found))
    print_files(*written)
    return 0


def _csv(found: Mapping[str, Any]) -> str:
    whole = StringIO()
    writer = csv.DictWriter(whole, list(found["steps"][0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(found["steps"])
    return whole.getvalue()


def text(found: Mapping[str, Any]) -> Group:
    """The gradients, then the steps, then the results."""
    gradients = Table("numerical gradient", "h", "evaluations", "relative error", box=None, pad_edge=False, header_style="bold")
    for t in found["gradient"]:
        gradients.add_row(t["method"], f"{t['h']:g}", f"{t['evaluations']:,}", f"{t['relative_error']:.2g}")
    steps = Table("step", "loss", "change", "predicted change", "", box=None, pad_edge=False, header_style="bold")
    for r in found["steps"]:
        steps.add_row(
            f"{r['step']:.0e}",
            f"{r['loss']:.6f}",
            f"{r['change']:.6g}",
            f"{r['predicted']:.6g}",
            "" if r["before_kink"] else "beyond a kink",
        )
    return Group(gradients, Text(f"\noriginal loss: {found['original']:.6f}"), steps, Text(), *map(Text, sentences(found)))


def sentences(found: Mapping[str, Any]) -> list[str]:
    """The results of the experiment."""
    kink = found["kink"]
    said = ["There is no kink on the way."] if kink is None else [f"The prediction ends at the nearest kink, step {kink:.6g}."]
    for key, what in (("lowest", "is least at"), ("rises_from", "is higher than it was from")):
        if found[key] is not None:
            said.append(f"The loss {what} step {found[key]:.6g}.")
    return said


def sweep_picture(found: Mapping[str, Any]) -> Picture:
    """The change of the loss by the step, both on logarithmic scales: a fall below, a rise above."""

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        falls = [r for r in found["steps"] if r["change"] < 0]
        rises = [r for r in found["steps"] if r["change"] >= 0]
        axes.plot([r["step"] for r in falls], [-r["change"] for r in falls], "o", color=BLUE, label="the loss falls by")
        if rises:
            axes.plot([r["step"] for r in rises], [r["change"] for r in rises], "^", color=RED, label="the loss rises by")
        told = [r for r in found["steps"] if r["predicted"] < 0]
        axes.plot([r["step"] for r in told], [-r["predicted"] for r in told], color=GREY, linewidth=1, label="predicted fall")
        for key, colour, name in (("kink", ORANGE, "nearest kink"), ("lowest", BLUE, "lowest"), ("rises_from", RED, "higher than it was")):
            if found[key] is not None:
                axes.axvline(found[key], color=colour, linestyle=":", linewidth=1.2, label=f"{name}: {found[key]:.3g}")
        axes.set(xscale="log", yscale="log", xlabel="step η", ylabel="change of the loss")
        axes.legend(fontsize="small", loc="center left", bbox_to_anchor=(1, 0.5))

    return Picture(draw, description="The change of the loss after one step, by its length. " + " ".join(sentences(found)))
