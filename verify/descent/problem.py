"""The loss to minimise: one loss of the core over training data, with test data to measure the result."""

from __future__ import annotations

import hashlib
import pkgutil
from dataclasses import dataclass, replace
from functools import cached_property
from importlib import import_module
from math import inf
from typing import Any

import numpy as np
from numpy.typing import NDArray

import verify.core
from verify.data import digits
from verify.data.cifar10 import Cifar10
from verify.errors import UsageError, of_type, unknown
from verify.spec.catalogue import find_loss, find_penalty, names
from verify.spec.objective import Objective

Floats = NDArray[np.floating]
Labels = NDArray[np.integer[Any]]
PENALTY = "l2"
"""λ‖W‖², the bias included, as in the notes."""

TEST_SHARE = 0.25
"""Share of the digits used for testing: 450 of 1,797, so that an accuracy is known to about 2 %."""

SPLIT_SEED = 0
"""The split does not depend on a run's own seed, so that accuracies of all runs can be compared."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Split:
    """Features X (N, D), the last column 1 for the bias, and labels y (N,) in 0..classes−1; the same for testing."""

    name: str
    X: Floats
    y: Labels
    X_test: Floats
    y_test: Labels
    classes: int = 10

    @cached_property
    def digest(self) -> str:
        """A digest of the data, for checkpoints."""
        told = hashlib.sha256()
        for array in (self.X, self.y, self.X_test, self.y_test):
            told.update(f"{array.dtype} {array.shape}".encode() + np.ascontiguousarray(array).tobytes())
        return told.hexdigest()[:16]

    def first(self, examples: int | None) -> Split:
        """The split with only this many training examples. Raises UsageError if there are fewer."""
        if examples is None:
            return self
        between("examples", examples, 1, len(self.X), whole=True)
        return replace(self, X=np.ascontiguousarray(self.X[:examples]), y=self.y[:examples])


def digits_split(*, raw: bool = False) -> Split:
    """The embedded digits: 1,347 to train on, 450 to test, a bias column: D = 65, float64. Pixels 0..1, or `raw` 0..16."""
    images, labels = digits()
    return _held_out("digits", _features(images, 1 if raw else 16, "float64"), labels.astype(np.int64))


def cifar10_split(found: Cifar10, *, raw: bool = False) -> Split:
    """CIFAR-10 as it was read, with a bias column: D = 3073, float32 to halve the memory. Pixels 0..1, or `raw` 0..255.

    Where there was no test_batch.bin, a quarter of the training examples is kept for testing.
    """
    white = 1 if raw else 255
    X, y = _features(found.images, white, "float32"), found.labels.astype(np.int64)
    if found.test_images is None or found.test_labels is None:
        return _held_out("cifar10", X, y)
    X_test = _features(found.test_images, white, "float32")
    return Split(name="cifar10", X=X, y=y, X_test=X_test, y_test=found.test_labels.astype(np.int64))


def _features(images: NDArray[np.uint8], white: int, dtype: str) -> Floats:
    """Pixels over `white`, and the bias trick: a last column of ones lets W's last column be the bias."""
    X = np.ones((len(images), images.shape[1] + 1), dtype)
    np.divide(images, white, out=X[:, :-1], casting="unsafe")
    return X


def _held_out(name: str, X: Floats, y: Labels) -> Split:
    order = np.random.default_rng(SPLIT_SEED).permutation(len(X))
    test = int(TEST_SHARE * len(X)) + 1
    if len(X) <= test:
        raise UsageError(f"{name} has {len(X)} example(s): too few to keep some for testing; give at least 2.")
    train, kept = order[test:], order[:test]
    return Split(name=name, X=X[train], y=y[train], X_test=X[kept], y_test=y[kept])


def kernels() -> list[str]:
    """The losses that have both a spec and a kernel."""
    shipped = {m.name for m in pkgutil.iter_modules(verify.core.__path__)}
    return [name for name in names() if name in shipped]


@dataclass(frozen=True, kw_only=True, eq=False)
class TrainingProblem:
    """f(W) = (1/N) Σ_i ℓ(W x_i, y_i) + λ‖W‖² over a split's training examples; W is (classes, D).

    Raises UsageError for a loss that has no kernel, and for a λ that is negative or not finite.
    """

    split: Split
    loss: str = "multiclass_hinge"
    reg: float = 1e-4

    def __post_init__(self) -> None:
        if self.loss not in kernels():
            raise unknown("loss", self.loss, kernels())
        between("reg", self.reg, 0, inf)

    @cached_property
    def _objective(self) -> Any:
        return getattr(import_module(f"verify.core.{self.loss}"), PENALTY)

    def __call__(self, W: Floats, rows: NDArray[np.intp] | None = None) -> tuple[float, Floats]:
        """(f, ∇f) over all training examples, or over those of the given rows; on a kink the kernel's subgradient."""
        X, y = self.split.X, self.split.y
        if rows is not None:
            X, y = X[rows], y[rows]
        value, dW = self._objective(W, X, y, self.reg)
        return float(value), dW

    @property
    def examples(self) -> int:
        """N."""
        return len(self.split.X)

    @property
    def shape(self) -> tuple[int, int]:
        """The shape of W: (C, D)."""
        return self.split.classes, self.split.X.shape[1]

    @property
    def dtype(self) -> np.dtype[Any]:
        """The required dtype of W."""
        return self.split.X.dtype

    def in_float64(self) -> TrainingProblem:
        """The problem with float64 features: differences with a step of 1e-5 drown in the rounding of float32."""
        s = self.split
        X, X_test = s.X.astype(np.float64), s.X_test.astype(np.float64)
        return TrainingProblem(split=replace(s, X=X, X_test=X_test), loss=self.loss, reg=self.reg)

    @property
    def objective(self) -> Objective:
        """The objective as a spec, for the oracle."""
        return Objective(loss=find_loss(self.loss), penalty=find_penalty(PENALTY))

    def accuracy(self, W: Floats) -> float:
        """The share of the test examples whose greatest score is that of their label. The first class wins a tie."""
        return float(np.mean(np.argmax(self.split.X_test @ W.T, axis=1) == self.split.y_test))

    @cached_property
    def smoothness(self) -> float:
        """L ≥ ‖∇²f‖ wherever f is smooth, if ‖∂²ℓ/∂s²‖ ≤ ½ (softmax; 0 for the hinge): ½·mean‖x‖² + 2λ.

        The largest eigenvalue of (1/N) XᵀX is at most its trace, mean‖x‖².
        """
        square = np.einsum("ij,ij->i", self.split.X, self.split.X, dtype=np.float64)
        return float(square.mean()) / 2 + 2 * self.reg


def between(kind: str, given: object, low: float, high: float, *, whole: bool = False) -> None:
    """Raises UsageError unless low ≤ given ≤ high, given being finite."""
    bounds = f"from {low} to {high}" if high < inf else f"of at least {low}"
    allowed = f"a {'whole' if whole else 'finite'} number {bounds}"
    of_type(kind, given, (int,) if whole else (int, float), allowed)
    if not (isinstance(given, (int, float)) and low <= given <= high and abs(given) < inf):
        raise UsageError(f"{kind} is {given!r}; give {allowed}.")
