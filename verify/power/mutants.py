"""The catalogue: the right implementation with one thing done wrong, for each thing that is there to be done wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from verify.oracle import Oracle, exact
from verify.rounding import unit_roundoff
from verify.spec import Objective
from verify.terms import ExampleTerms, Parts, Reference, Role, Term

Floats = NDArray[np.floating]
Answer = tuple[float, Floats]
Candidate = Callable[..., Answer]

BLOCK = 64
LARGE = 30.0
"""Scores beyond this are large: generic cases stay below it."""
RELATIVE = tuple(10.0**-k for k in range(3, 13))
VISIBLE = 1e3
"""Relative errors below this many unit roundoffs are not in the catalogue of a dtype: right code may err by some of them."""


@dataclass(frozen=True)
class Mutant:
    """A wrong implementation, its name, and the family of mistakes that it belongs to; `when` it is another than the right one, if not
    everywhere; and whether its answer depends on what it was asked before, or on chance.
    """

    name: str
    family: str
    f: Callable[..., Any]
    when: Callable[[Parts], bool] | None = None
    wavers: bool = False


def on_a_kink(p: Parts) -> bool:
    """Whether an example lies on one."""
    return any(e.ties for e in p.examples)


def right(reference: Reference) -> Candidate:
    """The right implementation."""
    return _made(reference)


def mutants(reference: Reference) -> list[Mutant]:
    """Every mutant that differs from the right implementation: those of a switch, a parameter or a penalty only where there is one."""
    return [
        *_terms(reference), *_losses(reference), *_kinks(reference), *_parameters(reference), *_penalty(reference), *_structure(reference),
        *_relative(reference), *_latent(reference), *_behaviour(reference),
    ]  # fmt: skip


def _made(
    reference: Reference,
    parts: Callable[[Parts], Parts] = lambda p: p,
    term: Callable[[Term, ExampleTerms, int], float] | None = None,
    entry: Callable[[Term, int], int] | None = None,
    after: Callable[[Floats, Parts], Floats] = lambda G, p: G,
    loss: Callable[[Parts], float] = lambda p: p.loss,
) -> Candidate:
    """The implementation from: a change of the parts, the factor of a term, the class that it is given to, a last touch, a loss."""
    labels = reference.oracle.objective.loss.labels

    def f(W: Floats, X: Floats, y: NDArray[np.integer[Any]], reg: float) -> Answer:
        whole = reference.known(W, X, y, reg)
        if whole is None:
            if not (np.all(np.isfinite(W)) and np.all(np.isfinite(X))):
                return float("nan"), np.full_like(W, np.nan)
            if np.any(y < 0) or np.any(y >= labels(len(W))) or len(y) != len(X) or X.shape[1] != W.shape[1]:
                raise ValueError("labels or shapes do not fit")
            whole = reference.parts(W, X, y, reg)
        p = parts(whole)
        G = p.gradient.copy() if term is None and entry is None else p.summed(_score_gradients(p, term or _untied, entry or _own))
        return float(W.dtype.type(loss(whole))), after(G, whole).astype(W.dtype)

    return f


def _untied(t: Term, e: ExampleTerms, label: int) -> float:
    return float(not t.tied)


def _own(t: Term, C: int) -> int:
    return t.entry


def _score_gradients(p: Parts, term: Callable[[Term, ExampleTerms, int], float], entry: Callable[[Term, int], int]) -> Floats:
    dS, C = np.zeros((len(p.X), len(p.W))), len(p.W)
    for ds, e, label in zip(dS, p.examples, p.y, strict=True):
        for t in e.terms:
            ds[entry(t, C)] += term(t, e, int(label)) * t.value
    return dS


def _roles(reference: Reference) -> dict[Role, None]:
    """The roles that occur, seen on a small example of three classes whose switches are all on, all off and tied."""
    roles: dict[Role, None] = {}
    loss = reference.oracle.objective.loss
    for first in (0.0, 9.0, -9.0):
        scores = [exact.ball(first), *(exact.ball(0.0) for _ in range(loss.scores(3) - 1))]
        for label in loss.some_labels(3):
            roles |= dict.fromkeys(t.role for t in reference.example(scores, label).terms if t.value)
    return roles


def _has_classes(reference: Reference) -> bool:
    """Whether an example has several scores, one a class."""
    return not reference.oracle.objective.loss.targets


def _terms(reference: Reference) -> Iterator[Mutant]:
    for role in _roles(reference):
        for what, factor in (("left out", 0.0), ("counted twice", 2.0), ("with the wrong sign", -1.0)):
            yield Mutant(f"{role} {what}", "term", _made(reference, term=_factor_of(role, factor)))
        if _has_classes(reference):
            yield Mutant(f"{role} given to the next class", "term", _made(reference, entry=_next_for(role)))


def _factor_of(role: Role, factor: float) -> Callable[[Term, ExampleTerms, int], float]:
    return lambda t, e, label: (not t.tied) * (factor if t.role == role else 1.0)


def _next_for(role: Role) -> Callable[[Term, int], int]:
    return lambda t, C: (t.entry + 1) % C if t.role == role else t.entry


def _losses(reference: Reference) -> Iterator[Mutant]:
    """A wrong loss beside the right gradient."""
    count = len(reference.oracle.example.value_terms)
    for k in range(count):
        for what, factor in (("left out", 0.0), ("counted twice", 2.0), ("with the wrong sign", -1.0)):
            yield Mutant(f"term {k + 1} of the loss {what}", "loss", _made(reference, loss=_loss_with(k, factor)))
    yield Mutant("loss off by 1e-3", "loss", _made(reference, loss=lambda p: p.loss * (1 + 1e-3)))
    if reference.oracle.dtype == "float64":
        yield Mutant("loss in single precision", "loss", _made(reference, loss=lambda p: float(np.float32(p.loss))))
    yield Mutant("loss not computed anew where W hardly changes", "loss", _stale(_made(reference)), wavers=True)


def _loss_with(k: int, factor: float) -> Callable[[Parts], float]:
    def loss(p: Parts) -> float:
        return p.loss + p.share * sum((factor - 1) * e.losses[k] for e in p.examples)

    return loss


def _stale(f: Candidate) -> Candidate:
    kept: dict[str, Any] = {}

    def g(W: Floats, X: Floats, y: NDArray[np.integer[Any]], reg: float) -> Answer:
        loss, gradient = f(W, X, y, reg)
        same = "W" in kept and kept["W"].shape == W.shape and np.array_equal(kept["X"], X) and kept["reg"] == reg
        if not (same and np.array_equal(kept["y"], y) and np.allclose(kept["W"], W, rtol=0, atol=1e-2)):
            kept.update(W=W.copy(), X=X.copy(), y=y.copy(), reg=reg, loss=loss)
        return kept["loss"], gradient

    return g


def _kinks(reference: Reference) -> Iterator[Mutant]:
    if not reference.oracle.example.switches:
        return
    for value in (2.0, -0.1):
        yield Mutant(f"{value:g} on a kink", "kink", _made(reference, term=_ties_as(value)), on_a_kink)
    ways: tuple[tuple[str, Callable[[Term, ExampleTerms, int], float]], ...] = (
        ("> for the label, ≥ for the others", lambda t, e, label: float(not t.tied or t.entry != label)),
        ("≥ for the label, > for the others", lambda t, e, label: float(not t.tied or t.entry == label)),
        ("nothing on a kink", lambda t, e, label: float(not t.tied and not e.ties)),
    )
    for name, term in ways:
        yield Mutant(name, "kink", _made(reference, term=term), on_a_kink)


def _ties_as(value: float) -> Callable[[Term, ExampleTerms, int], float]:
    return lambda t, e, label: value if t.tied else 1.0


def _parameters(reference: Reference) -> Iterator[Mutant]:
    """A parameter that is shifted in the gradient only, and one that is shifted in both: consistent with a wrong loss. Where the formula
    does not mention it the shifted one is equal, and left out.
    """
    objective = reference.oracle.objective
    in_value, in_gradient = reference.oracle.formula(objective.loss.scores(3), 0).mentioned
    for name, value in objective.parameters.items():
        parameter = objective.loss.parameters[name]
        for factor in (factor for factor in (0.5, 2.0) if parameter.low < factor * value < parameter.high):
            shifted = Reference(Oracle(_with(objective, name, factor * value), reference.oracle.dtype))
            if name in in_gradient:
                yield Mutant(f"{name} × {factor:g} in the gradient", "parameter", _pair(_made(reference), _made(shifted)))
            if name in in_value:
                yield Mutant(f"{name} × {factor:g} in loss and gradient", "consistent", _made(shifted))


def _with(objective: Objective, name: str, value: float) -> Objective:
    return replace(objective, parameters={**objective.parameters, name: value})


def _pair(loss: Candidate, gradient: Candidate) -> Candidate:
    return lambda *arguments: (loss(*arguments)[0], gradient(*arguments)[1])


def _penalty(reference: Reference) -> Iterator[Mutant]:
    if not reference.oracle.penalised(np.zeros((1, 2))).any():
        return
    for what, factor in (("left out", 0.0), ("halved", 0.5), ("doubled", 2.0), ("subtracted", -1.0)):
        yield Mutant(f"the penalty's gradient {what}", "penalty", _made(reference, parts=_slope_times(np.array(factor))))
    if reference.oracle.objective.penalty.bias:
        yield Mutant("the bias not penalised in the gradient", "penalty", _made(reference, parts=_without_bias))


def _slope_times(factor: Floats) -> Callable[[Parts], Parts]:
    return lambda p: replace(p, slope=factor * p.slope)


def _without_bias(p: Parts) -> Parts:
    return replace(p, slope=p.slope * (np.arange(p.W.shape[1]) < p.W.shape[1] - 1))


def _structure(reference: Reference) -> Iterator[Mutant]:
    yield Mutant("the reduction's 1/N left out", "reduction", _made(reference, parts=lambda p: replace(p, share=p.share * len(p.X))))
    yield Mutant("divided by N once more", "reduction", _made(reference, parts=lambda p: replace(p, share=p.share / len(p.X))))
    if _label_matters(reference):
        shifted = _labels_shifted(_made(reference), reference.oracle.objective.loss.labels)
        yield Mutant("the next class's label in the gradient", "label", _pair(_made(reference), shifted))
    yield Mutant("sign of everything", "structure", _made(reference, after=_times(-1.0)))
    if _has_classes(reference):
        yield Mutant("the first class left out", "structure", _made(reference, after=_touched((0,), 0.0)))
    yield Mutant("the bias column left out", "structure", _made(reference, after=_touched((slice(None), -1), 0.0)))
    yield Mutant("the last example left out", "structure", _made(reference, parts=lambda p: _first(p, max(1, len(p.X) - 1))))
    yield Mutant(f"the tail beyond {BLOCK} examples left out", "structure", _made(reference, parts=lambda p: _first(p, BLOCK)))


def _label_matters(reference: Reference) -> bool:
    """Whether the formula is not the same for two labels."""
    loss = reference.oracle.objective.loss
    if loss.domain:
        return True
    known = {reference.oracle.formula(loss.scores(3), label).expression for label in range(min(2, loss.labels(3)))}
    return len(known) > 1


def _labels_shifted(f: Candidate, labels: Callable[[int], int]) -> Candidate:
    def g(W: Floats, X: Floats, y: NDArray[np.integer[Any]], reg: float) -> Answer:
        n = labels(len(W))
        return f(W, X, np.where((y >= 0) & (y < n), (y + 1) % n, y), reg)

    return g


def _first(p: Parts, n: int) -> Parts:
    return replace(p, X=p.X[:n], y=p.y[:n], examples=p.examples[:n])


def _times(factor: float) -> Callable[[Floats, Parts], Floats]:
    return lambda G, p: G * factor


def _only(holds: Callable[[Parts], bool]) -> Callable[[Floats, Parts], Floats]:
    return lambda G, p: G * 1.001 if holds(p) else G


def _touched(place: tuple[Any, ...], factor: float) -> Callable[[Floats, Parts], Floats]:
    def after(G: Floats, _: Parts) -> Floats:
        G[place] *= factor
        return G

    return after


def off_by(reference: Reference, error: float, *, loss: bool = False) -> Candidate:
    """One entry of the gradient, or the loss, off by a relative error: what sensitivities are measured with."""
    if loss:
        return _made(reference, loss=lambda p: p.loss * (1 + error))
    return _made(reference, after=_touched((0, -1), 1 + error))


def visible(dtype: str) -> list[float]:
    """The relative errors that no right implementation makes."""
    return [e for e in RELATIVE if e >= VISIBLE * unit_roundoff(dtype)]


def _relative(reference: Reference) -> Iterator[Mutant]:
    dtype = reference.oracle.dtype
    for error in visible(dtype):
        yield Mutant(f"every entry off by {error:.0e}", "precision", _made(reference, after=_times(1 + error)))
        yield Mutant(f"one entry off by {error:.0e}", "precision", off_by(reference, error))
    if dtype == "float64":
        yield Mutant("single precision inside", "precision", _made(reference, after=lambda G, p: G.astype(np.float32)))


def _latent(reference: Reference) -> Iterator[Mutant]:
    """Right almost everywhere: wrong by a part in a thousand where a condition holds."""
    conditions: Sequence[tuple[str, Callable[[Parts], bool]]] = (
        ("for large scores", lambda p: max(e.greatest for e in p.examples) > LARGE),
        ("for two classes", lambda p: len(p.W) == 2),
        ("for more than eight classes", lambda p: len(p.W) > 8),
        ("for one example", lambda p: len(p.X) == 1),
        (f"for more than {BLOCK} examples", lambda p: len(p.X) > BLOCK),
        ("for an absent class", lambda p: len(set(p.y.tolist())) < len(p.W)),
        ("for a single label", lambda p: len(p.y) > 1 and len(set(p.y.tolist())) == 1),
        ("for zero weights", lambda p: not p.W.any()),
        ("without a penalty", lambda p: not p.slope.any()),
        ("on a kink", on_a_kink),
    )
    kinks, classes = bool(reference.oracle.example.switches), _has_classes(reference)
    for what, holds in conditions:
        if ("kink" not in what or kinks) and ("class" not in what or classes):
            yield Mutant(f"1.001 × {what} only", "latent", _made(reference, after=_only(holds)), holds)


def _behaviour(reference: Reference) -> Iterator[Mutant]:
    f = _made(reference)
    noise = np.random.default_rng(0)
    buffers: dict[Any, Floats] = {}
    kept: dict[str, Any] = {}

    def by_accident(W: Floats, *rest: Any) -> Answer:
        loss, G = f(W, *rest)
        return loss, np.where(noise.random(G.shape) < 0.5, G, np.nextafter(G, G.dtype.type(np.inf)))

    def writes(W: Floats, *rest: Any) -> Answer:
        answer = f(W, *rest)
        W -= W.dtype.type(0.5) * answer[1] + W.dtype.type(1)
        return answer

    def shares(W: Floats, *rest: Any) -> Answer:
        loss, G = f(W, *rest)
        buffer = buffers.setdefault((W.shape, W.dtype), np.empty(W.shape, W.dtype))
        buffer[...] = G
        return loss, buffer

    def remembers(W: Floats, *rest: Any) -> Answer:
        if kept.get("W") is not W:
            kept.update(W=W, answer=f(W, *rest))
        answer: Answer = kept["answer"]
        return answer

    def reads_memory(W: Floats, *rest: Any) -> Answer:
        return f(W.ravel(order="K").reshape(W.shape), *rest)

    def swallows(W: Floats, *rest: Any) -> Answer:
        return f(np.nan_to_num(W, posinf=0.0), *rest)

    def by_place(W: Floats, X: Floats, y: Any, reg: float) -> Answer:
        loss, G = f(W, X, y, reg)
        return float(W.dtype.type(loss * (1 + 1e-3 * (len(X) % 2)))), G

    yield Mutant("answers by accident, within rounding", "behaviour", by_accident, wavers=True)
    yield Mutant("writes to W", "behaviour", writes)
    yield Mutant("returns its own buffer", "behaviour", shares, wavers=True)
    yield Mutant("remembers answers by the identity of W", "behaviour", remembers, wavers=True)
    if _has_classes(reference):  # one row is in C order anyway
        yield Mutant("reads W as if it were in C order", "behaviour", reads_memory)
    yield Mutant("takes NaN for 0", "behaviour", swallows)
    yield Mutant("the loss of an odd number of examples off by 1e-3", "loss", by_place)
    yield Mutant("compiled code that differs from its source", "behaviour", _Compiled(off_by(reference, 1e-3, loss=True), f))


@dataclass(frozen=True)
class _Compiled:
    """Looks like what numba makes of `py_func`."""

    f: Candidate
    py_func: Candidate

    def __call__(self, *arguments: Any) -> Answer:
        return self.f(*arguments)
