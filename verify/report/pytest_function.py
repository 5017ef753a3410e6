"""A witness as a ready pytest function: it fails as long as the case breaks the law, and guards the mended code afterwards."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pprint import pformat
from textwrap import indent
from typing import Any

from verify.nested import decimal
from verify.report.reading import values, visible


def function(found: Mapping[str, Any]) -> str:
    """The source of a test file with one function. Numbers are decimal with all their digits, so that the bits are the same."""
    diagnosis = found.get("diagnosis") or {}
    title = f"The {found['law']} law on {found['candidate']} ({found['loss']}, {found['dtype']}): {diagnosis.get('message', '')}".rstrip(
        ": "
    )
    kept_too = ("schema", "candidate", "loss", "dtype", "law", "seed", "conventions", "case", "differentiated")
    shown = {"values": values(found)} | ({"upstream": found["upstream"]} if "upstream" in found else {})
    kept = {key: found[key] for key in kept_too if key in found}
    kept |= {key: {name: decimal(value) for name, value in numbers.items()} for key, numbers in shown.items()}
    document = indent(pformat(kept, width=110, sort_dicts=False), "    ").lstrip()
    name = re.sub(r"\W+", "_", f"{str(found['candidate']).rpartition(':')[2]}_{found['law']}_{found.get('id', '')}").strip("_")
    return (
        "import verify\n\n\n"
        f"def test_{name}():\n"
        f"    {_docstring(title)}\n"
        f"    witness = {document}\n"
        "    report = verify.replay(witness)\n"
        "    assert report.verdict is verify.Verdict.HOLDS, str(report)\n"
    )


def _docstring(text: str) -> str:
    """As a literal that ends where it should, whatever the text holds."""
    clean = visible(text).replace("\\", "\\\\").replace('"', '\\"')
    return f'"""{clean}"""'
