"""A bar on a terminal, ten lines in a log, nothing where quiet; always on standard error."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from verify.report.text import console

OnPart = Callable[[float, str], None]
"""Hears how much is done, from 0 to 1, and what there is to tell."""

LINES = 10


@contextmanager
def progress(label: str, *, quiet: bool) -> Iterator[OnPart]:
    """`on_part` for one task of this label."""
    if quiet:
        yield lambda _, __: None
        return
    screen = console(stderr=True)
    if not screen.is_terminal:
        yield _lines(label)
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[told]}"),
    )
    with Progress(*columns, console=screen, transient=True) as bar:
        task = bar.add_task(label, total=1.0, told="")
        yield lambda part, told: bar.update(task, completed=part, told=told)


def _lines(label: str) -> OnPart:
    told_up_to = [0]

    def on_part(part: float, told: str) -> None:
        if int(part * LINES) > told_up_to[0]:
            told_up_to[0] = int(part * LINES)
            click.echo(f"[{part:4.0%}] {label}: {told}", err=True)

    return on_part
