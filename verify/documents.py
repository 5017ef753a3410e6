"""Documents: written in one way, so that two can be compared line by line, and read, whoever may have written them: reports, witnesses,
baselines, stored benchmarks. What is none is wrong use.

One schema, `reports/schema.json`, says what each of them holds; here is what JSON leaves open: how deep, how large, each key once.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.resources import files
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any

from verify.errors import LARGEST, UsageError

if TYPE_CHECKING:
    from jsonschema import Draft202012Validator

LONGEST = 1 << 28
"""Bytes of a file: a report of ten thousand results has a tenth of it."""
DEEPEST = 40
"""Lists and tables within each other. numpy's arrays have 64 dimensions at most, and those that are judged a few."""


def as_json(document: Mapping[str, Any], *, indent: int | None = 1) -> str:
    """Keys sorted, in UTF-8, a line at the end. Raises ValueError for a number that is not finite."""
    found = json.dumps(document, indent=indent, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n"
    return re.sub("[\ud800-\udfff]", lambda half: f"\\u{ord(half[0]):04x}", found)  # half a pair cannot be written as UTF-8


def text(path: Path) -> str:
    """The text of a file, in UTF-8. Raises UsageError where it cannot be read, or is none."""
    try:
        with path.open("rb") as file:
            found = file.read(LONGEST + 1)
    except (OSError, ValueError) as error:  # ValueError: a name that no file can have
        raise UsageError(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}.") from None
    if len(found) > LONGEST:
        raise UsageError(f"{path} cannot be read: it has more than {LONGEST >> 20} MiB.")
    try:
        return found.decode("utf-8")
    except UnicodeDecodeError as error:
        raise UsageError(f"{path} cannot be read: it is not UTF-8 (at byte {error.start}).") from None


def read(path: Path, kind: str, remedy: str) -> dict[str, Any]:
    """The document in a file, of a kind that the schema knows, "report" for instance. Raises UsageError, which ends with the `remedy`."""
    try:
        whole = text(path)
    except UsageError as error:
        raise UsageError(f"{error} {remedy}") from None
    try:
        found = json.loads(whole, object_pairs_hook=_once, parse_int=_whole, parse_float=_finite, parse_constant=_finite)
        if _depth(found) > DEEPEST:
            raise RecursionError
    except RecursionError:
        raise UsageError(f"{path} is nested deeper than {DEEPEST} levels. {remedy}") from None
    except json.JSONDecodeError as error:
        raise UsageError(f"{path} is not JSON: {error}. {remedy}") from None
    except ValueError as error:
        raise UsageError(f"{path} is no {kind}: {error}. {remedy}") from None
    check(found, kind, str(path), remedy)
    return found  # type: ignore[no-any-return]


def check(found: object, kind: str, source: str, remedy: str) -> None:
    """Raises UsageError where plain data from a `source` is no document of the kind: where it is wrong, and the `remedy`."""
    from jsonschema.exceptions import best_match

    if (depth := _depth(found)) > DEEPEST:
        raise UsageError(f"{source} is nested {depth} levels deep, where {DEEPEST} are allowed. {remedy}")
    try:
        fault = best_match(validator(kind).iter_errors(found))
    except (TypeError, ValueError, OverflowError) as error:  # keys that are no text, numbers of another kind
        raise UsageError(f"{source} is no {kind}: {error}. {remedy}") from None
    if fault is not None:
        place = "/".join(map(str, fault.absolute_path)) or "the document"
        raise UsageError(f"{source} is no {kind}: at {place}: {_short(fault.message)}. {remedy}")


def _short(message: str) -> str:
    """Messages show what was found, and begin with it."""
    return message if len(message) <= 300 else f"{message[:150]} … {message[-150:]}"


@cache
def validator(kind: str = "report") -> Draft202012Validator:
    """The validator of one kind of `reports/schema.json`."""
    from jsonschema import Draft202012Validator, FormatChecker  # where a document is read, and nowhere else

    schema: dict[str, Any] = json.loads((files("verify.reports") / "schema.json").read_text(encoding="utf-8"))
    formats = FormatChecker(formats=())
    formats.checks("hex-float", raises=(ValueError, OverflowError))(_is_float)
    formats.checks("array")(_is_array)
    if kind != "report":
        schema = {"$schema": schema["$schema"], "$ref": f"#/$defs/{kind}", "$defs": schema["$defs"]}
    return Draft202012Validator(schema, format_checker=formats)


def _is_float(data: object) -> bool:
    """Whether it is a float in hexadecimal; what is no text is no concern of this."""
    return not isinstance(data, str) or isfinite(float.fromhex(data))


def _is_array(data: object) -> bool:
    """Whether nested lists have equal lengths at each depth."""
    rows = [data]
    while any(isinstance(row, list) for row in rows):
        if not all(isinstance(row, list) and len(row) == len(rows[0]) for row in rows):  # type: ignore[arg-type]
            return False
        rows = [x for row in rows for x in row]  # type: ignore[attr-defined]
    return True


def _depth(found: object) -> int:
    """How many lists and tables stand within each other; no further than is allowed and one more."""
    depth, here = 0, [found]
    while here and depth <= DEEPEST:
        below = [x for one in here if isinstance(one, (Mapping, list, tuple)) for x in _parts(one)]
        depth += any(isinstance(one, (Mapping, list, tuple)) for one in here)
        here = below
    return depth


def _parts(found: Any) -> Iterator[object]:
    return iter(found.values() if isinstance(found, Mapping) else found)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"the key {next(n for n in names if names.count(n) > 1)!r} stands there twice")
    return found


def _whole(digits: str) -> int:
    if len(digits) > len(str(LARGEST)) or not -LARGEST < int(digits) < LARGEST:
        raise ValueError(f"a whole number of {len(digits.lstrip('-'))} digits is too large")
    return int(digits)


def _finite(text: str) -> float:
    if not isfinite(float(text)):
        raise ValueError(f"{text} is no number; what is not finite is written as text")
    return float(text)
