"""The shipped specs say what the literature says, and claim nothing false; a user's own spec is found by its path."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from fractions import Fraction
from math import exp, hypot, inf, log, nan
from pathlib import Path
from pkgutil import ModuleInfo

import numpy as np
import pytest
import sympy

from verify.errors import UsageError
from verify.spec import Claims, FunctionSpec, LossSpec, Objective, Parameter, catalogue, others, positive
from verify.spec.catalogue import all_penalties, find_loss, find_penalty, find_spec, group_of, losses, names, specs

# By the book and apart from the specs: those of kernels of our own. All that ship are held against mpmath: tests/catalogue.
FORMULAS = {
    "multiclass_hinge": lambda s, y, delta: sum(max(0, s_j - s[y] + delta) for j, s_j in enumerate(s) if j != y),
    "softmax_cross_entropy": lambda s, y: -log(exp(s[y]) / sum(exp(s_j) for s_j in s)),
    "binary_logistic": lambda s, y: -log(1 / (1 + exp(-s[0])) if y else 1 / (1 + exp(s[0]))),
    "squared_error": lambda s, y: (s[0] - Fraction((0, 1, -1, 0.5, -2.75, 3)[y])) ** 2 / 2,
}
GROUPS = {"binary", "classification", "counts", "embedding", "probability", "ranking", "regression", "segmentation"}
SPECS = {name: find_loss(name) for name in FORMULAS}
PENALTIES = {
    "none": (lambda w: 0, True),
    "l2": (lambda w: w * w, True),
    "l2-no-bias": (lambda w: w * w, False),
    "half-l2": (lambda w: w * w / 2, True),
    "half-l2-no-bias": (lambda w: w * w / 2, False),
    "l1": (lambda w: abs(w), True),
    "elastic_net": (lambda w: abs(w) / 2 + w * w / 4, True),
    "huber_penalty": (lambda w: w * w / 2 if abs(w) <= 1 else abs(w) - Fraction(1, 2), True),
    "log_penalty": (lambda w: log(1 + w * w), True),
    "group_lasso": (lambda w, v: hypot(w, v), True),
}


def rationals(rng, n):
    return [Fraction(int(p), int(q)) for p, q in zip(rng.integers(-40, 41, n), rng.integers(1, 9, n), strict=True)]


def value(e, symbols, at):
    return e.subs({x: sympy.Rational(v.numerator, v.denominator) for x, v in zip(symbols, at, strict=True)})


@pytest.mark.parametrize("name", names())
def test_a_spec_is_named_like_its_file_and_says_where_it_comes_from(name):
    spec = find_spec(name)
    module = sys.modules[spec.formula.__module__]
    assert spec.name == name == module.__name__.split(".")[-1]
    assert group_of(module.__name__) in GROUPS
    assert module.SPEC is spec is specs()[name]
    assert any(c.isdigit() for c in spec.source)  # a year
    assert re.fullmatch(r"[A-ZÉ’\w].*ℓ.* = .+\.|.*ℓ.* = .+", module.__doc__)
    assert spec.aliases or spec.computed_by
    assert name in losses() or isinstance(spec, FunctionSpec) or spec.of_inputs
    assert 12 <= len(Path(module.__file__).read_text(encoding="utf-8").splitlines()) <= 28 or not spec.computed_by


def test_two_files_of_one_name_are_an_error(monkeypatch):
    twice = [ModuleInfo(None, f"verify.specs.{folder}.squared_hinge", False) for folder in ("binary", "classification")]
    monkeypatch.setattr(catalogue.pkgutil, "walk_packages", lambda *_: twice)
    with pytest.raises(RuntimeError, match=r"specs\.binary\.squared_hinge and verify\.specs\.classification\.squared_hinge have one name"):
        catalogue._files.__wrapped__()


def test_what_is_found_needs_one_file_alone(tmp_path):
    """Nothing of a hundred specs is imported where one is named, and no sympy by any of them."""
    code = (
        "import sys; from verify.spec.catalogue import find_spec, specs; find_spec('huber'); "
        "print([m for m in sys.modules if '.specs.' in m]); specs(); assert 'sympy' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, encoding="utf-8", cwd=tmp_path)
    assert [m for m in ast.literal_eval(done.stdout) if m.count(".") == 3] == ["verify.specs.regression.huber"]


@pytest.mark.parametrize("name", SPECS)
def test_defaults_lie_in_their_domains(name):
    defaults = SPECS[name].with_parameters({})
    assert set(defaults) == set(SPECS[name].parameters)
    assert all(p.low < defaults[n] == p.default < p.high for n, p in SPECS[name].parameters.items())


@pytest.mark.parametrize("name", SPECS)
@pytest.mark.parametrize("classes", [2, 3, 5])
def test_a_spec_computes_its_formula(name, classes):
    rng = np.random.default_rng(classes)
    labels, classes = SPECS[name].labels(classes), SPECS[name].scores(classes)
    for label in range(labels):
        e, symbols = SPECS[name].expression(classes, label)
        assert [str(x) for x in symbols] == [f"s{j}" for j in range(classes)] + list(SPECS[name].parameters)
        for _ in range(5):
            s, p = rationals(rng, classes), [abs(v) + 1 for v in rationals(rng, len(symbols) - classes)]
            found, truth = value(e, symbols, [*s, *p]), FORMULAS[name](s, label, *p)
            if isinstance(truth, (Fraction, int)):
                assert Fraction(int(found.p), int(found.q)) == truth
            else:
                assert float(found) == pytest.approx(truth, rel=1e-12, abs=1e-12)


def bulge(spec, classes=3, trials=300):
    """The greatest f(middle) − mean of f(ends): above 0 where the loss is not convex."""
    rng, worst = np.random.default_rng(0), -inf
    labels, classes = spec.labels(classes), spec.scores(classes)
    for label in range(labels):
        e, symbols = spec.expression(classes, label)
        f = sympy.lambdify(symbols, e, "math")
        p = spec.with_parameters({}).values()
        for _ in range(trials):
            a, b = rng.normal(size=(2, classes)) * rng.choice([0.1, 1, 5])
            worst = max(worst, f(*(a + b) / 2, *p) - (f(*a, *p) + f(*b, *p)) / 2)
    return worst


@pytest.mark.parametrize("name", [n for n, s in SPECS.items() if s.claims.convex])
def test_a_claim_of_convexity_survives_midpoints(name):
    assert bulge(SPECS[name]) < 1e-12


@pytest.mark.parametrize("name", [n for n, s in SPECS.items() if s.claims.symmetric or s.claims.shift_invariant])
def test_claims_of_symmetry_hold_at_rational_points(name):
    spec, classes, rng = SPECS[name], 4, np.random.default_rng(1)
    order = [2, 0, 3, 1]
    for _ in range(5):
        s, p = rationals(rng, classes), [Fraction(1)] * len(spec.parameters)

        def at(s, label, p=p):
            return value(*spec.expression(classes, label), [*s, *p])

        if spec.claims.symmetric:
            assert float(at([s[j] for j in order], order.index(1)) - at(s, 1)) == pytest.approx(0, abs=1e-12)
        if spec.claims.shift_invariant:
            assert float(at([v + Fraction(7, 3) for v in s], 1) - at(s, 1)) == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("name", PENALTIES)
def test_a_penalty_computes_its_formula(name):
    rho, bias = PENALTIES[name]
    penalty = find_penalty(name)
    e, symbols = penalty.expression()
    assert penalty.name == name
    assert penalty.bias == bias
    for at in ((Fraction(0), Fraction(0)), (Fraction(-7, 3), Fraction(2)), (Fraction(1, 5), Fraction(-1))):
        given = at[: len(symbols)]
        assert float(value(e, symbols, given)) == pytest.approx(float(rho(*given)), rel=1e-14, abs=0)


def test_every_shipped_penalty_has_a_formula_here():
    assert set(all_penalties()) == set(PENALTIES)


WRONG_TARGETS = {"none": ((), "has no targets"), "not held by float32": ((0, 0.1), "target 0.1 .* such as 0.125")}


@pytest.mark.parametrize("case", WRONG_TARGETS)
def test_wrong_targets_are_an_error(case):
    targets, message = WRONG_TARGETS[case]
    with pytest.raises(UsageError, match=message):
        LossSpec(name="mine", per_example=lambda s, t: s * t, targets=targets, claims=Claims(convex=True), source="a test")


def test_the_others_are_the_classes_but_the_label():
    assert others("abcd", 2) == [0, 1, 3]
    assert others("a", 0) == []


@pytest.mark.parametrize("bad", [0, -1, nan, inf, -inf], ids=["zero", "negative", "not a number", "infinite", "minus infinite"])
def test_a_parameter_outside_its_domain_is_refused(bad):
    with pytest.raises(UsageError, match=r"parameter delta = .* is outside its domain \(0.0, inf\)"):
        find_loss("multiclass_hinge").with_parameters({"delta": bad})
    with pytest.raises(UsageError, match="outside its domain"):
        positive(default=bad)


@pytest.mark.parametrize(("low", "high", "good", "bad"), [(0, 1, 0.5, 1), (-1, 1, 0, -1), (-inf, 3, -1e300, 3)], ids=str)
def test_a_domain_is_open(low, high, good, bad):
    assert Parameter(default=good, low=low, high=high).check("p", good) == float(good)
    with pytest.raises(UsageError):
        Parameter(default=good, low=low, high=high).check("p", bad)


def test_given_parameters_replace_defaults_and_unknown_ones_are_refused():
    hinge = find_loss("multiclass_hinge")
    assert hinge.with_parameters({}) == {"delta": 1.0}
    assert hinge.with_parameters({"delta": 3}) == {"delta": 3.0}
    with pytest.raises(UsageError, match=r"unknown parameter of multiclass_hinge 'dleta'\. Did you mean 'delta'"):
        hinge.with_parameters({"dleta": 3})
    with pytest.raises(UsageError, match="it has no parameters"):
        find_loss("softmax_cross_entropy").with_parameters({"delta": 3})


@pytest.mark.parametrize(
    ("find", "given", "nearest"),
    [
        (find_loss, "multiclas_hinge", "multiclass_hinge"),
        (find_loss, "softmax", "softmax_cross_entropy"),
        (find_penalty, "L2", "l2"),
        (find_penalty, "half-l2-nobias", "half-l2-no-bias"),
    ],
)
def test_an_unknown_name_offers_the_nearest(find, given, nearest):
    with pytest.raises(UsageError, match=f"unknown .* '{given}'. Did you mean '{nearest}'"):
        find(given)


def test_a_name_like_nothing_says_what_lists_them_all():
    with pytest.raises(UsageError, match=r"`verify list specs` shows all") as error:
        find_loss("zzz")
    assert "Did you mean" not in str(error.value)


@pytest.mark.parametrize(("reduction", "share"), [("mean", (1, 4)), ("sum", (1, 1))])
def test_a_reduction_gives_every_example_its_share(reduction, share):
    assert Objective(loss=find_loss("multiclass_hinge"), penalty=find_penalty("none"), reduction=reduction).share(4) == share


def test_an_unknown_reduction_is_refused():
    with pytest.raises(UsageError, match=r"unknown reduction 'means'\. Did you mean 'mean'"):
        Objective(loss=find_loss("multiclass_hinge"), penalty=find_penalty("none"), reduction="means")


OWN = """
from sympy import Max
from verify.spec import Claims, LossSpec
SPEC = LossSpec(name="mine", per_example=lambda s, y: Max(0, -s[y]), claims=Claims(convex=True), source="me, 2024")
OTHER = LossSpec(name="other", per_example=lambda s, y: s[y]**2, claims=Claims(convex=True), source="me, 2024")
NUMBER = 3
"""


@pytest.fixture
def write(tmp_path, monkeypatch):
    """Writes a file of a user's; what loading it puts on sys.path is taken off again."""
    monkeypatch.setattr(sys, "path", list(sys.path))

    def write(text, *folder, name="x.py"):
        path = tmp_path.joinpath(*folder, name)
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    return write


