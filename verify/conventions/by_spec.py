"""A candidate and the spec's formula that it claims to compute, both as code of the same inputs: for proofs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import wraps
from typing import Any

import numpy as np

from verify.candidates import Candidate, Linear, Scores
from verify.candidates.arguments import loss_and_gradient, loss_of
from verify.candidates.call import BACKWARDS, Call
from verify.candidates.scores import DataSet
from verify.candidates.signature import REG, FixedArgument, WeightsArgument
from verify.conventions.pins import Conventions
from verify.form import LINEAR
from verify.oracle.formula import Formula, group_formula, loss_formula, penalty_formula
from verify.oracle.instance import InstanceOracle
from verify.problem import Input, Instance, Part, Values
from verify.spec.domains import Label, Positive, Real
from verify.spec.function import UPSTREAM
from verify.spec.objective import Objective
from verify.traced import Code, NotTraced, uncompiled
from verify.traced.inlining import entries_of, played

FIRST, LAST, SAVED, SAVED_FIRST = BACKWARDS


@dataclass(frozen=True, kw_only=True, eq=False)
class BySpec:
    """`code` has the formula as its loss, and the candidate's gradients. `answer` returns the candidate's own value and these; it is None
    if there is no value. `inputs` are in the order of the code's; those that are `fixed` have these values in real points, `concrete` ones
    are numbers that the formula branches on. `case` has the values by the names that laws use, and `assumed` says what is one case of many.
    """

    code: Code
    answer: Callable[..., Any] | None
    inputs: tuple[Input, ...]
    case: Callable[[Values], dict[str, Any]]
    fixed: Mapping[str, Any] = field(default_factory=dict)
    concrete: frozenset[str] = frozenset()
    assumed: tuple[str, ...] = ()

    def pattern(self, values: Values) -> dict[str, Any]:
        """The values of one pattern as the code takes them: fixed inputs at their values, and inputs that are branched on not as arrays of
        floats, which would be recorded.
        """
        found = {name: self._fixed(name, a) for name, a in values.items()}
        return {name: _plain(a) if name in self.concrete and np.asarray(a).dtype.kind == "f" else a for name, a in found.items()}

    def _fixed(self, name: str, a: Any) -> Any:
        if name not in self.fixed:
            return a
        return np.resize(np.asarray(self.fixed[name], np.float64), np.shape(a))[()]


def by_spec(found: Conventions, *, every: bool = True) -> BySpec:
    """The code of a candidate with known conventions. Parameters that it takes are inputs, of `every` value, or keep their values as plain
    numbers. Raises NotTraced for code that cannot be recorded with a formula.
    """
    return _of_labels(found, found.objective, every) if isinstance(found.objective, Objective) else _of_inputs(found, every)


def conventions_in_words(found: Conventions, *, without: Sequence[str] = ()) -> str:
    """The claim's conventions in words, without the parameters in `without`."""
    skipped = ("signature", "fits", "found_out", "varied", "ambiguous", "hessian", "framework", "weights")
    return ", ".join(f"{name} {_shown(value)}" for name, value in found.to_dict().items() if name not in (*skipped, *without))


