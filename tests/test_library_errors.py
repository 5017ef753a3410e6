"""Each error that is known by its text, provoked in the library as it is installed."""

from __future__ import annotations

import threading
import warnings

import numpy as np
import pytest
import sympy
from numba import cuda

from verify import library_errors
from verify.library_errors import LibraryError

S = sympy.Symbol("s", real=True)


def torch_no_derivative(torch):
    x, sign = torch.zeros(3, requires_grad=True), torch.ones(3, requires_grad=True)
    return torch.nn.functional.soft_margin_loss(x, sign)


def torch_only_backward(torch):
    from torch.utils.checkpoint import checkpoint

    x = torch.ones(3, requires_grad=True)
    return torch.autograd.grad(checkpoint(lambda a: a.sin().sum(), x, use_reentrant=True), x)


def python_no_thread(_):
    """A stack of all memory that can be addressed."""
    before = threading.stack_size(1 << 46)
    try:
        threading.Thread(target=print).start()
    finally:
        threading.stack_size(before)


def on_a_gpu(ask):
    """Of libraries that are installed, where there is no GPU."""

    def provoke(_):
        if cuda.is_available():
            pytest.skip("there is a GPU")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of how they look for one
            ask()

    return provoke


def of_torch():
    pytest.importorskip("torch").ones(1).cuda()


def of_triton():
    torch, triton = pytest.importorskip("torch"), pytest.importorskip("triton")

    @triton.jit
    def kernel(x):
        pass

    kernel[(1,)](torch.ones(1))


def of_jax():
    pytest.importorskip("jax").devices("gpu")


def of_pallas():
    jax = pytest.importorskip("jax")
    from jax.experimental import pallas

    pallas.pallas_call(lambda x, y: None, out_shape=jax.ShapeDtypeStruct((1,), "float32"))(jax.numpy.ones(1, "float32"))


def of_numba():
    cuda.jit(lambda x: None)[1, 1](np.ones(1))


PROVOKED = {
    "NO_GPU": [on_a_gpu(ask) for ask in (of_torch, of_triton, of_jax, of_pallas, of_numba)],
    "TORCH_NO_DERIVATIVE": [torch_no_derivative],
    "TORCH_ONLY_BACKWARD": [torch_only_backward],
    "TORCH_OTHER_DTYPE": [
        lambda torch: torch.nn.Linear(3, 1)(torch.zeros(3, dtype=torch.float64)),
        lambda torch: torch.nn.Linear(3, 1).double()(torch.zeros(3, dtype=torch.float32)),
    ],
    "SYMPY_NO_TRUTH_VALUE": [lambda _: bool(S > 0)],
    "BOOLEAN_AS_NUMBER": [lambda _: sympy.exp(S) + (S == 0)],
    "NUMPY_NO_METHOD": [lambda _: np.exp(np.array([S, S], dtype=object))],
    "PYTHON_NO_THREAD": [python_no_thread],
}
KNOWN = {name: value for name, value in vars(library_errors).items() if isinstance(value, LibraryError)}


def test_each_is_provoked():
    assert set(PROVOKED) == set(KNOWN)


@pytest.mark.parametrize(("name", "provoke"), [(name, f) for name, several in PROVOKED.items() for f in several])
def test_the_library_words_it_so(name, provoke):
    library = pytest.importorskip("torch") if name.startswith("TORCH") else None
    with pytest.raises(Exception) as told:  # noqa: PT011
        provoke(library)
    assert [known for known, error in KNOWN.items() if error.is_told_by(told.value)] == [name]
    assert not KNOWN[name].is_told_by(KNOWN[name].kind("something else"))
    assert not KNOWN[name].is_told_by(Unreadable())


class Unreadable(RuntimeError, TypeError):
    def __str__(self):
        raise ValueError
