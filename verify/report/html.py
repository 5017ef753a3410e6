"""The report as one self-contained HTML page."""

from __future__ import annotations

from jinja2 import Environment, PackageLoader, StrictUndefined

from verify.report.reading import Document, figure, judgement, summary, visible
from verify.report.text import paragraph


def render(document: Document, *, hiker: bool = False) -> str:
    """The page: verdict matrix first, then what is broken or silent, then every result, then the environment.

    `hiker`: whether the page of `verify descend hiker` lies beside it, to be linked.
    """
    loader = PackageLoader("verify.report", "")
    pages = Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    pages.filters |= {"figure": figure, "visible": visible}
    rows: dict[tuple[str, str], dict[str, object]] = {}
    for r in document["results"]:
        rows.setdefault((r["candidate"], r["dtype"]), {})[r["law"]] = r
    page: str = pages.get_template("page.html.j2").render(
        document=document,
        laws=document["laws"],
        rows=rows,
        sentences=[s for r in document["results"] if (s := paragraph(r))],
        summary=summary(document),
        judgement=judgement(document),
        hiker=hiker,
    )
    return page
