"""The hiker as one self-contained page, for light and dark, from its document alone."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from verify.descent.curves import comparison_picture
from verify.descent.hiker import LOSS, SMOOTH, curves_of
from verify.descent.scenery import line_picture, plane_picture, terms_picture
from verify.descent.sweep_command import sweep_picture
from verify.figures.canvas import Picture
from verify.versions import DISTRIBUTION, versions

LIBRARIES = ("matplotlib", "numba", "numpy", "python-flint")


def pictures(document: Mapping[str, Any]) -> dict[str, Picture]:
    """The page's pictures by name."""
    scenery = document["landscape"]
    return {
        "line": line_picture(scenery[LOSS]["line"]),
        "smooth": line_picture(scenery[SMOOTH]["line"]),
        "plane": plane_picture(scenery[LOSS]["plane"]),
        "terms": terms_picture(document["terms"]),
        "comparison": comparison_picture(curves_of(document)),
        "sweep": sweep_picture(document["sweep"]),
    }


def render(document: Mapping[str, Any], *, report: bool) -> str:
    """The page. `report` says whether a report lies in the same folder as index.html."""
    loader = PackageLoader("verify.descent", "")
    pages = Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    page: str = pages.get_template("hiker.html.j2").render(
        d=document,
        pictures={name: _own_ids(name, p.svg) for name, p in pictures(document).items()},  # our own drawing: not escaped
        hinge=document["landscape"][LOSS],
        report=report,
        versions=versions((DISTRIBUTION, *LIBRARIES)) | {"python": platform.python_version()},
    )
    return page


def _own_ids(name: str, svg: str) -> str:
    """The SVG with unique ids, since all pictures are on one page."""
    return svg.replace('id="', f'id="{name}-').replace('"#', f'"#{name}-').replace("url(#", f"url(#{name}-")
