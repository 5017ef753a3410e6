"""Functions of named inputs that claim relations, each with right implementations, and wrong ones that break them."""

from dataclasses import replace

import numpy as np

from field import inputs as field
from verify.spec import (
    Affine,
    Array,
    Claims,
    FunctionSpec,
    Homogeneous,
    Positive,
    Separable,
    ShiftInvariant,
    Symmetric,
)


def claimed(spec, *relations, **claims):
    return replace(spec, claims=Claims(convex=spec.claims.convex, relations=relations, **claims))


SOFT = claimed(field.SOFT, symmetric=True, shift_invariant=True)
IGNORED = claimed(field.IGNORED, symmetric=True, shift_invariant=True)
NCE = claimed(field.NCE, Separable("n", reduction="mean"), symmetric=True, shift_invariant=True)
COX = claimed(field.COX, Symmetric("n"), Homogeneous("time", degree=0), shift_invariant=True)
TRIPLET = claimed(field.TRIPLET, Separable("n"), Symmetric("e"), ShiftInvariant("a p q"))
NORM = claimed(field.NORM, Separable("n"), Symmetric("d"), ShiftInvariant("x", along="d"), Affine("gamma beta"))
RIDGE = FunctionSpec(
    name="ridge",
    inputs={"x": Array("n d", differentiated=False), "y": Array("n"), "w": Array("d"), "lam": Array("", Positive(), differentiated=False)},
    formula=lambda x, y, w, lam: ((x @ w - y) ** 2).sum() + lam * (w**2).sum(),
    claims=Claims(convex=True, relations=(Affine("lam"), Homogeneous("w y", degree=2), Symmetric("d"), Symmetric("n"))),
    source="a textbook",
)
ANGLE = FunctionSpec(
    name="angle",
    inputs={"a": Array("e"), "b": Array("e")},
    formula=lambda a, b: (a * b).sum() / np.linalg.norm(a),
    claims=Claims(convex=None, relations=(Homogeneous("a", degree=0), Affine("b"), Symmetric("e"))),
    source="a textbook",
)
ROOTS = FunctionSpec(
    name="roots",
    inputs={"x": Array("n", Positive())},
    formula=lambda x: np.sqrt(x).sum(),
    claims=Claims(convex=None, relations=(Homogeneous("x", degree=0.5), Separable("n"))),
    source="a textbook",
)


def ridge(x, y, w, lam):
    r = x @ w - y
    return r @ r + lam * (w @ w), (-2 * r, 2 * (x.T @ r + lam * w))


def ridge_by_columns(x, y, w, lam):
    r = -y
    for k in range(len(w)):
        r = r + x[:, k] * w[k]
    return np.sum(r * r) + np.sum(lam * w**2), {"w": 2 * (r @ x) + 2 * lam * w, "y": -2 * r}


def angle(a, b):
    size = np.sqrt(a @ a)
    return a @ b / size, (b / size - a * (a @ b) / size**3, a / size)


def roots(x):
    return np.sqrt(x).sum(), 0.5 / np.sqrt(x)


RIGHT = [
    ("SOFT", field.soft),
    ("IGNORED", field.ignored),
    ("IGNORED", field.ignored_over_all),
    ("IGNORED", field.ignored_with_weights),
    ("NCE", field.nce),
    ("COX", field.cox),
    ("TRIPLET", field.triplet),
    ("TRIPLET", field.triplet_from_zero_on),
    ("NORM", field.pair(field.backward)),
    ("NORM", field.pair(field.backward_from_saved, field.norm_and_what_is_saved)),
    ("RIDGE", ridge),
    ("RIDGE", ridge_by_columns),
    ("ANGLE", angle),
    ("ROOTS", roots),
]


def first_class_apart(f):
    def wrong(s, y):
        value, g = f(s, y)
        g[:, 0] *= 1.5
        return value, g

    return wrong


def last_left_out(a, p, q):
    n = max(1, len(a) - 1)
    value, grads = field.triplet(a[:n], p[:n], q[:n])
    return value, tuple(np.concatenate([g, np.zeros_like(a[n:])]) for g in grads)


def not_over_its_own_size(s, y):
    value, g = field.nce(s, y)
    return value, g * len(s) / max(1, len(s) - 1)


def times_up_to_one(s, time, event):
    return field.cox(s, np.minimum(time, 1), event)


def towards_zero(a, p, q):
    value, (first, *rest) = field.triplet(a, p, q)
    return value, (first + a, *rest)


def gamma_squared(dy, x, gamma, beta):
    return field.backward(dy, x, gamma**2, beta)


def lam_squared(x, y, w, lam):
    return ridge(x, y, w, lam**2)


def with_an_epsilon(a, b):
    return angle(a, b)[0], (angle(a, b)[1][0] * (a @ a) / (a @ a + a.dtype.type(1e-3)), angle(a, b)[1][1])


def roots_of_the_greatest(x):
    return np.sqrt(x).sum(), np.where(x < 1, 0.5 / np.sqrt(x), 0.5)


def nan_is_zero(x, y, w, lam):
    return ridge(x, y, np.nan_to_num(w), lam)


def upstream_without_nan(dy, x, gamma, beta):
    return field.backward(np.nan_to_num(dy), x, gamma, beta)


BROKEN = [
    ("batches", "NCE", not_over_its_own_size),
    ("batches", "TRIPLET", last_left_out),
    ("batches", "NORM", field.pair(field.backward_with_a_mean)),
    ("batches", "IGNORED", field.ignored_in_the_mean),
    ("symmetry", "SOFT", first_class_apart(field.soft)),
    ("symmetry", "IGNORED", first_class_apart(field.ignored)),
    ("symmetry", "NCE", first_class_apart(field.nce)),
    ("symmetry", "COX", times_up_to_one),
    ("symmetry", "TRIPLET", towards_zero),
    ("symmetry", "NORM", field.pair(field.backward_of_ones)),
    ("symmetry", "NORM", field.pair(gamma_squared)),
    ("symmetry", "RIDGE", lam_squared),
    ("symmetry", "ANGLE", with_an_epsilon),
    ("symmetry", "ROOTS", roots_of_the_greatest),
    ("bad-input", "RIDGE", nan_is_zero),
    ("bad-input", "NORM", field.pair(upstream_without_nan)),
]
