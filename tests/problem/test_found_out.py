"""Parameters of functions of named inputs that their own answers tell: numbers, and those with a number for each class."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from field import classes as field
from sympy import Abs, Add, Max, Piecewise, exp, log

from verify import Candidate, Verdict, check, replay
from verify.conventions import Pins, find_out_inputs
from verify.oracle import InstanceOracle
from verify.problem import problem_of
from verify.spec import Array, Binary, Claims, FunctionSpec, LossSpec, Parameter, Probability, Real, Scores, Simplex, Vector, positive

FIELD = Path(field.__file__)
BOTH = pytest.mark.parametrize("dtype", ["float64", "float32"])


def found(f, spec, dtype="float64", **pins):
    return find_out_inputs(f, problem_of(spec), Pins(**pins), dtype)


def focal(p, t, gamma, alpha):
    return -alpha * (1 - p) ** gamma * log(p) if t == 1 else -(1 - alpha) * p**gamma * log(1 - p)


def huber(s, t, delta):
    return Add(*(Piecewise((r**2 / 2, Abs(r) <= delta), (delta * (Abs(r) - delta / 2), True)) for r in (a - b for a, b in zip(s, t))))  # noqa: B905


def layer_norm(x, gamma, eps):
    return gamma * (x - x.mean(axis=1, keepdims=True)) / np.sqrt(x.var(axis=1, keepdims=True) + eps)


FOCAL = LossSpec(
    name="focal",
    per_example=focal,
    prediction=Probability(),
    target=Binary(),
    parameters={"gamma": positive(default=2), "alpha": Parameter(default=0.25, low=0, high=1)},
    claims=Claims(convex=None),
    source="none",
)
HUBER = LossSpec(
    name="huber",
    per_example=huber,
    prediction=Scores(),
    target=Vector(Real()),
    parameters={"delta": positive(default=1)},
    claims=Claims(convex=True),
    source="none",
)
NORM = FunctionSpec(
    name="norm",
    inputs={"x": Array("n d"), "gamma": Array("d")},
    output="n d",
    formula=layer_norm,
    parameters={"eps": positive(default=1e-5)},
    source="none",
)


def focal_of(gamma, alpha):
    def f(p, t):
        weight, sign = np.where(t == 1, alpha, 1 - alpha).astype(p.dtype), np.where(t == 1, 1, -1)
        q, own = np.where(t == 1, 1 - p, p), np.where(t == 1, np.log(p), np.log1p(-p))
        slope = sign * weight * (gamma * q ** (gamma - 1) * own - q**gamma / (1 - q))
        return -(weight * q**gamma * own).sum() / len(p), (slope / len(p)).astype(p.dtype)

    return f


def huber_of(delta):
    def f(s, t):
        r = s - t
        lost = np.where(np.abs(r) <= delta, r * r / 2, delta * (np.abs(r) - s.dtype.type(delta) / 2))
        return lost.sum() / len(s), np.clip(r, -delta, delta) / len(s)

    return f


def norm_of(eps):
    def parts(x):
        centred, size = x - x.mean(1, keepdims=True), np.sqrt(x.var(1, keepdims=True) + x.dtype.type(eps))
        return centred / size, size

    def backward(dy, x, gamma):
        h, size = parts(x)
        g = dy * gamma
        return (g - g.mean(1, keepdims=True) - h * (g * h).mean(1, keepdims=True)) / size, (dy * h).sum(0)

    return Candidate(forward=lambda x, gamma: gamma * parts(x)[0], backward=backward)


def gradient_of(f):
    return Candidate(grad=lambda *arguments: f(*arguments)[1])


NUMBERS = {
    "one": (FOCAL, focal_of(1.5, 0.25), {"gamma": 1.5, "alpha": 0.25}, {"gamma": "its loss"}),
    "two": (FOCAL, focal_of(1.5, 0.4), {"gamma": 1.5, "alpha": 0.4}, {"gamma": "its loss", "alpha": "its loss"}),
    "by the gradient": (
        FOCAL,
        gradient_of(focal_of(1.5, 0.4)),
        {"gamma": 1.5, "alpha": 0.4},
        {"gamma": "its gradient", "alpha": "its gradient"},
    ),
    "a bend that lies farther out than ordinary numbers": (HUBER, huber_of(5.0), {"delta": 5.0}, {"delta": "its loss"}),
    "one beyond all of them": (HUBER, huber_of(50.0), {"delta": 50.0}, {"delta": "its loss"}),
    "one that shows beside small numbers alone": (NORM, norm_of(1e-8), {"eps": 1e-8}, {"eps": "its loss"}),
    "the default, which is not found out": (NORM, norm_of(1e-5), {"eps": 1e-5}, {}),
}


@BOTH
@pytest.mark.parametrize("case", NUMBERS)
def test_numbers_are_found_out(case, dtype):
    spec, f, values, told = NUMBERS[case]
    stated = found(f, spec, dtype).to_dict()
    assert stated.items() >= {"fits": True, **values}.items()
    assert {name: how.split(",")[0] for name, how in stated.get("found_out", {}).items()} == told


@pytest.mark.parametrize(("case", "wrong"), [("two", 1e-3), ("two", 1e-10), ("by the gradient", 1e-10), ("one beyond all of them", 1e-10)])
def test_odd_values_excuse_nothing(case, wrong):
    """Neither a bend, nor another constant, nor an error of one sign."""
    spec, f, _, _ = NUMBERS[case]
    slips = (lambda x, y: 1 + wrong * np.tanh(x), lambda x, y: 1 + wrong * (np.asarray(y) > 0), lambda x, y: 1 + wrong * (x > 0.5))
    for slip in slips:

        def slipped(x, y, slip=slip):
            return np.mean(slip(x, y)) * f(x, y)[0], None

        def bent(x, y, slip=slip):
            return slip(x, y) * f.grad(x, y)

        candidate = Candidate(grad=bent) if isinstance(f, Candidate) else Candidate(loss=lambda x, y: slipped(x, y)[0], grad=lambda x, y: x)
        conventions = found(candidate, spec)
        assert not conventions.fits
        assert dict(conventions.objective.parameters) == {name: p.default for name, p in spec.parameters.items()}
        assert not conventions.found_out


def test_nothing_is_found_out_from_answers_that_are_not_finite():
    for spec in (FOCAL, field.WEIGHED, field.FOCAL):
        for value in (np.nan, np.inf):
            assert not found(lambda x, y, value=value: (value, x), spec).fits


def test_what_no_point_tells_apart_is_said():
    """A bend beyond all that is asked: the default is used, and others would do."""
    spec = LossSpec(
        name="far",
        per_example=huber,
        prediction=Scores(),
        target=Vector(Real()),
        parameters={"delta": positive(default=1e6)},
        claims=Claims(convex=True),
        source="none",
    )
    told = found(huber_of(1e9), spec)
    assert (told.fits, told.doubts) == (True, {"delta": (1e6, 5e5, 2e6)})
    assert not found(huber_of(1.0), HUBER).doubts


def of(f, w, **more):
    return lambda s, y: f(s, y, np.asarray(w).astype(s.dtype), **more)


def of_so_many(f, w):
    """For as many classes as there are weights."""

    def g(s, y):
        if s.shape[1] != len(w):
            raise ValueError("another number of classes")
        return of(f, w)(s, y)

    return g


def summed(s, y, w):
    return field.weighed_sum(y, s, w=w)


THREE, LONG = (1.0, 2.0, 0.5), tuple(np.random.default_rng(3).uniform(0.1, 3, 4))
EACH = {
    "the mean by them": (field.WEIGHED, of(field.weighed, THREE), {"w": [*THREE], "reduction": "mean by w"}),
    "its proportions as someone wrote them": (field.WEIGHED, of(field.weighed, (0.3, 1, 2)), {"w": [0.3, 1.0, 2.0]}),
    "a mean over those that are kept": (
        field.WEIGHED,
        of(field.weighed_over_the_kept, THREE),
        {"w": [*THREE], "reduction": "mean of what is kept"},
    ),
    "a mean": (field.WEIGHED, of(field.weighed_over_all, THREE), {"w": [*THREE], "reduction": "mean"}),
    "a sum": (field.WEIGHED, of(summed, THREE), {"w": [*THREE], "reduction": "sum"}),
    "of five classes": (field.WEIGHED, of_so_many(field.weighed_over_all, (0.3, 1, 2, 0.7, 4)), {"w": [0.3, 1.0, 2.0, 0.7, 4.0]}),
    "of ten": (field.WEIGHED, of_so_many(field.weighed_over_all, np.arange(1, 11) / 8), {"w": [k / 8 for k in range(1, 11)]}),
    "one number for any of them": (field.WEIGHED, lambda s, y: field.weighed_over_all(s, y, np.full(s.shape[1], 3.0)), {"w": 3.0}),
    "the defaults, for four alone": (field.WEIGHED, of_so_many(field.weighed_over_all, np.ones(4)), {"w": [1.0] * 4, "reduction": "mean"}),
    "margins": (field.LDAM, of(field.ldam, (0.2, 0.5, 1.25)), {"margins": [0.2, 0.5, 1.25]}),
    "beside a number": (
        field.FOCAL,
        lambda s, y: field.focal(s, y, 1.5, np.array([0.2, 0.5, 0.3])),
        {"gamma": 1.5, "alpha": [0.2, 0.5, 0.3]},
    ),
    "of several labels": (field.SEVERAL, of(field.several, (1, 3, 2)), {"pos_weight": [1.0, 3.0, 2.0]}),
    "of a batch": (field.COUPLED, of(field.weighed, THREE), {"w": [*THREE]}),
    "by the gradient": (field.WEIGHED, gradient_of(of(field.weighed, THREE)), {"w": [*THREE], "reduction": "mean by w"}),
}


@BOTH
@pytest.mark.parametrize("case", EACH)
def test_numbers_for_each_class_are_found_out(case, dtype):
    spec, f, stated = EACH[case]
    conventions = found(f, spec, dtype)
    assert conventions.to_dict().items() >= {"fits": True, **stated}.items()
    assert not conventions.limitations


def test_how_they_were_found_out_is_told():
    told = {case: found(EACH[case][1], EACH[case][0]).to_dict()["found_out"] for case in ("a mean", "the mean by them", "by the gradient")}
    assert told == {
        "a mean": {"w": "its loss"},
        "the mean by them": {"w": "its loss, up to a factor"},
        "by the gradient": {"w": "its gradient, up to a factor"},
    }


def test_odd_numbers_for_each_class_excuse_nothing():
    right, wrong = of(field.weighed_over_all, THREE), 1e-10
    for slip in (
        lambda s, y: right(s, y)[0] + wrong,
        lambda s, y: right(s, y)[0] * (1 + wrong * len(y)),
        lambda s, y: right(s, y)[0] * (1 + wrong * np.tanh(s[0, 0])),
    ):
        conventions = found(Candidate(loss=slip, grad=lambda s, y: right(s, y)[1]), field.WEIGHED)
        assert (conventions.fits, conventions.to_dict()["w"]) == (False, 1.0)
        assert "does not take w" in conventions.limitations[0]


def test_one_that_is_given_stands_against_the_candidate_s_own():
    assert not found(of(field.weighed, THREE), field.WEIGHED, parameters={"w": (1, 2, 0.3)}).fits
    assert not found(of(field.weighed, THREE), field.WEIGHED, parameters={"w": 1}).fits


@pytest.mark.parametrize("dtypes", [("float64", "float32"), ("float32",)])
def test_long_numbers_are_known_as_well_as_the_answers_tell_them(dtypes):
    """Margins of 16 digits, of which the last few make no difference on any point asked, and all of it where the loss is tiny."""
    conventions = found(of_so_many(field.ldam, LONG), field.LDAM, dtypes[0])
    (off,) = conventions.objective.unsure.values()
    assert (np.abs(np.array(conventions.to_dict()["margins"]) / LONG - 1) <= off).all()
    assert max(off) < (1e-11 if dtypes[0] == "float64" else 1e-2)
    assert conventions.to_dict()["found_out"]["margins"].startswith("its loss, to ")
    for f, spec in ((field.ldam, "LDAM"), (field.weighed, "WEIGHED"), (field.weighed_over_all, "WEIGHED")):
        report = check(
            of_so_many(f, LONG), loss=f"{FIELD}:{spec}", dtypes=dtypes, laws=("value", "gradient"), profile="quick", in_process=True
        )
        assert report.verdict is Verdict.HOLDS
        assert max(r.strain for r in report.results) < 0.25


def test_short_numbers_are_what_someone_wrote():
    for case in ("a mean", "margins", "its proportions as someone wrote them"):
        assert found(EACH[case][1], EACH[case][0]).objective.unsure == {}


def test_what_is_not_sure_is_allowed_for():
    instance = found(of_so_many(field.ldam, LONG), field.LDAM).objective
    at = {"prediction": np.zeros((1, 4)), "target": np.array([1]), "margins": np.zeros(4)}
    tight, wide = (
        InstanceOracle(type(instance)(problem=instance.problem, reduction="mean", unsure=unsure), "float64").at(**at).value.radius
        for unsure in ({}, {"margins": (1e-3,)})
    )
    assert wide >= tight + 3 * LONG[1] * 1e-3


@pytest.mark.parametrize("right", [field.weighed, field.weighed_over_all], ids=["the mean by them", "a mean"])
def test_a_class_that_is_hardly_told_excuses_no_other(right):
    """The answers hardly show its tiny weight; a gradient with a false weight for another class is broken, and so is it with none."""
    tiny = (1, 1e-5, 2)
    assert max(found(of(right, tiny), field.WEIGHED, "float32").objective.unsure["w"]) > 1e-4

    def judged(gradient):
        f = Candidate(loss=lambda s, y: of(right, tiny)(s, y)[0], grad=gradient)
        return check(f, loss=f"{FIELD}:WEIGHED", dtypes=("float32",), laws=("gradient",), profile="quick", in_process=True).verdict

    assert judged(lambda s, y: of(right, tiny)(s, y)[1]) is Verdict.HOLDS
    assert judged(lambda s, y: of(right, tiny)(s, y)[1] * np.where(y == 2, s.dtype.type(1.001), 1)[:, None]) is Verdict.BROKEN
    assert judged(lambda s, y: of(right, np.ones(3))(s, y)[1]) is Verdict.BROKEN


FILE = """
import sys
sys.path.insert(0, {folder!r})
import numpy as np
from field.classes import WEIGHED as SPEC, weighed

