"""The report as one self-contained HTML page: verdicts first, the worst input one click away, then everything else."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from math import inf, isnan
from pathlib import PurePath
from typing import Any
from xml.etree import ElementTree as ET
from xml.parsers import expat  # noqa: F401  (which ElementTree loads when it is first used: there may be no memory by then)

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from verify import disk_cache
from verify.campaign.sources import version
from verify.report.audit import lines
from verify.report.changes import shown, split
from verify.report.findings import Finding, declarations, findings, first_few, folded, judgement, paragraph, silences, summary
from verify.report.proofs import proofs
from verify.report.reading import (
    Document,
    Entry,
    conventions,
    entry,
    figure,
    is_small,
    limitations,
    listed,
    measured,
    not_asked,
    power_summary,
    printed,
    refusals,
    shape,
    values,
    visible,
)

PRINCIPAL = ("curve", "spread", "kinks", "profile", "plane", "sweep")
SECONDARY = ("curve", "kinks")
"""Pictures drawn for a candidate's first dtype, and for the other dtypes: landscapes look the same at every dtype."""

MOST_CHANGES = 200
"""Lines of the table of changed figures; the document has all of them."""

MOST_OPEN = 8
"""Findings, and candidates with pictures, that are shown in full; further ones have a line each."""

ELEMENTS = {
    *("math", "mrow", "mi", "mn", "mo", "msup", "msub", "msubsup", "mfrac", "msqrt", "mroot", "mtable", "mtr", "mtd", "mfenced"),
    *("mover", "munder", "munderover", "mtext", "mspace"),
}
"""The MathML elements that are kept."""


def render(document: Document, *, beside: Mapping[str, tuple[str, str]] | None = None) -> str:
    """The page. `beside` lists pages in the same folder to link to, each with a title and a description."""
    loader = PackageLoader("verify.report", "")
    pages = Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    pages.filters |= {"figure": figure, "visible": visible, "formula": formula, "breakable": breakable, "shape": shape, "place": place}
    pages.filters |= {"values": values, "listed": listed, "first_few": first_few, "sizes_shown": sizes_shown, "shown": shown}
    pages.tests["small"] = is_small
    rows, every = _matrix(document), findings(document)
    changes, moved = split(document)
    indices = {id(r): i for i, r in enumerate(document["results"])}
    page: str = pages.get_template("page.html.j2").render(
        document=document,
        laws={law: document["laws"].get(law, "") for law in _order(rows)},
        rows=rows,
        overview=_overview(document),
        causes=_causes(every),
        most_open=MOST_OPEN,
        candidates=list(_candidates(document)),
        findings=[paragraph(f, document) for f in every],
        shown={indices[id(f.shown)] for f in every},
        silences=[*(paragraph(f, document) for f in silences(document)), *refusals(document)],
        finding_of={indices[id(r)]: n for n, f in enumerate(every) for r in f.members},
        summary=summary(document),
        judgement=judgement(document),
        conventions=list(conventions(document)),
        limitations=limitations(document),
        not_asked=list(not_asked(document)),
        printed=printed(document),
        rulings=[s for k in ("failures", "warnings") for s in folded(document.get("gate", {}).get(k, ()), document)],
        declared=declarations(document) if "gate" in document else [],
        changes=changes,
        moved=moved,
        most_changes=MOST_CHANGES,
        power=list(_power(document.get("power", ()))),
        beside=beside or {},
        audits=lines(document),
        proofs=proofs(document),
        recorded=list(_recorded(document, every)),
    )
    return page


def _matrix(document: Document) -> dict[tuple[str, str, str], dict[str, tuple[int, Entry]]]:
    rows: dict[tuple[str, str, str], dict[str, tuple[int, Entry]]] = {}
    for i, r in enumerate(document["results"]):
        rows.setdefault((r["loss"], r["candidate"], r["dtype"]), {})[r["law"]] = (i, r)
    return rows


