"""The report as SARIF 2.1.0, for code scanning. Source: OASIS, Static Analysis Results Interchange Format, 2020."""

from __future__ import annotations

import hashlib
import json
from typing import Any
from urllib.parse import quote

from verify.report.notices import Notice, notices
from verify.report.reading import Document, visible

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"


def render(document: Document) -> str:
    """One run with a result for each finding, and a rule for each law and each broken rule of the gate among them."""
    every = notices(document)
    rules = list(dict.fromkeys(n.rule for n in every))
    driver = {
        "name": "verify",
        "version": document["environment"]["verify"],
        "rules": [_rule(rule, document["laws"].get(rule, rule)) for rule in rules],
    }
    run = {"tool": {"driver": driver}, "columnKind": "unicodeCodePoints", "results": [_result(n, rules.index(n.rule)) for n in every]}
    log = {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}
    return json.dumps(log, indent=1, ensure_ascii=False) + "\n"


def _rule(rule: str, statement: str) -> dict[str, Any]:
    return {"id": rule, "name": rule, "shortDescription": {"text": statement}}


def _result(n: Notice, index: int) -> dict[str, Any]:
    result: dict[str, Any] = {
        "ruleId": n.rule,
        "ruleIndex": index,
        "level": "error" if n.severe else "warning",
        "message": {"text": _unlinked("\n".join([n.message if n.remedy is None else f"{n.message} ({visible(n.remedy)})", *n.more]))},
        "partialFingerprints": {"verify/1": hashlib.sha256(visible(f"{n.rule} {n.candidate} {n.title}").encode()).hexdigest()},
        "locations": [_location(n)],
    }
    return result


def _unlinked(text: str) -> str:
    """The text without anything that a viewer would read as an embedded link."""
    return text.replace("](", "] (")


def _location(n: Notice) -> dict[str, Any]:
    """The candidate's line; the configuration file for problems without a place."""
    file, line = (n.place["file"], n.place["line"]) if n.place else ("pyproject.toml", 1)
    location: dict[str, Any] = {"physicalLocation": {"artifactLocation": {"uri": quote(visible(file))}, "region": {"startLine": line}}}
    if n.candidate is not None:
        location["logicalLocations"] = [{"fullyQualifiedName": visible(n.candidate), "kind": "function"}]
    return location
