"""Every number of examples: the proof of one example's expression, and the sizes at which the record is the sum of these.

The theorem is about records: whenever a record is the sum over its examples of expressions that are proved, the gradient is the derivative.
At which sizes and labels it is such a sum is checked, never inferred.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from itertools import product
from math import inf, prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from verify.candidates.signature import is_seed
from verify.problem import Input
from verify.problem.small import drawn
from verify.proof.explore import random_numbers
from verify.proof.field import Unsaid
from verify.proof.proved import Proof, prove
from verify.proof.shapes import choices, on_simplex
from verify.proof.sums import ALL_EXAMPLES, INPUT, NUMBER, SIZE, Apart, Expressions, NoSum, Piece, Template, tape_of
from verify.tape.tape import Builder
from verify.traced import Code, NotTraced
from verify.traced.array import lifted
from verify.traced.inlining import entries_of, played
from verify.traced.record import followed, inputs_of, is_recorded
from verify.traced.recorder import Recorder

EXAMPLES = "n"
"""The name of the dimension of examples in declarations."""
FIRST_SIZE, SECOND_SIZE = 2, 3
"""The sizes that show which constants depend on the number of examples."""
SIZES = (1, FIRST_SIZE, SECOND_SIZE, 4, 5, 6, 7, 8, 128)
"""The sizes at which the record is examined."""
MAX_RECORDS = 64
"""Number of records of the first two sizes, for code that branches on comparisons, to meet all branches of one example."""
MOST_PATTERNS = 32
"""Most patterns of labels of one size that are all recorded; otherwise each label throughout, all of them in turn, and drawn ones."""
MOST_ALIKE = 9
"""The size from which on labels are only drawn."""
TOO_LATE = "its records at other sizes take longer than the limit"


@dataclass(frozen=True, kw_only=True)
class Every:
    """The `sizes` of a dimension at which the record is a sum over examples of proved terms, the largest with `all_labels`, whether only
    `some_signs` of the comparisons were met, and log₂ of the `error`; or `why` nothing is claimed for other sizes.
    """

    dimension: str
    sizes: tuple[int, ...] = ()
    all_labels: int | None = None
    some_signs: bool = False
    error: float | None = None
    why: str | None = None

    def __str__(self) -> str:
        if self.why is not None:
            return f"not every {self.dimension}: {self.why}"
        signs = ["on paths that were drawn"] if self.some_signs else []
        labels = [] if self.all_labels is None else [f"all labels up to {self.all_labels}, some beyond"]
        beyond = f" ({'; '.join([*labels, *signs])})" if labels or signs else ""
        where = f"at which the record is a sum over examples of the same terms, as it is at {_in_words(self.sizes)}{beyond}"
        return f"every {self.dimension} {where}: error ≤ 2^{self.error:g}"

    def to_dict(self) -> dict[str, Any]:
        """The result for the report."""
        found: dict[str, Any] = {"scope": "every size" if self.why is None else "shape", "dimension": self.dimension}
        found |= {
            "recorded": list(self.sizes),
            "all_labels": self.all_labels,
            "some_signs": self.some_signs,
            "error": self.error,
            "why": self.why,
        }
        return found | {"told": str(self)}


def _in_words(sizes: Sequence[int]) -> str:
    """The sizes in words, such as 1 to 8 and 128."""
    runs: list[list[int]] = []
    for n in sizes:
        if runs and runs[-1][-1] == n - 1:
            runs[-1].append(n)
        else:
            runs.append([n])
    words = [f"{r[0]} to {r[-1]}" if len(r) > 1 else str(r[0]) for r in runs]
    return " and ".join(filter(None, (", ".join(words[:-1]), words[-1])))


def at_every_size(
    code: Code,
    inputs: Sequence[Input],
    sizes: Mapping[str, int],
    *,
    pattern: Callable[[Mapping[str, Any]], Mapping[str, Any]] = dict,
    answer: Callable[..., Any] | None = None,
    bounds: Mapping[str, tuple[float, float] | None] | None = None,
    held: Sequence[str] = (),
    also: int | None = None,
    seed: int = 0,
    limit: float = inf,
) -> Every | None:
    """Whether the claim proved at the `sizes` of dimensions holds at every number of examples whose record is a sum over them. That is
    checked at some sizes, including the caller's size `also`. `pattern` turns values into the code's arguments, as for a proof in which
    some inputs were `held`; the other arguments are those of `prove`. None if no dimension is one of examples.
    """
    deadline = time.process_time() + limit
    dimension = next((d for i in inputs for d in i.dims if d.lower() == EXAMPLES), None)
    if dimension is None:
        return None
    try:
        if held:
            raise NoSum(f"{', '.join(held)} as in the example")
        records = _Records(code, tuple(inputs), sizes, dimension, pattern, answer, deadline)
        looked_at = tuple(sorted({*SIZES, *(() if also is None else (also,))}))
        all_labels = records.compared(looked_at)
        proof = _of_terms(records, bounds or {}, seed, deadline - time.process_time())
    except (NoSum, NotTraced, Unsaid) as error:
        return Every(dimension=dimension, why=str(error))
    if proof.status != "proved":
        return Every(dimension=dimension, why=f"the terms of one example are not proved: {proof.reason}")
    return Every(dimension=dimension, sizes=looked_at, all_labels=all_labels, some_signs=records.goes_on, error=proof.error)


class _Noting(Recorder):
    """A recorder that notes the truth values on which the code branches, and their outcomes."""

    def decide(self, registers: Any, values: Any) -> NDArray[np.bool_]:
        """See `Recorder`."""
        self.decided.update(zip(np.ravel(registers).tolist(), np.ravel(values).astype(bool).tolist(), strict=True))
        return np.asarray(values, bool)


Terms = tuple[int, ...]
"""Expressions: of the loss, of the code's own value if it is needed, and of each entry of the gradient."""
Label = tuple[Any, ...]
"""The whole numbers of one example."""
Kind = tuple[Label, frozenset[tuple[int, bool]]] | None
"""The kind of an example: its label, and the comparisons of its numbers on which the code branched; None for shared terms."""


