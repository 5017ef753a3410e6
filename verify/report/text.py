"""The report as text: a table of verdicts, then a paragraph for each finding."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from io import StringIO
from itertools import groupby
from math import inf

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from verify.report.audit import lines
from verify.report.findings import MAX_NAMED, findings, first_few, folded, judgement, paragraph, silences, summary
from verify.report.proofs import proofs
from verify.report.reading import (
    Document,
    Entry,
    conventions,
    figure,
    harmless,
    limitations,
    lost_digits,
    not_asked,
    powers,
    printed,
    refusals,
    visible,
)

STYLES = {"holds": "green", "broken": "bold red", "silent": "yellow"}

COLUMNS = (("candidate", 0), ("dtype", 0), ("law", 0), ("verdict", 0), ("worst strain", 1), ("decided", 1), ("time", 1))


def render(document: Document) -> RenderableType:
    """The whole report for a rich console; plain where the console is not a terminal."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title, right in COLUMNS:
        table.add_column(title, justify="right" if right else "left", overflow="fold")
    previous = None
    for row in _rows(document):
        cells = [harmless(row.candidate) if row.candidate != previous else "", row.dtype, row.laws]
        measured = [figure(row.strain), f"{row.decided}/{row.cases}", f"{row.seconds:.1f} s"]
        table.add_row(*map(Text, cells), Text(row.verdict, style=STYLES[row.verdict]), *map(Text, measured))
        previous = row.candidate
    return Group(
        table,
        Text(),
        *_block(f"{name}: {line}" for name, line in conventions(document)),
        *(Text(harmless(paragraph(f, document)) + "\n") for f in (*findings(document), *silences(document))),
        *(Text(harmless(f"{line}\n")) for line in refusals(document)),
        *(Text(harmless(line) + "\n") for line in printed(document)),
        *_block(f"{first_few(names)}: limitation: {line}" for names, line in limitations(document)),
        *_block(f"{name}: note: {line}" for name, line in lost_digits(document)),
        *_block(f"{first_few(names)}: not asked: {', '.join(laws)} ({reason})" for names, laws, reason in not_asked(document)),
        *_block(lines(document)),
        *_block(proofs(document)),
        *_block(powers(document)),
        *_gate(document),
        Text(summary(document)),
    )


@dataclass(frozen=True, kw_only=True)
class _Row:
    """One row of the table: laws of one candidate at one dtype with the same verdict."""

    candidate: str
    dtype: str
    laws: str
    verdict: str
    strain: float | str | None
    decided: int
    cases: int
    seconds: float


def _rows(document: Document) -> Iterator[_Row]:
    """One row for each law of code that breaks one. Else the laws that hold share a row. So do laws that were judged on no case with the
    same verdict: of a run that was ended, or of code that does not answer.
    """
    timed = zip(document["results"], document["environment"]["seconds"], strict=True)
    for (name, _, dtype), of_candidate in groupby(timed, key=lambda row: (row[0]["candidate"], row[0]["loss"], row[0]["dtype"])):
        results = list(of_candidate)
        is_broken = any(r["verdict"] == "broken" for r, _ in results)
        rows: dict[tuple[str, str | None], list[tuple[Entry, float]]] = {}
        for r, seconds in results:
            is_alone = r["cases"] > 0 and (is_broken or r["verdict"] != "holds")
            rows.setdefault((r["verdict"], r["law"] if is_alone else None), []).append((r, seconds))
        yield from (_row(visible(name), dtype, verdict, row) for (verdict, _), row in rows.items())


def _row(name: str, dtype: str, verdict: str, row: Sequence[tuple[Entry, float]]) -> _Row:
    laws, results = [r["law"] for r, _ in row], [r for r, _ in row]
    return _Row(
        candidate=name,
        dtype=dtype,
        laws=f"{len(laws)} laws" if verdict == "holds" and len(laws) > MAX_NAMED else first_few(laws),
        verdict=verdict,
        strain=max((r["strain"] for r in results), key=lambda strain: -inf if strain is None else float(strain)),
        decided=sum(r["decided"] for r in results),
        cases=sum(r["cases"] for r in results),
        seconds=sum(seconds for _, seconds in row),
    )


def _gate(document: Document) -> list[Text]:
    line = judgement(document)
    if line is None:
        return []
    failures, warnings = (folded(document["gate"][k], document) for k in ("failures", "warnings"))
    lines, style = [*_rulings(failures, "gate: "), *_rulings(warnings, "gate, a warning: ")], "green" if not failures else "bold red"
    return [*(Text(harmless(t)) for t in lines), Text(line, style=style), Text()]


def _rulings(said: Sequence[Document], before: str) -> list[str]:
    return [f"{before}{visible(s['sentence'])}\n  to accept: {visible(s['accept'])}\n" for s in said]


def _block(lines: object) -> list[Text]:
    shown = [Text(harmless(line)) for line in lines]  # type: ignore[attr-defined]
    return [*shown, Text()] if shown else []


def plain(document: Document) -> str:
    """The whole report without colours."""
    buffer = StringIO()
    Console(file=buffer, width=160, highlight=False, soft_wrap=True).print(render(document))
    return "\n".join(line.rstrip() for line in buffer.getvalue().splitlines()) + "\n"


def console(*, stderr: bool = False) -> Console:
    """A console that honours NO_COLOR and does not wrap where there is no terminal."""
    plain = Console(stderr=stderr, highlight=False, soft_wrap=True)
    return plain if plain.is_terminal else Console(stderr=stderr, highlight=False, soft_wrap=True, width=160)
