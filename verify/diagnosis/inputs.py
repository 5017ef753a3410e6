"""The name of a bug of a function of named inputs: what is wrong with the gradient for each of them, on all ordinary cases.

The candidate is called on a few ordinary cases besides the one that broke the law. Its gradient for an input may be 0, a multiple of the
true one, the one with the other sign, the one of another input, or that for an upstream gradient of ones.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cache
from itertools import islice
from math import isfinite
from typing import Any

import numpy as np
from numpy.typing import NDArray

from verify.candidates import Misbehaviour
from verify.cases import Case
from verify.cases.inputs import ordinary
from verify.diagnosis import clipping
from verify.diagnosis.lines import MOST_EDGES, Answered, Found, local, located, slip
from verify.diagnosis.memoised import Memoised
from verify.diagnosis.numbers import Numbers, of_inputs, of_numbers
from verify.diagnosis.own_constants import GradientCode, left_over
from verify.diagnosis.wording import Diagnosis
from verify.difference import joined
from verify.evidence import Evidence
from verify.laws import LAWS
from verify.mistakes import FACTORS, Lines, likelier, multiple, paths
from verify.oracle import InstanceOracle, Point
from verify.problem import MEAN, WEIGHTS, mean_by
from verify.rounding import unit_roundoff
from verify.spec.function import UPSTREAM
from verify.traced import NotTraced, Origin

Floats = NDArray[np.floating]

CASES = 8
"""Number of ordinary cases."""
DIGITS = (2, 4, 8)
"""Significant digits of a factor that are tried, the fewest first."""
LEAST = 1e-300
"""Replaces a size of 0 as a divisor."""
ALIKE = 5
"""Cases of one size, on which a path has one name."""
TELLING = 3
"""Cases that are wrong, on fewer of which an explanation may fit by chance."""
BESIDE = 4
"""Points that are drawn beside one where there are no more."""
EXPLAINED = 5
"""Cases at which code is looked at: what explains all of them explains the mistake."""
ROOM = 4.0
"""Multiple of the rounding radius up to which a multiple of the truth is recognised: the factor is rounded, too."""
CLOSE = 1e-2
"""Largest distance from an end of a domain at which an ε or a clip may begin."""
VISIBLE = 1e-3
"""A smaller multiple of a path is not one that was forgotten: it may be rounding."""
EXACT = 2.0**-40
"""Relative to the size of a gradient, the error of a denoted value that is rounded to a float."""
POINTS = 3
"""Points at which all entries are examined together."""
NUDGE = 2.0**-18
"""Relative step of second differences: its square is beyond the digits of float32, and steps of half precision are longer."""
ALMOST = 2.0**-48
"""Error of a factor of 1 after a few roundings in double precision."""
PRECISE = 0.5
"""Share of a dtype's digits that a right formula with too much rounding keeps."""


@dataclass(frozen=True, eq=False)
class Seen:
    """A loss and the `given` gradients with the true ones (`due`), input by input: as answered, or for code as denoted."""

    case: Case
    value: float
    truth: Point
    given: dict[str, Floats]
    due: dict[str, Floats]
    radius: dict[str, Floats]

    def wrong(self, name: str) -> bool:
        """Whether the gradient for an input is off by more than rounding."""
        return not bool(np.all(np.abs(self.given[name] - self.due[name]) <= self.radius[name]))


