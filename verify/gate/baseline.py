"""The baseline: the worst strain, sensitivity and ulps of every loss × candidate × dtype × law.

The file is written by `verify gate --update-baseline` and by nothing else: it ends with a digest of its content, so that manual edits are
noticed. It has one line per result, so that its diff can be reviewed.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import floor, isfinite, log10
from pathlib import Path
from typing import Any

from verify import documents
from verify.errors import UsageError

SCHEMA = "verify-baseline/1"
REMEDY = "Write it anew: verify run --fresh, then verify gate reports/latest/report.json --update-baseline."
MEASURED = ("strain", "sensitivity", "ulps")
DIGITS = 3
"""Significant digits, rounded up: more would change with the last bits of the machine."""

Key = tuple[str, str, str, str]


@dataclass(frozen=True, kw_only=True)
class Baseline:
    """`entries` maps (candidate, loss, dtype, law) to the verdict and the three numbers. `intact` is False after a manual edit."""

    profile: str
    seed: int
    entries: Mapping[Key, Mapping[str, Any]]
    intact: bool = True

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> Baseline:
        """The baseline that a report would set."""
        entries = {key_of(r): {"verdict": r["verdict"], **{m: rounded(r[m]) for m in MEASURED}} for r in document["results"]}
        return cls(profile=document["profile"], seed=document["seed"], entries=dict(sorted(entries.items())))

    @classmethod
    def read(cls, file: Path) -> Baseline | None:
        """The baseline in a file; None if there is no file. Raises UsageError where the file is not a baseline."""
        if not os.path.exists(file):
            return None
        stored = documents.read(file, "baseline", REMEDY)
        entries = {key_of(e): {k: e[k] for k in ("verdict", *MEASURED)} for e in stored["results"]}
        if len(entries) < len(stored["results"]):
            raise UsageError(f"{file} is no baseline: it has two results of one candidate, loss, dtype and law. {REMEDY}")
        found = cls(profile=stored["profile"], seed=stored["seed"], entries=entries)
        return replace(found, intact=stored["digest"] == found.digest)

    @property
    def digest(self) -> str:
        """A digest of the whole content."""
        return hashlib.sha256("\n".join([self.profile, str(self.seed), *self.lines()]).encode("utf-8", "surrogatepass")).hexdigest()

    def lines(self) -> list[str]:
        """One JSON object per result."""
        names = ("candidate", "loss", "dtype", "law")
        return [json.dumps(dict(zip(names, key, strict=True)) | dict(e), ensure_ascii=False) for key, e in self.entries.items()]

    def __str__(self) -> str:
        head = f'{{\n "schema": "{SCHEMA}",\n "profile": {json.dumps(self.profile)},\n "seed": {self.seed},\n "digest": "{self.digest}",\n'
        return head + ' "results": [\n  ' + ",\n  ".join(self.lines()) + "\n ]\n}\n"


def key_of(entry: Mapping[str, Any]) -> Key:
    """The key of a result."""
    return entry["candidate"], entry["loss"], entry["dtype"], entry["law"]


def rounded(x: float | str | None) -> float | str | None:
    """A number rounded up to DIGITS significant digits; "inf" and "nan" stay.

    >>> rounded(0.0123456), rounded(0.0), rounded("inf")
    (0.0124, 0.0, 'inf')
    """
    if x is None or isinstance(x, str) or x == 0 or not isfinite(x):
        return x
    up = float(f"{x:.{DIGITS - 1}e}")
    return up if up >= x else float(f"{up + 10.0 ** (floor(log10(abs(x))) - DIGITS + 1):.{DIGITS - 1}e}")
