"""The laws of a pair: what can be tested with only a loss and a gradient.

They use differences of the pair's own loss, so a loss that is wrong together with its gradient passes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from verify.candidates import NO_GRADIENT, Misbehaviour, changes, keeps, upstream_is_kept
from verify.candidates.upstream import same
from verify.cases import Case
from verify.evidence import Evidence, Measurement, of_entry
from verify.laws import LAWS
from verify.laws.compared import counts
from verify.laws.consistency import ASKED, DRIFTS, INCONSISTENT, OTHER_BITS
from verify.laws.law import unless_convex
from verify.laws.purity import REFUSES, REMEMBERS, STALE
from verify.laws.surroundings import borrowed, watched
from verify.pair.finite import STEEP, of_gradient, of_loss
from verify.pair.kinks import excused
from verify.pair.place import GIVEN, MOVED, NEAR, grid
from verify.pair.subject import HALF_WAY, Pair, direction
from verify.problem.sampling import on_the_way, scales
from verify.rounding import WINDOW
from verify.slope import Slope

Floats = NDArray[np.floating]

GRAIN = 8.0
"""Roundings of a gradient, in units of those of the loss: both sum the same terms."""
COARSER = 512.0
"""Factor by which the rounding errors of a gradient may exceed those that the loss suggests, because of inverses and cancelling
differences. Single precision inside double is coarser by 2^29.
"""
APART = 64.0
"""Factor by which two computations of one number may differ more than either jumps from float to float: an error that is the same at all
nearby points does not jump.
"""
COARSEST = 1e-3
"""A loss with more relative noise than this says nothing about the rounding of its gradient."""
ROUGH = 0.25
"""How far the ratio of two errors may be below 2 at the shortest steps that show it. Errors that do not fall have the ratio 1."""
SETTLED = 0.0625
"""How far two successive ratios may differ to count as converged: beyond, the steps are still too long."""
GROWING = 0.75
"""Errors whose ratio stays below this grow as the step shrinks."""
KINK = "on a kink of a loss that is not claimed to be convex: judged beside it"
JUMP = "the loss jumps here: judged beside it"
JUMPS_THERE = "the loss jumps at the example{}, and has no gradient there: give an example (at) beside the jump"
UNSETTLED = "the differences do not converge here: features finer than the steps, or rounding"
STRAIGHT = 0.25
"""A step is short if D⁺ is within this part of its limit: less than the half that descent demands."""


def gradient(pair: Pair, case: Case) -> Measurement:
    """D⁻ − e ≤ ⟨g, d⟩ ≤ D⁺ + e, both one-sided slopes extrapolated, e their estimated error and the rounding error of ⟨g, d⟩.

    Where f is smooth both slopes are equal. It is measured along two dense directions; a break is narrowed down to an entry. On a kink of a
    function that is not claimed to be convex, a value within decides nothing, and a value outside breaks the law unless kinks of both signs
    explain it.
    """
    x = grid(case)
    if (measurement := of_loss(pair, case)) is not None:
        return measurement
    g = pair.gradient(case.x if case.family == GIVEN else x)
    if not np.all(np.isfinite(g)) and (measurement := of_gradient(pair, case, g)) is not None:
        return measurement
    g = pair.gradient(x)
    finite = np.isfinite(g)
    if not np.any(finite):
        return Measurement(undecided=STEEP)
    g = np.where(finite, g, 0)
    evidence, kinked = [], False
    for i in range(2):
        d = np.where(finite, direction(x, case.seed + i), 0).astype(x.dtype)
        found = _compared(pair, x, g, d)
        if found.strain > 1:
            found = _compared(pair, x, g, d, rough=True)
        if found.strain > 1:
            if explained_by_kinks(pair, x, d, found.allowed):
                return Measurement(undecided=KINK)
            found = _narrowed(pair, x, g, d, found)
        kinked |= pair.along(x, d).kink
        evidence.append(found)
    if any(e.strain > 1 for e in evidence):
        return Measurement(evidence=tuple(evidence))
    if kinked and not pair.convex and x.size > 1:
        return Measurement(evidence=tuple(evidence), undecided=KINK)
    return Measurement(evidence=tuple(evidence), undecided=None if any(e.sees for e in evidence) else UNSETTLED)


def _compared(pair: Pair, x: Floats, g: Floats, d: Floats, *, rough: bool = False) -> Evidence:
    """⟨g, d⟩ against the slopes. The rounding error of the slopes is measured along d, or (`rough`) in other directions too."""
    line = _rough(pair, pair.along(x, d), x) if rough else pair.along(x, d)
    low, high, error = line.interval
    slope = _along(g, d)
    allowed = error + rounding(pair, line, x, d)
    if not np.isfinite(line.here) or not np.isfinite(error):
        return Evidence(measured=0.0, allowed=np.inf)
    outside = max(low - slope, slope - high, 0.0)
    expected = low if slope < low else high if slope > high else slope
    where = {"method": "slope along a dense direction", "measured": slope, "expected": expected}
    size = max(float(np.max(np.abs(g.astype(np.float64) * d), initial=0.0)), abs(low), abs(high))
    return Evidence(measured=outside, allowed=allowed, magnitude=size, width=(high - low) / 2, where=where)


def _along(g: Floats, d: Floats) -> float:
    return float(np.sum(g.astype(np.longdouble) * d, where=d != 0))  # entries that are neither finite nor needed are left out


def rounding(pair: Pair, line: Slope, x: Floats, d: Floats) -> float:
    """The rounding error of ⟨g, d⟩: in proportion to that of the loss; or as observed, up to COARSER times that, or up to the effect of
    rounding x.
    """
    grades, size, unit = pair.graded(x), np.abs(d.astype(np.float64)), grain(line)
    derived = unit * float(np.sum(grades.terms * size))
    return max(derived, min(float(np.sum(grades.noise * size)), COARSER * derived + GRAIN * float(np.sum(grades.condition * size))))


def _rough(pair: Pair, line: Slope, x: Floats) -> Slope:
    """The line with the rounding error of the loss in all directions: along some it cancels, or does not show."""
    return replace(line, noise=max(line.noise, pair.noise(x)))


def explained_by_kinks(pair: Pair, x: Floats, d: Floats, allowed: float) -> bool:
    """Whether kinks through x may explain that ⟨g, d⟩ is none of the slopes: kinks of both signs, for a function that is not claimed to be
    convex.
    """
    line = pair.along(x, d)
    low, high, _ = line.estimated
    slope = _along(pair.gradient(x), d)
    excess = max(low - slope, slope - high, 0.0)
    if pair.convex or not excess > 0:
        return False
    return excused(pair.sampled, lambda y: _along(pair.gradient(y), d), x, _rough(pair, line, x).noise, excess, allowed)


def grain(line: Slope) -> float:
    """The relative rounding error of the gradient, from that of the loss."""
    measured = line.noise / abs(line.here) if line.here else line.u
    return GRAIN * min(max(measured, line.u), max(COARSEST, line.u))


def _narrowed(pair: Pair, x: Floats, g: Floats, d: Floats, found: Evidence) -> Evidence:
    """The evidence of one entry, if one alone is wrong enough: by halving the entries, the worse half first."""
    entries = np.arange(x.size)
    while len(entries) > 1:
        halves = []
        for half in np.array_split(entries, 2):
            part = np.zeros_like(d)
            part.flat[half] = d.flat[half]
            halves.append((_compared(pair, x, g, part, rough=True), half))
        worst, half = max(halves, key=lambda h: h[0].strain)
        if not worst.strain > 1:
            return found
        entries, found = half, worst
    i = int(entries[0])
    return of_entry(found, float(d.flat[i]), np.unravel_index(i, x.shape), float(g.flat[i]))


def order(pair: Pair, case: Case) -> Measurement:
    """(D⁺ − D⁻)(2h)/(D⁺ − D⁻)(h) ≥ 2 and (D⁰(2h) − ⟨g, d⟩)/(D⁰(h) − ⟨g, d⟩) ≥ 2 inside the window, in the limit of short steps.

    The first says that forward differences err like h whatever g is; the second that centred ones converge to ⟨g, d⟩: like h², or like h
    where f'' jumps. A smooth f has ratios above that where a derivative vanishes. Without a window both errors must be rounding errors
    only: on a linear (quadratic) piece the quotients are exact.
    """
    x = grid(case)
    d = direction(x, case.seed)
    line, slope = pair.along(x, d), _along(pair.gradient(x), d)
    if not np.isfinite(line.interval[2]):
        return _jump(pair, case, line, d)
    if line.kink:
        return Measurement(undecided=KINK)
    measurement = _order(line, slope, rounding(pair, line, x, d))
    if not any(e.strain > 1 for e in measurement.evidence):
        return measurement
    line = _rough(pair, line, x)
    if not np.isfinite(line.interval[2]):
        return Measurement(undecided=UNSETTLED)
    measurement = _order(line, slope, rounding(pair, line, x, d))
    if any(e.strain > 1 for e in measurement.evidence) and explained_by_kinks(pair, x, d, line.interval[2]):
        return Measurement(undecided=KINK)
    grow = any(e.strain > 1 and e.where["expected"] and e.where["measured"] < GROWING for e in measurement.evidence)
    return _jumps(case) if grow and case.family not in (NEAR, MOVED) else measurement


def _no_limit(line: Slope) -> str | None:
    """The reason why a line has no single slope, None if it has one."""
    if not np.isfinite(line.interval[2]):
        return UNSETTLED
    return KINK if line.kink else None


def _jump(pair: Pair, case: Case, line: Slope, d: Floats) -> Measurement:
    """The measurement for quotients that exceed every slope along the line: the loss jumps. It may, but not at every point."""
    quotients = np.abs(np.concatenate([line.forward, line.backward])) - np.tile(4 * line.rounding, 2)
    if not np.all(np.isfinite(quotients)):
        return Measurement(undecided=UNSETTLED)
    k = int(np.argmax(quotients))
    steps = [case.x.dtype.type(h) for h in (*line.h, *-line.h, 0.0)]
    steepest = max(abs(_along(pair.gradient(grid(case) + h * d), d)) for h in steps)
    where = {"method": "greatest quotient", "h": float(line.h[k % len(line.h)]), "measured": float(quotients[k]), "expected": steepest}
    excess = max(float(quotients[k]) - steepest, 0.0)
    evidence = Evidence(measured=excess, allowed=WINDOW * steepest, magnitude=float(quotients[k]), where=where)
    if not evidence.strain > 1:
        return Measurement(undecided=UNSETTLED)
    return Measurement(evidence=(evidence,)) if case.family in (NEAR, MOVED) else _jumps(case)


def _jumps(case: Case) -> Measurement:
    return Measurement(undecided=JUMP, limitations=(JUMPS_THERE.format(""),) if case.family == GIVEN else ())


def _order(line: Slope, slope: float, noise: float) -> Measurement:
    smooth = slice(max(e.first for e in (line.middle, *line.sides)), None)  # a longer step may cross a kink
    low, high, error = line.interval
    found = [
        e
        for method, errors, rounding in (
            ("forward", line.width, 4 * line.rounding),
            ("centred", line.centred - slope, line.rounding + noise),
        )
        if (e := _falling(method, errors[smooth], rounding[smooth], line.h[smooth], abs(slope), high - low + error)) is not None
    ]
    return Measurement(evidence=tuple(found), undecided=None if found else "no window: rounding swamps every step")


def _falling(method: str, errors: Floats, rounding: Floats, h: Floats, size: float, unsure: float) -> Evidence | None:
    """The ratio at the shortest steps of the window, where it has settled; or the error itself.

    Errors must be far above the uncertainty of the slope, since a kink may be nearer than the steps show; except errors that grow like 1/h,
    as they do where the loss jumps.
    """
    inside = np.abs(errors) > WINDOW * rounding
    runs = [k for k in range(2, len(errors)) if inside[k - 2 : k + 1].all()]
    if not runs:
        k = int(np.argmin(rounding))
        if inside.any() or not WINDOW * rounding[k] <= size or not abs(errors[k]) <= rounding[k]:
            return None
        where = {"method": f"exact {method} difference", "h": float(h[k]), "measured": float(errors[k]), "expected": 0.0}
        return Evidence(measured=abs(float(errors[k])), allowed=float(WINDOW * rounding[k]), magnitude=size, where=where)
    k = max(runs)
    before, last = (float(errors[i - 1] / errors[i]) for i in (k - 1, k))
    noise = 4 * float((rounding[k - 1] + 4 * rounding[k]) / abs(errors[k]))
    if abs(last - before) > SETTLED + noise or (abs(errors[k]) <= WINDOW * unsure and not last < GROWING):
        return None
    allowed = ROUGH + 4 * abs(last - before) + noise
    where = {"method": f"ratio of {method} errors", "h": float(h[k]), "measured": last, "expected": 2.0}
    return Evidence(measured=max(2.0 - last, 0.0), allowed=allowed, magnitude=1.0, where=where)


def bracket(pair: Pair, case: Case) -> Measurement:
    """D⁻(h) − 2ε/h ≤ ⟨g, d⟩ ≤ D⁺(h) + 2ε/h for every h, kink or not, for a pair that claims to be convex."""
    x = grid(case)
    d = direction(x, case.seed)
    line, slope = pair.along(x, d), _along(pair.gradient(x), d)
    noise = rounding(pair, line, x, d)
    evidence = []
    for h, low, high, r in zip(line.h, line.backward, line.forward, line.rounding, strict=True):
        if np.isfinite(low) and np.isfinite(high) and np.isfinite(r):
            outside = float(np.maximum(max(low - slope, slope - high), 0.0))
            where = {"method": "bracket", "h": float(h), "measured": slope, "expected": float(low if slope < low else high)}
            size, width = max(abs(low), abs(high)), max(float(high - low), 0.0) / 2
            evidence.append(Evidence(measured=outside, allowed=float(2 * r + noise), magnitude=float(size), width=width, where=where))
    return Measurement(evidence=tuple(evidence), undecided=None if any(e.sees for e in evidence) else "rounding swamps every slope")


def convexity(pair: Pair, case: Case) -> Measurement:
    """f(x ± hd) ≥ f(x) ± h⟨g, d⟩ and f(x) ≤ (f(x+hd) + f(x−hd))/2, for a pair that claims to be convex."""
    x = grid(case)
    d = direction(x, case.seed)
    line, slope = pair.along(x, d), _along(pair.gradient(x), d)
    noise = rounding(pair, line, x, d)
    evidence = []
    for h, ahead, behind, r in zip(line.h, line.ahead, line.behind, line.rounding, strict=True):
        for what, below, above in (
            ("midpoint", line.here, (ahead + behind) / 2),
            ("tangent", line.here + h * slope, ahead),
            ("tangent", line.here - h * slope, behind),
        ):
            if np.isfinite(above) and np.isfinite(r):
                where = {"method": what, "h": float(h), "measured": float(below), "expected": float(above)}
                excess, allowed = float(np.maximum(below - above, 0.0)), float(2 * r * h + h * noise)
                evidence.append(Evidence(measured=excess, allowed=allowed, magnitude=float(abs(h * slope)), where=where))
    return Measurement(evidence=tuple(evidence), undecided=None if any(e.sees for e in evidence) else "rounding swamps every pair")


def descent(pair: Pair, case: Case) -> Measurement:
    """f(x − ηg) ≤ f(x) − (η/2)‖g‖² for some η: a small step along the negative gradient decreases f by at least half of the prediction.

    Each entry is weighted by the square of its scale, as if x were measured in units of it. On a kink a negative subgradient need not
    descend: undecided.
    """
    x = grid(case)
    scale = scales(x)
    downhill = -pair.gradient(x).astype(np.float64) * scale**2
    steepest = float(np.max(np.abs(downhill / scale), initial=0.0))
    if not np.isfinite(steepest) or steepest == 0:
        return Measurement(undecided="stationary: nothing to descend" if steepest == 0 else "the gradient is not finite")
    d = (np.round(downhill / scale / steepest * 16) / 16 * scale).astype(x.dtype)
    line, slope = pair.along(x, d), _along(pair.gradient(x), d)
    if (reason := _no_limit(line)) is not None:
        return Measurement(undecided=reason)
    evidence = []
    for h, ahead, r in zip(line.h, line.ahead, line.rounding, strict=True):
        due, allowed = -h / 2 * slope, float(2 * r * h)
        fell, true = float(line.here - ahead), (line.interval[0] + line.interval[1]) / 2
        if np.isfinite(ahead) and due > WINDOW * allowed and abs(-fell / h - true) <= STRAIGHT * abs(true):
            where = {"method": "decrease", "h": float(h), "measured": fell, "expected": float(due)}
            evidence.append(Evidence(measured=max(float(due) - fell, 0.0), allowed=allowed, magnitude=float(due), where=where))
    if not evidence:
        return Measurement(undecided="rounding swamps every step that is short enough")
    least = min(evidence, key=lambda e: e.strain)
    if least.strain > 1 and explained_by_kinks(pair, x, d, line.interval[2]):
        return Measurement(undecided=KINK)
    return Measurement(evidence=(least,))


def purity(pair: Pair, case: Case) -> Measurement:
    """Computing loss, gradient and loss again on one array leaves it and everything else unchanged, and gives the same answers as on fresh
    copies.
    """
    x = np.array(case.x)
    before, seen = x.copy(), list[str]()
    lent = {name: np.array(a) if np.ndim(a) else a for name, a in pair.beside.items()}
    pair = replace(pair, reference=None)
    seeing = replace(pair, f=watched(pair.f, seen), beside=lent, lent=True)
    with borrowed():
        first, g, again = seeing.loss(x), seeing.slope_of(x), seeing.loss(x)
    first_g, kept = np.array(g), list[str]()
    for name, now, was in _inputs(case, x, before, lent, pair.beside):
        if not np.array_equal(now, was, equal_nan=now.dtype.kind == "f"):
            if pair.own is None or not pair.own.is_kept(name):
                raise changes(name)
            kept.append(keeps(name))
    if np.shares_memory(x, g):
        raise Misbehaviour("mutates-input", f"returns a gradient that is a view of its input {' or '.join(case.differentiated)}")
    if seen:
        raise Misbehaviour("nondeterministic", seen[0])
    fresh, fresh_g = pair.value(before), pair.gradient(before)
    for what, a, b in (("loss", first, again), ("loss", first, fresh), ("gradient", first_g, fresh_g)):
        if not _agree(pair, before, what, a, b):
            raise Misbehaviour("nondeterministic", f"answers with another {what} when it is asked the same again")
    if not (np.array_equal(first, fresh, equal_nan=True) and np.array_equal(first_g, fresh_g, equal_nan=True)):
        answers = [(first, first_g), (fresh, fresh_g), *((pair.value(before), pair.gradient(before)) for _ in range(ASKED))]
        if counts(answers):
            raise Misbehaviour("nondeterministic", DRIFTS)
        for value, g_again in answers[2:]:
            if not (_agree(pair, before, "loss", first, value) and _agree(pair, before, "gradient", first_g, g_again)):
                raise Misbehaviour("nondeterministic", INCONSISTENT)
        kept.append(OTHER_BITS)
    kept += _remembers(pair, x, before)
    if not np.array_equal(g, first_g, equal_nan=True):
        raise Misbehaviour("nondeterministic", "changes the gradient that it returned before: it hands out its own buffer")
    refused = [*_refusals(pair, before, first), *upstream_is_kept(pair.f, pair.arguments(before))]
    return Measurement(evidence=(Evidence(measured=0.0, allowed=0.0),), limitations=(*refused, *kept))


def _remembers(pair: Pair, x: Floats, before: Floats) -> list[str]:
    """Calls the candidate again with the same array and other numbers in it, as different as it still answers; notes where it does not."""
    for there in on_the_way(before, before + before.dtype.type(0.5) * scales(before).astype(before.dtype)):
        x[...] = before
        pair.loss(x)
        x[...] = there
        try:
            other, other_g = pair.loss(x), pair.slope_of(x)
        except Misbehaviour as error:
            if error.code != "crashed" or np.isfinite(pair.sampled(there)):
                raise
            continue
        fresh = pair.sampled(there)
        if np.isnan(fresh) and not np.isnan(other):
            continue
        both = ("loss", other, fresh), ("gradient", other_g, pair.gradient(there))
        if not _all_agree(pair, there, *both):
            raise Misbehaviour("nondeterministic", REMEMBERS)
        here, stale = pair.gradient(before), pair.slope_of(before.copy(), last=there)
        return [] if _all_agree(pair, before, ("gradient", here, stale)) else [STALE]
    return [REFUSES]


def _all_agree(pair: Pair, x: Floats, *pairs: tuple[str, Any, Any]) -> bool:
    """Whether answers are one. What differs in bits from call to call may cancel to less than it sums."""
    alike = all(_agree(pair, x, *one, far=False) for one in pairs)
    return alike or (_jitters(pair, x) and all(_agree(pair, x, *one) for one in pairs))


def _jitters(pair: Pair, x: Floats) -> bool:
    """Whether its bits differ from call to call."""
    first, *others = (np.append(pair.gradient_or_none(x), pair.sampled(x)) for _ in range(ASKED))
    return any(not np.array_equal(first, other, equal_nan=True) for other in others)


def _agree(pair: Pair, x: Floats, what: str, a: Any, b: Any, *, far: bool = True) -> bool:
    """Whether two answers to the same question are one, up to half of the digits of the largest number that is answered there, or with
    `far` half way to 0 and at 0, where what cancels may not: more than another order of summation changes.
    """
    if np.array_equal(a, b, equal_nan=True):
        return True
    ask = pair.sampled if what == "loss" else pair.gradient_or_none
    beside = [np.asarray(ask((x * x.dtype.type(t)).astype(x.dtype)), np.float64).ravel() for t in HALF_WAY] if far else []
    with np.errstate(over="ignore"):
        one, other = (np.asarray(v, x.dtype).ravel() for v in (a, b))
    alike = np.array_equal(np.isfinite(one), np.isfinite(other))
    return alike and same(one, other, joint=True, beside=np.concatenate([one.astype(np.float64), *beside]))


def _inputs(
    case: Case, x: Floats, before: Floats, lent: Mapping[str, Any], beside: Mapping[str, Any]
) -> Iterator[tuple[str, NDArray[Any], NDArray[Any]]]:
    """(name, now, before) of each input."""
    was = case.parted(before)
    yield from ((name, a, was[name]) for name, a in case.parted(x).items())
    yield from ((name, np.asarray(a), np.asarray(beside[name])) for name, a in lent.items())


def _refusals(pair: Pair, x: Floats, first: float) -> list[str]:
    """The memory layouts that are refused; raises Misbehaviour where the answer differs by more than another order of summation."""
    refused = []
    for what, a in (("read-only", _read_only(x)), ("strided", np.repeat(x, 2, axis=-1)[..., ::2] if x.ndim else x)):
        try:
            answer = pair.loss(a)
        except Misbehaviour:
            refused.append(f"refuses {what} arrays")
            continue
        if not np.isclose(answer, first, rtol=float(np.finfo(x.dtype).eps) ** 0.5, equal_nan=True):
            raise Misbehaviour("nondeterministic", f"answers with another loss for a {what} array")
    return refused


def _read_only(x: Floats) -> Floats:
    copy = np.array(x)
    copy.flags.writeable = False
    return copy


def value(pair: Pair, case: Case) -> Measurement:
    """|v − f(x)| ≤ the possible rounding error of both, for a candidate with a reference: APART times the observed one."""
    x = case.x
    expected, found = pair.sampled(x), pair.own_loss(np.array(x))
    if not np.isfinite(expected):
        return Measurement(undecided="the reference is not finite here")
    alone = replace(pair, reference=None, seen={}, grades={})
    noise = pair.noise(x) + alone.noise(x) + GRAIN * float(np.finfo(x.dtype).eps) * abs(expected)
    where = {"method": "value", "measured": found, "expected": expected}
    off = abs(found - expected) if np.isfinite(found) else np.inf
    return Measurement(evidence=(Evidence(measured=off, allowed=APART * noise, magnitude=abs(expected), where=where),))


MEASURES: dict[str, Callable[[Pair, Case], Measurement]] = {
    "value": value,
    "gradient": gradient,
    "order": order,
    "bracket": bracket,
    "convexity": convexity,
    "descent": descent,
    "purity": purity,
}


def why_not(law: str, pair: Pair) -> str | None:
    """The reason why a law does not apply, None where it does."""
    if pair.reference is not None and pair.own is not None and pair.own.returned is None and law != "value":
        return NO_GRADIENT
    if law == "formula":
        return "it needs a record of the loss's own code"
    if law not in MEASURES or (law == "value" and pair.reference is None):
        return "it needs a spec"
    return "convexity is not claimed" if LAWS[law].inapplicable is unless_convex and not pair.convex else None
