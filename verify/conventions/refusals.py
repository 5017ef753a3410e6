"""Refusals of objects that are no candidates of any signature, before anything is judged: what was found, what is allowed, the nearest
right thing.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from typing import Any

from verify.candidates import Candidate
from verify.candidates.answer import Incomplete
from verify.candidates.signature import DATA, INTERCEPT, MODEL, called, names
from verify.errors import UsageError

COLUMN = "the bias is the last column of W against a last column of ones in X"


def as_it_is(f: Callable[..., Any]) -> None:
    """Raises UsageError if a candidate cannot be called in any signature: a class, a method without an object."""
    for part in _parts(f):
        name = getattr(part, "__qualname__", type(part).__qualname__)
        if isinstance(part, type):
            methods = ",".join(f"loss.{m}" for m, value in vars(part).items() if callable(value) and (m == "__call__" or m[0] != "_"))
            raise UsageError(
                f"{name} is a class, and an object of it can be judged. Make one in its file, loss = {name}(…), and name it FILE.py:loss"
                f"{f', or its methods, FILE.py:{methods}' if ',' in methods else ''}."
            )
        if inspect.isfunction(part) and "." in name.rpartition("<locals>.")[2] and _first(part) == "self":
            owner, _, method = name.rpartition(".")
            raise UsageError(
                f"{name} is a method and needs an object of its class. Make one in its file, loss = {owner}(…), and name "
                f"FILE.py:loss.{method}."
            )


def in_order(f: Callable[..., Any]) -> None:
    """Raises UsageError if the arguments of a function of weights are in another order, or too many."""
    mine = (names(f) or ([], 0, 0))[0]
    if len(mine) > 3 and mine[1] in INTERCEPT and mine[2] in DATA:
        raise UsageError(
            f"{called(f)} takes an intercept of its own. A function of weights is f(W, X, y, reg) → (loss, dW), where {COLUMN} (penalties "
            "that leave it out are known). Wrap the function: split W, and join what it returns for both."
        )
    if len(mine) > 2 and mine[0] in DATA and mine[2] in MODEL:
        raise UsageError(
            f"{called(f)} takes the data first. A function of weights is f(W, X, y, reg) → (loss, dW). Wrap it: "
            f"lambda W, X, y, reg: {getattr(f, '__name__', 'f')}(X, y, W{', reg' if len(mine) > 3 else ''})."
        )


BY_VALUE = "Where there is none its value alone is judged: --gradient none (gradient='none')"
BY_REFERENCE = "Where there is none its value alone is judged, beside a reference: --reference TARGET (reference=…)"


def no_pair(f: Callable[..., Any], complaint: object, otherwise: str = BY_VALUE) -> None:
    """Raises UsageError if the candidate returns something complete that is not judged: only a loss, only an array, or three things.
    `otherwise` says what is judged without a gradient.
    """
    if not isinstance(complaint, Incomplete):
        return
    if complaint.things > 1:
        raise UsageError(
            f"{called(f)} returns {complaint.things} things. What is judged is a pair: (loss, gradient), or (gradient, Hessian) of each "
            f"example. Wrap the function and return those two; in f(W, X, y, reg) {COLUMN}."
        )
    mine, gradient = _beside(f)
    what = "one array" if complaint.array else "a loss"
    nearest = "" if gradient is None else f": there is {gradient} beside it"
    raise UsageError(
        f"{called(f)} returns {what} alone, and what is judged is a gradient. Name both, FILE.py:{mine},{gradient or 'GRADIENT'}{nearest}; "
        f"in Python verify.Candidate(loss=…, grad=…){', of a layer (forward=…, backward=…)' if complaint.array else ''}. Or return "
        f"(loss, gradient). {otherwise}."
    )


def _beside(f: Callable[..., Any]) -> tuple[str, str | None]:
    """The candidate's name, and that of a possible gradient: a method of the same object, or a function of its module."""
    owner, name = getattr(f, "__self__", f), getattr(f, "__name__", "__call__")
    if not inspect.isroutine(owner) and (method := _gradient(owner)) is not None:
        return f"loss.{name}", f"loss.{method}"
    return name, _gradient(sys.modules.get(getattr(f, "__module__", None) or ""))


def _gradient(owner: Any) -> str | None:
    return next((name for name in dir(owner) if "grad" in name.lower() and name[0] != "_" and callable(getattr(owner, name, None))), None)


def _parts(f: Callable[..., Any]) -> list[Any]:
    return [part for part in (f.loss, f.grad, f.hess) if part is not None] if isinstance(f, Candidate) else [f]


def _first(f: Callable[..., Any]) -> str | None:
    return next(iter(inspect.signature(f).parameters), None)
