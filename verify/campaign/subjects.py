"""Subjects: candidates beside their truth, shared by all laws that a process judges one after the other."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable, Mapping
from dataclasses import fields

from verify.campaign.imports import cached
from verify.conventions import Conventions
from verify.laws import AnswerCache, Subject
from verify.laws.law import LEAST_POINTS
from verify.oracle import Point, Truth, truth_of
from verify.problem import small
from verify.spec.claimed_function import ClaimedFunction

MOST_SUBJECTS = 2
"""Cached subjects: of a candidate at both dtypes."""
MOST_OBJECTIVES = 2
"""Objectives whose truths are cached: those of a candidate at both dtypes, which the next candidate of the same objective uses again."""
MOST_POINTS = 2048
"""Points whose truth the laws of one candidate share: they draw many of the same cases, and one point takes some 15 kB."""
REGISTERS = 2_000_000
"""Numbers of cached records in all, as balls of some hundred bytes: those of code may be thousands at each point."""

CachedTruth = tuple[Truth, OrderedDict[Hashable, Point]]
"""The truth about an objective, and its cached points."""

_SUBJECTS: dict[Hashable, Subject] = {}
_TRUTHS: dict[Hashable, CachedTruth] = {}


def subject_of(inferred: Conventions, dtype: str) -> Subject:
    """The subject of a candidate at a dtype."""
    if (inferred, dtype) in _SUBJECTS:
        return _SUBJECTS[inferred, dtype]
    oracle, truths = _truth_of(inferred.objective, dtype)
    subject = Subject(
        candidate=inferred.candidate,
        oracle=oracle,
        truths=truths,
        answers=AnswerCache(),
        approximate=inferred.approximate,
        other_values=inferred.other_values,
        kept=_most_points(oracle),
    )
    return cached(_SUBJECTS, (inferred, dtype), subject, most=MOST_SUBJECTS)


def forget_answers() -> None:
    """Drops the cached answers of all candidates, after other code than the suite's may have run."""
    for subject in _SUBJECTS.values():
        subject.forget()


def _truth_of(objective: ClaimedFunction, dtype: str) -> CachedTruth:
    values = (getattr(objective, f.name) for f in fields(objective))
    key = (dtype, *(tuple(v.items()) if isinstance(v, Mapping) else v for v in values))
    return _TRUTHS[key] if key in _TRUTHS else cached(_TRUTHS, key, (truth_of(objective, dtype), OrderedDict()), most=MOST_OBJECTIVES)


def _most_points(oracle: Truth) -> int:
    """The number of points whose truth is cached."""
    if oracle.code is None:
        return MOST_POINTS
    record, _ = oracle.code.record(small(oracle.claim.stated))
    return max(LEAST_POINTS, min(MOST_POINTS, REGISTERS // (int(record.tape.operations) + 1)))
