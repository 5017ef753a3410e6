"""Code of torch and jax as a formula: what is recorded of it is what it computes, with the lines of its author."""

from __future__ import annotations

import numpy as np
import pytest

from verify import Verdict, check
from verify.tape import enclose
from verify.tape.balls import precision
from verify.traced import NotTraced
from verify.traced.array import Recorded
from verify.traced.record import as_written, balls, recorded

pytestmark = pytest.mark.filterwarnings("ignore:'encoding' argument not specified:EncodingWarning")  # of jax, as it looks for devices

RANDOM = np.random.default_rng(3)
X, Y = RANDOM.normal(size=(3, 4)), RANDOM.normal(size=(3, 4))
IMAGE, KERNEL = RANDOM.normal(size=(1, 2, 5, 4)), RANDOM.normal(size=(3, 2, 3, 2))


def record(library, f, *given):
    """The record of a function of a framework's arrays."""

    def followed(*arrays):
        recorder = next(a.recorder for a in arrays if isinstance(a, Recorded))
        return recorder.follow(library, f, arrays)

    followed.framework = library
    return recorded(followed, given, u=2.0**-53)


def value(found, *given):
    """What a record denotes, at any numbers."""
    with precision():
        run = enclose.run(found.tape, balls(given, len(given), found.guards))
    return np.array([float(run.values[r]) for r in found.outputs.ravel().tolist()])


