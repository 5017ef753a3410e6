"""`verify power`: the number of wrong gradients that each law catches, and the smallest error that it would have noticed."""

from __future__ import annotations

from pathlib import Path

import click

from verify.commands import options
from verify.profiles import PROFILES
from verify.report.options import text_or_json


@click.command("power")
@click.option("--loss", "losses", multiple=True, metavar="NAME|FILE.py[:NAME]", help="Spec; repeatable. All shipped ones if not given.")
@click.option("--penalty", default="l2", show_default=True, metavar="NAME|FILE.py[:NAME]", help="Penalty of the objective.")
@click.option(
    "--dtype",
    "dtypes",
    default="float64,float32",
    show_default=True,
    callback=options.split,
    metavar="NAMES",
    help="Dtypes, separated by commas.",
)
@click.option("--profile", type=click.Choice(list(PROFILES)), default="quick", show_default=True, help="How many cases.")
@click.option("--seed", type=int, default=0, show_default=True)
@click.option("--law", "laws", multiple=True, metavar="NAME", help="Only this law; repeatable.")
@text_or_json
@options.output
def command(
    losses: tuple[str, ...],
    penalty: str,
    dtypes: tuple[str, ...],
    profile: str,
    seed: int,
    laws: tuple[str, ...],
    format_: str,
    output: Path | None,
) -> int:
    """Show how many wrong implementations each law catches, and the smallest error that it sees.

    The wrong ones are made from each spec's own terms. Ends with 1 if one of them survives, if a law catches none, or if the right
    implementation is called broken.
    """
    from verify.campaign.power import tables
    from verify.documents import as_json
    from verify.report.power import complete, plain, render
    from verify.report.text import console
    from verify.storage import save
    from verify.streams import print_json

    kill_tables = tables(losses or None, penalty=penalty, dtypes=dtypes, profile=profile, seed=seed, laws=laws or None)
    if output is not None:
        save(output, as_json({"power": kill_tables}) if format_ == "json" else plain(kill_tables))
    elif format_ == "json":
        print_json({"power": kill_tables})
    else:
        console().print(render(kill_tables))
    return 0 if complete(kill_tables, every_law=not laws) else 1
