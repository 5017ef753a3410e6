"""The report as JUnit XML, in pytest's dialect: one test case per result, with its measurements as properties; a failure points to its
finding.
"""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

from verify.report.audit import entry_lines
from verify.report.findings import findings, laws_in_words
from verify.report.reading import FIGURES, Document, Entry, accepted, details, refusals, sentence, visible


def render(document: Document) -> str:
    """The whole report. Broken and silent results are failures, declared and inapplicable ones are skipped."""
    seconds, pointers = document["environment"]["seconds"], _pointers(document)
    cases = [_result(document, r, s, pointers.get(id(r))) for r, s in zip(document["results"], seconds, strict=True)]
    cases += [_audit(a) for a in document.get("audits", ())]
    cases += [_skipped(_case(i, 0.0), i["reason"]) for i in document["inapplicable"]]
    cases += [_unjudged(r, message) for r, message in zip(document.get("refused", ()), refusals(document), strict=True)]
    cases += [_ruling(f) for f in document.get("gate", {}).get("failures", []) if not f["told"]]
    suite = ET.Element("testsuite", {"name": "verify", **_counts(cases), "time": f"{document['environment']['wall']:.3f}"})
    _properties(suite, {"schema": document["schema"], "seed": document["seed"], "profile": document["profile"]})
    suite.extend(cases)
    root = ET.Element("testsuites", {"name": "verify"})
    root.append(suite)
    ET.indent(root, " ")
    return f'<?xml version="1.0" encoding="utf-8"?>\n{ET.tostring(root, encoding="unicode")}\n'


def _pointers(document: Document) -> dict[int, str]:
    """For each broken result the finding that it belongs to, and the test that shows its smallest case."""
    every = findings(document)
    pointers: dict[int, str] = {}
    for n, f in enumerate(every, 1):
        cause = f"{f.cause}; " if f.cause is not None else ""
        shown = f"{f.shown['law']}[{f.shown['dtype']}]"
        pointers |= {id(r): f"finding {n} of {len(every)}: {cause}{laws_in_words(f)}; its smallest case: {shown}" for r in f.members}
    return pointers


def _result(document: Document, r: Entry, seconds: float, pointer: str | None) -> ET.Element:
    case, said, declared = _case(r, seconds), sentence(r), accepted(document, r)
    _properties(case, {k: r[k] for k in FIGURES if r[k] is not None} | ({} if pointer is None else {"finding": pointer}))
    if said is not None and declared is not None:
        return _skipped(case, f"declared: {declared}. {said}")
    if said is not None:
        _failure(case, said, "\n".join([said, *details(r), *([] if pointer is None else [pointer])]))
    return case


def _case(entry: Entry, seconds: float) -> ET.Element:
    where = legal(f"verify.{entry['candidate']}")
    return ET.Element("testcase", {"classname": where, "name": f"{entry['law']}[{entry['dtype']}]", "time": f"{seconds:.3f}"})


def _audit(audit: Entry) -> ET.Element:
    case, lines = _case(dict(audit) | {"law": "audit"}, 0.0), entry_lines(audit)
    if audit["verdict"] == "broken":
        _failure(case, lines[0], "\n".join(lines))
    return case


def _unjudged(refused: Entry, message: str) -> ET.Element:
    case = ET.Element("testcase", {"classname": legal(f"verify.{refused['candidate']}"), "name": "not judged", "time": "0.000"})
    _failure(case, message, message)
    return case


def _ruling(said: Entry) -> ET.Element:
    case = ET.Element("testcase", {"classname": "verify.gate", "name": said["rule"], "time": "0.000"})
    _failure(case, said["sentence"], f"{said['sentence']}\nto accept: {said['accept']}")
    return case


def _failure(case: ET.Element, message: str, text: str) -> None:
    ET.SubElement(case, "failure", {"message": legal(message)}).text = legal(text)


def _skipped(case: ET.Element, reason: str) -> ET.Element:
    ET.SubElement(case, "skipped", {"type": "pytest.skip", "message": legal(reason)})
    return case


def _properties(parent: ET.Element, values: dict[str, object]) -> None:
    place = ET.SubElement(parent, "properties")
    for name, value in values.items():
        ET.SubElement(place, "property", {"name": name, "value": legal(value)})


def _counts(cases: list[ET.Element]) -> dict[str, str]:
    failures, skipped = (sum(c.find(kind) is not None for c in cases) for kind in ("failure", "skipped"))
    return {"errors": "0", "failures": str(failures), "skipped": str(skipped), "tests": str(len(cases))}


def legal(text: object) -> str:
    """The text without characters that XML cannot hold."""
    return re.sub(r"[^\t\n\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", "�", visible(text, lines=True))