def _shown(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def total(formula: Formula, inputs: Sequence[Any]) -> Any:
    """A formula's value, for single numbers that may be recorded."""
    if not formula.value_terms:
        return 0.0
    tape = formula.value_tape
    terms = played(tape.only(np.array(formula.value_terms, np.intp)), inputs)
    found = terms[0]
    for k in range(1, len(formula.value_terms)):
        found = found + terms[k]
    return found


# Losses with labels


def _of_labels(found: Conventions, o: Objective, every: bool) -> BySpec:
    way, loss = found.candidate, o.loss
    assert isinstance(way, (Linear, Scores))
    linear = o.form is LINEAR
    handed = [str(e.name) for e in way.extras if every and isinstance(e, FixedArgument) and e.name in o.parameters]
    score, c = ("1", None) if loss.targets else (None, "c" if o.classes is None else str(o.classes))
    wide = score or c or ""
    free = loss.domain is not None and not (isinstance(way, Scores) and way.order == "PREDICTIONDATASET")
    label = Label(str(len(loss.targets)) if loss.targets else wide)
    y = Input(name="y", dims=("n",), domain=loss.domain or Real()) if free else Input(name="y", dims=("n",), domain=label, concrete=True)
    real = Input(name="W", dims=(wide, "d"), domain=Real(), differentiated=True), Input(name="X", dims=("n", "d"), domain=Real())
    scores = Input(name="scores", dims=("n", wide), domain=Real(), differentiated=True)
    reg = Input(name="reg", dims=(), domain=Positive())
    parameters = (Input(name=name, dims=(), domain=loss.parameters[name].domain) for name in handed)
    inputs = (*real, y, reg, *parameters) if linear else (scores, y, *parameters)
    names = tuple(i.name for i in inputs)

    def numbers(values: Values) -> list[Any]:
        return [values.get(name, value) for name, value in o.parameters.items()]

    def formula(*given: Any) -> Any:
        values = dict(zip(names, given, strict=True))
        scores = values["X"] @ values["W"].T if linear else values["scores"]
        n, classes = np.shape(scores)
        found: Any = 0.0
        for k in range(n):
            label = values["y"][k]
            target = [label] if free else list(loss.constant(int(label)))
            of = loss_formula(loss, loss.scores(classes), 0 if free else int(label))
            found = found + total(of, [*(scores[k, j] for j in range(classes)), *target, *numbers(values)])
        found = found / n if o.reduction == "mean" else found
        return found + values["reg"] * _penalty(o, values["W"]) if linear else found

    def targets(values: Values) -> Any:
        if loss.targets is None or free:
            return values["y"].copy()
        return np.array(loss.targets)[np.asarray(values["y"])]

    def arguments(values: Values) -> tuple[Any, ...]:
        n = len(values["y"])
        more = [_extra(e, values, n) for e in way.extras]
        if isinstance(way, Linear):
            W, X = values["W"], values["X"]
            mine = {"CD": W, "DC": W.T, "D": W.reshape(-1)}[way.layout].copy()
            return mine, (X if way.data == "ND" else X.T).copy(), targets(values), *more
        scores = values["scores"]
        mine = (scores.T if way.cut == "CLASSMAJOR" else scores).copy()
        if way.flat or (way.targets is not None and not way.column):
            mine = mine.reshape(-1)
        if way.order == "PREDICTIONDATASET":
            return mine, DataSet(np.asarray(targets(values)), None, way.held), *more
        both = (mine, targets(values))
        return *(both[::-1] if way.order == "TARGETPREDICTION" else both), *more

    def gradient(g: Any, values: Values) -> Any:
        if isinstance(way, Linear):
            return {"CD": g, "DC": g.T, "D": g.reshape(1, -1)}[way.layout]
        n = len(values["y"])
        return g.reshape(-1, n).T if way.cut == "CLASSMAJOR" else g.reshape(n, -1)

    def value(returned: Any) -> Any:
        return returned.sum() if np.ndim(returned) else returned

    f = way.f
    without_loss = isinstance(way, Scores) and way.per_example and not way.each

    def case(values: Values) -> dict[str, Any]:
        own = {name: a for name, a in values.items() if name not in handed}
        if not free:
            return {**own, "y": np.asarray(values["y"], np.int64)}
        assert loss.targets is not None
        return {**own, "y": np.array([loss.targets.index(t) for t in np.ravel(values["y"]).tolist()], np.int64)}

    def both(values: Values) -> tuple[Any, list[Any]]:
        if isinstance(f, Candidate):
            own = None if f.loss is None else value(loss_of(uncompiled(f.loss)(*arguments(values))))
            return own, [gradient(uncompiled(f.grad)(*arguments(values)), values)]
        first, second = loss_and_gradient(uncompiled(f)(*arguments(values)))
        if without_loss:
            return None, [gradient(first, values)]
        return value(first), [gradient(second, values)]

    built = _built(f, formula, both, inputs, way.has_loss, case)
    fixed: dict[str, Any] = {name: o.parameters[name] for name in handed}
    fixed |= {"y": ordinary(loss.targets)} if free else {}
    weighed = any(isinstance(e, WeightsArgument) for e in way.extras) or (isinstance(way, Scores) and way.order == "PREDICTIONDATASET")
    assumed = ("weights of the examples are 1",) if weighed else ()
    return replace(built, fixed=fixed, assumed=(*assumed, *(("the Hessian is not looked at",) if way.has_curvature else ())))


def ordinary(targets: Sequence[float] | None) -> tuple[float, ...]:
    """Targets of a domain that are neither simple nor at its ends."""
    return tuple(targets or ())[3:11]


def _plain(a: Any) -> Any:
    """Numbers that are not recorded, as nested tuples."""
    return tuple(map(_plain, a)) if np.ndim(a) else float(a)


def _extra(e: Any, values: Values, examples: int) -> Any:
    if e == REG:
        return values["reg"]
    if isinstance(e, WeightsArgument):
        return e.given(examples, np.dtype(np.float64), None)
    return values.get(str(e.name), e.value)


def _penalty(o: Objective, W: Any) -> Any:
    """The penalty R(W)."""
    penalty, (classes, features) = o.penalty, np.shape(W)
    columns = features if penalty.bias else features - 1
    found: Any = 0.0
    if penalty.per_group is None:
        for k in range(classes):
            for j in range(columns):
                found = found + total(penalty_formula(penalty), [W[k, j]])
        return found
    groups = [[W[k, j] for k in range(classes)] for j in range(columns)]
    groups = groups if penalty.group == "feature" else [[W[k, j] for j in range(columns)] for k in range(classes)]
    for group in groups:
        found = found + total(group_formula(penalty, len(group), (False,) * len(group)), group)
    return found


# Functions of named inputs


def _of_inputs(found: Conventions, every: bool) -> BySpec:
    way, o = found.candidate, found.objective
    assert isinstance(way, Call)
    assert isinstance(o, Instance)
    problem, f = o.problem, way.f
    known = {name.lower(): name for name in problem.parameters}
    handed = {own: known[own.lower()] for own in way.handed if every and own.lower() in known}
    ordered = [*(i for i in problem.inputs if i.differentiated), *(i for i in problem.inputs if not i.differentiated)]
    more = [Input(name=name, dims=(), domain=problem.parameters[name].domain) for name in handed.values()]
    inputs = (*ordered, *more)
    names = tuple(i.name for i in inputs)
    oracle = InstanceOracle(o, "float64")
    plain = [i for i in problem.inputs if not i.differentiated and not i.concrete]

    def formula(*given: Any) -> Any:
        values = dict(zip(names, given, strict=True))
        marked, entries = _marked(problem.inputs, plain, values)
        parts = problem.parts(marked)
        x = [e for i in ordered if i.differentiated for e in entries_of(values[i.name])]
        parameters = [values.get(name, value) for name, value in o.parameters.items()]

        def number(t: float) -> Any:
            return entries.get(t, t)

        whole: Any = 0.0
        for p in parts:
            each = total(oracle.formula(p.key), [*(x[k] for k in p.places), *map(number, p.numbers), *parameters])
            whole = whole + (each if p.weight == 1.0 else number(p.weight) * each)
        return whole / _divisor(o, parts, number)

    def both(values: Values) -> tuple[Any, list[Any]]:
        return _called(way, values, handed)

    def case(values: Values) -> dict[str, Any]:
        return {name: np.array(a) if isinstance(a, tuple) else a for name, a in values.items() if name not in handed.values()}

    concrete = frozenset(i.name for i in problem.inputs if i.concrete)
    fixed = {name: o.parameters[name] for name in handed.values()}
    return replace(_built(f, formula, both, inputs, way.has_loss, case), fixed=fixed, concrete=concrete)


def _marked(inputs: Sequence[Input], plain: Sequence[Input], values: Values) -> tuple[dict[str, Any], dict[float, Any]]:
    """The values with a mark in place of each number that is a constant of formulas, and the number of each mark: this shows which element
    has which constants.
    """
    found, entries = {name: np.array(a) if isinstance(a, tuple) else a for name, a in values.items()}, dict[float, Any]()
    for i in inputs:
        if i.differentiated:
            found[i.name] = np.zeros(np.shape(values[i.name]))
    for i in plain:
        a = values[i.name]
        marks = [MARK + len(entries) + k for k in range(np.size(a))]
        entries |= dict(zip(marks, entries_of(a), strict=True))
        found[i.name] = np.array(marks).reshape(np.shape(a))
    return {i.name: found[i.name] for i in inputs}, entries


MARK = 2.0**52
"""A number that no author of a formula would write."""


def _divisor(o: Instance, parts: Sequence[Part], number: Callable[[float], Any]) -> Any:
    """The divisor of the sum."""
    marked = [p for p in parts if p.weight >= MARK or p.shares.get(o.reduction, 0.0) >= MARK]
    if not marked or o.reduction in ("sum", "mean", "mean of what is kept"):
        whole = o.total(parts)
        return int(whole) if whole == int(whole) else Fraction(whole)
    found: Any = 0.0
    for p in parts:
        if p.kept:
            found = found + number(p.weight) * number(p.shares.get(o.reduction, 1.0))
    return found


def _called(way: Call, values: Values, handed: Mapping[str, str]) -> tuple[Any, list[Any]]:
    """The value and the gradients that a function of named inputs returns."""
    given = [_copied(values[name]) for name in way.names]
    f, names = way.f, way.problem.differentiated

    def ask(g: Callable[..., Any], arguments: Sequence[Any]) -> Any:
        mine = {own: values.get(handed.get(own, own), value) for own, value in way.handed.items()}
        bound, plain = way.bound(g, arguments, mine, uncompiled(g))
        return bound(*plain)

    def split(returned: Any) -> list[Any]:
        if isinstance(returned, Mapping):
            return [returned[name] for name in names]
        if len(names) == 1:
            return [returned[0] if isinstance(returned, (tuple, list)) and len(returned) == 1 else returned]
        return [*returned]

    def value(returned: Any) -> Any:
        return returned.sum() if way.problem.loss and np.ndim(returned) else returned

    if way.backward:
        assert isinstance(f, Candidate)
        assert f.grad is not None
        *rest, upstream = given
        own, saved = None, None
        if f.loss is not None:
            y = ask(f.loss, rest)
            y, saved = y if way.backward in (SAVED, SAVED_FIRST) else (y, None)
            own = (values[UPSTREAM] * y).sum()
        g = {FIRST: (upstream, *rest), LAST: (*rest, upstream), SAVED: (upstream, saved), SAVED_FIRST: (saved, upstream)}[way.backward]
        return own, split(ask(f.grad, g))
    if isinstance(f, Candidate):
        assert f.grad is not None
        own = None if f.loss is None else value(ask(f.loss, given))
        return own, split(ask(f.grad, [*map(_copied, given)]))
    first, *rest = ask(f, given)
    return value(first), split(rest[0] if len(rest) == 1 else rest)


def _copied(a: Any) -> Any:
    return np.array(a) if isinstance(a, tuple) else a.copy() if np.ndim(a) else a


# Both


def _built(
    f: Any,
    formula: Callable[..., Any],
    both: Callable[[Values], tuple[Any, list[Any]]],
    inputs: tuple[Input, ...],
    has_loss: bool,
    case: Callable[[Values], dict[str, Any]],
) -> BySpec:
    if isinstance(f, Candidate) and f.grad is None:
        raise NotTraced("it has no gradient")
    names = tuple(i.name for i in inputs)

    @wraps(uncompiled(f.grad if isinstance(f, Candidate) else f))  # by which its modules are found
    def gradients(*given: Any) -> list[Any]:
        return both(dict(zip(names, given, strict=True)))[1]

    @wraps(uncompiled(f.first if isinstance(f, Candidate) else f))
    def answer(*given: Any) -> list[Any]:
        value, found = both(dict(zip(names, given, strict=True)))
        return [value, *found]

    code = Code(formula, names, gradients, variables=sum(i.differentiated for i in inputs))
    return BySpec(code=code, answer=answer if has_loss else None, inputs=inputs, case=case)
