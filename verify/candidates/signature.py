"""The signature of a candidate, inferred from the names and the number of its arguments, and from what it returns."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import wraps
from math import inf
from typing import Any

import numpy as np

from verify.candidates.candidate import Candidate
from verify.candidates.compiled import python_of
from verify.errors import UsageError

OF_SCORES = ("scores", "objective")
SIGNATURES = ("linear", *OF_SCORES)

PREDICTION = {
    "pred", "preds", "predt", "prediction", "predictions", "y_pred", "ypred", "yhat", "y_hat", "raw", "raw_prediction", "raw_predictions",
    "raw_score", "raw_scores", "score", "scores", "logits", "logit", "margins", "output", "outputs", "s",
}  # fmt: skip
TARGET = {"y", "y_true", "ytrue", "true", "target", "targets", "t", "label", "labels", "truth", "actual", "actuals"}
DATA_SET = {"dtrain", "dmatrix", "dmat", "train", "train_data", "train_set", "dataset", "data_set", "data", "dset"}
WEIGHT = {"weight", "weights", "sample_weight", "sample_weights", "example_weight", "example_weights", "w", "wt", "sw"}
SEED = {"seed", "random_seed", "random_state"}
INTERCEPT = {"b", "bias", "biases", "intercept", "intercepts", "b0", "offset"}
DATA = {"x", "xs", "data", "features", "inputs", "design"}
UPSTREAMS = {
    "upstream", "dy", "dout", "d_out", "grad", "grad_output", "grad_out", "g", "gy", "dz", "delta", "v", "cotangent", "ct", "up", "dvalues",
    "output_gradient", "upstream_grad", "upstream_gradient", "dl_dy", "dl_dout", "d_output",
}  # fmt: skip
"""Usual names of a backward's argument for the upstream gradient."""
CACHES = {"saved", "cache", "ctx", "context", "residuals", "res", "memo", "saved_tensors", "tape"}
"""Usual names of a backward's argument for what forward saved."""
MODEL = {"w", "weights", "theta", "beta", "coef", "params", "parameters"}

EMPTY = inspect.Parameter.empty
POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)

LINEAR, SCORES = 3, 2
"""The number of leading arguments: W, X and y, or scores and targets."""
REG = "reg"


@dataclass(frozen=True)
class FixedArgument:
    """An argument with the same value in every call: a parameter of the loss, which has a `name`, or the default of an argument that
    precedes one that is passed.
    """

    value: Any
    name: str | None = None


@dataclass(frozen=True)
class WeightsArgument:
    """Weights of the examples. Where a law sets none, `otherwise` is passed, or ones where weights are `needed`."""

    otherwise: Any = None
    needed: bool = True

    def given(self, examples: int, dtype: np.dtype[Any], weights: tuple[float, ...] | None) -> Any:
        """The value to pass: the weights (N,), or the default."""
        if weights is None and not self.needed:
            return self.otherwise
        return np.ones(examples, dtype) if weights is None else np.array(weights, dtype)


Extra = str | FixedArgument | WeightsArgument
"""An argument after the leading ones: REG stands for λ."""


def names(f: Callable[..., Any]) -> tuple[list[str], float, float] | None:
    """The positional parameters, how many are required, and how many are accepted; None where that is unknown (compiled functions)."""
    parameters = parameters_of(f)
    if parameters is None:
        return None
    positional = [p for p in parameters if p.kind in POSITIONAL]
    needed = sum(p.default is p.empty for p in positional)
    many = any(p.kind is p.VAR_POSITIONAL for p in parameters)
    return [p.name.lower() for p in positional], needed, inf if many else len(positional)


def parameters_of(f: Callable[..., Any]) -> list[inspect.Parameter] | None:
    """The parameters of a function, or of the gradient of a pair, if it has one; None where they are unknown, as for some compiled
    functions.
    """
    try:
        return list(inspect.signature(f.signature_part if isinstance(f, Candidate) else f).parameters.values())
    except Exception:  # a user's object may return anything
        return None


def order(f: Callable[..., Any]) -> str | None:
    """The order of an objective's arguments by their names; None where the names do not tell."""
    arguments = names(f)
    if arguments is None or len(arguments[0]) < 2:
        return None
    first, second = arguments[0][:2]
    if second in DATA_SET:
        return "PREDICTIONDATASET"
    if (first in PREDICTION and second not in PREDICTION) or (second in TARGET and first not in TARGET):
        return "PREDICTIONTARGET"
    if (first in TARGET and second not in TARGET) or (second in PREDICTION and first not in PREDICTION):
        return "TARGETPREDICTION"
    return None


def names_a_target(f: Callable[..., Any]) -> bool:
    """Whether one of an objective's two arguments has a usual name of targets. If not, an argument beside a prediction may hold them."""
    arguments = names(f)
    return arguments is not None and any(name in TARGET for name in arguments[0][:2])


def taken(f: Callable[..., Any], parameters: Collection[str]) -> dict[str, Any]:
    """The loss's parameters that `f` takes by name after its first arguments, each with its default there, or `EMPTY` if it is required."""
    found = {p.name.lower(): p.default for p in (parameters_of(f) or ())[SCORES:]}
    return {name: found[name.lower()] for name in parameters if name.lower() in found}


def with_parameters(extras: tuple[Extra, ...], values: Mapping[str, float]) -> tuple[Extra, ...]:
    """The arguments with other values of the loss's parameters. Raises UsageError for one that is not passed."""
    handed = {e.name for e in extras if isinstance(e, FixedArgument)}
    for name in values:
        if name not in handed:
            raise UsageError(f"the candidate does not take {name}, so it cannot be judged at {name} = {values[name]:g}.")
    return tuple(FixedArgument(values.get(str(e.name), e.value), e.name) if isinstance(e, FixedArgument) else e for e in extras)


