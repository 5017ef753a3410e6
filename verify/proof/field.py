"""Numbers of a random prime field in place of real ones: an identity that holds for them at random points holds for the functions they
stand for.

An `Element` is the value of one rational function of *free elements* at each of the points: inputs, and one for each function value that no
rule makes of others (an exponential, a logarithm, an erf). The rules are exact, and free elements are treated as independent, so that an
identity between them holds for the real numbers that they stand for; identities that need further relations are not found.

exp      exponents that are combinations of earlier ones with small rational coefficients give products of powers of their exponentials:
         each is the 60th power of a free element, which has all roots of orders that divide 60
log      a free element, or the combination that the rules for products, quotients, squares and exponentials give
x^(u/v)  roots of odd order are unique in the field, since the prime is chosen so; a square root is either one: see `square_roots`
sin, cos by half of the angle, so that their squares add up to 1; angles that are combinations with whole coefficients are added
erf, …   free, with their symmetries
bits     a comparison is 0 or 1: see `Branches`

Each element carries a bound on the degree of its numerator and its denominator as polynomials in the free elements, and on the binary
logarithms of the sums of the sizes of their coefficients: one bound for both, since both grow by the same rules. Every equality that is
used counts with these bounds: see `Budget`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from fractions import Fraction
from functools import reduce
from hashlib import blake2b
from itertools import product
from math import gcd, log2
from typing import Any

from flint import fmpz, fmpz_mod_ctx

from verify.proof.square_roots import Roots
from verify.tape.arithmetic import Arithmetic
from verify.tape.primitives import Primitive

BITS = 256
"""Bits of the prime."""
CLASS = (8 * 3 * 5 * 7 * 11, ((8, 7), (3, 2), (5, 4), (7, 3), (11, 2)))
"""The modulus and residues of the primes: −1 is no square, 2, 3, 5, 7 and 11 are, and roots of orders 3, 5, 7 and 11 are unique."""
PRIMES = 235.0
"""There are more than 2^PRIMES such primes of 256 bits: (Li(2^256) − Li(2^255))/φ(9240) minus the error bound of Bennett, Martin, O'Bryant
and Rechnitzer (Illinois J. Math. 62, 2018) for moduli up to 10^5, which gives 2^236.
"""
EXPONENTIAL_POWER = 60
"""An exponential is this power of a free element."""
MOST_COEFFICIENT = 16
"""Greatest coefficient of an exponent in another, with denominators that divide EXPONENTIAL_POWER."""
MAX_RATIONAL = 1 << 40
"""Greatest numerators and denominators of a quotient of two elements that is taken for a rational number."""
MOST_POWER = 64
MAX_ELEMENTS = 24
"""Most elements among which sums of three are searched."""
MOST_BITS = 3
"""Most bits for which an element is known for all assignments; beyond, only by its multilinear extension."""
NONE: frozenset[int] = frozenset()


class Unsaid(BaseException):  # candidates that catch exceptions do not catch it
    """A case that no rule decides, so that nothing is proved: in words."""


class Undefined(BaseException):
    """A function that is undefined everywhere: it divides by 0."""


class Unsuited(BaseException):
    """The prime has no root of a constant; another one has."""


def prime(seed: int, attempt: int = 0) -> int:
    """A prime of the class, uniformly drawn."""
    modulus, residues = CLASS
    residue = next(r for r in range(modulus) if all(r % m == k for m, k in residues))
    count = 0
    while True:
        k = drawn(f"prime {seed} {attempt} {count}".encode(), b"", (1 << (BITS - 1)) // modulus)
        found = ((1 << (BITS - 1)) // modulus + 1 + k) * modulus + residue
        if found.bit_length() == BITS and fmpz(found).is_probable_prime():
            return found
        count += 1


def drawn(key: bytes, seed: bytes, below: int) -> int:
    """A number below `below` drawn for a key, as uniform as one of 512 bits can be."""
    return int.from_bytes(blake2b(seed + b"|" + key, digest_size=64).digest(), "big") % below


class Tied(BaseException):
    """Comparisons that need a sign before anything is computed from them; None for all open ones."""

    def __init__(self, atoms: frozenset[int] | None) -> None:
        super().__init__(atoms)
        self.atoms = atoms


class Element:
    """`v` at each point; the bounds `n` of its numerator and `d` of its denominator; whether it is `fixed`, a pure number; the `bits` that
    it is a polynomial of; whether it is `positive` for all real inputs, by its construction.
    """

    __slots__ = ("bits", "d", "fixed", "n", "positive", "v")

    def __init__(
        self, v: tuple[Any, ...], n: float, d: float, fixed: bool = False, bits: frozenset[int] = NONE, positive: bool = False
    ) -> None:
        self.v, self.n, self.d, self.fixed, self.bits, self.positive = v, n, d, fixed, bits, positive

    @property
    def is_zero(self) -> bool:
        """Whether it is 0 at all points."""
        return not any(self.v)

    def at(self, chosen: Mapping[int, int]) -> Element:  # noqa: ARG002
        """The element for these values of the bits."""
        return self


class Branches(Element):
    """One element for each assignment of a few bits, in their `order`: the first half has the first of them 0. Its values and bounds are
    those of the multilinear polynomial that it is, at random values of the bits.
    """

    __slots__ = ("f", "order", "table")

    def __init__(self, f: Field, order: tuple[int, ...], table: tuple[Element, ...]) -> None:
        self.f, self.order, self.table = f, order, table
        self.bits, self.fixed, self.positive = frozenset(order), False, all(x.positive for x in table)

    def __getattr__(self, name: str) -> Any:
        if name not in ("v", "n", "d"):
            raise AttributeError(name)
        x = self.f.extended(self.order, self.table)
        self.v, self.n, self.d = x.v, x.n, x.d
        return getattr(self, name)

    def at(self, chosen: Mapping[int, int]) -> Element:
        """See `Element`."""
        place = 0
        for n in self.order:
            place = 2 * place + chosen[n]
        return self.table[place]


@dataclass
class Budget:
    """The number of equalities assumed because they hold at the points, and the sum of their bounds (degrees, and logarithms of
    coefficients), for identities to be shown and for relations found on the way.
    """

    identities: int = 0
    relations: int = 0
    identity: float = 0.0
    relation: float = 0.0

    def shown(self, bound: float) -> None:
        """Counts one identity."""
        self.identities += 1
        self.identity += bound

    def found(self, bound: float, times: int = 1) -> None:
        """Counts some relations."""
        self.relations += times
        self.relation += times * bound


@dataclass(frozen=True)
class Exponential:
    """An exponent and its exponential: `root` is the element whose 60th power it is, if it was free; otherwise it is a logarithm and its
    argument, or composed of other pairs. exp(log x) is x only if x is positive, which holds on paths that take the logarithms `of` all
    these values.
    """

    exponent: Element
    power: Element
    root: Element | None
    of: frozenset[Any] = frozenset()


@dataclass(eq=False)
class Field(Arithmetic):
    """Computes at the points of `seeds`, modulo `p`. `roots` chooses square roots. Values computed `under` bits are needed for some of
    their assignments only. `summands` of an exponent are other elements with factors, if it is known as their sum.
    """

    p: int
    seeds: tuple[bytes, ...]
    roots: Roots
    budget: Budget = field(default_factory=Budget)
    tag: Any = 0
    under: frozenset[int] = NONE
    summands: Callable[[Element], Sequence[tuple[Element, Fraction]]] = lambda _: ()

    def __post_init__(self) -> None:
        self.of = fmpz_mod_ctx(self.p)
        one, zero = self.of(1), self.of(0)
        n = len(self.seeds)
        self.one, self.zero = Element((one,) * n, 0.0, 0.0, True, positive=True), Element((zero,) * n, 0.0, 0.0, True)
        self._numbers: dict[Any, Element] = {}
        self._pairs: list[Exponential] = []
        self._exponents: dict[Any, list[Exponential]] = {self.zero.v: [Exponential(self.zero, self.one, None)]}
        self._powers: dict[Any, Exponential] = {self.one.v: Exponential(self.zero, self.one, None)}
        self._angles: list[tuple[Element, Element, Element]] = []
        self._turns: dict[Any, tuple[Element, Element]] = {self.zero.v: (self.zero, self.one)}
        self._others: dict[Any, Element] = {}
        self._square_roots: dict[Any, Element] = {}
        self._odd_roots: dict[Any, Element] = {}
        self._widest = (1.0, 1.0)
        self._taken: set[Any] = set()

    def begin(self) -> None:
        """Starts a path: numbers whose logarithm other paths take need not be positive here. Their logarithms stay, as log|x|: all rules
        for products hold for these.
        """
        self._taken = set()
        self.under = NONE

    # Bits

    @contextmanager
    def needed_by(self, bits: frozenset[int]) -> Iterator[None]:
        """Values computed in the block are needed for some assignments of these bits only."""
        before, self.under = self.under, self.under | bits
        try:
            yield
        finally:
            self.under = before

    def bit(self, n: int) -> Element:
        """The element that is 1 where an atom is positive, else 0."""
        return Branches(self, (n,), (self.zero, self.one))

    def choice(self, t: Element, x: Element, y: Element) -> Element:
        """The element that is `x` where the polynomial t of bits is 1, `y` where it is 0."""
        if self._is_short(t, x, y):
            return self._by_assignments(lambda t, x, y: y if t.is_zero else x, t, x, y)
        return self.plus(self.times(t, x), self.times(self.minus(self.one, t), y))

    def selected(self, order: tuple[int, ...], entries: Sequence[Element]) -> Element:
        """The element that is one of the entries, by the assignments of some bits."""
        if not order:
            return entries[0]
        half = len(entries) // 2
        return self.choice(self.bit(order[0]), self.selected(order[1:], entries[half:]), self.selected(order[1:], entries[:half]))

    def extended(self, order: tuple[int, ...], table: Sequence[Element]) -> Element:
        """The multilinear polynomial of bits with these values, at random values of the bits."""
        if not order:
            return table[0]
        half, b = len(table) // 2, self.free("bit", order[0])
        low, high = self.extended(order[1:], table[:half]), self.extended(order[1:], table[half:])
        return self._plus(self._times(self._minus(self.one, b), low), self._times(b, high))

    def _is_short(self, *xs: Element) -> bool:
        """Whether a result of these elements is known for all assignments."""
        return all(isinstance(x, Branches) or not x.bits for x in xs) and len(NONE.union(*(x.bits for x in xs))) <= MOST_BITS

    def _by_assignments(self, f: Callable[..., Element], *xs: Element) -> Element:
        order = tuple(sorted(NONE.union(*(x.bits for x in xs))))
        assignments = [dict(zip(order, bits, strict=True)) for bits in product((0, 1), repeat=len(order))]
        with self.needed_by(frozenset(order)):
            table = [f(*(x.at(chosen) for x in xs)) for chosen in assignments]
        return self._without_idle_bits(order, table)

    def _without_idle_bits(self, order: tuple[int, ...], table: list[Element]) -> Element:
        for k in range(len(order) - 1, -1, -1):
            step = 1 << (len(order) - 1 - k)
            low = [i for i in range(len(table)) if not i & step]
            if all(table[i].v == table[i | step].v for i in low):
                for i in low:
                    if table[i] is not table[i | step]:
                        self.budget.found(self._minus(table[i], table[i | step]).n)
                order, table = order[:k] + order[k + 1 :], [table[i] for i in low]
        return Branches(self, order, tuple(table)) if order else table[0]

    def _of_bits(self, f: Callable[..., Element], *xs: Element) -> Element:
        """A polynomial of elements of which some have bits."""
        if self._is_short(*xs):
            return self._by_assignments(f, *xs)
        found = f(*xs)
        found.bits = NONE.union(*(x.bits for x in xs))
        return found

    def _alone(self, x: Element) -> Element:
        """The element known only by its polynomial of bits."""
        return Element(x.v, x.n, x.d, x.fixed, x.bits, x.positive) if isinstance(x, Branches) else x

    def _tied(self, *xs: Element) -> None:
        """Requires signs for the bits of these elements, and for those that they are needed under, before computing from them."""
        if bits := self.under.union(*(x.bits for x in xs)):
            raise Tied(bits)

    # Numbers

    def free(self, *key: Any) -> Element:
        """A new element, drawn from the points' seeds by its name."""
        name = repr(key).encode()
        return Element(tuple(self.of(1 + drawn(name, s, self.p - 1)) for s in self.seeds), 1.0, 0.0)

    def number(self, value: Any) -> Element:
        """A rational number, or one with a name."""
        found = self._numbers.get(value)
        if found is None:
            found = self._numbers[value] = self._named(value) if isinstance(value, str) else self._rational(Fraction(value))
        return found

    def _rational(self, q: Fraction) -> Element:
        x = self.of(q.numerator) / self.of(q.denominator)
        return Element((x,) * len(self.seeds), _size(q.numerator), _size(q.denominator), True, positive=q > 0)

    def _named(self, name: str) -> Element:
        root_of_pi = self._constant("√π")
        if name == "pi":
            return self.times(root_of_pi, root_of_pi)
        if name == "√π":
            return root_of_pi
        if name == "euler":
            return self._constant("euler")
        if name == "e":
            return self._still(self.exponential(self.one))
        if name == "log 2":
            return self._logarithm_of(Fraction(2))
        if name == "log 10":
            return self._logarithm_of(Fraction(10))
        if name == "1/√(2π)":
            return self.over(self.one, self.times(self.root_of(Fraction(2)), root_of_pi))
        if name == "2/√π":
            return self.over(self.number(2), root_of_pi)
        raise Unsaid(f"the number {name} has no rule")

    def _constant(self, name: str) -> Element:
        """A number that is treated as independent of all others."""
        if name not in self._numbers:
            self._numbers[name] = self._still(self.free("number", name), positive=True)
        return self._numbers[name]

    def _still(self, x: Element, *, positive: bool = False) -> Element:
        return Element(x.v, x.n, x.d, True, positive=positive or x.positive)

    def root_of(self, q: Fraction) -> Element:
        """The root √q of a rational number: the one that is itself a square, so that products of roots are roots of products."""
        key = ("√", q)
        if key not in self._numbers:
            if q < 0:
                raise Undefined
            x = self._rational(q)
            y = x.v[0] ** ((self.p + 1) // 4)
            if y * y != x.v[0]:
                raise Unsuited
            self._numbers[key] = Element((y,) * len(self.seeds), x.n + x.d, x.d, True, positive=q > 0)
        return self._numbers[key]

    def _logarithm_of(self, q: Fraction) -> Element:
        """The logarithm of q from those of its prime factors."""
        if q <= 0:
            raise Undefined
        total = self.zero
        for n, sign in ((q.numerator, 1), (q.denominator, -1)):
            for factor, k in _factors(n):
                element = self._constant(f"log of {factor}")
                total = self.plus(total, self.times(self.number(sign * k), element))
        total = self._still(total)
        x = self._rational(q)
        self._remember(Exponential(total, x, None))
        return total

    # The operations of the field

    def plus(self, x: Element, y: Element) -> Element:
        """The sum."""
        return self._of_bits(self._plus, x, y) if x.bits or y.bits else self._plus(x, y)

    def _plus(self, x: Element, y: Element) -> Element:
        v = tuple(a + b for a, b in zip(x.v, y.v, strict=True))
        return Element(v, max(x.n + y.d, y.n + x.d) + 1.0, x.d + y.d, x.fixed and y.fixed, positive=x.positive and y.positive)

    def minus(self, x: Element, y: Element) -> Element:
        """The difference."""
        return self._of_bits(self._minus, x, y) if x.bits or y.bits else self._minus(x, y)

    def _minus(self, x: Element, y: Element) -> Element:
        v = tuple(a - b for a, b in zip(x.v, y.v, strict=True))
        return Element(v, max(x.n + y.d, y.n + x.d) + 1.0, x.d + y.d, x.fixed and y.fixed)

    def times(self, x: Element, y: Element) -> Element:
        """The product."""
        return self._of_bits(self._times, x, y) if x.bits or y.bits else self._times(x, y)

    def _times(self, x: Element, y: Element) -> Element:
        v = tuple(a * b for a, b in zip(x.v, y.v, strict=True))
        return Element(v, x.n + y.n, x.d + y.d, x.fixed and y.fixed, positive=x.positive and y.positive)

    def over(self, x: Element, y: Element) -> Element:
        """The quotient. Raises Undefined if y is 0."""
        if not (x.bits or y.bits):
            return self._over(x, y)
        if self._is_short(x, y):
            return self._by_assignments(self._over, x, y)
        if isinstance(y, Branches):
            return self.times(x, self._by_assignments(self._over, self.one, y))
        if y.bits and not y.positive:  # it may be 0 for some assignments, for which nobody needs the quotient
            raise Tied(y.bits)
        return self._of_bits(self._over, self._alone(x), y)

    def _over(self, x: Element, y: Element) -> Element:
        if not all(y.v):
            self.budget.found(y.n)
            self._tied()
            raise Undefined
        v = tuple(a / b for a, b in zip(x.v, y.v, strict=True))
        return Element(v, x.n + y.d, x.d + y.n, x.fixed and y.fixed, positive=x.positive and y.positive)

    def negative(self, x: Element) -> Element:
        """The element with the other sign."""
        return self._of_bits(self._negative, x) if x.bits else self._negative(x)

    def _negative(self, x: Element) -> Element:
        return Element(tuple(-a for a in x.v), x.n, x.d, x.fixed)

    def total(self, xs: Iterable[Element]) -> Element:
        """The sum."""
        found = None
        for x in xs:
            found = x if found is None else self.plus(found, x)
        return self.zero if found is None else found

    def whole_power(self, x: Element, n: int) -> Element:
        """A whole power."""
        if abs(n) > MOST_POWER * EXPONENTIAL_POWER:
            raise Unsaid(f"a power of {n} is beyond what is followed")
        if n < 0:
            return self.whole_power(self.over(self.one, x), -n)
        return self._of_bits(lambda x: self._power_of(x, n), x) if x.bits else self._power_of(x, n)

    def _power_of(self, x: Element, n: int) -> Element:
        return Element(tuple(a**n for a in x.v), n * x.n, n * x.d, x.fixed, positive=x.positive)

    def is_nothing(self, x: Element) -> bool:
        """Whether it is 0 everywhere, judged at the points."""
        self.budget.found(x.n)
        return x.is_zero

    def rational(self, x: Element, y: Element) -> Fraction | None:
        """The quotient x/y, if it is a rational number with few digits."""
        if not all(y.v):
            return None
        c = x.v[0] / y.v[0]
        q = _reconstructed(int(c), self.p)
        if q is None:
            return None
        self._asked(x)
        k = self._rational(q)
        return q if all(a == b * c for a, b, c in zip(x.v, y.v, k.v, strict=True)) else None

    def line(self, x: Element, y: Element) -> tuple[Fraction, Fraction] | None:
        """The a and b with x = a + b·y, if they have few digits: found at two points, where any of 2^160 would fit."""
        apart = y.v[0] - y.v[1]
        self._asked(x)
        if len(self.seeds) != 2 or not apart:
            return None
        slope = (x.v[0] - x.v[1]) / apart
        a, b = (_reconstructed(int(c), self.p) for c in (x.v[0] - slope * y.v[0], slope))
        return None if a is None or b is None else (a, b)

    def _asked(self, x: Element, times: int = 1) -> None:
        """Counts comparisons with any element in a table."""
        n, d = self._widest
        self.budget.found(max(x.n + d, n + x.d) + 1.0, times)

    def _met(self, *elements: Element) -> None:
        n, d = self._widest
        self._widest = max(n, *(x.n + x.d for x in elements)), max(d, *(x.n + x.d for x in elements))

    # Exponentials and logarithms

    def _remember(self, pair: Exponential) -> None:
        self._met(pair.exponent, pair.power)
        self._pairs.append(pair)
        self._powers.setdefault(pair.power.v, pair)
        self._stands(pair)

    def _stands(self, pair: Exponential) -> None:
        """Adds a pair that holds on this path, after those that do already, so that a path finds its pairs again."""
        if self._pair(pair.exponent.v) is None:
            self._exponents.setdefault(pair.exponent.v, []).append(pair)

    def _pair(self, exponent: Any) -> Exponential | None:
        """The pair of an exponent's values, on this path."""
        return next((pair for pair in self._exponents.get(exponent, ()) if pair.of <= self._taken), None)

    def is_positive_everywhere(self, a: Element) -> bool:
        """Whether the number that exp(a) is on this path is positive on other paths too."""
        pair = self._pair(a.v)
        return pair is not None and not pair.of

    def exponential(self, a: Element) -> Element:
        """The exponential exp(a)."""
        self._asked(a, 1 + 8 * len(self._pairs))
        known = self._pair(a.v)
        if known is not None:
            return known.power
        for parts in self._combinations(a):
            try:
                power = reduce(self.times, (self._power(pair, c) for pair, c in parts))
            except Unsaid:
                continue
            found = Exponential(a, power, None, frozenset[Any]().union(*(pair.of for pair, _ in parts)))
            self._stands(found)
            self._powers.setdefault(power.v, found)
            return power
        root = self.free("exp", self.tag, len(self._pairs))
        root.fixed, root.bits, root.positive = a.fixed, a.bits, True
        power = self.whole_power(root, EXPONENTIAL_POWER)
        self._remember(Exponential(a, power, root))
        return power

    def _combinations(self, a: Element) -> Iterator[list[tuple[Exponential, Fraction]]]:
        """The ways to write an exponent in terms of earlier ones."""
        pairs = [pair for pair in self._pairs if pair.of <= self._taken]
        if not a.bits and (summands := self.summands(a)):
            yield from self._by_summands(a, summands)
        for one in pairs:
            c = self.rational(a, one.exponent)
            if c is not None and abs(c) <= MOST_COEFFICIENT and EXPONENTIAL_POWER % c.denominator == 0:
                yield [(one, c)]
        multiples = (Fraction(1), Fraction(-1), Fraction(2), Fraction(-2), Fraction(1, 2), Fraction(-1, 2))
        for one, c in product(pairs, multiples):
            rest = self.minus(a, self.times(self.number(c), one.exponent))
            for sign in (1, -1):
                other = self._pair(rest.v if sign > 0 else self.negative(rest).v)
                if other is not None:
                    yield [(one, c), (other, Fraction(sign))]
        if len(pairs) > MAX_ELEMENTS:
            return
        self._asked(a, 8 * len(pairs) ** 2)
        for (k, one), c in product(enumerate(pairs), multiples[:2]):
            for two, s in product(pairs[k:], multiples[:2]):
                rest = self.minus(self.minus(a, self.times(self.number(c), one.exponent)), self.times(self.number(s), two.exponent))
                for sign in (1, -1):
                    other = self._pair(rest.v if sign > 0 else self.negative(rest).v)
                    if other is not None:
                        yield [(one, c), (two, s), (other, Fraction(sign))]

    def _by_summands(self, a: Element, summands: Sequence[tuple[Element, Fraction]]) -> Iterator[list[tuple[Exponential, Fraction]]]:
        """The exponent in terms of its summands, whose exponentials may be new."""
        if any(x.bits or abs(c) > MOST_COEFFICIENT or EXPONENTIAL_POWER % c.denominator for x, c in summands):
            return
        if not self.is_nothing(self.minus(a, self.total(self.times(self.number(c), x) for x, c in summands))):
            return
        for x, _ in summands:
            self.exponential(x)
        found = [(pair, c) for x, c in summands if (pair := self._pair(x.v)) is not None]
        if len(found) == len(summands):
            yield found

    def _power(self, pair: Exponential, c: Fraction) -> Element:
        if c.denominator == 1:
            return self.whole_power(pair.power, int(c))
        if pair.root is None:
            if c.denominator == 2:
                return self.whole_power(self.square_root(pair.power), c.numerator)
            raise Unsaid("a root of an exponential is no power of a free element")
        return self.whole_power(pair.root, int(c * EXPONENTIAL_POWER))

    def logarithm(self, x: Element) -> Element:
        """The logarithm log(x), where x is positive."""
        if x.is_zero:
            raise Undefined
        if not x.positive and x.v not in self._taken:
            self._tied(x)  # it is where its operand is positive, which it need not be for all assignments
        self._asked(x, 2 + 4 * len(self._pairs))
        known, of = self._powers.get(x.v), frozenset((x.v,))
        if known is not None:
            self._taken.add(x.v)
            self._stands(Exponential(known.exponent, x, None, of))
            return known.exponent
        if x.fixed and (q := self.rational(x, self.one)) is not None:
            return self._logarithm_of(q)
        found = self._by_products(x)
        self._taken.add(x.v)
        if found is None:
            found = self.free("log", self.tag, len(self._pairs))
            found.fixed, found.bits = x.fixed, x.bits
            self._remember(Exponential(found, x, None, of))
        else:
            self._powers[x.v] = Exponential(found, x, None, of)
            self._stands(self._powers[x.v])
        return found

    def _by_products(self, x: Element) -> Element | None:
        inverse = self.over(self.one, x)
        known = self._powers.get(inverse.v)
        if known is not None:
            return self.negative(known.exponent)
        square = self._powers.get(self.times(x, x).v)
        if square is not None:
            return self.times(self.number(Fraction(1, 2)), square.exponent)
        for one in self._pairs:
            for y, sign in ((self.times(x, one.power), -1), (self.over(x, one.power), 1)):
                other = self._powers.get(y.v)
                if other is not None:
                    return (self.plus if sign > 0 else self.minus)(other.exponent, one.exponent)
            c = self.rational(x, one.power)
            if c is not None and c > 0:
                return self.plus(one.exponent, self._logarithm_of(c))
        if len(self._pairs) > MAX_ELEMENTS:
            return None
        self._asked(x, 3 * len(self._pairs) ** 2)
        for one in self._pairs:  # as Σ exp(s − m), beside Σ exp(s)
            y, z = self.times(x, one.power), self.over(x, one.power)
            for two in self._pairs:
                other = self._powers.get(self.over(y, two.power).v) if two is not one else None
                if other is not None:
                    return self.minus(self.plus(other.exponent, two.exponent), one.exponent)
                for w, sign in ((self.over(z, two.power), 1), (self.times(y, two.power), -1)):
                    if (other := self._powers.get(w.v)) is not None:
                        both = self.plus(one.exponent, two.exponent)
                        return self.plus(other.exponent, both) if sign > 0 else self.minus(other.exponent, both)
        return None

    # Roots

    def square_root(self, x: Element) -> Element:
        """A root √x, either of the two."""
        if x.is_zero:
            return self.zero
        if x.fixed and (q := self.rational(x, self.one)) is not None:
            return self.root_of(q)
        self._asked(x, 2)
        if x.v not in self._square_roots:
            pair = self._powers.get(x.v)
            if pair is not None and pair.root is not None:
                found = self.whole_power(pair.root, EXPONENTIAL_POWER // 2)
            elif x.fixed and (q := self.rational(x, self.number("pi"))) is not None:
                found = self.times(self.root_of(q), self.number("√π"))
            elif x.fixed:
                raise Unsaid("the root of a number that is no fraction has no rule")
            else:
                self._tied(x)
                found = Element(self.roots.taken(self, x, self.tag), x.n + x.d, x.d)
            self._met(x)
            self._square_roots[x.v] = found
        return self._square_roots[x.v]

    def root(self, x: Element, order: int) -> Element:
        """The positive root of this order."""
        while order % 2 == 0:
            x, order = self.square_root(x), order // 2
        if order == 1 or x.is_zero:
            return x
        if gcd(order, self.p - 1) != 1:
            raise Unsaid(f"roots of the order {order} are not followed")
        self._tied(x)
        key = (order, x.v)
        self._asked(x)
        if key not in self._odd_roots:
            k = pow(order, -1, self.p - 1)
            self._odd_roots[key] = Element(tuple(a**k for a in x.v), x.n + x.d, x.d, x.fixed)
            self.roots.odd(order, key)
            self._met(x)
        return self._odd_roots[key]

    def power(self, x: Element, c: Fraction) -> Element:
        """The power x^c."""
        if c.denominator == 1:
            return self.whole_power(x, int(c))
        if _is_rooted(c.denominator) and abs(c.numerator) <= MOST_POWER:
            return self.whole_power(self.root(x, c.denominator), c.numerator)
        return self.exponential(self.times(self.number(c), self.logarithm(x)))

    # Angles, and functions without rules

    def turn(self, a: Element) -> tuple[Element, Element]:
        """The pair sin(a), cos(a)."""
        if a.bits:
            raise Tied(a.bits)
        self._asked(a, 1 + 4 * len(self._angles))
        if a.v in self._turns:
            return self._turns[a.v]
        found = self._added(a)
        if found is None:
            t = self.free("angle", self.tag, len(self._angles))
            t.fixed = a.fixed
            square = self.times(t, t)
            below = self.plus(self.one, square)
            found = self.over(self.times(self.number(2), t), below), self.over(self.minus(self.one, square), below)
            self._angles.append((a, *found))
            self._met(a)
        self._turns[a.v] = found
        return found

    def _added(self, a: Element) -> tuple[Element, Element] | None:
        for angle, s, c in self._angles:
            k = self.rational(a, angle)
            if k is not None and k.denominator == 1 and abs(k) <= MOST_COEFFICIENT:
                found = self.zero, self.one
                for _ in range(abs(int(k))):
                    found = self._sum_of(found, (s, c))
                return found if k > 0 else (self.negative(found[0]), found[1])
            for sign in (1, -1):
                part = (s, c) if sign > 0 else (self.negative(s), c)
                rest = self._turns.get(self.minus(a, angle).v if sign > 0 else self.plus(a, angle).v)
                if rest is not None:
                    return self._sum_of(rest, part)
        return None

    def _sum_of(self, x: tuple[Element, Element], y: tuple[Element, Element]) -> tuple[Element, Element]:
        (s, c), (t, d) = x, y
        return self.plus(self.times(s, d), self.times(c, t)), self.minus(self.times(c, d), self.times(s, t))

    def other(self, name: str, parameter: Any, *ins: Element, odd: bool = False) -> Element:
        """The value of a function without rules: equal for equal operands."""
        key = (name, parameter, *(x.v for x in ins))
        for x in ins:
            self._asked(x, 1 + odd)
        if key in self._others:
            return self._others[key]
        if odd:
            mirrored = self._others.get((name, parameter, *(self.negative(x).v for x in ins)))
            if mirrored is not None:
                return self.negative(mirrored)
        found = self.free(name, self.tag, len(self._others))
        found.fixed, found.bits = all(x.fixed for x in ins), NONE.union(*(x.bits for x in ins))
        self._met(*ins)
        self._others[key] = found
        return found

    def greatest(self, name: str, pieces: Sequence[Element]) -> Element:
        """The greatest (or least) of some pieces, whichever it is: a free element."""
        for x in pieces:
            self._asked(x)
            self._met(x)
        key = (name, frozenset(x.v for x in pieces))
        if key not in self._others:
            self._others[key] = self.free(name, self.tag, len(self._others))
            self._others[key].bits = NONE.union(*(x.bits for x in pieces))
        return self._others[key]

    # The primitives

    def element(self, x: Any) -> Element:
        """The element itself, or that of a number."""
        return x if isinstance(x, Element) else self.number(x)

    def apply(self, row: Primitive, ins: Sequence[Any], parameter: Any = None) -> Any:
        """The result of a primitive for elements or numbers."""
        rule = RULES.get(row.name)
        if rule is None:
            raise Unsaid(f"{row.name} has no rule")
        xs = [self.element(x) for x in ins]
        if not any(x.bits for x in xs) or row.name in POLYNOMIAL:
            return rule(self, parameter, *xs)
        if self._is_short(*xs):
            return self._by_assignments(lambda *ys: rule(self, parameter, *ys), *xs)
        return rule(self, parameter, *map(self._alone, xs))


def _size(n: int) -> float:
    return log2(abs(n)) if n else 0.0


def _factors(n: int) -> list[tuple[int, int]]:
    found = [(int(q), int(k)) for q, k in fmpz(n).factor()] if n.bit_length() < 64 else []
    if n > 1 and not found:
        raise Unsaid("the logarithm of a long number has no rule")
    return found


def _is_rooted(order: int) -> bool:
    while order % 2 == 0:
        order //= 2
    return order in (1, 3, 5, 7, 9, 11, 15)


def _reconstructed(c: int, p: int) -> Fraction | None:
    """The fraction with few digits that equals a number of the field, if there is one: by the Euclidean algorithm."""
    if c < MAX_RATIONAL:
        return Fraction(c)
    if p - c < MAX_RATIONAL:
        return Fraction(c - p)
    a, b, s, t = p, c, 0, 1
    while b >= MAX_RATIONAL:
        q = a // b
        a, b, s, t = b, a - q * b, t, s - q * t
    if t == 0 or abs(t) >= MAX_RATIONAL:
        return None
    return Fraction(b, t)


def _hyperbolic(f: Field, x: Element) -> tuple[Element, Element]:
    e = f.exponential(x)
    return e, f.over(f.one, e)


def _logistic(f: Field, x: Element) -> Element:
    e = f.exponential(x)
    return f.over(e, f.plus(f.one, e))


def _tanh(f: Field, x: Element) -> Element:
    e = f.exponential(f.times(f.number(2), x))
    return f.over(f.minus(e, f.one), f.plus(e, f.one))


def _half(f: Field, x: Element) -> Element:
    return f.times(f.number(Fraction(1, 2)), x)


def _erf(f: Field, x: Element) -> Element:
    return f.other("erf", None, x, odd=True)


def _ndtr(f: Field, x: Element) -> Element:
    return _half(f, f.plus(f.one, _erf(f, f.over(x, f.root_of(Fraction(2))))))


def _mills(f: Field, x: Element) -> Element:
    density = f.times(f.exponential(_half(f, f.negative(f.times(x, x)))), f.number("1/√(2π)"))
    return f.over(density, _ndtr(f, x))


def _pow(f: Field, x: Element, y: Element) -> Element:
    if y.fixed and (c := f.rational(y, f.one)) is not None:
        return f.power(x, c)
    return f.exponential(f.times(y, f.logarithm(x)))


def _xlogy(f: Field, x: Element, y: Element) -> Element:
    return f.zero if x.fixed and x.is_zero else f.times(x, f.logarithm(y))


def _tan(f: Field, x: Element) -> Element:
    return f.over(*f.turn(x))


def _atan2(f: Field, y: Element, x: Element) -> Element:
    """The angle, from that of the positive half plane, if one of both is positive."""
    if x.positive:
        return f.other("atan", None, f.over(y, x), odd=True)
    if y.positive:
        return f.minus(_half(f, f.number("pi")), f.other("atan", None, f.over(x, y), odd=True))
    return f.other("atan2", None, y, x)


def _log1p(f: Field, x: Element) -> Element:
    return f.logarithm(f.plus(f.one, x))


RULES: Mapping[str, Callable[..., Any]] = {
    "add": lambda f, _, x, y: f.plus(x, y),
    "sub": lambda f, _, x, y: f.minus(x, y),
    "mul": lambda f, _, x, y: f.times(x, y),
    "div": lambda f, _, x, y: f.over(x, y),
    "neg": lambda f, _, x: f.negative(x),
    "square": lambda f, _, x: f.times(x, x),
    "pow": lambda f, _, x, y: _pow(f, x, y),
    "pow_c": lambda f, c, x: f.power(x, Fraction(c)),
    "sqrt": lambda f, _, x: f.square_root(x),
    "rsqrt": lambda f, _, x: f.over(f.one, f.square_root(x)),
    "exp": lambda f, _, x: f.exponential(x),
    "expm1": lambda f, _, x: f.minus(f.exponential(x), f.one),
    "exp2": lambda f, _, x: f.exponential(f.times(x, f.number("log 2"))),
    "log": lambda f, _, x: f.logarithm(x),
    "log1p": lambda f, _, x: _log1p(f, x),
    "log2": lambda f, _, x: f.over(f.logarithm(x), f.number("log 2")),
    "log10": lambda f, _, x: f.over(f.logarithm(x), f.number("log 10")),
    "logistic": lambda f, _, x: _logistic(f, x),
    "softplus": lambda f, _, x: _log1p(f, f.exponential(x)),
    "logaddexp": lambda f, _, x, y: f.logarithm(f.plus(f.exponential(x), f.exponential(y))),
    "tanh": lambda f, _, x: _tanh(f, x),
    "sinh": lambda f, _, x: _half(f, f.minus(*_hyperbolic(f, x))),
    "cosh": lambda f, _, x: _half(f, f.plus(*_hyperbolic(f, x))),
    "erf": lambda f, _, x: _erf(f, x),
    "erfc": lambda f, _, x: f.minus(f.one, _erf(f, x)),
    "ndtr": lambda f, _, x: _ndtr(f, x),
    "log_ndtr": lambda f, _, x: f.logarithm(_ndtr(f, x)),
    "inverse_mills": lambda f, _, x: _mills(f, x),
    "lgamma": lambda f, _, x: f.other("lgamma", None, x),
    "digamma": lambda f, _, x: f.other("digamma", None, x),
    "polygamma": lambda f, n, x: f.other("polygamma", n, x),
    "sin": lambda f, _, x: f.turn(x)[0],
    "cos": lambda f, _, x: f.turn(x)[1],
    "tan": lambda f, _, x: _tan(f, x),
    "asin": lambda f, _, x: f.other("asin", None, x, odd=True),
    "acos": lambda f, _, x: f.minus(_half(f, f.number("pi")), f.other("asin", None, x, odd=True)),
    "atan": lambda f, _, x: f.other("atan", None, x, odd=True),
    "atan2": lambda f, _, y, x: _atan2(f, y, x),
    "xlogy": lambda f, _, x, y: _xlogy(f, x, y),
    "round_to": lambda _f, _, x: x,
}
"""Rules by the primitive; rows, matrices and switches are evaluated by `verify.proof.path`."""
POLYNOMIAL = {"add", "sub", "mul", "div", "neg", "square", "round_to"}
"""Primitives that handle the bits of their operands themselves."""