@pytest.mark.parametrize(("suffix", "name"), [("", "mine"), (":SPEC", "mine"), (":OTHER", "other")])
def test_a_users_spec_is_found_by_its_path(write, suffix, name):
    assert find_loss(f"{write(OWN)}{suffix}").name == name


def test_a_users_spec_is_found_by_a_path_relative_to_the_folder(write, monkeypatch):
    monkeypatch.chdir(write(OWN).parent)
    assert find_loss("x.py:OTHER").name == "other"


def test_a_users_spec_is_found_in_a_folder_with_py_in_its_name(write):
    assert find_loss(str(write(OWN, "my.pyproject"))).name == "mine"


@pytest.mark.parametrize("variable", ["NUMBER", "MISSING"])
def test_a_file_without_such_a_spec_says_so(write, variable):
    with pytest.raises(UsageError, match=rf"x\.py has no LossSpec or FunctionSpec called {variable}\. Define one, or give FILE\.py:NAME"):
        find_loss(f"{write(OWN)}:{variable}")


def test_a_missing_file_says_so(tmp_path):
    with pytest.raises(UsageError, match=r"there is no file .*nowhere\.py"):
        find_loss(f"{tmp_path}/nowhere.py")


@pytest.mark.parametrize(
    ("text", "own"),
    [
        ("import no_such_module_zzz", "ModuleNotFoundError: No module named 'no_such_module_zzz'"),
        ("x = 1 / 0", "ZeroDivisionError"),
        ("def f(:", "SyntaxError"),
        ("raise SystemExit('stop')", "SystemExit: stop"),
    ],
    ids=["missing import", "exception", "syntax error", "exit"],
)
def test_a_file_that_does_not_import_shows_its_own_error(write, text, own):
    path = write(text)
    with pytest.raises(UsageError, match=r"x\.py does not import\. Its own error:") as error:
        find_loss(str(path))
    assert own in str(error.value)
    assert "importlib" not in str(error.value)
    assert "verify/source.py" not in str(error.value)
    path.write_text(OWN, encoding="utf-8")
    assert find_loss(str(path)).name == "mine"  # a failed load leaves nothing behind
