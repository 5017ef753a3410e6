"""The arguments of a candidate without a spec as named inputs, and the input that each of its gradients is for.

An argument is an input, or a dict, list or tuple of inputs, which are named by the code that accesses them: `W`, `params['W1']`,
`layers[0]`. The rest of the suite knows inputs only: this module alone builds the arguments from them, and takes the results apart.

f(W, X, y, reg)   → (loss, dW), (loss, (dW, db)), (loss, dW, db) or (loss, {"W": dW, "b": db})
f(params, X, y)   → (loss, grads), grads a dict of the same keys
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import wraps
from itertools import combinations, permutations
from typing import Any, NamedTuple

import numpy as np

from verify.candidates.answer import Incomplete, Misbehaviour, is_number
from verify.candidates.candidate import Candidate
from verify.candidates.example import Example, of_numbers, point
from verify.candidates.example import part as checked
from verify.candidates.signature import POSITIONAL, PREDICTION, TARGET, called, parameters_of
from verify.errors import UsageError, unknown
from verify.problem.sampling import in_dtype

Tree = Any
"""A `Slot`, a `Constant`, or a dict, list or tuple of trees."""

ONE, EACH, NAMED = "one", "each", "by name"
"""The forms of gradients: one for one argument, several in a row, or a dict by the names of the inputs."""


class Slot(NamedTuple):
    """The place of an input in an argument."""

    name: str


class Constant(NamedTuple):
    """A value that is not a number: text, None, a truth value."""

    value: Any


@dataclass(frozen=True, kw_only=True, eq=False)
class Arguments:
    """`trees` are the arguments by name, in order, and `values` the example of each input. Gradients are due for the inputs
    `differentiated`; `how` says in which form they come, one for each of the trees `returned`, which is None for a candidate without
    gradients. `whole` is the example as it was given, with slots for its inputs. Inputs in `drawn` (an upstream gradient) are never
    differentiated. `defaults` are the real numbers that the candidate has for arguments that are not given. `symmetric` maps symmetric
    inputs to the reason: such a matrix X is passed as (X + Xᵀ)/2 and its gradient G is judged as (G + Gᵀ)/2, which is all that counts along
    symmetric directions.
    """

    trees: Mapping[str, Tree]
    values: Mapping[str, Any]
    whole: Tree
    differentiated: tuple[str, ...] = ()
    returned: Mapping[str, Tree] | None = None
    how: str = ONE
    drawn: tuple[str, ...] = ()
    defaults: Mapping[str, float] = field(default_factory=dict)
    symmetric: Mapping[str, str] = field(default_factory=dict)

    @property
    def alone(self) -> bool:
        """Whether there is a single array, named x whatever the candidate calls it."""
        return isinstance(self.whole, Slot)

    @property
    def in_words(self) -> str:
        """The single array in words."""
        return f"one array of shape {np.shape(self.values['x'])}"

    @property
    def symmetry_notes(self) -> tuple[str, ...]:
        """Sentences on how the gradients for symmetric inputs are judged, and why."""
        how = "of its gradient G the symmetric part is judged, (G + Gᵀ)/2"
        return tuple(f"{name} is a symmetric matrix, and {why}: {how}" for name, why in self.symmetric.items())

    @property
    def default_notes(self) -> tuple[str, ...]:
        """Sentences on arguments that keep their defaults."""
        ranges = {name: "positive" if number > 0 else "real" for name, number in self.defaults.items()}
        return tuple(DEFAULT.format(name, number, ranges[name]) for name, number in self.defaults.items())

    @property
    def layer_default_notes(self) -> tuple[str, ...]:
        """The same of a layer, whose arguments vary only where all of them are declared, with its upstream gradient."""
        return tuple(LAYER_DEFAULT.format(name, number) for name, number in self.defaults.items())

    def at(self, dtype: str) -> dict[str, Any]:
        """The example with its real numbers in this dtype, and all else unchanged."""
        return {name: in_dtype(a, dtype) for name, a in self.values.items()}

    def without(self, name: str) -> Arguments:
        """The arguments of a function that does not take the argument `name`."""
        trees = {n: tree for n, tree in self.trees.items() if n != name}
        gone = set(slots(self.trees[name]))
        whole = {n: tree for n, tree in self.whole.items() if n != name}
        return replace(self, trees=trees, values={n: a for n, a in self.values.items() if n not in gone}, whole=whole, drawn=())

    def packed(self, values: Mapping[str, Any]) -> tuple[Any, ...]:
        """The arguments to call the candidate with; beside other inputs, 0-dimensional arrays become plain numbers."""
        values = {**values, **{n: symmetrised(values[n]) for n in self.symmetric}}
        given = values if self.alone else {n: a[()] if type(a) is np.ndarray and not a.ndim else a for n, a in values.items()}
        return tuple(filled(tree, given) for tree in self.trees.values())

    def gradients(self, returned: Any) -> dict[str, Any]:
        """The gradient for each differentiated input. Raises Misbehaviour where one is missing."""
        assert self.returned is not None
        names = [*self.returned]
        if self.how == NAMED:
            if not isinstance(returned, Mapping):
                raise Misbehaviour("shape", f"returned {type(returned).__name__}, not gradients by the names {', '.join(names)}")
            parts = [_by_name(returned, name, name) for name in names]
        elif self.how == ONE:
            parts = [returned]
        elif not isinstance(returned, (tuple, list)) or len(returned) != len(names):
            what = f"{len(returned)} things" if isinstance(returned, (tuple, list)) else type(returned).__name__
            raise Misbehaviour("shape", f"returned {what}, not gradients for {_and(names)}")
        else:
            parts = list(returned)
        found: dict[str, Any] = {}
        for (name, tree), part in zip(self.returned.items(), parts, strict=True):
            found |= dict(self._taken_apart(tree, part, name))
        found |= {name: symmetrised(found[name]) for name in self.symmetric if name in found}
        return {name: found[name] for name in self.differentiated}

    def _taken_apart(self, tree: Tree, part: Any, place: str) -> Iterator[tuple[str, Any]]:
        if isinstance(tree, Slot):
            due = np.ndim(self.values[tree.name])
            alone = isinstance(part, (tuple, list)) and len(part) == 1 and due > 0 and _dimensions(part[0]) == due
            yield tree.name, part[0] if alone else part
        elif isinstance(tree, dict):
            if not isinstance(part, Mapping):
                raise Misbehaviour("shape", f"returned {type(part).__name__} for {place}, where a dict of gradients is due")
            for key, below in self._real(tree):
                yield from self._taken_apart(below, _by_name(part, key, f"{place}[{key!r}]"), f"{place}[{key!r}]")
        else:
            if not isinstance(part, (tuple, list)) or len(part) != len(tree):
                raise Misbehaviour("shape", f"returned {type(part).__name__} for {place}, where {len(tree)} gradients are due")
            for k, below in self._real(tree):
                yield from self._taken_apart(below, part[k], f"{place}[{k}]")

    def _real(self, tree: Tree) -> list[tuple[Any, Tree]]:
        """The branches of a tree that hold real numbers, by key."""
        return [(key, below) for key, below in _branches(tree) if any(map(self.is_real, slots(below)))]

    def is_real(self, name: str) -> bool:
        """Whether an input holds real numbers and may be differentiated."""
        return name not in self.drawn and np.asarray(self.values[name]).dtype.kind == "f"

    def is_kept(self, name: str) -> bool:
        """Whether an input is a buffer that code may write to: not differentiated, and part of a dict or named like running statistics."""
        if name in self.differentiated or name in self.drawn:
            return False
        return name.startswith(RUNNING) or any(name in slots(tree) for tree in self.trees.values() if isinstance(tree, dict))

    def for_inputs(self, wrt: Sequence[str], returned: Any = None) -> Arguments:
        """The arguments with gradients due for these arguments or inputs. Raises UsageError for unknown or non-real ones."""
        known = {name: tree for name, tree in (*self.trees.items(), *((n, Slot(n)) for n in self.values)) if not isinstance(tree, Constant)}
        for name in wrt:
            if name not in known:
                raise unknown("input", name, known)
            if not any(map(self.is_real, slots(known[name]))):
                raise UsageError(f"{name} holds no real numbers, and is not differentiated. Gradients may be for {self._real_in_words()}.")
        trees = {name: known[name] for name in dict.fromkeys(wrt)}
        by_name = isinstance(returned, Mapping) and all(_key(returned, name) is not None for name in trees)
        if not by_name and returned is not None and not self.trees.keys() >= trees.keys() and not self._fit(trees, returned):
            there = {name for tree in trees.values() for name in slots(tree)}  # parts of an argument, whose gradient comes as a whole
            trees = {name: part for name, tree in self.trees.items() if any(slots(part := _pruned(tree, there)))}
        first = next(iter(trees.values()))
        in_a_row = isinstance(returned, tuple) and len(returned) == 1 and not self._fits(first, returned)
        return self._with(trees, NAMED if by_name else EACH if len(trees) > 1 or in_a_row else ONE)

    def _fit(self, trees: Mapping[str, Tree], returned: Any) -> bool:
        """Whether `returned` may be the gradients for these trees, in a row or alone."""
        parts = returned if isinstance(returned, (tuple, list)) and len(returned) == len(trees) else [returned]
        return len(parts) == len(trees) and all(self._fits(tree, part) for tree, part in zip(trees.values(), parts, strict=True))

    def _with(self, trees: Mapping[str, Tree], how: str) -> Arguments:
        there = {name for tree in trees.values() for name in slots(tree) if self.is_real(name)}
        return replace(self, differentiated=tuple(n for n in self.values if n in there), returned=trees, how=how)

    def real(self) -> dict[str, Tree]:
        """The arguments that hold real numbers."""
        return {name: tree for name, tree in self.trees.items() if any(map(self.is_real, slots(tree)))}

    def _real_in_words(self) -> str:
        return _and([f"{name} of shape {np.shape(self.values[name])}" for name in self.values if self.is_real(name)])

    def for_all(self) -> Arguments:
        """The arguments with gradients due for all that are real, in order: for a candidate that has returned none so far."""
        trees = self.real()
        return self._with(trees, ONE if len(trees) == 1 else EACH)

    def without_gradients(self) -> Arguments:
        """The arguments of a candidate that returns only a loss."""
        return replace(self.for_all(), returned=None)

    def found(self, returned: Any) -> Arguments:
        """The arguments with gradients due for the inputs that these gradients are for, inferred from names, from the order, or from shapes
        that fit no other input. Raises UsageError where that is ambiguous.
        """
        trees = self.real()
        if isinstance(returned, Mapping):
            return self._found_by_name(returned, trees)
        ways = [({name: tree}, ONE) for name, tree in trees.items() if self._fits(tree, returned)]
        in_a_row = isinstance(returned, (tuple, list))
        if in_a_row:
            ways += [(way, EACH) for way in self._assigned(trees, returned, combinations)]
            complete = [way for way in ways if len(way[0]) == len(trees)]
            ways = complete if len(complete) == 1 else ways
            ways = ways or [(way, EACH) for way in self._assigned(trees, returned, permutations)]
            leaves = {name: Slot(name) for name in self.values if self.is_real(name)}
            ways = ways or [(way, EACH) for way in self._assigned(leaves, returned, combinations)]
        if len(ways) > 1:  # of a prediction and its target, both by their names, the gradient is for the prediction
            named = [{name.lower() for name in way} for way, _ in ways]
            if all(names <= PREDICTION or names <= TARGET for names in named):
                ways = [way for way, names in zip(ways, named, strict=True) if names <= PREDICTION] or ways
        if len(ways) > 1:
            between = " or for ".join(dict.fromkeys(_and([*way]) for way, _ in ways))
            raise UsageError(f"it returns {_shapes(returned)}, which may be for {between}. {WRT.format(next(iter(trees)))}")
        if ways:
            return self._with(*ways[0])
        if len(trees) == 1:
            return self._with(trees, ONE)
        if in_a_row and len(returned) == len(trees):
            return self._with(trees, EACH)  # by order: one that has another shape is wrong
        shape = None if in_a_row or _dimensions(returned) is None else np.shape(returned)
        whole = [name for name, a in self.values.items() if np.ndim(a) and np.shape(a) == shape and np.asarray(a).dtype.kind in "biu"]
        if whole:
            kind = "truth values" if np.asarray(self.values[whole[0]]).dtype.kind == "b" else "whole numbers"
            raise UsageError(
                f"it returns {_shapes(returned)}, which fits {whole[0]} alone: in the example that holds {kind}, and so is not "
                "differentiated. If it may be any real number, write 1.0 for 1."
            )
        raise UsageError(f"it returns {_shapes(returned)}, which fits none of {self._real_in_words()}. {WRT.format(next(iter(trees)))}")

    def numbers_after_gaps(self) -> Iterator[tuple[str, str]]:
        """Pairs of a number that a gradient in a row is taken to be for, and the array that would be in its place by order: the gradient of
        that array, wrongly summed, would be a number, too.
        """
        order = [*self.real()]
        own = [name for name in self.returned or () if self.how == EACH and name in order]
        for before, name in zip([None, *own], own, strict=False):
            due = order[0 if before is None else order.index(before) + 1 :][:1]
            if due and due != [name] and not self._is_array(name) and self._is_array(due[0]):
                yield name, due[0]

    def _is_array(self, name: str) -> bool:
        tree = self.trees[name]
        return not isinstance(tree, Slot) or np.ndim(self.values[tree.name]) > 0

    def _found_by_name(self, returned: Mapping[Any, Any], trees: Mapping[str, Tree]) -> Arguments:
        known = {**{name: Slot(name) for name in self.values if self.is_real(name)}, **trees}
        mine = {name: tree for name, tree in known.items() if _key(returned, name) is not None}
        if mine and len(mine) == len(returned):
            return self._with(mine, NAMED)
        like = {
            name: tree
            for name, tree in trees.items()
            if isinstance(tree, dict) and any(_key(returned, key) is not None for key, _ in self._real(tree))
        }
        if len(like) == 1:
            return self._with(like, ONE)
        listed = ", ".join(map(str, returned))
        if like:
            raise UsageError(f"it returns gradients for {listed}, which may be for {_or([*like])}. {WRT.format(next(iter(like)))}")
        raise UsageError(f"it returns gradients for {listed}, and the inputs are {', '.join(self.values)}. {WRT.format(next(iter(trees)))}")

    def _assigned(self, trees: Mapping[str, Tree], returned: Sequence[Any], orders: Callable[..., Any]) -> Iterator[dict[str, Tree]]:
        """The ways to assign an input to each gradient that agree with their shapes."""
        if len(returned) <= len(trees) <= MAX_ARGUMENTS:
            for way in orders(trees.items(), len(returned)):
                if all(self._fits(tree, part) for (_, tree), part in zip(way, returned, strict=True)):
                    yield dict(way)

    def _fits(self, tree: Tree, part: Any) -> bool:
        """Whether `part` may be the gradient for a tree."""
        if isinstance(tree, Slot):
            if _dimensions(part) is None:
                return False
            shape = np.shape(part)
            due = np.shape(self.values[tree.name])
            is_array = part is not None and not isinstance(part, Mapping)
            return self.is_real(tree.name) and is_array and (shape == due or (not due and np.size(part) == 1))
        if isinstance(tree, Constant):
            return False
        if isinstance(tree, dict):
            keys = self._real(tree)
            return isinstance(part, Mapping) and all(
                (own := _key(part, key)) is not None and self._fits(below, part[own]) for key, below in keys
            )
        real = self._real(tree)
        return isinstance(part, (tuple, list)) and len(part) == len(tree) and all(self._fits(below, part[k]) for k, below in real)


METHODS = "a Candidate(loss=obj.loss, grad=obj.grad) in Python, FILE:obj.loss,obj.grad on the command line"


def _has_methods(f: Any) -> bool:
    """Whether an object has the loss and its gradient as methods."""
    return all(inspect.ismethod(getattr(f, name, None)) for name in ("loss", "grad"))


def is_symmetric(a: Any) -> bool:
    """Whether the value is a real matrix equal to its transpose, or a stack of such matrices."""
    x = np.asarray(a)
    return x.dtype.kind == "f" and x.ndim > 1 and x.shape[-1] == x.shape[-2] > 1 and np.array_equal(x, np.swapaxes(x, -1, -2))


def symmetrised(a: Any) -> Any:
    """The mean of a matrix and its transpose, also of recorded numbers; a value that is no matrix, or symmetric, is returned as it is."""
    if np.ndim(a) < 2 or np.shape(a)[-1] != np.shape(a)[-2]:
        return a
    if isinstance(a, np.ndarray):
        return a if is_symmetric(a) else (a + np.swapaxes(a, -1, -2)) / 2
    return a.symmetrised() if hasattr(a, "symmetrised") else symmetrised(np.asarray(a))


DEFAULT = (
    '{0} is judged at its default, {1!r}, alone: --inputs "{0}: | {2}" (inputs=) would vary it, with {0} in the example (at) too, where '
    "one is given"
)
LAYER_DEFAULT = "{0} is judged at its default, {1!r}, alone: name {0} in the example (at), with another number, to judge it there"
RUNNING = ("running_", "moving_", "num_batches")
"""Beginnings of the usual names of running statistics."""
MAX_ARGUMENTS = 8
"""Most arguments whose gradients are told apart by shape."""
WRT = "Say which by --wrt {} (wrt=(…,))."


def filled(tree: Tree, values: Mapping[str, Any]) -> Any:
    """An argument built from the values of its inputs."""
    if isinstance(tree, Slot):
        return values[tree.name]
    if isinstance(tree, Constant):
        return tree.value
    if isinstance(tree, dict):
        return {key: filled(below, values) for key, below in tree.items()}
    return type(tree)(filled(below, values) for below in tree)


def _pruned(tree: Tree, kept: set[str]) -> Tree:
    """The tree with only the inputs in `kept`."""
    if isinstance(tree, (Slot, Constant)):
        return tree if isinstance(tree, Slot) and tree.name in kept else Constant(None)
    if isinstance(tree, dict):
        return {key: _pruned(below, kept) for key, below in tree.items()}
    return type(tree)(_pruned(below, kept) for below in tree)


def slots(tree: Tree) -> Iterator[str]:
    """The names of the inputs in a tree."""
    if isinstance(tree, Slot):
        yield tree.name
    elif not isinstance(tree, Constant):
        for _, below in _branches(tree):
            yield from slots(below)


def _branches(tree: Tree) -> list[tuple[Any, Tree]]:
    return [*tree.items()] if isinstance(tree, dict) else [*enumerate(tree)]


def _key(returned: Mapping[Any, Any], name: Any) -> Any:
    """The key of the gradient for a name: the name itself, or with a d in front."""
    return next((key for key in (name, f"d{name}") if key in returned), None)


def _by_name(returned: Mapping[Any, Any], name: Any, place: str) -> Any:
    key = _key(returned, name)
    if key is None:
        raise Misbehaviour("shape", f"returned gradients for {', '.join(map(str, returned))}, and none for {place}")
    return returned[key]


def _dimensions(part: Any) -> int | None:
    """The number of dimensions of a result; None where it is no array, which is reported when its numbers are read."""
    with suppress(Exception):  # lists of different lengths, or containing themselves, and broken objects
        return np.ndim(part)
    return None


def _shapes(returned: Any) -> str:
    try:
        in_a_row = isinstance(returned, (tuple, list)) and not of_numbers(returned)
    except RecursionError:  # a list that contains itself
        in_a_row = False
    if in_a_row:
        return f"gradients of shape {_and([_shape(part) for part in returned])}"
    return f"a gradient of shape {_shape(returned)}"


def _shape(part: Any) -> str:
    try:
        if part is None:
            return "None"
        return f"{np.shape(part)}" if not isinstance(part, Mapping) else f"a dict of {', '.join(map(str, part))}"
    except Exception:  # lists of different lengths, or containing themselves
        return "unequal lists"


def _and(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _or(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} or {names[-1]}"


def arguments_of(f: Callable[..., Any], given: Example) -> Arguments:
    """The arguments of a candidate from an example of them: by name from a dict, else by position. For a function of one argument, nested
    numbers are one array. Raises UsageError where they do not fit.
    """
    first = f.first if isinstance(f, Candidate) else f
    own = parameters_of(first)
    found = _arguments_of(first, own, given.given)
    taken = {p.name for p in (own or ())[:1]} if found.alone else found.trees.keys()
    defaults = {p.name: float(p.default) for p in own or () if p.name not in taken and isinstance(p.default, (float, np.floating))}
    return replace(found, defaults=defaults)


def _arguments_of(first: Callable[..., Any], own: list[inspect.Parameter] | None, at: Any) -> Arguments:
    positional = [p for p in own or () if p.kind in POSITIONAL]
    if isinstance(at, dict):
        return _made(_by_names(at, own, first), whole=at)
    if isinstance(at, (tuple, list)):
        needed = sum(p.default is p.empty for p in positional)
        many = own is None or any(p.kind is p.VAR_POSITIONAL for p in own)
        alone = isinstance(at, tuple) and len(at) == 1 and not of_numbers(at[0])
        one_array = needed <= 1 and not alone and (of_numbers(at) or (isinstance(at, list) and own is not None))
        fits = needed <= len(at) <= (np.inf if many else len(positional))
        if not one_array and not fits and not of_numbers(at):
            methods = "" if inspect.isroutine(first) or not _has_methods(first) else f" Or name its methods: {METHODS}."
            raise UsageError(f"at has {len(at)} inputs, and the candidate is {called(first)}. Give one for each of its arguments.{methods}")
        one_array |= not fits
        if not one_array:
            at = checked(at, "at")
            names = [p.name for p in positional][: len(at)]
            names += [f"argument_{k}" for k in range(len(names), len(at))]
            return _made(dict(zip(names, at, strict=True)), whole=at)
    return Arguments(trees={"x": Slot("x")}, values={"x": point(at)}, whole=Slot("x"))


def _by_names(
    at: Mapping[Any, Any], own: list[inspect.Parameter] | None, f: Callable[..., Any], what: str = "the candidate"
) -> dict[str, Any]:
    if own is None:
        return dict(at)
    free = any(p.kind is p.VAR_KEYWORD for p in own)
    known = {p.name: p for p in own if p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)}
    needed = [name for name, p in known.items() if p.default is p.empty]
    if strange := [key for key in at if key not in known and not free]:
        hint = "; a dict that is one argument is given as at=(params,)" if len(needed) == 1 else ""
        listed = ", ".join(map(str, strange))
        raise UsageError(f"at names {listed}, and {what} is {called(f)}. Give its arguments by their names{hint}.")
    if missing := [name for name in needed if name not in at]:
        raise UsageError(f"at has no {_and(missing)}, and {what} is {called(f)}. Give all arguments that have no default.")
    return {name: at[name] for name in (*(n for n in known if n in at), *(n for n in at if n not in known))}


def _made(given: Mapping[str, Any], whole: Any) -> Arguments:
    values: dict[str, Any] = {}
    trees = {name: _planted(part, name, values) for name, part in given.items()}
    if not any(np.asarray(a).dtype.kind == "f" for a in values.values()):
        raise UsageError("at has no real numbers, which alone are differentiated. Write 1.0 in place of 1, or give arrays of floats.")
    by_name = isinstance(whole, dict)
    return Arguments(trees=trees, values=values, whole=dict(trees) if by_name else type(whole)(trees.values()))


def _planted(part: Any, name: str, values: dict[str, Any]) -> Tree:
    if isinstance(part, dict):
        return {key: _planted(below, f"{name}[{key!r}]", values) for key, below in part.items()}
    if isinstance(part, (tuple, list)) and not of_numbers(part):
        return type(part)(_planted(below, f"{name}[{k}]", values) for k, below in enumerate(part))
    if part is None or isinstance(part, (str, bool)) or np.asarray(part).dtype.kind == "U":
        return Constant(part)
    values[name] = np.asarray(part) if isinstance(part, (tuple, list)) else part
    return Slot(name)


def by_arguments(f: Callable[..., Any], arguments: Arguments, what: str = "the candidate") -> Callable[..., Any]:
    """Turns a function of named arguments into one that takes them by position, in this order; the function itself where its order is the
    same. Raises UsageError where its arguments are others.
    """
    if isinstance(f, Candidate):
        loss, grad = None if f.loss is None else by_arguments(f.loss, arguments, what), by_arguments(f.grad, arguments, what)
        return f if (loss, grad) == (f.loss, f.grad) else Candidate(loss=loss, grad=grad)
    own = parameters_of(f)
    if own is None or not isinstance(arguments.whole, dict):
        _check_number(f, own, arguments, what)
        return f
    names = [*arguments.trees]
    if [p.name for p in own if p.kind in POSITIONAL][: len(names)] == names:
        return f
    _by_names(arguments.trees, own, f, what)

    @wraps(f)
    def call(*given: Any) -> Any:
        return f(**dict(zip(names, given, strict=True)))

    return call


def _check_number(f: Callable[..., Any], own: list[inspect.Parameter] | None, arguments: Arguments, what: str) -> None:
    if own is None:
        return
    try:
        inspect.signature(f).bind(*arguments.trees)
    except TypeError:
        one = "without a spec it is called with one array: give a function of one array x, or an example of all its arguments, at=(…, …)"
        many = f"at gives {_and([*arguments.trees])}. Give one for each of its arguments"
        raise UsageError(f"{what} is {called(f)}, and {one if arguments.alone else many}, or name its loss by --loss.") from None


def loss_and_gradient(returned: Any) -> tuple[Any, Any]:
    """The returned loss and what came with it, one gradient or several. Raises Misbehaviour where one is missing, UsageError where they are
    in reverse order.
    """
    if not isinstance(returned, (tuple, list)) or len(returned) < 2:
        message = f"returned {type(returned).__name__}, not a pair (loss, gradient)"
        array = type(returned) is np.ndarray and not is_number(returned)
        raise Incomplete(message, 1, array=array) if array or is_number(returned) else Misbehaviour("shape", message)
    loss, *rest = returned
    if type(loss) is np.ndarray and loss.size > 1 and len(rest) == 1 and is_number(rest[0]):
        raise UsageError(f"it returns an array of shape {loss.shape}, then a number. Let it return the loss first: (loss, gradient).")
    return loss, rest[0] if len(rest) == 1 else tuple(rest)


def loss_of(returned: Any) -> Any:
    """The returned loss, alone or with gradients."""
    return returned[0] if isinstance(returned, (tuple, list)) and returned else returned


def to_plain(tree: Tree) -> Any:
    """A tree as JSON: an input is its name, a list a list, and everything else a table of one entry."""
    if isinstance(tree, Slot):
        return tree.name
    if isinstance(tree, Constant):
        return {"text": tree.value.tolist() if isinstance(tree.value, (np.ndarray, np.generic)) else tree.value}
    if isinstance(tree, dict):
        return {"dict": [[key, to_plain(below)] for key, below in tree.items()]}
    below = [to_plain(b) for b in tree]
    return below if isinstance(tree, list) else {"tuple": below}


def from_plain(tree: Any, values: Mapping[str, Any]) -> Any:
    """The example that a tree in JSON stands for, with these values. Raises KeyError, TypeError or ValueError for invalid data."""
    if isinstance(tree, str):
        return values[tree]
    if isinstance(tree, list):
        return [from_plain(t, values) for t in tree]
    ((kind, inner),) = tree.items()
    if kind == "text":
        return np.array(inner) if isinstance(inner, list) else inner
    if kind == "dict":
        return {key: from_plain(t, values) for key, t in inner}
    return tuple(from_plain(t, values) for t in inner)
