"""Sums over elements that are no examples of linear scores: one element of everything, and elements that share entries of x."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
import sympy
from flint import arb, fmpq

from verify.oracle import Point
from verify.oracle.elements import Element, Elements
from verify.oracle.formula import Formula
from verify.oracle.maps import Dense, Select, identity
from verify.rounding import smallest_normal, unit_roundoff
from verify.tape.balls import precision

DTYPE = "float64"
U, TINY = unit_roundoff(DTYPE), smallest_normal(DTYPE)


def point(x, places, formulas, counts=None, share=1):
    """f(x) = share Σ nᵢ φᵢ(x[placesᵢ])."""
    map_ = identity(x) if places is None else Select(x, np.array(places), U, TINY)
    elements = [Element(formula=f, key=k) for k, f in enumerate(formulas)]
    counts = counts or [1] * len(elements)
    data = Elements(elements=elements, map=map_, counts=counts, number=sum(counts), share=fmpq(share), dtype=DTYPE, u=U, tiny=TINY)
    return Point(x=x, data=data, penalty=None, dtype=DTYPE, u=U, tiny=TINY)


def symbols(n):
    return sympy.symbols(f"x:{n}", real=True)


def cox(shape=(4,)):
    """−Σ over events of s_i − log Σ_{j ≥ i} e^{s_j}: times ascend, the second is censored."""
    s = symbols(4)
    terms = [sympy.log(sympy.Add(*map(sympy.exp, s[i:]))) - s[i] for i in (0, 2, 3)]
    return Formula(sympy.Add(*terms), s), lambda v: sum(np.log(np.exp(v[i:]).sum()) - v[i] for i in (0, 2, 3))


def info_nce():
    """Mean over i of log Σ_j e^{S_ij} − S_ii, of a matrix of similarities."""
    s = symbols(9)
    rows = [s[3 * i : 3 * i + 3] for i in range(3)]
    e = sympy.Add(*((sympy.log(sympy.Add(*map(sympy.exp, row))) - row[i]) / 3 for i, row in enumerate(rows)))
    return Formula(e, s), lambda v: np.mean([np.log(np.exp(row).sum()) - row[i] for i, row in enumerate(v.reshape(3, 3))])


def hardest_triplet():
    """max(0, 1 + d(a, p) − min_n d(a, n)) of five numbers: an anchor, its like, three others."""
    a, p, *others = symbols(5)
    e = sympy.Max(0, 1 + (a - p) ** 2 - sympy.Min(*((a - n) ** 2 for n in others)))
    return Formula(e, (a, p, *others)), lambda v: max(0.0, 1 + (v[0] - v[1]) ** 2 - min((v[0] - v[2:]) ** 2))


def differences(f, x, h=1e-6):
    found = np.zeros(x.size)
    for k in range(x.size):
        d = np.zeros(x.size)
        d[k] = h
        found[k] = (f(x.ravel() + d) - f(x.ravel() - d)) / (2 * h)
    return found.reshape(x.shape)


@pytest.mark.parametrize(("make", "shape"), [(cox, (4,)), (info_nce, (3, 3)), (hardest_triplet, (5,))])
def test_one_element_of_everything(make, shape):
    formula, f = make()
    x = np.random.default_rng(3).integers(-8, 9, shape) / 4
    p = point(x, None, [formula])
    assert abs(float(p.value.exact) - f(x.ravel())) < 1e-13
    truth = p.gradient
    assert truth.is_single
    assert truth.radius.shape == shape
    g = truth.center.astype(float)
    assert np.allclose(g, differences(f, x), atol=1e-8)
    assert truth.distance(g).strain < 0.3
    wrong = g.copy()
    wrong.flat[1] += 1e-12
    assert truth.distance(wrong).certified > 1
    assert truth.distance(wrong).entry == np.unravel_index(1, shape)
    d = np.random.default_rng(4).choice((-1.0, 1.0), shape)
    with precision():
        assert abs(float(p.along(d, 0.0, 0.0)[1]) - float((g * d).sum())) < 1e-12
        inside = p.slopes(d, 0.0, 0.25)
        mean = (point(x + 0.25 * d, None, [formula]).value.exact - p.value.exact) / 0.25
        assert inside.overlaps(mean)


def test_a_tie_within_one_element_is_a_hull_of_its_choices():
    formula, _ = hardest_triplet()
    x = np.array([0.0, 0.5, 1.0, -1.0, 3.0])  # two others are as near: either may be the hardest
    truth = point(x, None, [formula]).gradient
    choices = [np.array([-2 * 0.5 + 2 * x[n], 1.0, *(-2 * x[n] if k == n else 0.0 for k in (2, 3, 4))]) for n in (2, 3)]
    for t in (0.0, 0.25, 1.0):
        assert truth.distance(t * choices[0] + (1 - t) * choices[1]).strain < 1
    assert truth.distance(choices[0] + [0, 0, 0, -2.0, 0]).certified > 1
    d = np.array([1.0, 0.0, 0.5, -0.25, 2.0])
    assert truth.support(d) == max(float(c @ d) for c in choices)


def test_elements_may_share_entries_and_count_several_times():
    """½ (2 φ(x₀, x₁) + φ(x₁, x₂)) of φ(a, b) = a² b."""
    a, b = symbols(2)
    phi = Formula(a**2 * b, (a, b))
    x = np.array([1.0, 2.0, 3.0])
    p = point(x, [[0, 1], [1, 2]], [phi, phi], counts=[2, 1], share=fmpq(1, 2))
    assert float(p.value.exact) == 0.5 * (2 * 2.0 + 12.0)
    assert p.gradient.center.astype(float).tolist() == [4.0, 0.5 * (2 * 1.0 + 2 * 2 * 3), 2.0]
    assert p.along(np.array([0.0, 1.0, 0.0]), 0.0, 0.0)[2] == 0.5 * 3


def test_what_is_lost_of_one_element_says_nothing_of_entries_that_it_does_not_have():
    a = symbols(1)
    exponential = Formula(sympy.exp(a[0]), a)
    p = point(np.array([1e4, 1.0]), [[0], [1]], [exponential, exponential])
    assert p.out_of_range(slopes=True).tolist() == [True, False]
    assert p.gradient.judged(np.array([np.nan, np.nan])).tolist() == [False, True]


def test_dense_and_selected_inputs_are_the_same_where_the_data_is_the_unit_matrix():
    rng = np.random.default_rng(0)
    W, unit = rng.normal(size=(3, 4)), np.eye(4)
    dense, chosen = Dense(W, unit, U, TINY), Select(W, np.arange(12).reshape(3, 4).T.copy(), U, TINY, 2)
    slopes, counts = [[arb(float(x)) for x in row] for row in rng.normal(size=(4, 3))], [1, 2, 1, 1]
    assert dense.inputs == chosen.inputs
    assert (dense.back(slopes, counts) == chosen.back(slopes, counts)).all()
    assert np.array_equal(dense.reach(np.ones((4, 3)), np.array(counts)), chosen.reach(np.ones((4, 3)), np.array(counts)))
    for i, row in product(range(4), rng.normal(size=(2, 3))):
        one, other = dense.generator(i, row, 0.5), chosen.generator(i, row, 0.5)
        assert np.array_equal(one.matrix, other.matrix)
        assert one.dot(W) == pytest.approx(other.dot(W), rel=1e-14)
    assert (chosen.radii < dense.radii).all()
    lost = np.array([False, True, False, False])
    assert dense.touched(lost).all()
    assert chosen.touched(lost).tolist() == [[False, True, False, False]] * 3