def _overview(document: Document) -> list[dict[str, Any]]:
    """One row for each candidate and loss, broken ones first: the verdict with its dtypes, the number of laws that hold, the worst strain
    and error. `index` is the number of its section.
    """
    rows = []
    for n, (candidate, loss) in enumerate(dict.fromkeys((r["candidate"], r["loss"]) for r in document["results"])):
        mine = [r for r in document["results"] if (r["candidate"], r["loss"]) == (candidate, loss)]
        verdicts: dict[str, list[str]] = {}
        for dtype in dict.fromkeys(r["dtype"] for r in mine):
            of_dtype = {r["verdict"] for r in mine if r["dtype"] == dtype}
            verdicts.setdefault(next(v for v in ("broken", "silent", "holds") if v in of_dtype), []).append(dtype)
        worst = max(mine, key=lambda r: inf if isnan(x := float(r["strain"])) else x)
        ulps = max((float(r["ulps"]) for r in mine if r["ulps"] is not None), default=None)
        counted = {"holds": sum(r["verdict"] == "holds" for r in mine), "laws": len(mine)}
        figures = {"strain": worst["strain"], "law": worst["law"], "ulps": ulps}
        rows.append({"candidate": candidate, "loss": loss, "index": n, "verdicts": verdicts, **counted, **figures})
    graver = ("broken", "silent", "holds")
    return sorted(rows, key=lambda c: (str(c["loss"]), min(map(graver.index, c["verdicts"]))))


def _causes(every: Sequence[Finding]) -> dict[str, list[tuple[int, str]]]:
    """Findings by cause, or by what was measured where the cause has no name, each with its candidate."""
    places: dict[str, list[tuple[int, str]]] = {}
    for n, f in enumerate(every):
        places.setdefault(f.cause or measured(f.shown) or f"the law {f.shown['law']} is broken", []).append((n, f.shown["candidate"]))
    return places


def _order(rows: Mapping[Any, Mapping[str, Any]]) -> dict[str, None]:
    """The laws in the order of the fullest row, then the others: a stored document does not keep their order, and a row may lack some."""
    fullest = max(rows.values(), key=len, default={})
    return dict.fromkeys([*fullest, *(law for row in rows.values() for law in row)])


def _candidates(document: Document) -> Iterator[dict[str, Any]]:
    """Each candidate with its accuracy table and pictures."""
    drawable: dict[tuple[str, str], list[Entry]] = {}
    none: dict[tuple[str, str], dict[str, None]] = {}
    for f in document.get("figures", []):
        if "reason" in f:
            none.setdefault((f["candidate"], f["loss"]), {})[f["reason"]] = None
            continue
        drawable.setdefault((f["candidate"], f["loss"]), []).append(f)
    names = dict.fromkeys((r["candidate"], r["loss"]) for r in document["results"])
    for n, (candidate, loss) in enumerate(names):
        mine = [(i, r) for i, r in enumerate(document["results"]) if (r["candidate"], r["loss"]) == (candidate, loss)]
        accuracy = [(i, r) for i, r in mine if r["ulps"] is not None]
        drawn = []
        for k, f in enumerate(drawable.get((candidate, loss), [])):
            spread = next((r.get("spread") for _, r in mine if (r["dtype"], r["law"]) == (f["dtype"], "gradient")), None)
            wanted = PRINCIPAL if k == 0 else SECONDARY
            try:
                drawn += [(f["dtype"], p, Markup(p["svg"])) for p in _drawn(f"c{n}-{k}", f, spread, wanted)]  # noqa: S704  (ours)
            except Exception as error:  # any error of the drawing, for foreign measurements or sizes that no axis can show
                none.setdefault((candidate, loss), {})[f"its measurements cannot be drawn ({visible(error)})"] = None
        yield {"candidate": candidate, "loss": loss, "accuracy": accuracy, "pictures": drawn, "none": list(none.get((candidate, loss), ()))}


