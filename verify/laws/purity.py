"""A candidate computes and does nothing else: inputs, earlier answers and shared state of the process stay as they are.

Read-only, strided and Fortran-ordered inputs give the same answer up to rounding, since another memory order may sum in another order, or
are refused by an exception, which is a limitation and not a break.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial, wraps
from typing import Any

import numpy as np

from verify.candidates import Answer, Candidate, Misbehaviour, changes, keeps, process_globals, upstream_is_kept
from verify.candidates.signature import is_seed
from verify.cases import Case
from verify.evidence import Evidence, Measurement
from verify.laws import paths
from verify.laws.compared import apart
from verify.laws.consistency import INCONSISTENT, agreed, elsewhere
from verify.laws.law import Law, Subject
from verify.laws.surroundings import GENERATORS, SEEDED, borrowed, watched


def measure(subject: Subject, case: Case) -> Measurement:
    """Raises Misbehaviour where something is changed; compares the answers for other memory layouts."""
    with process_globals.noting() as seen, borrowed():
        measurement = _measured(subject, case)
    if seen:
        raise Misbehaviour("nondeterministic", seen[0])
    return measurement


def _measured(subject: Subject, case: Case) -> Measurement:
    left = list[str]()
    arguments = subject.candidate.arguments(**case.values)
    first = _watched(subject, arguments, left)
    _declared(subject, case, first.gradient)
    evidence, limitations = [Evidence(measured=0.0, allowed=0.0)], list[str]()
    if paths.is_asked_in_full(subject, case):
        try:
            found = _asked_again(subject, case, arguments, first, left)
        except Misbehaviour:
            paths.ask_everywhere(subject)
            raise
        evidence, limitations = [*evidence, *found.evidence], [*found.limitations]
    return Measurement(evidence=tuple(evidence), limitations=(*limitations, *left))


def _asked_again(subject: Subject, case: Case, arguments: tuple[Any, ...], first: Answer, left: list[str]) -> Measurement:
    """What its answer depends on besides the numbers: earlier calls, the layout of arrays, and that of the upstream gradient."""
    kept = first.gradient.copy()
    _remembers(subject, case, arguments, left)
    if not np.array_equal(first.gradient, kept, equal_nan=True):
        raise Misbehaviour("nondeterministic", "changes the gradient that it returned before: it hands out its own buffer")
    left += _stale(subject, case)
    evidence, limitations = list[Evidence](), list[str]()
    for what, laid_out in _layouts(arguments):
        try:
            answer = _watched(subject, laid_out, left)
        except Misbehaviour as refused:
            if refused.code != "crashed":
                raise
            limitations.append(f"refuses {what} arrays")  # never another answer
            continue
        for e in apart(subject, case, what, answer, first.value, kept):
            if not e.strain <= 1:
                raise Misbehaviour("nondeterministic", _otherwise(what, e))
            evidence.append(e)
    way = subject.candidate
    limitations += upstream_is_kept(way.f, way.packed(arguments))
    return Measurement(evidence=tuple(evidence), limitations=tuple(limitations))


def _watched(subject: Subject, arguments: tuple[Any, ...], left: list[str]) -> Answer:
    """The answer, with inputs and shared state compared before and after; harmless leftovers are added to `left`."""
    before, seen = _copies(arguments), list[str]()
    writeable = [isinstance(a, np.ndarray) and a.flags.writeable for a in arguments]
    answer = replace(subject.candidate, f=watched(subject.candidate.f, seen, left)).answer(arguments)
    for name, a, b, open_ in zip(subject.candidate.names, arguments, before, writeable, strict=False):
        if not isinstance(a, np.ndarray):
            continue
        if not np.array_equal(a, b, equal_nan=True):
            if not subject.candidate.keeps(name):
                raise changes(name)
            a[...] = b
            left += [] if keeps(name) in left else [keeps(name)]
        if open_ and not a.flags.writeable:
            raise Misbehaviour("mutates-input", f"makes its input {name} read-only")
        if np.shares_memory(a, answer.gradient):
            raise Misbehaviour("mutates-input", f"returns a gradient that is a view of its input {name}")
    broken = [change for change in seen if change not in GENERATORS or not _takes_a_seed(subject)]
    if broken:
        raise Misbehaviour("nondeterministic", broken[0])
    left += [SEEDED] if seen and SEEDED not in left else []
    return answer


def _takes_a_seed(subject: Subject) -> bool:
    """Whether an input is a seed, by its name: a caller who passes it wants the same random numbers again."""
    return any(map(is_seed, subject.candidate.names))


def _declared(subject: Subject, case: Case, gradient: np.ndarray) -> None:
    """Raises Misbehaviour where the gradient's dtype cannot hold the true gradient: an integer array is right only where all entries are
    whole.
    """
    change = f"returns a gradient of dtype {gradient.dtype} where {case.dtype} went in"
    if np.issubdtype(gradient.dtype, np.floating) and gradient.dtype.itemsize < case.x.dtype.itemsize:
        raise Misbehaviour("dtype", f"{change}: digits are lost")
    if np.issubdtype(gradient.dtype, np.integer) and subject.truth(case).gradient.distance(gradient.astype(case.dtype)).strain > 1:
        raise Misbehaviour("dtype", f"{change}: fractions are lost")


def _otherwise(what: str, e: Evidence) -> str:
    place = f"entry {e.where['entry']}" if "entry" in e.where else "the loss"
    return (
        f"answers otherwise for {what} arrays: {place} is {e.where['measured']:.17g}, and {e.where['expected']:.17g} for arrays in C order"
    )


def _remembers(subject: Subject, case: Case, arguments: tuple[Any, ...], left: list[str]) -> None:
    """Asks again with the same array objects and other numbers in them, at the first other point where it answers."""
    changed, way = _copies(arguments), subject.candidate
    for there in elsewhere(subject, case):
        _write(changed, arguments)
        way.answer(changed)
        _write(changed, way.arguments(**there.values))
        again = _answer(partial(_watched, subject, changed, left))
        fresh = _answer(partial(way, **there.values))
        if isinstance(again, Misbehaviour) and isinstance(fresh, Answer):
            raise again
        if isinstance(again, Misbehaviour) or isinstance(fresh, Misbehaviour):
            continue
        if agreed(subject, there, fresh, again) is not None:
            return
        steady = agreed(subject, there, fresh, way(**there.values)) is not None
        raise Misbehaviour("nondeterministic", REMEMBERS if steady else INCONSISTENT)
    left.append(REFUSES)


REMEMBERS = "remembers its answer by the identity of the array, not by what is in it"
REFUSES = "refuses other numbers beside these: whether it remembers its answer was not asked"


STALE = (
    "its gradient depends on where its loss was called last: grad(x) is right behind loss(x) alone, and an optimiser may call the loss "
    "elsewhere in between"
)


def _stale(subject: Subject, case: Case) -> Iterator[str]:
    """A note where a separate gradient is another one once the loss was called elsewhere, at the first point where it answers."""
    way, f = subject.candidate, subject.candidate.f
    if not isinstance(f, Candidate) or f.loss is None or not f.has_gradient or getattr(way, "backward", None):
        return  # a backward pass belongs to the forward before it
    for there in elsewhere(subject, case):

        @wraps(f.loss)
        def loss(*given: Any, there: Case = there, own: Callable[..., Any] = f.loss, **named: Any) -> Any:
            value = own(*given, **named)
            way(**there.values)
            return value

        fresh = _answer(partial(way, **case.values))
        behind = _answer(partial(replace(way, f=replace(f, loss=loss)), **case.values))
        if isinstance(fresh, Misbehaviour) or isinstance(behind, Misbehaviour):
            continue
        if agreed(subject, case, fresh, behind) is None and agreed(subject, case, fresh, way(**case.values)) is not None:
            yield STALE
        return


def _write(arguments: tuple[Any, ...], numbers: tuple[Any, ...]) -> None:
    for a, b in zip(arguments, numbers, strict=True):
        if isinstance(a, np.ndarray):
            a[...] = b


def _answer(ask: Callable[[], Answer]) -> Answer | Misbehaviour:
    """The answer, or the error by which it is refused."""
    try:
        return ask().kept()
    except Misbehaviour as error:
        if error.code != "crashed":
            raise
        return error


def _copies(arguments: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(np.array(a) if isinstance(a, np.ndarray) else a for a in arguments)


def _layouts(arguments: tuple[Any, ...]) -> Iterator[tuple[str, tuple[Any, ...]]]:
    for what, change in (("Fortran-ordered", np.asfortranarray), ("strided", _strided), ("read-only", _read_only)):
        yield what, tuple(change(a) if isinstance(a, np.ndarray) and a.ndim else a for a in arguments)


def _strided(A: np.ndarray) -> np.ndarray:
    """Every second entry of an array twice as long along every axis."""
    for axis in range(A.ndim):
        A = np.repeat(A, 2, axis=axis)
    return A[(slice(None, None, 2),) * A.ndim]


def _read_only(A: np.ndarray) -> np.ndarray:
    copy = np.array(A)
    copy.flags.writeable = False
    return copy


LAW = Law(
    name="purity",
    statement="inputs, earlier answers and global state stay as they are, in any memory layout",
    measure=measure,
    needs_gradient=False,
    decisive=True,
    of_behaviour=True,
)
