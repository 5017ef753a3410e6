"""Code that reads one triangle of a symmetric matrix, as Cholesky's does: any usual gradient is right, whatever triangle it fills."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import linalg

from verify import Verdict, check, prove

A = np.random.default_rng(0).normal(size=(3, 3))
S, Y, ONES = A @ A.T + np.eye(3), np.array([0.5, -1.0, 2.0]), np.ones(3)


def gaussian(s, times=0.5, log_determinant=True):
    """−log of a normal density, by its covariance, with the gradient that is in every book."""
    factor = linalg.cho_factor(s, lower=True)
    a = linalg.cho_solve(factor, Y)
    inverse = linalg.cho_solve(factor, np.eye(3)) if log_determinant else 0.0
    return 0.5 * Y @ a + np.log(np.diag(factor[0])).sum(), times * (inverse - np.outer(a, a))


def of_one_triangle(s):
    value, g = gaussian(s)
    return value, np.tril(g) + np.tril(g, -1)


def upper(s):
    a = np.linalg.solve(s, Y)
    return np.log(np.diag(linalg.cholesky(s))).sum() + Y @ a, np.linalg.inv(s) / 2 - np.outer(a, a)


def by_eigenvalues(s):
    return np.log(np.linalg.eigvalsh(s)).sum(), np.linalg.inv(s)


def taken_for_symmetric(s):
    a = linalg.solve(s, Y, assume_a="pos")
    return Y @ a, -np.outer(a, a)


def demanding(s):
    if not np.array_equal(s, s.T):
        raise ValueError("not symmetric")
    return gaussian(s)


def unrecorded(s, times=1.0):
    return 2 * np.log(np.diag(linalg.lapack.dpotrf(np.asarray(s), lower=1)[0])).sum(), times * np.linalg.inv(s)


def symmetric_by_accident(x, of_the_transpose=False):
    """Its matrix is one of any x, so that all entries of its gradient count."""
    k = x @ x.T + np.eye(3)
    outer = np.outer(ONES, Y) if of_the_transpose else np.outer(Y, ONES)
    return np.log(np.diag(np.linalg.cholesky(k))).sum() + Y @ x @ ONES, np.linalg.inv(k) @ x + outer


def judged(f):
    return check(f, at=S, laws=("value", "gradient", "formula"), profile="quick")


@pytest.mark.parametrize("f", [gaussian, of_one_triangle, upper, by_eigenvalues, taken_for_symmetric, demanding, unrecorded])
def test_a_usual_gradient_holds_and_how_it_was_judged_is_told(f):
    report = judged(f)
    assert report.verdict is Verdict.HOLDS, report
    assert "the symmetric part is judged" in str(report)


def twice(s):
    return gaussian(s, times=1.0)


def without_the_determinant(s):
    return gaussian(s, log_determinant=False)


def off_by_little(s):
    return unrecorded(s, times=1.01)


@pytest.mark.parametrize("f", [twice, without_the_determinant, off_by_little])
def test_a_wrong_one_is_broken(f):
    report = judged(f)
    assert report.verdict is Verdict.BROKEN
    assert {r.verdict for r in report.results if r.law == "gradient"} == {Verdict.BROKEN}


def transposed(x):
    return symmetric_by_accident(x, of_the_transpose=True)


def test_all_entries_count_where_no_triangle_of_the_input_is_read():
    assert "symmetric part" not in str(judged(symmetric_by_accident))
    assert judged(symmetric_by_accident).verdict is Verdict.HOLDS
    assert judged(transposed).verdict is Verdict.BROKEN


def by_determinants(s):
    """It is finite at matrices that have no Cholesky factor."""
    return 0.5 * Y @ np.linalg.solve(s, Y) + 0.5 * np.linalg.slogdet(s)[1]


def test_a_reference_may_know_more_matrices_than_the_candidate():
    report = check(of_one_triangle, at=S, reference=by_determinants, laws=("value", "gradient"), profile="quick")
    assert report.verdict is Verdict.HOLDS, report


def test_it_is_proved_along_symmetric_directions():
    found = prove(gaussian, at=S)
    assert found.status == "proved"
    assert "the symmetric part is judged" in str(found)
    assert prove(twice, at=S).status == "refuted"
