"""JSON documents (reports, witnesses, baselines, stored benchmarks): written in one form, so that two can be compared line by line, and
validated when read, since they may come from anybody. Reading anything else raises UsageError.

One schema, `reports/schema.json`, says what each of them holds. This module checks what JSON leaves open: depth, size, and that each key
occurs once.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from functools import cache
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any

from verify.errors import WHOLE_BOUND, UsageError

if TYPE_CHECKING:
    from jsonschema import Draft202012Validator

MAX_BYTES = 1 << 28
"""Bytes of a file: a report of ten thousand results has a tenth of that."""
MAX_DEPTH = 40
"""Nesting depth of lists and tables. numpy arrays have at most 64 dimensions, and judged ones only a few."""


def as_json(document: Mapping[str, Any], *, indent: int | None = 1) -> str:
    """The document as JSON with sorted keys and a final newline. Raises ValueError for a number that is not finite."""
    found = json.dumps(document, indent=indent, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n"
    return re.sub("[\ud800-\udfff]", lambda half: f"\\u{ord(half[0]):04x}", found)  # half a pair cannot be written as UTF-8


def text(path: Path) -> str:
    """The text of a UTF-8 file. Raises UsageError where it cannot be read or is not text."""
    try:
        with path.open("rb") as file:
            found = file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:  # ValueError: a name that no file can have
        raise UsageError(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}.") from None
    if len(found) > MAX_BYTES:
        raise UsageError(f"{path} cannot be read: it has more than {MAX_BYTES >> 20} MiB.")
    try:
        return found.decode("utf-8")
    except UnicodeDecodeError as error:
        raise UsageError(f"{path} cannot be read: it is not UTF-8 (at byte {error.start}).") from None


def read(path: Path, kind: str, remedy: str) -> dict[str, Any]:
    """The document in a file, of a kind that the schema knows, such as "report". Raises UsageError, ending with the `remedy`."""
    try:
        whole = text(path)
    except UsageError as error:
        raise UsageError(f"{error} {remedy}") from None
    try:
        found = json.loads(whole, object_pairs_hook=_once, parse_int=_whole, parse_float=_finite, parse_constant=_finite)
        if _depth(found) > MAX_DEPTH:
            raise RecursionError
    except RecursionError:
        raise UsageError(f"{path} is nested deeper than {MAX_DEPTH} levels. {remedy}") from None
    except json.JSONDecodeError as error:
        raise UsageError(f"{path} is not JSON: {error}. {remedy}") from None
    except ValueError as error:
        raise UsageError(f"{path} is no {kind}: {error}. {remedy}") from None
    check(found, kind, str(path), remedy)
    return found  # type: ignore[no-any-return]


def check(found: object, kind: str, source: str, remedy: str) -> None:
    """Raises UsageError where plain data from `source` is not a document of this kind: says where it is wrong, and the `remedy`."""
    from jsonschema.exceptions import best_match

    if (depth := _depth(found)) > MAX_DEPTH:
        raise UsageError(f"{source} is nested {depth} levels deep, where {MAX_DEPTH} are allowed. {remedy}")
    try:
        fault = best_match(validator(kind).iter_errors(found))
    except (TypeError, ValueError, OverflowError) as error:  # keys that are no text, numbers of another kind
        raise UsageError(f"{source} is no {kind}: {error}. {remedy}") from None
    if fault is not None:
        place = "/".join(map(str, fault.absolute_path)) or "the document"
        raise UsageError(f"{source} is no {kind}: at {place}: {_short(fault.message)}. {remedy}")


def _short(message: str) -> str:
    """Shortens a message of the validator, which begins with the value found."""
    return message if len(message) <= 300 else f"{message[:150]} … {message[-150:]}"


@cache
def validator(kind: str = "report") -> Draft202012Validator:
    """The validator of one kind of `reports/schema.json`."""
    from importlib.resources import files

    from jsonschema import Draft202012Validator, FormatChecker  # where a document is read, and nowhere else

    schema: dict[str, Any] = json.loads((files("verify.reports") / "schema.json").read_text(encoding="utf-8"))
    formats = FormatChecker(formats=())
    formats.checks("hex-float", raises=(ValueError, OverflowError))(_is_float)
    formats.checks("array")(_is_array)
    if kind != "report":
        schema = {"$schema": schema["$schema"], "$ref": f"#/$defs/{kind}", "$defs": schema["$defs"]}
    return Draft202012Validator(schema, format_checker=formats)


def _is_float(data: object) -> bool:
    """Whether a string is a float in hexadecimal; True for anything that is not a string."""
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
    """How deep lists and tables are nested; counts one level beyond the allowed depth at most."""
    depth, here = 0, [found]
    while here and depth <= MAX_DEPTH:
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
    if len(digits) > len(str(WHOLE_BOUND)) or not -WHOLE_BOUND < int(digits) < WHOLE_BOUND:
        raise ValueError(f"a whole number of {len(digits.lstrip('-'))} digits is too large")
    return int(digits)


def _finite(text: str) -> float:
    if not isfinite(float(text)):
        raise ValueError(f"{text} is no number; what is not finite is written as text")
    return float(text)
