"""A candidate computes and does nothing else: inputs, earlier answers and what a process shares stay as they are.

Read-only, strided and Fortran-ordered inputs give the same answer, up to rounding since another memory order may sum in
another order, or are refused by an exception, which is a limitation and not a break.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from itertools import repeat
from typing import Any

import numpy as np

from verify.candidates import Answer, Misbehaviour, changes, keeps, process_globals, upstream_is_kept
from verify.candidates.signature import is_seed
from verify.cases import Case
from verify.evidence import LOSS, Evidence, Measurement
from verify.laws.compared import close, entrywise
from verify.laws.consistency import OTHERWISE
from verify.laws.law import Law, Subject
from verify.laws.surroundings import GENERATORS, SEEDED, borrowed, watched
from verify.problem.sampling import NEARER, on_the_way

CERTAIN = 2.0**-4
"""Of what sums may be off by: answers that are no farther apart are the same, whatever the truth allows beside."""


def measure(subject: Subject, case: Case) -> Measurement:
    """Raises Misbehaviour where something is changed, or the answer is another one for another memory layout."""
    with process_globals.noting() as seen, borrowed():
        measurement = _measured(subject, case)
    if seen:
        raise Misbehaviour("nondeterministic", seen[0])
    return measurement


def _measured(subject: Subject, case: Case) -> Measurement:
    left = list[str]()
    arguments = subject.candidate.arguments(**case.values)
    first = _watched(subject, arguments, left)
    kept = first.gradient.copy()
    _remembers(subject, arguments, left)
    if not np.array_equal(first.gradient, kept, equal_nan=True):
        raise Misbehaviour("nondeterministic", "changes the gradient that it returned before: it hands out its own buffer")
    _declared(subject, case, kept)
    evidence, limitations = [Evidence(measured=0.0, allowed=0.0)], []
    for what, laid_out in _layouts(arguments):
        try:
            answer = _watched(subject, laid_out, left)
        except Misbehaviour as refused:
            if refused.code != "crashed":
                raise
            limitations.append(f"refuses {what} arrays")  # never another answer
            continue
        for e in _compared(subject, case, what, answer, first.value, kept):
            if not e.strain <= 1:
                raise Misbehaviour("nondeterministic", _otherwise(what, e))
            evidence.append(e)
    way = subject.candidate
    limitations += upstream_is_kept(way.f, way.packed(arguments))
    return Measurement(evidence=tuple(evidence), limitations=(*limitations, *left))


def _watched(subject: Subject, arguments: tuple[Any, ...], left: list[str]) -> Answer:
    """The answer, with everything compared before and after; what is `left` behind and breaks nothing is told there."""
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
    """Whether an input is one, by its name: who hands it in asks for these random numbers, and for the same again."""
    return any(map(is_seed, subject.candidate.names))


def _declared(subject: Subject, case: Case, gradient: np.ndarray) -> None:
    """Raises Misbehaviour where the gradient's dtype cannot hold what is due: an array of integers is right where all of it is whole."""
    change = f"returns a gradient of dtype {gradient.dtype} where {case.dtype} went in"
    if np.issubdtype(gradient.dtype, np.floating) and gradient.dtype.itemsize < case.x.dtype.itemsize:
        raise Misbehaviour("dtype", f"{change}: digits are lost")
    if np.issubdtype(gradient.dtype, np.integer) and subject.truth(case).gradient.distance(gradient.astype(case.dtype)).strain > 1:
        raise Misbehaviour("dtype", f"{change}: fractions are lost")


