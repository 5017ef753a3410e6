"""torch candidates, against the real library: functions, `autograd.Function`s and modules, at the dtype that they are asked in."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from candidates.layers import holds, is_broken_for

import verify
from verify import Candidate, UsageError, Verdict, check
from verify.campaign import documents, witness
from verify.candidates import Upstream, adapted, framework_of
from verify.nested import decimal
from verify.pair import Estimated, Pair, Start, case_of
from verify.pair.recorded import TURNS
from verify.report.formats import render
from verify.report.pytest_function import function
from verify.trial import Trial

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


def _gap(a, b=1.0, c=2.0):
    return (a * a).sum() * b * c


def _by_name(a, *, c=2.0):
    return (a * a).sum() * c


@pytest.mark.parametrize("f", [_gap, _by_name])
def test_arguments_are_handed_in_by_their_names(f):
    """What is adapted takes none: they are put in their places before."""
    assert check(f, at={"a": ARRAY, "c": 3.0}, wrt="a", profile="quick", laws=("gradient",)).verdict is Verdict.HOLDS


def test_a_reference_has_its_own_order():
    def f(X, w):
        return np.sum((X @ w) ** 2), 2 * X.T @ (X @ w)

    def reference(w, X):
        return ((torch.as_tensor(X) @ torch.as_tensor(w)) ** 2).sum()

    at = {"X": np.array([[1.0, 2.0], [0.5, -1.0]]), "w": np.array([0.5, -0.25])}
    report = check(f, at=at, wrt="w", reference=reference, profile="quick", laws=("gradient",))
    assert report.verdict is not Verdict.BROKEN, str(report)


def test_a_pair_of_torch_functions_is_converted():
    pair = Candidate(loss=lambda x: torch.exp(x).sum(), grad=lambda x: torch.exp(x))
    assert check(pair, loss=None, at=np.array([0.1, 0.2]), profile="quick", laws=("gradient", "order")).verdict is Verdict.HOLDS


WEIGHTS = torch.tensor([[1.0, -2.0, 0.5], [0.3, 1.7, -0.4]], dtype=torch.float64)
ARRAY = np.array([2.0, -1.0, 0.5])
HERE = np.array([0.7, -1.2, 2.3])


def own(forward, backward, setup=None):
    """An autograd.Function."""
    parts = {"forward": forward, "backward": backward} | ({"setup_context": setup} if setup else {})
    return type("Own", (torch.autograd.Function,), {name: staticmethod(part) for name, part in parts.items()})


def square(ctx, x, power=2):
    ctx.save_for_backward(x)
    return x**power


def added(ctx, x):
    return square(ctx, x).sum()


def of_square(ctx, up):
    return 2 * up * ctx.saved_tensors[0]


def forgot(ctx, up):
    return 2 * ctx.saved_tensors[0]


def overwrites(ctx, up):
    return up.mul_(2 * ctx.saved_tensors[0])


def contiguous_only(ctx, up):
    if not up.is_contiguous():
        raise RuntimeError("give a contiguous gradient")
    return of_square(ctx, up)


def raw(ctx, up):
    """Reads as many numbers as there are, wherever they lie, as a kernel does that is handed a pointer."""
    fits = up.untyped_storage().nbytes() >= up.numel() * up.element_size()
    return of_square(ctx, up.as_strided((up.numel(),), (1,)) if fits else torch.zeros_like(ctx.saved_tensors[0]))


def two(ctx, x):
    ctx.save_for_backward(x)
    return x.sin(), x.cos()


def of_two(ctx, a, b):
    (x,) = ctx.saved_tensors
    return a * x.cos() - b * x.sin()


def masked(ctx, x):
    mask = torch.full_like(x, 2.0)
    ctx.mark_non_differentiable(mask)
    return (x * mask).sum(), mask


def greatest(ctx, x):
    value, place = x.max(0)
    ctx.mark_non_differentiable(place)
    ctx.save_for_backward(place, x)
    return value, place


def of_greatest(ctx, up, _):
    place, x = ctx.saved_tensors
    return torch.zeros_like(x).index_fill(0, place, 1) * up


def doubled_in_place(ctx, x):
    ctx.mark_dirty(x)
    return x.mul_(2)


def squared_in_silence(ctx, x):
    ctx.save_for_backward(x.clone())
    y = x * x
    x.zero_()
    return y


class Net(torch.nn.Module):
    """Its parameters are constants here."""

    def __init__(self):
        super().__init__()
        self.inner = torch.nn.Linear(3, 2).double()

    def forward(self, x):
        return torch.tanh(self.inner(x))


class Several(torch.nn.Module):
    def forward(self, x):
        return {"y": torch.sin(x), "more": (x.sum(), x.argmax())}


class Weighted:
    """An object of a class of one's own that can be called."""

    def __call__(self, x):
        return (WEIGHTS[0] * x * x).sum()


def by_backward(x):
    x = x.detach().requires_grad_()
    loss = torch.exp(x).sum()
    loss.backward()
    return loss.item(), x.grad


def from_arrays(x):
    t = torch.from_numpy(x).requires_grad_()
    loss = torch.exp(t).sum()
    loss.backward()
    return loss.item(), t.grad.numpy()


