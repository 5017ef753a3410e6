"""One function judges: a strain above 1 or NaN breaks, nothing decided is silence."""

from __future__ import annotations

from math import inf, nan

import pytest

from verify.evidence import NOT_FINITE, Evidence, Measurement, Verdict, judge


def evidence(measured, allowed, **more):
    return Evidence(measured=measured, allowed=allowed, **more)


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
    "a measurement without evidence": ([Measurement()], Verdict.SILENT),
    "undecided without evidence": ([Measurement(undecided="on a kink")], Verdict.SILENT),
    "undecided though holding": ([Measurement(evidence=(HOLDING,), undecided="swamped")], Verdict.SILENT),
    "one decided": ([Measurement(evidence=(HOLDING,))], Verdict.HOLDS),
    "just at the edge": ([Measurement(evidence=(evidence(1.0, 1.0),))], Verdict.HOLDS),
    "just beyond the edge": ([Measurement(evidence=(BROKEN,))], Verdict.BROKEN),
    "decided and undecided": ([Measurement(undecided="on a kink"), Measurement(evidence=(HOLDING,))], Verdict.HOLDS),
    "one of many broken": ([Measurement(evidence=(HOLDING,)), Measurement(evidence=(HOLDING, BROKEN))], Verdict.BROKEN),
    "broken though undecided": ([Measurement(evidence=(BROKEN,), undecided="swamped")], Verdict.BROKEN),
    "broken first": ([Measurement(evidence=(BROKEN,)), Measurement(evidence=(HOLDING,))], Verdict.BROKEN),
    "not a number": ([Measurement(evidence=(HOLDING,)), Measurement(evidence=(NAN,))], Verdict.BROKEN),
    "an allowance that is not finite": ([Measurement(evidence=(evidence(inf, inf), evidence(0.0, nan)))], Verdict.SILENT),
    "one beside what holds": ([Measurement(evidence=(evidence(nan, inf), HOLDING))], Verdict.HOLDS),
    "one beside what breaks": ([Measurement(evidence=(evidence(0.0, inf), BROKEN))], Verdict.BROKEN),
    "nothing measured, nothing allowed": ([Measurement(evidence=(evidence(0.0, 0.0),))], Verdict.HOLDS),
}


@pytest.mark.parametrize("name", TABLE)
def test_findings_are_judged(name):
    measurements, verdict = TABLE[name]
    assert judge(measurements) is verdict
    assert judge(iter(measurements)) is verdict


@pytest.mark.parametrize("others", [(HOLDING,), (HOLDING, BROKEN)], ids=["holding", "broken"])
def test_the_worst_evidence_is_under_the_greatest_strain(others):
    assert Measurement(evidence=others).worst is others[-1]
    assert Measurement(evidence=(*others, NAN)).worst is NAN
    assert Measurement(evidence=(NAN, *others)).worst is NAN


def test_what_decides_nothing_is_left_out_and_the_reason_told():
    assert Measurement(evidence=(evidence(nan, inf), HOLDING)) == Measurement(evidence=(HOLDING,))
    assert Measurement(evidence=(evidence(nan, inf),)) == Measurement(undecided=NOT_FINITE)
    assert Measurement(evidence=(evidence(nan, inf),), undecided="on a kink") == Measurement(undecided="on a kink")


def test_a_finding_without_evidence_has_no_worst():
    assert Measurement().worst is None


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
