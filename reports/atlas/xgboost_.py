"""xgboost's objectives, as they stand in the model: a tree of one leaf is −g/(h + λ), and with λ = 2⁶⁰ its gradient times 2⁻⁶⁰.

Objectives compute in float32, whatever the dtype of the data is. What is called `grad` here is the gradient of each example.
"""

import json

import numpy as np
import xgboost

from verify import Candidate

LAMBDA = 2.0**60
GIVEN = {"eta": 1.0, "lambda": LAMBDA, "min_child_weight": 0.0, "base_score": 0.5, "nthread": 1, "verbosity": 0}


def _leaf(objective, score, target, more):
    data = xgboost.DMatrix(np.zeros((1, 1), np.float32), label=[target], base_margin=np.atleast_2d(np.float32(score)))
    model = json.loads(xgboost.train({**GIVEN, "objective": objective, **more}, data, 1).save_raw("json"))
    trees = model["learner"]["gradient_booster"]["model"]["trees"]
    return [-tree["split_conditions"][0] * LAMBDA for tree in trees]


def _each(objective, scores, y, **more):
    return np.array([_leaf(objective, s, t, more) for s, t in zip(scores, y, strict=True)], scores.dtype).reshape(scores.shape)


def _objective(name, **more):
    return Candidate(grad=lambda prediction, target: _each(name, prediction, target, **more))


squared = _objective("reg:squarederror")
logistic = _objective("binary:logistic")
pseudo_huber = _objective("reg:pseudohubererror", huber_slope=1.0)