def extras(f: Callable[..., Any], first: int = LINEAR, parameters: Mapping[str, float] | None = None) -> tuple[Extra, ...]:
    """The arguments of `f` after its first ones, by their names: weights of the examples, the loss's `parameters`, and λ for a function of
    weights. Optional ones at the end are left out. Where names are unknown (compiled functions): λ only.

    Raises UsageError where it needs an argument that is none of these.
    """
    arguments, known = parameters_of(f), {name.lower(): FixedArgument(value, name) for name, value in (parameters or {}).items()}
    usual: tuple[Extra, ...] = (REG,) if first == LINEAR else ()
    positional = [p for p in arguments or () if p.kind in POSITIONAL]
    if arguments is None or (len(positional) <= first and any(p.kind is p.VAR_POSITIONAL for p in arguments)):
        return usual
    found: list[Extra] = []
    used = 0  # the number up to the last that is not left at its default
    for p in positional[first:]:
        found.append(_extra(f, p, known, found, first))
        used = used if isinstance(found[-1], FixedArgument) and p.name.lower() not in known else len(found)
    if left := [p for p in arguments if p.kind is p.KEYWORD_ONLY and p.default is p.empty]:
        raise _unknown(left[0], f, first)
    return tuple(found[:used])


def _extra(f: Callable[..., Any], p: inspect.Parameter, known: Mapping[str, FixedArgument], before: Sequence[Extra], first: int) -> Extra:
    name, needed, weighted = p.name.lower(), p.default is p.empty, any(isinstance(e, WeightsArgument) for e in before)
    if name in known:
        return known[name]
    if name in WEIGHT and not weighted:
        return WeightsArgument(None if needed else p.default, needed)
    if first == LINEAR and REG not in before:
        return REG
    if not needed:
        return FixedArgument(p.default)
    if first == LINEAR or weighted:
        raise _unknown(p, f, first)
    return WeightsArgument()  # of scores and targets: what else a booster hands in


def _unknown(p: inspect.Parameter, f: Callable[..., Any], first: int) -> UsageError:
    return UsageError(
        f"the candidate needs an argument {p.name!r}: it is {called(f)}, and is called as {CALLS[first]}. Weights of the examples "
        f"(sample_weight) and parameters of the loss are handed in by their names; give {p.name!r} a default, or wrap the function."
    )


def called(f: Callable[..., Any]) -> str:
    """A function with its name and arguments, for a sentence."""
    f = f.signature_part if isinstance(f, Candidate) else f
    arguments = [f"{'*' if p.kind is p.VAR_POSITIONAL else ''}{p.name}" for p in parameters_of(f) or ()]
    return f"{getattr(f, '__name__', 'f')}({', '.join(arguments)})"


def is_seed(name: str) -> bool:
    """Whether an input is a seed of random numbers, by the last part of its name: a caller who passes it wants the same numbers again."""
    return re.findall(r"\w+", name)[-1].lower() in SEED


CALLS = {LINEAR: "f(W, X, y, reg)", SCORES: "f(scores, y)"}


def by_position(f: Callable[..., Any], parameters: Collection[str] = ()) -> Callable[..., Any]:
    """`f` with its keyword-only weights and loss parameters as last positional arguments; itself where there are none."""
    if isinstance(f, Candidate):
        parts: dict[str, Any] = {n: by_position(part, parameters) for n in ("loss", "grad", "hess") if (part := getattr(f, n)) is not None}
        return f if all(parts[name] is getattr(f, name) for name in parts) else Candidate(**parts)
    taken, known = parameters_of(f) or [], WEIGHT | {name.lower() for name in parameters}
    named = sorted((p for p in taken if p.kind is p.KEYWORD_ONLY and p.name.lower() in known), key=lambda p: p.default is not p.empty)
    positional = [p for p in taken if p.kind in POSITIONAL]
    if not named or any(p.kind is p.VAR_POSITIONAL for p in taken):
        return f

    @wraps(f)
    def call(*arguments: Any) -> Any:
        by_name = zip((p.name for p in named), arguments[len(positional) :], strict=False)
        return f(*arguments[: len(positional)], **dict(by_name))

    free = any(p.default is not p.empty for p in positional)  # behind an argument with a default stand others with one
    last = [p.replace(kind=p.POSITIONAL_OR_KEYWORD, default=None if free and p.default is p.empty else p.default) for p in named]
    call.__signature__ = inspect.Signature([*positional, *last])  # type: ignore[attr-defined]
    if (source := python_of(f)) is not None:  # which is called alike
        call.py_func = by_position(source, parameters)  # type: ignore[attr-defined]
    return call


def likely(f: Callable[..., Any], parameters: Collection[str] = ()) -> tuple[str, ...]:
    """The signatures that may fit a call, the likeliest first. Empty for a function of one argument."""
    arguments = names(f)
    if arguments is None:
        return SIGNATURES
    mine, needed, taken = arguments
    if taken < 2:
        return ()
    known = WEIGHT | {name.lower() for name in parameters}
    others = ("objective", "scores") if isinstance(f, Candidate) and (f.hess is not None or f.loss is None) else ("scores", "objective")
    if taken == inf and needed < 2:
        return ("linear", *others)
    own = sum(name not in known for name in mine[SCORES : int(needed)])
    return ("linear",) if own else others
