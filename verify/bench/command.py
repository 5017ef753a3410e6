"""`verify bench`: the speed of the core on this machine, against installed libraries."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from verify.report.options import no_progress, text_or_json

FOLDER = "reports/latest"


@click.command("bench")
@click.option("--table", "names", multiple=True, metavar="NAME", help="Only this table; repeatable (default all: see --list).")
@click.option("--list", "listed", is_flag=True, help="Show the tables and stop.")
@click.option("--rounds", type=click.IntRange(1, 1000), default=9, show_default=True, help="Quiet rounds of each line.")
@click.option("--smoke", is_flag=True, help="Small sizes, one round: whether the benchmarks work. Their times mean nothing.")
@click.option(
    "--output", type=click.Path(file_okay=False, path_type=Path), default=Path(FOLDER), show_default=True, help="Folder of the files."
)
@click.option(
    "--gate",
    "before",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="BENCH.json",
    help="A stored run: end with 1 where a ratio to the fastest peer got worse by more than its spread.",
)
@text_or_json
@no_progress
def command(
    names: tuple[str, ...], listed: bool, rounds: int, smoke: bool, output: Path, before: Path | None, format_: str, quiet: bool
) -> int:
    """Time the core and its peers in turns: medians, spread, ratios, the machine's limits, and how cost grows.

    Writes bench.html, bench.json, bench.txt and, where the sizes move, growth.svg and compared.svg into the folder of the report, which
    links the page.
    Rounds in which other processes kept the machine busy are dropped. The gradient's full size takes 3.5 GB of memory.
    """
    from verify.bench.comparison import stored, worse
    from verify.bench.page import page
    from verify.bench.run import bench
    from verify.bench.table import tables
    from verify.bench.text import alone, compared, drawing, plain, render
    from verify.documents import as_json
    from verify.errors import UsageError, unknown
    from verify.report.folder import write_again
    from verify.report.text import console
    from verify.storage import save, writable
    from verify.streams import print_json

    known = tables()
    if listed:
        for table in known.values():
            click.echo(f"{table.name:12} {table.title}")
        return 0
    for name in names:
        if name not in known:
            raise unknown("table", name, known)
    writable(output)
    if before is not None and smoke:
        raise UsageError("a smoke run's times mean nothing, and cannot be compared with stored ones. Leave --smoke or --gate out.")
    past = None if before is None else stored(before)
    chosen = [known[n] for n in names] or list(known.values())
    found: Any = bench(chosen, rounds=rounds, smoke=smoke, on_setup=(lambda _: None) if quiet else lambda told: click.echo(told, err=True))
    files = [
        save(output / "bench.html", page(found, report=(output / "index.html").exists())),
        save(output / "bench.json", as_json(found)),
        save(output / "bench.txt", plain(found)),
    ]
    write_again(output)
    drawn = {"growth.svg": alone(drawing(found)), "compared.svg": alone(compared(found))}
    files += [save(output / name, text) for name, text in drawn.items() if text is not None]
    if format_ == "json":
        print_json(found)
    else:
        console().print(render(found))
    click.echo("written: " + ", ".join(map(str, files)), err=True)
    slower = [] if past is None else worse(found, past)
    for line in slower:
        click.echo(f"slower beside the fastest peer: {line}", err=True)
    return 1 if slower else 0
