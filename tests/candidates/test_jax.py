"""jax candidates, against the real library: functions, jitted ones and `custom_vjp`, at the dtype that they are asked in."""

from __future__ import annotations

import numpy as np
import pytest

from verify import Verdict, check

jax = pytest.importorskip("jax", reason="jax is not installed: tox -e jax")
jnp = jax.numpy

LAWS = ("value", "gradient", "order", "consistency", "purity")


def cross_entropy(scores, y):
    return (jax.nn.logsumexp(scores, axis=1) - scores[jnp.arange(len(y)), y]).mean()


def linear(W, X, y, reg):
    return cross_entropy(X @ W.T, y) + reg * (W**2).sum()


def custom(factor=1.0):
    @jax.custom_vjp
    def hinge(scores, y):
        return forward(scores, y)[0]

    def forward(scores, y):
        margins = jnp.maximum(0, scores - scores[jnp.arange(len(y)), y][:, None] + 1).at[jnp.arange(len(y)), y].set(0)
        return margins.sum() / len(y), (margins, y)

    def backward(kept, up):
        margins, y = kept
        active = (margins > 0).astype(margins.dtype)
        active = active.at[jnp.arange(len(y)), y].set(-active.sum(1))
        return factor * up * active / len(y), None

    hinge.defvjp(forward, backward)
    return hinge


RIGHT = {
    "a function": (cross_entropy, "softmax_cross_entropy"),
    "a custom_vjp": (custom(), "multiclass_hinge"),
    "of weights": (linear, "softmax_cross_entropy"),
    "of one score": (lambda prediction, target: (jax.nn.softplus(prediction) - target * prediction).sum(), "binary_logistic"),
    "value_and_grad": (jax.value_and_grad(cross_entropy), "softmax_cross_entropy"),
}


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", RIGHT)
def test_a_right_jax_candidate_holds(name, dtype):
    f, loss = RIGHT[name]
    report = check(f, loss=loss, dtypes=(dtype,), profile="quick", laws=("value", "gradient"))
    assert {r.law: r.diagnosis for r in report.results if r.verdict is Verdict.BROKEN} == {}
    (conventions,) = report.conventions.values()
    assert (conventions["framework"], conventions["fits"]) == ("jax", True)


def test_differences_of_a_jitted_function_hold():
    report = check(jax.jit(cross_entropy), loss="softmax_cross_entropy", profile="quick", laws=("consistency", "purity"))
    assert report.verdict is Verdict.HOLDS


def test_a_wrong_custom_vjp_is_broken():
    report = check(custom(1.0 + 1e-9), loss="multiclass_hinge", profile="quick", laws=("gradient",))
    assert report.verdict is Verdict.BROKEN


def test_double_precision_is_no_setting_of_the_process():
    seen = []

    def f(scores, y):
        seen.append(scores.dtype.name)
        return cross_entropy(scores, y)

    check(f, loss="softmax_cross_entropy", dtypes=("float64", "float32"), profile="quick", laws=("value",))
    assert set(seen) == {"float64", "float32"}
    assert jnp.ones(1, dtype=float).dtype == np.float32


def test_without_a_spec():
    assert (
        check(lambda x: jnp.exp(x).sum(), loss=None, at=np.array([0.1, 0.2]), profile="quick", laws=("gradient",)).verdict is Verdict.HOLDS
    )
