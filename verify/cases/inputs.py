"""Cases of a function of named inputs: from bytes to the sizes of its dimensions and to numbers of the inputs' domains.

Real numbers lie on the same small dyadic grid as weights; other numbers are looked up in their domain's list, the simplest first. Each byte
has the same position for all sizes, so that the engine can shrink a size without changing the numbers.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from math import prod
from typing import Any

import numpy as np
from flint import arb
from hypothesis import strategies as st
from numpy.typing import NDArray

from verify.cases.case import Case
from verify.cases.grid import AMPLITUDES, SCALES, decode
from verify.cases.kinks import EXPONENTS, MOST_STEPS, SECANT_LENGTH, beside, zero
from verify.difference import joined
from verify.oracle import InstanceOracle, exact
from verify.problem import WEIGHTS, FromExample, Input, Problem, of_bytes, sound, weighted
from verify.problem.sampling import DRAWS, has_zeros, in_dtype, keeping
from verify.spec.domains import Domain, Label
from verify.tape.balls import precision
from verify.traced import NotTraced

Floats = NDArray[np.floating]

SIZES = {1: (1, 6), 2: (1, 4), 3: (1, 3)}
"""Range of a dimension, by the number of dimensions: formulas are stated anew for each size, and grow with the number of entries."""
LARGER_SIZES = {1: (9, 12), 2: (5, 7)}
"""Range of a dimension in a larger case: more than one vector register of numbers, and no two dimensions of one size."""
SEED_BYTES = 2
"""Bytes before the sizes: the seed."""
OFF_THE_GRID = 0.25
"""Relative amount, or share of its distance from an end of its domain, by which a number is moved off the grid."""
INPUT_FACTORS = (2.0**-6, 2.0**6, 2.0**-20, 2.0**3)
"""Factors of all real numbers of one input, while the others stay."""
GREATEST_SCORES = {"float64": (64.0, 512.0), "float32": (32.0, 64.0)}
"""The greatest score of a case of scores far apart: exp of it overflows for the second, unless it is shifted."""
DISTINCT_VALUES = (4, 16, 256)
"""Numbers of distinct values of an input that a formula may compare: equal times, repeated counts."""
KINKS = 3
"""Coordinates to try for one kink."""


@dataclass(frozen=True, kw_only=True)
class InputBytes:
    """The layout of a byte string: `least` and `most` are the limits of every named dimension."""

    problem: Problem
    dtype: str
    least: int
    most: int

    @cached_property
    def places(self) -> dict[str, slice]:
        """The bytes of each input: one for its amplitude, one for its scale, one for each number."""
        largest, at, found = dict.fromkeys(self.problem.dims, self.most), SEED_BYTES + len(self.problem.dims), {}
        for i in self.problem.inputs:
            length = 2 + prod(i.shape(largest))
            found[i.name] = slice(at, at + length)
            at += length
        return found

    @property
    def length(self) -> int:
        """The length of a string."""
        return max(int(s.stop) for s in self.places.values())

    def case(self, raw: bytes, family: str) -> Case:
        """The case of a string."""
        row = np.frombuffer(raw, np.uint8)
        sizes = {d: self.least + int(row[SEED_BYTES + k]) % (self.most - self.least + 1) for k, d in enumerate(self.problem.dims)}
        values = {i.name: self._numbers(i, row[self.places[i.name]], sizes) for i in self.problem.inputs}
        seed, own = int(row[0]) * 256 + int(row[1]), self.problem.differentiated
        return Case(values=sound(self.problem, values), family=family, seed=seed, differentiated=own)

    def _numbers(self, i: Input, own: NDArray[np.uint8], sizes: dict[str, int]) -> Any:
        if isinstance(i.domain, FromExample):
            return in_dtype(i.domain.value, self.dtype)
        shape, largest = i.shape(sizes), i.shape(dict.fromkeys(self.problem.dims, self.most))
        numbers = own[2:].reshape(largest)[tuple(slice(n) for n in shape)]
        if not i.is_free:
            few = (
                DISTINCT_VALUES[own[0] % len(DISTINCT_VALUES)] if i.concrete and isinstance(i.domain, Domain) else 256
            )  # so that comparisons tie
            found = of_bytes(i, numbers.astype(np.int64) % few, sizes, self.dtype)
        else:
            found = decode(numbers.view(np.int8), AMPLITUDES[own[0] % 4], SCALES[own[1] % 4]).astype(self.dtype)
        return found if shape else found[()]


def families(oracle: InstanceOracle) -> dict[str, tuple[st.SearchStrategy[Case], float]]:
    """The families of the problem, each with its share of the cases; the shares need not add up to 1."""
    problem = oracle.problem
    if problem.example is not None:
        return _around(oracle)
    plain = _layout(oracle, SIZES)
    found = {
        "lattice": (_drawn(plain, "lattice"), 0.25),
        "generic": (_drawn(plain, "generic").map(lambda c: off_the_grid(problem, c)), 0.25),
        "repeated": (_drawn(plain, "repeated").map(lambda c: _repeated(problem, c)), 0.08),
        "scaled": (_drawn(plain, "scaled").map(lambda c: _scaled(problem, c)), 0.08),
    }
    if len(problem.dims) in LARGER_SIZES:
        found["larger"] = (_drawn(_layout(oracle, LARGER_SIZES), "larger").map(lambda c: off_the_grid(problem, c)), 0.04)
    if problem.loss and problem.inputs[0].is_free:
        found["scores far apart"] = (_drawn(plain, "scores far apart").map(_far_apart), 0.08)
    if not all(i.is_free for i in problem.variables):
        found["near an end"] = (_drawn(plain, "near an end").map(lambda c: _near_ends(problem, c)), 0.1)
    if oracle.has_switches:
        found |= {"kink": (_on_kinks(oracle, _drawn(plain, "kink")), 0.2)}
        found |= {"near a kink": (_near_kinks(oracle, _drawn(plain, "near a kink")), 0.2)}
    return found


WAYS_AROUND = {"near": 0.4, "rounded": 0.2, "tied": 0.15, "zeroed": 0.15}
"""Shares of the ways to draw around an example."""


def _around(oracle: InstanceOracle) -> dict[str, tuple[st.SearchStrategy[Case], float]]:
    """The families around an example, which is the simplest case of each."""
    problem, example = oracle.problem, oracle.problem.example
    assert example is not None
    zeros = any(has_zeros(np.asarray(example[name])) for name in problem.differentiated)
    found = {name: (_beside(oracle, name), share) for name, share in WAYS_AROUND.items() if zeros or name != "zeroed"}
    if zeros:
        found["origin"] = (st.just(_origin(oracle)), 0.0)
    if oracle.has_switches:
        found |= {"kink": (_on_kinks(oracle, _beside(oracle, "rounded")), 0.2)}
        found |= {"near a kink": (_near_kinks(oracle, _beside(oracle, "near")), 0.2)}
    return found


def _beside(oracle: InstanceOracle, family: str) -> st.SearchStrategy[Case]:
    return st.integers(0, 2**32 - 1).map(lambda seed: _beside_at(oracle, family, seed))


def _beside_at(oracle: InstanceOracle, family: str, seed: int) -> Case:
    """A point near the example, which itself is drawn for the seed 0."""
    problem, rng = oracle.problem, np.random.default_rng(seed)
    assert problem.example is not None
    values = {name: in_dtype(a, oracle.dtype) for name, a in problem.example.items()}
    if seed:
        drawn = {name: DRAWS[family](np.asarray(values[name]), rng)[()] for name in problem.moved}
        if family != "zeroed":  # there what the example shows is given up
            drawn = {name: keeping(values[name], a, alone=len(values) == 1) for name, a in drawn.items()}
        values |= {name: a for name, a in drawn.items() if oracle.contains({**values, name: a})}
    return Case(values=values, family=family, seed=seed, differentiated=problem.differentiated)


def _origin(oracle: InstanceOracle) -> Case:
    """The example with 0 for every input whose numbers do not share one sign."""
    case = _beside_at(oracle, "origin", 0)
    return case.but(**{i.name: np.zeros_like(case[i.name]) for i in oracle.problem.variables if i.is_free})


def _layout(oracle: InstanceOracle, sizes: Mapping[int, tuple[int, int]]) -> InputBytes:
    least, most = sizes[min(max(1, len(oracle.problem.dims)), max(sizes))]
    return InputBytes(problem=oracle.problem, dtype=oracle.dtype, least=least, most=most)


def _drawn(layout: InputBytes, family: str) -> st.SearchStrategy[Case]:
    return st.binary(min_size=layout.length, max_size=layout.length).map(lambda raw: layout.case(raw, family))


def off_the_grid(problem: Problem, case: Case) -> Case:
    """Full mantissas: each real number, and each inside a bounded domain, moved slightly by the seed; 0 leaves them."""
    if case.seed == 0:
        return case
    rng = np.random.default_rng(case.seed)
    moved = {}
    for i in problem.inputs:
        if isinstance(i.domain, Domain) and not i.domain.whole and not i.concrete:
            a = np.asarray(case[i.name], np.float64)
            room = i.reach(a)
            by = np.where(np.isfinite(room), room, 0.0) * rng.uniform(-OFF_THE_GRID, OFF_THE_GRID, a.shape)
            moved[i.name] = _like(case[i.name], _kept(i.domain, a, a + by, case.dtype))
    return case.but(**moved)


def _kept(domain: Domain, before: NDArray[np.float64], after: NDArray[np.float64], dtype: str) -> Floats:
    """The numbers after a move, in the dtype, if they still belong to the domain; else as before."""
    there = after.astype(dtype)
    return np.asarray(np.where(domain.holds(there), there, before.astype(dtype)))


def _like(a: Any, found: Floats) -> Any:
    return found.astype(a.dtype) if np.ndim(a) else found[()].astype(a.dtype)


def _repeated(problem: Problem, case: Case) -> Case:
    """The case with equal rows, so that comparisons tie."""
    first = problem.inputs[0].dims[:1]
    rows = {i.name: case[i.name] for i in problem.inputs if first and i.dims[:1] == first and len(case[i.name]) > 1}
    twice = {name: np.ascontiguousarray(a[np.arange(len(a)) // 2]) for name, a in rows.items()}
    return case.but(**sound(problem, {**case.values, **twice}))


def _scaled(problem: Problem, case: Case) -> Case:
    """The case with one input of real numbers much larger, or smaller, than the others."""
    free = [i.name for i in problem.inputs if i.is_free]
    if not free:
        return case
    name, by = free[case.seed % len(free)], INPUT_FACTORS[case.seed // len(free) % len(INPUT_FACTORS)]
    return case.but(**{name: _like(case[name], np.asarray(case[name]) * np.dtype(case.dtype).type(by))})


def _far_apart(case: Case) -> Case:
    """The scores times the power of two that gives the greatest the wanted size."""
    x = case.x
    top = float(np.max(np.abs(x), initial=0.0))
    reach = GREATEST_SCORES[case.dtype][case.seed % 2]
    return case if top == 0 else case.at(np.asarray(x * x.dtype.type(2.0 ** np.floor(np.log2(reach / top)))))


def _near_ends(problem: Problem, case: Case) -> Case:
    """The case with numbers of bounded domains next to their ends: a few floats away, or as small as floats can be."""
    rng, moved = np.random.default_rng(case.seed), {}
    for i in problem.variables:
        if not i.is_free and isinstance(i.domain, Domain):
            a = np.asarray(case[i.name])
            choices = np.array(_ends(i.domain, case.dtype), dtype=case.dtype)
            chosen = rng.integers(0, 2 * len(choices), a.shape)
            moved[i.name] = _like(case[i.name], np.where(chosen < len(choices), choices[chosen % len(choices)], a))
    return case.but(**moved)


NEAR_ZERO = {"float64": (2.0**-80, 2.0**-300, 2.0**-500), "float32": (2.0**-40, 2.0**-60)}
"""Numbers next to an end at 0: a product of two is not yet subnormal, whose rounding errors a logarithm would magnify."""


def _ends(domain: Domain, dtype: str) -> list[float]:
    """The ends if they belong to the domain, the floats next to them, and some on the way there."""
    own, found = np.dtype(dtype).type, []
    info = np.finfo(dtype)
    for end, inwards in ((domain.low, np.inf), (domain.high, -np.inf)):
        if np.isfinite(end):
            near = np.nextafter(own(end), own(inwards)) if end else np.sign(inwards) * NEAR_ZERO[dtype][0]
            found += [end, float(near), *(float(end + np.sign(inwards) * info.eps * 2.0**k) for k in (1, 8, 16))]
            found += [np.sign(inwards) * t for t in NEAR_ZERO[dtype]] if end == 0 else []
    return [t for t in found if t in domain]


@st.composite
def _on_kinks(draw: st.DrawFn, oracle: InstanceOracle, plain: st.SearchStrategy[Case]) -> Case:
    """A case moved onto a kink along one coordinate."""
    case, found = _solved(oracle, draw(plain))
    return replace(case, family="kink missed" if found is None else "kink" if found[1] else "kink, rounded")


@st.composite
def _near_kinks(draw: st.DrawFn, oracle: InstanceOracle, plain: st.SearchStrategy[Case]) -> Case:
    """A case slightly beside a kink along one coordinate."""
    case, found = _solved(oracle, draw(plain))
    if found is None:
        return replace(case, family="kink missed")
    rng, x = np.random.default_rng(case.seed), case.x.copy()
    x.flat[found[0]] = beside(x.flat[found[0]], int(rng.choice((1, -1))), int(rng.integers(*EXPONENTS[case.dtype], endpoint=True)))
    fits = _inside(oracle, case, found[0], float(x.flat[found[0]]))
    return replace(case.at(x), family="near a kink") if fits else replace(case, family="kink")


def _solved(oracle: InstanceOracle, case: Case) -> tuple[Case, tuple[int, bool] | None]:
    """The case with one number solved so that a gap is 0, its position, and whether the gap is exactly 0; unchanged if there is none."""
    try:
        parts = oracle.problem.parts(case.values)
    except NotTraced:
        return case, None
    rng = np.random.default_rng(case.seed)
    part = parts[int(rng.integers(len(parts)))]
    formula = oracle.formula(part.key)
    if not formula.gaps:
        return case, None
    gap, best = int(rng.integers(len(formula.gaps))), None
    constants = oracle.seen(part)
    for j in _some(rng, len(part.places)):
        x = case.x
        place, row = int(part.places[j]), [exact.ball(v) for v in x.ravel()[part.places].tolist()]

        def at(moved: arb, j: int = j, row: list[arb] = row) -> arb:
            return formula.gap([*(s + (moved if k == j else 0) for k, s in enumerate(row)), *constants], gap)

        with precision():
            straight = zero(at, 1.0, 1)
            moved = zero(at, SECANT_LENGTH, MOST_STEPS) if straight is None else straight
        if moved is None:
            continue
        there = x.dtype.type(float(row[j] + moved))
        if not np.isfinite(there) or not _inside(oracle, case, place, float(there)):
            continue
        x = x.copy()
        x.flat[place] = there
        row[j] = exact.ball(there)
        if formula.sign([*row, *constants], gap) == 0:
            return case.at(x), (place, True)
        best = best or (case.at(x), (place, False))
    return best or (case, None)


def _some(rng: np.random.Generator, n: int) -> Iterator[int]:
    yield from rng.permutation(n)[:KINKS].tolist()


def _inside(oracle: InstanceOracle, case: Case, place: int, t: float) -> bool:
    """Whether a number is allowed at this position of x."""
    domain = oracle.problem.input(case.place(np.unravel_index(place, case.x.shape))[0]).domain
    return isinstance(domain, Domain) and t in domain


def checked(problem: Problem, case: Case) -> Case:
    """The case in the problem's own types, however it was written: numbers of the dtype, whole ones for labels. Values of parameters are
    allowed in addition.

    Raises ValueError for values that do not fit the problem.
    """
    parameters = {name: case[name] for name in problem.parameters if name in case.values}
    if any(not problem.parameters[name].low < value < problem.parameters[name].high for name, value in parameters.items()):
        raise ValueError(f"the parameters are {', '.join(f'{name} = {value}' for name, value in parameters.items())}, out of their domains")
    case = case.without(parameters)
    problem = (weighted(problem) if WEIGHTS in case.values else None) or problem
    if case.differentiated != problem.differentiated:
        raise ValueError(f"gradients are due for {', '.join(problem.differentiated)}")
    problem.sizes(case.values)
    dtype = joined([np.asarray(case[name]) for name in problem.differentiated]).dtype
    whole = {i.name for i in problem.inputs if i.whole or isinstance(i.domain, Label)}
    if any(not np.issubdtype(np.asarray(case[name]).dtype, np.integer) for name in whole):
        raise ValueError(f"{' and '.join(sorted(whole))} are whole numbers")
    return case.but(**{i.name: _like_dtype(case[i.name], dtype) for i in problem.inputs if i.name not in whole}).beside(parameters)


def _like_dtype(a: Any, dtype: np.dtype[Any]) -> Any:
    found = np.asarray(a).astype(dtype)
    return found if found.ndim else found[()]


def ordinary(oracle: InstanceOracle, count: int, *, alike: bool = False) -> list[Case]:
    """Cases off the grid, the same ones each time; of one size if `alike`. For code, points near its example."""
    if oracle.problem.example is not None:
        return [_beside_at(oracle, "near", seed) for seed in range(1, count + 1)]
    layout, rng = _layout(oracle, SIZES), np.random.default_rng(5)
    raw = rng.integers(0, 256, (count, layout.length), dtype=np.uint8)
    dims = len(oracle.problem.dims)
    raw[:, SEED_BYTES : SEED_BYTES + dims] = layout.most - layout.least - rng.integers(0, 2 - alike, (count, dims))
    return [off_the_grid(oracle.problem, layout.case(row.tobytes(), "ordinary")) for row in raw]
