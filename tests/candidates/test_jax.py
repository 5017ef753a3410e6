"""jax candidates, against the real library: functions, jitted ones and `custom_vjp`, at the dtype that they are asked in."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
import pytest
from candidates.layers import holds, is_broken_for

from verify import Verdict, check

jax = pytest.importorskip("jax", reason="jax is not installed: tox -e jax")
jnp = jax.numpy
pytestmark = pytest.mark.filterwarnings("ignore:'encoding' argument not specified:EncodingWarning")  # of jax, as it looks for devices

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


def layer_norm(slip=None):
    """By hand, of three inputs."""

    def parts(x):
        inv = 1 / jnp.sqrt(x.var(-1, keepdims=True) + 1e-5)
        return (x - x.mean(-1, keepdims=True)) * inv, inv

    @jax.custom_vjp
    def norm(x, w, b):
        return parts(x)[0] * w + b

    def back(saved, up):
        x, w = saved
        centred, inv = parts(x)
        g = up * w
        dx = inv * (g - g.mean(-1, keepdims=True) - (0 if slip == "x" else 1) * centred * (g * centred).mean(-1, keepdims=True))
        return dx, (up * centred).sum(0), up.mean(0) if slip == "b" else up.sum(0)

    norm.defvjp(lambda x, w, b: (norm(x, w, b), (x, w)), back)
    return norm


def product(sign):
    @jax.custom_jvp
    def f(x, y):
        return jnp.sin(x) * y

    @f.defjvp
    def forward(at, along):
        (x, y), (dx, dy) = at, along
        return f(x, y), jnp.cos(x) * y * dx + sign * jnp.sin(x) * dy

    return f


def softmax(params, X, y):
    return -jax.nn.log_softmax(X @ params["W"] + params["b"])[jnp.arange(len(y)), y].mean()


RANDOM = np.random.default_rng(5)
INPUTS = RANDOM.normal(size=(4, 3)), RANDOM.uniform(0.5, 1.5, size=3), RANDOM.normal(size=3)
PARAMS = {"W": RANDOM.normal(size=(3, 2)), "b": RANDOM.normal(size=2)}
LAYERS = {
    "a custom_vjp": (layer_norm(), INPUTS, {}),
    "float32": (layer_norm(), tuple(a.astype(np.float32) for a in INPUTS), {}),
    "a custom_jvp": (product(1), INPUTS[:2], {}),
    "outputs and a mask": (lambda x, w: (jnp.tanh(x) * w, (x * x).sum(), x > 0), INPUTS[:2], {}),
    "compiled": (jax.jit(lambda x, w: jnp.tanh(x) * w), INPUTS[:2], {}),
    "a whole number": (lambda x, w, n: sum(x**k for k in range(n)) * w, (*INPUTS[:2], 3), {}),
    "a loss of parameters": (softmax, (PARAMS, INPUTS[0], np.array([0, 1, 1, 0])), {}),
}
SLIPS = {"a path": (layer_norm("x"), INPUTS, "x"), "a mean": (layer_norm("b"), INPUTS, "b"), "forward": (product(-1), INPUTS[:2], "y")}


@pytest.mark.parametrize("name", LAYERS)
def test_a_right_layer_of_several_inputs_holds(name):
    f, at, how = LAYERS[name]
    holds(f, at, "jax", **how)


@pytest.mark.parametrize("name", SLIPS)
def test_a_wrong_layer_is_broken_by_the_name_of_the_input(name):
    is_broken_for(*SLIPS[name])


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_sums_over_segments_are_recorded(dtype):
    at = (RANDOM.normal(size=(4, 3)).astype(dtype), np.array([1, 0, 2, 2]))
    report = check(lambda x, ids: jax.ops.segment_sum(x * x, ids, num_segments=3), at=at, profile="quick", laws=("formula",))
    assert [r.verdict.value for r in report.results] == ["holds"], str(report)


@pytest.mark.parametrize(("slip", "due"), [(1.0, "holds"), (1.001, "broken")])
def test_constants_in_float32_leave_nothing_open(slip, due):
    @jax.custom_jvp
    def f(x):
        return jnp.where(x > 0, x * 0.7, 0.3 * x * x)

    f.defjvp(lambda at, along: (f(*at), jnp.where(at[0] > 0, 0.7, 0.6 * slip * at[0]) * along[0]))
    x = np.array([1.5, -0.3, 2.0, -1.1, 0.7], np.float32)
    (result,) = check(f, at=x, profile="quick", laws=("formula",)).results
    assert (result.verdict.value, result.decided > 0.8 * result.cases) == (due, True)


def test_a_layer_is_compiled_once_a_shape():
    traced = []

    def f(x, w):
        traced.append(x.shape)
        return jnp.tanh(x) * w

    check(f, at=INPUTS[:2], profile="quick", laws=("gradient",))
    assert (
        len(traced) <= 7
    )  # to look at it; its outputs and its gradients, each written down twice to compile it once, and once to record it


def test_a_function_of_one_array_is_compiled_once_a_shape_unless_it_answers_as_it_likes():
    traced = []

    def f(x):
        traced.append(x.shape)
        return jnp.tanh(x).sum()

    assert check(f, at=INPUTS[0], profile="quick", laws=("gradient", "order")).verdict is Verdict.HOLDS
    assert len(traced) <= 6  # its value and its gradient

    def counts(x):
        traced.append(x.shape)
        return jnp.tanh(x).sum() * len(traced)

    for g in (counts, lambda x, w: jnp.tanh(x) * w * counts(x)):
        at = INPUTS[0] if g is counts else INPUTS[:2]
        assert check(g, at=at, profile="quick", laws=("purity", "consistency"), at_only=True).verdict is Verdict.BROKEN


def test_a_layer_is_judged_by_a_numpy_reference():
    def plain(x, w, b):
        mean = x.mean(-1, keepdims=True)
        return (x - mean) / np.sqrt(((x - mean) ** 2).mean(-1, keepdims=True) + 1e-5) * w + b

    how = {"at": INPUTS, "profile": "quick", "reference": plain}
    assert check(layer_norm(), laws=("value", "gradient"), **how).verdict is Verdict.HOLDS
    assert check(layer_norm("b"), laws=("gradient",), **how).verdict is Verdict.BROKEN


def test_a_function_of_arrays_is_judged_by_a_spec_of_named_inputs():
    def norm(x, gamma, beta, eps=2**-10):
        mean, variance = x.mean(-1, keepdims=True), x.var(-1, keepdims=True)
        return gamma * (x - mean) / jax.numpy.sqrt(variance + eps) + beta

    def off(x, gamma, beta):
        return norm(x, gamma, 1.5 * beta) - 0.5 * jax.lax.stop_gradient(beta)

    spec = f"{Path(__file__).with_name('named.py')}:LAYER_NORM"
    report = check(norm, loss=spec, laws=("value", "gradient"), profile="quick")
    assert report.verdict is Verdict.HOLDS, str(report)
    report = check(off, loss=spec, laws=("gradient",), profile="quick")
    assert report.verdict is Verdict.BROKEN
    assert ": beta[" in str(report)


def test_a_second_derivative_goes_through_the_backward():
    def softplus(cut):
        @jax.custom_vjp
        def f(x):
            return jnp.logaddexp(x, 0.0)

        f.defvjp(lambda x: (f(x), x), lambda x, up: (up * cut(jax.nn.sigmoid(x)),))
        return f

    how = {"at": np.array([0.5, -1.25, 2.0]), "profile": "quick", "laws": ("gradient",)}
    right = check(softplus(lambda s: s), derivative=2, **how)
    assert right.verdict is Verdict.HOLDS, str(right)
    assert "gradients for x, first_upstream" in str(right)
    assert check(softplus(jax.lax.stop_gradient), **how).verdict is Verdict.HOLDS
    wrong = check(softplus(jax.lax.stop_gradient), derivative=2, **how)
    assert wrong.verdict is Verdict.BROKEN, str(wrong)
    called = check(softplus(lambda s: jax.pure_callback(np.asarray, jax.ShapeDtypeStruct(s.shape, s.dtype), s)), derivative=2, **how)
    assert called.verdict is Verdict.HOLDS, str(called)
    assert "cannot be differentiated twice" in str(called)


MATRIX = np.random.default_rng(0).normal(size=(3, 3)) + np.diag([1.0, 2.0, 3.0])
V = np.array([0.7, -1.2, 0.3])


def by_eigenvectors(M):
    values, vectors = jnp.linalg.eigh(M + M.T)
    return values[0] * vectors[0, 1] * vectors[1, 1]


def by_singular_vectors(M):
    u, s, vh = jnp.linalg.svd(M[:, :2], full_matrices=False)
    return s[1] * u[0, 0] * vh[0, 1] + jnp.linalg.svd(M, compute_uv=False)[1]


def by_qr(M):
    q, r = jnp.linalg.qr(M)
    return jnp.sum(V * q[:, 1]) + jnp.sum(V * r[0])


def by_triangles(M):
    b = jax.scipy.linalg.solve_triangular(M, V, lower=True, trans=1)
    return jnp.sum(V * jax.lax.linalg.triangular_solve(M, b[None], left_side=False, lower=True, unit_diagonal=True)[0])


FACTORED = {
    "eigh": by_eigenvectors,
    "svd": by_singular_vectors,
    "qr": by_qr,
    "solve, by rows that are swapped": lambda M: jnp.sum(V * jnp.linalg.inv(M[::-1])[1]),
    "triangular": by_triangles,
}


@pytest.mark.parametrize("name", FACTORED)
def test_factors_of_matrices_are_followed(name):
    report = check(FACTORED[name], at=MATRIX, at_only=True, laws=("value", "gradient"), profile="quick")
    assert report.verdict is Verdict.HOLDS, str(report)
    assert "formula: own code" in str(report)


def test_a_wrong_backward_of_a_system_is_broken():
    @jax.custom_vjp
    def solved(M, b):
        return jnp.linalg.solve(M, b)

    def backward(kept, up):
        M, y = kept
        g = jnp.linalg.solve(M, up)  # of the transpose is due
        return -jnp.outer(g, y), g

    solved.defvjp(lambda M, b: ((y := jnp.linalg.solve(M, b)), (M, y)), backward)
    report = check(solved, at=(MATRIX, V), at_only=True, laws=("gradient",), profile="quick")
    assert report.verdict is Verdict.BROKEN
    assert "formula: own code" in str(report)


@pytest.mark.parametrize("half", ["bfloat16", "float16"])
def test_an_example_in_half_precision_says_in_what_it_is_judged(half):
    report = check(lambda x: jnp.tanh(x) * x, at=(jnp.array([0.5, -1.0], half),), profile="quick", laws=("value",))
    assert f"the example is in {half}, and the code is judged in float64: how it computes in half precision is not asked" in str(report)


def test_gradients_of_a_dict_are_recorded_in_its_own_order():
    """jax sorts keys."""

    @jax.custom_vjp
    def dense(p, x):
        return jnp.tanh(x @ p["w"] + p["b"])

    def back(slip, saved, up):
        p, x = saved
        d = up * (1 - dense(p, x) ** 2)
        return {"w": x.T @ d, "b": d.sum(0) * (1 + slip)}, d @ p["w"].T

    rng = np.random.default_rng(0)
    at = {"w": rng.normal(size=(3, 2)), "b": rng.normal(size=2)}, rng.normal(size=(4, 3))
    for slip, due in ((0.0, Verdict.HOLDS), (1e-12, Verdict.BROKEN)):
        dense.defvjp(lambda p, x: (dense(p, x), (p, x)), partial(back, slip))
        (result,) = check(lambda p, x: dense(p, x), at=at, laws=("formula",), profile="quick").results
        assert result.verdict is due
    dense.defvjp(lambda p, x: (dense(p, x), (p, x)), partial(back, 0.0))
    report = check(lambda p, x: dense(p, x), at=at, laws=("gradient",), profile="quick", derivative=2)
    (told,) = report.conventions.values()
    assert (report.verdict, told["formula"]["source"]) == (Verdict.HOLDS, "own"), str(report)
