"""The result of a proof: proved with a bound on the error, refuted at a real point that balls confirm, or not proved, with the reason."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property, wraps
from math import inf
from typing import Any, Literal

import numpy as np

from verify.candidates.signature import is_seed
from verify.proof.explore import RESTARTED, Explorer, Late, Leaf, Question, error_of
from verify.proof.field import Unsaid
from verify.traced import Code, NotTraced
from verify.traced.problem import Gap
from verify.traced.record import is_recorded

Status = Literal["proved", "refuted", "not proved", "vacuous"]
LIMIT = 10.0
"""Default time limit of one proof in seconds."""
MOST_ERROR = -100.0
"""log₂ of the greatest probability of a false claim that counts as a proof."""
POINTS_PER_PATTERN = 3
"""Real points of one pattern at which a gap is computed in balls."""
CONFIRMED_PATTERNS = 8
"""Patterns that are also confirmed by balls at a real point, the first for the claim, others to test the rules."""
MIN_FAR_GAP = 2.0**-30
"""Relative to the size of a gradient, the least gap that refutes at a point far from the example: dropping an exponential where it is small
is not refuted.
"""
VALUE = -1
"""The place of a gap between values."""
GUARDED = "the identity needs tiny numbers to be 0, with which the loss is another one"
UNSETTLED = 64
"""Patterns neither proved nor refuted, after which the exploration stops."""


@dataclass(frozen=True, kw_only=True)
class Proof:
    """`labels` and `patterns` count what was explored, `met` the patterns for which a real point was found, in floats. `error` is log₂ of
    the probability that the claim is false, and `parts` its parts. `assumed` says how numbers were read, and what kept its value, `held`
    which inputs did; `reason` why nothing is proved, and `traced` whether code was recorded at all. A refutation has a real point,
    `values`, and the `gap` that balls confirm there.
    """

    status: Status
    shape: str = ""
    labels: int = 0
    patterns: int = 0
    met: int = 0
    error: float | None = None
    parts: Mapping[str, float] = field(default_factory=dict)
    assumed: tuple[str, ...] = ()
    held: tuple[str, ...] = ()
    reason: str | None = None
    traced: bool = True
    seconds: float = 0.0
    values: Mapping[str, Any] | None = None
    gap: Gap | None = None

    def __str__(self) -> str:
        counted = [_count(self.labels, "label pattern"), _count(self.patterns, "sign pattern")]
        told = ", ".join(counted if self.labels > 1 else counted[1:])
        if self.status == "proved":
            return f"proved at {self.shape}: {told}, error ≤ 2^{self.error:g}"
        if self.status == "refuted":
            assert self.gap is not None
            line = "" if self.gap.line is None else f" (line {self.gap.line.number}: {self.gap.line.code})"
            return f"refuted at {self.shape}: {self.reason}{line}"
        return f"{self.status} at {self.shape}: {self.reason}"

    def to_dict(self) -> dict[str, Any]:
        """The proof for the report."""
        found = asdict(replace(self, values=None, gap=None))
        del found["values"], found["gap"], found["held"], found["traced"]
        return found | {
            "told": str(self),
            "assumed": list(self.assumed),
            "parts": {name: round(x, 1) for name, x in self.parts.items() if x > -inf},
            "seconds": round(self.seconds, 3),
        }


def not_traced(error: NotTraced, **fields: Any) -> Proof:
    """The proof of code that cannot be recorded."""
    return Proof(status="not proved", reason=f"not traced: {error}", traced=False, **fields)


def _count(n: int, what: str) -> str:
    number = f"{n:,}" if n < 1 << 40 else f"{'' if n.bit_count() == 1 else 'over '}2^{n.bit_length() - 1}"
    return f"{number} {what}{'' if n == 1 else 's'}"


def prove(
    code: Code,
    patterns: Sequence[Mapping[str, Any]],
    *,
    shape: str = "",
    held: Sequence[str] = (),
    loose: Sequence[str] = (),
    simplex: Sequence[str] = (),
    bounds: Mapping[str, tuple[float, float] | None] | None = None,
    answer: Callable[..., Any] | None = None,
    seed: int = 0,
    limit: float = LIMIT,
) -> Proof:
    """Whether a gradient's code is the derivative of a loss's code, for all real inputs and each of the `patterns` of whole numbers; and
    whether a value is that loss, if an `answer` returns one with the arrays of the gradient. Inputs that are `held` keep their values, and
    those that are `loose` do if the claim is not proved otherwise; rows on a `simplex` add up to 1. Real points are searched within the
    `bounds`.
    """
    began = time.perf_counter()
    given = tuple(tuple(p[name] for name in code.names) for p in patterns)
    names = code.names
    ends = tuple((bounds or {}).get(name, (-inf, inf)) for name in names)

    def ask(kept: Sequence[str], *, guards: bool) -> tuple[Proof, bool]:
        held_at = frozenset(k for k, name in enumerate(names) if name in kept)
        q = Question(
            loss=code.f,
            gradient=code.gradient,
            both=code.both if answer is None else None,
            answer=answer,
            variables=code.variables,
            patterns=given,
            held=held_at,
            simplex=frozenset(k for k, name in enumerate(names) if name in simplex),
            guards=guards,
            bounds=ends,
            seeded=any(is_seed(name) for name in names),
        )
        return _answer(code, q, shape, seed, began, limit)

    found, guarded = ask(held, guards=True)
    if found.status == "not proved" and guarded:
        found, _ = ask(held, guards=False)
    if found.status in ("not proved", "refuted") and loose:
        again, guarded = ask([*held, *loose], guards=True)
        if again.status == "not proved" and guarded:
            again, _ = ask([*held, *loose], guards=False)
        found = found if found.status == again.status == "not proved" else again
    return replace(found, seconds=time.perf_counter() - began, labels=len(patterns))


def _answer(code: Code, q: Question, shape: str, seed: int, began: float, limit: float) -> tuple[Proof, bool]:
    """The proof, and whether the code adds tiny numbers."""
    told: dict[str, Any] = {"shape": shape}
    try:
        explorer = Explorer(q, seed, began + limit)
    except NotTraced as error:
        return not_traced(error, **told), False
    tally = _Tally(code, explorer)
    why: str | None = None
    failed: NotTraced | None = None
    try:
        for leaf in explorer.leaves():
            if tally.takes(leaf):
                break
    except NotTraced as error:
        failed = error
    except Late:
        why = f"over the limit of {limit:g} s, after {_count(tally.patterns, 'pattern')}"
    except Unsaid as error:
        why = str(error)
    guarded = bool(explorer.guards)
    told |= {"patterns": tally.patterns, "met": tally.met}
    if tally.refuted is not None:
        values, gap = tally.refuted
        if gap.place == VALUE:
            due, found = _apart(gap.expected, gap.measured)
            reason = f"the value is {due} at a point of one pattern, and the code's is {found}"
            return Proof(status="refuted", reason=reason, values=values, gap=gap, **told), guarded
        name, index = _place(code, values, gap.place)
        due, found = _apart(gap.expected, gap.measured)
        reason = f"d/d{name}{index} is {due} at a point of one pattern, and the code's is {found}"
        return Proof(status="refuted", reason=reason, values=values, gap=gap, **told), guarded
    if failed is not None:
        return not_traced(failed, **told), guarded
    why = why or tally.unsettled
    if why is not None:
        return Proof(status="not proved", reason=why, **told), guarded
    parts = explorer.errors()
    most = error_of(parts)
    held = tuple(name for k, name in enumerate(code.names) if k in q.held)
    told |= {"error": most, "parts": parts, "assumed": _assumed(code, explorer), "held": held}
    if most > MOST_ERROR:
        return Proof(status="not proved", reason=f"its degrees are too large: the error is up to 2^{most:g}", **told), guarded
    if not tally.confirmed:
        reason = "no real point was found at which both are defined"
        return Proof(status="vacuous", reason=reason, **told), guarded
    if not explorer.moves:
        reason = "the loss is constant there, and its derivative 0 on every pattern: try a larger shape, or another example"
        return Proof(status="vacuous", reason=reason, **told), guarded
    return Proof(status="proved", **told), guarded


def own_value(code: Code, answer: Callable[..., Any] | None) -> Code | None:
    """The value of an `answer`, as code of the same inputs."""
    if answer is None:
        return None

    @wraps(answer)
    def value(*inputs: Any) -> Any:
        return answer(*inputs)[0]

    return Code(value, code.names, variables=code.variables)


def real_gap(
    code: Code, values: Mapping[str, Any], bounds: Mapping[str, tuple[float, float] | None], own: Code | None = None
) -> Gap | None:
    """The gap that balls find at a real point within the bounds, at which the loss is defined; None if they find none, or do not decide.
    With the candidate's `own` value the gap between it and the loss, if the gradient has none; a formula may be defined where floats
    overflow.
    """
    for name in code.names[: code.variables]:
        low, high = bounds.get(name) or (-inf, inf)
        if not np.all((low < np.asarray(values[name])) & (np.asarray(values[name]) < high)):
            return None
    with suppress(Exception), np.errstate(all="ignore"), warnings.catch_warnings(action="ignore"):
        value = code.f(*(np.array(values[name]) if np.ndim(values[name]) else values[name] for name in code.names))
        with suppress(NotTraced):
            if np.all(np.isfinite(np.asarray(value, float))) or (own is not None and code.enclosed(values).is_finite()):
                found = code.gap(values)
                return found if own is None or found is None or found.distance else _apart_in_value(code, own, values) or found
    return None


def _apart_in_value(code: Code, own: Code, values: Mapping[str, Any]) -> Gap | None:
    """The gap between two values; None if balls find none."""
    due, found = code.enclosed(values), own.enclosed(values)
    apart, size = found - due, float(due.abs_upper())
    distance = float(apart.abs_lower()) if apart.is_finite() else 0.0
    if not distance > MIN_FAR_GAP * size:
        return None
    width, measured, expected = map(float, (apart.rad(), found, due))
    return Gap(place=VALUE, distance=distance, width=width, measured=measured, expected=expected, size=size, line=None)


@dataclass(eq=False)
class _Tally:
    """The tally of the patterns of one exploration."""

    code: Code
    explorer: Explorer
    patterns: int = 0
    met: int = 0
    confirmed: int = 0
    refuted: tuple[dict[str, Any], Gap] | None = None
    unsettled: str | None = None
    count: int = 0

    def takes(self, leaf: Leaf) -> bool:
        """Adds one leaf; returns whether it was the last one needed."""
        if leaf is RESTARTED:
            self.patterns = self.met = self.count = 0
            self.confirmed, self.unsettled = 0, None
            return False
        self.patterns += 1 << leaf.open
        fine = not leaf.wrong and leaf.unsaid is None and leaf.same
        points, met = ([], 0) if leaf.undefined else self._points(leaf)
        self.met += met
        if fine and (self.confirmed >= CONFIRMED_PATTERNS or not points):
            return False
        for values in points:
            gap = self._gap(values)
            if gap is not None and gap.distance > (MIN_FAR_GAP * gap.size if self.explorer.question.held else 0):  # which may be rounded
                self.refuted = values, gap
                return True
            if fine and gap is not None:
                if self.explorer.is_moved_by_guards(leaf):
                    self.count, self.unsettled = self.count + 1, self.unsettled or GUARDED
                self.confirmed += 1
                if not leaf.open or self.confirmed >= CONFIRMED_PATTERNS:
                    return False
        if fine or self.explorer.is_impossible(leaf) or (not points and self._refutes(leaf)):
            return self.refuted is not None
        self.count += 1
        self.unsettled = self.unsettled or self._in_words(leaf, bool(points))
        return self.count >= UNSETTLED

    def _refutes(self, leaf: Leaf) -> bool:
        """Whether a point from linear programming refutes the leaf: by a difference that does not vanish, however far out."""
        point = None if leaf.undefined else self.explorer.affine_point(leaf)
        if point is None:
            return False
        values = {self.code.names[k]: a for k, a in point.items()}
        gap = self._gap(values)
        if gap is not None and gap.distance > MIN_FAR_GAP * gap.size:
            self.refuted = values, gap
        return self.refuted is not None

    def _gap(self, values: Mapping[str, Any]) -> Gap | None:
        q = self.explorer.question
        return real_gap(self.code, values, dict(zip(self.code.names, q.bounds, strict=False)), self._own)

    @cached_property
    def _own(self) -> Code | None:
        """The code's own value, if it must be the loss."""
        return own_value(self.code, self.explorer.question.answer)

    def _in_words(self, leaf: Leaf, met: bool) -> str:
        if leaf.unsaid is not None:
            return leaf.unsaid
        if not leaf.wrong:
            if met:
                return "the value is the loss by no rule that is known, and balls see no difference"
            return "the value is not the loss on a pattern of signs that no real point was found for"
        name, index = _place(self.code, self._values(leaf, None), leaf.wrong[0])
        if met:
            return f"d/d{name}{index} is the derivative by no rule that is known, and balls see no difference"
        return f"d/d{name}{index} is not the derivative on a pattern of signs that no real point was found for"

    def _points(self, leaf: Leaf) -> tuple[list[dict[str, Any]], int]:
        """Real points of a leaf, and the number of patterns that have some."""
        found, met = self.explorer.following(leaf)
        return [self._values(leaf, k) for k in found[: CONFIRMED_PATTERNS if leaf.open else POINTS_PER_PATTERN]], met

    def _values(self, leaf: Leaf, sample: int | None) -> dict[str, Any]:
        return {self.code.names[k]: a for k, a in self.explorer.values(leaf.given, sample).items()}


