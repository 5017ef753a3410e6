"""What tools say of gradients that someone wrote by hand, right and wrong, and how long they take: each as it is when nothing is set."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from scipy.optimize import check_grad
from verify.benchmarks import checked
from verify.benchmarks.checked import FUNCTIONS, Checked

from verify.api import check
from verify.bench.table import Setup, Table

LAWS = ("value", "gradient", "formula")
"""What the others ask."""

AGREES = 1e-6
"""Of the gradient's norm: an error that scipy's number may show and pass. It sets none itself; steps of 1.5e-8 leave about 1e-7."""

PASSES, FAILS = "passes", "fails"
SMOKE = ("lasso", "softplus")


def ours(c: Checked) -> str:
    """By the loss's own code, at the point and around it."""
    report = check(c.f, at=c.x, dtypes=(c.x.dtype.name,), laws=LAWS, profile="quick", in_process=True)
    return FAILS if report.verdict.value == "broken" else PASSES


def command(c: Checked) -> str:
    """The same as a user types it: `verify check`, from the start of the process to its end."""
    with tempfile.TemporaryDirectory() as folder:
        at = Path(folder) / "x.npy"
        np.save(at, c.x)
        target, laws = f"{checked.__file__}:{c.f.__name__}", [word for law in LAWS for word in ("--law", law)]
        words = [target, "--loss", "none", "--at", str(at), *laws, "--profile", "quick", "--quiet"]
        done = subprocess.run([sys.executable, "-P", "-m", "verify", "check", *words], capture_output=True, encoding="utf-8", check=False)
    if done.returncode not in (0, 1, 4):
        raise RuntimeError(f"verify check {' '.join(words)} ended with {done.returncode}: {done.stderr}")
    return FAILS if done.returncode == 1 else PASSES


def scipy(c: Checked) -> str:
    """`scipy.optimize.check_grad`: the norm of what one-sided differences differ by."""

    def at(x: Any) -> tuple[float, Any]:
        value, gradient = c.f(x.reshape(c.x.shape))
        return float(value), gradient.ravel()

    x = c.x.ravel()
    return PASSES if check_grad(lambda x: at(x)[0], lambda x: at(x)[1], x) <= AGREES * np.linalg.norm(at(x)[1]) else FAILS


def torch(c: Checked, *, fast: bool = False) -> str:
    """`torch.autograd.gradcheck`, all entries by centred differences of 1e-6, or along one direction."""
    library = import_module("torch")

    class Function(library.autograd.Function):  # type: ignore[misc,name-defined]  # the library is imported when it is asked for
        @staticmethod
        def forward(context: Any, x: Any) -> Any:
            value, gradient = c.f(x.detach().numpy().copy())
            context.gradient = library.from_numpy(np.array(gradient))
            return library.tensor(value, dtype=x.dtype)

        @staticmethod
        def backward(context: Any, upstream: Any) -> Any:
            return context.gradient * upstream

    x = library.tensor(c.x, requires_grad=True)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Input #0 requires gradient and is not a double precision")
        agrees = library.autograd.gradcheck(Function.apply, (x,), fast_mode=fast, raise_exception=False)
    return PASSES if agrees else FAILS


def jax(c: Checked) -> str:
    """`jax.test_util.check_grads` of reverse mode: along one direction."""
    library = import_module("jax")
    library.config.update("jax_enable_x64", True)
    like = library.ShapeDtypeStruct

    @library.custom_vjp
    def f(x: Any) -> Any:
        return library.pure_callback(lambda x: np.asarray(c.f(np.array(x))[0], x.dtype), like((), x.dtype), x)

    def backward(x: Any, upstream: Any) -> tuple[Any]:
        gradient = library.pure_callback(lambda x: np.asarray(c.f(np.array(x))[1], x.dtype), like(x.shape, x.dtype), x)
        return (upstream * gradient,)

    f.defvjp(lambda x: (f(x), x), backward)
    try:
        import_module("jax.test_util").check_grads(f, (library.numpy.asarray(c.x),), order=1, modes=["rev"])
    except AssertionError:
        return FAILS
    return PASSES


CHECKERS: Mapping[str, tuple[str, Callable[[Checked], str]]] = {
    "verify": ("numpy", ours),
    "scipy check_grad": ("scipy", scipy),
    "torch gradcheck": ("torch", torch),
    "torch gradcheck, fast": ("torch", lambda c: torch(c, fast=True)),
    "jax check_grads": ("jax", jax),
}
"""By name, with the library that each needs."""


def installed() -> dict[str, Callable[[Checked], str]]:
    """Those that can be asked here."""
    return {name: ask for name, (library, ask) in CHECKERS.items() if find_spec(library) is not None}


def setups(smoke: bool) -> Iterator[Setup]:
    """One for each function; the command, which starts a process, in a whole run only."""
    tools = installed() if smoke else {**installed(), "verify check, the whole command": command}
    for name in SMOKE if smoke else FUNCTIONS:
        c = FUNCTIONS[name]
        yield Setup(
            label=f"{name}: {'right' if c.right else 'wrong'} ({c.because})",
            contestants={tool: lambda c=c, ask=ask: ask(c) for tool, ask in tools.items()},  # type: ignore[misc]
            says=str,
        )


TABLE = Table(name="checkers", title="What gradient checkers say of one function, at what cost", setups=setups)
