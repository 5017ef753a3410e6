"""Functions of named inputs: losses of probabilities, of vector targets, of a batch, and of several arrays, from the spec to the report."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import sympy
from field import inputs as field
from field import name_of
from hypothesis import given, settings
from hypothesis import strategies as st
from sympy import Add, Max, exp, log

from verify import Candidate, UsageError, Verdict, check, replay
from verify.cases import families
from verify.cases.inputs import ordinary
from verify.conventions import Pins, find_out_inputs
from verify.conventions.inputs import CONFIRMING_POINTS, PROBES, SOLVING_POINTS
from verify.oracle import InstanceOracle
from verify.oracle.problem_claims import examine_problem
from verify.problem import Instance, problem_of, small
from verify.spec import (
    Array,
    Binary,
    Censored,
    Claims,
    Count,
    Embedding,
    FunctionSpec,
    Label,
    LossSpec,
    Positive,
    Probabilities,
    Probability,
    Real,
    Score,
    Scores,
    Sign,
    Simplex,
    Vector,
)
from verify.spec.catalogue import find_loss

FIELD = Path(field.__file__)
NOTHING = Claims(convex=None)
SPECS = ("BCE", "POISSON", "SOFT", "LABELS", "IGNORED", "WEIGHED", "COX", "NCE", "DICE", "TRIPLET", "NORM")


def oracle_of(spec, dtype="float64", **parameters):
    problem = problem_of(spec)
    return InstanceOracle(Instance(problem=problem, reduction=problem.reductions[0], parameters=parameters), dtype)


@pytest.mark.parametrize(("spec", "f", "code", "told"), field.WRONG, ids=name_of)
def test_wrong_implementations_are_broken_and_named(spec, f, code, told):
    report = check(f, loss=f"{FIELD}:{spec}", laws=("value", "gradient"), profile="quick")
    assert report.verdict is Verdict.BROKEN
    finding = report.to_dict()["findings"][0]
    assert finding["code"] == code
    assert told is None or told in finding["cause"]


def _bce(value=1.0, slope=1.0):
    def f(p, t):
        v, g = field.bce(p, t)
        return v * value, g * slope

    return f


def _nce(slope):
    def f(s, y):
        v, g = field.nce(s, y)
        return v, g * slope

    return f


def _spoiled(s, y):
    v, g = field.nce(s, y)
    s += 1
    return v, g


def _triplet(value=1.0, slope=1.0):
    def f(a, p, q):
        v, (first, *rest) = field.triplet(a, p, q)
        return v * value, (first * slope, *rest)

    return f


class Forgetful:
    """Answers otherwise each second time."""

    def __init__(self):
        self.asked = 0

    def __call__(self, s, y):
        self.asked += 1
        v, g = field.nce(s, y)
        return v, g * (1 + 2.0**-31 * (self.asked % 2))


BROKEN = [
    ("enclosure", "BCE", _bce(value=1.001)),
    ("order", "BCE", _bce(slope=1.001)),
    ("best-step", "BCE", _bce(slope=1.001)),
    ("bracket", "NCE", _nce(1.5)),
    ("descent", "NCE", _nce(-1.0)),
    ("convexity", "NCE", _nce(-1.0)),
    ("consistency", "NCE", Forgetful()),
    ("purity", "NCE", _spoiled),
    ("crossing", "TRIPLET", _triplet(value=1.01)),
    ("one-sided", "TRIPLET", _triplet(value=1.01)),
    ("membership", "TRIPLET", _triplet(slope=2.0)),
]


@pytest.mark.parametrize(("law", "spec", "f"), BROKEN, ids=[law for law, _, _ in BROKEN])
def test_each_law_that_is_asked_can_fail(law, spec, f):
    (result,) = check(f, loss=f"{FIELD}:{spec}", laws=(law,), profile="quick").results
    assert result.verdict is Verdict.BROKEN


def test_the_oracle_agrees_with_differences():
    for name in SPECS:
        oracle = oracle_of(getattr(field, name))
        case = ordinary(oracle, 2)[1]
        truth, x, h = oracle.at(**case.values), case.x, 1e-6
        for k in range(x.size):
            step = np.zeros(x.shape)
            step.flat[k] = h * min(1.0, abs(float(x.flat[k])))
            if not step.any():
                continue
            ahead, behind = (float(oracle.at(**case.at(x + sign * step).values).value.exact) for sign in (1, -1))
            slope = (ahead - behind) / (2 * step.flat[k])
            assert slope == pytest.approx(float(truth.gradient.center.flat[k]), rel=1e-4, abs=1e-6), (name, k)


@pytest.mark.parametrize("name", SPECS)
def test_every_case_is_one_of_the_problem(name):
    oracle = oracle_of(getattr(field, name), "float32")
    problem = oracle.problem

    for family, (strategy, share) in families(oracle).items():
        assert 0 < share < 1

        @settings(max_examples=12, deadline=None, database=None)
        @given(strategy)
        def belongs(case):
            sizes = problem.sizes(case.values)
            assert min(sizes.values()) >= 1
            assert case.dtype == "float32"
            assert oracle.contains(case.values)
            for i in problem.inputs:
                a = np.asarray(case[i.name])
                assert a.dtype == (np.int64 if i.whole or isinstance(i.domain, Label) else np.float32)
                if isinstance(i.domain, Simplex):
                    assert np.all(a >= 0)
                    assert np.all(a.sum(axis=-1) == 1)
                elif isinstance(i.domain, Label):
                    assert np.all(((a >= 0) & (a < sizes[i.domain.size])) | (a == i.domain.ignored))
                    assert np.any(a >= 0)
                elif hasattr(i.domain, "values") and i.concrete:
                    assert set(a.ravel().tolist()) <= set(i.domain.values)

        belongs()
        assert family


def test_kinks_are_met_exactly_and_beside():
    oracle, met = oracle_of(field.TRIPLET), set()
    for family in ("kink", "near a kink"):

        @settings(max_examples=30, deadline=None, database=None)
        @given(families(oracle)[family][0])
        def look(case):
            single = oracle.at(**case.values).gradient.is_single
            met.add((case.family, single))

        look()
    assert ("kink", False) in met
    assert ("near a kink", True) in met


def test_a_line_stays_in_the_domain_and_its_steps_are_exact():
    oracle = oracle_of(field.BCE)
    p = np.array([0.5, 1e-30, 1 - 2.0**-53, 0.25, 5e-324])
    x, d = oracle.stretched({"prediction": p, "target": np.zeros(5)}, np.array([1.0, -1.0, 1.0, 0.5, 1.0]))
    assert np.array_equal(x, p)
    assert d[0] == 0.25
    assert -(2.0**-100) < d[1] < 0
    assert d[2] == d[4] == 0  # next to an end a number moves by single floats
    for t in (1.0, -1.0, 2.0**-12):
        moved = x + t * d
        assert np.all((moved > 0) & (moved < 1))
        assert np.array_equal(moved - x, t * d)


def test_numpy_and_sympy_write_the_same_formula():
    def by_numpy(x, w):
        z = x @ w
        return np.where(z > 0, np.log1p(np.exp(-z)) + z, np.log1p(np.exp(z))).mean() + np.linalg.norm(w) + np.clip(x, -1, 1).sum() + x.max()

    def by_sympy(x, w):
        z = [Add(*(x[i, j] * w[j] for j in range(len(w)))) for i in range(len(x))]
        losses = [sympy.Piecewise((log(1 + exp(-a)) + a, a > 0), (log(1 + exp(a)), True)) for a in z]
        clipped = Add(*(sympy.Min(1, Max(-1, a)) for a in x.ravel()))
        return Add(*losses) / len(losses) + sympy.sqrt(Add(*(a**2 for a in w))) + clipped + Max(*x.ravel())

    spec = {"inputs": {"x": Array("n d"), "w": Array("d")}, "source": "x"}
    values = small(problem_of(FunctionSpec(name="a", formula=by_numpy, **spec)), size=3)
    a, b = (oracle_of(FunctionSpec(name="f", formula=f, **spec)).at(**values) for f in (by_numpy, by_sympy))
    z = values["x"] @ values["w"]
    due = np.logaddexp(0, z).mean() + np.linalg.norm(values["w"]) + np.clip(values["x"], -1, 1).sum() + values["x"].max()
    assert float(a.value.exact) == pytest.approx(due, rel=1e-14)
    assert float(b.value.exact) == pytest.approx(due, rel=1e-14)


def test_sympy_arrays_and_nested_lists_may_be_returned():
    spec = {"inputs": {"x": Array("n d")}, "output": "n", "source": "x"}
    for formula in (
        lambda x: [Add(*row) for row in x],
        lambda x: sympy.Array([Add(*row) for row in x]),
        lambda x: x.sum(axis=1),
        lambda x: x.applyfunc(lambda a: a) @ np.ones(x.shape[1], dtype=int),
    ):
        oracle = oracle_of(FunctionSpec(name="rows", formula=formula, **spec))
        values = {"x": np.array([[1.0, 2.0], [3.0, 4.0]]), "upstream": np.array([1.0, 10.0])}
        assert float(oracle.at(**values).value.exact) == 73.0


def stated(**fields):
    return LossSpec(**{"name": "x", "claims": NOTHING, "source": "x"} | fields)


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({}, "x has no formula"),
        ({"per_example": lambda s, y: s[y], "per_batch": lambda s, y: s[0]}, "both per_example and per_batch"),
        ({"per_batch": 3}, "per_batch of x is 3; give a function"),
        ({"per_example": lambda p, t: p, "prediction": Probability}, r"prediction of x is Probability without its parentheses"),
        ({"per_example": lambda p, t: p, "prediction": "p"}, r"prediction of x is 'p'; give one of Scores\(\)"),
        ({"per_example": lambda p, t: p, "prediction": Count(), "target": Real()}, "whose numbers cannot be moved a little"),
        ({"per_example": lambda p, t: p, "prediction": Probability()}, r"prediction=Probability\(\) and no target"),
        ({"per_example": lambda p, t: p, "prediction": Probability(), "target": Simplex()}, "of several classes, and a prediction is one"),
        ({"per_example": lambda s, t: s, "target": Simplex}, r"target of x is Simplex without its parentheses"),
        ({"per_example": lambda s: s, "target": Simplex()}, r"takes \(s\); it must take"),
    ],
)
def test_slips_of_losses_are_told(fields, told):
    with pytest.raises(UsageError, match=told):
        stated(**fields)


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"inputs": {}}, "inputs of x are {}; give a dict"),
        ({"inputs": {"x": "n d"}}, "input x of x is 'n d'; give Array\\(\"n d\"\\)"),
        ({"inputs": {"x": Array("n", Count())}}, "no input of x is differentiated"),
        ({"output": "m"}, "the output of x has the dimension m, and no input has: n"),
        ({"inputs": {"x": Array("n"), "y": Array("n", Label("k"))}}, "input y of x has the dimension k"),
        ({"inputs": {"upstream": Array("n")}}, "an input called 'upstream'"),
        ({"formula": 1}, "the formula of x is 1"),
        ({"formula": lambda x, y: x}, "takes y, which parameters= lacks"),
    ],
)
def test_slips_of_functions_are_told(fields, told):
    with pytest.raises(UsageError, match=told):
        FunctionSpec(**{"name": "x", "inputs": {"x": Array("n")}, "formula": lambda x: x.sum(), "source": "x"} | fields)


@pytest.mark.parametrize(
    ("formula", "told"),
    [
        (lambda x: x, r"returned an array of shape \(1,\), and output='' says one number"),
        (lambda x: sympy.Symbol("k") * x[0], "contains the symbol k"),
        (lambda x: sympy.Integer(3), "depends on none of x"),
        (lambda x: log(-(x[0] ** 2) - 1), "no finite number at any point"),
        (lambda x: np.sign(x).sum(), "np.sign is no function of symbols"),
        (lambda x: x.sum() if x[0] > 0 else 0, "raised TypeError"),
        (lambda x: np.sort(x)[0], r"cannot determine truth value .* in `np.sort\(x\)` \(test_inputs.py"),
        (lambda x: None, r"returned nothing \(None\)"),
        (lambda x: np.where(x > 0, x + 1, x).sum(), r"x jumps: where x are \(0.*its value is .* on one side"),
    ],
)
def test_formulas_that_are_none_are_told(formula, told):
    with pytest.raises(UsageError, match=told):
        examine_problem(problem_of(FunctionSpec(name="x", inputs={"x": Array("n")}, formula=formula, source="x")))


def test_further_ways_of_writing_are_of_the_same_loss_and_widen_what_is_allowed():
    spec = {"prediction": Probability(), "target": Real(0, 1), "per_example": field.BCE.per_example}
    wide = stated(**spec, ways=(lambda p, t: Add(1024 - t * log(p), -(1 - t) * log(1 - p) - 1024, evaluate=False),))
    examine_problem(problem_of(wide))
    case = ordinary(oracle_of(stated(**spec)), 1)[0]
    narrow, broad = (oracle_of(s).at(**case.values).value.radius for s in (stated(**spec), wide))
    assert broad > 100 * narrow
    with pytest.raises(UsageError, match=r"ways\[0\] of x is another loss: at prediction"):
        examine_problem(problem_of(stated(**spec, ways=(lambda p, t: -t * log(p),))))


def test_kinks_that_no_number_of_the_domain_meets_are_none():
    def jaccard(p, t):
        return 1 - (p * t).sum() / (np.maximum(p, t).sum() + 1)

    spec = {"per_batch": jaccard, "prediction": Probability()}
    assert not oracle_of(stated(**spec, target=Binary())).has_switches
    assert oracle_of(stated(**spec, target=Real(0, 1))).has_switches


def test_an_array_that_numpy_made_of_symbols_is_told():
    spec = stated(per_batch=lambda s, y: np.sqrt(np.array(s)).sum(), prediction=Probability(), target=Binary())
    with pytest.raises(UsageError, match=r"Leave them out"):
        examine_problem(problem_of(spec))


def test_counts_are_symbols_to_a_loss():
    def deviance(m, t):
        return 2 * (sympy.Piecewise((t * log(t / m), t > 0), (0, True)) - t + m)

    spec = stated(per_example=deviance, prediction=Positive(), target=Count())
    examine_problem(problem_of(spec))
    oracle = oracle_of(spec)
    truth = oracle.at(prediction=np.array([2.0, 3.0]), target=np.array([0.0, 4.0])).value.exact
    assert float(truth) == pytest.approx((4.0 + 2 * (4 * np.log(4 / 3) - 1)) / 2)


def test_dimensions_may_have_fixed_sizes():
    inputs = {"x": Array("n 3"), "y": Array("n", Label("3"))}
    problem = problem_of(FunctionSpec(name="f", inputs=inputs, formula=lambda x, y: sum(x[i, k] ** 2 for i, k in enumerate(y)), source="x"))
    oracle = InstanceOracle(Instance(problem=problem), "float64")
    case = ordinary(oracle, 1)[0]
    assert case["x"].shape[1] == 3
    x, y = case["x"], case["y"]
    assert float(oracle.at(**case.values).value.exact) == pytest.approx((x[np.arange(len(x)), y] ** 2).sum())
    with pytest.raises(ValueError, match="its dimension 3 has the size 3"):
        problem.sizes({"x": np.zeros((2, 4)), "y": np.zeros(2, int)})
    with pytest.raises(ValueError, match=r"labels outside 0\.\.2"):
        problem.sizes({"x": np.zeros((2, 3)), "y": np.full(2, 3)})


def test_a_false_claim_of_convexity_is_refused():
    spec = FunctionSpec(name="x", inputs={"x": Array("n")}, formula=lambda x: -(x**2).sum(), claims=Claims(convex=True), source="x")
    with pytest.raises(UsageError, match="claims to be convex, but at the middle of"):
        examine_problem(problem_of(spec))


@pytest.mark.parametrize(
    ("array", "told"),
    [
        (("n d!",), "'d!' is no dimension"),
        (("n", "real"), "the domain of an array is 'real'"),
        (("", Simplex()), "one number is no simplex"),
        (("n", Count(), True), "cannot be moved a little"),
    ],
)
def test_slips_of_arrays_are_told(array, told):
    with pytest.raises(UsageError, match=told):
        Array(*array)


def test_domains_as_they_are_written():
    told = [Probability(), Simplex(), Vector(Real()), Censored(), Label("c"), Scores(), Score(), Probabilities(), Embedding("N", "E")]
    assert [str(d) for d in told[:5]] == ["Probability()", "Simplex()", "Vector(Real())", "Censored()", 'Label("c")']
    assert Embedding("N", "E").dims == ("n", "e")
    assert Binary("C") == Vector(Binary())
    assert {0.0, 1.0}.isdisjoint(Probability().values)
    assert min(Probability().values) == 2.0**-80
    assert max(Probability().values) > 1 - 2.0**-20
    with pytest.raises(UsageError, match="a vector of no domain"):
        Vector(Simplex())
    with pytest.raises(UsageError, match="the ignored label is 3, which may be a class"):
        Label(ignored=3)


def found(f, spec, **pins):
    return find_out_inputs(f, problem_of(spec), Pins(**pins))


def dice_at(smooth):
    return lambda p, t: field.dice(p, t, smooth)


def test_parameters_are_found_out_varied_and_pinned():
    stated = {"call": "f(prediction, target)", "fits": True, "smooth": 0.25, "found_out": {"smooth": "its loss"}}
    assert found(dice_at(0.25), field.DICE).to_dict() == stated
    assert not found(lambda p, t: (field.dice(p, t, 0.25)[0] * 1.001, p), field.DICE).fits
    told = found(field.dice, field.DICE).to_dict()
    assert told["smooth"] == 1.0
    assert len(told["varied"]["smooth"]) == 5
    assert "varied" not in found(field.dice, field.DICE, parameters={"smooth": 0.5}).to_dict()


DICE_OF_ONE = """
def dice(p, t, smooth=1.0):
    a, b = 2 * (p * t).sum() + smooth, p.sum() + t.sum() + smooth
    return 1 - a / b, -(2 * t * b - a) / b**2 * smooth
