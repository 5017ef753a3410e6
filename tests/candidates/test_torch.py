"""torch candidates, against the real library: functions, `autograd.Function`s and modules, at the dtype that they are asked in."""

from __future__ import annotations

import numpy as np
import pytest

from verify import Candidate, Verdict, check
from verify.candidates import adapted, framework_of

torch = pytest.importorskip("torch", reason="torch is not installed: tox -e torch")
from torch.nn import functional as F  # noqa: E402, N812

torch.set_num_threads(1)

LAWS = ("value", "gradient", "order", "consistency", "purity")


class Hinge(torch.autograd.Function):
    """Mean multiclass hinge with its own backward."""

    FACTOR = 1.0

    @staticmethod
    def forward(ctx, scores, y):
        rows = torch.arange(len(y))
        margins = (scores - scores[rows, y][:, None] + 1).clamp(min=0)
        margins[rows, y] = 0
        ctx.save_for_backward(margins, y)
        return margins.sum() / len(y)

    @classmethod
    def backward(cls, ctx, up):
        margins, y = ctx.saved_tensors
        active = (margins > 0).to(margins.dtype)
        active[torch.arange(len(y)), y] = -active.sum(1)
        return up * active / len(y), None


class Wrong(Hinge):
    """Forgets that it is a mean."""

    @staticmethod
    def backward(ctx, up):
        margins, y = ctx.saved_tensors
        active = (margins > 0).to(margins.dtype)
        active[torch.arange(len(y)), y] = -active.sum(1)
        return up * active, None


class WithSetup(torch.autograd.Function):
    """The newer form, whose forward has no context."""

    @staticmethod
    def forward(scores, y):
        return F.cross_entropy(scores, y)

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.save_for_backward(*inputs)

    @staticmethod
    def backward(ctx, up):
        scores, y = ctx.saved_tensors
        p = scores.softmax(1)
        p[torch.arange(len(y)), y] -= 1
        return up * p / len(y), None


def linear(W, X, y, reg):
    return F.cross_entropy(X @ W.T, y) + reg * (W**2).sum()


def by_hand(W, X, y, reg):
    p = torch.softmax(X @ W.T, 1)
    loss = F.cross_entropy(X @ W.T, y) + reg * (W**2).sum()
    p[torch.arange(len(y)), y] -= 1
    return loss, p.T @ X / len(y) + 2 * reg * W


RIGHT = {
    "cross_entropy": (F.cross_entropy, "softmax_cross_entropy"),
    "a module": (torch.nn.CrossEntropyLoss(reduction="sum"), "softmax_cross_entropy"),
    "losses of each example": (lambda scores, y: F.cross_entropy(scores, y, reduction="none"), "softmax_cross_entropy"),
    "an autograd.Function": (Hinge, "multiclass_hinge"),
    "with setup_context": (WithSetup, "softmax_cross_entropy"),
    "of weights": (linear, "softmax_cross_entropy"),
    "gradient by hand": (by_hand, "softmax_cross_entropy"),
    "of one score": (lambda logits, target: F.binary_cross_entropy_with_logits(logits, target), "binary_logistic"),
    "target first": (lambda y_true, y_pred: F.binary_cross_entropy_with_logits(y_pred, y_true), "binary_logistic"),
    "squared": (lambda prediction, target: F.mse_loss(prediction, target) / 2, "squared_error"),
}


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", RIGHT)
def test_a_right_torch_candidate_holds(name, dtype):
    f, loss = RIGHT[name]
    report = check(f, loss=loss, dtypes=(dtype,), profile="quick", laws=LAWS)
    assert {r.law: r.diagnosis for r in report.results if r.verdict is Verdict.BROKEN} == {}
    (conventions,) = report.conventions.values()
    assert (conventions["framework"], conventions["fits"]) == ("torch", True)


WRONG = {
    "autograd.Function": (Wrong, "multiclass_hinge"),
    "detached": (lambda scores, y: F.cross_entropy(scores.detach(), y), "softmax_cross_entropy"),
    "float32 inside": (lambda scores, y: F.cross_entropy(scores.float(), y).to(scores.dtype), "softmax_cross_entropy"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_torch_candidate_is_broken(name):
    f, loss = WRONG[name]
    report = check(f, loss=loss, profile="quick", laws=("gradient",), reduction="mean")
    assert report.verdict is Verdict.BROKEN


def test_it_is_asked_at_its_native_dtype():
    seen = []

    def f(scores, y):
        seen.append((scores.dtype, y.dtype))
        return torch.nn.functional.cross_entropy(scores, y)

    check(f, loss="softmax_cross_entropy", dtypes=("float32",), profile="quick", laws=("value",))
    assert set(seen) == {(torch.float32, torch.int64)}


def test_a_numpy_function_is_none():
    assert adapted(np.linalg.norm) is np.linalg.norm
    assert framework_of(adapted(lambda W, X, y, reg: np.sum(W))) is None


def cubic(x):
    return (x**3).sum()


class Cube(torch.autograd.Function):
    """x³ with a gradient that is off by 1e-8."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return (x**3).sum()

    @staticmethod
    def backward(ctx, up):
        (x,) = ctx.saved_tensors
        return up * 3 * x**2 * (1 + 1e-8)


def test_without_a_spec_it_stands_where_gradcheck_stood():
    """And sees what gradcheck passes, while it holds at a kink and in float32, where gradcheck fails."""
    start = torch.tensor([0.5, -1.0, 0.25], dtype=torch.float64)
    assert torch.autograd.gradcheck(Cube.apply, start.clone().requires_grad_())
    assert check(Cube, loss=None, at=start.numpy(), laws=("gradient",), profile="quick").verdict is Verdict.BROKEN
    assert check(cubic, loss=None, at=start.numpy(), profile="quick").verdict is Verdict.HOLDS

    def relu(x):
        return torch.relu(x).sum()

    kink = torch.zeros(3, dtype=torch.float64, requires_grad=True)
    assert not torch.autograd.gradcheck(relu, kink, raise_exception=False)
    assert check(relu, loss=None, at=np.zeros(3), profile="quick", laws=("gradient",)).verdict is Verdict.HOLDS
    single = start.float().requires_grad_()
    with pytest.warns(UserWarning, match="double precision"):
        assert not torch.autograd.gradcheck(cubic, single, raise_exception=False)
    assert check(cubic, loss=None, at=start.float().numpy(), profile="quick", laws=("gradient",)).verdict is Verdict.HOLDS


def test_a_pair_of_torch_functions_is_converted():
    pair = Candidate(loss=lambda x: torch.exp(x).sum(), grad=lambda x: torch.exp(x))
    assert check(pair, loss=None, at=np.array([0.1, 0.2]), profile="quick", laws=("gradient", "order")).verdict is Verdict.HOLDS