@dataclass(eq=False)
class _Records:
    """The records of one function at different numbers of examples, taken apart."""

    code: Code
    inputs: tuple[Input, ...]
    sizes: Mapping[str, int]
    dimension: str
    pattern: Callable[[Mapping[str, Any]], Mapping[str, Any]]
    answer: Callable[..., Any] | None
    deadline: float

    def __post_init__(self) -> None:
        by_name = {i.name: i for i in self.inputs}
        self.e, self.named = Expressions(), [by_name[name] for name in self.code.names]
        if any(i.dims.count(self.dimension) > 1 for i in self.named):
            raise NoSum(f"an input has the dimension {self.dimension} twice")
        if any(is_seed(i.name) for i in self.inputs):
            raise NoSum("it draws random numbers")
        self.axes = [i.dims.index(self.dimension) if self.dimension in i.dims else None for i in self.named]
        self.labelled: list[Input] = []
        self.goes_on = False  # by comparisons of numbers
        self.example = self._given(FIRST_SIZE, np.random.default_rng(0))
        self.recorded = [is_recorded(a, k < self.code.variables) for k, a in enumerate(self.example)]
        for i, a, axis, recorded in zip(self.named, self.example, self.axes, self.recorded, strict=True):
            known = choices(i, self.sizes)
            if not recorded and (not known if axis is not None else len(known) > 1 or np.asarray(a).dtype.kind not in "iub"):
                raise NoSum(f"{i.name} is as in the example")
            if not recorded and axis is not None:
                self.labelled.append(i)

    # Cases

    def _given(self, n: int, rng: np.random.Generator, labels: Sequence[Label] = ()) -> tuple[Any, ...]:
        sizes = {**self.sizes, self.dimension: n}
        values = {i.name: drawn(i, i.shape(sizes), sizes, rng, "float64") for i in self.inputs}
        values |= {i.name: np.float64(1) for i in self.inputs if not i.dims and i.is_free and not values[i.name]}  # 0 is not recorded
        for place, i in enumerate(self.labelled):
            axis, a = i.dims.index(self.dimension), np.asarray(values[i.name])
            rows = [np.reshape(label[place], np.delete(a.shape, axis)) for label in labels]
            values[i.name] = np.stack(rows, axis).astype(a.dtype)
        found = self.pattern(values)
        return tuple(found[name] for name in self.code.names)

    @cached_property
    def labels(self) -> list[Label]:
        """All labels of one example: combinations of the values of each input with whole numbers."""
        one = {**self.sizes, self.dimension: 1}
        each = [list(product(choices(i, one), repeat=prod(i.shape(one)))) for i in self.labelled]
        found = list(product(*each))
        if len(found) > MOST_PATTERNS:
            raise NoSum(f"one example has {len(found):,} labels, and {MOST_PATTERNS} are gone through")
        return found

    def _patterns(self, n: int, rng: np.random.Generator) -> tuple[list[Sequence[Label]], bool]:
        """Labels of n examples; and whether these are all patterns."""
        k = len(self.labels)
        if k**n <= MOST_PATTERNS:
            return list(product(self.labels, repeat=n)), True
        at_random = tuple(self.labels[j] for j in rng.integers(0, k, n))
        throughout = [(label,) * n for label in self.labels]
        if n > SECOND_SIZE:
            return [at_random, *(throughout if n < MOST_ALIKE else ())], False
        in_turn = [tuple(self.labels[(j + t) % k] for j in range(n)) for t in range(k)]
        return [*in_turn, *throughout, at_random], False

    # Records

    def compared(self, sizes: Sequence[int]) -> int | None:
        """Finds the common `terms` of the records at all these sizes; returns the largest size with all labels, if there are labels. Raises
        NoSum, NotTraced.
        """
        known = {n: self._at(n) for n in (FIRST_SIZE, SECOND_SIZE)}
        first, second = (terms for terms, _ in known.values())
        if first.keys() != second.keys():
            raise NoSum(
                f"its records at {FIRST_SIZE} examples and at {SECOND_SIZE} have not the same labels, or comparisons that it goes on by"
            )
        template = Template(self.e, (FIRST_SIZE, SECOND_SIZE))
        self.terms = {kind: tuple(map(template.common, x, second[kind])) for kind, x in first.items()}
        complete, all_labels = True, 0
        for n in sizes:
            found, whole = known[n] if n in known else self._at(n)
            complete &= whole
            all_labels = n if complete else all_labels
            due = {kind: tuple(template.at(x, n) for x in self.terms[kind]) for kind in found if kind in self.terms}
            if found.keys() != due.keys() or not self._is_same(found, due, n):
                raise NoSum(f"its record at {n} example{'' if n == 1 else 's'} is another one than at {FIRST_SIZE}")
        return all_labels if self.labelled else None

    def _is_same(self, found: dict[Kind, Terms], due: dict[Kind, Terms], n: int) -> bool:
        """Whether records have the expected terms. For one example its terms and the shared ones are one sum and cannot be separated."""
        e = self.e
        if n == 1:
            found, due = (_with_shared(e, terms) for terms in (found, due))
        return all(x == y or e.normal(x) == e.normal(y) for kind in due for x, y in zip(found[kind], due[kind], strict=True))

    def _at(self, n: int) -> tuple[dict[Kind, Terms], bool]:
        """The terms of an example by kind, with the shared ones; and whether all labels were examined."""
        rng, found = np.random.default_rng(n), dict[Kind, Terms]()
        patterns, whole = self._patterns(n, rng)
        for k, labels in enumerate(patterns * (max(1, MAX_RECORDS // len(patterns)) if n in (FIRST_SIZE, SECOND_SIZE) else 2)):
            if k >= len(patterns) and not self.goes_on:
                break
            if time.process_time() > self.deadline:
                raise NoSum(TOO_LATE)
            for kind, terms in self._taken_apart(n, self._given(n, rng, labels), labels):
                if found.setdefault(kind, terms) != terms:
                    what = "what its examples share" if kind is None else "one example's part"
                    raise NoSum(f"{what} is not the same wherever it is met, of {n} examples")
        return found, whole

    def _taken_apart(self, n: int, given: tuple[Any, ...], labels: Sequence[Label]) -> Iterator[tuple[Kind, Terms]]:
        code, b = self.code, Builder()
        registers = inputs_of(b, given, code.variables)
        recorder, numbers = _Noting(b, strict=True), random_numbers()
        both = None if self.answer is not None else code.both
        first = followed(both or code.f, given, registers, recorder)
        value, *out = [first] if both is None else first
        returned = [value]
        if both is None:
            out = followed(self.answer or code.gradient, given, registers, recorder)
            returned += [out[0]] if self.answer is not None else []
            out = out[1:] if self.answer is not None else out
        if recorder.inspected or recorder.printed or random_numbers() != numbers:
            raise NoSum("it asks for more of its numbers than a record has")
        entries = {r: (ALL_EXAMPLES, self.e.of(NUMBER, Fraction(x))) for x, r in recorder.guards.items()}
        for k, (rs, axis) in enumerate(zip(registers, self.axes, strict=True)):
            if rs is not None:
                rows = [(ALL_EXAMPLES, rs)] if axis is None else enumerate(np.moveaxis(rs, axis, 0))
                entries |= {int(r): (who, self.e.of(INPUT, k, place)) for who, row in rows for place, r in enumerate(row.ravel())}
        apart = Apart(self.e, b, entries, n)
        values = [apart.part(int(_registers(recorder, value, ()))) for value in returned]
        if len(out) != code.variables:
            raise NoSum(f"the gradient has {len(out)} arrays, where {code.variables} are due")
        slopes = []  # by input: its entries' parts, and by example which of them are its own
        for g, a, axis in zip(out, given, self.axes, strict=False):
            of = [apart.part(int(r)) for r in _registers(recorder, g, np.shape(a)).ravel()]
            own = None if axis is None else np.moveaxis(np.arange(len(of)).reshape(np.shape(a)), axis, 0).reshape(n, -1).tolist()
            slopes.append((of, own))
        for p in (*values, *(p for of, _ in slopes for p in of)):
            if p.coupled is not None:
                raise NoSum("two examples are coupled", p.coupled)
        zero, paths = self.e.zero, self._paths(apart, recorder)
        for k in range(n):
            terms = [p.parts.get(k, zero) for p in values]
            for of, own in slopes:
                terms += [p.parts.get(k, zero) for p in of] if own is None else [_of_one(of[place], k) for place in own[k]]
            yield (labels[k], frozenset(paths.get(k, ()))), tuple(terms)
        terms = [apart.of_shared(p.shared) for p in values]
        for of, own in slopes:
            terms += [apart.of_shared(p.shared) for p in of] if own is None else [zero] * len(own[0])
        yield None, tuple(terms)

    def _paths(self, apart: Apart, recorder: Recorder) -> dict[int, list[tuple[int, bool]]]:
        """By example the comparisons on which the code branched."""
        found: dict[int, list[tuple[int, bool]]] = {}
        for r, truth in recorder.decided.items():
            p = apart.part(r)
            if p.coupled is not None or p.who is None or p.whole is None:
                raise NoSum("it goes on by a comparison of two examples", p.coupled)
            if p.who == ALL_EXAMPLES and not apart.is_constant(r):
                raise NoSum("it goes on by a comparison of what its examples share")
            if p.who != ALL_EXAMPLES:
                self.goes_on = True
                found.setdefault(p.who, []).append((p.whole, truth))
        return found


def _with_shared(e: Expressions, of: dict[Kind, Terms]) -> dict[Kind, Terms]:
    """The sums of an example's terms and the shared ones."""
    return {kind: tuple(map(e.sum, zip(terms, of[None], strict=True))) for kind, terms in of.items() if kind is not None}


def _registers(recorder: Recorder, returned: Any, shape: tuple[int, ...]) -> NDArray[np.intp]:
    """The registers of a result in place of an array of this shape."""
    found = lifted(recorder, returned).registers
    if found.size != prod(shape):
        raise NoSum(f"it returns {found.size} numbers, where {prod(shape)} are due")
    return found.reshape(shape)


def _of_one(p: Piece, example: int) -> int:
    """The expression of a slope in an entry of an example."""
    if p.whole is None or p.who not in (example, ALL_EXAMPLES):
        raise NoSum("the gradient by the numbers of one example takes those of another")
    return p.whole


# The terms


def _where(e: Expressions, decided: frozenset[tuple[int, bool]], terms: Sequence[int]) -> list[int]:
    """The terms where comparisons have this outcome, and 0 elsewhere."""
    for truth, outcome in sorted(decided):
        terms = [e.operation("where", truth, *((x, e.zero) if outcome else (e.zero, x))) for x in terms]
    return list(terms)


def _of_terms(records: _Records, bounds: Mapping[str, Any], seed: int, limit: float) -> Proof:
    """The proof of the terms of each kind, each with its part of the shared terms: as code of one example and of the number of all."""
    code, e, axes = records.code, records.e, records.axes
    if limit <= 0:
        raise NoSum(TOO_LATE)
    ones = [a if axis is None else np.take(a, 0, axis) for a, axis in zip(records.example, axes, strict=True)]
    taken = [k for k, is_number in enumerate(records.recorded) if is_number]
    entries = [e.of(INPUT, k, place) for k in taken for place in range(np.size(ones[k]))]
    shared, n = records.terms[None], e.of(SIZE, 1, Fraction(0), Fraction(1), Fraction(1))
    parts = [x if x == e.zero else e.operation("div", x, n) for x in shared]
    kinds = [_where(e, kind[1], [x if r == e.zero else e.sum((x, r)) for x, r in zip(terms, parts, strict=True)])
             for kind, terms in records.terms.items() if kind is not None]  # fmt: skip
    values = 1 if records.answer is None else 2
    losses = [tape_of(e, terms[:1], entries) for terms in kinds]
    answers = [tape_of(e, terms[values - 1 :], entries) for terms in kinds]
    shapes = [np.shape(a) for a in ones[: code.variables]]

    def loss(*given: Any) -> Any:
        return played(losses[given[-1]], [x for a in given[:-1] for x in entries_of(a)], written=True)[0]

    def answer(*given: Any) -> list[Any]:
        found = played(answers[given[-1]], [x for a in given[:-1] for x in entries_of(a)], written=True)
        ends = [1, *(1 + int(t) for t in np.cumsum([prod(shape) for shape in shapes]))]
        return [found[0], *(found[i:j].reshape(shape) for i, j, shape in zip(ends, ends[1:], shapes, strict=False))]

    def gradient(*given: Any) -> list[Any]:
        return answer(*given)[1:]

    names = (*(code.names[k] for k in taken), "the number of examples", "the label")
    terms = Code(loss, names, gradient, variables=code.variables, both=answer)
    given = dict(zip(names, (*(ones[k] for k in taken), float(FIRST_SIZE)), strict=False))
    ends = {**bounds, names[-2]: (0.0, inf)}
    how: dict[str, Any] = {"bounds": ends, "seed": seed, "limit": limit, "answer": answer if values == 2 else None}
    how["simplex"] = on_simplex([i for i in records.inputs if records.dimension not in i.dims[-1:]])
    return prove(terms, [{**given, names[-1]: k} for k in range(len(kinds))], **how)