def named(law: str, subject: Memoised, case: Case, worst: Evidence, measured: str) -> Diagnosis:
    """The bug that breaks a law at the case."""
    entries: str | list[list[int]] = [worst.where["entry"]] if "entry" in worst.where else "all"
    place = _place(subject.named, case, worst)
    if place is not None:
        measured, entries = measured.replace(f"entry {worst.where['entry']}", place), place
    right, lost = _is_right(subject, case, worst.measured), not isfinite(float(worst.where.get("measured", 0.0)))
    if lost and (right is not False or "entry" not in worst.where):
        plain = Diagnosis("overflow", measured, entries, "precision", answer=_judged(law))
        return _out_of_range(plain, _origin(subject, case, worst), RIGHT if right else "")
    seen = [s for s in (_seen(subject, c) for c in ordinary(subject.named, CASES)) if s is not None]
    points = cache(lambda: _points(subject, case, seen))
    if not subject.candidate.has_gradient:
        code, sentence, _ = _of_value(subject, seen) or (law, measured, "all")
        return Diagnosis(code, sentence, "all", measured=measured if sentence != measured else None, answer="loss")
    by_entries = _by_entries(subject, case, seen)
    if by_entries is not None and by_entries.code in ALL_ALIKE:
        rounded = _rounded_constant(subject, seen) if by_entries.code == "scaled" else ""
        alike = replace(by_entries, message=by_entries.message + rounded, measured=measured)
        return _of_factor(subject, points, alike) or _located(points, alike)
    if right and law in ("gradient", "membership"):
        origin = _origin(subject, case, worst)
        if origin is None:  # casts, or a function of a library that is less accurate than it is taken for
            return Diagnosis("unknown", f"{RIGHT} it loses digits", entries, "precision", measured=measured)
        return Diagnosis("precision", f"{RIGHT} {origin}", entries, "precision", measured=measured, places=_lines(origin))
    if (told_by_lines := _of_code(points(), case, seen)) is not None:
        return replace(told_by_lines, measured=measured)
    found = _of_gradient(subject, seen) or _of_value(subject, seen)
    if found is None and (number := _left_over(subject, points())) is not None:
        if by_entries is None:
            return Diagnosis(number.code, f"the gradient {number.sentence}", measured=measured, places=number.places)
        return replace(by_entries, message=f"{by_entries.message}; it {number.sentence}", measured=measured, places=number.places)
    if found is None and by_entries is not None:
        return _located(points, replace(by_entries, measured=measured))
    if found is not None:
        return Diagnosis(found[0], found[1], found[2], measured=measured)
    here = _seen(subject, case)
    every = [*seen, *([] if here is None else [here])]
    wrong = [s for s in every if _is_wrong(subject, s)]
    near = _near_an_end(subject, every, wrong) if here in wrong else None
    if near is not None:
        return Diagnosis("clipped", near, entries, measured=measured)
    if here in wrong and len(wrong) == 1 and _is_close(here, case.dtype):
        sentence = "digits are lost, on this case and not on ordinary ones: the formula is right, and rounds too much"
        return Diagnosis("precision", sentence, entries, "precision", measured=measured)
    names = [name for name in subject.named.problem.differentiated if any(s.wrong(name) for s in wrong)]
    if any(_value_is_wrong(subject, s) for s in wrong) or not names:
        answer = "loss" if wrong else _judged(law)
        return Diagnosis(law if law == "value" else "unknown", measured, entries, answer=answer)
    if len(subject.named.problem.differentiated) == 1:
        return _located(points, Diagnosis("unknown", measured, entries, answer="gradient"))
    sentence = f"the gradient for {' and '.join(names)} is wrong, by no single factor"
    return _located(points, Diagnosis("unknown", sentence, ", ".join(names), measured=measured, answer="gradient"))


def _located(points: Callable[[], list[CodeAt]], found: Diagnosis) -> Diagnosis:
    """The diagnosis with the lines of code through which everything wrong passes, if they are few."""
    if found.kind != "wrong" or not points():
        return found
    where = located([p for _, p in points()])
    if where is None:
        return found
    what = found.message if found.measured is not None else "the gradient is wrong"
    return replace(found, message=f"{what}; {where.sentence}", measured=found.measured or found.message, places=where.places)


def _of_factor(subject: Memoised, points: Callable[[], list[CodeAt]], found: Diagnosis) -> Diagnosis | None:
    """The diagnosis of a gradient that is a multiple of what it must be, with the line where its factor comes from; None if that is not
    certain.
    """
    if found.code not in ("scaled", "sign") or found.kind != "wrong" or not points():
        return None
    there, number = [p for _, p in points()], _left_over(subject, points())
    where = local(there, powers=number is None)
    if number is not None:
        own = number._replace(sentence=f"it {number.sentence}")
        where = own if where is None else _either(where, number)
    return where and replace(found, message=f"{found.message}; {where.sentence}", places=where.places)


