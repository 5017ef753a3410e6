"""Conventions are found out, then stated: which member of the spec's family a candidate claims to be, and how it is called.

The candidate's own loss decides, on points where all members differ by far more than their rounding. Its gradient is then judged
against that member.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from verify.candidates import Candidate, adapted
from verify.candidates.signature import by_position, likely
from verify.conventions import inputs, linear, refusals, scores
from verify.conventions.pins import PINS, Conventions, Pins
from verify.conventions.probes import Probe, Question, Watch, unwatched
from verify.errors import UsageError
from verify.oracle.claims import examine, examine_penalty
from verify.oracle.examined import examine_problem
from verify.problem import Problem
from verify.spec.catalogue import find_penalty
from verify.spec.loss import LossSpec

__all__ = ["PINS", "Conventions", "Pins", "Probe", "Question", "find_out", "find_out_inputs"]


def find_out_inputs(f: Callable[..., Any], problem: Problem, pins: Pins, dtype: str = "float64", watch: Watch = unwatched) -> Conventions:
    """The same of a function of named inputs."""
    examine_problem(problem)
    f = by_position(adapted(f), problem.parameters) if problem.loss else f
    refusals.as_it_is(f)
    found = inputs.find_out(f, problem, pins, dtype, watch)
    refusals.no_pair(f, found.complaint)
    return found


def find_out(f: Callable[..., Any], loss: LossSpec, pins: Pins, dtype: str = "float64", watch: Watch = unwatched) -> Conventions:
    """The conventions of `f`, by calling it on a few fixed points in every way that is likely and not pinned.

    `watch` hears of each point before the candidate does.

    Raises UsageError where the pins cannot be true of any candidate, where the loss is not what it claims to be, and where the
    candidate is called otherwise than any signature, or answers something else.
    """
    examine(loss)
    if pins.penalty is not None:
        examine_penalty(find_penalty(pins.penalty))
    f = by_position(adapted(f), loss.parameters)
    refusals.as_it_is(f)
    refusals.in_order(f)
    signatures = (pins.signature,) if pins.signature else likely(f, loss.parameters)
    if not signatures:
        raise UsageError(f"the candidate takes one argument, so {loss.name} is no spec for it. Judge it without: loss=None, at=x.")
    found = _found(f, loss, pins, signatures, dtype, watch)
    refusals.no_pair(f, found.complaint)
    return found


def _found(f: Callable[..., Any], loss: LossSpec, pins: Pins, signatures: Sequence[str], dtype: str, watch: Watch) -> Conventions:
    found = None
    if "linear" in signatures:
        _complete(f, pins.signature)
        found = linear.find_out(f, loss, pins, dtype, watch)
        if found.fits or len(signatures) == 1:
            return found
    of_scores = scores.find_out(f, loss, pins, [s for s in signatures if s != "linear"], dtype, watch)
    return of_scores if found is None or of_scores.fits else found


def _complete(f: Callable[..., Any], pinned: str | None) -> None:
    """Raises UsageError where a function of weights lacks a loss or has a Hessian."""
    if isinstance(f, Candidate) and (f.loss is None or f.hess is not None):
        what = "has no loss" if f.loss is None else "has a Hessian, which is judged of functions of scores"
        raise UsageError(f"the candidate {what}: signature {pinned or 'linear'} needs Candidate(loss=…, grad=…).")
