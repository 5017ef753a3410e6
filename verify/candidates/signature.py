"""Which signature a candidate has: by what it calls its arguments, by how many it takes, and by what it returns."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from math import inf
from typing import Any

from verify.candidates.candidate import Candidate

SIGNATURES = ("linear", "scores", "objective")

PREDICTION = {
    "pred", "preds", "predt", "prediction", "predictions", "y_pred", "ypred", "yhat", "y_hat", "raw", "raw_prediction", "raw_predictions",
    "raw_score", "raw_scores", "score", "scores", "logits", "logit", "margins", "output", "outputs", "s",
}  # fmt: skip
TARGET = {"y", "y_true", "ytrue", "true", "target", "targets", "t", "label", "labels", "truth", "actual", "actuals"}
DATA_SET = {"dtrain", "dmatrix", "train_data", "train_set", "dataset", "data_set", "data"}
WEIGHT = {"weight", "weights", "sample_weight", "w"}


def names(f: Callable[..., Any]) -> tuple[list[str], float, float] | None:
    """(positional parameters, how many it needs, how many it takes); None where that cannot be told (compiled functions)."""
    f = f.grad if isinstance(f, Candidate) else f
    try:
        parameters = list(inspect.signature(f).parameters.values())
    except (TypeError, ValueError):
        return None
    positional = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    needed = sum(p.default is p.empty for p in positional)
    many = any(p.kind is p.VAR_POSITIONAL for p in parameters)
    return [p.name.lower() for p in positional], needed, inf if many else len(positional)


def order(f: Callable[..., Any]) -> str | None:
    """The order of an objective's arguments by their names, None where these say nothing."""
    told = names(f)
    if told is None or len(told[0]) < 2:
        return None
    first, second = told[0][:2]
    if second in DATA_SET:
        return "PREDICTIONDATASET"
    if (first in PREDICTION and second not in PREDICTION) or (second in TARGET and first not in TARGET):
        return "PREDICTIONTARGET"
    if (first in TARGET and second not in TARGET) or (second in PREDICTION and first not in PREDICTION):
        return "TARGETPREDICTION"
    return None


def weighted(f: Callable[..., Any]) -> bool:
    """Whether a third argument is needed."""
    told = names(f)
    return told is not None and told[1] == 3


def likely(f: Callable[..., Any]) -> tuple[str, ...]:
    """The signatures that a call may be tried in, the likeliest first. Empty for a function of one argument."""
    told = names(f)
    if told is None:
        return SIGNATURES
    called, needed, taken = told
    if taken < 2:
        return ()
    of_scores = ("objective", "scores") if isinstance(f, Candidate) and (f.hess is not None or f.loss is None) else ("scores", "objective")
    if needed == 3 and called[2] in WEIGHT:
        return ("objective",)
    if taken == inf and needed < 2:
        return ("linear", *of_scores)
    return of_scores if needed <= 2 else ("linear",)