def _either(one: Found, other: Found) -> Found:
    """Two explanations, each of which would do."""
    return Found(one.code, f"{one.sentence}, or {other.sentence}", tuple(dict.fromkeys((*one.places, *other.places))))


def _judged(law: str) -> str | None:
    """The answer that a law judges, if there is one."""
    (answer,) = answers if len(answers := LAWS[law].judges) == 1 else (None,)
    return answer


RIGHT = "the formula is right, but"


def _is_right(subject: Memoised, case: Case, error: float) -> bool | None:
    """Whether a gradient's code denotes the gradient of the loss's code at the case; None if unknown: balls as wide as an error contain
    wrong values, too, and code that keeps its answers may return other ones than it was recorded with.
    """
    code = subject.named.problem.code
    try:
        gap = None if code is None else code.gap(case.values)
        if gap is None or (not gap.distance and gap.widest > VISIBLE * error):
            return None
        if not gap.distance:
            with suppress(Misbehaviour):  # a NaN cannot be compared
                return True if code.strayed(case.values, subject.answer(case).gradient) is None else None
        return not gap.distance
    except NotTraced:
        return None


def _origin(subject: Memoised, case: Case, worst: Evidence) -> Origin | None:
    """Where the floats of code go wrong on the way to the measured entry of the gradient, or to the loss."""
    code = subject.named.problem.code
    if code is None:
        return None
    place = int(np.ravel_multi_index(tuple(worst.where["entry"]), case.x.shape)) if "entry" in worst.where else None
    found: Origin | None = code.origin(case.values, place)
    return found


def _out_of_range(found: Diagnosis, origin: Origin | None, before: str) -> Diagnosis:
    """The diagnosis of the operation that leaves the range of the dtype, if code shows it."""
    if origin is None:
        return replace(found, message=f"{found.message}: the computation leaves the range of the dtype, or divides by 0")
    return replace(found, message=f"{before} {origin}".strip(), measured=found.message, answer=None, places=_lines(origin))


def _lines(origin: Origin) -> tuple[tuple[str, int], ...]:
    return () if origin.line is None else ((origin.line.file, origin.line.number),)


ALL_ALIKE = ("scaled", "sign", "term-missing", "transposed", "precision")
"""Codes of changes that concern all entries, for which no line of code is searched."""


def _by_entries(subject: Memoised, case: Case, seen: list[Seen]) -> Diagnosis | None:
    """What all entries of one input have in common, if the formula is code: points around one example are similar."""
    if subject.named.problem.example is None:
        return None
    here = _seen(subject, case)
    points = [s for s in [*([here] if here else []), *seen] if any(s.wrong(name) and np.any(d) for name, d in s.due.items())][:POINTS]
    numbers = [_numbers(subject, s) for s in points]
    if not numbers or len(case.values) > 1:
        return of_inputs(numbers, case.dtype)
    return of_numbers([n for seen_there in numbers for n in seen_there.values()], case.dtype)


def _rounded_constant(subject: Memoised, seen: list[Seen]) -> str:
    """For a gradient in double precision with a factor that is 1 up to a rounding to single precision: the constant of the loss's code, or
    its inverse, with just this rounding error.
    """
    point = next((a for s in seen if s.case.dtype == "float64" and (a := _answered(subject, s)) is not None), None)
    if point is None:
        return ""
    wrong = np.abs(point.given - point.due) > point.radius
    off = point.given[wrong] / point.due[wrong] - 1
    if not (off.size and np.ptp(off) <= ALMOST and ALMOST < np.max(np.abs(off)) <= 2 * unit_roundoff("float32")):
        return ""
    for number in dict.fromkeys(map(point.lines.constant, point.lines.constants())):
        for shown, n in ((f"{number:g}", number), (f"1/{number:g}", 1 / number if number else 0.0)):
            if isfinite(n) and n and abs(float(np.float32(n)) / n - 1 - off[0]) <= ALMOST:
                return f": {shown} is rounded to single precision in it"
    return ""


