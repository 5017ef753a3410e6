"""Inferring and stating what exactly a candidate claims to compute, and how it is called.

The candidate's own loss decides, at points where all members differ by far more than their rounding. Its gradient is then judged against
that member.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from verify.candidates import Candidate, Misbehaviour, adapted
from verify.candidates.signature import by_position, likely
from verify.conventions import inputs, linear, refusals, scores
from verify.conventions.pins import Conventions, Pins
from verify.conventions.probes import Watch, unwatched
from verify.conventions.varied import other_values
from verify.errors import UsageError
from verify.oracle.loss_claims import examine_penalty, examine_what_is_new
from verify.oracle.problem_claims import examine_problem
from verify.problem import Problem
from verify.spec.catalogue import find_penalty
from verify.spec.loss import LossSpec


def _pinned(f: Callable[..., Any], pins: Pins) -> Callable[..., Any]:
    """The candidate as a loss only, if it is declared to have no gradient."""
    return f if pins.gradient is None or isinstance(f, Candidate) else Candidate(loss=f)


def find_out_inputs(f: Callable[..., Any], problem: Problem, pins: Pins, dtype: str = "float64", watch: Watch = unwatched) -> Conventions:
    """The conventions of a function of named inputs."""
    examine_problem(problem)
    f = inputs.plain(_pinned(f, pins), problem)
    refusals.as_it_is(f)
    handed, needed = inputs.handed(f, problem, pins), inputs.handed(f, problem, pins, optional=False)
    found = inputs.find_out(f, problem, pins, handed, dtype, watch)
    refusals.no_pair(f, found.complaint)
    if found.fits:
        known = {name.lower(): name for name in problem.parameters}
        names = [known[name.lower()] for name, value in handed.items() if value is not None and known[name.lower()] not in pins.parameters]
        return _varied(found, other_values(found.objective, names), watch)
    second = found if needed == handed else inputs.find_out(f, problem, pins, needed, dtype, watch)
    return second if second.fits else found


def find_out(f: Callable[..., Any], loss: LossSpec, pins: Pins, dtype: str = "float64", watch: Watch = unwatched) -> Conventions:
    """The conventions of `f`, from calls at a few fixed points in every way that is likely and not pinned.

    `watch` receives each point before the candidate is called. Raises UsageError if the pins cannot be true of any candidate, if the loss
    contradicts its claims, and if the candidate has none of the signatures, or returns something else.
    """
    examine_what_is_new(loss)
    if pins.penalty is not None:
        examine_penalty(find_penalty(pins.penalty))
    f = by_position(adapted(_pinned(f, pins)), loss.parameters)
    refusals.as_it_is(f)
    refusals.in_order(f)
    signatures = (pins.signature,) if pins.signature else likely(f, loss.parameters)
    if not signatures:
        raise UsageError(f"the candidate takes one argument, so {loss.name} is no spec for it. Judge it without: loss=None, at=x.")
    found = _with_parameters(f, loss, pins, lambda handed: _found(f, loss, pins, handed, signatures, dtype, watch), watch)
    refusals.no_pair(f, found.complaint)
    return found


def _with_parameters(
    f: Callable[..., Any], loss: LossSpec, pins: Pins, found: Callable[[Mapping[str, float]], Conventions], watch: Watch
) -> Conventions:
    """The conventions with the parameters that the candidate takes passed to it; only required and fixed ones, if it fits no combination of
    conventions at its own defaults of the others, which then mean something else.
    """

    def claimed(given: Mapping[str, float]) -> Conventions:
        return found(given).with_found_out([name for name in loss.parameters if name not in given and name not in pins.parameters])

    handed, needed = pins.handed(f, loss), pins.handed(f, loss, optional=False)
    first = claimed(handed)
    if first.fits:
        return _varied(first, other_values(first.objective, [name for name in handed if name not in pins.parameters]), watch)
    second = first if needed == handed else claimed(needed)
    if not second.fits and (first.complaint is None or second.complaint is not None):
        return first
    own = {name: f"{name} = {value:g}" for name, value in handed.items() if name not in needed}
    unlike = f"takes {', '.join(own)}, but not as the spec does: it does not compute the loss with {', '.join(own.values())}"
    return replace(second, limitations=(*second.limitations, f"{unlike}, and is judged at its own defaults alone"))


def _varied(found: Conventions, values: Sequence[Mapping[str, float]], watch: Watch) -> Conventions:
    """The conventions, to be judged at other values of the parameters too. Values that the candidate refuses
    are reported, and not judged.
    """
    kept, refused, question = [], [], found.question
    for some in values if question is not None else ():
        assert question is not None
        watch(question)
        try:
            found.candidate.at(some)(**question)
        except Misbehaviour as error:
            if error.code == "crashed":
                refused.append(f"refuses {', '.join(f'{name} = {value:g}' for name, value in some.items())}: {error}")
                continue
        kept.append(some)
    return replace(found, other_values=tuple(kept), limitations=(*found.limitations, *refused))


def _found(
    f: Callable[..., Any],
    loss: LossSpec,
    pins: Pins,
    handed: Mapping[str, float],
    signatures: Sequence[str],
    dtype: str,
    watch: Watch,
) -> Conventions:
    found = None
    if "linear" in signatures:
        _complete(f, pins.signature)
        found = linear.find_out(f, loss, pins, handed, dtype, watch)
        if found.fits or len(signatures) == 1:
            return found
    other = scores.find_out(f, loss, pins, handed, [s for s in signatures if s != "linear"], dtype, watch)
    return other if found is None or other.fits else found


def _complete(f: Callable[..., Any], pinned: str | None) -> None:
    """Raises UsageError if a function of weights lacks a loss or has a Hessian."""
    if isinstance(f, Candidate) and (f.loss is None or f.hess is not None or not f.has_gradient):
        what = "has a Hessian, which is judged of functions of scores" if f.hess else f"has no {'gradient' if f.loss else 'loss'}"
        raise UsageError(f"the candidate {what}: signature {pinned or 'linear'} needs Candidate(loss=…, grad=…).")
