"""The report as text: a table of verdicts, one row a law, then a paragraph for each finding."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from io import StringIO
from itertools import groupby

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from verify.report.audit import lines
from verify.report.findings import findings, first_few, folded, judgement, paragraph, silences, summary
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
    for name, dtype, laws, r, seconds in _rows(document):
        cells = [harmless(name) if name != previous else "", dtype, first_few(laws)]
        measured = [figure(r["strain"]), f"{r['decided']}/{r['cases']}", f"{seconds:.1f} s"]
        table.add_row(*map(Text, cells), Text(r["verdict"], style=STYLES[r["verdict"]]), *map(Text, measured))
        previous = name
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


def _rows(document: Document) -> Iterator[tuple[str, str, list[str], Entry, float]]:
    """(candidate, dtype, laws, a result of theirs, seconds): one law each, but for those that were not asked of a single case, which come
    to the same: of a run that was ended, of code that answers to nothing.
    """
    timed = zip(document["results"], document["environment"]["seconds"], strict=True)
    of_law = ((r["candidate"], r["loss"], r["dtype"], r["verdict"], None if r["cases"] == 0 else r["law"]) for r in document["results"])
    for (name, _, dtype, *_), rows in groupby(zip(of_law, timed, strict=True), key=lambda row: row[0]):
        results = [row for _, row in rows]
        yield visible(name), dtype, [r["law"] for r, _ in results], results[0][0], sum(seconds for _, seconds in results)


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
