"""The report as GitHub annotations, one per finding: the ten gravest, which is all that GitHub shows for a
step, then one line on the rest.
"""

from __future__ import annotations

from verify.report.findings import judgement, summary
from verify.report.notices import Notice, notices
from verify.report.reading import Document, visible

MAX_ANNOTATIONS = 10
"""Annotations of one kind that GitHub shows for a step."""


def render(document: Document) -> str:
    """Workflow commands, one per line, then a line for the log."""
    found = notices(document)
    lines = [command(n) for n in found[:MAX_ANNOTATIONS]]
    if len(found) > MAX_ANNOTATIONS:
        lines.append(f"{len(found) - MAX_ANNOTATIONS} more of {len(found)} findings are in the report.")
    head = [line for line in (judgement(document), summary(document)) if line]
    return "\n".join([*lines, *head]) + "\n"


def command(n: Notice) -> str:
    """One annotation. GitHub decodes %, CR and LF in messages; in properties, colons and commas too."""
    where = {"file": n.place["file"], "line": n.place["line"]} if n.place else {}
    properties = {**where, "title": f"verify: {n.title}"}
    text = "\n".join([n.message, *n.more, *([] if n.remedy is None else [f"to accept: {visible(n.remedy)}"])])
    listed = ",".join(f"{k}={_property(v)}" for k, v in properties.items())
    return f"::{'error' if n.severe else 'warning'} {listed}::{_message(text)}"


def _message(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(value: object) -> str:
    return _message(visible(value)).replace(":", "%3A").replace(",", "%2C")
