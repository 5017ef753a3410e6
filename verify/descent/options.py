"""The options that the commands of this package share, and their meaning."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from verify.report.options import Decorator, no_progress, text_or_json

if TYPE_CHECKING:
    from verify.descent.problem import TrainingProblem

FOLDER = "reports/descent"
"""The folder of histories and figures."""

DEFAULTS: dict[str, Any] = {"loss": "multiclass_hinge", "reg": 1e-4, "seed": 0}


def file_option(name: str, help_: str) -> Decorator:
    """An option that names an existing file."""
    return click.option(name, type=click.Path(exists=True, dir_okay=False, path_type=Path), default=None, help=help_)


def output_option(default: str) -> Decorator:
    """The option for the output folder."""
    help_ = f"Folder of the files (default {default})."
    return click.option("--output", type=click.Path(file_okay=False, path_type=Path), default=None, help=help_)


def reg_option(default: str) -> Decorator:
    """The option for λ."""
    return click.option("--reg", type=float, default=None, metavar="λ", help=f"Strength of the penalty λ‖W‖² (default {default}).")


LOSS = click.option("--loss", default=None, metavar="NAME", help="A loss of the core (default multiclass_hinge).")
DATA = (
    click.option("--data", type=click.Path(path_type=Path), metavar="FOLDER", help="CIFAR-10 in its binary layout, instead of the digits."),
    click.option("--examples", type=int, default=None, metavar="N", help="Only the first N training examples."),
    click.option("--seed", type=int, default=None, help="Seed of everything random (default 0)."),
)
PROBLEM = (LOSS, reg_option("1e-4"), *DATA)
SPEECH = (text_or_json, no_progress)


def seed_of(given: int | None) -> int:
    """The seed, checked."""
    from verify.descent.problem import between

    seed: int = DEFAULTS["seed"] if given is None else given
    between("seed", seed, 0, 2**63 - 1, whole=True)
    return seed


def problem_of(
    *, loss: str | None, reg: float | None, data: Path | None, examples: int | None, most: int | None = None, raw: bool = False
) -> TrainingProblem:
    """The problem of the options; anything unusual about its data is printed on standard error.

    `most` training examples are used if --examples is not given and there are more. `raw` pixels are not scaled to 0..1.
    """
    from verify.data.cifar10 import cifar10
    from verify.descent.problem import TrainingProblem, cifar10_split, digits_split

    if data is None:
        split = digits_split(raw=raw)
    else:
        found = cifar10(data)
        for notice in found.notices:
            click.echo(f"note: {notice}", err=True)
        split = cifar10_split(found, raw=raw)
    if examples is None and most is not None and len(split.X) > most:
        examples = most
    return TrainingProblem(
        split=split.first(examples), loss=DEFAULTS["loss"] if loss is None else loss, reg=DEFAULTS["reg"] if reg is None else reg
    )


def print_files(*paths: Path) -> None:
    """Prints the paths of the files on standard error."""
    click.echo("written: " + ", ".join(str(p) for p in paths), err=True)
