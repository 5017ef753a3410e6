"""Losses whose targets are of a domain: one formula for all of them, judged at simple ones, ordinary ones, and its ends."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from field.domains import FALSE, GAMMA, HUBER, POISSON, QUANTILE, SOFT, spec
from sympy import Max, Or, Piecewise, exp, log, sqrt

from verify import UsageError, Verdict, check
from verify.cases.conversion import of_targets
from verify.oracle import Oracle
from verify.oracle.formula import loss_formula
from verify.oracle.loss_claims import examine
from verify.spec import Binary, Claims, Count, LossSpec, Objective, Parameter, Positive, Real, Sign, positive
from verify.spec.catalogue import find_penalty
from verify.spec.convexity import convex_loss
from verify.spec.mathml import described

DOMAINS = Path(__file__).parent / "field" / "domains.py"


def test_the_values_of_a_domain_lie_in_it_and_reach_its_ends():
    for domain in (Real(), Real(0, 1), Real(low=-3), Real(high=2.5), Positive(), Count()):
        values = domain.values
        assert len(values) == len(set(values)) > 100
        assert all(t in domain and float(np.float32(t)) == t for t in values)
        assert {e for e in (domain.low, domain.high) if np.isfinite(e) and domain.closed} <= set(values)
    assert Real().values[:3] == (0, 1, -1)
    assert max(map(abs, Real().values)) == 2.0**20
    assert min(Positive().values) == 2.0**-20
    assert 10**6 in Count().values
    assert all(t == int(t) >= 0 for t in Count().values)
    assert -1 not in Real(0, 1)
    assert 0 not in Positive()
    assert 1.5 not in Count()


def test_binary_and_sign_are_short_for_lists():
    loss = spec(lambda s, t: exp(-t * s) if t > 0 else exp(s), Sign())
    assert (loss.targets, loss.domain) == ((-1, 1), None)
    assert spec(lambda s, t: log(1 + exp(s)) - t * s, Binary()).targets == (0, 1)


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"target": "real"}, r"target of x is 'real'; give one of Real\(\), .*targets=\(0, 1\)"),
        ({"target": Real}, r"target of x is Real without its parentheses; give Real\(\)"),
        ({"targets": Real()}, r"targets of x is Real\(\), which is a domain; give it as target=Real\(\)"),
        ({"target": Real(), "targets": (0, 1)}, r"both target=Real\(\) and targets=\(0, 1\)"),
        ({"target": Real(), "per_example": lambda s, t: s if t > 0 else -s}, r"With target=Real\(\) the target is a symbol, too"),
        ({"target": Real(), "per_example": lambda s, t: 2 * s if t == 0 else s - t}, "asks about its target: at .* target 0 it is"),
        ({"target": Count(), "per_example": lambda s, t: s + (t * log(t) if t != 0 else 0)}, "and no number where it is given a symbol"),
        ({"target": Real(), "per_example": lambda s, t: Piecewise((s, Or(t < 100, s < t)), (s + 1, True))}, "jumps: at score"),
        ({"target": Real(), "per_example": lambda s, t: s + sqrt(1000 - t)}, "no finite number at any score that was tried, for target"),
        ({"target": Real(), "claims": Claims(convex=None, symmetric=True)}, "claims symmetric=True"),
        ({"target": Real(), "per_example": lambda s, y: log(sum(s))}, "it is given one score and the target"),
        (
            {"target": Real(), "per_example": lambda s, t: t * s, "parameters": {"t": positive(default=1)}},
            r"declares t, but the formula takes \(s, t\), of which the first two are a score and a target\. Give .* another name than t",
        ),
        (
            {"target": Real(), "per_example": lambda s, y, t: s if y > t else -s, "parameters": {"t": positive(default=1)}},
            r"truth value of Relational: y > t, .*With target=Real\(\) the target is a symbol, too",
        ),
        (
            {"target": Count(), "per_example": lambda s, y, t: s * t + y * log(0), "parameters": {"t": positive(default=1)}},
            r"Piecewise\(\(…, y > 0\), \(…, True\)\)",
        ),
    ],
)
def test_slips_are_told(fields, told):
    with pytest.raises(UsageError, match=told):
        stated(**fields)


@pytest.mark.parametrize(
    ("made", "shown"),
    [
        (lambda: Count(10), "Count(10)"),
        (lambda: Positive(low=0), "Positive(low=0)"),
        (lambda: Real(0, 1, 2), "Real(0, 1, 2)"),
        (lambda: Real(least=0), "Real(least=0)"),
        (lambda: Sign(-1), "Sign(-1)"),
        (lambda: Binary(0, 1), "Binary(0, 1)"),
    ],
)
def test_a_domain_that_is_called_otherwise_is_told(made, shown):
    with pytest.raises(UsageError) as told:
        made()
    assert str(told.value).startswith(f"{shown} is no domain of targets; give one of Real(), Real(low, high), ")


def stated(**fields):
    loss = LossSpec(**{"name": "x", "per_example": lambda s, t: s - t, "claims": Claims(convex=None), "source": "x"} | fields)
    examine(loss)
    return loss_formula(loss, 1, 0)


def test_a_formula_may_choose_by_a_target_that_is_a_symbol():
    examine(spec(lambda s, t: exp(s) - t * s + Piecewise((t * log(t) - t, t > 0), (0, True)), Count()))
    examine(spec(lambda s, t, a: Max(a * (t - s), (1 - a) * (s - t)), Real(), a=Parameter(default=0.1, low=0, high=1)))


@pytest.mark.parametrize(("low", "high"), [(1, 1), (2, -1), (1.0, 1.0 + 2.0**-40)])
def test_empty_domains_are_refused(low, high):
    with pytest.raises(UsageError, match=r"is empty|holds no number"):
        Real(low, high)


@pytest.mark.parametrize("domain", [Real(1, 1.0000004), Real(1e-45, 1e-44), Real(-1e308, 1e308), Real(5), Real(high=-3)])
def test_a_domain_of_few_numbers_is_examined_at_them(domain):
    loss = spec(lambda s, t: (s - t) ** 2, domain)
    examine(loss)
    assert {0, len(domain.values) - 2} <= set(loss.examined(1)) <= set(range(len(domain.values)))


def test_one_formula_is_for_all_targets():
    formulas = {loss_formula(HUBER, 1, label) for label in range(HUBER.labels(1))}
    assert len(formulas) == 1
    assert [str(c) for c in formulas.pop().constants] == ["t", "delta"]
    taken = spec(lambda s, y, t: t * (s - y) ** 2, Real(), t=positive(default=1))
    assert [str(c) for c in loss_formula(taken, 1, 0).constants] == ["y", "t"]


def test_convexity_is_proved_for_the_whole_domain():
    assert all(map(convex_loss, (QUANTILE, POISSON, GAMMA, SOFT)))
    assert not convex_loss(spec(lambda s, t: t * exp(-s), Real(), convex=None))  # not where t < 0
    with pytest.raises(UsageError, match="claims to be convex"):
        examine(FALSE)


def test_a_report_shows_the_target_as_a_letter():
    shown = described(POISSON)
    assert shown["shown"] == {"score": "s", "target": "t"}
    assert "<mi>t</mi>" in shown["mathml"]


def test_seeds_reach_all_targets_and_0_leaves_the_simplest():
    y = np.array([0, 1, 1, 0])
    assert of_targets(HUBER, y, 0).tolist() == [0, 1, 1, 0]
    reached = {int(k) for seed in range(300) for k in of_targets(HUBER, y, seed)}
    assert reached == set(range(HUBER.labels(1)))
    few = spec(lambda s, t: log(1 + exp(s)) - t * s, Binary())
    assert of_targets(few, y + 1, 5).tolist() == [1, 0, 0, 1]


@pytest.mark.parametrize(("loss", "dtype"), [(HUBER, "float64"), (QUANTILE, "float32"), (POISSON, "float64"), (SOFT, "float32")])
def test_the_truth_at_a_target_is_that_of_a_list_of_it(loss, dtype):
    listed = LossSpec(
        name="listed", per_example=loss.per_example, targets=loss.targets[:24], parameters=loss.parameters, claims=loss.claims, source="x"
    )
    W, X, y = np.array([[0.75, -0.5]], dtype), np.array([[1, 1], [2, 1], [-3, 1]], dtype), np.array([1, 4, 20])
    a, b = (Oracle(Objective(loss=own, penalty=find_penalty("l2")), dtype).at(W=W, X=X, y=y, reg=0.25) for own in (loss, listed))
    assert a.value.exact.overlaps(b.value.exact)
    assert all(p.overlaps(q) for p, q in zip(a.gradient.center.flat, b.gradient.center.flat, strict=True))
    assert np.allclose(a.gradient.radius, b.gradient.radius, rtol=0.5)


def weights(value, slope):
    def loss(W, X, y, reg):
        w = np.reshape(W, -1)
        s = X @ w
        return value(s, y).mean() + reg * np.sum(w * w), (X.T @ slope(s, y) / s.dtype.type(len(y))).reshape(np.shape(W)) + 2 * reg * W

    return loss


def scores(value, slope):
    return lambda s, y: (value(s, y).sum(), slope(s, y))


def sigmoid(s):
    e = np.exp(-np.abs(s))
    return np.where(s >= 0, 1 / (1 + e), e / (1 + e))


def huber(s, t):
    r = np.abs(s - t)
    return np.where(r <= 1, r * r / 2, r - s.dtype.type(0.5))


def pinball(s, t):
    return np.where(t > s, (t - s) / 4, (s - t) * s.dtype.type(0.75))


def soft(s, t):
    return np.logaddexp(s.dtype.type(0), s) - t * s


RIGHT = {
    "Huber": ("HUBER", huber, lambda s, t: np.clip(s - t, -1, 1)),
    "quantile": ("QUANTILE", pinball, lambda s, t: np.where(t >= s, s.dtype.type(-0.25), s.dtype.type(0.75))),
    "Poisson": ("POISSON", lambda s, t: np.exp(s) - t * s, lambda s, t: np.exp(s) - t),
    "gamma": ("GAMMA", lambda s, t: s + t * np.exp(-s), lambda s, t: 1 - t * np.exp(-s)),
    "soft labels": ("SOFT", soft, lambda s, t: sigmoid(s) - t),
}
WRONG = {  # each is right at the targets that a short list would hold
    "Huber": lambda s, t: np.clip(s - t, -1, 1) * np.where(np.abs(t) > 100, s.dtype.type(1.001), 1),
    "quantile": lambda s, t: (
        np.where(t >= s, s.dtype.type(-0.25), s.dtype.type(0.75)) * np.where(np.abs(t) == t // 1, 1, s.dtype.type(1.01))
    ),
    "Poisson": lambda s, t: np.exp(s) - np.minimum(t, 255),
    "gamma": lambda s, t: 1 - np.maximum(t, s.dtype.type(1e-3)) * np.exp(-s),
    "soft labels": lambda s, t: sigmoid(s) - np.round(t * 64) / 64,
}
LAWS = ("value", "gradient", "membership", "order")


@pytest.mark.parametrize("form", [weights, scores])
@pytest.mark.parametrize("name", RIGHT)
def test_right_implementations_hold(name, form):
    loss, value, slope = RIGHT[name]
    report = check(form(value, slope), loss=f"{DOMAINS}:{loss}", dtypes=("float64", "float32"), laws=LAWS, profile="quick")
    assert report.verdict is Verdict.HOLDS, str(report)


@pytest.mark.parametrize("name", WRONG)
def test_a_mistake_at_some_targets_only_is_found(name):
    loss, value, _ = RIGHT[name]
    report = check(scores(value, WRONG[name]), loss=f"{DOMAINS}:{loss}", laws=("gradient",), profile="quick")
    assert report.verdict is Verdict.BROKEN


def test_a_witness_shows_the_targets_that_its_labels_stand_for():
    loss, value, _ = RIGHT["Poisson"]
    report = check(scores(value, WRONG["Poisson"]), loss=f"{DOMAINS}:{loss}", laws=("gradient",), profile="quick")
    (entry,) = report.to_dict()["results"]
    witness = entry["witness"]
    assert [float.fromhex(t) for t in witness["targets"]] == [POISSON.targets[label] for label in witness["values"]["y"]]
    assert max(POISSON.targets[label] for label in witness["values"]["y"]) > 255
    assert "targets=[" in str(report)
    assert "y=[" not in str(report)
