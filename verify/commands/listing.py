"""`verify list`: the specs, the laws, the candidates."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from verify import streams
from verify.commands.codes import EPILOG, NOTHING_SELECTED
from verify.errors import UsageError
from verify.report.options import text_or_json
from verify.report.reading import printable


@click.command("list", epilog=EPILOG)
@click.argument("what", type=click.Choice(["specs", "laws", "candidates"]))
@click.argument("words", nargs=-1)
@click.option("--group", default=None, metavar="NAME", help="Only specs of this group: regression, binary, …")
@text_or_json
def command(what: str, words: tuple[str, ...], group: str | None, format_: str) -> int:
    """List the specs, the laws, or the candidates that `verify run` would judge here.

    For specs, WORDS are searched for in names, aliases, formulas and library functions; everything known about the matches is shown.
    """
    if what != "specs" and (words or group is not None):
        raise UsageError(f"verify list {what} takes no words and no --group, which choose among specs: verify list specs huber.")
    rows = {"specs": lambda: _specs(words, group), "laws": _laws, "candidates": _candidates}[what]()
    if format_ == "json":
        click.echo(streams.held(json.dumps([dict(row) for row in rows], indent=2, ensure_ascii=False), "json"))
    elif what == "specs":
        from verify.problem.listing import lines

        click.echo(printable("\n".join(lines(rows, whole=bool(words)))))
    else:
        width = max((len(next(iter(r.values()))) for r in rows), default=0)
        for row in rows:
            click.echo(printable("  ".join(v if i else v.ljust(width) for i, v in enumerate(row.values()))))
    return 0 if rows else NOTHING_SELECTED


def _specs(words: Sequence[str], group: str | None) -> list[dict[str, Any]]:
    from verify import disk_cache
    from verify.problem.listing import rows

    found = rows(words, group)
    disk_cache.write()  # cached proofs of shipped specs
    return found


def _laws() -> list[dict[str, str]]:
    from verify.laws import LAWS

    return [{"name": law.name, "statement": law.statement} for law in LAWS.values()]


def _candidates() -> list[dict[str, str]]:
    from verify.campaign.configuration import read

    requests = read(Path.cwd()).requests()
    return [{"target": r.name, "loss": r.loss, "dtypes": ",".join(r.dtypes)} for r in requests]
