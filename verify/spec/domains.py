"""Domains of targets: the possible targets, and the values at which a loss is judged.

float32 holds every value, so that both dtypes judge the same numbers. The simplest come first, since examples are shrunk towards them; the
last ones are the ends of the domain and numbers close to them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, wraps
from inspect import signature
from math import floor, inf, isfinite
from random import Random
from typing import Any, ParamSpec, TypeVar, overload

from verify.errors import UsageError, of_type
from verify.later import sympy
from verify.spec.fields import as_float32, number

SIMPLE_NUMBERS = (0.0, 1.0, -1.0, 0.5, 2.0, -0.5, -2.0, 3.0, 0.25, -3.0, 4.0, 1.5, 7.0, -0.75, -4.0, 0.125)
"""Numbers of few bits, on which scores of the grid tie."""
FAR_NUMBERS = tuple(sign * 2.0**k for k in (10, 20, -10, -20) for sign in (1.0, -1.0))
"""Values far from 1 on either side, whose squares stay in the range of float32."""
COUNTS = (0, 1, 2, 3, 5, 7, 10, 13, 20, 34, 50, 100, 255, 1000, 4096, 10**5, 10**6)
RARE_NUMBERS = 80
"""Number of values of a size beyond 2^±5, up to 2^±20: enough that a few cases meet some of both."""
SAMPLED_VALUES = 256
"""Number of values of an infinite domain: as many as a byte distinguishes."""


@dataclass(frozen=True)
class Domain:
    """`Real()`, `Positive()`, `Count()`: the formula is the same for all targets, and gets a symbol.

    `low` and `high` are its ends, which belong to it if they are `closed`.
    """

    name: str
    low: float = -inf
    high: float = inf
    closed: bool = True
    whole: bool = False

    def __post_init__(self) -> None:
        for end in ("low", "high"):
            object.__setattr__(self, end, number(f"{end} of {self.name}", getattr(self, end)))
        if not self.low < self.high:
            raise UsageError(f"{self.name}({self.low:g}, {self.high:g}) is empty; give low < high.")
        if len(self.values) < 2:
            raise UsageError(f"float32 holds no number between {self.low!r} and {self.high!r} but its ends; list them: targets=(…).")

    def __str__(self) -> str:
        """The domain as written in a spec."""
        ends = f"{self.low:g}, {self.high:g}" if self.name == "Real" and (isfinite(self.low) or isfinite(self.high)) else ""
        return f"{self.name}({ends})"

    def __contains__(self, t: float) -> bool:
        return bool(self.holds(t))

    def holds(self, a: Any) -> Any:
        """Whether a number belongs to the domain; for an array which of its numbers do, compared in their own dtype."""
        inside = (a >= self.low) & (a <= self.high) if self.closed else (a > self.low) & (a < self.high)
        return inside & (a == a // 1) if self.whole else inside

    @cached_property
    def values(self) -> tuple[float, ...]:
        """The values at which a loss is judged, the simplest first."""
        known = map(as_float32, self._drawn())
        return tuple(dict.fromkeys(t for t in known if isfinite(t) and t in self))

    @property
    def unbounded(self) -> bool:
        """Whether every real number belongs to it."""
        return not self.whole and not isfinite(self.low) and not isfinite(self.high)

    def _drawn(self) -> list[float]:
        drawn = Random(0)  # noqa: S311
        if self.whole:
            powers = [drawn.uniform(1, 12) for _ in range(SAMPLED_VALUES - len(COUNTS) - RARE_NUMBERS)] + [
                drawn.uniform(12, 20) for _ in range(RARE_NUMBERS)
            ]
            return [*COUNTS, *(floor(2.0**k) for k in powers)]
        ends = [end for end in (self.low, self.high) if isfinite(end)]
        if len(ends) == 2:
            middle, half = (self.low + self.high) / 2, (self.high - self.low) / 2
            near = [end + side * half * 2.0**-k for end, side in zip(ends, (1, -1), strict=True) for k in (8, 16, 20)]
            near += [2.0**-k for k in (40, 60, 80)] if self.low == 0 and not self.closed else []  # a product of two has no subnormals yet
            grid = [middle + half * k / 8 for k in (0, 4, -4, 2, -2, 6, -6, 1, -1, 7, -7)]
            inside = [drawn.uniform(self.low, self.high) for _ in range(SAMPLED_VALUES - len(ends) - len(near) - len(grid))]
            return [*(t for t in SIMPLE_NUMBERS if t in self), *grid, *inside, *near, *ends]
        sign, origin = (-1.0 if isfinite(self.high) else 1.0), (ends[0] if ends else 0.0)
        powers = [drawn.uniform(-5, 5) for _ in range(SAMPLED_VALUES - len(SIMPLE_NUMBERS) - len(FAR_NUMBERS) - len(ends) - RARE_NUMBERS)]
        powers += [drawn.choice((-1, 1)) * drawn.uniform(5, 20) for _ in range(RARE_NUMBERS)]
        sizes = [2.0**k * (drawn.choice((-1.0, 1.0)) if not ends else 1.0) for k in powers]
        return [*SIMPLE_NUMBERS, *(origin + sign * t for t in (*sizes, *FAR_NUMBERS)), *ends]

    def symbol(self, name: str) -> sympy.Symbol | sympy.Expr:
        """A number of the domain as an expression with the common sign of all its numbers, if there is one."""
        x = sympy.Symbol(name, nonnegative=True) if self.closed else sympy.Symbol(name, positive=True)
        if isfinite(self.low) and isfinite(self.high):
            low, high = sympy.Rational(self.low), sympy.Rational(self.high)
            return (low + high * x) / (1 + x)  # all but `high`, which is a limit: what is convex up to there is convex there
        if isfinite(self.low):
            return sympy.Rational(self.low) + x
        return sympy.Rational(self.high) - x if isfinite(self.high) else sympy.Symbol(name, real=True)


@dataclass(frozen=True)
class Finite:
    """`Binary()`, `Sign()`: a few targets, each of which may have a formula of its own."""

    name: str
    values: tuple[float, ...]

    def __str__(self) -> str:
        """The domain as written in a spec."""
        return f"{self.name}()"


Domains = ParamSpec("Domains")
Made = TypeVar("Made")


def _called(make: Callable[Domains, Made]) -> Callable[Domains, Made]:
    """Makes a domain raise UsageError for wrong arguments."""

    @wraps(make)
    def made(*given: Domains.args, **named: Domains.kwargs) -> Made:
        try:
            signature(make).bind(*given, **named)
        except TypeError:
            told = ", ".join([*map(repr, given), *(f"{name}={value!r}" for name, value in named.items())])
            raise UsageError(
                f"{make.__name__}({told}) is no domain of targets; give one of {', '.join(DOMAINS)}, or list them: targets=(0, 1, 2)."
            ) from None
        return make(*given, **named)

    return made


@_called
def Real(low: float = -inf, high: float = inf) -> Domain:  # they read as types in a spec
    """Any number between `low` and `high`, ends included."""
    return Domain("Real", low, high)


@_called
def Positive() -> Domain:
    """Any number greater than 0."""
    return Domain("Positive", 0.0, inf, closed=False)


@_called
def Count() -> Domain:
    """A count: 0, 1, 2, …"""
    return Domain("Count", 0.0, inf, whole=True)


@_called
def Probability() -> Domain:
    """Any number strictly between 0 and 1."""
    return Domain("Probability", 0.0, 1.0, closed=False)


@overload
def Binary() -> Finite: ...
@overload
def Binary(size: str) -> Vector: ...
@_called
def Binary(size: str | None = None) -> Finite | Vector:
    """0 or 1; `Binary("C")` is one of them for each class, for multi-label targets."""
    return Finite("Binary", (0, 1)) if size is None else Vector(Binary())


@_called
def Sign() -> Finite:
    """−1 or 1."""
    return Finite("Sign", (-1, 1))


@dataclass(frozen=True)
class Label:
    """A class 0..n−1, where n is the size of a named dimension: `Label()` for a loss of scores, `Label("c")` for an array. An `ignored`
    label, such as −100, is no class.
    """

    size: str = "c"
    ignored: int | None = None

    def __post_init__(self) -> None:
        of_type("the ignored label", self.ignored, (int, type(None)), "a whole number that is no class, -100 say")
        if self.ignored is not None and self.ignored >= 0:
            raise UsageError(f"the ignored label is {self.ignored}, which may be a class; give a number below 0, -100 say.")

    def __str__(self) -> str:
        """The domain as written in a spec."""
        return f'Label("{self.size}"{"" if self.ignored is None else f", ignored={self.ignored}"})'


@dataclass(frozen=True)
class Simplex:
    """Nonnegative numbers that sum to 1 over the last dimension: for a target, one for each class."""

    def __str__(self) -> str:
        """The domain as written in a spec."""
        return "Simplex()"


@dataclass(frozen=True)
class Vector:
    """One number of a domain for each class."""

    of: Domain | Finite

    def __post_init__(self) -> None:
        if not isinstance(self.of, (Domain, Finite)):
            raise UsageError(f"Vector({self.of!r}) is a vector of no domain; give one of numbers: Vector(Real()), Vector(Positive()).")

    def __str__(self) -> str:
        """The domain as written in a spec."""
        return f"Vector({self.of})"


@dataclass(frozen=True)
class Censored:
    """A time greater than 0, and whether it is that of an event (1) or of the last observation without one (0)."""

    def __str__(self) -> str:
        """The domain as written in a spec."""
        return "Censored()"


@dataclass(frozen=True)
class Prediction:
    """The argument of a loss: its dimensions and the domain of its numbers."""

    name: str
    dims: tuple[str, ...]
    of: Domain

    def __str__(self) -> str:
        """The prediction as written in a spec."""
        return self.name


def Scores() -> Prediction:
    """The prediction of one real score for each class."""
    return Prediction("Scores()", ("n", "c"), Real())


def Score() -> Prediction:
    """The prediction of one real score."""
    return Prediction("Score()", ("n",), Real())


def Probabilities() -> Prediction:
    """The prediction of one probability for each class; they need not add up to 1, so that each has its own slope."""
    return Prediction("Probabilities()", ("n", "c"), Probability())


def Embedding(examples: str = "N", size: str = "E") -> Prediction:
    """The prediction of a vector of real numbers for each example, or for each entry of another first dimension."""
    return Prediction("Embedding()", (examples.lower(), size.lower()), Real())


DOMAINS = ("Real()", "Real(low, high)", "Positive()", "Count()", "Binary()", "Sign()")
VECTORS = ("Label()", "Probability()", 'Binary("C")', "Simplex()", "Vector(Real())", "Censored()")
PREDICTIONS = ("Scores()", "Score()", "Real(low, high)", "Positive()", "Probability()", "Probabilities()", 'Embedding("N", "E")')
