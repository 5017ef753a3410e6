"""Audits as text: one line per question, one sentence per wrong entry."""

from __future__ import annotations

from collections.abc import Iterator

from verify.auditing.questions import QUESTIONS
from verify.report.reading import Document, Entry, figure, visible


def lines(document: Document) -> list[str]:
    """All audits of a document; empty if there are none."""
    return [line for a in document.get("audits", ()) for line in entry_lines(a)]


def entry_lines(audit: Entry) -> list[str]:
    """The lines of one audit."""
    return list(_lines(audit))


def _heading(a: Entry) -> str:
    size = f" at {a['shape'][0]} × {a['shape'][1]} weights and {a['examples']} examples" if "shape" in a else ""
    return f"audit {a['verdict']} for {a['loss']} ({a['dtype']}), {visible(a['candidate'])}{size}"


def _lines(a: Entry) -> Iterator[str]:
    yield _heading(a) + (f": it {visible(a['reason'])}" if "reason" in a else "")
    for p in a["parts"]:
        figures = f"strain {figure(p['strain'])}, sees relative errors from {figure(p['sensitivity'])}" if not p["undecided"] else ""
        silent = ", ".join(p["undecided"])
        yield f"  {p['verdict']:6}  {p['point']}: {QUESTIONS[p['question']]}: {figures or silent}"
    yield from (f"  {w}" for w in _wrong(a))


def _wrong(a: Entry) -> list[str]:
    """Each wrong entry once, with the first question that named it."""
    named: dict[tuple[int, int], str] = {}
    more = False
    for p in a["parts"]:
        for e in p["entries"]:
            line = f"entry {e['entry']} is {e['measured']:.10g}, expected {e['expected']:.10g} ± {e['allowed']:.2g}"
            named.setdefault(tuple(e["entry"]), f"{line} ({p['question']}, {p['point']})")
        more |= p["question"] == "own loss" and p["verdict"] == "broken" and not p["complete"]
    return [*named.values(), *(["there are more"] if more else [])]
