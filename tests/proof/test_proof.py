"""Right gradients are proved, wrong ones never; what is said of neither has its reason."""

from __future__ import annotations

import re

import numpy as np
import pytest
from proof import proved_losses as losses

import verify
from verify.proof.proved import prove, real_gap
from verify.traced import Code

LINEAR = "W: d c, X: n d, y: n | labels(c), reg:"
RIGHT = {
    losses.hinge: {"inputs": LINEAR, "wrt": "W"},
    losses.softmax: {},
    losses.log_sum_exp: {"at": [1.0, 2.0, 0.5]},
    losses.log_of_product: {"at": [1.0, 2.0, 0.5]},
    losses.tanh_by_exp: {"at": [1.0, -2.0]},
    losses.mirrored_logistic: {"at": [1.0, -2.0]},
    losses.softplus: {"at": [1.0, -2.0]},
    losses.gelu: {"at": [1.0, -2.0]},
    losses.exact_gelu: {"at": [1.0, -2.0]},
    losses.turned: {"at": [1.0, -2.0]},
    losses.with_priors: {"at": (np.array([1.0, 2.0, 0.5]), np.array([0.5, 1.0, 2.0])), "wrt": "x"},
    losses.cauchit: {"at": [1.0, -2.0]},
    losses.log_of_three: {"at": [1.0, -2.0, 0.5]},
    losses.biweight: {"at": [1.0, -5.0]},
    losses.huber: {"at": [0.5, -2.0]},
    losses.layer_norm: {"at": [1.0, 2.0, 0.5]},
    losses.cosine: {"at": (np.array([1.0, 2.0]), np.array([0.5, -1.0]))},
    losses.focal: {"at": (np.array([1.0, -0.5]), 2.5), "wrt": "x"},
    losses.fractional: {"at": [1.5, 2.0]},
    losses.sorted_weights: {"at": [1.0, 3.0, 2.0]},
    losses.greatest: {"at": [1.0, 3.0, 2.0]},
    losses.attention: {"at": np.array([[1.0, 0.5], [-0.25, 2.0]])},
    losses.inverted: {"at": [1.0, 2.0]},
}


def proved(f, **how):
    return verify.prove(f, **how).proof


@pytest.mark.parametrize("f", RIGHT, ids=lambda f: f.__name__)
def test_right_gradients_are_proved(f):
    found = proved(f, **RIGHT[f])
    assert found.status == "proved", found
    assert found.error <= -200
    assert found.met > 0


def test_patterns_of_the_hinge():
    found = proved(losses.hinge_by_loops)
    assert (found.shape, found.labels, found.patterns) == ("(2, 4, 3)", 9, 144)
    assert str(found).startswith("proved at (2, 4, 3): 9 label patterns, 144 sign patterns, error ≤ 2^-2")


WRONG = {
    losses.root_of_square: [1.0, 2.0],
    losses.product_of_roots: [1.0, 2.0],
    losses.biweight_of_another_width: [1.0, -5.0],
    losses.angles_of_both_sides: [1.0, -2.0],
    losses.dependent_roots: [1.0, 2.0],
    losses.kink_moved_a_little: [1.0, -2.0],
    losses.far_away: [1.0, -2.0],
    losses.counts_the_greatest: [1.0, -2.0, 0.5],
    losses.asks_where_it_has_a_value: [1.0, 2.0],
    losses.asks_for_text: [1.0, -2.0],
    losses.forgets_where_it_is_large: [1.0, -2.0],
    losses.of_another_sign: [1.0, 2.0],
    losses.negative_logarithms: [1.0, 2.0, 3.0],
    losses.logarithms_of_one_branch: [1.0],
    losses.positive_on_one_branch: [1.0, 2.0],
}


@pytest.mark.parametrize("f", WRONG, ids=lambda f: f.__name__)
def test_wrong_ones_are_not_proved(f):
    assert proved(f, at=WRONG[f]).status in ("not proved", "refuted", "vacuous")


@pytest.mark.parametrize("f", [losses.kink_moved_a_little, losses.far_away])
def test_patterns_that_are_hardly_met_are_refuted_where_they_are(f):
    found = proved(f, at=WRONG[f])
    assert found.status == "refuted"
    assert found.gap.measured != found.gap.expected


def test_one_label_is_refuted_at_a_real_point():
    found = verify.prove(losses.forgets_one_label)
    assert found.status == "refuted"
    assert found.proof.values["y"][1] == 2
    assert found.witness.result.law in ("formula", "gradient")


def with_gradient(f, change):
    """A loss with another gradient, of one array."""
    loss = lambda x: f(x)[0]  # noqa: E731
    gradient = lambda x: [change(x, f(x)[1])]  # noqa: E731
    for g in (loss, gradient):
        g.__wrapped__ = f
    return Code(loss, ("x",), gradient)


def entry(k, factor):
    def change(_, g):
        mask = np.zeros(g.shape)
        mask.flat[k] = 1
        return g * (1 + (factor - 1) * mask)

    return change


