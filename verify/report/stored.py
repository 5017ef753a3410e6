"""A report's document from a file, checked against its JSON Schema, so that the renderings may trust it."""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match

from verify.errors import UsageError
from verify.report.findings import with_findings
from verify.report.reading import Document


def read(path: Path) -> Document:
    """The document in a file. Raises UsageError where it cannot be read or is none."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        told = getattr(error, "strerror", None) or str(error)
        raise UsageError(f"{path} cannot be read: {told}. Give the report.json of a run.") from None
    except json.JSONDecodeError as error:
        raise UsageError(f"{path} is not JSON: {error}. Give the report.json of a run.") from None
    fault = best_match(validator().iter_errors(document))
    if fault is not None:
        place = "/".join(map(str, fault.absolute_path)) or "the document"
        raise UsageError(f"{path} is no verify-report/1: at {place}: {fault.message[:300]}. Give the report.json of a run.")
    return with_findings(document)  # those of an earlier version have none


@cache
def validator() -> Draft202012Validator:
    """The validator of `reports/schema.json`."""
    schema: dict[str, Any] = json.loads((files("verify.reports") / "schema.json").read_text(encoding="utf-8"))
    return Draft202012Validator(schema)