def _drawn(name: str, survey: Entry, spread: Entry | None, wanted: tuple[str, ...]) -> list[dict[str, str]]:
    """The pictures of the measurements in `survey`; equal ones are drawn once, since each takes a quarter of a second."""

    def draw() -> list[dict[str, str]]:
        from verify.figures import pictures  # loads matplotlib, which is not needed if they are cached

        return [asdict(p) for p in pictures(name, survey, spread, wanted)]

    shown = json.dumps([name, survey, spread, wanted], sort_keys=True)
    key = ["pictures", version("matplotlib"), hashlib.sha256(shown.encode()).hexdigest()]
    drawn = disk_cache.plain(key, draw)
    disk_cache.write()
    return drawn


def _recorded(document: Document, every: Sequence[Finding]) -> Iterator[dict[str, Any]]:
    """For each candidate judged by its own code: the lines of its loss with what they compute and with the findings about them; findings
    about other lines; and the gap of the law `formula` at each dtype.
    """
    for name, described in document["conventions"].items():
        own_code = described.get("formula", {})
        lines = own_code.get("recorded", ())
        if not lines:
            continue
        results = [r for r in document["results"] if r["candidate"] == name]
        gaps = {r["dtype"]: at["gap"] for r in results if "gap" in (at := r.get("witness") or r.get("worst") or {})}
        about = [(n, f, f.named.get("diagnosis", {}).get("places", ())) for n, f in enumerate(every) if f.shown["candidate"] == name]
        placed = dict[tuple[str, int], dict[int, str | None]]()
        for n, f, places in about:
            for at in places:
                placed.setdefault((PurePath(at["file"]).name, at["line"]), {})[n] = f.cause
        shown = [{**line, "findings": placed.pop((line["file"], line["line"]), {})} for line in lines]
        elsewhere = [(n, cause, f"{file}:{line}") for (file, line), causes in placed.items() for n, cause in causes.items()]
        yield {"candidate": name, "operations": own_code["operations"], "lines": shown, "gaps": gaps, "elsewhere": elsewhere}


def _power(tables: Sequence[Entry]) -> Iterator[dict[str, Any]]:
    """The kill tables, with the number of wrong implementations that each law catches and the smallest errors that it noticed."""
    for n, t in enumerate(tables):
        yield {
            "id": f"power{n}",
            "title": f"{t['loss']}, penalty {t['penalty']}, {t['dtype']}",
            "summary": power_summary(t),
            "table": t,
            "caught": {law: sum(law in laws for laws in t["kills"].values()) for law in t["laws"]},
        }


def sizes_shown(loss: Entry) -> str:
    """The sizes for which a loss's formula is shown, or the inputs of a function."""
    shown = loss.get("shown", {})
    if "inputs" in shown:
        inputs = ", ".join(f"{name} ({dims})" if dims else name for name, dims in shown["inputs"].items())
        return visible(f"Inputs: {inputs}.{' Every dimension has the size 2 in what is shown.' if loss['mathml'] else ''}")
    return "For any score s and target t." if "target" in shown else "Three classes, label 0."


def breakable(name: str) -> Markup:
    """A name with line breaks allowed after dots and dashes, for narrow pages."""
    return Markup(re.sub(r"([.:/_-])", r"\1<wbr>", str(Markup.escape(visible(name)))))  # noqa: S704  (escaped first)


def formula(text: str) -> Markup:
    """MathML of a document from anybody: only known elements and their text are kept."""
    if re.search(r"<!|<\?", text):
        return Markup("")
    try:
        root = ET.fromstring(text)  # noqa: S314  (no declarations, see above)
    except ET.ParseError:
        return Markup("")
    return Markup(_clean(root)) if root.tag == "math" else Markup("")  # noqa: S704  (built from escaped text)


def _clean(node: ET.Element) -> str:
    if node.tag not in ELEMENTS:
        return ""
    inner = Markup.escape(node.text or "") + Markup("").join(Markup(_clean(c)) + Markup.escape(c.tail or "") for c in node)  # noqa: S704
    return f"<{node.tag}>{inner}</{node.tag}>"


def place(case: Entry) -> str:
    """Where in the case the number was measured: entry, method and step."""
    parts = [entry(case) if "entry" in case else "", str(case.get("method", "")), f"h = {case['h']:g}" if "h" in case else ""]
    return ", ".join(t for t in parts if t)
