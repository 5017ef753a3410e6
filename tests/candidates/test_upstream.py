"""The upstream gradient of what returns an array, without any framework: its weights, and who follows it."""

from __future__ import annotations

import numpy as np
import pytest

from verify.candidates import Misbehaviour, Upstream, upstream_is_kept
from verify.candidates.upstream import EXPANDED, STRIDED, Pulled, answering, contracted, no_loss_and_gradient

SHAPES = [(3, 4), (), (50,)]


@pytest.mark.parametrize("positive", [False, True])
def test_the_weights_are_generic_and_the_same_again(positive):
    upstream = Upstream(seed=3, positive=positive)
    weights = upstream.weights(SHAPES)
    assert [w.shape for w in weights] == SHAPES
    sizes = np.abs(np.concatenate([w.ravel() for w in weights]))
    assert len(set(sizes)) == sizes.size
    assert not np.isin(sizes, (0, 1)).any()
    assert all(np.array_equal(w, w.astype(np.float32)) for w in weights)
    assert all(np.array_equal(a, b) for a, b in zip(weights, upstream.weights(SHAPES), strict=True))
    assert not np.array_equal(weights[0], Upstream(seed=4, positive=positive).weights(SHAPES)[0])
    assert (min(w.min() for w in weights) > 0) == positive


def test_large_outputs_have_weights_of_their_own_too():
    (w,) = Upstream(seed=0).weights([(200_000,)])
    assert len(set(np.abs(w))) == w.size
    assert np.array_equal(w, w.astype(np.float32))


def test_what_is_done_is_said():
    left_out = {2: "which is not differentiable"}
    assert Upstream(seed=0).described([()], {}) == {}
    assert Upstream(seed=0).described([(3, 4)], {}) == {"upstream": "drawn at random for outputs of shape (3, 4)"}
    assert Upstream(seed=0, positive=True).described([(3,), ()], left_out) == {
        "upstream": "drawn at random, all positive, for outputs of shape (3,) and (); output 2 is left out, which is not differentiable"
    }
    assert Upstream().described([(3,)], {}) == {"upstream": "1 for each entry of the output: the losses of the examples are added"}


@pytest.mark.parametrize(
    ("shapes", "expected"),
    [
        ([(), (3,)], False),  # a loss and its gradient
        ([(3,), (3,)], False),  # losses that were not added, and a gradient: an error that is told
        ([(), (2,)], False),  # a gradient of another shape: an error, too
        ([(2,), (4,)], True),
        ([(), (3,), (3,)], False),
        ([(3,), (3,), ()], True),
    ],
)
def test_only_what_cannot_be_a_loss_and_its_gradient_is_taken_for_outputs(shapes, expected):
    assert no_loss_and_gradient(shapes, (3,)) is expected


def test_the_contraction_does_not_round_before_its_end():
    assert contracted([np.array([1.5, 1.5])], [np.array([1e16, -1e16 + 2])]) == 3.0


V = np.array([0.7, -1.2, 0.3])


def pulling(backward, layouts=(STRIDED, EXPANDED)):
    """Outputs x², whose backward is `backward(x, upstream gradient, its layout)`."""

    def pull(arguments, scale=1.0, layout="drawn"):
        (x,) = arguments
        upstream = scale * (V if layout in ("drawn", STRIDED) else np.full(3, 0.75))
        kept = upstream.copy()
        gradient = backward(x, upstream, layout)
        return Pulled(value=V @ x**2, gradient=gradient, changed=not np.array_equal(upstream, kept), layouts=layouts)

    return answering(pull)


def right(x, up, layout):
    return 2 * x * up


def writes(x, up, layout):
    up *= 2 * x
    return up


def refuses(x, up, layout):
    if layout in (STRIDED, EXPANDED):
        raise ValueError
    return 2 * x * up


RANDOM = np.random.default_rng(0)
FAULTS = {
    "forgets it": (lambda x, up, layout: 2 * x, "upstream-ignored"),
    "clips it": (lambda x, up, layout: 2 * x * np.clip(up, -1, 1), "upstream-ignored"),
    "multiplies twice by it": (lambda x, up, layout: 2 * x * up**2, "upstream-ignored"),
    "forgets it in one entry": (lambda x, up, layout: 2 * x * np.array([up[0], up[1], 0.3]), "upstream-ignored"),
    "writes to it": (writes, "upstream-changed"),
    "reads past the gaps": (lambda x, up, layout: 2 * x * up * (1 if layout != STRIDED else np.arange(3)), "nondeterministic"),
    "reads past one number": (lambda x, up, layout: 2 * x * up * (layout != EXPANDED), "nondeterministic"),
}
AT = np.array([1.0, 2.0, 3.0])


@pytest.mark.parametrize("name", FAULTS)
def test_who_does_not_follow_the_upstream_gradient_is_found(name):
    backward, code = FAULTS[name]
    with pytest.raises(Misbehaviour) as found:
        upstream_is_kept(pulling(backward), (AT,))
    assert found.value.code == code


KEPT = {
    "right": right,
    "another order of summation": lambda x, up, layout: 2 * x * up * (1 + 1e-14 * (layout != "drawn")),
    "all that cancels": lambda x, up, layout: 2 * x * (up - up.mean()) + (1e-17 if layout == EXPANDED else 0),
    "not finite": lambda x, up, layout: np.where(x > 1, np.inf, 2 * x * up),
    "random, which others tell": lambda x, up, layout: 2 * x * up * RANDOM.normal(size=3),
    "subnormal": lambda x, up, layout: np.round(up) * 5e-324,
    "in single precision": lambda x, up, layout: (2 * x * up).astype(np.float32),
}


@pytest.mark.parametrize("name", KEPT)
def test_who_follows_it_is_not_accused(name):
    assert upstream_is_kept(pulling(KEPT[name]), (AT,)) == []


def test_a_layout_that_is_refused_is_a_limitation():
    assert upstream_is_kept(pulling(refuses), (AT,)) == [f"refuses an upstream gradient that is {how}" for how in (STRIDED, EXPANDED)]


def test_a_function_without_a_backward_has_no_upstream_gradient():
    assert upstream_is_kept(lambda x: (x @ x, 2 * x), (AT,)) == []
