"""`[tool.verify.gate]`: the requirements for a report, and deviations declared with a reason."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import inf
from pathlib import Path
from typing import Any

from verify.errors import UsageError, of_type, seconds, shown, unknown
from verify.profiles import DTYPES
from verify.settings import known, load

KEYS = ("baseline", "deviations", "max-strain", "max-ulps", "min-sensitivity", "proof", "silent", "time-budget")
DEVIATION_KEYS = ("candidate", "law", "loss", "dtype", "reason")
SILENT = ("fail", "warn")
PROOF = ("required", "every size")
"""Proofs at one shape, or at every number of examples for which the record is a sum over them."""
EVERY_LAW = "*"
"""Stands for all laws of a candidate in a deviation."""


@dataclass(frozen=True, kw_only=True)
class Deviation:
    """A law that a candidate is known to break, or EVERY_LAW, and why that is accepted. Without loss or dtype it applies to any."""

    candidate: str
    law: str
    reason: str
    loss: str | None = None
    dtype: str | None = None

    def covers(self, entry: Mapping[str, Any]) -> bool:
        """Whether a result is covered by the declaration."""
        given = {"candidate": self.candidate, "law": None if self.law == EVERY_LAW else self.law, "loss": self.loss, "dtype": self.dtype}
        return all(entry[k] == v for k, v in given.items() if v is not None)

    def __str__(self) -> str:
        more = ", ".join(x for x in (self.loss, self.dtype) if x)
        law = "any law" if self.law == EVERY_LAW else f"the law {self.law}"
        return f"{self.candidate} breaking {law}{f' ({more})' if more else ''}"


@dataclass(frozen=True, kw_only=True)
class Policy:
    """Limits by dtype; `baseline` and `deviations_file` are paths as written, relative to `folder`. `proof` names the candidates that must
    be proved (empty: all) at one shape, or with `every_size` at every number of examples; None if no proof is required.
    """

    folder: Path
    baseline: str | None = None
    deviations: tuple[Deviation, ...] = ()
    deviations_file: str | None = None
    max_strain: float = 1.0
    silent: str = "fail"
    max_ulps: Mapping[str, float] = field(default_factory=dict)
    min_sensitivity: Mapping[str, float] = field(default_factory=dict)
    time_budget: float | None = None
    proof: tuple[str, ...] | None = None
    every_size: bool = False

    @classmethod
    def of(cls, table: object, folder: Path) -> Policy:
        """The policy from a table. Raises UsageError for unknown keys and invalid values."""
        if not isinstance(table, dict):
            raise UsageError(f"gate in [tool.verify] is {shown(table)}; it must be a table, [tool.verify.gate].")
        known(table, KEYS, "[tool.verify.gate]")
        for key in ("baseline", "deviations"):
            of_type(key, table.get(key, ""), (str,), "the path of a file")
        strain, silent = table.get("max-strain", 1.0), table.get("silent", "fail")
        of_type("silent", silent, (str,), "fail or warn")
        if silent not in SILENT:
            raise unknown("value of silent", silent, SILENT)
        proof = _proof(table.get("proof"))
        seconds("time-budget", table.get("time-budget"))
        file = table.get("deviations")
        return cls(
            folder=folder,
            baseline=table.get("baseline"),
            deviations=_deviations(folder / file) if file else (),
            deviations_file=file,
            max_strain=_positive("max-strain", strain),
            silent=silent,
            max_ulps=_limits("max-ulps", table.get("max-ulps", {})),
            min_sensitivity=_limits("min-sensitivity", table.get("min-sensitivity", {})),
            time_budget=table.get("time-budget"),
            proof=proof,
            every_size=table.get("proof") == PROOF[1],
        )


def _proof(given: object) -> tuple[str, ...] | None:
    """The candidates that must be proved: given by name, or all by a value of PROOF."""
    if given is None:
        return None
    if given in PROOF:
        return ()
    if isinstance(given, list) and given and all(isinstance(name, str) for name in given):
        return tuple(given)
    raise UsageError(f'proof is {shown(given)}; give "{PROOF[0]}", "{PROOF[1]}", or a list of the candidates of which it is.')


def _positive(key: str, given: object) -> float:
    of_type(key, given, (int, float), "a number greater than 0")
    if not isinstance(given, (int, float)) or not given > 0 or sys.float_info.max < given < inf:  # NaN is not greater
        raise UsageError(f"{key} is {shown(given)}; give a number greater than 0.")
    return float(given)


def _limits(key: str, given: object) -> dict[str, float]:
    """A limit for each dtype, from one number or a table by dtype."""
    if not isinstance(given, dict):
        return dict.fromkeys(DTYPES, _positive(key, given))
    known(given, DTYPES, key)
    return {dtype: _positive(f"{key}.{dtype}", x) for dtype, x in given.items()}


def _deviations(file: Path) -> tuple[Deviation, ...]:
    table = load(file)
    known(table, ("deviation",), str(file))
    entries = table.get("deviation", [])
    if not (isinstance(entries, list) and all(isinstance(e, dict) for e in entries)):
        raise UsageError(f"deviation in {file} is {shown(entries)}; give tables, [[deviation]].")
    return tuple(_deviation(e, file) for e in entries)


def _deviation(entry: dict[str, Any], file: Path) -> Deviation:
    known(entry, DEVIATION_KEYS, f"[[deviation]] of {file}")
    for key in ("candidate", "law", "reason"):
        if not isinstance(entry.get(key), str) or not entry[key].strip():
            raise UsageError(f"a [[deviation]] of {file} has no {key}. Each needs candidate, law and reason, as texts.")
    for key, value in entry.items():
        of_type(f"{key} of a [[deviation]] in {file}", value, (str,), "a text")
    return Deviation(**entry)
