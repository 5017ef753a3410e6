"""The report as one self-contained HTML page."""

from __future__ import annotations

from jinja2 import Environment, PackageLoader, StrictUndefined

from verify.laws import LAWS
from verify.report.model import Report
from verify.report.text import sentences, summary


def render(report: Report) -> str:
    """The page: verdict matrix first, then what is broken or silent, then every result, then the environment."""
    loader = PackageLoader("verify.report", "")
    pages = Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    rows: dict[tuple[str, str], dict[str, object]] = {}
    for o in report.outcomes:
        rows.setdefault((o.task.request.name, o.result.dtype), {})[o.result.law] = o.result
    page: str = pages.get_template("page.html.j2").render(
        report=report,
        document=report.to_dict(),
        laws={name: law.statement for name, law in LAWS.items() if any(name in row for row in rows.values())},
        rows=rows,
        sentences=[s for o in report.outcomes for s in sentences(o)],
        summary=summary(report),
    )
    return page