def _numbers(subject: Memoised, s: Seen) -> dict[str, Numbers]:
    """The gradients entry by entry. Second differences at steps so short that a smooth gradient has none are rounding errors."""
    x, g = s.case.x, {name: a.astype(np.float64) for name, a in s.given.items()}
    try:
        ahead, behind = (subject.answer(s.case.at(np.asarray(x * x.dtype.type(1 + k * NUDGE)))).gradients for k in (1, -1))
    except Misbehaviour:
        ahead = behind = g
    grain = {name: np.abs(behind[name].astype(np.float64) - 2 * g[name] + ahead[name].astype(np.float64)) for name in g}
    return {name: Numbers(g[name], s.due[name], s.radius[name], np.asarray(grain[name])) for name in g}


def _near_an_end(subject: Memoised, every: list[Seen], wrong: list[Seen]) -> str | None:
    """A sentence if errors occur where a number is close to an end of its domain, and nowhere else."""
    inputs = [i for i in subject.named.problem.variables if not i.is_free]
    if not inputs:
        return None
    rooms = {id(s): min(float(np.min(i.room(s.case[i.name]), initial=np.inf)) for i in inputs) for s in every}
    farthest = max(rooms[id(s)] for s in wrong)
    if farthest > CLOSE or any(rooms[id(s)] <= farthest for s in every if s not in wrong) or len(wrong) == len(every):
        return None
    return f"wrong where a number is as close as {farthest:.1g} to an end of its domain, right elsewhere: an ε, or a clip, is no part of it"


def _place(oracle: InstanceOracle, case: Case, worst: Evidence) -> str | None:
    """An entry among all differentiated inputs as an entry of its input; None if the input is obvious."""
    named = len(case.differentiated) > 1 or (oracle.problem.code is not None and len(case.values) > 1)
    if "entry" not in worst.where or not named:
        return None
    name, index = case.place(worst.where["entry"])
    return f"{name}{index or ''}"


def _true(subject: Memoised, case: Case) -> tuple[Point, Floats | None]:
    """The truth at a case, and the gradient that the code denotes: cached for all laws that the code breaks. Raises NotTraced."""
    code = subject.named.problem.code
    if code is None:
        return subject.truth(case), None
    found: tuple[Point, Floats | None] = code.once(("named", case.key), lambda: (subject.truth(case), _denoted(subject, case)))
    return found


def _seen(subject: Memoised, case: Case) -> Seen | None:
    try:
        truth, exact = _true(subject, case)
    except NotTraced:  # code that divides by a weight, which is 0 there
        return None
    try:
        answer = subject.answer(case)
        value, given = answer.value, answer.gradient
    except Misbehaviour:
        if exact is None:
            return None
        value, given = float(truth.value.exact), exact
    if (due := _single(subject, case, truth)) is None:
        return None
    center, radius = np.array([float(c) for c in due]).reshape(case.x.shape), truth.gradient.radius
    narrow = EXACT * float(np.max(np.abs(center), initial=0.0))
    if exact is not None and not np.all(np.abs(exact - center) <= narrow) and np.all(np.abs(given - exact) <= radius):
        given, radius = exact, np.full(exact.shape, narrow)  # the formula is wrong, and that without its roundings
    if not (np.all(np.isfinite(given)) and np.all(np.isfinite(center)) and np.all(np.isfinite(radius))):
        return None
    return Seen(case, value, truth, case.parted(given), case.parted(center), case.parted(radius))


def _single(subject: Memoised, case: Case, truth: Point) -> Sequence[Any] | None:
    """The only gradient there, in a row; pieces of code that meet may have the same one."""
    if truth.gradient.is_single:
        return [*truth.gradient.center.ravel()]
    code = subject.named.problem.code
    found: Sequence[Any] | None = None if code is None else code.slopes(case.values)
    return found


