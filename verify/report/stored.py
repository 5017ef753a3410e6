"""A report's document from a file, checked against its JSON Schema, so that the renderings can rely on it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from verify import documents
from verify.documents import validator
from verify.errors import UsageError
from verify.report.findings import with_findings
from verify.report.reading import Document, case_lines

__all__ = ["read", "validator"]

REMEDY = "Give the report.json of a run."
CASES = ("witness", "worst", "farthest")


def read(path: Path) -> Document:
    """The document in a file. Raises UsageError where it cannot be read or is not a report."""
    document = documents.read(path, "report", REMEDY)
    for place, fault in _faults(document):
        raise UsageError(f"{path} is no report: at {place}: {fault}. {REMEDY}")
    return with_findings(document)  # reports of an earlier version have none


def _faults(document: dict[str, Any]) -> list[tuple[str, str]]:
    """Inconsistencies between parts of the document, which a schema cannot express."""
    faults = []
    times, results = len(document["environment"]["seconds"]), len(document["results"])
    if times != results:
        faults.append(("environment/seconds", f"{times} times of {results} results"))
    for i, result in enumerate(document["results"]):
        for name in CASES:
            if name in result:
                try:
                    case_lines({"witness": result[name]})
                except (ValueError, LookupError, TypeError, AttributeError, ArithmeticError) as error:
                    faults.append((f"results/{i}/{name}", str(error)))
    return faults