def right(s, y):
    return weighed(s, y, np.array([1, 2, 0.5]).astype(s.dtype))

def without_weights(s, y):
    return right(s, y)[0], weighed(s, y, np.ones(3, s.dtype))[1]
"""


def test_the_gradient_is_judged_by_what_the_loss_tells_and_judged_again(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_text(FILE.format(folder=str(FIELD.parent.parent)), encoding="utf-8")
    asked = {"loss": "mine.py", "profile": "quick", "laws": ("value", "gradient", "symmetry"), "in_process": True}
    assert check("mine.py:right", **asked, dtypes=("float64", "float32")).verdict is Verdict.HOLDS
    report = check("mine.py:without_weights", **asked)
    assert [r.law for r in report.results if r.verdict is Verdict.BROKEN] == ["gradient"]
    assert "w [1.0, 2.0, 0.5] (found out from its loss, up to a factor)" in str(report)
    again = replay(report.to_dict()["findings"][0]["witness"]["id"], in_process=True)
    assert (again.verdict, again.conventions["mine.py:without_weights"]["w"]) == (Verdict.BROKEN, [1.0, 2.0, 0.5])


@BOTH
def test_those_of_torch_are_found_out(dtype):
    torch = pytest.importorskip("torch", reason="torch is not installed: tox -e torch")

    def theirs(scores, labels):
        return torch.nn.functional.cross_entropy(scores, labels, weight=torch.tensor(THREE, dtype=scores.dtype))

    def theirs_of_two(p, t):
        return -(torch.where(t == 1, 0.5 * (1 - p) ** 3 * torch.log(p), 0.5 * p**3 * torch.log1p(-p))).mean()

    assert found(theirs, field.WEIGHED, dtype).to_dict().items() >= {"w": [*THREE], "reduction": "mean by w", "fits": True}.items()
    assert found(theirs_of_two, FOCAL, dtype).to_dict().items() >= {"gamma": 3.0, "alpha": 0.5, "fits": True}.items()


KINKED = LossSpec(
    name="product",
    per_example=lambda s, t, a, b: Max(0, a * b * (s[0] - t[0])),
    prediction=Scores(),
    target=Vector(Real()),
    parameters={"a": positive(default=1), "b": positive(default=1)},
    claims=Claims(convex=True),
    source="none",
)


def test_of_a_product_the_answers_tell_one_number():
    """Which may be either of the two: the first is, and the other is the default."""

    def f(s, t):
        r = s[:, 0] - t[:, 0]
        return np.maximum(0, 6 * r).mean(), 6 * (r > 0)[:, None] * np.eye(1, s.shape[1]) / len(s)

    stated = found(f, KINKED).to_dict()
    assert stated.items() >= {"a": 6.0, "b": 1.0, "fits": True, "found_out": {"a": "its loss"}}.items()


def distilled(s, t, T):
    return T**2 * (log(Add(*(exp(a / T) for a in s))) - Add(*(b * a / T for a, b in zip(s, t, strict=True))))


DISTILLED = LossSpec(
    name="distilled",
    per_example=distilled,
    target=Simplex(),
    parameters={"T": positive(default=1)},
    claims=Claims(convex=True),
    source="G. Hinton, O. Vinyals, J. Dean, arXiv:1503.02531",
)


def distilling(s, t, T):
    e = np.exp((s - s.max(1, keepdims=True)) / T)
    total = e.sum(1, keepdims=True)
    lost = np.log(total) + s.max(1, keepdims=True) / T - (t * s).sum(1, keepdims=True) / T
    return T**2 * lost.mean(), T * (e / total - t) / len(s)


def without(s, t):
    return distilling(s, t, 4.0)


def with_both(s, t, T=4.0):
    return distilling(s, t, T)


def turned(t, s, T):
    return distilling(s, t, T)


def in_another_case(logits, soft, t):
    return distilling(logits, soft, t)


@pytest.mark.parametrize(
    ("f", "called", "temperature"),
    [
        (without, {}, 4.0),
        (with_both, {"T": 4.0}, 4.0),
        (turned, {"T": 1.0}, 1.0),
        (in_another_case, {"t": 1.0}, 1.0),
    ],
)
def test_a_target_that_is_called_as_a_parameter_in_another_case_is_a_target(f, called, temperature):
    known = found(f, DISTILLED)
    assert (known.fits, known.candidate.handed, known.objective.parameters) == (True, called, {"T": temperature})
