"""The ratio of the fastest peer's time to the core's, size by size, and whether it got worse."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from verify import documents
from verify.bench.run import SCHEMA
from verify.errors import UsageError

Document = Mapping[str, Any]


class Beside(NamedTuple):
    """The fastest peer of a setup, and the ratio of its time to that of the first contestant: median and quartiles. 1 is equally fast."""

    table: str
    setup: str
    peer: str
    ratio: Mapping[str, float]

    def in_words(self) -> str:
        """The ratio with its quartiles."""
        return f"{self.ratio['median']:.2f} × ({self.ratio['low']:.2f} … {self.ratio['high']:.2f}, {self.peer})"


def beside(name: str, rows: Sequence[Document]) -> Beside | None:
    """The comparison for the rows of one setup; None if no other contestant did all of the work."""
    peers = [r for r in rows[1:] if not r["limit"] and r["share"] == 1]
    if not peers:
        return None
    fastest = min(peers, key=lambda r: float(r["ratio"]["median"]))
    return Beside(name, rows[0]["setup"], fastest["contestant"], fastest["ratio"])


def all_beside(document: Document) -> Iterator[Beside]:
    """The comparisons of all tables that compare sizes."""
    for table in document["tables"]:
        if table["compares"]:
            for setup in dict.fromkeys(r["setup"] for r in table["rows"]):
                found = beside(table["name"], [r for r in table["rows"] if r["setup"] == setup])
                if found is not None:
                    yield found


def stored(path: Path) -> Document:
    """A document written by `verify bench`. Raises UsageError for any other file, and for a smoke run's."""
    found = documents.read(path, "bench", "Give a bench.json that verify bench wrote.")
    if found["schema"] != SCHEMA:
        raise UsageError(f"--gate {path} is no document of the schema {SCHEMA}. Give a bench.json that this version of verify bench wrote.")
    if found["smoke"]:
        raise UsageError(f"--gate {path} is of a smoke run, whose times mean nothing. Give one of a whole run.")
    return found


def worse(now: Document, before: Document) -> list[str]:
    """The setups that got slower relative to their fastest peer by more than the spread of both: the middle half of the ratios now lies
    below that before. Raises UsageError if no setup is in both.
    """
    known = {(b.table, b.setup): b for b in all_beside(before)}
    both = [(b, known[b.table, b.setup]) for b in all_beside(now) if (b.table, b.setup) in known]
    if not both:
        raise UsageError("what is stored has none of the setups that were timed. Store another one: --output FOLDER writes bench.json.")
    return [
        f"{found.table}, {found.setup}: {found.in_words()}, and it was {was.in_words()}"
        for found, was in both
        if found.ratio["high"] < was.ratio["low"]
    ]
