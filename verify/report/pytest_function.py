"""A witness as a pytest function: it fails as long as the case breaks the law, and protects the corrected code afterwards."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pprint import pformat
from textwrap import indent
from typing import Any

from verify.nested import decimal
from verify.report.reading import values, visible


def function(witness: Mapping[str, Any]) -> str:
    """The source of a test file with one function. Numbers are decimal with all their digits, so that the bits are the same."""
    diagnosis = witness.get("diagnosis") or {}
    about = f"The {witness['law']} law on {witness['candidate']} ({witness['loss']}, {witness['dtype']})"
    title = f"{about}: {diagnosis.get('message', '')}".rstrip(": ")
    kept_too = ("schema", "candidate", "loss", "dtype", "law", "seed", "conventions", "case", "differentiated")
    shown = {"values": values(witness)} | ({"upstream": witness["upstream"]} if "upstream" in witness else {})
    kept = {key: witness[key] for key in kept_too if key in witness}
    kept |= {key: {name: decimal(value) for name, value in numbers.items()} for key, numbers in shown.items()}
    document = indent(pformat(kept, width=110, sort_dicts=False), "    ").lstrip()
    name = re.sub(r"\W+", "_", f"{str(witness['candidate']).rpartition(':')[2]}_{witness['law']}_{witness.get('id', '')}").strip("_")
    return (
        "import verify\n\n\n"
        f"def test_{name}():\n"
        f"    {_docstring(title)}\n"
        f"    witness = {document}\n"
        "    report = verify.replay(witness)\n"
        "    assert report.verdict is verify.Verdict.HOLDS, str(report)\n"
    )


def _docstring(text: str) -> str:
    """The text as a docstring literal, whatever it contains."""
    clean = visible(text).replace("\\", "\\\\").replace('"', '\\"')
    return f'"""{clean}"""'
