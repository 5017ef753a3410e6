"""`verify prove`: a gradient's code is shown to be the derivative of its loss's code, or refuted by a real point."""

from __future__ import annotations

from typing import Any

import click

from verify.settings import numbers

EXIT_CODES = {"proved": 0, "refuted": 1, "not proved": 4, "vacuous": 4}


@click.command(
    name="prove", epilog="Exit codes: 0 proved; 1 refuted; 2 wrong usage; 3 internal error; 4 neither, for the reason that is told."
)
@click.argument("target")
@click.option("--loss", default=None, metavar="NAME|FILE.py[:NAME]", help="The spec whose formula the code is to be: `verify list specs`.")
@click.option("--reference", default=None, metavar="TARGET", help="Another function of the same inputs, whose code is the formula.")
@click.option("--at", default=None, metavar="NUMBERS|FILE", help="An example of the inputs, as `verify check` takes it.")
@click.option(
    "--inputs", default=None, metavar="NAME: DIMENSIONS | DOMAIN, …", help='"x: n d, y: n | labels(c)", as `verify check` takes it.'
)
@click.option("--wrt", default=None, metavar="NAME[,NAME]", help="Which inputs the returned gradients are for.")
@click.option("--signature", default=None, metavar="linear|scores|objective", help="Of a spec; found out if not given.")
@click.option("--layout", default=None, metavar="NAME", help="Of W, or of scores, as `verify check` takes it. Found out if not given.")
@click.option("--reduction", default=None, metavar="mean|sum", help="Over the examples. Found out if not given.")
@click.option("--penalty", default=None, metavar="NAME|FILE.py[:NAME]", help="Found out if not given.")
@click.option(
    "--parameter",
    "parameters",
    multiple=True,
    callback=lambda _, __, given: numbers(given),
    metavar="NAME=VALUE",
    help="Of the loss; repeatable, as `verify check` takes it. Found out if not given, or proved for every value.",
)
@click.option("--shape", default=None, metavar="N=2,D=2,C=3", help="Sizes of declared dimensions; the smallest that show all if not given.")
@click.option("--limit", type=float, default=None, metavar="SECONDS", help="Of the proof (default 10).")
@click.option("--seed", type=int, default=0, show_default=True, help="Of the prime and the points.")
@click.option("--in-process", is_flag=True, help="Without the guard: for a debugger.")
@click.option("--format", "format_", type=click.Choice(["text", "json"]), default="text", help="The document on standard output.")
def command(
    target: str, loss: str | None, at: str | None, wrt: str | None, parameters: dict[str, Any], format_: str, **options: Any
) -> int:
    """Prove, at one shape, that the gradient's code is the derivative of the loss's code for every real input off kinks; with --loss, that
    value and gradient are those of a spec's formula.

    TARGET is as in `verify check`; f(W, X, y, reg) and f(scores, y) need no further word, others --at or --inputs.
    """
    from verify.api import prove
    from verify.campaign.server import quiet
    from verify.streams import print_json

    quiet()
    if at is not None:
        from verify.pair.literals import read_example
    found = prove(
        target,
        at=None if at is None else read_example(at),
        wrt=None if wrt is None else tuple(name.strip() for name in wrt.split(",")),
        loss=None if loss in (None, "none") else loss,
        parameters=parameters or None,
        **options,
    )
    if format_ == "json":
        print_json(found.to_dict())
    else:
        click.echo(str(found))
    return EXIT_CODES[found.status]
