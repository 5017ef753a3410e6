"""Every number of examples: claimed of records that are sums over examples of proved terms, and of nothing else."""

from __future__ import annotations

import numpy as np
import pytest
from proof import proved_losses as losses

import verify

LINEAR = "W: d c, X: n d, y: n | labels(c), reg:"


def logistic(x, t):
    return np.mean(np.logaddexp(0, x) - t * x), (1 / (1 + np.exp(-x)) - t) / len(x)


def least_squares(w, X, t, reg):
    r = X @ w - t
    return r @ r / (2 * len(t)) + reg * (w @ w) / 2, X.T @ r / len(t) + reg * w


def in_a_loop(scores, y):
    """Each example by itself, and the mean at the end."""
    loss, d = 0.0, np.zeros(scores.shape)
    for k, label in enumerate(y):
        p = np.exp(scores[k]) / np.exp(scores[k]).sum()
        loss -= np.log(p[label])
        d[k] = p / len(y)
        d[k, label] -= 1 / len(y)
    return loss / len(y), d


def all_entries(x, t):
    """The mean over all entries, n·d of them."""
    return np.mean((x - t) ** 2), 2 * (x - t) / x.size


def sample_variance(x):
    """Divided by n − 1."""
    return np.sum(x**2) / (len(x) - 0.5), 2 * x / (len(x) - 0.5)


def line_by_a_loop(w, X, t):
    """The intercept is in each example's residual, whose sum has n of it."""
    loss, slope, m = 0, np.zeros(2), len(t)
    for x, due in zip(X, t, strict=True):
        r = w[0] * x + w[1] - due
        loss += r**2
        slope = slope + r * np.array([x, 1.0])
    return loss / (2 * m), slope / m


def two_over_n(w, x, t):
    """2/n is 1 at two examples."""
    r = w * x - t
    return np.mean(r**2), (2 / len(t)) * (x @ r)


def with_the_label_left_in(scores, y):
    """Each example's own margin is 1, and n of them are taken off at the end."""
    n = len(y)
    over = np.maximum(0, scores - scores[np.arange(n), y][:, None] + 1)
    d = (over > 0) * 1.0
    d[np.arange(n), y] -= d.sum(axis=1)
    return (over.sum() - n) / n, d / n


def squares_of_margins(scores, y):
    """Of one example 0² is its own, of more it is shared."""
    over = np.maximum(0, scores - scores[np.arange(len(y)), y][:, None] + 1)
    over[np.arange(len(y)), y] = 0
    d = 2 * over
    d[np.arange(len(y)), y] = -d.sum(axis=1)
    return np.sum(over**2) / len(y), d / len(y)


def normal_density(x):
    """√(2π), rounded before the code gets it, is that in the record of other sizes too."""
    p = np.exp(-(x**2) / 2) / np.sqrt(2 * np.pi)
    return -np.mean(p), x * p / len(x)


def of_pairs(x):
    """A mean of means, over n² in all."""
    return np.sum(x**2 / len(x)) / len(x), 2 * x / len(x) ** 2


SCORES = "scores: n c, y: n | labels(c)"
RIGHT = {
    losses.hinge: LINEAR,
    losses.softmax: SCORES,
    in_a_loop: SCORES,
    logistic: "x: n, t: n",
    least_squares: "w: d, X: n d, t: n, reg:",
    all_entries: "x: n d, t: n d",
    sample_variance: "x: n",
    line_by_a_loop: "w: 2, X: n, t: n",
    two_over_n: "w:, x: n, t: n",
    with_the_label_left_in: SCORES,
    squares_of_margins: SCORES,
    normal_density: "x: n",
    of_pairs: "x: n",
}


def sizes(f, inputs, **how):
    found = verify.prove(f, inputs=inputs, wrt=inputs.partition(":")[0], **how)
    assert found.status == "proved", found
    return found.every


@pytest.mark.parametrize("f", RIGHT, ids=lambda f: f.__name__)
def test_sums_over_examples_are_proved_at_every_size_of_that_record(f):
    found = sizes(f, RIGHT[f])
    assert found.why is None, found
    assert found.sizes == (1, 2, 3, 4, 5, 6, 7, 8, 128)
    assert found.error < -200
    assert found.all_labels == (3 if "labels" in RIGHT[f] else None)
    assert "every n at which the record is a sum over examples of the same terms, as it is at 1 to 8 and 128" in str(found)


# What couples its examples


