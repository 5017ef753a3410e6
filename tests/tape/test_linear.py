"""Linear algebra: values against mpmath's at 50 digits, slopes against torch's; a Gaussian process's likelihood."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest
from flint import arb
from mpmath import mp
from tape.networks import needs_torch, recorded, runs, torch
from tape.truth import contains, is_narrow

from verify.tape import enclose, floats, linear, reverse, series, vectors
from verify.tape.balls import precision
from verify.tape.derive import SecondDerivatives


def weights(b, x):
    """Different ones, so that no two entries stand for one another."""
    return b.constants(np.arange(1, x.size + 1) / 4)


def total(b, x):
    return b.dot(x.ravel()[None], weights(b, x)[None])[0]


def torch_total(x):
    return (x.ravel() * torch.arange(1, x.numel() + 1, dtype=torch.float64) / 4).sum()


def spread(b, x):
    """A matrix of full rank of any one: A·Aᵀ + I."""
    return b.add(b.matmul(x, x.T), b.constants(np.eye(len(x))))


def torch_spread(x):
    return x @ x.T + torch.eye(len(x), dtype=torch.float64)


def gaussian_process(b, x, y):
    """½yᵀK⁻¹y + Σ log Lᵢᵢ, K = L·Lᵀ: the negative log-likelihood."""
    lower = linear.cholesky(b, spread(b, x))
    half = linear.solve_lower(b, lower, y)
    return b.add(b.div(b.sum(b.square(half)[None])[0], 2), b.sum(b.log(np.diagonal(lower).copy())[None])[0])


def torch_process(x, y):
    lower = torch.linalg.cholesky(torch_spread(x))
    return y @ torch.cholesky_solve(y[:, None], lower)[:, 0] / 2 + torch.log(torch.diagonal(lower)).sum()


CASES = {
    "solve": (lambda b, x, y: total(b, b.solve(x, y)), lambda x, y: torch_total(torch.linalg.solve(x, y)), [(3, 3), (3, 2)]),
    "inv": (lambda b, x: total(b, b.inv(x)), lambda x: torch_total(torch.linalg.inv(x)), [(3, 3)]),
    "slogdet": (lambda b, x: b.slogdet(x)[0], lambda x: torch.linalg.slogdet(x)[1], [(4, 4)]),
    "cholesky": (
        lambda b, x: total(b, linear.cholesky(b, spread(b, x))),
        lambda x: torch_total(torch.linalg.cholesky(torch_spread(x))),
        [(3, 3)],
    ),
    "eigenvalues": (
        lambda b, x: total(b, b.eigenvalues(spread(b, x))),
        lambda x: torch_total(torch.linalg.eigh(torch_spread(x))[0]),
        [(3, 3)],
    ),
    "eigenvectors": (
        lambda b, x: total(b, b.square(b.eigenvectors(spread(b, x)))),
        lambda x: torch_total(torch.linalg.eigh(torch_spread(x))[1] ** 2),
        [(3, 3)],
    ),
    "process": (gaussian_process, torch_process, [(4, 4), (4,)]),
}


@needs_torch
@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("seed", range(3))
def test_values_slopes_and_curvatures(name, seed):
    f, torch_f, shapes = CASES[name]
    values = [
        np.random.default_rng(seed).integers(-16, 16, s) / 8 + np.eye(*s if len(s) == 2 else (s[0], 1)).reshape(s) / 16 for s in shapes
    ]
    x = np.concatenate([v.ravel() for v in values])
    tensors = [torch.tensor(v, requires_grad=True) for v in values]
    loss = torch_f(*tensors)
    slopes = torch.autograd.grad(loss, tensors, create_graph=True)
    flat = torch.cat([g.ravel() for g in slopes])
    tape = recorded(f, shapes)
    out = int(tape.outputs)
    with precision():
        thin, fat = runs(tape, x)
        found = reverse.pieces(thin, fat, out).certain
        value = thin.registers[out]
        assert is_narrow(value, 30)
        radius = float((fat.registers[out] - value).abs_upper())
        near = floats.run(tape, x[:, None])[out, 0]
        assert abs(loss.item() - float(value)) <= 4 * radius
        assert abs(near - float(value)) <= radius
        assert radius < 1e-9
        for j, g in enumerate(flat.tolist()):
            assert is_narrow(found[j].exact, 28)
            assert abs(g - float(found[j].exact)) <= 4 * found[j].radius
            assert found[j].radius < 1e-7
        d = [arb(int(k == 1)) for k in range(len(x))]
        run = enclose.run(tape, series.along([arb(float(v)) for v in x], d, arb(0), 3))
        (second,) = SecondDerivatives(tape, out).at(1, thin, fat)
        assert series.slope(thin, d, out).overlaps(found[1].exact)
        assert run.registers[out][1].overlaps(found[1].exact)
        assert second.exact.overlaps(2 * run.registers[out][2])
    expected = float(torch.cat([g.ravel() for g in torch.autograd.grad(flat[1], tensors)])[1])
    assert expected == pytest.approx(float(second.exact), rel=1e-9)
    lanes = vectors.run(tape, x[:, None])
    assert lanes.radii[out, 0] == np.inf or abs(arb(float(lanes.values[out, 0])) - value) <= arb(float(lanes.radii[out, 0]))


@pytest.mark.parametrize("name", ["solve", "inv", "slogdet"])
def test_values_against_mpmath(name):
    f, _, shapes = CASES[name]
    values = [np.random.default_rng(5).integers(-16, 16, s) / 8 for s in shapes]
    tape = recorded(f, shapes)
    with mp.workdps(60):
        matrices = [mpmath.matrix(v.tolist()) for v in values]
        if name == "slogdet":
            expected = mpmath.log(abs(mpmath.det(matrices[0])))
        else:
            answer = matrices[0] ** -1
            answer = answer * matrices[1] if name == "solve" else answer
            expected = sum((k + 1) * v / 4 for k, v in enumerate(answer))
    with precision():
        thin, fat = runs(tape, np.concatenate([v.ravel() for v in values]))
    for run in (thin, fat):
        assert contains(run.registers[int(tape.outputs)], expected)


@pytest.mark.parametrize("name", ["solve", "inv", "slogdet", "cholesky", "eigenvalues", "eigenvectors"])
def test_of_a_singular_matrix_nothing_is_claimed(name):
    f, _, shapes = CASES[name]
    x = np.full(sum(map(np.prod, shapes)), np.nan if name in ("cholesky", "eigenvalues") else 1.0)
    tape = recorded(f, shapes)
    with precision():
        for run in runs(tape, x):
            assert not run.registers[int(tape.outputs)].is_finite()
    assert vectors.run(tape, x[:, None]).radii[int(tape.outputs), 0] == np.inf
    assert name == "eigenvectors" or not np.isfinite(floats.run(tape, x[:, None])[int(tape.outputs), 0])


@pytest.mark.parametrize("name", ["solve", "inv", "slogdet", "eigenvectors"])
def test_along_a_line_through_a_singular_matrix_no_derivative_is_claimed(name):
    """None but the value was: a right gradient was then said not to descend."""
    f, _, shapes = CASES[name]
    x = np.full(sum(map(np.prod, shapes)), 1.0)
    tape = recorded(f, shapes)
    with precision():
        line = series.along([*map(arb, x)], [arb(k + 1) for k in range(len(x))], arb(0, 1), 3)
        found = enclose.run(tape, line).values[int(tape.outputs)]
        assert not any(found[k].is_finite() for k in range(3))