def _denoted(subject: Memoised, case: Case) -> Floats | None:
    """The gradient that the code denotes, without rounding, in the shape of the point."""
    code = subject.named.problem.code
    try:
        return None if code is None else np.array([float(w.exact) for w in code.written(case.values)]).reshape(case.x.shape)
    except (NotTraced, ValueError):
        return None


def _value_is_wrong(subject: Memoised, s: Seen) -> bool:
    return bool(subject.candidate.has_loss) and not bool(abs(s.value - float(s.truth.value.exact)) <= s.truth.value.radius)


def _is_wrong(subject: Memoised, s: Seen) -> bool:
    return _value_is_wrong(subject, s) or any(s.wrong(name) for name in s.due)


def _is_close(s: Seen, dtype: str) -> bool:
    off = max(float(np.max(np.abs(s.given[n] - s.due[n]), initial=0.0)) for n in s.due)
    size = max(float(np.max(np.abs(d), initial=0.0)) for d in s.due.values())
    return bool(off <= size * float(np.finfo(dtype).eps) ** PRECISE)


def _of_gradient(subject: Memoised, seen: list[Seen]) -> tuple[str, str, str] | None:
    """(code, sentence, inputs) of what explains the gradient for every input that is wrong on the ordinary cases."""
    names = subject.named.problem.differentiated
    wrong = [name for name in names if any(s.wrong(name) for s in seen)]
    explained = [(name, found) for name in wrong if (found := _of_input(subject, seen, name)) is not None]
    if not explained or len(explained) < len(wrong):
        return None
    codes = {code for _, (code, _) in explained}
    words: dict[str, list[str]] = {}
    for name, (_, said) in explained:
        words.setdefault(said, []).append(name)
    one = len(names) == 1
    sentence = "; ".join(f"the gradient{'' if one else ' for ' + ' and '.join(who)} {said}" for said, who in words.items())
    return codes.pop() if len(codes) == 1 else "unknown", sentence, "all" if one else ", ".join(wrong)


def _of_code(there: list[CodeAt], case: Case, seen: list[Seen]) -> Diagnosis | None:
    """The diagnosis for code: the slip that explains the gradients for all inputs, or a slip for each."""
    if not _are_wrong(there):
        return None
    points = sorted((p for _, p in there), key=lambda p: -float(np.max(np.abs(p.given - p.due) - p.radius)))
    if (found := slip(points)) is not None:
        return Diagnosis(found.code, f"the gradient {found.sentence}", places=found.places)
    off = clipping.bounds(*(np.concatenate([getattr(p, name) for p in points]) for name in ("given", "due", "radius")))
    if off is not None:
        return Diagnosis("clipped", f"the gradient is cut off: {off}")
    if (most := clipping.norm([(p.given, p.due, bool(np.any(np.abs(p.given - p.due) > p.radius))) for p in points])) is not None:
        return Diagnosis("clipped", f"the gradient is scaled down to a norm of {most:.6g} where it is longer")
    return _input_by_input(case, points, [name for name in case.differentiated if any(s.wrong(name) for s in seen)])


def _left_over(subject: Memoised, there: list[CodeAt]) -> Found | None:
    """A number in the gradient's own code without which it would be right."""
    code, points = subject.named.problem.code, list[tuple[Answered, GradientCode]]()
    for case, answered in there if _are_wrong(there) else ():
        assert code is not None
        with suppress(NotTraced):
            shared = frozenset(i.line for i in answered.lines.tape.instructions if i.line is not None)
            tape, inputs, tiny = code.gradient_as_run(case.values)
            points.append((answered, GradientCode(tape, inputs, tiny, shared)))
    return left_over(points)


CodeAt = tuple[Case, Answered]
"""A case, and the code there."""


def _are_wrong(there: list[CodeAt]) -> bool:
    """Whether the gradient is wrong at one of these points."""
    return any(np.any(np.abs(p.given - p.due) > p.radius) for _, p in there)