CHANGES = {
    "as it is": lambda _, g: g,
    "twice": lambda _, g: 2 * g,
    "negative": lambda _, g: -g,
    "1e-9 off": entry(0, 1 + 1e-9),
    "last one left out": entry(-1, 0.0),
    "reversed": lambda _, g: g[::-1],
    "absolute": lambda _, g: np.abs(g),
    "a root of its square": lambda _, g: np.sqrt(g * g),
    "plus its mean": lambda _, g: g + g.mean(),
    "where x is positive": lambda x, g: np.where(x > 0, g, 0),
    "twice beyond 3": lambda x, g: np.where(x > 3, 2 * g, g),
    "clipped": lambda _, g: np.clip(g, -0.75, 0.75),
}
MUTATED = [losses.log_sum_exp, losses.gelu, losses.huber, losses.layer_norm, losses.fractional, losses.sorted_weights, losses.attention]


@pytest.mark.parametrize("f", MUTATED, ids=lambda f: f.__name__)
def test_mutants_are_proved_only_where_there_is_no_gap(f):
    """Whoever is proved has no gap at generic points of any pattern."""
    x = np.asarray(RIGHT[f]["at"], float)
    rng = np.random.default_rng(0)
    drawn = [rng.normal(size=x.shape) * 2 for _ in range(10)] if np.any(x < 0) else [np.exp(rng.normal(size=x.shape)) for _ in range(10)]
    said = {}
    for name, change in CHANGES.items():
        code = with_gradient(f, change)
        found = prove(code, [{"x": x}], limit=3)
        said[name] = found.status
        gaps = [gap for y in drawn if (gap := code.gap({"x": y})) is not None]
        off = any(gap.distance > 0 for gap in gaps)
        assert not (found.status == "proved" and off), (name, found)
        assert not (found.status == "refuted" and not off and name == "as it is"), (name, found)
    assert said["as it is"] == "proved"
    assert said["twice"] == said["1e-9 off"] == "refuted"


def nowhere(x):
    return np.sum(np.log(-1 - x * x)), -2 * x / (-1 - x * x)


def test_each_root_has_a_certificate_of_its_own():
    """One place takes the root of another expression on each branch: its sign would come out right at both points one time in four."""
    for seed in range(12):
        assert proved(losses.another_root_on_another_branch, at=[2.0], seed=seed).status != "proved"


def test_what_is_defined_nowhere_is_vacuous():
    code = Code(lambda x: nowhere(x)[0], ("x",), lambda x: [nowhere(x)[1]])
    found = prove(code, [{"x": np.array([1.0, 2.0])}])
    assert found.status == "vacuous"


def supervised_contrastive(z, y):
    """Of two examples the one other example is all that there is to be like."""
    n, similar = len(y), z @ z.T
    loss, d = 0.0, np.zeros((n, n))
    for i in range(n):
        like = [k for k in range(n) if k != i and y[k] == y[i]]
        if like:
            e = np.exp(similar[i]) * (np.arange(n) != i)
            loss = loss + np.log(e.sum()) - similar[i, like].sum() / len(like)
            d[i] = e / e.sum()
            d[i, like] -= 1 / len(like)
    return loss, (d + d.T) @ z


def test_what_is_constant_of_two_examples_is_proved_of_three():
    how = {"inputs": "z: n 2, y: n | binary", "wrt": "z"}
    found = proved(supervised_contrastive, **how)
    assert (found.status, found.shape, found.labels) == ("proved", "(3,)", 8)
    assert proved(supervised_contrastive, shape="N=2", **how).status == "vacuous"


def test_over_the_limit():
    found = proved(losses.hinge_by_loops, shape="N=3,D=2,C=3", limit=0.4)
    assert found.status == "not proved"
    assert "over the limit of 0.4 s" in found.reason


def test_how_numbers_are_read():
    told = " ".join(proved(losses.gelu, at=[1.0, -2.0]).assumed)
    assert "√(2/π)" in told
    assert "0.044715" in told


def guarded(x):
    return np.sum(np.log(x + 1e-12)), 1 / x


def test_tiny_numbers_are_read_as_nothing_only_where_that_is_needed():
    assert "1e-12 is read as 0" in proved(guarded, at=[1.0, 2.0]).assumed
    exact = lambda x: (np.sum(np.log(x + 1e-12)), 1 / (x + 1e-12))  # noqa: E731
    assert "1e-12 is read as any number" in proved(exact, at=[1.0, 2.0]).assumed


def test_real_numbers_are_finite_where_they_have_a_value():
    found = proved(losses.asks_whether_it_is_finite, at=[1.0, 2.0, 0.5])
    assert found.status == "proved"
    assert "real numbers are finite, where it asks" in found.assumed
    assert "signs that it does not compare" in proved(losses.asks_where_it_has_a_value, at=[1.0, 2.0]).reason