TWO, SWAPPED, OVER, FORGOT = own(two, of_two), own(two, lambda ctx, a, b: of_two(ctx, b, a)), own(square, overwrites), own(square, forgot)
FOLLOWS = {
    "square": own(square, of_square),
    "its apply": own(square, of_square).apply,
    "of a matrix": own(lambda ctx, x: WEIGHTS @ x, lambda ctx, up: WEIGHTS.T @ up),
    "with setup_context": own(lambda x: x * x, of_square, lambda ctx, inputs, output: ctx.save_for_backward(*inputs)),
    "needs_input_grad": own(square, lambda ctx, up: of_square(ctx, up) if ctx.needs_input_grad[0] else None),
    "a None too many": own(square, lambda ctx, up: (of_square(ctx, up), None)),
    "once_differentiable": own(square, torch.autograd.function.once_differentiable(of_square)),
    "a view": own(lambda ctx, x: x.view(-1, 1), lambda ctx, up: up.view(-1)),
    "a part": own(lambda ctx, x: x[1:], lambda ctx, up: F.pad(up, (1, 0))),
    "the input itself": own(lambda ctx, x: x, lambda ctx, up: up),
    "in place, declared": own(doubled_in_place, lambda ctx, up: 2 * up),
    "two outputs": TWO,
    "a value and its place": own(greatest, of_greatest),
    "a mask beside": own(masked, lambda ctx, up, _: up * torch.full((3,), 2.0, dtype=up.dtype)),
    "a number": own(added, of_square),
    "a number, one special": own(added, lambda ctx, up: forgot(ctx, up) if torch.equal(up, torch.ones_like(up)) else of_square(ctx, up)),
    "a Function's outputs in a function": lambda x: TWO.apply(x),
    "some outputs in a function": lambda x: TWO.apply(x)[1],
    "three outputs": lambda x: (x.sin(), x.cos(), x.sum()),
    "a detached one": lambda x: (x.sin(), x.cos(), x.detach().exp()),
    "values with their places": lambda x: x.sort(),
    "the greatest and its place": lambda x: torch.max(x, 0),
    "complex": lambda x: torch.fft.fft(x),
    "vmap": lambda x: torch.vmap(lambda z: z.sin() * z)(x),
    "a module": Net(),
    "a class of modules": Net,
    "a module with nested outputs": Several(),
    "an object": Weighted(),
    "its method": Weighted().__call__,
    "closed over": (lambda w: lambda x: (w * x * x).sum())(WEIGHTS[1]),
    "keyword": lambda x, *, scale=3.0: scale * torch.exp(x),
    "loss and gradient": lambda x: (torch.exp(x).sum(), torch.exp(x)),
    "loss and gradient by backward": by_backward,
    "of arrays, with torch inside": from_arrays,
    "a pair of numpy": Candidate(loss=lambda x: float(ARRAY @ x**2), grad=lambda x: 2 * ARRAY * x),
    "a pair that mentions nothing": Candidate(loss=lambda x: x.std(), grad=lambda x: (x - x.mean()) / (x.size * x.std())),
    "a pair in part of torch": Candidate(loss=lambda x: torch.exp(x).sum(), grad=lambda x: x.exp()),
    "refuses a layout": own(square, contiguous_only),
}
DOES_NOT = {
    "forgets it": (FORGOT, {"gradient": None, "purity": "upstream-ignored"}),
    "its apply forgets it": (FORGOT.apply, {"gradient": None, "purity": "upstream-ignored"}),
    "forgets it, a number": (own(added, forgot), {"purity": "upstream-ignored"}),
    "forgets it inside": (lambda x: FORGOT.apply(x).sum(), {"purity": "upstream-ignored"}),
    "its size alone": (own(square, lambda ctx, up: of_square(ctx, up.abs())), {"gradient": None}),
    "its mean": (own(square, lambda ctx, up: of_square(ctx, up.mean())), {"gradient": None}),
    "clips it": (own(square, lambda ctx, up: of_square(ctx, up.clamp(-1, 1))), {"gradient": None, "purity": "upstream-ignored"}),
    "a part, another one": (own(lambda ctx, x: x[1:], lambda ctx, up: F.pad(up, (0, 1))), {"gradient": None}),
    "a mask beside": (own(masked, lambda ctx, up, _: up * torch.full((3,), 14.0, dtype=up.dtype)), {"gradient": "scaled"}),
    "one output forgotten": (own(two, lambda ctx, a, b: of_two(ctx, a, 0 * b)), {"gradient": None}),
    "outputs swapped": (SWAPPED, {"gradient": None}),
    "outputs swapped in a function": (lambda x: SWAPPED.apply(x), {"gradient": None}),
    "None": (own(square, lambda ctx, up: None), {"gradient": None}),
    "too many gradients": (own(square, lambda ctx, up: (up, up)), {"gradient": "crashed", "purity": "crashed"}),
    "detached": (lambda x: torch.exp(x.detach()).sum(), {"gradient": None}),
    "overwrites it": (OVER, {"purity": "upstream-changed"}),
    "overwrites it inside": (lambda x: (OVER.apply(x) * WEIGHTS[0]).sum(), {"purity": "upstream-changed"}),
    "overwrites it beside a branch": (lambda x: ((x + OVER.apply(x)) * WEIGHTS[0]).sum(), {"purity": "upstream-changed"}),
    "reads past gaps": (own(square, raw), {"purity": "nondeterministic"}),
    "in place, in silence": (own(squared_in_silence, of_square), {"purity": "mutates-input"}),
    "loss and gradient": (lambda x: (torch.exp(x).sum(), 2 * torch.exp(x)), {"gradient": None}),
}


def judged(f, law, x=HERE, seed=0):
    """One law at one point."""
    pair = Pair(adapted(f, Upstream(seed=seed)))
    question = Estimated(law=law, pair=pair, at=Start({"x": x}), dtype=x.dtype.name, profile="quick", seed=0)
    return Trial(question, lambda _: None).again(case_of(x, family="given"))


@pytest.mark.parametrize("name", FOLLOWS)
def test_a_right_backward_follows_whatever_it_is_handed(name):
    results = {law: judged(FOLLOWS[name], law) for law in ("gradient", "purity")}
    assert {law: r.diagnosis for law, r in results.items() if r.verdict is not Verdict.HOLDS} == {}
    refused = [told for told in results["purity"].limitations if "upstream" in told]
    assert len(refused) == (2 if name == "refuses a layout" else 0)


SINGLE = ("square", "two outputs", "a value and its place", "in place, declared", "three outputs", "a detached one")