def _points(subject: Memoised, case: Case, seen: list[Seen]) -> list[CodeAt]:
    """The code at the case and at ordinary ones; empty if there is no code."""
    if subject.named.problem.code is None:
        return []
    here = _seen(subject, case)
    every = [*([] if here is None else [here]), *seen]
    beside = (_seen(subject, case.at(_moved(case.x, k))) for k in range(1, BESIDE + 1))
    answered = ((s.case, _answered(subject, s)) for s in _wrong_first(every, (s for s in beside if s is not None)))
    return list(islice(((at, a) for at, a in answered if a is not None), EXPLAINED))


def _wrong_first(seen: list[Seen], beside: Iterable[Seen]) -> list[Seen]:
    """Those whose gradient is wrong before the others, but for the place of one that is right; what lies `beside` them is asked for only
    where they are too few: what is wrong shows on a branch that ordinary cases seldom come by.
    """
    wrong = [s for s in seen if any(map(s.wrong, s.due))]
    right = [s for s in seen if s not in wrong]
    few = 0 < len(wrong) < TELLING
    return [*wrong[: EXPLAINED - 1], *(beside if few else ()), *right, *wrong[EXPLAINED - 1 :]]


def _moved(x: Floats, k: int) -> Floats:
    """The k-th point beside another one, off it by up to an eighth."""
    return np.asarray(x + (np.abs(x) + 1) / 8 * np.random.default_rng(k).uniform(-1, 1, x.shape), x.dtype)


def _input_by_input(case: Case, points: list[Answered], names: list[str]) -> Diagnosis | None:
    if len(case.differentiated) == 1:
        return None
    by_name: dict[str, Found] = {}
    for name in names:
        one = slip([replace(p, which=p.inputs == name) for p in points])
        if one is None:
            return None
        by_name[name] = one
    codes = {found.code for found in by_name.values()}
    sentence = "; ".join(f"the gradient for {name} {found.sentence}" for name, found in by_name.items())
    places = tuple(dict.fromkeys(place for found in by_name.values() for place in found.places))
    return Diagnosis(codes.pop() if len(codes) == 1 else "unknown", sentence, ", ".join(by_name), places=places) if by_name else None


def _answered(subject: Memoised, s: Seen) -> Answered | None:
    code = subject.named.problem.code
    assert code is not None
    try:
        lines = Lines(*code.as_run(s.case.values))
    except NotTraced:
        return None
    if lines.size > MOST_EDGES:
        return None
    given, due, radius = (joined([*parts.values()]).ravel().astype(np.float64) for parts in (s.given, s.due, s.radius))
    if given.size != lines.tape.variables.size:
        return None
    inputs = np.repeat([*s.given], [np.size(part) for part in s.given.values()])
    return Answered(lines, given, due, radius, inputs, np.ones(given.size, bool))


def _of_input(subject: Memoised, seen: list[Seen], name: str) -> tuple[str, str] | None:
    """(code, sentence) of the wrong gradient for one input."""
    if all(not np.any(s.given[name]) for s in seen):
        return "term-missing", "is 0, whatever the inputs are"
    if (c := _factor(seen, name)) is not None:
        return ("sign", "has the wrong sign") if c == -1 else ("scaled", f"is {multiple(c)} what it must be")
    due = [s.due[name] for s in seen]
    for dim in subject.named.problem.dims:
        sizes = [subject.named.problem.sizes(s.case.values)[dim] for s in seen]
        for word, made in (("divided", [d / n for d, n in zip(due, sizes, strict=True)]), ("multiplied", _products(due, sizes))):
            if _agree(seen, name, made):
                return "reduction", f"is {word} by the size of {dim}, which it must not be"
    if UPSTREAM in seen[0].case.values and _agree(seen, name, _with_ones(subject, seen, name, UPSTREAM)):
        return "upstream-ignored", "does not follow its upstream gradient: it is that for one of ones"
    if (found := _by_reduction(subject, seen, name) or _by_classes(subject, seen, name)) is not None:
        return found
    if WEIGHTS in seen[0].case.values and (told := _by_weights(subject, seen, name)) is not None:
        return told
    for other in (o for o in seen[0].due if o != name):
        if _agree(seen, name, [s.due[other] for s in seen]):
            return "class-swapped", f"is that for {other}"
    for words, by_size in SORTED.items() if all(d.ndim for d in due) else ():
        made = [by_size(s.case[name], d) for s, d in zip(seen, due, strict=True)]
        if not all(np.allclose(m, d) for m, d in zip(made, due, strict=True)) and _agree(seen, name, made):
            return "entries", words
    if all(d.ndim > 1 for d in due) and _agree(seen, name, [d.T for d in due]):
        return "transposed", "is the transpose of what it must be"
    return None if subject.named.problem.code is not None else _of_path(subject, name)