def squares(x, t):
    p = np.exp(x) / np.exp(x).sum()
    return -np.sum(t * np.log(p)), p - t


def test_what_the_example_shows_is_told():
    found = proved(squares, at=(np.array([1.0, -1.0, 2.0]), np.array([0.0, 1.0, 0.0])), wrt="x")
    assert found.status == "proved"
    assert "t as in the example" in found.assumed


def test_other_seeds_prove_the_same():
    for seed in (1, 2):
        assert proved(losses.layer_norm, at=[1.0, 2.0, 0.5], seed=seed).status == "proved"


def test_a_reference():
    right = lambda x: (np.sum(np.logaddexp(0, x)), 1 / (1 + np.exp(-x)))  # noqa: E731
    wrong = lambda x: (np.sum(np.log1p(np.exp(x))), 1 / (2 + np.exp(-x)))  # noqa: E731
    plain = lambda x: np.sum(np.log(1 + np.exp(x)))  # noqa: E731
    assert proved(right, at=[1.0, -1.0], reference=plain).status == "proved"
    assert proved(wrong, at=[1.0, -1.0], reference=plain).status == "refuted"


def test_bad_shapes_are_told():
    for shape, told in (("Q=2", "unknown dimension"), ("N", "give sizes"), ("N=0", "1 or more")):
        with pytest.raises(verify.UsageError, match=told):
            verify.prove(losses.softmax, shape=shape)
    with pytest.raises(verify.UsageError, match="declare inputs"):
        verify.prove(losses.gelu, at=[1.0], shape="N=2")


def test_code_that_draws_random_numbers_is_not_proved():
    def rarely(x):
        return (x**2).sum(), 2 * x + (np.random.rand() > 0.999)  # noqa: NPY002

    found = proved(rarely, at=[1.0, 2.0])
    assert found.status == "not proved"
    assert "draws random numbers" in found.reason


def test_code_that_draws_by_a_seed_is_proved():
    def dropped(x, seed):
        np.random.seed(seed)  # noqa: NPY002
        kept = np.random.rand(*x.shape) < 0.5  # noqa: NPY002
        return ((x * kept) ** 2).sum(), 2 * x * kept

    found = proved(dropped, at={"x": np.array([1.0, 2.0, 3.0]), "seed": 3}, wrt="x")
    assert found.status == "proved", found


def test_no_point_refutes_at_which_the_loss_has_no_value():
    def logarithms(x):
        return np.log(x).sum(), 1 / np.abs(x)

    assert proved(logarithms, inputs="x: n | positive").status == "not proved"
    assert proved(logarithms, at=[1.0, 2.0]).status == "not proved"


def test_numbers_that_stay_as_in_the_example_are_read_as_their_author_meant():
    def soft(s, t, slip=0.0):
        p = np.exp(s) / np.exp(s).sum()
        return -(t * np.log(p)).sum(), p - (1 + slip) * t

    at = {"s": np.array([0.5, -1.0, 2.0]), "t": np.array([0.6, 0.3, 0.1])}  # whose sum is 1 - 2^-53 in floats
    found = proved(soft, at=at, wrt="s")
    assert found.status == "proved", found
    assert proved(lambda s, t: soft(s, t, 2.0**-20), at=at, wrt="s").status == "refuted"


def test_a_tiny_number_that_the_loss_needs_is_not_read_as_nothing():
    def by_difference(x):
        return (((x + 1e-8) ** 3 - x**3) / 1e-8).sum(), 0 * x

    def enlarged(x):
        return (1e8 * (x + 1e-8) ** 2 - 1e8 * x**2).sum(), 0 * x

    for f in (by_difference, enlarged):
        assert proved(f, at=[2.0, 3.0]).status in ("not proved", "refuted")


def test_of_a_reference_it_is_told_that_the_own_loss_is_not_looked_at():
    def square(x):
        return (x**2).sum()

    found = proved(lambda x: (0.0, 2 * x), reference=square, at=[1.0, 2.0])
    assert found.status == "proved"
    assert any("is not looked at" in told for told in found.assumed)


def test_numbers_that_are_hardly_apart_are_told_apart():
    found = proved(lambda x: ((x**3).sum(), 3 * x**2 * (1 + 2**-40)), at=[1.0, 2.0])
    due, measured = re.findall(r" is (-?[\d.e-]+)", found.reason)
    assert found.status == "refuted"
    assert due != measured


def test_a_gap_is_one_within_the_domain_and_where_the_loss_has_a_value():
    code = Code(lambda x: np.log(x).sum(), ("x",), lambda x: [1 / np.abs(x)])
    off = Code(lambda x: (x**2).sum(), ("x",), lambda x: [x])
    below = {"x": np.array([-1.0])}
    assert code.gap(below).distance > 0
    assert real_gap(code, below, {}) is None
    assert real_gap(off, below, {"x": (0.0, np.inf)}) is None
    assert real_gap(off, below, {"x": None}).distance > 0
