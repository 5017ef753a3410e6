"""Options that several commands have, each with one help text."""

from __future__ import annotations

from collections.abc import Sequence
from math import isnan, nan
from pathlib import Path
from typing import Any

import click

from verify.errors import UsageError
from verify.report.options import all_of

SIGNATURES = "f(W, X, y, reg) → (loss, dW); f(scores, y) → (loss, dscores); f(prediction, target) → (grad, hess). Found out if not given."


def split(_: click.Context, __: click.Parameter, text: str | None) -> tuple[str, ...] | None:
    """A callback: names that are separated by commas, or None."""
    return None if text is None else tuple(name.strip() for name in text.split(","))


def example(at: str | None) -> Any:
    """The example that `--at` gives, or None. It is no callback, since it imports numpy, which a command does after it has started the
    workers' server.
    """
    if at is None:
        return None
    from verify.pair.literals import read_example

    return read_example(at)


def numbers(given: Sequence[str]) -> dict[str, float | tuple[float, ...]]:
    """The options --parameter NAME=VALUE as a table. Raises UsageError for malformed ones, and for a name that is given twice."""
    by_name: dict[str, tuple[float, ...]] = {}
    for one in given:
        name, equals, value = (part.strip() for part in one.partition("="))
        try:
            values = tuple(map(float, value.split(",")))
        except ValueError:
            values = (nan,)
        if not (equals and name) or any(map(isnan, values)):
            raise UsageError(
                f"--parameter {one!r} is no NAME=VALUE; give a name and a number, such as --parameter delta=2, or one for each class, "
                "--parameter w=1,2,0.5."
            )
        if name in by_name:
            twice = " and ".join(",".join(f"{x:g}" for x in n) for n in (by_name[name], values))
            raise UsageError(f"--parameter {name} is given twice, as {twice}; give it once.")
        by_name[name] = values
    return {name: values if len(values) > 1 else values[0] for name, values in by_name.items()}


loss = click.option(
    "--loss", default="none", metavar="NAME|FILE.py[:NAME]|none", help="The spec to judge by: `verify list specs`. none: without."
)
inputs = all_of(
    click.option(
        "--at",
        default=None,
        metavar="NUMBERS|FILE",
        help="Without a spec: an example of the inputs. 1,2.5,-3 or FILE.npy; several by name FILE.npz; or FILE.py:NAME, a tuple or dict.",
    ),
    click.option("--inputs", default=None, metavar="NAME: DIMENSIONS | DOMAIN, …", help='Without a spec: "x: n d, y: n | labels(c)".'),
    click.option(
        "--wrt",
        default=None,
        callback=split,
        metavar="NAME[,NAME]",
        help="Without a spec: which inputs the returned gradients are for.",
    ),
)
reference = click.option(
    "--reference", default=None, metavar="TARGET", help="Without a spec: another function of the same inputs, whose code is the formula."
)
conventions = all_of(
    click.option("--signature", default=None, metavar="linear|scores|objective", help=SIGNATURES),
    click.option(
        "--layout",
        default=None,
        metavar="NAME",
        help="W: CD or DC; an objective: prediction-target, …; flat scores: row-major or class-major. Found out if not given.",
    ),
    click.option("--reduction", default=None, metavar="mean|sum", help="Over the examples. Found out if not given."),
    click.option("--penalty", default=None, metavar="NAME|FILE.py[:NAME]", help="Found out if not given; one of your own by its file."),
    click.option(
        "--parameter",
        "parameters",
        multiple=True,
        callback=lambda _, __, given: numbers(given),
        metavar="NAME=VALUE",
        help="Of the loss; repeatable. One for each class: w=1,2,0.5. Found out if not given.",
    ),
)
in_process = click.option("--in-process", is_flag=True, help="Without the guard: for a debugger. A crash or a hang is then ours.")
output = click.option(
    "--output", type=click.Path(dir_okay=False, path_type=Path), default=None, help="Write the document to this file instead."
)
