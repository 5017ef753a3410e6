"""The report as Markdown, for GitHub's step summary: the matrix first, details folded."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from verify.report.audit import lines
from verify.report.findings import findings, first_few, folded, judgement, paragraph, silences, summary
from verify.report.reading import Document, conventions, figure, limitations, not_asked, powers, refusals, visible

SIGNS = {"holds": "✅", "broken": "❌", "silent": "⚠️"}


def render(document: Document) -> str:
    """The whole report."""
    parts = [
        f"## {SIGNS[document['verdict']]} verify: {document['verdict']}",
        escaped(summary(document)),
        *_gate(document),
        _matrix(document),
        *_failures(document),
        _list(map(escaped, refusals(document))),
        _list(f"{code(line.strip())}" for line in lines(document)),
        _list(map(escaped, powers(document))),
        _folded("Results", _results(document)),
        _folded("Conventions found out", _list(f"{code(name)}: {escaped(shown)}" for name, shown in conventions(document))),
        _folded("Limitations", _list(f"{code(first_few(names))}: {escaped(shown)}" for names, shown in limitations(document))),
        _folded(
            "Laws that were not asked",
            _list(
                f"{code(first_few(names))}: {escaped(', '.join(laws))} ({escaped(reason)})" for names, laws, reason in not_asked(document)
            ),
        ),
    ]
    return "\n\n".join(p for p in parts if p) + "\n"


def escaped(text: object) -> str:
    """The text with everything that Markdown or HTML would read as markup, or GitHub as a mention, as character references.

    >>> escaped("a|b <script> @you")
    'a&#124;b &#60;script&#62; &#64;you'
    """
    return re.sub(r"[^\w\s.,:;=+±≤×/()'%–-]|_", lambda found: f"&#{ord(found[0])};", visible(text))


def code(text: object) -> str:
    """A name as inline code."""
    return f"<code>{escaped(text)}</code>"


def _matrix(document: Document) -> str:
    laws = list(dict.fromkeys(r["law"] for r in document["results"]))
    rows: dict[tuple[str, str, str], dict[str, str]] = {}
    for r in document["results"]:
        cell = f"{SIGNS[r['verdict']]} {figure(r['strain'])}"
        rows.setdefault((r["loss"], r["candidate"], r["dtype"]), {})[r["law"]] = cell
    head = ["loss", "candidate", "dtype", *laws]
    body = [[escaped(loss), code(name), dtype, *(row.get(law, "–") for law in laws)] for (loss, name, dtype), row in rows.items()]
    note = "The number is the worst strain found: measured error divided by the largest that rounding can explain; at most 1 holds."
    return f"{_table(head, body)}\n\n{note}" if rows else ""


def _failures(document: Document) -> list[str]:
    found = []
    for f in (*findings(document), *silences(document)):
        first, *rest = paragraph(f, document).splitlines()
        found.append("\n".join([f"- {escaped(first)}", *(f"  - {escaped(line.strip())}" for line in rest)]))
    return ["### What does not hold", "\n".join(found)] if found else []


def _gate(document: Document) -> list[str]:
    line = judgement(document)
    if line is None:
        return []
    said = [(before, s) for key, before in (("failures", ""), ("warnings", "warning: ")) for s in folded(document["gate"][key], document)]
    return [f"**{line}**", _list(f"{before}{escaped(s['sentence'])} To accept: {escaped(s['accept'])}" for before, s in said)]


def _results(document: Document) -> str:
    head = ["candidate", "dtype", "law", "verdict", "decided", "worst strain", "sensitivity", "worst ulps (searched)"]
    return _table(
        head,
        [
            [
                code(r["candidate"]),
                r["dtype"],
                r["law"],
                r["verdict"],
                f"{r['decided']}/{r['cases']}",
                figure(r["strain"]),
                figure(r["sensitivity"], ".1e"),
                figure(r["ulps"], ".3g"),
            ]
            for r in document["results"]
        ],
    )


def _table(head: Sequence[str], body: Sequence[Sequence[str]]) -> str:
    lines = ["| " + " | ".join(row) + " |" for row in (head, ["---"] * len(head), *body)]
    return "\n".join(lines) if body else ""


def _list(lines: Iterable[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)


def _folded(title: str, text: str) -> str:
    return f"<details><summary>{title}</summary>\n\n{text}\n\n</details>" if text else ""