def _compared(subject: Subject, case: Case, what: str, answer: Answer, value: float, gradient: np.ndarray) -> Iterator[Evidence]:
    """The answer for another layout beside the first; a gradient only where no tie lets the candidate choose. They may be as far apart as
    the truth allows two answers, and as sums of numbers of the answer's own size: what is wrong need not vary.
    """
    truth, slopes = subject.truth(case), float(np.max(np.abs(gradient), initial=0.0))
    sums = [2 * truth.careful(size) for size in (abs(value), slopes)]
    if subject.oracle.code is not None:  # whose truth takes longest to derive, where no other law has asked for it
        alike = [
            close("loss", answer.value, value, sums[0], abs(value), answer=LOSS),
            entrywise(what, answer.gradient, gradient, np.full(gradient.shape, sums[1]), np.full(gradient.shape, slopes)),
        ]
        if all(e.strain <= CERTAIN for e in alike):
            yield from alike
            return
    if any(subject.excused(truth, v, g) for v, g in ((answer.value, answer.gradient), (value, gradient))):
        return  # an infinity on the way is NaN or infinity in the end, as the sums are arranged
    if subject.candidate.has_loss:
        yield close("loss", answer.value, value, 2 * truth.value.radius + sums[0], truth.value.magnitude, answer=LOSS)
    if truth.gradient.is_single:
        yield entrywise(what, answer.gradient, gradient, 2 * truth.gradient.radius + sums[1], truth.gradient.magnitude)


def _otherwise(what: str, e: Evidence) -> str:
    place = f"entry {e.where['entry']}" if "entry" in e.where else "the loss"
    return (
        f"answers otherwise for {what} arrays: {place} is {e.where['measured']:.17g}, and {e.where['expected']:.17g} for arrays in C order"
    )


def _remembers(subject: Subject, arguments: tuple[Any, ...], left: list[str]) -> None:
    """Asks again with the same array objects and other numbers in them, as far away as it answers at all."""
    others = _copies(arguments)
    subject.candidate.change(others)
    changed = _copies(arguments)
    for there in zip(*(_on_the_way(a, b) for a, b in zip(arguments, others, strict=True)), strict=True):
        _write(changed, arguments)
        subject.candidate.answer(changed)
        _write(changed, there)
        again = _answer(partial(_watched, subject, changed, left))
        fresh = _answer(partial(subject.candidate.answer, _copies(there)))
        if isinstance(again, Misbehaviour) and isinstance(fresh, Answer):
            raise again
        if isinstance(again, Misbehaviour) or isinstance(fresh, Misbehaviour):
            continue
        if _same(again, fresh):
            return
        if not _same(fresh, subject.candidate.answer(_copies(there))):
            raise Misbehaviour("nondeterministic", OTHERWISE)
        raise Misbehaviour("nondeterministic", REMEMBERS)
    left.append(REFUSES)


REMEMBERS = "remembers its answer by the identity of the array, not by what is in it"
REFUSES = "refuses other numbers beside these: whether it remembers its answer was not asked"


def _on_the_way(a: Any, b: Any) -> Iterator[Any]:
    return on_the_way(a, b) if isinstance(a, np.ndarray) else repeat(b, len(NEARER) + 1)


def _write(arguments: tuple[Any, ...], numbers: tuple[Any, ...]) -> None:
    for a, b in zip(arguments, numbers, strict=True):
        if isinstance(a, np.ndarray):
            a[...] = b


def _answer(ask: Callable[[], Answer]) -> Answer | Misbehaviour:
    """What is answered, or how it is refused."""
    try:
        return ask().kept()
    except Misbehaviour as error:
        if error.code != "crashed":
            raise
        return error


def _copies(arguments: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(np.array(a) if isinstance(a, np.ndarray) else a for a in arguments)


def _same(a: Answer, b: Answer) -> bool:
    return np.array_equal(a.value, b.value, equal_nan=True) and np.array_equal(a.gradient, b.gradient, equal_nan=True)


def _layouts(arguments: tuple[Any, ...]) -> Iterator[tuple[str, tuple[Any, ...]]]:
    for what, change in (("Fortran-ordered", np.asfortranarray), ("strided", _strided), ("read-only", _read_only)):
        yield what, tuple(change(a) if isinstance(a, np.ndarray) else a for a in arguments)


def _strided(A: np.ndarray) -> np.ndarray:
    """Every second entry of an array twice as long in every direction."""
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