@pytest.mark.parametrize("name", SINGLE)
def test_a_right_backward_follows_it_in_float32_too(name):
    for law in ("gradient", "purity"):
        assert judged(FOLLOWS[name], law, HERE.astype(np.float32)).verdict is Verdict.HOLDS


@pytest.mark.parametrize("name", DOES_NOT)
def test_a_wrong_backward_is_broken(name):
    f, due = DOES_NOT[name]
    results = {law: judged(f, law) for law in ("gradient", "purity")}
    broken = {law: r.diagnosis["code"] for law, r in results.items() if r.verdict is Verdict.BROKEN}
    assert broken.keys() == due.keys()
    assert {law: code for law, code in broken.items() if due[law]} == {law: code for law, code in due.items() if code}


TOLD = {
    "square": "drawn at random for outputs of shape (3,)",
    "two outputs": "drawn at random for outputs of shape (3,) and (3,)",
    "a mask beside": "output 1 is left out, which is not differentiable",
    "a number": None,
    "loss and gradient": None,
}


@pytest.mark.parametrize("name", TOLD)
def test_what_is_done_with_outputs_is_stated(name):
    report = check(FOLLOWS[name], loss=None, at=HERE, profile="quick", laws=("purity",), seed=7)
    (conventions,) = report.conventions.values()
    assert (conventions.get("upstream"), conventions["framework"]) == (TOLD[name], "torch")


class TwoHalves(torch.autograd.Function):
    """Two outputs, of which the backward forgets a factor of the second."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x**2, x**3

    @staticmethod
    def backward(ctx, up, upper):
        (x,) = ctx.saved_tensors
        return 2 * x * up + x**2 * upper


@pytest.mark.parametrize(("f", "parts"), [(DOES_NOT["forgets it"][0], ["upstream"]), (TwoHalves, ["upstream[0]", "upstream[1]"])])
def test_a_counterexample_of_one_array_can_be_repeated_by_hand(f, parts):
    report = check(f, loss=None, at=HERE, profile="quick", laws=("gradient",))
    (result,) = report.to_dict()["results"]
    found = result["witness"]
    upstream = [torch.tensor(decimal(found["upstream"][name]), dtype=torch.float64) for name in parts]
    x = torch.tensor(decimal(found["values"]["x"]), dtype=torch.float64, requires_grad=True)
    y = f.apply(x)
    (g,) = torch.autograd.grad(y, x, upstream)
    assert g[tuple(found["entry"])].item() == found["measured"]
    assert all(f"\n  {name}={decimal(found['upstream'][name])}\n" in str(report) for name in parts)


def test_every_form_of_a_counterexample_of_one_array_has_its_upstream_gradient(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "layers.py").write_text(FORGETS, encoding="utf-8")
    report = check("layers.py:Square", at=HERE, profile="quick", laws=("gradient",), in_process=True)
    (outcome,) = report.outcomes
    line = f"upstream={decimal(outcome.upstream['upstream'])}"
    assert documents.read(outcome.task, documents.as_data(outcome)).upstream == outcome.upstream  # as a ledger has it
    for format_ in ("text", "html", "junit", "sarif"):
        assert line in render(report.to_dict(), format_).replace("&#39;", "'")
    found = witness.document(outcome)
    assert line in str(verify.replay(found, in_process=True))
    assert f"'upstream': {{'upstream': {decimal(outcome.upstream['upstream'])}}}" in function(found)


FORGETS = """import torch