def _by_size(x: Floats, d: Floats, times: int = 1) -> Floats:
    """Numbers that belong to those of x, in the order in which these are sorted along the last axis; or sorted so several times."""
    order = np.argsort(x, axis=-1, kind="stable")
    for _ in range(times):
        d = np.take_along_axis(d, order, axis=-1)
    return d


SORTED: dict[str, Callable[[Floats, Floats], Floats]] = {
    "stands in the order in which its input is sorted: it is not put back": _by_size,
    "is put back by the order in which its input is sorted, where the inverse of that is due": lambda x, d: _by_size(x, d, 2),
}
"""What is done to the gradient of code that sorts."""


def _of_path(subject: Memoised, name: str) -> tuple[str, str] | None:
    """The path through a subexpression, a multiple of which is added to the gradient for an input, on cases of one size."""
    oracle = subject.named
    seen = [s for s in (_seen(subject, c) for c in ordinary(oracle, ALIKE, alike=True)) if s is not None]
    columns = [{path: s.case.parted(column)[name] for path, column in paths(oracle, s.case.values).items()} for s in seen]
    known = [path for path in (columns[0] if columns else ()) if sum(path in c for c in columns) == len(columns)]
    for path in sorted(known, key=likelier):
        factor = _multiple([s.given[name] - s.due[name] for s in seen], [c[path] for c in columns])
        if abs(factor) >= VISIBLE and _agree(
            seen, name, [np.asarray(s.due[name] + factor * c[path]) for s, c in zip(seen, columns, strict=True)]
        ):
            code, _, verb = FACTORS.get(factor, ("path-factor", "", f"has {multiple(1 + factor)}"))
            return code, f"{verb} what comes through {path}"
    return None


def _multiple(errors: list[Floats], columns: list[Floats]) -> float:
    """The multiple of the columns nearest to the errors, as a short number."""
    squares = sum(float(np.sum(c * c)) for c in columns)
    along = sum(float(np.sum(e * c)) for e, c in zip(errors, columns, strict=True))
    return float(f"{along / squares:.4g}") if squares > 0 else 0.0


def _by_weights(subject: Memoised, seen: list[Seen], name: str) -> tuple[str, str] | None:
    """What was done with the weights of the examples."""
    if _agree(seen, name, _with_ones(subject, seen, name, WEIGHTS)):
        return "weights", "does not follow the weights of the examples: it is that for weights of 1"
    if _agree(seen, name, _by_rows(seen, name, [s.case[WEIGHTS] for s in seen])):
        return "weights", "has the weights of the examples squared"
    return None


def _by_classes(subject: Memoised, seen: list[Seen], name: str) -> tuple[str, str] | None:
    """What was done with parameters that have a number for each class."""
    problem = subject.named.problem
    for own, p in problem.classwise.items():
        if _agree(seen, name, _with(subject, seen, name, {own: p.default})):
            return "weights", f"does not follow {own}: it is that for {own} = {p.default:g}"
        weights = [[part.shares.get(mean_by(own), 1.0) for part in problem.parts(s.case.values)] for s in seen]
        if MEAN in problem.reductions and _agree(seen, name, _by_rows(seen, name, [np.array(w) for w in weights])):
            return "weights", f"has {own} squared"
    return None


