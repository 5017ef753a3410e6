"""Simpler cases than one that breaks a law: fewer examples, features and classes, then plainer numbers.

The engine shrinks the bytes that a family decodes, and a family draws its sizes first: with other sizes the same bytes are other numbers,
so it seldom reaches smaller ones. Here a part is removed and the rest stays.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from verify.cases.case import Case
from verify.form import form_of

NO_PARAMETERS: Mapping[str, float] = MappingProxyType({})

MOST_SINGLES = 8
"""Examples, features, classes and entries that are removed one by one; from larger cases parts are removed first."""


def shrink_steps(case: Case, *, classes: bool = True, defaults: Mapping[str, float] = NO_PARAMETERS) -> Iterator[Case]:
    """Simpler cases than this one, the greatest steps first. Without `classes` all classes stay. Parameters that the case names go to their
    `defaults`.
    """
    away = {name: value for name, value in defaults.items() if case.values.get(name, value) != value}
    yield from (case.but(**some) for some in (away, *({name: away[name]} for name in away if len(away) > 1)) if some)
    yield from _examples(case)
    if "X" in case.values:
        yield from _features(case)
    if classes:
        yield from _classes(case)
    yield from _numbers(case)


def lean(case: Case, *, classes: bool = True) -> Generator[Case, bool, None]:
    """As few cases as possible, for an expensive test: receives by `send` whether each breaks too. Zeros of the smallest shape come first,
    then zeros with one size of the case, which is halved; if no size matters, the `shrink_steps`.
    """
    form = form_of(case.values)
    own = form.dimensions(case.values)
    fewest = dict.fromkeys(own, 1) | {"C": min(2, own["C"]) if classes else own["C"]}

    def zeros(**dimensions: int) -> Case:
        return case.but(**form.zeros(case.values, fewest | dimensions))

    if (yield zeros()):
        return
    for name, low, high in ((name, fewest[name], n) for name, n in own.items() if n > fewest[name]):
        if (yield zeros(**{name: high})):
            while high - low > 1:  # the least that breaks
                middle = (low + high) // 2
                low, high = (low, middle) if (yield zeros(**{name: middle})) else (middle, high)
            return
    while True:
        for other in shrink_steps(case, classes=classes):
            if (yield other):
                case = other
                break
        else:
            return


def shrunk(
    case: Case,
    breaks: Callable[[Case], bool],
    most: int,
    *,
    classes: bool = True,
    defaults: Mapping[str, float] = NO_PARAMETERS,
) -> Case:
    """The case after all simplifications that keep breaking, trying `most` at most."""
    tries, again = 0, True
    while again:
        again = False
        for other in shrink_steps(case, classes=classes, defaults=defaults):
            if tries == most:
                return case
            tries += 1
            if breaks(other):
                case, again = other, True
                break
    return case


def _examples(case: Case) -> Iterator[Case]:
    N = len(case["y"])
    if N > 1:
        yield from (_with_examples(case, np.array([i])) for i in range(min(N, MOST_SINGLES)))
    if N > MOST_SINGLES:  # where it is the number that matters
        yield from (_with_examples(case, np.arange(n)) for n in range(2, MOST_SINGLES + 1))
    chunk = N // 2
    while N > 2 and chunk:
        yield from (_with_examples(case, kept) for kept in (np.arange(N - chunk), np.arange(chunk, N)))
        chunk //= 2


def _with_examples(case: Case, kept: NDArray[np.intp]) -> Case:
    return case.but(**form_of(case.values).of_examples(case.values, kept))


def _features(case: Case) -> Iterator[Case]:
    """The case with fewer features; the last column, the bias, stays."""
    D = case["W"].shape[1]
    if D > 1:
        yield _with_features(case, np.array([D - 1]))
    if D > 1 and len(case["X"]) == 1:  # the scores themselves, as biases
        yield case.but(W=np.ascontiguousarray(case["W"] @ case["X"].T), X=np.ones_like(case["X"][:, :1]))
    if D > 2:
        yield from (_with_features(case, np.array([k, D - 1])) for k in range(min(D - 1, MOST_SINGLES)))
        chunk = (D - 1) // 2
        while chunk:
            yield from (_with_features(case, np.append(kept, D - 1)) for kept in (np.arange(D - 1 - chunk), np.arange(chunk, D - 1)))
            chunk //= 2


def _with_features(case: Case, kept: NDArray[np.intp]) -> Case:
    return case.but(W=np.ascontiguousarray(case["W"][:, kept]), X=np.ascontiguousarray(case["X"][:, kept]))


def _classes(case: Case) -> Iterator[Case]:
    """The case with fewer classes: those without an example are removed, down to two."""
    C, present = form_of(case.values).classes(case.values), np.unique(case["y"])
    if 2 <= len(present) < C:
        yield _with_classes(case, present)
    absent = np.setdiff1d(np.arange(C), present)
    for kept in ([j] for j in absent[:MOST_SINGLES]) if len(present) + 1 < C else ():
        yield _with_classes(case, np.union1d(present, kept))
    if len(absent) > 1 and len(present) + 1 < C:
        yield from (_with_classes(case, np.setdiff1d(np.arange(C), [j])) for j in absent[-MOST_SINGLES:])


def _with_classes(case: Case, kept: NDArray[np.intp]) -> Case:
    values = form_of(case.values).of_classes(case.values, kept)
    return case.but(**{**values, "y": np.searchsorted(kept, case["y"]).astype(case["y"].dtype)})


def _numbers(case: Case) -> Iterator[Case]:
    form = form_of(case.values)
    if case.values.get("reg", 0.0) != 0:
        yield case.but(reg=0.0)
    if case.values.get("reg", 0.0) not in (0.0, 1.0):
        yield case.but(reg=1.0)
    first = np.take(case.x, [0], axis=form.axis)
    if first.any():
        yield case.at(case.x - first)
    for name in form.real:
        numbers = case[name]
        for part in (1, 2, 8):
            if np.array_equal(np.round(numbers * part), numbers * part):
                break
            yield case.but(**{name: np.round(numbers * part) / part})
            yield case.but(**{name: np.trunc(numbers * part) / part})
            if part == 2:
                yield case.but(**{name: np.copysign(np.ceil(np.abs(numbers) * part) / part, numbers)})
        body = numbers if name == form.point else numbers[:, :-1]  # the ones of the bias stay
        for value in (0.0, 1.0):
            places = np.argwhere((body != 0) & (np.abs(body) != value) if value else body != 0)
            yield from (case.but(**{name: _set(numbers, tuple(at), value)}) for at in places[:MOST_SINGLES])


def _set(numbers: NDArray[np.floating], at: tuple[int, ...], value: float) -> NDArray[np.floating]:
    found = numbers.copy()
    found[at] = value * np.sign(found[at]) if value else 0.0
    return found
