"""Notices for CI systems and editors: one per finding, the gravest first."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from verify.report.findings import Finding, declared, findings, folded, headline, laws_in_words, sentences, silences, smallest
from verify.report.reading import PRINTED, Document, Entry, accepted, refusals, visible


@dataclass(frozen=True, kw_only=True)
class Notice:
    """A problem to report to CI systems and editors, at one place in the code.

    `rule` is a law's name, or `gate/…` for a rule of the gate; `message` is one line, followed by `more`; `severe` distinguishes errors
    from warnings; `remedy` says how to accept it.
    """

    rule: str
    title: str
    message: str
    severe: bool
    more: tuple[str, ...] = ()
    candidate: str | None = None
    place: Mapping[str, Any] | None = None
    remedy: str | None = None


def notices(document: Document) -> list[Notice]:
    """All problems, the worst first: broken results in the order of findings, the gate's refusals, silent and
    declared results, warnings.
    """
    gate = document.get("gate", {"failures": [], "warnings": []})
    every = [_of(document, f) for f in findings(document)]
    every += [_audited(document, a) for a in document.get("audits", ()) if a["verdict"] == "broken"]
    every += [Notice(rule="not-judged", title="not judged", message=message, severe=True) for message in refusals(document)]
    every += [_ruling(f, severe=True) for f in folded(gate["failures"], document) if not f["told"]]
    every += [_of(document, f) for f in silences(document)]
    every += [_ruling(w, severe=False) for w in folded(gate["warnings"], document) if not w["told"]]
    return sorted(every, key=lambda n: not n.severe)


def _of(document: Document, finding: Finding) -> Notice:
    shown = finding.shown
    lines = [*headline(finding), sentences(finding)[0], *([laws_in_words(finding)] if len(finding.members) > 1 else [])]
    return Notice(
        rule=shown["law"],
        title=f"{shown['law']} law {shown['verdict']}",
        message="; ".join(lines),
        severe=shown["verdict"] == "broken" and any(accepted(document, r) is None for r in finding.members),
        more=(*smallest(finding), *declared(finding, document)),
        candidate=shown["candidate"],
        place=document["places"].get(shown["candidate"]),
    )


def _audited(document: Document, audit: Entry) -> Notice:
    named = [e["entry"] for p in audit["parts"] for e in p["entries"]]
    what = f"entries {', '.join(map(str, named[:PRINTED]))}" if named else audit.get("reason", "its loss and its gradient disagree")
    where = f"{audit['loss']} ({audit['dtype']}), {visible(audit['candidate'])}"
    return Notice(
        rule="audit",
        title="audit broken",
        message=f"audit broken for {where}: {visible(what)}",
        severe=True,
        candidate=audit["candidate"],
        place=document["places"].get(audit["candidate"]),
    )


def _ruling(said: Entry, *, severe: bool) -> Notice:
    title = f"gate: {said['rule']}"
    return Notice(rule=f"gate/{said['rule']}", title=title, message=visible(said["sentence"]), severe=severe, remedy=said["accept"])
