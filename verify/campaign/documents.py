"""An outcome as JSON that holds all of it exactly, and back: the format of the ledger."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import Any

from verify.campaign.task import Inapplicable, Outcome, Task
from verify.cases import Case
from verify.evidence import Evidence, Verdict
from verify.trial import Result, Witness

WITNESSES = ("witness", "worst", "farthest")
STORED_FIELDS = ("conventions", "place", "upstream", "printed")
"""Fields stored beside the result."""


def as_data(outcome: Outcome | Inapplicable) -> dict[str, Any]:
    """The outcome, without its task, as plain data."""
    if isinstance(outcome, Inapplicable):
        return {"reason": outcome.reason}
    result = {f.name: getattr(outcome.result, f.name) for f in fields(Result)}
    result |= {name: _witness(result[name]) for name in WITNESSES}
    result |= {"verdict": outcome.result.verdict.value, "spread": {str(k): n for k, n in outcome.result.spread.items()}}
    return {"result": result, **{name: getattr(outcome, name) for name in STORED_FIELDS}}


def read(task: Task, data: Mapping[str, Any]) -> Outcome | Inapplicable:
    """The outcome of a task from plain data. Raises KeyError, TypeError, ValueError or AttributeError for invalid data."""
    if "reason" in data:
        return Inapplicable(task, str(data["reason"]))
    result = dict(data["result"])
    result |= {name: _read(result[name]) for name in WITNESSES}
    result |= {
        "verdict": Verdict(result["verdict"]),
        "spread": {int(k): n for k, n in result["spread"].items()},
        "limitations": tuple(result["limitations"]),
    }
    return Outcome(task, Result(**result), **{name: data[name] for name in STORED_FIELDS})


def exact(outcome: Outcome | Inapplicable) -> tuple[str, Outcome | Inapplicable] | None:
    """The outcome as text, and as it is read from that. None where the two differ: an outcome may hold something that is not a number."""
    try:
        text = json.dumps(as_data(outcome))
        back = read(outcome.task, json.loads(text))
        return (text, back) if json.dumps(as_data(back)) == text else None
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError):
        return None


def _witness(witness: Witness | None) -> dict[str, Any] | None:
    if witness is None:
        return None
    evidence = None if witness.evidence is None else asdict(witness.evidence)
    return {"case": witness.case.to_dict(), "dtype": witness.case.dtype, "evidence": evidence}


def _read(data: Mapping[str, Any] | None) -> Witness | None:
    if data is None:
        return None
    evidence = None if data["evidence"] is None else Evidence(**data["evidence"])
    return Witness(case=Case.from_dict(data["case"], data["dtype"]), evidence=evidence)