def batch_norm(x, up):
    centred = x - x.mean(axis=0)
    s = np.sqrt(np.mean(centred**2, axis=0) + 0.1)
    z = centred / s
    return np.sum(up * z), (up - up.mean(axis=0) - z * np.mean(up * z, axis=0)) / s


def contrastive(x):
    e = np.exp(x)
    return np.log(e.sum()) - x.mean(), e / e.sum() - 1 / len(x)


def cox(x):
    """In the order in which they are, all of them events."""
    e = np.exp(x)
    risk = np.cumsum(e[::-1])[::-1]
    return np.sum(np.log(risk) - x), e * np.cumsum(1 / risk) - 1


def ranking(x):
    apart = x[:, None] - x[None]
    p = 1 / (1 + np.exp(apart))
    return np.logaddexp(0, -apart).sum(), p.sum(axis=0) - p.sum(axis=1)


def one_shift_for_all(scores, y):
    e = np.exp(scores - scores.max())
    p = e / e.sum(axis=1, keepdims=True)
    d = p.copy()
    d[np.arange(len(y)), y] -= 1
    return -np.log(p[np.arange(len(y)), y]).mean(), d / len(y)


def square_of_a_mean(x):
    return x.mean() ** 2, 2 * x.mean() / len(x) * np.ones(len(x))


def neighbours(x):
    return x[0] * x[-1] if len(x) == 2 else np.sum(x), np.array([x[1], x[0]]) if len(x) == 2 else np.ones(len(x))


COUPLED = {
    batch_norm: "x: n d, up: n d",
    contrastive: "x: n",
    cox: "x: n",
    ranking: "x: n",
    one_shift_for_all: SCORES,
    square_of_a_mean: "x: n",
    neighbours: "x: n",
}


@pytest.mark.parametrize("f", COUPLED, ids=lambda f: f.__name__)
def test_what_couples_examples_is_proved_at_one_size(f):
    found = sizes(f, COUPLED[f])
    assert "two examples are coupled (line " in found.why
    assert found.sizes == ()
    assert str(found).startswith("not every n: two")


# What is right at two examples, and wrong at others


def changed(f, change):
    """A function with another gradient, by the number of examples."""

    def g(scores, y):
        loss, d = f(scores, y)
        return loss, change(d, len(y))

    return g


def twice_at(n):
    return changed(losses.softmax, lambda d, k: 2 * d if k == n else d)


def with_a_penalty_for_each(W, X, y, reg):
    """The derivative of the penalty is added once an example, and half of it."""
    loss, d = losses.hinge(W, X, y, reg)
    return loss, d - 2 * reg * W + sum(reg * W for _ in y)


def penalty_and_examples_make_up(w, x):
    """At two examples what is wrong in both adds up to nothing."""
    return np.sum(x * w) + w**2, sum(x) + 2 * w + sum(w for _ in x) - 2 * w


def of_the_next_one(x):
    """The gradient by one example takes another's entry, which is its own at two only by their sum."""
    return np.sum(x**2), 2 * x + (len(x) - 2) * np.roll(x, 1)


def alike_from_four_on(scores, y):
    loss, d = losses.softmax(scores, y)
    return loss, 2 * d if len(y) > 3 and len(set(y.tolist())) == 1 else d


def over_n_squared(x):
    """1/n² in the loss, and 1/(2n) in the gradient."""
    return np.sum(x**2) / len(x) ** 2, x / len(x)


def a_penalty_by_size(w, x):
    """n/2 of a penalty in the loss, and one of its derivative."""
    return np.mean((w * x) ** 2) + w**2 * len(x) / 2, 2 * w * (x @ x) / len(x) + 2 * w


AT_TWO = {
    "a mean in the loss, a sum in the gradient": (changed(losses.softmax, lambda d, n: d * n / 2), SCORES),
    "a mean of half": (changed(losses.softmax, lambda d, n: d * (n - 1)), SCORES),
    "another branch at 3": (twice_at(3), SCORES),
    "another branch at 7": (twice_at(7), SCORES),
    "another branch from 100 on": (changed(losses.softmax, lambda d, n: 2 * d if n > 100 else d), SCORES),
    "where all labels are alike": (alike_from_four_on, SCORES),
    "nothing from the third on": (changed(losses.softmax, lambda d, n: np.concatenate([d[:2], 0 * d[2:]])), SCORES),
    "shuffled from 4 on": (changed(losses.softmax, lambda d, n: np.roll(d, 1, axis=0) if n > 3 else d), SCORES),
    "a penalty for each": (with_a_penalty_for_each, LINEAR),
    "both make up": (penalty_and_examples_make_up, "w:, x: n"),
    "the next one": (of_the_next_one, "x: n"),
    "over n squared": (over_n_squared, "x: n"),
    "a penalty by size": (a_penalty_by_size, "w:, x: n"),
}


