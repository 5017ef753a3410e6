"""`verify prove`: a gradient's code is shown to be the derivative of its loss's code, or refuted by a real point."""

from __future__ import annotations

from typing import Any

import click

from verify.commands import options
from verify.report.options import text_or_json, verdict_alone

EXIT_CODES = {"proved": 0, "refuted": 1, "not proved": 4, "vacuous": 4}


@click.command(
    name="prove", epilog="Exit codes: 0 proved; 1 refuted; 2 wrong usage; 3 internal error; 4 neither, for the reason that is told."
)
@click.argument("target")
@options.loss
@options.inputs
@options.reference
@options.conventions
@click.option("--shape", default=None, metavar="N=2,D=2,C=3", help="Sizes of declared dimensions; the smallest that show all if not given.")
@click.option("--limit", type=float, default=None, metavar="SECONDS", help="Of the proof (default 10).")
@click.option("--seed", type=int, default=0, show_default=True, help="Of the prime and the points.")
@options.in_process
@text_or_json
@verdict_alone
def command(target: str, loss: str, at: str | None, parameters: dict[str, Any], format_: str, quiet: bool, **others: Any) -> int:
    """Prove, at one shape, that the gradient's code is the derivative of the loss's code for every real input off kinks; with --loss, that
    value and gradient are those of a spec's formula.

    TARGET is as in `verify check`; f(W, X, y, reg) and f(scores, y) need no further option, other signatures need --at or --inputs. A
    --parameter that is not given is found out, or the claim is proved for every value of it.
    """
    from verify.api import prove
    from verify.campaign import server
    from verify.streams import print_json

    server.quiet()
    proof = prove(target, at=options.example(at), loss=None if loss == "none" else loss, parameters=parameters or None, **others)
    if format_ == "json":
        print_json(proof.to_dict())
    else:
        click.echo(str(proof).split("\n")[0] if quiet else str(proof))
    return EXIT_CODES[proof.status]