def _apart(x: float, y: float) -> tuple[str, str]:
    """Two numbers with enough digits to distinguish them."""
    found = ((f"{x:.{digits}g}", f"{y:.{digits}g}") for digits in (6, 10, 14, 17))
    return next((both for both in found if both[0] != both[1]), (f"{x:.17g}", f"{y:.17g}"))


def _place(code: Code, values: Mapping[str, Any], place: int) -> tuple[str, str]:
    """An entry of the gradient, with the input's name."""
    for name in code.names[: code.variables]:
        shape = np.shape(values[name])
        size = int(np.prod(shape))
        if place < size:
            index = [int(k) for k in np.unravel_index(place, shape)] if shape else []
            return name, str(index) if index else ""
        place -= size
    return "?", ""


def _stays(q: Question, k: int) -> bool:
    """Whether an input is the same in all patterns."""
    first = np.asarray(q.patterns[0][k])
    return all(np.array_equal(first, p[k]) for p in q.patterns[1:])


def _assumed(code: Code, explorer: Explorer) -> tuple[str, ...]:
    """The readings of numbers, and the inputs that kept their values."""
    return tuple(_assumptions(code, explorer))


def _assumptions(code: Code, explorer: Explorer) -> Iterator[str]:
    q = explorer.question
    read = [(repr(float(value)), reading.text) for value, reading in explorer.readings.items() if reading.fraction != value]
    if decimals := [x for x, told in read if x == told]:
        yield f"{', '.join(decimals)} {'is read as that decimal' if len(decimals) == 1 else 'are read as these decimals'}"
    yield from (f"{x} is read as {told}" for x, told in read if x != told)
    for guard in explorer.guards:
        yield f"{guard:g} is read as any number" if q.guards else f"{guard:g} is read as 0"
    if explorer.real:
        yield "real numbers are finite, where it asks"
    kept = [name for k, name in enumerate(code.names) if k in q.held]
    whole = [n for k, n in enumerate(code.names) if not is_recorded(q.patterns[0][k], k < q.variables) and _stays(q, k)]
    if kept or whole:
        yield f"{', '.join((*kept, *whole))} as in the example"
