"""A candidate computes and does nothing else: inputs, earlier answers and random numbers stay as they are.

Read-only, strided and Fortran-ordered inputs give the same answer, up to rounding since another memory order may sum in
another order, or are refused by an exception, which is a limitation and not a break.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from verify.candidates import Answer, Misbehaviour
from verify.cases import Case
from verify.evidence import Evidence, Finding
from verify.laws.batches import entrywise
from verify.laws.law import Law, Subject


def measure(subject: Subject, case: Case) -> Finding:
    """Raises Misbehaviour where something was changed; else the answers for other memory layouts against the first."""
    arguments = subject.candidate.arguments(case.W, case.X, case.y, case.reg)
    first = _watched(subject, arguments)
    kept = first.gradient.copy()
    _remembers(subject, arguments)
    if not np.array_equal(first.gradient, kept, equal_nan=True):
        raise Misbehaviour("nondeterministic", "changes the gradient that it returned before: it hands out its own buffer")
    evidence, limitations = [Evidence(law="purity", measured=0.0, allowed=0.0)], []
    truth = subject.truth(case)
    for what, laid_out in _layouts(arguments):
        try:
            answer = subject.candidate.answer(laid_out)
        except Misbehaviour as refused:
            if refused.code != "crashed":
                raise
            limitations.append(f"refuses {what} arrays")  # never another answer
            continue
        if subject.candidate.has_loss:
            where = {"method": f"loss, {what}", "measured": answer.value, "expected": first.value}
            error = abs(answer.value - first.value)
            evidence.append(
                Evidence(law="purity", measured=error, allowed=2 * truth.value.radius, magnitude=truth.value.magnitude, where=where)
            )
        if truth.gradient.is_single:
            allowed, size = 2 * truth.gradient.radius, truth.gradient.magnitude
            evidence.append(entrywise("purity", what, answer.gradient, kept, allowed, size))
    return Finding(evidence=tuple(evidence), limitations=tuple(limitations))


def _watched(subject: Subject, arguments: tuple[Any, ...]) -> Answer:
    """The answer, with everything compared before and after."""
    before = [np.array(a) if isinstance(a, np.ndarray) else a for a in arguments]
    state = np.random.get_state()  # noqa: NPY002  # the legacy global state is the one that a candidate may touch
    answer = subject.candidate.answer(arguments)
    for name, a, b in zip(subject.candidate.names, arguments, before, strict=False):
        if not isinstance(a, np.ndarray):
            continue
        if not np.array_equal(a, b, equal_nan=True):
            raise Misbehaviour("mutates-input", f"changes its input {name}")
        if np.shares_memory(a, answer.gradient):
            raise Misbehaviour("mutates-input", f"returns a gradient that is a view of its input {name}")
    now = np.random.get_state()  # noqa: NPY002
    if now[2] != state[2] or not np.array_equal(now[1], state[1]):  # type: ignore[index]
        np.random.set_state(state)  # noqa: NPY002
        raise Misbehaviour("nondeterministic", "draws from numpy's global random numbers")
    return answer


def _remembers(subject: Subject, arguments: tuple[Any, ...]) -> None:
    """Asks again with the same array objects and other numbers in them."""
    changed = tuple(np.array(a) if isinstance(a, np.ndarray) else a for a in arguments)
    subject.candidate.answer(changed)
    for i, a in enumerate(changed[i] for i in subject.candidate.real):
        a[...] = a / 2 + (i == 0)
    again = subject.candidate.answer(changed)
    fresh = subject.candidate.answer(tuple(np.array(a) if isinstance(a, np.ndarray) else a for a in changed))
    told = "value" if subject.candidate.has_loss else "gradient"
    if not np.array_equal(getattr(again, told), getattr(fresh, told), equal_nan=True):
        raise Misbehaviour("nondeterministic", "remembers its answer by the identity of the array, not by what is in it")


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


LAW = Law(name="purity", statement="inputs, earlier answers and global state stay as they are, in any memory layout", measure=measure)
