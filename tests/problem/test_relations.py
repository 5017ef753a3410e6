"""Relations: what the spec claims is examined, then asked of candidates; what is right holds, and each law can fail."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from field import inputs, name_of, related
from hypothesis import example, given, settings
from hypothesis import strategies as st
from sympy import Add, exp, log

from verify import UsageError, Verdict, check
from verify.candidates import Call
from verify.cases import Case
from verify.cases.inputs import ordinary
from verify.evidence import judge
from verify.laws import LAWS, Subject
from verify.oracle import InstanceOracle
from verify.oracle.problem_claims import examine_problem, uphold
from verify.power import measure_inputs
from verify.problem import Instance, equations, problem_of, weighted
from verify.spec import (
    Affine,
    Array,
    Claims,
    Count,
    FunctionSpec,
    Homogeneous,
    Label,
    LossSpec,
    Positive,
    Probability,
    Real,
    Separable,
    ShiftInvariant,
    Symmetric,
)

FIELD, PLAIN = Path(related.__file__), Path(inputs.__file__)
LAWS_OF_RELATIONS = ("batches", "symmetry", "bad-input")
SPECS = ("SOFT", "IGNORED", "NCE", "COX", "TRIPLET", "NORM", "RIDGE", "ANGLE", "ROOTS")


def oracle_of(spec, dtype="float64", reduction=None):
    problem = problem_of(spec)
    return InstanceOracle(Instance(problem=problem, reduction=reduction or problem.reductions[0]), dtype)


@pytest.mark.parametrize(("spec", "f"), related.RIGHT, ids=name_of)
def test_right_implementations_hold(spec, f):
    report = check(f, loss=f"{FIELD}:{spec}", dtypes=("float64", "float32"), laws=LAWS_OF_RELATIONS, profile="quick", in_process=True)
    assert report.verdict is Verdict.HOLDS, str(report)
    assert max(r.strain for r in report.results) < 0.1


@pytest.mark.parametrize(("law", "spec", "f"), related.BROKEN, ids=name_of)
def test_each_law_can_fail(law, spec, f):
    (result,) = check(f, loss=f"{FIELD}:{spec}", laws=(law,), profile="quick", in_process=True).results
    assert result.verdict is Verdict.BROKEN


def test_a_poison_that_is_swallowed_is_seen_by_no_other_law():
    report = check(related.nan_is_zero, loss=f"{FIELD}:RIDGE", profile="quick", in_process=True)
    assert {r.law for r in report.results if r.verdict is Verdict.BROKEN} == {"bad-input"}
    (finding,) = report.to_dict()["findings"]
    assert "answers a finite value and gradient where w" in finding["cause"]


def test_a_witness_names_the_input():
    (result,) = check(related.towards_zero, loss=f"{FIELD}:TRIPLET", laws=("symmetry",), profile="quick", in_process=True).results
    where = result.witness.evidence.where
    assert (where["input"], where["method"]) == ("a", "a and p and q shifted")
    assert result.diagnosis["measured"].startswith("a[")
    assert result.diagnosis["measured"].endswith(" by a and p and q shifted")


def of(formula, *relations, x=None, parameters=(), **more):
    named = {"x": x or Array("n d"), **more}
    claims = Claims(convex=None, relations=relations)
    return FunctionSpec(name="f", inputs=named, formula=formula, parameters=dict(parameters), claims=claims, source="x")


TIMES = Claims(convex=None, relations=(Homogeneous("time", degree=0),))
FALSE = {
    "one column apart": (
        of(lambda x: (x**2).sum() + x[0, -1], Symmetric("d")),
        r'Symmetric\("d"\), but at x = .* from d permuted it would be',
    ),
    "one row apart": (
        of(lambda x: (x**2).sum() + x[0, 0] ** 2, Separable("n")),
        r'Separable\("n", reduction="sum"\), but at x = .* from n rev',
    ),
    "a mean that is a sum": (of(lambda x: x.sum(), Separable("n", reduction="mean")), "from in parts along n it would be"),
    "one that grows too fast": (of(lambda x: (x**3).sum(), Homogeneous("x", degree=2)), "from x times"),
    "an offset": (of(lambda x: x.sum() + 1, Homogeneous("x")), "its value is"),
    "curved": (of(lambda x: (x**2).sum(), Affine("x")), "from x in two parts"),
    "curved between ends": (of(lambda x: (x**2).sum(), Affine("x"), x=Array("n", Probability())), "from x halved and doubled"),
    "scores that are moved": (of(lambda x: (x**2).sum(), ShiftInvariant("x", along="d")), "from x shifted along d"),
    "in one input only": (of(lambda x, y: ((x - y) ** 2 + y).sum(), ShiftInvariant("x y"), y=Array("n d")), "from x and y shifted"),
    "classes of a loss": (
        LossSpec(
            name="f",
            per_example=lambda s, y: 0 if y == -1 else (1 + y) * (log(Add(*map(exp, s))) - s[y]),
            target=Label(ignored=-1),
            claims=Claims(convex=None, symmetric=True),
            source="x",
        ),
        r"f claims symmetric=True, but at prediction = .* and target = .* from c permuted",
    ),
    "one against all": (
        replace(inputs.LABELS, claims=Claims(convex=None, shift_invariant=True)),
        "several_labels claims shift_invariant=True",
    ),
    "times that are looked at": (
        replace(inputs.COX, per_batch=lambda s, y: Add(*(t * a for a, (t, _) in zip(s, y, strict=True))), claims=TIMES),
        r'cox claims Homogeneous\("time", degree=0\)',
    ),
}


@pytest.mark.parametrize("name", FALSE)
def test_a_relation_that_is_false_is_refused_with_the_place(name):
    spec, told = FALSE[name]
    with pytest.raises(UsageError, match=told):
        examine_problem(problem_of(spec))


def late(x):
    """Symmetric up to three numbers, as far as a claim is examined."""
    return (x**2).sum() + (x[3] if len(x) > 3 else 0)


LATE = of(late, Symmetric("n"), x=Array("n"))


def right_of_late(x):
    return (x**2).sum() + x[3:4].sum(), 2 * x + (np.arange(len(x)) == 3)


def test_a_relation_that_proves_false_later_is_the_specs_error_and_breaks_nobody():
    examine_problem(problem_of(LATE))
    with pytest.raises(UsageError, match=r'f claims Symmetric\("n"\), but at x = .* its (value|slope for x\[\d\]) is'):
        check(right_of_late, loss=f"{Path(__file__)}:LATE", laws=("symmetry",), profile="quick", in_process=True)


CLAIMED = {"n": Array("n"), "r": Array("", Real(1, 2)), "c": Array("", Count()), "p": Array("n d", Positive()), "y": Array("n", Label("d"))}


@pytest.mark.parametrize(
    ("relation", "told"),
    [
        (Symmetric("k"), "unknown dimension of f 'k'. Known: d, n"),
        (Separable("d"), "y holds labels over d, of which a part has no meaning"),
        (Homogeneous("z"), "unknown input of f 'z'"),
        (Affine("scale"), 'scale is a parameter; state it as an input: "scale": Array'),
        (Homogeneous("c"), r"c is of Count\(\), whose numbers cannot be moved a little"),
        (Homogeneous("y"), r'y is of Label\("d"\), whose numbers'),
        (ShiftInvariant("x", along="e"), "unknown dimension of x 'e'"),
        (ShiftInvariant("p", along="n"), r"p is of Positive\(\), which a shift leaves"),
        (Homogeneous("r"), r"r is of Real\(1, 2\), which does not reach to 0"),
        (ShiftInvariant("n x"), "of inputs with the dimensions n and n d; give some that are alike"),
    ],
)
def test_relations_that_cannot_be_are_told(relation, told):
    spec = of(lambda x, n, r, c, p, y, scale: scale * (x + p).sum(), relation, parameters=inputs.SCALED.parameters, **CLAIMED)
    with pytest.raises(UsageError, match=told):
        examine_problem(problem_of(spec))


def test_a_matrix_is_not_cut_along_both_sides():
    with pytest.raises(UsageError, match="x has the dimension n twice"):
        examine_problem(problem_of(of(lambda x: x.sum(), Separable("n"), x=Array("n n"))))
    with pytest.raises(UsageError, match="3 is a fixed size, which parts have not"):
        examine_problem(problem_of(of(lambda x: x.sum(), Separable("3"), x=Array("3"))))


@pytest.mark.parametrize(
    ("made", "told"),
    [
        (lambda: Symmetric("n d"), "a dimension of a relation is 'n d'; give one name"),
        (lambda: Symmetric(3), "a dimension of a relation is 3; give one name"),
        (lambda: ShiftInvariant("x"), r'adds a number to one entry alone; say along which dimension: ShiftInvariant\("x", along="d"\)'),
        (lambda: ShiftInvariant("x", along=None), "along of ShiftInvariant is None"),
        (lambda: Homogeneous("x", degree=0.3), "give a multiple of one half"),
        (lambda: Homogeneous("x", degree="2"), "the degree of Homogeneous is '2'; give a number"),
        (lambda: Affine(""), "the inputs of a relation are ''; give names"),
        (lambda: Separable("n", reduction="max"), "the reduction of Separable is 'max'; give one of 'sum', 'mean'"),
        (lambda: Claims(convex=None, relations=Symmetric("n")), "the relations of a claim are Symmetric.*give a tuple of"),
        (lambda: Claims(convex=None, relations=(Symmetric,)), "the relations of a claim are .*give a tuple of"),
        (lambda: replace(inputs.NORM, claims=Claims(convex=None, symmetric=True)), r'name the dimension: relations=\(Symmetric\("n"\),\)'),
        (lambda: replace(inputs.NORM, claims=None), "the claims of layer_norm are None"),
        (lambda: replace(inputs.COX, claims=Claims(convex=True, symmetric=True)), "its prediction is one number"),
        (
            lambda: LossSpec(name="f", per_example=lambda s, y: s[y], claims=Claims(convex=None, relations=(Symmetric("c"),)), source="x"),
            "of scores with labels claim symmetric=True",
        ),
    ],
)
def test_slips_are_told(made, told):
    with pytest.raises(UsageError, match=told):
        made()


def test_what_follows_from_the_form_is_not_asked_for():
    rows, layer = problem_of(inputs.BCE), problem_of(inputs.NORM)
    assert Instance(problem=rows, reduction="mean").relations == (Separable("n", reduction="mean"),)
    assert Instance(problem=layer).relations == (Affine("upstream"), Homogeneous("upstream", degree=1))
    for reduction, degree in (("mean by weights", 0), ("mean", 1), ("sum", 1)):
        assert Homogeneous("weights", degree=degree) in Instance(problem=weighted(rows), reduction=reduction).relations
    assert Instance(problem=problem_of(of(lambda x, weights: (x * weights).sum(), weights=Array("n d")))).relations == ()
    assert problem_of(related.SOFT).relations == (Symmetric("c"), ShiftInvariant("prediction", along="c"))
    with pytest.raises(UsageError, match="which it is by its form: a sum, or a mean, over its examples"):
        examine_problem(problem_of(replace(inputs.SOFT, claims=Claims(convex=None, relations=(Separable("n"),)))))


def test_relations_are_written_as_in_a_spec():
    written = [
        'Symmetric("n")',
        'ShiftInvariant("x", along="d")',
        'ShiftInvariant("x y")',
        'Homogeneous("x y", degree=0.5)',
        'Affine("x")',
        'Separable("n", reduction="mean")',
    ]
    assert [str(eval(text)) for text in written] == written


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(SPECS), st.integers(0, 2**16), st.sampled_from(("float64", "float32")))
@example("ANGLE", 10515, "float64")
def test_the_truth_obeys_every_equation_and_something_moves(name, seed, dtype):
    oracle = oracle_of(getattr(related, name), dtype)
    case = ordinary(oracle, 1 + seed % 8)[-1]
    for relation in oracle.instance.relations:
        for e in equations(oracle.instance, relation, case.values, seed):
            places = [case.but(**values) for values in (e.here, *(t.values for t in e.terms))]
            equal = any(len({*np.ravel(case[n]).tolist()}) < np.size(case[n]) for n in case.differentiated)  # and may be exchanged
            assert all(c.key != places[0].key for c in places[1:]) or (isinstance(relation, Symmetric) and equal)
            truths = [oracle.at(**c.values) for c in places]
            slopes = [{n: c.at(t.gradient.center)[n] for n in c.differentiated} for c, t in zip(places, truths, strict=True)]
            single = all(t.gradient.is_single for t in truths)
            uphold(oracle.problem, relation, e, [t.value.exact for t in truths], slopes if single else ())


def test_parts_count_as_their_reduction_says():
    values = {"prediction": np.zeros((3, 2)), "target": np.array([0, -100, 1])}
    due = {"mean of what is kept": {(1, 1)}, "mean": {(1, 2), (2, 1)}, "sum": {(1, 1)}}
    for reduction, shares in due.items():
        instance = Instance(problem=problem_of(inputs.IGNORED), reduction=reduction)
        (relation,) = instance.relations
        for seed in (0, 1):
            *_, cut = equations(instance, relation, values, seed)
            weights = [t.weight for t in cut.terms]
            assert tuple(w / min(weights) for w in weights) in shares
            assert sum(weights) == (1 if reduction != "sum" else 2)
    only = {"prediction": np.zeros((2, 2)), "target": np.array([0, -100])}
    assert [e.what for e in equations(instance, relation, only, 0)] == ["n reversed"]  # right code may divide by what counts
    assert not [*equations(instance, relation, {"prediction": np.zeros((1, 2)), "target": np.array([0])}, 0)]


def test_nothing_moves_where_there_is_no_room():
    spec = of(lambda x: x.sum(), Homogeneous("x"), Affine("x"), x=Array("n", Real(1, 1.5)))
    instance = Instance(problem=problem_of(spec))
    for relation in instance.relations:
        assert not [*equations(instance, relation, {"x": np.array([1.25])}, 0)]
    shifts = Instance(problem=problem_of(of(lambda x: x[0] - x[1], ShiftInvariant("x", along="2"), x=Array("2"))))
    huge = {"x": np.array([2.0**60, 0.0])}
    assert not [*equations(shifts, shifts.relations[0], huge, 3)]


def test_what_is_not_finite_decides_nothing():
    spec = of(lambda x: (x**2).sum(), Homogeneous("x", degree=2), Separable("n"), x=Array("n"))
    oracle = oracle_of(spec, "float32")
    subject = Subject(candidate=Call(f=lambda x: ((x**2).sum(), 2 * x), problem=oracle.problem, order=("x",)), oracle=oracle)
    case = Case(values={"x": np.array([1.5e19, 1.2e19], np.float32)}, family="given", differentiated=("x",))
    with np.errstate(over="ignore"):
        found = {law: judge([LAWS[law].measure(subject, case)]) for law in ("batches", "symmetry", "bad-input")}
    assert found == {"batches": Verdict.SILENT, "symmetry": Verdict.SILENT, "bad-input": Verdict.HOLDS}


def relu(x):
    return np.where(x > 0, x, 0).sum(), (x > 0).astype(x.dtype)


RELU = of(lambda x: np.maximum(x, 0).sum(), Separable("n"), x=Array("n d"))


def test_a_nan_that_is_compared_is_a_limitation():
    (result,) = check(relu, loss=f"{Path(__file__)}:RELU", laws=("bad-input",), profile="quick", in_process=True).results
    assert result.verdict is Verdict.HOLDS
    assert "takes NaN in x without a sign of it" in result.limitations


def brier(p, t):
    p = np.clip(np.nan_to_num(p, nan=0.5), 0, 1)
    return ((p - t) ** 2).sum(), 2 * (p - t)


BRIER = of(lambda x, t: ((x - t) ** 2).sum(), x=Array("n", Probability()), t=Array("n", Real(0, 1), differentiated=False))


def test_what_is_kept_in_its_domain_is_a_limitation():
    (result,) = check(brier, loss=f"{Path(__file__)}:BRIER", laws=("bad-input",), profile="quick", in_process=True).results
    assert result.verdict is Verdict.HOLDS
    assert set(result.limitations) == {
        "takes NaN in x without a sign of it",
        "takes infinity in x without a sign of it",
        "takes 2 in x, which is outside Probability()",
        "takes 2 in t, which is outside Real(0, 1)",
    }


SPARSE = of(lambda x, y: (x * y).sum(), x=Array("n"), y=Array("n"))


def sparse(x, y):
    """Looks at no product with 0, so that NaN beside it is never seen: that is right, and so is a refusal."""
    if np.isinf(x).any():
        raise ValueError("infinite")
    return sum(a * b for a, b in zip(x, y, strict=True) if a != 0 and b != 0), (y.copy(), x.copy())


def test_a_nan_that_nothing_depends_on_is_a_limitation_and_a_refusal_is_right():
    (result,) = check(
        lambda x, y: (sparse(x, y)[0], tuple(np.nan_to_num(g, posinf=np.inf) for g in sparse(x, y)[1])),
        loss=f"{Path(__file__)}:SPARSE",
        laws=("bad-input",),
        profile="quick",
        in_process=True,
    ).results
    assert result.verdict is Verdict.HOLDS
    assert "takes NaN in x without a sign of it" in result.limitations


def bce_weights_up_to_one(p, t, sample_weight):
    return inputs.bce_weighted(p, t, np.minimum(sample_weight, 1))


def test_weights_of_the_examples_are_related_too():
    (result,) = check(bce_weights_up_to_one, loss=f"{PLAIN}:BCE", laws=("symmetry",), profile="quick").results
    assert result.verdict is Verdict.BROKEN
    assert "weights times" in result.witness.evidence.where["method"]


def test_laws_that_do_not_apply_say_why():
    report = check(inputs.dice, loss=f"{PLAIN}:DICE", profile="quick", laws=LAWS_OF_RELATIONS)
    reasons = {o.task.law: o.reason for o in report.inapplicable}
    assert reasons == {
        "batches": "neither the function's form nor its claims say that it is a sum over examples",
        "symmetry": "the function claims no symmetry",
    }


@pytest.mark.parametrize("name", ["ANGLE", "ROOTS", "COX", "SOFT"])
def test_the_kill_table_has_no_hole(name):
    table = measure_inputs(oracle_of(getattr(related, name)), profile="quick", seed=0, laws=("value", "gradient", *LAWS_OF_RELATIONS))
    assert table.idle == []
    assert table.false_alarms == ()
    assert {table.families[mutant] for mutant in table.survivors} <= {"behaviour"}
    assert "NaN taken for 0" not in table.survivors
    assert ("bad-input" in table.laws) == ("NaN taken for 0" in table.families) == (name == "ANGLE")
    assert "relation" in table.families.values()


def test_what_is_alike_in_an_input_that_is_not_differentiated_is_spoiled_there():
    def formula(x, t, k):
        return x * (t * k).sum() + x**2 * len(t)

    spec = of(formula, Symmetric("n"), x=Array(), t=Array("n", differentiated=False), k=Array("n", Count()))
    table = measure_inputs(oracle_of(spec), profile="quick", seed=0, laws=("value", "symmetry"))
    relations = {mutant: table.kills[mutant] for mutant, family in table.families.items() if family == "relation"}
    assert relations == {f"the first of n in {name} taken for the last": ("value", "symmetry") for name in "kt"}


def test_weights_of_parts_are_exact():
    instance = Instance(problem=problem_of(related.NCE))
    values = {"prediction": np.zeros((3, 2)), "target": np.zeros(3, int)}
    *_, cut = equations(instance, Separable("n", reduction="mean"), values, 0)
    assert [t.weight for t in cut.terms] == [Fraction(1, 3), Fraction(2, 3)]
