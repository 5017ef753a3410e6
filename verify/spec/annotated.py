"""Inputs as a function's own annotations declare them: `x: Float[Array, "n d"]`, as in jaxtyping, which need not be installed.

Arguments with a default keep it. A function named by its file is not imported: the file is read.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

REAL = frozenset(("Float", "Float16", "Float32", "Float64", "BFloat16", "Inexact", "Num", "Real", "Shaped", "float"))
WHOLE = frozenset(f"{kind}{bits}" for kind in ("Int", "UInt") for bits in ("", 8, 16, 32, 64)) | {"Integer", "int"}
SINGLE = frozenset(("Float32", "Float16", "BFloat16"))
CLASSES = frozenset(("c", "k", "v", "classes", "n_classes", "num_classes", "vocab"))
"""Usual names of dimensions that count classes."""


@dataclass(frozen=True)
class Annotated:
    """`texts` are the declarations of each input, as for `--inputs`, and `dtype` the annotated one, if any."""

    texts: Mapping[str, str]
    dtype: str | None = None


Kinds = dict[str, tuple[str, str]]
"""By input, the kind of its numbers, and its dimensions."""


def annotated(candidate: str | Callable[..., Any], example: Any = None) -> Annotated | None:
    """The declarations of a function's annotations; the `example` gives the number of labels if no dimension does. None if an input has
    dimensions other than names and numbers, or if there is no array.
    """
    kinds = _of_file(candidate) if isinstance(candidate, str) else _of_function(candidate)
    if not any(kind not in ("float", "int") for kind, _ in kinds.values()):
        return None
    dims = [d for _, dimensions in kinds.values() for d in dimensions.split()]
    if not all(d.isdigit() or d.isidentifier() for d in dims):
        return None
    texts = {
        name: f"{dimensions}{_domain(kind, dims, _given(example, name, k))}" for k, (name, (kind, dimensions)) in enumerate(kinds.items())
    }
    real = {kind for kind, _ in kinds.values() if kind in REAL - {"float"}}
    return Annotated(texts, "float32" if real and real <= SINGLE else None)


def _domain(kind: str, dims: list[str], example: Any) -> str:
    if kind == "Bool":
        return " | binary"
    if kind not in WHOLE:
        return ""
    named = [d for d in dims if d in CLASSES]
    if named:
        return f" | labels({named[0]})"
    return " | count" if example is None else f" | labels({int(getattr(example, 'max', lambda: example)()) + 1})"


def _given(example: Any, name: str, k: int) -> Any:
    if isinstance(example, Mapping):
        return example.get(name)
    return example[k] if isinstance(example, tuple) and k < len(example) else None


def _of_file(target: str) -> Kinds:
    place, _, path = target.rpartition(":")
    try:
        tree = ast.parse(Path(place).read_text(encoding="utf-8")) if place.endswith(".py") else None
    except (OSError, ValueError, SyntaxError):
        return {}  # importing it reports the error
    body = [] if tree is None else tree.body
    imports = [node for node in body if isinstance(node, ast.ImportFrom)]
    renamed = {a.asname: a.name for node in imports for a in node.names if a.asname}
    f: ast.AST | None = None
    for name in path.partition(",")[0].split("."):
        f = next((node for node in reversed(body) if getattr(node, "name", None) == name), None)
        body = getattr(f, "body", [])
    if not isinstance(f, ast.FunctionDef):
        return {}
    arguments = [*f.args.posonlyargs, *f.args.args]
    arguments = arguments[: len(arguments) - len(f.args.defaults)]
    return {a.arg: found for a in arguments if (found := _kind(a.annotation, renamed)) is not None}


def _of_function(candidate: Callable[..., Any]) -> Kinds:
    f = getattr(candidate, "loss", None) or candidate
    try:
        parameters = inspect.signature(f).parameters
    except (ValueError, TypeError):
        return {}
    required = [(name, p) for name, p in parameters.items() if p.default is p.empty]
    return {name: found for name, p in required if (found := _kind(p.annotation, {})) is not None}


def _kind(annotation: Any, renamed: Mapping[str, str]) -> tuple[str, str] | None:
    """The kind and the dimensions of an annotation: evaluated, as text, or as code in which names may be `renamed`."""
    if isinstance(annotation, ast.Constant):
        annotation = annotation.value
    if isinstance(annotation, str):
        try:
            annotation = ast.parse(annotation, mode="eval").body
        except SyntaxError:
            return None
    if isinstance(annotation, ast.AST):
        return _written(annotation, renamed)
    dims, dtype = getattr(annotation, "dim_str", None), getattr(annotation, "dtype", None)
    if annotation is float or annotation is int:
        return annotation.__name__, ""
    return _known(dtype.__name__, dims) if isinstance(dims, str) and isinstance(dtype, type) else None


def _written(e: ast.AST, renamed: Mapping[str, str]) -> tuple[str, str] | None:
    if isinstance(e, ast.Name) and e.id in ("float", "int"):
        return e.id, ""
    if not isinstance(e, ast.Subscript) or not isinstance(e.slice, ast.Tuple) or len(e.slice.elts) != 2:
        return None
    of, dims = e.value, e.slice.elts[1]
    name = of.attr if isinstance(of, ast.Attribute) else of.id if isinstance(of, ast.Name) else ""
    return _known(renamed.get(name, name), dims.value) if isinstance(dims, ast.Constant) and isinstance(dims.value, str) else None


def _known(kind: str, dims: str) -> tuple[str, str] | None:
    """The kind and the dimensions; `name=4` is a named size."""
    return (kind, " ".join(d.rpartition("=")[2] for d in dims.split())) if kind in REAL | WHOLE | {"Bool"} else None
