"""Laws as tests: `verify.as_test`, and the outcome of one law on one candidate as test frameworks need it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from verify.campaign import witness
from verify.campaign.executor import tidied
from verify.campaign.judging import perform
from verify.campaign.requested import OPTIONS, requested
from verify.campaign.task import Inapplicable, Request, Task, skipped
from verify.errors import unknown
from verify.gate.policy import Policy
from verify.gate.rules import judged
from verify.report.model import Report
from verify.report.reading import FIGURES, accepted, details, sentence
from verify.spec.function import FunctionSpec
from verify.spec.loss import LossSpec


@dataclass(frozen=True)
class TestOutcome:
    """`outcome` is "passed", "failed", "skipped" (nothing to ask, or silence that the policy allows) or "declared" (a deviation that was
    declared with a reason); `properties` are plain numbers and texts for reports.
    """

    outcome: str
    message: str
    properties: dict[str, str | int | float]


def as_test(
    candidate: str | Callable[..., Any], *, loss: str | LossSpec | FunctionSpec | None = None, **options: Any
) -> Callable[..., None]:
    """Makes a test of a candidate, to be assigned to a name that pytest collects: `test_svm = verify.as_test(svm_loss,
    loss="multiclass_hinge")`, or without a spec `test_layer = verify.as_test(LayerNorm, at=example)`.

    With the plugin, which comes with this package, pytest makes one test of each dtype and law: `test_svm[float64-gradient]`. Without it
    the function judges all of them and raises AssertionError with the report. `options` are those of `verify.check`, without `timeout`: the
    candidate runs in the process of the tests.

    Raises UsageError for names that do not exist and values that are not allowed.
    """
    for name in options:
        if name not in OPTIONS:
            raise unknown("option of as_test", name, OPTIONS)
    request = requested(candidate, loss=loss, **options)

    def test(*_: object) -> None:
        with tidied():
            outcomes = [perform(t) for t in request.tasks()]
        for refused in skipped(outcomes):
            raise refused[1]
        report = Report.of(outcomes, profile=request.profile, seed=request.seed, seconds=0.0)
        if report.verdict.value != "holds":
            raise AssertionError(str(report))

    test.verify_request = request  # type: ignore[attr-defined]
    test.__doc__ = f"Every law on {request.name}."
    return test


def in_profile(request: Request, profile: str | None) -> Request:
    """The request with another profile, if one is given."""
    return request if profile is None else replace(request, profile=profile)


def outcome_of(task: Task, policy: Policy) -> TestOutcome:
    """Judges one law and applies the policy to it: limits, silence, declared deviations. The baseline, and checks of a whole run (its time,
    deviations that no longer occur), are left to the gate. Raises UsageError where the candidate cannot be found.
    """
    began = time.perf_counter()
    with tidied():
        outcome = perform(task)
    if isinstance(outcome, Inapplicable):
        return TestOutcome("skipped", f"not asked: {outcome.reason}", _named(task) | {"verdict": "not asked"})
    report = Report.of([outcome], profile=task.request.profile, seed=task.request.seed, seconds=time.perf_counter() - began)
    witness.keep(report.outcomes)
    return _ruled(report.to_dict(), task, policy)


def _ruled(document: Mapping[str, Any], task: Task, policy: Policy) -> TestOutcome:
    (entry,) = document["results"]
    here = replace(policy, baseline=None, time_budget=None, deviations=() if entry["verdict"] == "holds" else policy.deviations)
    document = judged({**document, "selection": [task.law]}, here, None)
    properties = _named(task) | {k: entry[k] for k in FIGURES if entry[k] is not None}
    if entry.get("witness"):
        properties["witness"] = entry["witness"]["id"]
    said = "\n".join([sentence(entry) or "", *details(entry)])
    declared = accepted(document, entry)
    if document["gate"]["failures"]:
        more = [f"{f['sentence']}\nto accept: {f['accept']}" for f in document["gate"]["failures"] if not f["told"]]
        return TestOutcome("failed", "\n".join([said, *more]).strip(), properties)
    if declared is not None:
        return TestOutcome("declared", f"{declared}: {said}", properties)
    return TestOutcome("passed" if entry["verdict"] == "holds" else "skipped", said, properties)


def _named(task: Task) -> dict[str, str | int | float]:
    r = task.request
    return {"candidate": r.name, "loss": r.loss, "dtype": task.dtype, "law": task.law, "profile": r.profile, "seed": r.seed}
