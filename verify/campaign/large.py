"""Large searches: a law that holds is judged in bulk on further problems, of any number, in parts that are independent of each other.

A part is one task with its own seed, so that the outcome depends neither on the number of processes or machines, nor on which of them
finishes first. A part that breaks the law shrinks its own counterexample; the first such part counts, and its case is judged again here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from math import ceil

from verify.campaign.task import Inapplicable, Outcome, Task
from verify.cases.case import IN_BULK
from verify.evidence import Verdict
from verify.trial import Result

ROUNDS = 10
"""How often a part visits every number of examples: some 100,000 problems of compiled candidates, 6,000 of interpreted ones."""

LARGE_SEARCH, MAX_GROWTH = 5e7, 16
"""The number of problems from which the parts of a search grow with it, and the largest factor: fewer outcomes are transferred, and each
part stays within the time limit.
"""

WAVES = 64, 1 << 17
"""The number of parts started together, at first and at most; it doubles in between. A break is noticed only after a wave."""

Judge = Callable[[Sequence[Task]], Sequence[Outcome | Inapplicable]]
"""Judges tasks and returns their outcomes in order."""


def searched(outcomes: Sequence[Outcome | Inapplicable], problems: int, judge: Judge, again: Judge) -> list[Outcome | Inapplicable]:
    """The outcomes, extended by a bulk search of `problems` further problems for each law that holds and allows it. A law that breaks there
    is judged `again` at its case.
    """
    extended = list(outcomes)
    rounds = rounds_of(problems)
    first = {i: replace(o.task, part=1, rounds=rounds) for i, o in enumerate(outcomes) if _goes_on(o)}
    parts = {i: [o] for i, o in zip(first, judge([*first.values()]), strict=True)}
    most = {i: ceil(problems / size) for i, (part,) in parts.items() if (size := _size(part)) and _holds(part)}
    for wave in _waves({i: n for i, n in most.items() if n > 1}):
        there = [(i, k) for i, k in wave if all(map(_holds, parts[i]))]  # no further search where a part has broken it
        for (i, _), part in zip(there, judge([replace(first[i], part=k) for i, k in there]), strict=True):
            parts[i].append(part)
        parts = {i: [_together(mine)] if all(map(_holds, mine)) else mine for i, mine in parts.items()}
    for i, mine in parts.items():
        whole = outcomes[i]
        assert isinstance(whole, Outcome)
        broken = next((p for p in mine if isinstance(p, Outcome) and not _holds(p)), None)
        held = [p for p in mine if _holds(p)]
        extended[i] = _together([whole, *held]) if broken is None else _confirmed(whole, held, broken, again)
    return extended


def rounds_of(problems: float) -> int:
    """The rounds of each part of a search of this many problems."""
    return int(ROUNDS * min(MAX_GROWTH, max(1.0, problems / LARGE_SEARCH)))


def _goes_on(o: Outcome | Inapplicable) -> bool:
    """Whether the law is searched in bulk: it holds, and has a screen."""
    from verify.laws import LAWS  # needed only for a large search

    return isinstance(o, Outcome) and LAWS[o.task.law].screen is not None and o.result.verdict is Verdict.HOLDS


def _waves(most: dict[int, int]) -> Iterator[list[tuple[int, int]]]:
    """The parts from the second on, of all searches in turn; within a wave those of one search are adjacent, so that their candidate is
    imported once.
    """
    wave, (size, most_at_once) = [], WAVES
    for k in range(2, max(most.values(), default=0) + 1):
        wave += [(i, k) for i, n in most.items() if k <= n]
        if len(wave) >= size:
            yield sorted(wave)
            wave, size = [], min(2 * size, most_at_once)
    if wave:
        yield sorted(wave)


def _size(part: Outcome | Inapplicable) -> int:
    return part.result.families.get(IN_BULK, 0) if isinstance(part, Outcome) else 0


def _holds(part: Outcome | Inapplicable) -> bool:
    """Whether nothing is broken: a part whose problems all lie on ties says little, but does no harm."""
    return isinstance(part, Outcome) and part.result.verdict is not Verdict.BROKEN


def _together(parts: Sequence[Outcome | Inapplicable]) -> Outcome:
    """One outcome for several parts: the first, with their results added."""
    all_ = [p for p in parts if isinstance(p, Outcome)]
    return replace(all_[0], result=_sum([p.result for p in all_]))


def _sum(results: Sequence[Result]) -> Result:
    first = results[0]
    worst = max(results, key=lambda r: r.strain)
    return replace(
        first,
        cases=sum(r.cases for r in results),
        decided=sum(r.decided for r in results),
        undecided=dict(sum((Counter(r.undecided) for r in results), Counter[str]())),
        families=dict(sum((Counter(r.families) for r in results), Counter[str]())),
        seconds=sum(r.seconds for r in results),
        strain=worst.strain,
        worst=worst.worst,
    )


def _confirmed(whole: Outcome, held: Sequence[Outcome | Inapplicable], broken: Outcome, again: Judge) -> Outcome:
    """The broken part's outcome if its case breaks the law here, too. If it does not, the candidate is not blamed."""
    witness = broken.result.witness
    here = None if witness is None else again([replace(whole.task, case=witness.case)])[0]
    if isinstance(here, Outcome) and here.result.verdict is Verdict.BROKEN:
        counted = _sum([whole.result, *(p.result for p in held if isinstance(p, Outcome)), broken.result])
        counts = {name: getattr(counted, name) for name in ("cases", "decided", "undecided", "families", "seconds")}
        return replace(broken, task=whole.task, result=replace(broken.result, **counts))
    reason = f"part {broken.task.part} of the large search broke the law where it was judged, and not when its case was asked again here"
    result = replace(whole.result, verdict=Verdict.SILENT, undecided=whole.result.undecided | {reason: 1})
    return replace(whole, result=result, passing=True)
