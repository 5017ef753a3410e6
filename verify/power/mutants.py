"""The right implementation with one thing wrong, for everything that can be wrong.

Mistakes in a formula come from the catalogue of the diagnosis: a mutation there is added to the right answer. The others are made here:
choices on kinks, errors of a given size, answers that are wrong under a condition, and misbehaviour.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from verify.cases import Case
from verify.cases.case import NAMING
from verify.cases.shapes import BLOCK
from verify.diagnosis import changes, losses
from verify.diagnosis.change import Change, Mistakes, Mutation
from verify.diagnosis.decomposition import Decomposition
from verify.form import LINEAR
from verify.oracle import Oracle
from verify.rounding import unit_roundoff
from verify.spec import Objective
from verify.terms import CACHE_SIZE, ExampleTerms, Parts, Reference, Term

Floats = NDArray[np.floating]
Answer = tuple[float, Floats]
Candidate = Callable[..., Answer]

LARGE_SCORE = 30.0
"""Scores beyond this are large: generic cases stay below it."""
RELATIVE = tuple(10.0**-k for k in range(3, 13))
MIN_VISIBLE = 1e3
"""Relative errors below this many unit roundoffs are left out for a dtype: right code may have some of them."""


@dataclass(frozen=True)
class Mutant:
    """A wrong implementation, its name, and the family of mistakes that it belongs to; `when` it differs from the right one, if not
    everywhere; and whether its answer depends on earlier calls, or on chance.
    """

    name: str
    family: str
    f: Callable[..., Any]
    when: Callable[[Parts], bool] | None = None
    wavers: bool = False


def on_a_kink(p: Parts) -> bool:
    """Whether an example lies on a kink."""
    return any(e.ties for e in p.examples)


def right(reference: Reference) -> Candidate:
    """The right implementation."""
    return _made(reference)


def mutants(reference: Reference) -> list[Mutant]:
    """Every mutant that differs from the right implementation: those of a switch, a parameter or a penalty only if there is one."""
    return [
        *_catalogued(reference), *_losses(reference), *_kinks(reference), *_parameters(reference), *_relative(reference),
        *_latent(reference), *_behaviour(reference),
    ]  # fmt: skip


def _made(
    reference: Reference,
    term: Callable[[Term, ExampleTerms, int], float] | None = None,
    after: Callable[[Floats, Parts], Floats] = lambda G, p: G,
    loss: Callable[[Parts], float] = lambda p: p.loss,
) -> Candidate:
    """The implementation from: the factor of a term, a final change, a loss."""
    labels = reference.oracle.objective.loss.labels

    def f(W: Floats, X: Floats, y: NDArray[np.integer[Any]], reg: float) -> Answer:
        p = reference.known(W, X, y, reg)
        if p is None:
            if not (np.all(np.isfinite(W)) and np.all(np.isfinite(X))):
                return float("nan"), np.full_like(W, np.nan)
            if np.any(y < 0) or np.any(y >= labels(len(W))) or len(y) != len(X) or X.shape[1] != W.shape[1]:
                raise ValueError("labels or shapes do not fit")
            p = reference.parts(W, X, y, reg)
        G = p.gradient.copy() if term is None else p.summed(_score_gradients(p, term))
        return float(W.dtype.type(loss(p))), after(G, p).astype(W.dtype)

    return f


def _score_gradients(p: Parts, term: Callable[[Term, ExampleTerms, int], float]) -> Floats:
    dS = np.zeros((len(p.X), len(p.W)))
    for ds, e, label in zip(dS, p.examples, p.y, strict=True):
        for t in e.terms:
            ds[t.entry] += term(t, e, int(label)) * t.value
    return dS


def _catalogued(reference: Reference) -> Iterator[Mutant]:
    """The mutants of the catalogue: wrong gradients with the right loss, and wrong losses with the right gradient."""
    one_score = not reference.has_classes
    gradients = mutations(changes.CATALOGUES[LINEAR, one_score], reference)
    values = mutations(losses.CATALOGUES[LINEAR], reference)

    def decompose(p: Parts) -> Decomposition:
        return Decomposition(reference.oracle, Case(values={"W": p.W, "X": p.X, "y": p.y, "reg": p.reg}, family=NAMING))

    of_gradients, of_values = Added(decompose, gradients), Added(decompose, values)
    for m in (m for _, several in gradients for m in several):
        yield Mutant(m.name, m.family, _made(reference, after=_gradient_with(of_gradients, m)))
    for m in (m for _, several in values for m in several):
        yield Mutant(m.name, m.family, _made(reference, loss=_loss_with(of_values, m)))


Mutations = list[tuple[Mistakes, list[Mutation]]]


def mutations(catalogue: Sequence[Mistakes], reference: Reference) -> Mutations:
    """The mutations of a catalogue that differ from the right implementation, with the mistakes that have their columns."""
    return [(mistakes, made) for mistakes in catalogue if (made := list(mistakes.mutations(reference)))]


Place = TypeVar("Place", bound=Hashable)


class Added(Generic[Place]):
    """What mutations add to the right answer at a place, derived once for all mutants; `decompose` gives the decomposition of a place."""

    def __init__(self, decompose: Callable[[Place], Decomposition], several: Mutations) -> None:
        self._decompose, self._several = decompose, several
        self._known: OrderedDict[Place, dict[Change, Any]] = OrderedDict()

    def at(self, place: Place, m: Mutation) -> Any:
        """The added matrix, for a gradient (C, D) or a Hessian (N, C), or the added number for a loss."""
        if place not in self._known:
            self._known[place] = self._columns(self._decompose(place))
            if len(self._known) > CACHE_SIZE:
                self._known.popitem(last=False)
        return sum(times * self._known[place][change] for change, times in m.changes.items())

    def _columns(self, decomposition: Decomposition) -> dict[Change, Any]:
        found: dict[Change, Any] = {}
        with np.errstate(all="ignore"):
            for mistakes, several in self._several:
                wanted = {change for m in several for change in m.changes}
                for change, column in mistakes.columns(decomposition):
                    if change in wanted:
                        found[change] = column
                        wanted.remove(change)
                    if not wanted:
                        break
                found |= dict.fromkeys(wanted, 0.0)  # this place has no such part
        return found


def _gradient_with(added: Added[Parts], m: Mutation) -> Callable[[Floats, Parts], Floats]:
    return lambda G, p: G + added.at(p, m)


def _loss_with(added: Added[Parts], m: Mutation) -> Callable[[Parts], float]:
    return lambda p: p.loss + float(added.at(p, m))


def _losses(reference: Reference) -> Iterator[Mutant]:
    """Mutants whose loss is too coarse, or is not computed."""
    if reference.oracle.dtype == "float64":
        yield Mutant("loss in single precision", "loss", _made(reference, loss=lambda p: float(np.float32(p.loss))))
    yield Mutant("loss not computed anew where W hardly changes", "loss", _stale(_made(reference)), wavers=True)


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
    """Mutants with a wrong parameter in loss and gradient: consistent, with a wrong loss."""
    objective = reference.oracle.objective
    for name, factor in reference.shifts(reference.mentioned[0]):
        shifted = Reference(Oracle(_with(objective, name, factor * objective.parameters[name]), reference.oracle.dtype))
        yield Mutant(f"{name} × {factor:g} in loss and gradient", "consistent", _made(shifted))


def _with(objective: Objective, name: str, value: float) -> Objective:
    return replace(objective, parameters={**objective.parameters, name: value})


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
    """One entry of the gradient, or the loss, with a relative error, to measure sensitivities."""
    if loss:
        return _made(reference, loss=lambda p: p.loss * (1 + error))
    return _made(reference, after=_touched((0, -1), 1 + error))


def visible(dtype: str) -> list[float]:
    """The relative errors that no right implementation has."""
    return [e for e in RELATIVE if e >= MIN_VISIBLE * unit_roundoff(dtype)]


def _relative(reference: Reference) -> Iterator[Mutant]:
    dtype = reference.oracle.dtype
    for error in visible(dtype):
        yield Mutant(f"every entry off by {error:.0e}", "precision", _made(reference, after=_times(1 + error)))
        yield Mutant(f"one entry off by {error:.0e}", "precision", off_by(reference, error))
    if dtype == "float64":
        yield Mutant("single precision inside", "precision", _made(reference, after=lambda G, p: G.astype(np.float32)))


def _latent(reference: Reference) -> Iterator[Mutant]:
    """Mutants that are right almost everywhere: wrong by a thousandth under a condition."""
    conditions: Sequence[tuple[str, Callable[[Parts], bool]]] = (
        ("for large scores", lambda p: max(e.greatest for e in p.examples) > LARGE_SCORE),
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
    kinks, classes = bool(reference.oracle.example.switches), reference.has_classes
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
        return loss, np.where(noise.random(G.shape) < 0.5, G, G * G.dtype.type(1.001))

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

    yield Mutant("answers by accident", "behaviour", by_accident, wavers=True)
    yield Mutant("writes to W", "behaviour", writes)
    yield Mutant("returns its own buffer", "behaviour", shares, wavers=True)
    yield Mutant("remembers answers by the identity of W", "behaviour", remembers, wavers=True)
    if reference.has_classes:  # one row is in C order anyway
        yield Mutant("reads W as if it were in C order", "behaviour", reads_memory)
    yield Mutant("takes NaN for 0", "behaviour", swallows)
    yield Mutant("the loss of an odd number of examples off by 1e-3", "loss", by_place)
    yield Mutant("compiled code that differs from its source", "behaviour", _Compiled(off_by(reference, 1e-3, loss=True), f))


@dataclass(frozen=True)
class _Compiled:
    """Looks like numba's compilation of `py_func`."""

    f: Candidate
    py_func: Candidate

    def __call__(self, *arguments: Any) -> Answer:
        return self.f(*arguments)