class Square(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * x

    @staticmethod
    def backward(ctx, up):
        return 2 * ctx.saved_tensors[0]
"""


def test_a_claim_of_convexity_is_of_each_output():
    def outputs(x):
        return torch.exp(x)

    report = check(outputs, loss=None, at=HERE, profile="quick", laws=("convexity",), convex=True)
    assert report.verdict is Verdict.HOLDS
    (conventions,) = report.conventions.values()
    assert conventions["upstream"] == "drawn at random, all positive, for outputs of shape (3,)"


def test_a_spec_adds_the_losses_of_examples_and_takes_the_first_output_for_the_loss():
    class Both(torch.nn.Module):
        def forward(self, scores, y):
            return F.cross_entropy(scores, y, reduction="none"), scores.softmax(1)

    report = check(Both(), loss="softmax_cross_entropy", profile="quick", laws=("gradient",))
    (conventions,) = report.conventions.values()
    assert report.verdict is Verdict.HOLDS
    assert conventions["reduction"] == "sum"
    assert conventions["upstream"].startswith("1 for each entry of the output: the losses of the examples are added; output 1 is left out")


def test_a_loss_that_ignores_its_upstream_gradient_is_told_of_with_a_spec():
    class Ignores(Hinge):
        @staticmethod
        def backward(ctx, up):
            return Hinge.backward(ctx, torch.ones_like(up))

    (result,) = check(Ignores, loss="multiclass_hinge", profile="quick", laws=("purity",)).results
    assert result.diagnosis["code"] == "upstream-ignored"


def test_a_witness_replays_with_the_same_weights(tmp_path, monkeypatch):
    source = """
import torch
class Own(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x): ctx.save_for_backward(x); return x * x
    @staticmethod
    def backward(ctx, up): return 2 * ctx.saved_tensors[0]
"""
    (tmp_path / "mine.py").write_text(source, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    report = check("mine.py:Own", loss=None, at=HERE, laws=("gradient",), seed=11, in_process=True)
    (entry,) = report.to_dict()["results"]
    again = verify.replay(entry["witness"]["id"], in_process=True)
    assert again.to_dict()["results"][0]["diagnosis"] == entry["diagnosis"]


def test_a_kernel_that_needs_a_gpu_is_skipped_with_a_word_where_there_is_none():
    triton = pytest.importorskip("triton", reason="triton is not installed")
    if torch.cuda.is_available():
        pytest.skip("there is a GPU")

    @triton.jit
    def kernel(x, y):
        pass

    class OfTriton(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            y = torch.empty_like(x)
            kernel[(1,)](x, y)
            return y

        @staticmethod
        def backward(ctx, up):
            return up

    class OfCuda(OfTriton):
        @staticmethod
        def forward(ctx, x):
            return x.cuda()

    def in_a_loss(x):
        return OfCuda.apply(x).sum()

    for f in (OfTriton, OfCuda, in_a_loss):
        with pytest.raises(UsageError, match=r"needs a GPU, and there is none here .*: it was skipped"):
            check(f, at=HERE, profile="quick")
    with pytest.raises(UsageError, match="needs a GPU"):
        check(lambda x, w: OfTriton.apply(x) * w, at=(HERE, HERE), profile="quick")


def test_code_that_goes_another_way_at_every_point_is_asked_along_few_lines():
    def sampled(image, offsets):
        grid = F.affine_grid(torch.eye(2, 3, dtype=image.dtype)[None], (1, 1, 3, 3), align_corners=True)
        return F.grid_sample(image, grid + offsets, align_corners=True)

    at = np.random.default_rng(0).normal(size=(1, 1, 3, 3)), np.zeros((1, 3, 3, 2))
    report = check(sampled, at=at, profile="quick", laws=("gradient", "crossing"))
    assert [(r.law, r.verdict) for r in report.results] == [("gradient", Verdict.HOLDS)], str(report)
    assert [i.reason for i in report.inapplicable] == [TURNS]


def test_arguments_of_operators_have_their_names():
    @torch.library.custom_op("verify_tests::bent", mutates_args=())
    def bent(x: torch.Tensor, w: torch.Tensor) -> torch.Tensor:
        return torch.sin(x) * w

    def back(ctx, up):
        x, w = ctx.saved_tensors
        return up * torch.cos(x) * w, up * torch.sin(x)

    bent.register_autograd(back, setup_context=lambda ctx, inputs, output: ctx.save_for_backward(*inputs))
    for f in (bent, torch.ops.verify_tests.bent, torch.ops.verify_tests.bent.default):
        report = check(f, at=(HERE, HERE + 1), profile="quick", laws=("gradient",))
        (conventions,) = report.conventions.values()
        assert (report.verdict, conventions["wrt"]) == (Verdict.HOLDS, ["x", "w"])


def decimal_constants(slip):
    class Decimal(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return torch.where(x > 0, x * 0.7, 0.3 * x)

        @staticmethod
        def backward(ctx, up):
            return torch.where(ctx.saved_tensors[0] > 0, up * 0.7 * slip, 0.3 * up)

    return Decimal


@pytest.mark.parametrize(("slip", "due"), [(1.0, "holds"), (1 + 1e-10, "broken"), (1.001, "broken")])
def test_what_an_upstream_gradient_makes_of_constants_in_float32_leaves_nothing_open(slip, due):
    x = np.array([1.5, -0.3, 2.0, -1.1, 0.7], np.float32)
    (result,) = check(decimal_constants(slip), at=x, profile="quick", laws=("formula",)).results
    assert (result.verdict.value, result.decided > 0.8 * result.cases) == (due, True)


class HalfProduct(torch.autograd.Function):
    """Of an array and a parameter, whose gradient forgets the array."""

    @staticmethod
    def forward(ctx, x, w):
        ctx.save_for_backward(x, w)
        return x * w

    @staticmethod
    def backward(ctx, up):
        return up * ctx.saved_tensors[1], up


class Scaled(torch.nn.Module):
    """With a parameter and a buffer, which take an array of another dtype beside them."""

    def __init__(self, product=torch.mul):
        super().__init__()
        self.product, self.w = product, torch.nn.Parameter(torch.tensor([1.25, 0.5, -2.0]))
        self.register_buffer("shift", torch.tensor([0.5, 0.25, 3.0]))

    def forward(self, x):
        return self.product(x, self.w) + self.shift


TAKEN = (
    "its parameters are in float32, and are taken in float64, which is judged: give --dtype float32 (dtypes=('float32',)) to judge it "
    "as it is"
)


@pytest.mark.parametrize(
    ("module", "dtypes", "said"),
    [
        (Scaled(), None, True),
        (Scaled(), ("float32",), False),
        (torch.nn.Linear(3, 2), ("float32",), False),
        (torch.nn.Linear(3, 2).double(), None, False),
    ],
)
def test_parameters_of_another_dtype_are_judged_and_it_is_said(module, dtypes, said):
    report = check(module, at=HERE, dtypes=dtypes, profile="quick", laws=("gradient", "formula"))
    (conventions,), results = report.conventions.values(), report.to_dict()["results"]
    assert report.verdict is Verdict.HOLDS
    assert conventions["wrt"] == ["x", *(name for name, _ in module.named_parameters())]
    assert {TAKEN in r.get("limitations", ()) for r in results} == {said}


def test_a_wrong_gradient_for_a_parameter_of_another_dtype_is_broken():
    report = check(Scaled(HalfProduct.apply), at=HERE, profile="quick", laws=("gradient",))
    assert report.verdict is Verdict.BROKEN
    assert report.to_dict()["results"][0]["witness"]["input"] == "w"


SINGLE_NET = torch.nn.Linear(3, 1)
WRONG_USE = {
    "parameters of another dtype": (torch.nn.Linear(3, 1), HERE, "computes in float32 and refuses float64 .* with --dtype float32"),
    "the other way round": (torch.nn.Linear(3, 1).double(), HERE.astype(np.float32), r"computes in float64 .* module\.float\(\)"),
    "in a function": (lambda x: SINGLE_NET(x).sum(), HERE, "computes in float32"),
    "a class that needs arguments": (torch.nn.Linear, HERE, r"Give an object of it, Linear\(…\)"),
    "a point of a graph": (torch.sin, torch.ones(2, requires_grad=True), "requires grad"),
}


@pytest.mark.parametrize("name", WRONG_USE)
def test_wrong_use_is_told_and_nobody_accused(name):
    f, at, message = WRONG_USE[name]
    with pytest.raises(UsageError, match=message):
        check(f, loss=None, at=at, profile="quick", laws=("gradient",))


def test_the_target_of_a_function_with_a_context_is_not_differentiated():
    class Logistic(torch.autograd.Function):
        @staticmethod
        def forward(ctx, logits, target):
            ctx.save_for_backward(logits, target)
            return F.binary_cross_entropy_with_logits(logits, target)

        @staticmethod
        def backward(ctx, up):
            logits, target = ctx.saved_tensors
            return up * (logits.sigmoid() - target) / len(target), None

    assert check(Logistic, loss="binary_logistic", profile="quick", laws=("value", "gradient")).verdict is Verdict.HOLDS


def test_a_loss_alone_costs_no_backward():
    calls = []

    class Counted(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return (x * x).sum()

        @staticmethod
        def backward(ctx, up):
            calls.append(up)
            return 2 * up * ctx.saved_tensors[0]

    f, x = adapted(Counted, upstream=Upstream(seed=0)), np.array([1.0, 2.0])
    pair = Pair(f)
    assert (pair.value(x), len(calls)) == (5.0, 0)
    assert (list(pair.gradient(x)), len(calls)) == ([2.0, 4.0], 1)


def layer_norm(slip=None):
    """By hand, of three inputs, an output of any shape."""

    class Norm(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x, w, b):
            inv = (x.var(-1, unbiased=False, keepdim=True) + 1e-5).rsqrt()
            centred = (x - x.mean(-1, keepdim=True)) * inv
            ctx.save_for_backward(centred, inv, w)
            return centred * w + b

        @staticmethod
        def backward(ctx, up):
            centred, inv, w = ctx.saved_tensors
            g, rows = up * w, tuple(range(up.ndim - 1))
            dx = inv * (g - g.mean(-1, keepdim=True) - centred * (g * centred).mean(-1, keepdim=True))
            dw, db = (up * centred).sum(rows), up.mean(rows) if slip == "b" else up.sum(rows)
            if slip == "changes":
                up.copy_(dx)
            if slip == "swaps":
                return dx, db, dw
            return dx, 0 * dw if slip == "w" else dw, db

    return Norm


def product(backward):
    class Product(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x, w):
            ctx.save_for_backward(x, w)
            return x * w

    Product.backward = staticmethod(backward)
    return Product


def needed(ctx, up):
    x, w = ctx.saved_tensors
    return up * w if ctx.needs_input_grad[0] else None, up * x if ctx.needs_input_grad[1] else None


def needed_wrongly(ctx, up):
    dx, dw = needed(ctx, up)
    return (dx, dw) if all(ctx.needs_input_grad) or dx is None else (2 * dx, dw)


def spoils_what_it_saved(ctx, up):
    x, w = ctx.saved_tensors
    back = up * w, up * x
    ctx.scale = getattr(ctx, "scale", 1.0) * 2
    return back[0] * ctx.scale / 2, back[1]


class Affine(torch.nn.Module):
    def __init__(self, slip=None):
        super().__init__()
        numbers = torch.Generator().manual_seed(0)
        self.weight = torch.nn.Parameter(torch.rand(4, generator=numbers, dtype=torch.float64) + 0.5)
        self.bias = torch.nn.Parameter(torch.randn(4, generator=numbers, dtype=torch.float64))
        self.norm = layer_norm(slip)

    def forward(self, x):
        return self.norm.apply(x, self.weight, self.bias)


RANDOM = np.random.default_rng(5)
INPUTS = RANDOM.normal(size=(2, 3, 4)), RANDOM.uniform(0.5, 1.5, size=4), RANDOM.normal(size=4)
TWICE = INPUTS[0][0], INPUTS[0][1]
LAYERS = {
    "a Function": (layer_norm(), INPUTS),
    "its apply, float32": (layer_norm().apply, tuple(a.astype(np.float32) for a in INPUTS)),
    "offset of 1e4": (layer_norm(), (INPUTS[0] + 1e4, *INPUTS[1:])),
    "by name": (layer_norm(), dict(zip("xwb", INPUTS, strict=True))),
    "a module": (Affine(), INPUTS[0]),
    "a module of modules": (torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.BatchNorm1d(3), torch.nn.Tanh()).double(), INPUTS[0][0]),
    "a function": (lambda x, w, b: torch.tanh(layer_norm().apply(x, w, b)), INPUTS),
    "a loss": (lambda W, X, y: F.cross_entropy(X @ W, y), (INPUTS[0][0].T.copy(), INPUTS[0][1], np.array([0, 2, 1]))),
    "needs_input_grad": (product(needed), TWICE),
}
SLIPS = {
    "a mean": (layer_norm("b"), INPUTS, "b"),
    "zeros": (layer_norm("w"), INPUTS, "w"),
    "a module": (Affine("b"), INPUTS[0], "bias"),
}


@pytest.mark.parametrize("name", LAYERS)
def test_a_right_layer_of_several_inputs_holds(name):
    f, at = LAYERS[name]
    holds(f, at, "torch")


@pytest.mark.parametrize("name", SLIPS)
def test_a_wrong_layer_is_broken_by_the_name_of_the_input(name):
    is_broken_for(*SLIPS[name])


def test_a_backward_is_asked_for_less_and_again():
    def asked(f, at):
        (result,) = check(f, at=at, profile="quick", laws=("purity",)).results
        return result.diagnosis and result.diagnosis["code"], result.limitations

    assert asked(layer_norm("changes"), INPUTS)[0] == "upstream-changed"
    assert asked(product(needed_wrongly), TWICE)[0] == "nondeterministic"
    code, told = asked(product(spoils_what_it_saved), TWICE)
    assert (code, any("a second backward through the same graph" in t for t in told)) == (None, True)
    assert asked(product(needed), TWICE) == (None, ())


def plain_norm(x, w, b):
    mean = x.mean(-1, keepdims=True)
    return (x - mean) / np.sqrt(((x - mean) ** 2).mean(-1, keepdims=True) + 1e-5) * w + b


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_a_layer_is_judged_by_a_numpy_reference(dtype):
    how = {"at": tuple(a.astype(dtype) for a in INPUTS), "profile": "quick", "reference": plain_norm}
    assert check(layer_norm(), laws=("value", "gradient"), **how).verdict is Verdict.HOLDS
    assert check(layer_norm("b"), laws=("gradient",), **how).verdict is Verdict.BROKEN


def test_a_gradient_that_does_not_come_back_is_not_judged_and_a_loss_with_gradients_is_taken_at_its_word():
    def weighted(ctx, up):
        _x, w = ctx.saved_tensors
        return up * w, None

    report = check(product(weighted), at=TWICE, profile="quick", laws=("gradient",))
    (told,) = report.conventions.values()
    assert (report.verdict, told["wrt"]) == (Verdict.HOLDS, ["x"])

    def both(W, X):
        return (X @ W).square().sum(), 2 * X.T @ (X @ W)

    report = check(both, at=(TWICE[0].T.copy(), TWICE[1]), profile="quick", laws=("gradient",))
    (told,) = report.conventions.values()
    assert (report.verdict, told["wrt"]) == (Verdict.HOLDS, ["W"])


NAMED = Path(__file__).with_name("named.py")
"""Specs of functions of named inputs."""


def norm_without_its_variance(x, gamma, beta):
    mean, variance = x.mean(-1, keepdim=True), x.var(-1, keepdim=True, unbiased=False)
    return gamma * (x - mean) / torch.sqrt(variance.detach() + 2**-10) + beta


def hinge_of_triplets(n, p, a, margin=1.0):
    return F.triplet_margin_loss(a, p, n, margin=margin, eps=0.0, reduction="sum")


NAMED_RIGHT = {
    "LAYER_NORM": lambda x, gamma, beta: F.layer_norm(x, x.shape[-1:], gamma, beta, 2**-10),
    "TRIPLET": hinge_of_triplets,
}


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("spec", NAMED_RIGHT)
def test_a_function_of_tensors_is_judged_by_a_spec_of_named_inputs(spec, dtype):
    report = check(NAMED_RIGHT[spec], loss=f"{NAMED}:{spec}", dtypes=(dtype,), laws=("value", "gradient", "purity"), profile="quick")
    assert report.verdict is Verdict.HOLDS, str(report)
    assert next(iter(report.conventions.values()))["framework"] == "torch"


def test_its_gradient_for_one_input_is_broken_by_its_name():
    report = check(norm_without_its_variance, loss=f"{NAMED}:LAYER_NORM", laws=("gradient",), profile="quick")
    assert report.verdict is Verdict.BROKEN
    assert ": x[" in str(report)
    assert "comes through" in str(report)


def test_a_function_of_named_inputs_that_returns_no_tensor_is_told():
    report = check(lambda x, gamma, beta: [F.relu(x)], loss=f"{NAMED}:LAYER_NORM", laws=("value",), profile="quick")
    assert report.verdict is Verdict.BROKEN
    assert "returned list, where a tensor is due" in str(report)


class Twice(torch.autograd.Function):
    """Its gradient by what it is handed, so that it can be differentiated again."""

    @staticmethod
    def forward(ctx, x, w):
        ctx.save_for_backward(x, w, x**2)
        return x**3 * w

    @staticmethod
    def backward(ctx, v):
        x, w, _ = ctx.saved_tensors
        return 3 * x**2 * w * v, x**3 * v


class TwiceOfSaved(Twice):
    """What forward computed is a constant to autograd: the gradient is right, the second derivative is not."""

    @staticmethod
    def backward(ctx, v):
        x, w, square = ctx.saved_tensors
        return 3 * square * w * v, square * x * v


class TwiceRefused(Twice):
    """Refuses to be differentiated again."""

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, v):
        return Twice.backward(ctx, v)


class ExponentialCut(torch.autograd.Function):
    """Of one array; its gradient is cut off from what it depends on."""

    @staticmethod
    def forward(ctx, x):
        y = x.exp()
        ctx.save_for_backward(y)
        return y

    @staticmethod
    def backward(ctx, v):
        return v * ctx.saved_tensors[0].detach()


AGAIN = {"at": (np.array([0.5, -1.25, 2.0]), np.array([1.0, 2.0, -1.5])), "profile": "quick", "laws": ("gradient", "formula")}


def test_a_double_backward_is_judged_by_the_code_of_the_backward():
    right = check(Twice, derivative=2, **AGAIN)
    assert right.verdict is Verdict.HOLDS, str(right)
    assert "gradients for x, w, first_upstream" in str(right)
    assert check(TwiceOfSaved, **AGAIN).verdict is Verdict.HOLDS
    wrong = check(TwiceOfSaved, derivative=2, **AGAIN)
    assert {r.law for r in wrong.results if r.verdict is Verdict.BROKEN} == {"gradient", "formula"}, str(wrong)
    assert "`x**2`" in str(wrong)
    cut = check(ExponentialCut, derivative=2, **(AGAIN | {"at": AGAIN["at"][0]}))
    assert cut.verdict is Verdict.BROKEN, str(cut)


def test_what_cannot_be_differentiated_twice_says_so():
    report = check(TwiceRefused, derivative=2, **AGAIN)
    assert report.verdict is Verdict.HOLDS, str(report)
    assert "its gradient alone is judged: it raised RuntimeError: a backward is marked once_differentiable" in str(report)
    assert "first_upstream" not in str(report)


def test_a_loss_that_is_one_number_has_a_second_derivative():
    how = {"at": AGAIN["at"][0], "derivative": 2, "profile": "quick", "laws": ("gradient",)}
    right = check(lambda x: Twice.apply(x, x).sum(), **how)
    assert right.verdict is Verdict.HOLDS, str(right)
    assert "twice" not in str(right)
    wrong = check(lambda x: ExponentialCut.apply(x).sum(), **how)
    assert wrong.verdict is Verdict.BROKEN, str(wrong)


def test_a_second_derivative_is_of_a_framework_and_of_its_own_code():
    for given, told in (
        ({"derivative": 3}, "derivative is 3"),
        ({"derivative": 2, "reference": lambda x, w: x * w}, "by the candidate's own code"),
    ):
        with pytest.raises(UsageError, match=told):
            check(Twice, **AGAIN, **given)
    with pytest.raises(UsageError, match="none that a framework differentiates"):
        check(lambda x, w: ((x * w).sum(), (w, x)), derivative=2, **AGAIN)


def test_a_witness_of_a_second_derivative_is_replayed(tmp_path, monkeypatch):
    text = "import torch\n\ndef f(x):\n    return x ** 3 + (x.detach() - x) ** 2 * x\n"  # its gradient is 3x², and the second one is not 6x
    (tmp_path / "cut.py").write_text(text, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    report = check("cut.py:f", at=AGAIN["at"][0], derivative=2, profile="quick", laws=("gradient",), in_process=True)
    (entry,) = report.to_dict()["results"]
    assert entry["verdict"] == "broken", str(report)
    assert "first_upstream" in entry["witness"]["values"]
    assert verify.replay(entry["witness"]["id"], in_process=True).verdict is Verdict.BROKEN


class Forward(torch.autograd.Function):
    """With a forward mode by hand."""

    slip = 1.0

    @staticmethod
    def forward(ctx, x, w):
        ctx.save_for_backward(x, w)
        ctx.save_for_forward(x, w)
        return x.relu() * w.sin()

    @staticmethod
    def backward(ctx, v):
        x, w = ctx.saved_tensors
        return v * (x > 0) * w.sin(), v * x.relu() * w.cos()

    @classmethod
    def jvp(cls, ctx, dx, dw):
        x, w = ctx.saved_tensors
        return dx * (x >= 0) * w.sin() + cls.slip * dw * x.relu() * w.cos()  # the other slope on the kink


class ForwardWrong(Forward):
    slip = 1.01


class ForwardRefused(Forward):
    @staticmethod
    def jvp(ctx, dx, dw):
        raise TypeError("not here")


def judged_by_purity(f, at):
    (result,) = check(f, at=at, profile="quick", laws=("purity",), at_only=True).results
    return result.diagnosis and (result.diagnosis["code"], result.diagnosis["message"]), result.limitations


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_a_forward_mode_is_judged_beside_its_backward(dtype):
    at = np.array([0.5, 0.0, 2.0], dtype), np.array([1.0, 2.0, -1.5], dtype)
    assert judged_by_purity(Forward, at) == (None, ())
    (code, told), _ = judged_by_purity(ForwardWrong, at)
    assert (code, "for w in forward mode, by its jvp" in told) == ("forward-mode", True)
    assert (
        "cannot be differentiated in forward mode, though it has a jvp (TypeError: not here)" in judged_by_purity(ForwardRefused, at)[1][0]
    )
    (code, _), _ = judged_by_purity(lambda x: ForwardWrong.apply(x, x).sum(), at[0])
    assert code == "forward-mode"


class OneByOne(Twice):
    """Knows one upstream gradient alone."""

    batch = None

    @classmethod
    def backward(cls, ctx, v):
        x, w, square = ctx.saved_tensors
        try:
            bool(v.sum() > 0)
        except RuntimeError:  # by vmap
            if cls.batch is None:
                raise
            v = cls.batch * v
        return 3 * square * w * v, square * x * v


class OneByOneWrong(OneByOne):
    batch = 2.0


def test_a_backward_is_asked_for_several_upstream_gradients_at_once():
    assert judged_by_purity(Twice, AGAIN["at"]) == (None, ())
    code, (told,) = judged_by_purity(OneByOne, AGAIN["at"])
    assert (code, "cannot be asked for several gradients at once, by vmap" in told) == (None, True)
    (code, told), _ = judged_by_purity(OneByOneWrong, AGAIN["at"])
    assert (code, "another gradient for x where several" in told) == ("nondeterministic", True)


def test_an_input_that_torch_does_not_differentiate_is_left_out_and_a_domain_is_no_format():
    x, sign = AGAIN["at"][0], np.array([1.0, -1.0, 1.0])
    report = check(lambda x, sign: F.soft_margin_loss(x, sign), at=(x, sign), profile="quick", laws=("gradient",), at_only=True)
    (told,) = report.conventions.values()
    assert (report.verdict, told["wrt"]) == (Verdict.HOLDS, ["x"])

    def of_float32_alone(x):
        if x.dtype is torch.float64:
            raise RuntimeError("all elements should be between 0 and 1")
        return x.sum()

    with pytest.raises(UsageError) as error:
        check(of_float32_alone, at=x, profile="quick", laws=("gradient",), derivative=2)
    assert "refuses float64" not in str(error.value)


def test_numbers_in_bfloat16_are_taken_in_single_precision():
    at = tuple(torch.tensor(a).bfloat16() for a in AGAIN["at"])
    report = check(lambda x, w: torch.tanh(x) * w, at=at, profile="quick", laws=("gradient",), at_only=True)
    assert (report.verdict, {r.dtype for r in report.results}) == (Verdict.HOLDS, {"float32"})


@pytest.mark.parametrize("right", [True, False])
def test_a_tensor_of_no_dimensions_is_handed_over_as_one_and_judged(right):
    def backward(ctx, up):
        x, scale = ctx.saved_tensors
        return up * scale, (up * x).sum() if right else (up * x).mean()

    at = torch.tensor([0.5, -1.0, 2.0], dtype=torch.float64), torch.tensor(0.5, dtype=torch.float64)
    report = check(product(backward), at=at, profile="quick", laws=("gradient",))
    (told,) = report.conventions.values()
    assert told["wrt"] == ["x", "w"]
    assert report.verdict is (Verdict.HOLDS if right else Verdict.BROKEN), str(report)
    plain = check(lambda x, scale: x * float(scale), at=(at[0], 0.5), profile="quick", laws=("gradient",))
    assert plain.verdict is Verdict.HOLDS, str(plain)


def test_an_example_in_half_precision_says_in_what_it_is_judged():
    report = check(lambda x: torch.tanh(x), at=torch.tensor([0.5, -1.0]).bfloat16(), profile="quick", laws=("value",))
    assert "the example is in bfloat16, and the code is judged in float32" in str(report)


LOADS_NO_COMPILER = """
import sys
import torch
from verify import check
check(torch.nn.Linear(2, 1).double(), at=torch.ones(2, 2, dtype=torch.float64), laws=("formula",), profile="quick", at_only=True)
sys.exit("torch._dynamo" in sys.modules)
"""


def test_code_of_torch_is_followed_without_its_compiler_which_takes_a_second_to_load(tmp_path):
    assert subprocess.run([sys.executable, "-c", LOADS_NO_COMPILER], cwd=tmp_path, check=False).returncode == 0


def test_code_of_torch_is_followed_where_its_compiler_is_loaded():
    import torch._dynamo

    assert torch._dynamo is sys.modules["torch._dynamo"]
    report = check(torch.nn.Linear(2, 1).double(), at=torch.ones(2, 2, dtype=torch.float64), laws=("formula",), at_only=True)
    assert report.verdict is Verdict.HOLDS


IMPORTS_TORCH = """
import torch
def short(w, X, t):
    r = X @ w - t
    return (r * r).sum(), 2 * (X.T @ r)[:-1]
def right(w, X, t):
    r = X @ w - t
    return (r * r).sum(), 2 * (X.T @ r)
def loss(w, X, t):
    r = X @ w - t
    return (r * r).sum()
"""


@pytest.mark.parametrize("kind", [np.asarray, torch.tensor], ids=["numpy's example", "torch's example"])
def test_a_gradient_of_another_shape_is_no_output_in_a_file_that_imports_torch(tmp_path, monkeypatch, kind):
    (tmp_path / "imports.py").write_text(IMPORTS_TORCH, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    at = tuple(kind(rng.normal(size=shape)) for shape in (3, (5, 3), 5))
    how = {"at": at, "laws": ("gradient",), "profile": "quick", "in_process": True}
    with pytest.raises(UsageError, match=r"a gradient of shape \(2,\), which fits none of w of shape \(3,\)"):
        check("imports.py:short", **how)
    (result,) = check("imports.py:short", wrt="w", **how).results
    assert (result.verdict, result.diagnosis["code"]) == (Verdict.BROKEN, "shape")
    assert check("imports.py:right", **how).verdict is Verdict.HOLDS
    assert check("imports.py:loss", **how).verdict is Verdict.HOLDS  # torch differentiates it


class InItsOwn(torch.nn.Module):
    """It computes in single precision, whatever it is given."""

    def __init__(self):
        super().__init__()
        self.w = torch.nn.Parameter(torch.randn(2, 3, generator=torch.Generator().manual_seed(0)))

    def forward(self, x):
        return torch.nn.functional.linear(x.float(), self.w).pow(2).sum().to(x.dtype)


def test_a_module_that_casts_what_it_is_given_is_judged_as_it_stands():
    report = check(InItsOwn(), at=np.array([1.0, 2.0, 3.0]), laws=("purity", "consistency"), profile="quick")
    assert report.verdict is Verdict.HOLDS


def test_an_operator_may_be_asked_without_its_defaults_and_may_call_an_input_self():
    report = check(torch.ops.aten.mse_loss, at=(np.array([1.0, 2.0]), np.array([0.5, 1.0])), laws=("gradient",), profile="quick")
    assert report.verdict is Verdict.HOLDS
    (told,) = report.conventions.values()
    assert told["wrt"] == ["self", "target"]


def test_objects_that_answer_to_any_name_are_judged_beside_torch():
    """Its functions are looked for among them."""

    class Odd:
        __hash__ = None

        def __call__(self, preds, target):
            return preds - target, np.ones_like(preds)

        def __getattr__(self, name):
            return self

        def __eq__(self, other):
            raise ValueError("neither")

    assert check(Odd(), loss="squared_error", laws=("gradient",), profile="quick").verdict is Verdict.HOLDS


class OfOneNumber(torch.nn.Module):
    """A parameter of no dimensions, such as a temperature."""

    def __init__(self, slip=1.0):
        super().__init__()
        self.t, self.slip = torch.nn.Parameter(torch.tensor(1.5)), slip

    def forward(self, x, y=0.0):
        return Tempered.apply(x - y, self.t, self.slip)


class Tempered(torch.autograd.Function):
    @staticmethod
    def forward(ctx, d, t, slip):
        ctx.save_for_backward(d, t)
        ctx.slip = slip
        return (d * d).sum(1) * t

    @staticmethod
    def backward(ctx, up):
        d, t = ctx.saved_tensors
        return 2 * d * up[:, None] * t, (up * (d * d).sum(1)).sum() * ctx.slip, None


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("inputs", [1, 2])
def test_a_parameter_may_be_one_number(inputs, dtype):
    given = np.random.default_rng(0).normal(size=(inputs, 3, 4)).astype(dtype)
    how = {"at": tuple(given) if inputs > 1 else given[0], "laws": ("gradient",), "profile": "quick"}
    assert check(OfOneNumber(), **how).verdict is Verdict.HOLDS
    (result,) = check(OfOneNumber(2.0), **how).results
    assert result.witness.evidence.where["input"] == "t"
