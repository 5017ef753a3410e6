"""The spec of a loss: one example's formula over its scores, its parameters, its claims, its source."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from keyword import iskeyword
from math import frexp, isfinite
from typing import Any

from verify.errors import UsageError, of_type, unknown
from verify.later import sympy
from verify.spec.domains import DOMAINS, PREDICTIONS, VECTORS, Censored, Domain, Finite, Label, Prediction, Simplex, Vector
from verify.spec.exact_target import ExactTarget
from verify.spec.fields import as_float32, by_name, number, tuple_of_texts
from verify.spec.relations import RELATIONS, Relation
from verify.spec.statement import second, stated, takes

ParameterValue = float | tuple[float, ...]
"""The value of a parameter: a number, or a tuple with one for each class."""


@by_name(default="1")
@dataclass(frozen=True, kw_only=True)
class Parameter:
    """A real number that the formula depends on, with its default and its open domain (low, high). With `dims="C"` there is one for each
    class, and the formula gets the list; the default is the same for all.
    """

    default: float
    low: float = float("-inf")
    high: float = float("inf")
    dims: str | None = None

    def __post_init__(self) -> None:
        if self.dims not in (None, *CLASSES):
            raise UsageError(f"dims of a parameter is {self.dims!r}; give dims={CLASSES[0]!r}, one for each class, or leave it out.")
        for bound in ("low", "high"):
            object.__setattr__(self, bound, number(f"{bound} of a parameter", getattr(self, bound)))
        number("the default of a parameter", self.default)
        if not self.low < self.high:
            raise UsageError(f"a parameter has the domain ({self.low}, {self.high}), which is empty; give low < high.")
        object.__setattr__(self, "default", self.check("default", self.default))

    def check(self, name: str, value: ParameterValue) -> float:
        """The value as a float. Raises UsageError if there are several, or it lies outside the domain."""
        if isinstance(value, tuple):
            raise UsageError(f"parameter {name} is {', '.join(f'{v:g}' for v in value)}; it is one number, not one for each class.")
        if not self.low < float(value) < self.high:
            raise UsageError(f"parameter {name} = {value:g} is outside its domain ({self.low}, {self.high}).")
        return float(value)

    def check_each(self, name: str, value: ParameterValue) -> ParameterValue:
        """The value of a parameter with a number for each class, given as one for all or as one for each, checked as in `check`."""
        return tuple(self.check(name, v) for v in value) if isinstance(value, tuple) else self.check(name, value)

    @property
    def domain(self) -> Domain:
        """The domain of its numbers."""
        return Domain("Real", self.low, self.high, closed=False)


CLASSES = ("C", "c")
"""The dimension of a parameter that has a number for each class."""


def positive(default: float | None = None, dims: str | None = None) -> Parameter:
    """A parameter that must be greater than 0."""
    if default is None:
        raise UsageError("positive() has no default. Give it one, such as positive(default=1).")
    return Parameter(default=default, low=0.0, dims=dims)


@by_name(start="(2.0, 0.0)", end="(-1.0, 0.0)")
@dataclass(frozen=True, kw_only=True)
class Chord:
    """Two points, each (C,) scores, and a label: the loss at their midpoint lies above the mean of its values at the ends."""

    start: tuple[float, ...]
    end: tuple[float, ...]
    label: int = 0

    def __post_init__(self) -> None:
        for end in ("start", "end"):
            object.__setattr__(self, end, _numbers(f"the {end} of a chord", getattr(self, end), "the scores of a point, (2.0, 0.0) say"))
        of_type("the label of a chord", self.label, (int,), "a label, 0 or more")
        if self.label < 0:
            raise UsageError(f"the label of a chord is {self.label}; give a label, 0 or more.")
        if len(self.start) != len(self.end) or not self.start:
            raise UsageError(f"a chord joins {len(self.start)} scores to {len(self.end)}. Give two points with the same number of scores.")


@by_name(convex="True, or None to claim nothing")
@dataclass(frozen=True, kw_only=True)
class Claims:
    """Properties that the author claims of the loss, besides its formula; they decide which laws apply, and are tested.

    `convex`: True; or False, with the `chord` that shows it; or None without a claim. A false claim is rejected before any candidate is
    judged. `symmetric`: renaming the classes only permutes the scores. `shift_invariant`: a constant added to all scores changes nothing.
    `relations` are such claims for functions of named inputs, whose dimensions and inputs they name.
    """

    convex: bool | None
    chord: Chord | None = None
    symmetric: bool = False
    shift_invariant: bool = False
    relations: tuple[Relation, ...] = ()

    def __post_init__(self) -> None:
        for claim, allowed in (("convex", (True, False, None)), ("symmetric", (True, False)), ("shift_invariant", (True, False))):
            if not any(getattr(self, claim) is a for a in allowed):
                raise UsageError(f"the claim {claim} is {getattr(self, claim)!r}; give one of {', '.join(map(str, allowed))}.")
        if self.chord is not None and not isinstance(self.chord, Chord):
            raise UsageError(f"the chord of a claim is {self.chord!r}; give Chord(start=(…), end=(…), label=0).")
        if not isinstance(self.relations, tuple) or not all(isinstance(r, Relation) for r in self.relations):
            raise UsageError(f"the relations of a claim are {self.relations!r}; give a tuple of {', '.join(RELATIONS)}: ({RELATIONS[0]},).")
        if (self.convex is False) != (self.chord is not None):
            raise UsageError(
                "convex=False is shown by a chord below the loss, and needs one: Claims(convex=False, chord=Chord(start=(…), end=(…), "
                "label=0)). Claim nothing with convex=None."
            )


def others(s: Sequence[Any], y: int) -> list[int]:
    """The classes except the label, j ≠ y."""
    return [j for j in range(len(s)) if j != y]


@by_name(
    name='"mine"',
    claims="Claims(convex=None), which claims nothing",
    source='"where the formula comes from"',
)
@dataclass(frozen=True, kw_only=True, eq=False)
class LossSpec:
    """One example's loss ℓ(s, y) over scores s (C,), before any link, and its label y in 0..C−1.

    `per_example(s, y, **parameters)` receives sympy symbols and returns a sympy expression, continuous in s, written in the additive terms
    that implementations compute: the rounding bound follows the terms as written.

    A loss of one score, such as a booster's, has a `target` instead of classes: `Real()`, `Real(low, high)`, `Positive()`, `Count()`, and
    `per_example(s, t, **parameters)` receives the symbols of the score and of the target. Or it has `targets`, the values at which it is
    judged (`Binary()` and `Sign()` are short for two of them): then t is an exact number, which may be asked (`if t > 0`), looked up
    (`TABLE[t]`) and computed with. Label i stands for `targets[i]`; those of a domain are some hundred, its ends among them.

    A loss of something else than scores says so by its `prediction`: `Probability()`, `Positive()`, `Probabilities()`, `Real(low, high)`.
    One whose targets are vectors, `target=Simplex()`, `Binary("C")` or `Vector(Real())`, gets one symbol for each class. A loss that
    couples its examples has a `per_batch(s, y, **parameters)` in place of `per_example`: s is an array of symbols, (N,) or (N, C), which
    computes as numpy's arrays do, and y holds the N targets, pairs of time and event where they are `Censored()`.

    A parameter with `dims="C"` has a number for each class: weights of the classes, margins. The formula gets the list of them.

    `ways` are other formulas of the same loss, for code that is often written differently, such as Σ_j exp(s_j − s_y) − 1 with the label's
    own term in the sum: a right implementation may have the rounding error of any of them.

    `aliases` are other names, and `computed_by` library functions that compute it: `verify list specs` searches both. Raises UsageError,
    here and when the formula is called, for an invalid formula.
    """

    name: str
    per_example: Callable[..., sympy.Expr] | None = None
    per_batch: Callable[..., sympy.Expr] | None = None
    parameters: Mapping[str, Parameter] = field(default_factory=dict)
    claims: Claims
    source: str
    prediction: Prediction | Domain | None = None
    target: Domain | Finite | Label | Simplex | Vector | Censored | None = None
    targets: tuple[float, ...] | None = None
    ways: tuple[Callable[..., sympy.Expr], ...] = ()
    aliases: tuple[str, ...] = ()
    computed_by: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        of_type("the name of a loss", self.name, (str,), "text")
        of_type(f"the source of {self.name}", self.source, (str,), "text: where the formula comes from")
        tuple_of_texts(self.name, aliases=self.aliases, computed_by=self.computed_by)
        self._check_formula()
        if not isinstance(self.claims, Claims):
            raise UsageError(
                f"the claims of {self.name} are {self.claims!r}; give Claims(convex=True), or Claims(convex=None) to claim nothing."
            )
        self._check_parameters()
        self._check_target()
        self._check_classes()
        if self.targets is not None:
            object.__setattr__(self, "targets", _targets(self.name, self.targets))
        if self.claims.symmetric and (self.targets or self.width is None):
            has = "it has targets" if self.targets else "its prediction is one number"
            raise UsageError(f"{self.name} claims symmetric=True, which is of losses of several classes: {has}. Leave the claim out.")
        if self.claims.relations and not self.of_inputs:
            raise UsageError(
                f"{self.name} claims {self.claims.relations[0]}, which is of functions of named inputs; of scores with labels claim "
                "symmetric=True, shift_invariant=True."
            )
        if not isinstance(self.ways, tuple) or not all(callable(way) for way in self.ways):
            raise UsageError(f"ways of {self.name} are {self.ways!r}; give a tuple of functions like per_example: (lambda s, y: …,).")
        for formula in (self.formula, *self.ways):
            takes(self.name, formula, self.parameters, "a score and a target" if self.targets else "a list of scores and a label")

    def _check_formula(self) -> None:
        for name in ("per_example", "per_batch"):
            given: object = getattr(self, name)
            if given is not None and not callable(given):
                raise UsageError(f"{name} of {self.name} is {given!r}; give a function: lambda s, y: … of sympy symbols.")
        if (self.per_example is None) == (self.per_batch is None):
            both = "both per_example and per_batch; give one of them" if self.per_batch else "no formula"
            raise UsageError(f"{self.name} has {both}: per_example=lambda s, y: log(Add(*map(exp, s))) - s[y], say.")

    def _check_target(self) -> None:
        for name in ("prediction", "target"):
            given: object = getattr(self, name)
            if callable(given) and getattr(given, "__module__", None) == Domain.__module__:
                raise UsageError(f"{name} of {self.name} is {given.__name__} without its parentheses; give {given.__name__}().")  # type: ignore[attr-defined]
        prediction: object = self.prediction
        if prediction is not None and not isinstance(prediction, (Prediction, Domain)):
            raise UsageError(f"prediction of {self.name} is {prediction!r}; give one of {', '.join(PREDICTIONS)}.")
        if isinstance(self.prediction, Domain) and self.prediction.whole:
            raise UsageError(f"prediction of {self.name} is {self.prediction}, whose numbers cannot be moved a little; give real ones.")
        if self.target is None:
            self._needs_no_target()
            return
        target: object = self.target
        if not isinstance(target, (Domain, Finite, Label, Simplex, Vector, Censored)):
            known = ", ".join((*DOMAINS, *VECTORS))
            raise UsageError(f"target of {self.name} is {target!r}; give one of {known}, or a list: targets=(0, 1).")
        if self.targets is not None and self.targets != getattr(self.target, "values", None):
            raise UsageError(f"{self.name} has both target={self.target} and targets={self.targets}; give one of them.")
        if not self.of_one_number and self.width != "c" and not isinstance(self.target, Censored):
            raise UsageError(f"target of {self.name} is {self.target}, of several classes, and a prediction is one number; give Scores().")
        if self.of_one_number and isinstance(self.target, (Domain, Finite)) and (self.prediction is None or self._is_score):
            object.__setattr__(self, "targets", self.target.values)

    def _needs_no_target(self) -> None:
        if self.prediction is not None and self.width != "c" and self.targets is None:
            raise UsageError(f"{self.name} has prediction={self.prediction} and no target; give one of {', '.join(DOMAINS)}.")

    @property
    def formula(self) -> Callable[..., sympy.Expr]:
        """The formula of one example, or of a batch."""
        found = self.per_example or self.per_batch
        assert found is not None
        return found

    @property
    def of_one_number(self) -> bool:
        """Whether a target is one number."""
        return not isinstance(self.target, (Simplex, Vector, Censored))

    @property
    def width(self) -> str | None:
        """The name of the second dimension of the prediction; None if it is one number."""
        if self.prediction is None:
            several = self.targets is None and (self.target is None or not isinstance(self.target, (Domain, Finite, Censored)))
            return "c" if several else None
        return self.prediction.dims[1] if isinstance(self.prediction, Prediction) and len(self.prediction.dims) > 1 else None

    @property
    def _is_score(self) -> bool:
        return isinstance(self.prediction, Prediction) and self.width is None

    @property
    def of_inputs(self) -> bool:
        """Whether it is a function of named inputs: of anything other than scores with one label or number each, one by one."""
        named = isinstance(self.prediction, Prediction) and self.prediction.name in ("Score()", "Scores()")
        ignores = isinstance(self.target, Label) and self.target.ignored is not None
        odd = not self.of_one_number or not (self.prediction is None or named)
        return self.per_batch is not None or ignores or odd or any(p.dims for p in self.parameters.values())

    @property
    def domain(self) -> Domain | None:
        """The domain of its targets, if one formula holds for all of them."""
        return self.target if isinstance(self.target, Domain) else None

    @cached_property
    def symbol_of_target(self) -> sympy.Symbol:
        """The symbol of the target in the formula, if it has a domain: t, or the formula's own name for it if a parameter is called t."""
        names = ("t", *second(self.formula), "target", "y")
        return sympy.Symbol(next(name for name in names if name not in self.parameters), real=True)

    @cached_property
    def written(self) -> tuple[LossSpec, ...]:
        """The loss in each of its further ways of writing."""
        return tuple(replace(self, per_example=way, ways=()) for way in self.ways)

    def _check_parameters(self) -> None:
        if not isinstance(self.parameters, Mapping):
            raise UsageError(f'parameters of {self.name} are {self.parameters!r}; give a dict: {{"delta": positive(default=1)}}.')
        for name, p in self.parameters.items():
            if not isinstance(name, str) or not name.isidentifier() or iskeyword(name):
                raise UsageError(f"{self.name} has a parameter called {name!r}; give it the name of an argument of the formula.")
            if not isinstance(p, Parameter):
                raise UsageError(
                    f"parameter {name} of {self.name} is {p!r}; give positive(default=…), or Parameter(default=…, low=…, high=…)."
                )
            if re.fullmatch(r"[sm]\d+", name):
                raise UsageError(
                    f"{self.name} has a parameter called {name}, as a score or a switch of the formula is; give it another name."
                )

    def _check_classes(self) -> None:
        """Checks the parameters with a number for each class."""
        for name in (name for name, p in self.parameters.items() if p.dims):
            if self.width != "c":
                raise UsageError(f"parameter {name} of {self.name} has dims={CLASSES[0]!r}, and the loss has no classes; leave dims out.")
            if name in INPUT_NAMES:
                raise UsageError(f"{self.name} has a parameter called {name}, as what else is handed in is; give it another name, w say.")

    def scores(self, classes: int) -> int:
        """The number of scores of one example: one with targets, else one for each class."""
        return 1 if self.targets else classes

    def labels(self, classes: int) -> int:
        """The number of labels."""
        return len(self.targets) if self.targets else classes

    def some_labels(self, classes: int) -> range:
        """The labels that represent all if each is considered: for a domain the first, which are simple numbers."""
        return range(min(self.labels(classes), SHOWN_LABELS) if self.domain else self.labels(classes))

    def examined(self, classes: int) -> list[int]:
        """The labels at which a formula and its claims are examined: for a domain also ordinary targets, rare ones and ends."""
        n = self.labels(classes)
        more = {7, 12, n // 2, n - 40, n - 20, n - 8, n - 2} if self.domain else set()
        return sorted({*self.some_labels(classes), *(k for k in more if 0 <= k < n)})

    def constant(self, label: int) -> tuple[float, ...]:
        """The target as the first constant of the formula, if it has a domain; else empty."""
        return (self.targets[label],) if self.domain and self.targets else ()

    def with_parameters(self, given: Mapping[str, ParameterValue]) -> dict[str, float]:
        """The values of all parameters: the given ones, checked, and the defaults of the rest."""
        for name in given:
            if name not in self.parameters:
                raise unknown(f"parameter of {self.name}", name, self.parameters or ["none: it has no parameters"])
        return {n: p.check(n, given.get(n, p.default)) for n, p in self.parameters.items()}

    def place(self, classes: int, label: int) -> str:
        """A label in words."""
        return f"target {self.targets[label]:g}" if self.targets else f"label {label} of {classes} classes"

    def expression(self, classes: int, label: int) -> tuple[sympy.Expr, list[sympy.Symbol]]:
        """(ℓ, symbols): the formula for one label, and its symbols: scores s_0..s_{C−1} (one where there are targets), the target where it
        has a domain, then the parameters in order. Raises UsageError for an invalid formula.
        """
        s = [sympy.Symbol(f"s{j}", real=True) for j in range(classes)]
        p = {name: sympy.Symbol(name, real=True) for name in self.parameters}
        t = [self.symbol_of_target] if self.domain else []
        arguments = [*s, *(t or [ExactTarget(self.targets[label])])] if self.targets else [list(s), label]
        place = f"targets in {self.domain}" if self.domain else self.place(classes, label)
        return stated(self.name, self.formula, arguments, p, place, self.target or self.targets), [*s, *t, *p.values()]


INPUT_NAMES = ("prediction", "target", "weights", "time", "event")
"""Names of a loss's inputs, besides its parameters."""
SHOWN_LABELS = 6
"""Number of labels that represent those of a domain."""


def _targets(name: str, given: object) -> tuple[float, ...]:
    if isinstance(given, (Domain, Finite)):
        raise UsageError(f"targets of {name} is {given}, which is a domain; give it as target={given}, or list targets: targets=(0, 1).")
    found = _numbers(f"targets of {name}", given, "the values at which it is judged, (-1, 1) say")
    if not found:
        raise UsageError(f"{name} has no targets; give one or more, or leave them out for a loss of several classes.")
    for t in found:
        if as_float32(t) != t:
            nearest = as_float32(t)
            exact = f" (or {nearest!r}, the nearest)" if isfinite(nearest) else ""
            raise UsageError(f"target {t!r} of {name} is not held by float32; give one that is, such as {_short(t):g}{exact}.")
    return found


def _numbers(what: str, given: object, allowed: str) -> tuple[float, ...]:
    """Finite numbers as a tuple; whole ones stay whole."""
    if isinstance(given, str) or not isinstance(given, Iterable):
        raise UsageError(f"{what} is {given!r}; give a tuple of numbers: {allowed}.")
    found = tuple(x if isinstance(x, (int, float)) and not isinstance(x, bool) else number(f"one of {what}", x) for x in given)
    for x in found:
        if not isfinite(number(f"one of {what}", x)):
            raise UsageError(f"one of {what} is {x!r}; give finite numbers.")
    return found


def _short(t: float) -> float:
    """A number near `t` with few bits: in eighths, or with three bits if eighths are too coarse; the greatest of float32 beyond it."""
    eighths, (m, e) = round(max(-1e9, min(1e9, t)) * 8) / 8, frexp(t)
    if abs(t) < 2.0**20 and abs(eighths - t) <= abs(t) / 4:
        return eighths
    return float(round(m * 8)) / 8 * 2.0 ** min(max(e, -120), 127)
