"""One function judges: a strain above 1 or NaN breaks, nothing decided is silence."""

from __future__ import annotations

from math import inf, nan

import pytest

from verify.evidence import NOT_FINITE, Evidence, Finding, Verdict, judge


def evidence(measured, allowed, **more):
    return Evidence(law="a law", measured=measured, allowed=allowed, **more)


@pytest.mark.parametrize(
    ("measured", "allowed", "strain"),
    [
        (1.0, 2.0, 0.5),
        (3.0, 2.0, 1.5),
        (0.0, 2.0, 0.0),
        (0.0, 0.0, 0.0),
        (1e-300, 0.0, inf),
        (inf, 1.0, inf),
        (1.0, inf, 0.0),
        (nan, 1.0, inf),
        (1.0, nan, 0.0),
        (0.0, nan, 0.0),
        (nan, 0.0, inf),
        (nan, inf, 0.0),
        (inf, inf, 0.0),
    ],
)
def test_strain_is_measured_by_allowed(measured, allowed, strain):
    assert evidence(measured, allowed).strain == strain


HOLDING, BROKEN, NAN = evidence(0.5, 1.0), evidence(1.0 + 2**-52, 1.0), evidence(nan, 1.0)

TABLE = {
    "nothing": ([], Verdict.SILENT),
    "a finding without evidence": ([Finding()], Verdict.SILENT),
    "undecided without evidence": ([Finding(undecided="on a kink")], Verdict.SILENT),
    "undecided though holding": ([Finding(evidence=(HOLDING,), undecided="swamped")], Verdict.SILENT),
    "one decided": ([Finding(evidence=(HOLDING,))], Verdict.HOLDS),
    "just at the edge": ([Finding(evidence=(evidence(1.0, 1.0),))], Verdict.HOLDS),
    "just beyond the edge": ([Finding(evidence=(BROKEN,))], Verdict.BROKEN),
    "decided and undecided": ([Finding(undecided="on a kink"), Finding(evidence=(HOLDING,))], Verdict.HOLDS),
    "one of many broken": ([Finding(evidence=(HOLDING,)), Finding(evidence=(HOLDING, BROKEN))], Verdict.BROKEN),
    "broken though undecided": ([Finding(evidence=(BROKEN,), undecided="swamped")], Verdict.BROKEN),
    "broken first": ([Finding(evidence=(BROKEN,)), Finding(evidence=(HOLDING,))], Verdict.BROKEN),
    "not a number": ([Finding(evidence=(HOLDING,)), Finding(evidence=(NAN,))], Verdict.BROKEN),
    "an allowance that is not finite": ([Finding(evidence=(evidence(inf, inf), evidence(0.0, nan)))], Verdict.SILENT),
    "one beside what holds": ([Finding(evidence=(evidence(nan, inf), HOLDING))], Verdict.HOLDS),
    "one beside what breaks": ([Finding(evidence=(evidence(0.0, inf), BROKEN))], Verdict.BROKEN),
    "nothing measured, nothing allowed": ([Finding(evidence=(evidence(0.0, 0.0),))], Verdict.HOLDS),
}


@pytest.mark.parametrize("name", TABLE)
def test_findings_are_judged(name):
    findings, verdict = TABLE[name]
    assert judge(findings) is verdict
    assert judge(iter(findings)) is verdict


@pytest.mark.parametrize("others", [(HOLDING,), (HOLDING, BROKEN)], ids=["holding", "broken"])
def test_the_worst_evidence_is_under_the_greatest_strain(others):
    assert Finding(evidence=others).worst is others[-1]
    assert Finding(evidence=(*others, NAN)).worst is NAN
    assert Finding(evidence=(NAN, *others)).worst is NAN


def test_what_decides_nothing_is_left_out_and_the_reason_told():
    assert Finding(evidence=(evidence(nan, inf), HOLDING)) == Finding(evidence=(HOLDING,))
    assert Finding(evidence=(evidence(nan, inf),)) == Finding(undecided=NOT_FINITE)
    assert Finding(evidence=(evidence(nan, inf),), undecided="on a kink") == Finding(undecided="on a kink")


def test_a_finding_without_evidence_has_no_worst():
    assert Finding().worst is None


@pytest.mark.parametrize(
    ("allowed", "width", "magnitude", "resolution", "sees"),
    [
        (1.0, 0.0, 4.0, 0.25, True),
        (1.0, 2.0, 4.0, 0.75, True),
        (4.0, 0.0, 4.0, 1.0, False),
        (1.0, 0.0, 0.0, inf, False),
        (nan, 0.0, 1.0, nan, False),
    ],
    ids=["small allowance", "an interval", "swamped", "nothing to see", "not a number"],
)
def test_resolution_is_the_least_relative_error_that_would_be_seen(allowed, width, magnitude, resolution, sees):
    e = evidence(0.0, allowed, width=width, magnitude=magnitude)
    assert e.resolution == pytest.approx(resolution, nan_ok=True)
    assert e.sees is sees
