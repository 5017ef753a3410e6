"""Mistakes in the fields of a spec, reported in sentences: unknown names, missing fields, values of a wrong type."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from inspect import Parameter as Argument
from inspect import signature
from numbers import Real
from struct import pack, unpack
from typing import Any, TypeVar

from verify.errors import UsageError, shown, unknown

T = TypeVar("T")


def by_name(**examples: str) -> Callable[[type[T]], type[T]]:
    """Makes a keyword-only dataclass raise UsageError for unknown and for missing fields; `examples` show
    possible values of required ones.
    """

    def decorated(cls: type[T]) -> type[T]:
        made, known, name = cls.__init__, signature(cls).parameters, cls.__name__

        @wraps(made)
        def init(self: T, *args: Any, **fields: Any) -> None:
            if args:
                raise UsageError(f"{name} takes its fields by name: {name}({next(iter(known))}={args[0]!r}, …). Known: {', '.join(known)}.")
            for given in fields:
                if given not in known:
                    raise unknown(f"field of {name}", given, known)
            for field, argument in known.items():
                if argument.default is Argument.empty and field not in fields:
                    raise UsageError(f"{name} has no {field}. Give it one, such as {field}={examples[field]}.")
            made(self, **fields)

        setattr(cls, "__init__", init)  # noqa: B010  # the type has its own, as far as mypy knows
        return cls

    return decorated


def number(what: str, given: object) -> float:
    """A real number as a float, including infinity. Raises UsageError for anything else; bool is not a number."""
    if isinstance(given, bool) or not isinstance(given, Real):
        raise UsageError(f"{what} is {shown(given)}; give a number.")
    try:
        return float(given)
    except TypeError:  # numpy's timedelta, which is a subclass of integer
        raise UsageError(f"{what} is {shown(given)}; give a number.") from None
    except OverflowError:
        raise UsageError(f"{what} is {shown(given)}, which is too large; give a number that float64 holds.") from None


def as_float32(t: float) -> float:
    """The nearest number of float32."""
    try:
        (found,) = unpack("f", pack("f", t))
    except OverflowError:
        return float("inf") if t > 0 else float("-inf")
    return float(found)


def tuple_of_texts(name: str, **given: object) -> None:
    """Raises UsageError if an additional field of a spec is not a tuple of texts."""
    for what, texts in given.items():
        if not isinstance(texts, tuple) or not all(isinstance(text, str) and text for text in texts):
            raise UsageError(f'{what} of {name} is {texts!r}; give a tuple of texts, such as {what}=("{EXAMPLES[what]}",).')


EXAMPLES = {"aliases": "another name", "computed_by": "package.module.function"}
