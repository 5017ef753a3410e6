"""Whose function it is: told by what it mentions, with a stand-in for a framework, so that none need be installed."""

from __future__ import annotations

import sys
from functools import partial
from types import FunctionType, ModuleType

import numpy as np
import pytest
from scipy import special

from verify import Candidate
from verify.candidates import adapted, framework_of, frameworks
from verify.candidates.frameworks import named, uses
from verify.candidates.upstream import Pulled, answering

LIBRARY = ModuleType("torch")


class Tensor:
    """Adds and multiplies, and is no array."""

    __module__ = "torch"

    def __init__(self, a):
        self.a = np.asarray(a)

    def __mul__(self, other):
        if isinstance(other, np.ndarray):
            raise TypeError("an array is no tensor")
        return Tensor(self.a * getattr(other, "a", other))

    __rmul__ = __mul__
    __array_ufunc__ = None

    def sum(self):
        return Tensor(self.a.sum())


LIBRARY.Tensor = Tensor


def _unwrapped(found):
    return tuple(_unwrapped(y) for y in found) if isinstance(found, tuple) else getattr(found, "a", found)


ADAPTER = ModuleType("stand_in")
ADAPTER.adapted = lambda f, both, upstream: None


def _of_function(f, both, upstream):
    def pull(arguments, scale=1.0, layout="drawn", *, backward=True):
        found = _unwrapped(f(*[Tensor(a) for a in arguments]))
        return found if isinstance(found, tuple) else Pulled(value=found, gradient=2 * arguments[0])

    return named(f, answering(pull) if both else lambda *arguments: _unwrapped(f(*[Tensor(a) for a in arguments])), "torch")


ADAPTER.of_function = _of_function


@pytest.fixture
def stand_in(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", LIBRARY)
    monkeypatch.setitem(sys.modules, "stand_in", ADAPTER)
    monkeypatch.setattr(frameworks, "ADAPTERS", {"torch": "stand_in"})


W = np.array([1.0, 2.0])
OF_LIBRARY = Tensor(W)


def in_file(f, **names):
    """The function as it would be in a file with these names."""
    return FunctionType(f.__code__, names | {"__builtins__": __builtins__}, f.__name__, f.__defaults__, f.__closure__)


class Weighted:
    def __init__(self, w):
        self.w = w

    def __call__(self, x):
        return (x * self.w).sum()

    def method(self, x):
        return (x * self.w).sum()


def around(w):
    return lambda x: (x * w).sum()


def plain(x):
    return (x * x).sum()


def default(x, w=OF_LIBRARY):
    return (x * w).sum()


def mentions(x):
    return (LIBRARY.Tensor(W) * x).sum()


OF = {
    "its file imports it alone": (in_file(plain, torch=LIBRARY), True),
    "its file imports both": (in_file(plain, torch=LIBRARY, np=np), True),
    "its file imports numpy": (in_file(plain, np=np), False),
    "mentions it": (mentions, True),
    "mentions a tensor": (in_file(lambda x: x * w, w=OF_LIBRARY), True),  # noqa: F821
    "mentions an array": (in_file(lambda x: x * w, w=W, torch=LIBRARY), False),  # noqa: F821
    "mentions scipy": (in_file(lambda x: special.expit(x), special=special, torch=LIBRARY), False),
    "a number of numpy's tells nothing": (in_file(lambda x: x * w, w=np.float64(2), torch=LIBRARY), True),  # noqa: F821
    "a tensor around it": (around(OF_LIBRARY), True),
    "an array around it": (around(W), False),
    "a tensor as its default": (default, True),
    "an object with a tensor": (Weighted(OF_LIBRARY), True),
    "an object with an array": (Weighted(W), False),
    "a method": (Weighted(OF_LIBRARY).method, True),
    "partial": (partial(around, OF_LIBRARY), True),
    "a helper of its own": (in_file(lambda x: helper(x), helper=around(OF_LIBRARY)), True),  # noqa: F821
}


@pytest.mark.parametrize("name", OF)
def test_what_a_function_mentions_tells_whose_it_is(name):
    f, expected = OF[name]
    assert uses(f, "torch") is expected


def test_a_file_that_imports_a_framework_may_hold_a_numpy_pair(stand_in):
    """Neither part of the first is certain; the second mentions an array in one part, the third is of the framework."""
    names = {"torch": LIBRARY, "np": np, "w": W}
    unsure = Candidate(loss=in_file(lambda x: x.std(), **names), grad=in_file(lambda x: (x - x.mean()) / (x.size * x.std()), **names))
    numpy = Candidate(loss=in_file(lambda x: (w * x).sum(), **names), grad=in_file(lambda x: x * 0 + 1, **names))  # noqa: F821
    of_it = Candidate(loss=in_file(lambda x: (x * x).sum(), **names), grad=in_file(lambda x: w * x, torch=LIBRARY, w=Tensor(2.0)))  # noqa: F821
    x = np.array([1.0, 3.0])
    for candidate, value, framework in ((unsure, 1.0, None), (numpy, 7.0, None), (of_it, 10.0, "torch")):
        found = adapted(candidate)
        assert found.loss(x) == value
        assert np.shape(found.grad(x)) == (2,)
        assert framework_of(found) == framework


def test_a_function_that_converts_arrays_itself_is_asked_with_arrays(stand_in):
    def itself(x):
        if not isinstance(x, np.ndarray):
            raise TypeError("give an array")
        return float((LIBRARY.Tensor(x) * LIBRARY.Tensor(x)).sum().a), 2 * x

    f = adapted(itself)
    value, gradient = f(np.array([1.0, 3.0]))
    assert (value, gradient.tolist(), framework_of(f)) == (10.0, [2.0, 6.0], None)
    assert f.pull((np.array([1.0, 3.0]),)) is None  # nobody differentiates it


def test_who_refuses_both_ways_is_told_of_the_likelier_one(stand_in):
    def neither(x):
        raise ValueError(f"{type(x).__name__} of {LIBRARY.__name__}")

    with pytest.raises(ValueError, match="Tensor of torch"):
        adapted(neither)(np.ones(2))


def test_a_loss_alone_of_arrays_has_no_gradient_so_its_refusal_is_told(stand_in):
    def alone(x):
        if isinstance(x, LIBRARY.Tensor):
            raise ValueError("not of tensors")
        return x.sum()

    with pytest.raises(ValueError, match="not of tensors"):
        adapted(alone)(np.ones(2))
