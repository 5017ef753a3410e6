"""Every sign pattern of a loss's code and its gradient's: is one the derivative of the other, as functions of real numbers?

The code runs on recorded inputs. Each comparison of numbers that depend on them asks for the sign of a difference, an *atom*: differences
that are rational multiples of each other are one atom, however they are computed. Runs go through all signs of all atoms, depth first; the
results of each are compared in a prime field (`verify.proof.field`).
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import product
from math import log2
from typing import Any

import numpy as np
from flint import arb

from verify.proof.affine import Affine, Forms, contradicts, infeasible, inside
from verify.proof.constants import Reading, read
from verify.proof.field import PRIMES, Branches, Budget, Element, Field, Tied, Undefined, Unsaid, Unsuited, prime
from verify.proof.path import Above, Inseparable, Open, Path, Places
from verify.proof.samples import Samples
from verify.proof.square_roots import MAX_ROOTS, Missing, Roots
from verify.tape import enclose
from verify.tape.balls import precision
from verify.tape.tape import Builder
from verify.traced.array import lifted
from verify.traced.record import followed, inputs_of
from verify.traced.recorder import NotTraced, Recorder

POINTS = 2
"""Points of the field at which everything is computed: the second shows which values are multiples of which."""
MIN_POINTS = 40
"""Points at which a root exists, after which it is assumed to exist always."""
PRIMES_TRIED = 16
MOST_FACTORS = 12
"""Most differences of a pattern among which products of two are searched."""
MOST_TIED = 24
"""Restarts because of comparisons that cannot stay open, after which none stays open."""
MAX_LOSS_CHANGE = 2.0**-10
"""Relative change of a loss that is allowed when the tiny added numbers are dropped."""


@dataclass(frozen=True, kw_only=True)
class Sign:
    """One atom of a path: the register `x` is above `y`, or below. The atom itself is `assumed` to be positive, or negative."""

    atom: int
    assumed: bool
    x: int
    y: int
    above: bool


@dataclass(frozen=True, kw_only=True, eq=False)
class Leaf:
    """One pattern: its signs, the wrong entries of the gradient, and the compared registers. `same` says that the code's own value is the
    loss. It stands for both signs of each of the `open` atoms; those of `either` are known by registers.
    """

    given: tuple[Any, ...]
    signs: tuple[Sign, ...]
    wrong: tuple[int, ...]
    loss: int
    gradient: tuple[int, ...]
    undefined: bool = False
    same: bool = True
    unsaid: str | None = None
    open: int = 0
    either: tuple[Sign, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Question:
    """`loss` returns one number and `gradient` a list of arrays, or `both` the number and these; `answer`, in place of `gradient`, a number
    that must be the loss, and these. The first `variables` arrays are differentiated. `patterns` are the arguments with each choice of
    labels. Other numbers are arbitrary, arbitrary with rows that add up to 1 (`simplex`), or as given (`held`); tiny added ones are
    arbitrary (`guards`), or 0. Real points are drawn within the `bounds`. Code that is `seeded` gets the seed of the random numbers that it
    draws.
    """

    loss: Callable[..., Any]
    gradient: Callable[..., Any]
    both: Callable[..., Any] | None = None
    answer: Callable[..., Any] | None = None
    variables: int
    patterns: tuple[tuple[Any, ...], ...]
    held: frozenset[int] = frozenset()
    simplex: frozenset[int] = frozenset()
    guards: bool = True
    bounds: tuple[tuple[float, float] | None, ...] = ()
    seeded: bool = False


def random_numbers() -> Any:
    """The state of the global generators."""
    found: Any = np.random.get_state(legacy=False)  # noqa: NPY002  # the legacy global state is the one that code may draw from
    return found["state"]["key"].tobytes(), found["state"]["pos"], found["has_gauss"], random.getstate()


def _number(recorder: Recorder, returned: Any) -> int:
    """The register of a loss."""
    value = lifted(recorder, returned)
    if value.size != 1:
        raise Unsaid(f"the loss has {value.size} numbers")
    return int(value.registers.ravel()[0])


class Late(BaseException):
    """The time is over."""


class Following(Recorder):
    """A recorder whose comparisons have the outcomes of a path."""

    path: Path
    raised: BaseException | None = None

    def decide(self, registers: Any, values: Any) -> Any:
        """See `Recorder`."""
        shape = np.shape(values)
        found = np.empty(int(np.prod(shape)), bool)
        for k, r in enumerate(registers.ravel().tolist()):
            try:
                truth = self.path.truth(r, decided=True)
            except BaseException as error:  # numpy, which may have asked, leaves errors out of some questions
                self.raised = error
                raise
            if truth is None:
                raise Unsaid("a comparison is open where both sides are equal everywhere")
            found[k] = bool(truth)
        return found.reshape(shape)


@dataclass(eq=False)
class Answers:
    """The signs of one path as they were found, to search roots at other points."""

    answers: Mapping[tuple[int, int], Above]
    maxima: set[Any]
    inputs: Callable[[Field], dict[int, Element]]
    guard: Callable[[Field, int], Element]
    f: Field

    def above(self, path: Path, x: int, y: int, *, decided: bool) -> Above:  # noqa: ARG002
        """See `Signs`."""
        return self.answers[x, y]

    def is_split(self, made_of: Any, key: Any) -> bool:  # noqa: ARG002
        """See `Signs`."""
        return made_of not in self.maxima

    def given(self, register: int) -> Element:
        """See `Signs`."""
        return self.guard(self.f, register)

    def goes_on(self) -> None:
        """See `Signs`."""


@dataclass(eq=False)
class Explorer:
    """The exploration of all patterns: see `leaves`."""

    question: Question
    seed: int = 0
    deadline: float = float("inf")
    readings: dict[Fraction, Reading] = field(default_factory=dict)
    drawn: int = POINTS
    primes: int = 1
    guards: dict[float, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        q = self.question
        self.b = Builder()
        self._instructions = Places(self.b)
        self.inputs = inputs_of(self.b, q.patterns[0], q.variables)
        self._split: set[Any] = set()
        self._places: list[tuple[Answers, Any]] = []
        self._p = prime(self.seed)
        self._seeds = tuple(self._name(k) for k in range(POINTS))
        self.budget = Budget()
        self.degree = 1.0
        self.samples = Samples(self.b, q.patterns[0], q.variables, self.seed, held=q.held, bounds=q.bounds)
        self.runs = 0
        self._stay_open, self._done = True, False
        self.real = False  # whether the code asks if numbers are finite
        self.moves = False  # whether the loss depends on what is differentiated, on some pattern
        self._tied: set[Any] = set()
        self._times_tied = 0
        now = time.perf_counter()
        self._half = now + (self.deadline - now) / 2
        self._anew()

    def _name(self, k: int) -> bytes:
        return f"point {self.seed} {k}".encode()

    def _anew(self) -> None:
        """Restarts at other points, where nothing is known about comparisons."""
        self.f = Field(self._p, self._seeds, Roots(), self.budget)
        for answers, tag in self._places:
            self._ask(self.f, answers, tag)
        self.f.roots.known = set(self.f._square_roots)  # of all others it is asked whether they are independent of these
        self._atoms: dict[Any, tuple[int, Element]] = {}
        self._atom_keys: list[Any] = []
        self._forms: dict[int, Affine] = {}
        self._positive: set[Any] = set()
        self._of_elements: set[Any] = set()
        self._elements = self._inputs(self.f)

    def _inputs(self, f: Field) -> dict[int, Element]:
        """The elements of the inputs: free ones, or the values that they are held at."""
        q, found = self.question, dict[int, Element]()
        for k, (registers, a) in enumerate(zip(self.inputs, q.patterns[0], strict=True)):
            if registers is None:
                continue
            for e, (r, x) in enumerate(zip(registers.ravel().tolist(), np.ravel(a).tolist(), strict=True)):
                found[r] = self._read(r, Fraction(x)).element(f) if k in q.held else f.free("input", k, e)
            if k in q.simplex - q.held:
                for *others, last in registers.reshape(-1, registers.shape[-1]).tolist():
                    found[last] = f.minus(f.one, f.total(found[r] for r in others))
        return found

    @property
    def variables(self) -> list[int]:
        """The registers in which derivatives are taken."""
        return [r for x in self.inputs[: self.question.variables] if x is not None for r in x.ravel().tolist()]

    # Signs

    def above(self, path: Path, x: int, y: int, *, decided: bool) -> Above:
        """See `Signs`."""
        if x == y:
            return None
        try:
            d = self.f.minus(path.element(x), path.element(y))
        except Undefined:
            raise Unsaid("it compares what has no value") from None
        if self.f.is_nothing(d):
            return None
        if d.bits:
            return self._by_assignments(path, d, x, y, decided=decided)
        if d.fixed:
            q = self.f.rational(d, self.f.one)
            return self._of_numbers(x, y) if q is None else q > 0
        self._separable(path, x, y)
        n, sign = self._atom(d)
        if n not in self._forms:
            self._forms[n] = path.forms.apart(x, y) if sign else path.forms.apart(y, x)
        given = self._assigned.get(n)
        if given is None and (given := self._known_sign(path, self._forms[n])) is None:
            if self._stays_open(n, decided=decided):
                if n not in self._either and min(x, y) >= 0:
                    self._either[n] = Sign(atom=n, assumed=True, x=x, y=y, above=sign)
                return Open((), ((n, sign),))
            self._trail.append((n, True, True))
        self._assigned[n] = True if given is None else given
        positive = self._assigned[n] is sign
        if n not in self._signs and min(x, y) >= 0:
            self._signs[n] = Sign(atom=n, assumed=self._assigned[n], x=x, y=y, above=positive)
        return positive

    def _separable(self, path: Path, x: int, y: int) -> None:
        if (free := path.free_maxima((x, y))) and path.maxima:
            raise Inseparable(path.alike(free))

    def _stays_open(self, n: int, *, decided: bool) -> bool:
        """Whether an atom without a known sign stays open on this path, for both signs."""
        if decided and n in self._open:
            raise Tied(frozenset((n,)))
        if self._stay_open and not decided and self._atom_keys[n] not in self._tied:
            self._open.add(n)
            return True
        return False

    def _by_assignments(self, path: Path, d: Element, x: int, y: int, *, decided: bool) -> Above:
        """The sign of a difference that depends on bits: for each assignment of a few."""
        if decided or not isinstance(d, Branches):
            raise Tied(d.bits)
        self._separable(path, x, y)
        found = [
            self._at(e, dict(zip(d.order, bits, strict=True)))
            for e, bits in zip(d.table, product((0, 1), repeat=len(d.order)), strict=True)
        ]
        return Open(d.order, tuple(found))

    def _at(self, d: Element, bits: Mapping[int, int]) -> bool | tuple[int, bool] | None:
        """The sign of a difference under an assignment of bits."""
        if self.f.is_nothing(d):
            return None
        if d.fixed:
            q = self.f.rational(d, self.f.one)
            if q is None:
                raise Tied(frozenset(bits))
            return q > 0
        n, sign = self._atom(d)
        if n in bits:
            return bool(bits[n]) is sign
        if n in self._assigned:
            return self._assigned[n] is sign
        if not self._stays_open(n, decided=False):
            raise Tied(frozenset(bits))
        return n, sign

    def _known_sign(self, path: Path, x: Affine) -> bool | None:
        """The sign of an atom that follows from the assumed ones; None if it may have either. Both may be impossible."""
        if path.forms.is_positive(x):
            return True
        if path.forms.is_positive(Affine({k: -c for k, c in x.parts.items()}, -x.constant)):
            return False
        assumed = [(self._forms[n], above) for n, above in self._assigned.items()]
        for above in (True, False):
            if contradicts(x, above, assumed):
                return not above
        return None

    def is_impossible(self, leaf: Leaf) -> bool:
        """Whether no real numbers have the signs of a pattern, by linear programming, or because a difference
        is a product of two others.
        """
        signs = [(self._forms[s.atom], s.assumed) for s in leaf.signs]
        return infeasible(signs, self._positive) or self._contradicts_a_product(leaf)

    def _contradicts_a_product(self, leaf: Leaf) -> bool:
        """Whether one difference is another one times a + b·a third, with a and b that imply the opposite
        sign: r² − c², where r > c > 0.
        """
        found = {s.atom: s.assumed for s in leaf.signs}
        if len(found) > MOST_FACTORS:
            return False
        elements = {n: d if found[n] else self.f.negative(d) for n, d in self._atoms.values() if n in found}
        for n, i, j in product(elements, repeat=3):
            if n == i:
                continue
            rest = self.f.over(elements[n], elements[i])
            factors = self.f.line(rest, elements[j])
            if factors is not None and max(factors) <= 0:
                return True
        return False

    def _atom(self, d: Element) -> tuple[int, bool]:
        """The number of an atom, and whether the difference has its sign."""
        if not all(d.v):
            raise Unsaid("a point is on a zero set")
        key = d.v[0] / d.v[1]
        self.f._asked(d, 2 * (1 + len(self._atoms)))  # a product of values at both points is compared
        known = self._atoms.get(key)
        if known is not None:
            q = self.f.rational(d, known[1])
            if q is not None:
                return known[0], q > 0
            key = (key, d.v[0])  # a multiple by something else: looked at by itself
            if key in self._atoms:
                return self._atoms[key][0], True
        self.f._met(d)
        self._atoms[key] = len(self._atoms), d
        self._atom_keys.append(key)
        return self._atoms[key][0], True

    def _of_numbers(self, x: int, y: int) -> bool:
        """The comparison of two numbers that depend on no input."""
        tape = self.b.tape(np.array([x, y], np.intp))
        if not tape.behind([x, y]).isdisjoint(tape.inputs.tolist()):
            raise Unsaid("two numbers that a choice leads to cannot be compared")
        with precision():
            run = enclose.run(tape, [arb(1)] * len(tape.inputs))
            d = run.values[x] - run.values[y]
        if d > 0 or d < 0:
            return bool(d > 0)
        raise Unsaid("two numbers are too close to each other to be compared")

    def is_split(self, made_of: Any, key: Any) -> bool:
        """See `Signs`."""
        if made_of in self._split:
            self._of_elements.add(key)
        return key in self._of_elements

    def given(self, register: int) -> Element:
        """See `Signs`."""
        return self._guard(self.f, register)

    def goes_on(self) -> None:
        """See `Signs`. The first path with open comparisons takes at most half of the time."""
        now = time.perf_counter()
        if now > self.deadline:
            raise Late
        if now > self._half and self._open and not self._done:
            raise Tied(None)

    def _guard(self, f: Field, register: int) -> Element:
        if register not in self.guards.values():
            raise Unsaid("it needs an input that is not there")
        return f.free("guard", register) if self.question.guards else f.zero

    def _read(self, _: int, value: Fraction) -> Reading:
        if value not in self.readings:
            self.readings[value] = read(value)
        return self.readings[value]

    # Runs

    def leaves(self) -> Iterator[Leaf]:
        """All patterns, each as soon as it is known; from the start again where an assumption did not hold: then `RESTARTED` is yielded and
        all earlier patterns are void. Raises NotTraced, Late, and Unsaid if nothing can be said of any.
        """
        done = 0
        while True:
            try:
                for leaf in self._explored():
                    done += 1
                    yield leaf
                self.degree = max(self.degree, self.f.roots.degree)
                return
            except Inseparable as error:
                self._split |= error.keys
            except Unsuited:
                self.primes += 1
                if self.primes > PRIMES_TRIED:
                    raise Unsaid("no prime has roots of all its numbers") from None
                self._p = prime(self.seed, self.primes)
                self._places.clear()
                self._anew()
            except Missing as error:
                if self._open:
                    self._tie(None)
                else:
                    self._search(error.tag)
            except Tied as error:
                self._tie(error.atoms)
            yield RESTARTED

    def _tie(self, atoms: frozenset[int] | None) -> None:
        """From now on these atoms, or all, have one sign on each path."""
        self._times_tied += 1
        if atoms is None or self._times_tied > MOST_TIED:
            self._stay_open = False
        else:
            self._tied |= {self._atom_keys[n] for n in atoms}
        self._anew()

    def _explored(self) -> Iterator[Leaf]:
        for given in self.question.patterns:
            self._trail: list[tuple[int, bool, bool]] = []
            while True:
                yield self._leaf(given)
                while self._trail and not self._trail[-1][2]:
                    self._trail.pop()
                if not self._trail:
                    break
                n, value, _ = self._trail.pop()
                self._trail.append((n, not value, False))

    def _leaf(self, given: tuple[Any, ...]) -> Leaf:
        if time.perf_counter() > self.deadline:
            raise Late
        self.runs += 1
        q = self.question
        self._assigned, self._signs = {n: value for n, value, _ in self._trail}, dict[int, Sign]()
        self._open, self._either = set[int](), dict[int, Sign]()
        self.f.begin()
        recorder = Following(self.b, strict=True, guards=self.guards)
        path = recorder.path = Path(self.f, self._instructions, self._elements, set(self.variables), self, self._read)
        path.forms = Forms(path, self._positive)
        self._path = path
        told: dict[str, Any] = {"given": given}
        loss, own, gradient = -1, None, tuple[int, ...]()
        numbers = random_numbers()
        try:
            first = followed(q.both or q.loss, given, self.inputs, recorder)
            first, *out = [first] if q.both is None else first
            loss = _number(recorder, first)
            out = followed(q.answer or q.gradient, given, self.inputs, recorder) if q.both is None else out
            if q.answer is not None:
                first, *out = out
                own = _number(recorder, first)
            gradient = tuple(r for g in out for r in lifted(recorder, g).registers.ravel().tolist())
            if not q.seeded and random_numbers() != numbers:
                raise NotTraced("it draws random numbers: hand in an input that is called seed")
            self.real |= recorder.real
            if recorder.inspected or recorder.printed:
                what = "whether numbers have a value, or signs that it does not compare" if recorder.inspected else "numbers as text"
                raise NotTraced(f"it asks for {what}, which no pattern of signs tells")
            wrong = self._wrong(path, loss, gradient)
            same = own is None or self._is_same(path, loss, own)
            if (wrong or not same) and path.maxima:  # it may matter which is the greatest
                raise Inseparable(path.alike({key for _, key in path.maxima.values()}))
            if (wrong or not same) and self._open:  # it may be so for each assignment, or on patterns alone that no numbers have
                raise Tied(None)
        except NotTraced:
            if recorder.raised is not None:
                raise recorder.raised from None
            raise
        except (Undefined, Unsaid) as error:
            if self._open:
                raise Tied(None) from None
            if isinstance(error, Unsaid):
                return Leaf(**told, signs=self._found(), wrong=(), loss=loss, gradient=gradient, unsaid=str(error))
            return Leaf(**told, signs=self._found(), wrong=(), loss=loss, gradient=gradient, undefined=True)
        self._done = True
        told |= {"open": len(self._open), "either": tuple(self._either.values())}
        return Leaf(**told, signs=self._found(), wrong=wrong, loss=loss, gradient=gradient, same=same)

    def _is_same(self, path: Path, loss: int, own: int) -> bool:
        apart = self.f.minus(path.element(own), path.element(loss))
        self.budget.shown(apart.n)
        return apart.is_zero

    def _found(self) -> tuple[Sign, ...]:
        return tuple(self._signs.values())

    def _wrong(self, path: Path, loss: int, gradient: Sequence[int]) -> tuple[int, ...]:
        variables = self.variables
        if len(gradient) != len(variables):
            raise Unsaid(f"the gradient has {len(gradient)} numbers, where {len(variables)} are due")
        path.element(loss)
        told = [path.element(r) for r in gradient]
        due, found = path.gradient(loss), []
        self.moves |= any(r in due and not due[r].is_zero for r in variables)
        for k, (r, x) in enumerate(zip(variables, told, strict=True)):
            apart = self.f.minus(x, due.get(r, self.f.zero))
            self.budget.shown(apart.n)
            if not apart.is_zero:
                found.append(k)
        return tuple(found)

    # Real points

    def following(self, leaf: Leaf) -> tuple[list[int], int]:
        """The samples that have the signs of a leaf, and finite values: first one of each of its patterns; and their number."""
        guards = {r: value for value, r in self.guards.items()}
        numbers = self.samples.at(np.array([leaf.loss, *leaf.gradient], np.intp), guards)
        fine = np.all(np.isfinite(numbers), axis=0)
        if leaf.signs:
            x, y = (self.samples.at(np.array([getattr(s, name) for s in leaf.signs], np.intp), guards) for name in "xy")
            above = np.array([s.above for s in leaf.signs])[:, None]
            fine &= np.all(np.where(above, x > y, x < y), axis=0)
        found = [int(k) for k in np.flatnonzero(fine)]
        if not leaf.either or not found:
            return found, min(1, len(found))
        x, y = (self.samples.at(np.array([getattr(s, name) for s in leaf.either], np.intp), guards)[:, found] for name in "xy")
        apart = np.flatnonzero(np.all(x != y, axis=0))
        _, first = np.unique((x > y)[:, apart], axis=1, return_index=True)
        firsts = [found[apart[k]] for k in sorted(first)]
        return firsts + [k for k in found if k not in firsts], len(firsts)

    def affine_point(self, leaf: Leaf) -> dict[int, Any] | None:
        """Inputs that have the signs of a pattern, by linear programming, if the differences are affine in them."""
        signs = [(self._forms[s.atom], s.assumed) for s in leaf.signs]
        places = {self._elements[r].v: (k, e) for k, x in enumerate(self.inputs) if x is not None for e, r in enumerate(x.ravel().tolist())}
        point = inside(signs, places.keys())
        if point is None:
            return None
        found = {k: np.array(a) for k, a in self.values(leaf.given, 0).items()}
        for key, number in point.items():
            k, e = places[key]
            found[k].reshape(-1)[e] = number
        return {k: a[()] for k, a in found.items()}

    def is_moved_by_guards(self, leaf: Leaf) -> bool:
        """Whether the loss changes, at the samples of a pattern, when tiny numbers that are read as 0 are 0."""
        q, at = self.question, self.following(leaf)[0]
        if q.guards or not self.guards:
            return False
        loss = np.array([leaf.loss], np.intp)
        here = self.samples.at(loss, {r: value for value, r in self.guards.items()})[0, at]
        samples = Samples(self.b, q.patterns[0], q.variables, self.seed, held=q.held, bounds=q.bounds)
        there = samples.at(loss, dict.fromkeys(self.guards.values(), 0.0))[0, at]
        return not np.all(np.abs(there - here) <= MAX_LOSS_CHANGE * np.max(np.abs(here), initial=0.0))

    def values(self, given: Sequence[Any], sample: int | None) -> dict[int, Any]:
        """The inputs at a sample, or as given; by position."""
        found, at = dict(enumerate(given)), 0
        for k, (registers, a) in enumerate(zip(self.inputs, given, strict=True)):
            if registers is None or sample is None:
                continue
            numbers = self.samples.points[at : at + registers.size, sample].reshape(np.shape(a))
            found[k] = numbers.astype(np.asarray(a).dtype)[()]
            at += registers.size
        return found

    # Roots

    def _search(self, tag: Any) -> None:
        """Searches points at which all roots met so far exist, with a certificate that each is independent of those before it."""
        path = self._path
        maxima = {made_of for made_of, _ in path.maxima.values()}
        self._places.append((Answers(dict(path.answers), maxima, self._inputs, self._guard, self.f), tag))
        seeds: list[bytes] = []
        certified, passed = set[int](), 0
        n = len(self._places)
        if n > MAX_ROOTS:
            raise Unsaid(f"it takes more than {MAX_ROOTS} square roots")
        while len(seeds) < POINTS or len(certified) < n:
            if time.perf_counter() > self.deadline:
                raise Late
            if passed > MIN_POINTS << max(0, n - 4):
                raise Unsaid("it takes square roots that depend on each other, or one of a square")
            self.drawn += 1
            seed = self._name(self.drawn)
            count = self._roots_at(seed)
            if count is None:
                passed += 1
                seeds.append(seed)
            else:
                certified.add(count)
        self._seeds = tuple(seeds[:POINTS])
        self._anew()

    def _roots_at(self, seed: bytes) -> int | None:
        """The number of roots that exist at a point before one that does not; None if all do."""
        f = Field(self._p, (seed,), Roots())
        for k, (answers, tag) in enumerate(self._places):
            before = f.roots.count
            try:
                self._ask(f, answers, tag)
            except Missing:
                return f.roots.count
            if f.roots.count == before:
                raise Unsaid("it takes a root that is one of those before it")
            if f.roots.count != k + 1:
                raise Unsaid("it takes square roots in an order that is not followed")
        return None

    def _ask(self, f: Field, answers: Answers, tag: Any) -> None:
        """Takes the root of a place in a field, on the path that led there."""
        signs = Answers(answers.answers, answers.maxima, answers.inputs, answers.guard, f)
        f.begin()
        path = Path(f, self._instructions, self._inputs(f), set(self.variables), signs, self._read)
        path.forms = Forms(path, set())
        if isinstance(tag, tuple):
            path.element(tag[1])
            path.gradient(tag[1])
        else:
            path.element(tag)

    # What is claimed

    def errors(self) -> dict[str, float]:
        """Binary logarithms of the parts of the probability of a false claim: by identities and relations that hold only at the points, and
        by a prime that divides all coefficients of one.
        """
        b, ext = self.budget, self.degree
        points = log2(self.drawn) + log2(self.primes)

        def part(bound: float, of: float) -> float:
            return log2(bound * ext) + points - of if bound else float("-inf")

        whole = (b.identity + b.relation) / 255
        return {
            "identities": part(b.identity, 255.0),
            "relations": part(b.relation, 255.0),
            "primes": part(whole, PRIMES),
        }


RESTARTED = Leaf(given=(), signs=(), wrong=(), loss=-1, gradient=())
"""Yielded when the exploration restarts."""


def error_of(parts: Mapping[str, float]) -> float:
    """log₂ of their sum, rounded up to a whole number."""
    greatest = max(parts.values())
    if greatest == float("-inf"):
        return greatest
    return float(np.ceil(greatest + log2(sum(2.0 ** (x - greatest) for x in parts.values()))))