def torch_programs():
    torch = pytest.importorskip("torch", reason="torch is not installed: tox -e torch")
    F = torch.nn.functional

    def in_place(x):
        y = x.clone()
        y[0] = 2 * y[1]
        y[:, 1] += x[:, 0]
        y.T[2].mul_(3)
        y[y > 0.5] = -1.0
        return y.square().sum(1)

    def branches(x):
        return x.exp() if x.sum() > 0 else -x

    def picked(x):
        best, at = x.max(dim=1)
        return best + x.gather(1, at[:, None]).squeeze(1) + x.topk(2).values.prod(1) + x.sort(dim=1, descending=True).values[:, 0]

    def scattered(x):
        at = torch.tensor([0, 0, 2])
        return torch.zeros(4, 4, dtype=x.dtype).index_add(0, at, x).scatter_add(1, torch.tensor([[0, 0], [1, 2]]), x[:2, :2])

    def along_the_last(x):
        zero, one = torch.tensor([0]), torch.tensor([1])
        return x.index_fill(-1, one, 9.0).index_copy(-1, zero, x[:, 2:3]).index_add(-1, zero, x[:, 3:])

    def convolved_back(x, w, stride, padding, dilation, transposed, groups):
        how = stride, padding, dilation, transposed, [0, 0], groups
        g = torch.ops.aten.convolution(x, w, None, *how).square()
        return torch.cat([part.ravel() for part in torch.ops.aten.convolution_backward(g, x, w, [0], *how, [True, True, True])])

    def sampled_back(x, grid):
        grid, of, back = grid[None, :, :, None] * torch.tensor([0.9, -0.7], dtype=x.dtype), torch.ops.aten.grid_sampler_2d, []
        for how in ((0, 0, True), (0, 2, True), (2, 0, False), (1, 0, True)):  # bilinear, bicubic, nearest; zeros, reflection
            back += torch.ops.aten.grid_sampler_2d_backward(of(x, grid, *how).square(), x, grid, *how, [True, True])
        return torch.cat([part.ravel() for part in back])

    def looked_up(x):
        f = x.floor()
        inside = (f >= 0) & (f < 2)  # ties of whole numbers, which stand beside the point, too
        return torch.arange(4.0, dtype=x.dtype)[torch.where(inside, f, 3).long()] * x

    def padded_back(x):
        padded, whole = torch.ops.aten.replication_pad2d(x, [1, 2, 0, 1]), torch.ops.aten._adaptive_avg_pool2d
        back = torch.ops.aten.replication_pad2d_backward(padded.square(), x, [1, 2, 0, 1])
        return back + torch.ops.aten._adaptive_avg_pool2d_backward(whole(x, [2, 3]).square(), x)

    def averaged_back(x):
        of = torch.ops.aten.avg_pool2d
        hows = [
            ([2, 2], [], [0, 0], False, True, None),
            ([3, 2], [2, 1], [1, 1], False, False, None),
            ([2, 2], [1, 1], [1, 0], False, True, 3),
        ]
        return torch.cat([torch.ops.aten.avg_pool2d_backward(of(x, *how).square(), x, *how).ravel() for how in hows])

    return {
        "along the last": (along_the_last, X),
        "in place": (in_place, X), "branches": (branches, X), "picked": (picked, X), "scattered": (scattered, X),
        "norms": (lambda x: F.layer_norm(x, (4,)) + F.normalize(x) + torch.linalg.vector_norm(x, ord=3), X),
        "losses": (lambda x, y: F.cross_entropy(x, y.softmax(1)) + F.huber_loss(x, y) + F.kl_div(x, y.sigmoid(), reduction="sum"), X, Y),
        "convolved": (lambda x, w: F.conv2d(x, w, stride=2, padding=1), IMAGE, KERNEL),
        "groups": (lambda x, w: F.conv2d(x, w[:2, :1], groups=2, dilation=(1, 2)), IMAGE, KERNEL),
        "turned round": (lambda x, w: F.conv_transpose2d(x, w[:2], stride=2, padding=1, output_padding=1), IMAGE, KERNEL),
        "unfolded": (lambda x: F.unfold(x, 2).square().sum(1), IMAGE),
        "pooled": (lambda x: F.max_pool2d(x, 2, 1, padding=1).sum(1) + F.avg_pool2d(x, 2, 1, padding=1).sum(1), IMAGE),
        "convolved back": (lambda x, w: convolved_back(x, w, [2, 1], [1, 0], [1, 2], False, 1), IMAGE, KERNEL),
        "groups back": (lambda x, w: convolved_back(x, w[:2, :1], [2, 2], [1, 1], [1, 1], False, 2), IMAGE, KERNEL),
        "turned back": (lambda x, w: convolved_back(x, w[:2], [2, 1], [1, 0], [1, 1], True, 1), IMAGE, KERNEL),
        "padded back": (padded_back, IMAGE),
        "sampled back": (sampled_back, IMAGE[:1], X), "looked up": (looked_up, X),
        "averaged back": (averaged_back, IMAGE),
        "attention": (lambda x, y: F.scaled_dot_product_attention(x[None, None], y[None, None], (x * y)[None, None]), X, Y),
        "heads": (lambda x, y: F.scaled_dot_product_attention(*(a.reshape(1, 2, 3, 2) for a in (x, y, x * y))), X, Y),
        "distances": (lambda x, y: torch.cdist(x, y) + torch.einsum("ij,kj->ik", x, y), X, Y),
        "activations": (lambda x: F.gelu(x) + F.mish(x) + F.softplus(x) + F.elu(x) + F.hardswish(x) + F.logsigmoid(x), X),
        "whole": (lambda x, y: x.round() + y.floor() * x.ceil() + x.frac() + (4 * x).trunc() + x.round(decimals=1), X, Y),
        "remainders": (lambda x, y: x % y + x.fmod(y) + x // y + torch.div(x, y, rounding_mode="trunc"), 4 * X, Y),
        "single": (lambda x: (x.float() * 3).double(), X.astype(np.float32).astype(np.float64)),
    }  # fmt: skip


TALL, SYMMETRIC = RANDOM.normal(size=(4, 3)), X @ X.T + np.eye(3)


def torch_matrices():
    """Programs of factors, determinants and systems."""
    torch = pytest.importorskip("torch", reason="torch is not installed: tox -e torch")
    la = torch.linalg

    def singular(x):
        u, s, vh = la.svd(x, full_matrices=False)
        return u * s + vh[0] + la.svdvals(x)

    def factored(x):
        q, r = la.qr(x)
        return q.sum(0) + r @ r.T

    def eigen(x):
        values, vectors = la.eigh(x)
        return vectors * values.exp() + la.eigvalsh(x, UPLO="U")

    def solved(x, y):
        lower = la.cholesky(x)
        first = la.solve(x.T, y) + torch.cholesky_solve(y, lower) + la.solve(x, y.T, left=False).T
        return first + la.solve_triangular(lower, y, upper=False) + la.solve(x, y[:, 0])[:, None]

    def stacked(x):
        y = torch.stack((x, x + torch.eye(3)))
        return la.cholesky(y, upper=True) + la.det(y)[:, None, None] + la.solve(y, y[:, :, :1]) + la.eigh(y)[1] + la.qr(y)[1]

    return {
        "singular values": (singular, TALL), "QR": (factored, TALL), "eigenvalues": (eigen, SYMMETRIC), "systems": (solved, SYMMETRIC, X),
        "determinants": (lambda x: la.det(x) + la.slogdet(x[[1, 0, 2]])[1] + torch.logdet(x), SYMMETRIC), "stacks": (stacked, SYMMETRIC),
        "inverses": (lambda x, y: la.inv(x) @ y + la.pinv(y).T + la.lstsq(y.T, y.T[:, :2]).solution.sum(), SYMMETRIC, X),
    }  # fmt: skip


OF_MATRICES = ("singular values", "QR", "eigenvalues", "systems", "determinants", "stacks", "inverses")


@pytest.mark.parametrize("name", OF_MATRICES)
def test_what_is_recorded_of_torch_s_matrices_is_what_it_computes(name):
    programs = torch_matrices()
    assert set(programs) == set(OF_MATRICES)
    torch = pytest.importorskip("torch", reason="torch is not installed: tox -e torch")
    f, *given = programs[name]
    found = record("torch", f, *given)
    for numbers in (given, [a * (1 + 2.0**-9) for a in given]):
        due = f(*map(torch.from_numpy, numbers)).numpy().ravel()
        np.testing.assert_allclose(value(found, *numbers), due, rtol=1e-11, atol=1e-12)


def test_what_a_factorization_keeps_for_the_backward_is_its_matrix():
    """An LU factorization is one of the matrix, or of its transpose: the gradient's code is read through it."""
    torch = pytest.importorskip("torch", reason="torch is not installed: tox -e torch")
    how = {"at": SYMMETRIC + np.triu(X[:, :3]), "profile": "quick", "laws": ("gradient", "formula"), "in_process": True, "at_only": True}
    for slip, due in ((0.0, Verdict.HOLDS), (2.0**-40, Verdict.BROKEN)):

        class Volume(torch.autograd.Function):
            factor = 1 + slip

            @staticmethod
            def forward(ctx, x):
                ctx.save_for_backward(x)
                return torch.linalg.slogdet(x)[1]

            @classmethod
            def backward(cls, ctx, v):
                return v * cls.factor * torch.linalg.inv(ctx.saved_tensors[0]).T

        def both(x):
            return Volume.apply(x) + torch.linalg.slogdet(x.T)[1] + torch.linalg.solve(x, x[0]).sum()

        report = check(both, **how)
        assert {r.law: r.verdict for r in report.results}["formula"] is due, str(report)


def test_factors_are_not_asked_for_where_there_are_none():
    torch = pytest.importorskip("torch", reason="torch is not installed: tox -e torch")
    report = check(lambda x: torch.linalg.qr(x).R, at=TALL[:, :2], profile="quick", laws=("gradient",), in_process=True)
    assert report.verdict is Verdict.HOLDS, str(report)  # its gradient is no number at 0


def jax_programs():
    jax = pytest.importorskip("jax", reason="jax is not installed: tox -e jax")
    jnp, lax = jax.numpy, jax.lax

    def loops(x):
        sums = lax.scan(lambda c, row: (c + row, c * row), jnp.zeros(4, x.dtype), x, reverse=True)[1]
        chosen = lax.cond(x[0, 0] > 0, lambda a: a, lambda a: 2 * a, x)
        return sums + chosen + lax.while_loop(lambda c: c < 9, lambda c: 2 * c, x[0, 1] ** 2 + 1)

    def moved(x):
        y = x.at[jnp.array([0, 0])].add(2 * x[:2]).at[1, 2].set(5.0)
        return y[jnp.array([2, 0])].sum() + lax.dynamic_slice(y, (1, 1), (2, 2)).prod() + jnp.sort(y, axis=0)[0] + jnp.roll(y, 1)[0]

    def labelled(x):
        return jnp.take_along_axis(x, jnp.array([[0], [3], [1]]), axis=1)

    def drawn(x, seed):
        return x * jax.random.normal(jax.random.wrap_key_data(seed), x.shape)

    return {
        "loops": (loops, X), "moved": (moved, X), "labelled": (labelled, X), "drawn": (drawn, X, np.array([0, 3], np.uint32)),
        "compiled": (jax.jit(lambda x: jax.nn.softmax(x) + jax.nn.gelu(x) + jnp.linalg.norm(x) + jnp.cumsum(x, 1)), X),
        "products": (lambda x, y: jnp.einsum("ij,kj->ki", x, y) + jax.nn.logsumexp(x @ y.T), X, Y),
        "convolved": (lambda x, w: lax.conv_general_dilated(x, w, (2, 1), ((1, 2), (0, 1)), (1, 2), (2, 1)), IMAGE, KERNEL),
        "pooled": (lambda x: lax.reduce_window(x, -jnp.inf, lax.max, (1, 1, 2, 2), (1, 1, 2, 1), "SAME"), IMAGE),
        "whole": (lambda x, y: jnp.round(x) + jnp.floor(y) * jnp.ceil(x) + x % y + jnp.fmod(x, y), 4 * X, Y),
        "relu": (lambda x: jax.nn.relu(x) + jax.nn.leaky_relu(x) + jnp.clip(x, -0.5, 0.5) + jnp.where(x > 0, x, jnp.exp(x)), X),
    }  # fmt: skip


OF_TORCH = (
    *("in place", "branches", "picked", "scattered", "norms", "losses", "convolved", "groups", "turned round", "unfolded", "pooled"),
    *("convolved back", "groups back", "turned back", "averaged back", "sampled back", "looked up", "padded back"),
    *("along the last", "attention", "heads", "distances", "activations", "whole", "remainders", "single"),
)


@pytest.mark.parametrize("name", OF_TORCH)
def test_what_is_recorded_of_torch_is_what_it_computes(name):
    torch = pytest.importorskip("torch", reason="torch is not installed: tox -e torch")
    programs = torch_programs()
    assert set(programs) == set(OF_TORCH)  # which is known without torch, too
    f, *given = programs[name]
    found, tolerance = record("torch", f, *given), 1e-6 if name == "single" else 1e-13
    for numbers in (given, [a * (1 + 2.0**-9) for a in given]):
        due = f(*map(torch.from_numpy, numbers)).numpy().ravel()
        np.testing.assert_allclose(value(found, *numbers), due, rtol=tolerance, atol=1e-14)


OF_JAX = ("loops", "moved", "labelled", "drawn", "compiled", "products", "convolved", "pooled", "whole", "relu")


@pytest.mark.parametrize("name", OF_JAX)
def test_what_is_recorded_of_jax_is_what_it_computes(name):
    jax = pytest.importorskip("jax", reason="jax is not installed: tox -e jax")
    programs = jax_programs()
    assert set(programs) == set(OF_JAX)
    f, *given = programs[name]
    found = record("jax", f, *given)
    for numbers in (given, [a * (1 + 2.0**-9) if a.dtype.kind == "f" else a for a in given]):
        with jax.enable_x64(True):
            due = np.ravel(f(*map(jax.numpy.asarray, numbers)))
        np.testing.assert_allclose(value(found, *numbers), due, rtol=1e-13, atol=1e-14)


def bagged():
    torch = pytest.importorskip("torch", reason="torch is not installed: tox -e torch")
    F, at = torch.nn.functional, torch.tensor([0, 2, 2, 1])
    short, ends = torch.tensor([4]), torch.tensor([2])
    return {
        "bags": (lambda x: F.embedding_bag(at, x, torch.tensor([0, 3])) + F.embedding_bag(at.reshape(2, 2), x, mode="max"), X),
        "weighed": (lambda x: F.embedding_bag(at[None], x, mode="sum", per_sample_weights=x[None, 1], padding_idx=1), X),
        "alignments": (lambda x: F.ctc_loss(F.log_softmax(x.T[:, None], -1), torch.tensor([[1, 1]]), short, ends), X),
    }  # fmt: skip


@pytest.mark.parametrize("name", ["bags", "weighed", "alignments"])
def test_what_looks_numbers_up_is_recorded(name):
    torch = pytest.importorskip("torch", reason="torch is not installed: tox -e torch")
    f, x = bagged()[name]
    found = record("torch", f, x)
    for numbers in (x, x * (1 + 2.0**-9)):
        np.testing.assert_allclose(value(found, numbers), f(torch.from_numpy(numbers)).numpy().ravel(), rtol=1e-13, atol=1e-14)


def test_lines_are_those_of_the_code():
    torch = pytest.importorskip("torch", reason="torch is not installed: tox -e torch")
    found = record("torch", lambda x: torch.nn.functional.gelu(x), X)
    assert {line["code"] for line in found.listing} == {'found = record("torch", lambda x: torch.nn.functional.gelu(x), X)'}
    with pytest.raises(
        NotTraced, match=r"aten.linalg_matrix_exp is not followed \(test_followed.py:\d+, `lambda x: torch.linalg.matrix_exp"
    ):
        record(
            "torch",
            lambda x: torch.linalg.matrix_exp(x[:, :3]),  # the line that is named
            X,
        )
    with pytest.raises(NotTraced, match="draws random numbers"):
        record("torch", lambda x: torch.nn.functional.dropout(x, 0.5), X)
    with pytest.raises(NotTraced, match="makes a plain number"):
        record("torch", lambda x: x * x.sum().item(), X)


def test_what_torch_runs_by_itself_is_on_no_line_of_whoever_asks():
    torch = pytest.importorskip("torch", reason="torch is not installed: tox -e torch")
    f = torch.nn.functional.avg_pool3d
    report = check(lambda x: f(x[None, None], 2).sum(), at=np.ones((2, 2, 2)), laws=("gradient", "formula"), profile="quick")
    assert "the gradient's code cannot be recorded: aten.avg_pool3d_backward is not followed)" in str(report)


@pytest.mark.parametrize("how", [("bilinear", "zeros", True), ("nearest", "reflection", True)])
def test_a_double_backward_of_sampling_is_judged_by_its_code(how):
    """torch has no code of its backward: what it makes of the forward's, which it takes apart, is recorded."""
    torch = pytest.importorskip("torch", reason="torch is not installed: tox -e torch")
    aten, modes = torch.ops.aten, (("bilinear", "nearest").index(how[0]), ("zeros", "border", "reflection").index(how[1]), how[2])

    def sampled(cut):
        class Sampled(torch.autograd.Function):
            @staticmethod
            def forward(ctx, image, grid):
                ctx.save_for_backward(image, grid)
                return aten.grid_sampler_2d(image, grid, *modes)

            @staticmethod
            def backward(ctx, up):
                image, grid = ctx.saved_tensors
                return aten.grid_sampler_2d_backward(up, image.detach() if cut else image, grid, *modes, [True, True])

        return Sampled

    rng = np.random.default_rng(0)
    where = {"at": (rng.normal(size=(1, 1, 3, 3)), rng.uniform(-0.8, 0.8, size=(1, 1, 2, 2))), "at_only": True}
    for cut, due in ((False, Verdict.HOLDS), (True, Verdict.HOLDS if how[0] == "nearest" else Verdict.BROKEN)):
        report = check(sampled(cut), derivative=2, laws=("value", "gradient"), profile="quick", **where)
        assert report.verdict is due, str(report)
        (told,) = report.conventions.values()
        assert told["formula"]["source"] == "own", told["formula"]["why"]


def test_lines_of_what_jax_writes_down():
    jax = pytest.importorskip("jax", reason="jax is not installed: tox -e jax")
    found = record("jax", jax.jit(lambda x: jax.nn.relu(x).sum()), X)
    assert {line["code"] for line in found.listing} == {'found = record("jax", jax.jit(lambda x: jax.nn.relu(x).sum()), X)'}
    with pytest.raises(NotTraced, match=r"jax's erf_inv is not followed \(test_followed.py"):
        record("jax", lambda x: jax.lax.erf_inv(jax.numpy.tanh(x)), X)


def test_a_relative_error_of_1e_9_in_a_backward_in_single_precision_is_seen():
    torch = pytest.importorskip("torch", reason="torch is not installed: tox -e torch")

    class Scaled(torch.autograd.Function):
        factor = 1.0

        @classmethod
        def forward(cls, ctx, x, w):
            ctx.save_for_backward(x, w)
            return torch.sin(x) * w

        @classmethod
        def backward(cls, ctx, upstream):
            x, w = ctx.saved_tensors
            return upstream * w * torch.cos(x), upstream * torch.sin(x) * cls.factor

    at = X.astype(np.float32), Y.astype(np.float32)
    laws = ("gradient", "formula")
    assert check(Scaled, at=at, profile="quick", laws=laws, in_process=True).verdict is Verdict.HOLDS
    Scaled.factor = 1 + 2.0**-20
    report = check(Scaled, at=at, profile="quick", laws=laws, in_process=True)
    broken = {r.law: r.witness for r in report.results if r.verdict is Verdict.BROKEN}
    assert "formula" in broken, str(report)
    assert "for w" in str(report) or "w[" in str(report)


def test_what_is_custom_in_jax_is_judged_by_the_forward():
    jax = pytest.importorskip("jax", reason="jax is not installed: tox -e jax")

    def custom(slip):
        @jax.custom_vjp
        def f(x, w):
            return jax.numpy.where(x > 0, x * w, 0.0)

        def backward(saved, upstream):
            x, w = saved
            return upstream * w * (x > 0), slip * upstream * x * (x > 0)

        f.defvjp(lambda x, w: (f(x, w), (x, w)), backward)
        return f

    laws = ("gradient", "formula")
    right = check(custom(1.0), at=(X, Y), profile="quick", laws=laws, in_process=True)
    assert right.verdict is Verdict.HOLDS, str(right)
    assert "formula: own code" in str(right)
    wrong = check(custom(1.0 + 1e-10), at=(X, Y), profile="quick", laws=laws, in_process=True)
    assert [r.verdict for r in wrong.results if r.law == "formula"] == [Verdict.BROKEN], str(wrong)


def test_a_reference_of_numpy_beside_torch_and_the_reverse():
    torch = pytest.importorskip("torch", reason="torch is not installed: tox -e torch")

    def plain(x, y):
        return np.sum(np.logaddexp(0, x) * y)

    def kernel(x, y):
        return (torch.nn.functional.softplus(x) * y).sum()

    def pair(x, y):
        return np.sum(np.logaddexp(0, x) * y), (y / (1 + np.exp(-x)), np.logaddexp(0, x))

    how = {"at": (X, Y), "profile": "quick", "laws": ("value", "gradient"), "in_process": True}
    for candidate, reference in ((kernel, plain), (pair, kernel)):
        report = check(candidate, reference=reference, **how)
        assert report.verdict is Verdict.HOLDS, str(report)
        assert f":{reference.__qualname__}, " in str(report)

    def other(x, y):
        return kernel(x, y) * (1 + 1e-9)

    wrong = check(pair, reference=other, **how)
    assert wrong.verdict is Verdict.BROKEN, str(wrong)
    assert f":{other.__qualname__}" in str(wrong)


def test_an_operator_of_ones_own_is_followed_into_its_code():
    torch = pytest.importorskip("torch", reason="torch is not installed: tox -e torch")

    @torch.library.custom_op("verify_tests::wave", mutates_args=(), schema="(Tensor x, Tensor w) -> Tensor")
    def wave(x, w):
        return torch.sin(x) * w

    found = record("torch", wave, X, Y)
    np.testing.assert_allclose(value(found, X + 1, Y), (np.sin(X + 1) * Y).ravel(), rtol=1e-14)


def test_arguments_that_a_function_gathers_are_named_by_their_places():
    torch = pytest.importorskip("torch", reason="torch is not installed: tox -e torch")

    def gathered(*a):
        return (torch.exp(a[0]) * a[1]).sum()

    report = check(gathered, at=(X, Y), profile="quick", laws=("gradient",), in_process=True)
    assert report.verdict is Verdict.HOLDS, str(report)
    assert "gradients for argument_0, argument_1" in str(report)


def test_a_gradient_is_read_by_what_holds_in_real_arithmetic_where_floats_see_another_side():
    torch = pytest.importorskip("torch", reason="torch is not installed: tox -e torch")

    def hinge(x, w):
        return torch.relu(x + w - 0.5 - x)

    at = np.array([2.0**30]), np.array([0.5 + 2.0**-26])  # floats: x + w is x + ½, and the hinge is on its kink
    report = check(hinge, at=at, profile="quick", laws=("formula",), at_only=True, in_process=True)
    assert report.verdict is not Verdict.BROKEN, str(report)


def test_a_gradient_of_jax_is_read_so_too():
    jax = pytest.importorskip("jax", reason="jax is not installed: tox -e jax")

    def hinge(x, w):
        return jax.numpy.maximum(jax.numpy.sqrt(x) + w - jax.numpy.sqrt(x) - (0.5 + 2.0**-25), 0.0).sum()

    def gradient(*arrays):
        recorder = next(a.recorder for a in arrays if isinstance(a, Recorded))
        return [recorder.follow("jax", jax.grad(hinge, argnums=1), arrays)]

    gradient.framework = "jax"
    at = np.array([2.0**61]), np.array([0.5 + 2.0**-24])  # floats: √x + w is √x + ½, and the hinge is off; √x is a ball
    (found,) = as_written(gradient, at)
    assert value(found, *at).tolist() == [1.0]


def of_torch(slip, out=None, inside=None, forward=1):
    torch = pytest.importorskip("torch")

    class Tanh(torch.autograd.Function):
        @staticmethod
        def forward(x):
            return torch.tanh(x.to(inside)).to(out)

        @staticmethod
        def setup_context(ctx, inputs, output):
            ctx.save_for_backward(*inputs)
            ctx.save_for_forward(*inputs)

        @staticmethod
        def backward(ctx, v):
            (x,) = ctx.saved_tensors
            return (slip * v.to(inside) * (1 - torch.tanh(x.to(inside)) ** 2)).to(out).to(x.dtype)

        @staticmethod
        def jvp(ctx, t):
            (x,) = ctx.saved_tensors
            return (forward * t.to(inside) * (1 - torch.tanh(x.to(inside)) ** 2)).to(out)

    return Tanh


def of_jax(slip, out=None, inside=None):
    jax = pytest.importorskip("jax")

    @jax.custom_vjp
    def f(x):
        return jax.numpy.tanh(x.astype(inside or x.dtype)).astype(out or x.dtype)

    def back(x, v):
        return ((slip * v.astype(inside or x.dtype) * (1 - jax.numpy.tanh(x.astype(inside or x.dtype)) ** 2)).astype(x.dtype),)

    f.defvjp(lambda x: (f(x), x), back)
    return f


ALONE = np.array([[0.5, -1.25, 2.0], [0.0, 0.75, -0.3125]], np.float32)


@pytest.mark.parametrize("make", [of_torch, of_jax])
@pytest.mark.parametrize("reference", [np.tanh, lambda x: np.exp(x) / (np.exp(x) + np.exp(-x)) - np.exp(-x) / (np.exp(x) + np.exp(-x))])
def test_arrays_of_one_array_are_weighed_alike_in_a_candidate_and_its_reference(make, reference):
    verdicts = [check(make(slip), at=ALONE, reference=reference, profile="quick", laws=("value", "gradient")).verdict for slip in (1, 1.01)]
    assert verdicts == [Verdict.HOLDS, Verdict.BROKEN]


@pytest.mark.parametrize("library", ["torch", "jax.numpy"])
@pytest.mark.parametrize(("format_", "slip"), [("bfloat16", 2), ("float16", 1.1)])
@pytest.mark.parametrize("inside", ["float32", None])
def test_answers_in_half_precision_are_judged_by_its_digits(library, format_, slip, inside):
    types, make = pytest.importorskip(library), of_torch if library == "torch" else of_jax
    out, how = getattr(types, format_), {"at": ALONE, "reference": np.tanh, "profile": "quick"}
    right = check(make(1, out, getattr(types, inside or format_)), **how)
    assert right.verdict is Verdict.HOLDS, str(right)
    assert f"it answers in {format_}, and is judged by what rounding to that may do" in str(right)
    assert {i.task.law: i.reason for i in right.inapplicable}["descent"].startswith(f"it answers in {format_}")
    wrong = check(make(slip, out, getattr(types, inside or format_)), laws=("gradient",), **how)
    assert wrong.verdict is Verdict.BROKEN


@pytest.mark.parametrize(("forward", "verdict"), [(1, Verdict.HOLDS), (2, Verdict.BROKEN)])
@pytest.mark.parametrize("inside", ["float32", "bfloat16"])
def test_a_forward_mode_in_half_precision_is_held_to_its_digits(forward, verdict, inside):
    torch = pytest.importorskip("torch")
    f = of_torch(1, torch.bfloat16, getattr(torch, inside), forward)
    assert check(f, at=ALONE[:1], reference=np.tanh, profile="quick", laws=("purity",)).verdict is verdict


def test_entries_that_are_no_numbers_leave_the_others_comparable():
    """A row of zeros has no direction, and every other row has."""
    torch = pytest.importorskip("torch")

    def directions(x):
        return x / torch.linalg.vector_norm(x, dim=1, keepdim=True)

    zeros = np.vstack([np.zeros(3), ALONE]).astype(np.float32)
    assert check(directions, at=zeros, profile="quick", laws=("purity",), at_only=True).verdict is Verdict.HOLDS