"""


def test_a_gradient_that_is_right_at_the_default_alone_is_broken(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "dice.py").write_text(DICE_OF_ONE, encoding="utf-8")
    asked = {"loss": f"{FIELD}:DICE", "laws": ("value", "gradient"), "profile": "quick", "in_process": True}
    report = check("dice.py:dice", **asked)
    (result,) = [r for r in report.results if r.verdict is Verdict.BROKEN]
    assert result.witness.case["smooth"] != 1.0
    again = replay(report.to_dict()["results"][1]["witness"]["id"], in_process=True)
    assert again.verdict is Verdict.BROKEN
    assert again.results[0].witness.case["smooth"] == result.witness.case["smooth"]
    assert check("dice.py:dice", **asked, parameters={"smooth": 1}).verdict is Verdict.HOLDS


def test_how_a_candidate_is_called_is_found_out_and_stated():
    assert found(field.soft_of_target_first, field.SOFT).to_dict() == {"call": "f(target, prediction)", "fits": True, "reduction": "mean"}
    assert found(field.bce_of_each, field.BCE).to_dict()["reduction"] == "sum"
    assert found(lambda event, time, s: field.cox(s, time, event), field.COX).to_dict()["call"] == "f(event, time, prediction)"
    assert found(lambda durations, observed, risk: field.cox(risk, durations, observed), field.COX).fits
    told = [found(f, field.NORM).to_dict().get("backward") for f in (f for name, f in field.RIGHT if name == "NORM")]
    assert told == ["upstream first", "upstream last", "(upstream, saved)"]
    assert found(lambda p, t, smooth: field.dice(p, t, smooth), field.DICE, parameters={"smooth": 0.5}).to_dict()["smooth"] == 0.5
    assert not found(lambda p, t: (0.0, p * 0), field.BCE).fits


@pytest.mark.parametrize(
    ("f", "spec", "pins", "told"),
    [
        (lambda x: x, field.TRIPLET, {}, r"triplet is called as f\(a, p, q\)"),
        (lambda a, p, q, r: a, field.TRIPLET, {}, r"triplet is called as f\(a, p, q\)"),
        (field.norm, field.NORM, {}, "its gradient needs a backward"),
        (field.triplet, field.TRIPLET, {"layout": "CD"}, "layout is 'CD', and triplet"),
        (field.triplet, field.TRIPLET, {"reduction": "mean"}, "reduction is 'mean', and triplet is sum"),
    ],
)
def test_what_cannot_be_called_so_is_told(f, spec, pins, told):
    with pytest.raises(UsageError, match=told):
        found(f, spec, **pins)


def test_a_sum_is_found_out_where_the_formula_has_no_value_at_an_end():
    spec = stated(per_example=lambda r, t: -log(1 + t * r), prediction=Real(-1, 1), target=Sign())
    told = found(lambda r, t: (-np.log(1 + t * r).sum(), -t / (1 + t * r)), spec).to_dict()
    assert (told["reduction"], told["fits"]) == ("sum", True)
    assert found(lambda r, t: (-np.log(1 + t * r).mean(), -t / (1 + t * r) / len(r)), spec).to_dict()["reduction"] == "mean"
    assert not found(lambda r, t: (-np.log(1 + t * r).sum() * 1.5, r), spec).fits


def test_members_that_a_few_points_leave_open_are_told_apart_by_one_round_of_more():
    """The loss is 0 at the first points, which is a mean as well as a sum."""
    spec, asked = stated(per_example=lambda s, t: Max(0, s[0] - t[0] - 2), target=Vector(Real())), []

    def f(s, t):
        over = np.maximum(s[:, 0] - t[:, 0] - 2, 0)
        return over.mean(), np.sign(over)[:, None] * np.eye(1, s.shape[1]) / len(s)

    assert find_out_inputs(f, problem_of(spec), Pins(), watch=asked.append).to_dict()["reduction"] == "mean"
    assert len(asked) == len((*PROBES, *SOLVING_POINTS, *CONFIRMING_POINTS))


def test_forward_and_loss_are_the_same():
    assert Candidate(forward=len, backward=len) == Candidate(loss=len, grad=len)
    with pytest.raises(UsageError, match="both loss and forward"):
        Candidate(loss=len, forward=len, backward=len)


def test_a_witness_names_its_inputs_and_is_judged_again(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "spec.py").write_text(
        "import numpy as np\nfrom verify.spec import Array, FunctionSpec\n"
        'SPEC = FunctionSpec(name="scaled", inputs={"x": Array("n"), "k": Array()}, formula=lambda x, k: k * (x**2).sum(), source="x")\n'
        "def wrong(x, k):\n    return k * (x**2).sum(), (2 * k * x, (x**2).sum() + 1)\n",
        encoding="utf-8",
    )
    report = check("spec.py:wrong", loss="spec.py", laws=("gradient",), profile="quick", in_process=True)
    document = report.to_dict()
    (result,) = document["results"]
    assert set(result["witness"]["values"]) == {"x", "k"}
    assert result["witness"]["differentiated"] == ["x", "k"]
    assert (result["witness"]["input"], result["witness"]["index"]) == ("k", [])
    assert "k is " in result["diagnosis"]["measured"]
    again = replay(result["witness"]["id"], in_process=True)
    assert again.verdict is Verdict.BROKEN
    assert json.dumps(document)


def test_only_a_loss_of_scores_has_a_kill_table():
    with pytest.raises(UsageError, match="is no loss of scores"):
        find_loss(f"{FIELD}:NORM")
    with pytest.raises(UsageError, match="is no loss of scores"):
        find_loss(f"{FIELD}:BCE")


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from(SPECS))
def test_a_right_answer_is_within_a_tenth_of_what_is_allowed(seed, name):
    spec, f = next((getattr(field, n), f) for n, f in field.RIGHT if n == name)
    conventions = found(f, spec)
    oracle = InstanceOracle(conventions.objective, "float64")
    case = next(iter(ordinary(oracle, 1 + seed % 16)[::-1]))
    answer, truth = conventions.candidate(**case.values), oracle.at(**case.values)
    assert truth.gradient.distance(answer.gradient).strain < 0.1


def test_a_parameter_goes_to_the_part_of_a_pair_that_takes_it():
    def forward(x, scale):
        return scale * x**2, (x, scale)

    def backward(dout, cache):
        x, scale = cache
        return 2 * scale * x * dout

    assert check(Candidate(forward=forward, backward=backward), loss=f"{FIELD}:SCALED", profile="quick").verdict is Verdict.HOLDS
    wrong = check(
        Candidate(forward=forward, backward=lambda dout, cache: backward(dout, cache) / cache[1]), loss=f"{FIELD}:SCALED", profile="quick"
    )
    assert wrong.verdict is Verdict.BROKEN


NUMBER = FunctionSpec(name="number", inputs={"x": Array()}, formula=lambda x: x**2, source="x")


def test_a_function_of_one_number_alone_is_judged():
    report = check(
        lambda x: (x**2, 2 * x), loss=f"{__file__}:NUMBER", profile="quick", laws=("value", "gradient", "order"), in_process=True
    )
    assert report.verdict is Verdict.HOLDS