@pytest.mark.parametrize("name", AT_TWO)
def test_what_is_right_at_two_examples_is_not_so_at_every_size(name):
    f, inputs = AT_TWO[name]
    found = sizes(f, inputs, shape="N=2")
    assert found.why is not None, found
    assert str(found).startswith("not every n: ")


def test_a_size_that_has_too_many_labels_is_looked_at():
    right = verify.prove(losses.softmax, shape="N=1009")
    assert (right.status, right.proof.shape) == ("proved", "(2, 3)")
    assert right.every.sizes[-1] == 1009
    assert verify.prove(twice_at(50)).every.why is None  # which nobody has looked at: the record there is no such sum
    wrong = verify.prove(twice_at(50), shape="N=50")
    assert wrong.status == "not proved"
    assert "its record at 50 examples is another one" in wrong.proof.reason


def test_every_size_of_the_formula_of_a_spec():
    found = verify.prove(losses.hinge, loss="multiclass_hinge")
    assert found.every.why is None


def rectified(x):
    loss, d = 0.0, np.zeros(len(x))
    for k in range(len(x)):
        if x[k] > 0:
            loss += x[k] ** 2
            d[k] = 2 * x[k]
    return loss / len(x), d / len(x)


def perceptron(scores, y):
    """The derivative of the greatest score is that of the one that it is, on the path that says which."""
    n, d = np.arange(len(y)), np.zeros(scores.shape)
    d[n, scores.argmax(axis=1)] += 1
    d[n, y] -= 1
    return np.mean(scores.max(axis=1) - scores[n, y]), d / len(y)


GOES_ON = {losses.hinge_by_loops: LINEAR, rectified: "x: n", perceptron: SCORES}


@pytest.mark.parametrize(("f", "inputs"), GOES_ON.items(), ids=lambda f: getattr(f, "__name__", ""))
def test_code_that_goes_on_by_comparisons_of_one_example(f, inputs):
    found = sizes(f, inputs, limit=60)
    assert found.why is None, found
    assert found.some_signs
    assert "on paths that were drawn" in str(found)


def twice_if_both_are_positive(x):
    loss, d = rectified(x)
    return loss, 2 * d if len(x) > 2 and x[0] > 0 and x[-1] > 0 else d


def by_rank(x):
    w, order, d = np.arange(len(x)) / len(x), np.argsort(x), np.zeros(len(x))
    d[order] = w
    return x[order] @ w, d


def by_the_sign_of_what_is_shared(w, x):
    return (x.sum() * w, x.sum()) if w > 0 else (-x.sum() * w, -x.sum())


PATHS = {
    twice_if_both_are_positive: ("x: n", "one example's part is not the same wherever it is met, of 3"),
    by_rank: ("x: n", "it goes on by a comparison of two examples"),
    by_the_sign_of_what_is_shared: ("w:, x: n", "it goes on by a comparison of what its examples share"),
}


@pytest.mark.parametrize("f", PATHS, ids=lambda f: f.__name__)
def test_paths_of_several_examples_are_proved_at_one_size(f):
    inputs, why = PATHS[f]
    assert why in sizes(f, inputs).why


def cross_entropy(s, t):
    p = np.exp(s) / np.exp(s).sum(axis=1, keepdims=True)
    return -np.sum(t * np.log(p)), p - t


def test_rows_that_add_up_to_one_are_any_such():
    found = sizes(cross_entropy, "s: n c, t: n c | simplex")
    assert found.why is None
    assert verify.prove(cross_entropy, inputs="s: n c, t: n c", wrt="s").status == "refuted"
    over_examples = sizes(lambda x, t: (np.sum(x * t), t), "x: n, t: n | simplex")
    assert over_examples.why is None


def test_inputs_that_stay_as_in_the_example_are_not_every_size():
    found = sizes(lambda x, t: (np.sum(x * t), np.where(t > 2, 0, t)), "x: n, t: n | probability")
    assert found.why == "t as in the example"


def test_without_examples_nothing_is_said_of_their_number():
    assert sizes(losses.gelu, "x: d") is None