def _by_reduction(subject: Memoised, seen: list[Seen], name: str) -> tuple[str, str] | None:
    """The diagnosis if it is the gradient of another reduction than the loss's."""
    oracle = subject.named
    parts = [oracle.problem.parts(s.case.values) for s in seen]
    for other in (r for r in oracle.problem.reductions if r != oracle.instance.reduction):
        there = InstanceOracle(replace(oracle.instance, reduction=other), oracle.dtype)
        if _agree(seen, name, [s.due[name] * (there.share(p) / oracle.share(p)) for s, p in zip(seen, parts, strict=True)]):
            return "reduction", f"is that of the {other}, where the loss is the {oracle.instance.reduction}"
    return None


def _by_rows(seen: list[Seen], name: str, weights: list[Floats]) -> list[Floats]:
    """The true gradient times a weight of each example."""
    rows = [w.reshape(-1, *(1,) * (s.due[name].ndim - 1)) for w, s in zip(weights, seen, strict=True)]
    return [np.asarray(w * s.due[name]) for w, s in zip(rows, seen, strict=True)]


def _products(due: list[Floats], sizes: list[int]) -> list[Floats]:
    return [np.asarray(d * n) for d, n in zip(due, sizes, strict=True)]


def _factor(seen: list[Seen], name: str) -> float | None:
    """The common factor of the true gradient on all cases, as a short number."""
    for s in seen:
        due, g = s.due[name].ravel(), s.given[name].astype(np.float64).ravel()
        k = int(np.argmax(np.abs(due)))
        if abs(due[k]) > 0:
            short = (float(f"{g[k] / due[k]:.{digits}g}") for digits in DIGITS)
            return next((c for c in short if c != 1 and _agree(seen, name, [np.asarray(c * s.due[name]) for s in seen])), None)
    return None


def _agree(seen: list[Seen], name: str, made: Sequence[Floats]) -> bool:
    """Whether the candidate's gradients are these on all cases."""
    for s, there in zip(seen, made, strict=True):
        g, due = s.given[name], s.due[name]
        if there.shape != g.shape:
            return False
        size = float(np.max(np.abs(there), initial=0.0)) / max(float(np.max(np.abs(due), initial=0.0)), LEAST)
        own = float(np.finfo(s.case.dtype).eps) * np.abs(there)  # of an entry where nothing is due, and nothing is allowed
        if not np.all(np.abs(g - there) <= ROOM * (max(1.0, size) * s.radius[name] + own)):
            return False
    return bool(seen)


def _with_ones(subject: Memoised, seen: list[Seen], name: str, weights: str) -> list[Floats]:
    """The true gradient for one input with these weights set to 1."""
    return _with(subject, seen, name, {weights: 1.0})


def _with(subject: Memoised, seen: list[Seen], name: str, numbers: Mapping[str, float]) -> list[Floats]:
    """The true gradient for one input with all numbers of other inputs set to these."""
    cases = [s.case.but(**{other: np.full_like(s.case[other], t) for other, t in numbers.items()}) for s in seen]
    return [c.parted(np.array([float(x) for x in subject.truth(c).gradient.center.ravel()]))[name] for c in cases]


def _of_value(subject: Memoised, seen: list[Seen]) -> tuple[str, str, str] | None:
    """(code, sentence, entries) of what explains the value on the ordinary cases."""
    if not subject.candidate.has_loss or not seen:
        return None
    pairs = [(s.value, float(s.truth.value.exact), s.truth.value.radius) for s in seen]
    if all(abs(v - t) <= r for v, t, r in pairs):
        return None
    v, t, _ = max(pairs, key=lambda p: abs(p[1]))
    for c in (float(f"{v / t:.{digits}g}") for digits in DIGITS if t):
        if c and all(abs(v - c * t) <= ROOM * max(1.0, abs(c)) * r for v, t, r in pairs):
            return "value", f"the value is {multiple(c)} what it must be", "all"
    return None
