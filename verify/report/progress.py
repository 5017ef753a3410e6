"""The progress of a command: a bar on a terminal, lines in a log, nothing with `quiet`; always on standard error."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import count
from typing import Any

import click

from verify.elapsed import now
from verify.report.reading import visible
from verify.report.text import console

OnPart = Callable[[float, str], None]
"""Called with the share that is done, from 0 to 1, and a remark."""

LINES = 10
"""Lines in a log for a task that reports its parts."""

OnOutcome = Callable[[str, str, str | None, int, float], None]
"""Called for each outcome, with the candidate's name, dtype and law, the verdict (None for an inapplicable law), the number of problems
judged and their worst strain.
"""
OnStart = Callable[[int], object]
"""Called with the number of outcomes to expect."""

WIDEST = 48
"""Characters of a candidate's name beside a bar; the end of a name says most."""


class Underway:
    """The candidate being judged: the first unfinished one with an outcome, else the one after the last with an outcome.

    >>> at = Underway(["a.py:f", "a.py:f", "b.py:g", "c.py:h"])
    >>> at.name, at.ended("a.py:f"), at.ended("a.py:f"), at.ended("b.py:g")
    ('a.py:f', 'a.py:f', 'b.py:g', 'c.py:h')
    """

    def __init__(self, names: Sequence[str]) -> None:
        """`names` has the candidate's name for each expected outcome, in order."""
        self._left, self._places, self._seen = Counter(names), {n: k for k, n in enumerate(dict.fromkeys(names))}, set[str]()

    @property
    def name(self) -> str:
        """The candidate's name; empty where no outcome is expected."""
        unfinished = [n for n in self._places if self._left[n] > 0]
        begun = [n for n in unfinished if n in self._seen]
        last = max((self._places[n] for n in self._seen), default=-1)
        return next((n for n in (*begun, *(n for n in unfinished if self._places[n] > last), *unfinished)), "")

    def ended(self, name: str) -> str:
        """Counts an outcome of this candidate, and returns the name of the candidate judged now."""
        self._left[name] -= 1
        self._seen.add(name)
        return self.name


@contextmanager
def outcomes(names: Sequence[str], *, quiet: bool) -> Iterator[tuple[OnStart, OnOutcome]]:
    """Progress over outcomes: the name of the candidate being judged, the rate, and the worst strain so far."""
    if quiet:
        yield (lambda _: None), (lambda _, __, ___, ____, _____: None)
        return
    screen = console(stderr=True)
    if not screen.is_terminal:
        done, due = count(1), [len(names)]

        def line(name: str, what: str, came_to: str | None, _: int, __: float) -> None:
            number = next(done)
            if came_to is not None:
                click.echo(f"[{number}/{due[0]}] {visible(name)} {what}: {visible(came_to)}", err=True)

        yield partial(due.__setitem__, 0), line
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn  # a tenth of a second, for a bar

    underway = Underway(names)
    columns: Any = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=screen, transient=True) as bar:
        task = bar.add_task(_judging(underway.name), total=len(names))
        began, problems, worst = now(), [0], [0.0]

        def on_outcome(name: str, _: str, __: str | None, judged: int, strain: float) -> None:
            problems[0], worst[0] = problems[0] + judged, max(worst[0], strain)
            rate = f"{problems[0] / max(now() - began, 1.0):,.0f} problems/s, worst strain {worst[0]:.2g}"
            bar.update(task, advance=1, description=f"{_judging(underway.ended(name))}, {rate}")

        yield (lambda total: bar.update(task, total=total)), on_outcome


def _judging(name: str) -> str:
    shown = visible(name)
    return f"judging {shown if len(shown) <= WIDEST else '…' + shown[-WIDEST:]}" if shown else "judging"


@contextmanager
def progress(label: str, *, quiet: bool) -> Iterator[OnPart]:
    """Progress of one task with this label, as a function `on_part`."""
    if quiet:
        yield lambda _, __: None
        return
    screen = console(stderr=True)
    if not screen.is_terminal:
        yield _lines(label)
        return
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[what]}"),
    )
    with Progress(*columns, console=screen, transient=True) as bar:
        task = bar.add_task(label, total=1.0, what="")
        yield lambda part, what: bar.update(task, completed=part, what=what)


def _lines(label: str) -> OnPart:
    last = [0]

    def on_part(part: float, what: str) -> None:
        if int(part * LINES) > last[0]:
            last[0] = int(part * LINES)
            click.echo(f"[{part:4.0%}] {label}: {what}", err=True)

    return on_part
