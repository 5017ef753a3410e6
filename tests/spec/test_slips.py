"""Every slip in a spec ends in one sentence that names the spec: in this process, through workers, and never at the candidate's cost."""

from __future__ import annotations

import copyreg
import html
import json
import pickle
import subprocess
import sys

import numpy as np
import pytest
import sympy
from sympy import (
    Abs,
    Add,
    Float,
    Function,
    Heaviside,
    Matrix,
    Max,
    Piecewise,
    Rational,
    Symbol,
    ceiling,
    exp,
    floor,
    gamma,
    log,
    sign,
    sqrt,
)
from sympy.codegen import cfunctions

from verify.api import judge_all
from verify.campaign.requested import requested
from verify.errors import UsageError
from verify.oracle.loss_claims import examine
from verify.report.formats import render
from verify.report.names import FORMATS
from verify.spec import Chord, Claims, LossSpec, Parameter, positive
from verify.spec.catalogue import find_loss

NOTHING = Claims(convex=None)


def of_score(formula, targets=(-1, 1), claims=NOTHING, **parameters):
    return LossSpec(name="mine", per_example=formula, targets=targets, claims=claims, parameters=parameters, source="a test")


def of_classes(formula, claims=NOTHING, **parameters):
    return of_score(formula, None, claims, **parameters)


def asks(s, t):
    if t * s < 1:
        return 1 - t * s
    return 0 * s


def forgets_to_return(s, t):
    Max(0, 1 - t * s)


def leaves(s, t):
    sys.exit("enough")


TABLE = {0: 1.0}
WEIGHTS = (1, 2)

COMPLETE = {"name": "mine", "per_example": lambda s, t: s, "claims": Claims(convex=None), "source": "a test"}
SLIPS = {
    "targets forgotten": (
        lambda: of_classes(lambda s, t: Max(0, 1 - t * s)),
        r"raised TypeError.*in `1 - t \* s`.* needs targets=\(-1, 1\)",
    ),
    "targets too many": (lambda: of_score(lambda s, y: -s[y]), "A loss of several classes, which is given a list of scores, has none"),
    "parameter not declared": (lambda: of_score(lambda s, t, delta: Max(0, delta - t * s)), r"takes delta, which parameters= lacks"),
    "parameter misspelt": (lambda: of_score(lambda s, t, dleta: dleta * s, delta=positive(1)), r"Did you mean 'dleta'"),
    "parameter not taken": (
        lambda: of_score(lambda s, t: t * s, delta=positive(1)),
        r"declares delta, which the formula does not take: .*\(s, t\)",
    ),
    "one argument": (lambda: of_score(lambda s: s), r"takes \(s\); it must take a score and a target"),
    "parameter by place": (lambda: of_score(eval("lambda s, t, d, /: d * s"), d=positive(1)), "parameters come by name"),
    "if on a score": (lambda: of_score(asks), r"in `t \* s < 1` .*neither true nor false: use Piecewise"),
    "numpy's maximum": (lambda: of_score(lambda s, t: np.maximum(0, 1 - t * s)), "instead of np.maximum use Max of sympy"),
    "numpy's exponential": (lambda: of_score(lambda s, t: np.exp(s)), "instead of np.exp use exp of sympy"),
    "numpy's choice": (lambda: of_score(lambda s, t: np.where(s > 0, s, 0)), r"instead of np.where use Piecewise\(\(a, condition\)"),
    "builtin maximum": (lambda: of_score(lambda s, t: max(0, s)), "instead of max use Max of sympy"),
    "logarithm of a number": (lambda: of_score(lambda s, t: __import__("math").log(s)), "raised TypeError"),
    "stray symbol": (
        lambda: of_score(lambda s, t: Symbol("k") * (s - t) ** 2),
        r"contains the symbol k, which is neither a score nor a parameter",
    ),
    "a symbol like the score": (lambda: of_score(lambda s, t: Symbol("s0") * s), "contains the symbol s0"),
    "sign": (lambda: of_score(lambda s, t: (s - t) * sign(s - t)), r"sign jumps: .*x·sign\(x\) is Abs\(x\)"),
    "step": (lambda: of_score(lambda s, t: s * Heaviside(s)), r"Heaviside jumps: .*x·Heaviside\(x\) is Max\(0, x\)"),
    "floor": (lambda: of_score(lambda s, t: floor(s)), "floor jumps"),
    "ceiling": (lambda: of_score(lambda s, t: ceiling(s)), "ceiling jumps"),
    "remainder": (lambda: of_score(lambda s, t: sympy.Mod(s, 2)), "Mod jumps"),
    "gamma": (lambda: of_score(lambda s, t: gamma(s)), r"uses gamma, which has no ball operation. Write exp\(loggamma\(x\)\)"),
    "area sine": (lambda: of_score(lambda s, t: sympy.asinh(s)), r"Write log\(x \+ sqrt\(x\*\*2 \+ 1\)\)"),
    "a function without a meaning": (
        lambda: of_score(lambda s, t: Function("f")(s)),
        r"uses f, which has no ball operation\. .*Known: Abs, Add",
    ),
    "nothing returned": (lambda: of_score(forgets_to_return), "returned nothing .*Does it lack a `return`"),
    "a truth value as a number": (lambda: of_classes(lambda s, y: exp(s[0]) + (y == 0)), r"write int\(j == y\)"),
    "a list": (lambda: of_classes(lambda s, y: [exp(v) for v in s]), r"returned a list of 2; .*Add\(\*parts\)"),
    "a text": (lambda: of_score(lambda s, t: "s + t"), "returned the text 's \\+ t'"),
    "a condition": (lambda: of_score(lambda s, t: s > t), "returned the condition .*Piecewise"),
    "a truth value": (lambda: of_score(lambda s, t: True), "returned True of type bool|returned the condition"),
    "a matrix": (lambda: of_score(lambda s, t: Matrix([s, t])), "it must return one sympy expression of the score"),
    "a function": (lambda: of_score(lambda s, t: abs), "returned the function abs"),
    "a number": (lambda: of_score(lambda s, t: 3), "depends on no score"),
    "an exit": (lambda: of_score(leaves), "raised SystemExit: enough"),
    "any exception": (lambda: of_score(lambda s, t: 1 / (t - t)), "raised ZeroDivisionError"),
    "recursion": (lambda: of_score(lambda s, t: SLIPS["recursion"][0]().per_example(s, t)), "raised RecursionError"),
    "a table without a target": (lambda: of_score(lambda s, t: TABLE[t] * s), r"raised KeyError.*in `TABLE\[t\]`.*for every label"),
    "logarithm of 0": (lambda: of_score(lambda s, t: t * log(t) - t * s, (0, 1)), "for target 0, is nan.* Branch where that happens"),
    "a complex number": (lambda: of_score(lambda s, t: sqrt(t) * s), "which is not real"),
    "never a number": (lambda: of_score(lambda s, t: log(-1 - s**2)), "no finite number at any score that was tried"),
    "a target between floats": (
        lambda: of_score(lambda s, t: s - t, (0, 0.3)),
        r"target 0.3 .* such as 0.25 \(or 0.30000001192092896, the nearest\)",
    ),
    "a target that is none": (lambda: of_score(lambda s, t: s - t, (0, float("nan"))), "give finite numbers"),
    "a great target": (lambda: of_score(lambda s, t: s - t, (0, 1e300)), "target 1e\\+300 .* is not held by float32"),
    "targets without a comma": (lambda: of_score(lambda s, t: s - t, 1), r"targets of mine is 1; give a tuple of numbers"),
    "targets as text": (lambda: of_score(lambda s, t: s - t, ("a", "b")), "is 'a'; give a number"),
    "parameters as a list": (lambda: LossSpec(name="mine", per_example=abs, claims=NOTHING, source="", parameters=["a"]), r"give a dict"),
    "a parameter as a number": (lambda: of_score(lambda s, t, d: d * s, d=1.0), r"parameter d of mine is 1.0; give positive"),
    "a parameter like a score": (lambda: of_score(lambda s, t, s0: s0 * s, s0=positive(1)), "a parameter called s0, as a score"),
    "a parameter without a default": (lambda: Parameter(low=0), r"Parameter has no default. Give it one, such as default=1"),
    "positive without a default": (lambda: positive(), r"such as positive\(default=1\)"),
    "an empty domain": (lambda: Parameter(default=1, low=2, high=0), "which is empty; give low < high"),
    "claims as a truth value": (lambda: of_score(lambda s, t: s, claims=True), r"claims of mine are True; give Claims\(convex=True\)"),
    "a claim as text": (lambda: Claims(convex="yes"), "the claim convex is 'yes'; give one of True, False, None"),
    "a field that is none": (lambda: LossSpec(name="mine", targetts=(0, 1)), r"field of LossSpec 'targetts'. Did you mean 'targets'"),
    "a list for a domain": (lambda: LossSpec(**COMPLETE, target=(0, 1)), r"target of mine is \(0, 1\); give one of Real\(\)"),
    "no claims": (lambda: LossSpec(name="mine", per_example=abs, source=""), "LossSpec has no claims. Give it one, such as claims=Claims"),
    "fields by place": (lambda: LossSpec("mine", abs), "LossSpec takes its fields by name"),
    "no function": (lambda: of_score(3), "per_example of mine is 3; give a function"),
    "a chord of a number": (lambda: Chord(start=2.0, end=1.0), "the start of a chord is 2.0; give a tuple of numbers"),
    "a chord of another label": (
        lambda: of_score(lambda s, t: -(s**2), claims=Claims(convex=False, chord=Chord(start=(0.0,), end=(1.0,), label=5))),
        "has 1 scores and label 5; it has 1 score and labels 0 to 1",
    ),
    "a piece that is missing": (
        lambda: of_score(lambda s, t: Piecewise((s, s < 0), (2 * s, s > 0))),
        r"has no piece where none of .* holds: end it with",
    ),
    "a symmetry of one score": (
        lambda: of_score(lambda s, t: s, claims=Claims(convex=None, symmetric=True)),
        "symmetric=True, which is of losses of several",
    ),
}


@pytest.mark.parametrize("name", SLIPS)
def test_a_slip_ends_in_a_sentence(name, monkeypatch):
    build, sentence = SLIPS[name]
    with pytest.raises(UsageError, match=sentence) as error:
        examine(build())
    told = str(error.value)
    assert "Traceback" not in told
    assert "\n" not in told
    monkeypatch.delitem(copyreg.dispatch_table, UsageError, raising=False)  # dask, which another test may load, adds causes
    assert str(pickle.loads(pickle.dumps(error.value))) == told  # it travels


RIGHT = {
    "decimals": lambda: of_score(lambda s, t: 0.5 * (s - 0.1 * t) ** 2.0),
    "a constant for one target": lambda: of_score(lambda s, t: 0 if t == 1 else s**2),
    "numbers of numpy": lambda: of_score(lambda s, t: np.float64(0.5) * (s - t) ** 2, tuple(np.array([0.5, 1.0]))),
    "targets in a list": lambda: of_score(lambda s, t: (s - t) ** 2, [0, 1]),
    "a default of the formula's own": lambda: of_score(lambda s, t, k=2: k * s),
    "any parameters": lambda: of_score(lambda s, t, **p: p["d"] * s, d=positive(1)),
    "sums of numpy": lambda: of_classes(lambda s, y: np.sum([exp(v) for v in s]) - s[y]),
    "functions of sympy's code": lambda: of_score(lambda s, t: cfunctions.log1p(exp(-t * s))),
    "pieces that meet": lambda: of_score(lambda s, t: Piecewise((s, s < 0), (2 * s, s >= 0))),
}


@pytest.mark.parametrize("name", RIGHT)
def test_what_is_no_slip_is_taken(name):
    examine(RIGHT[name]())


def test_decimals_are_the_fractions_that_they_are():
    e, (s,) = of_score(lambda s, t: 0.1 * s + 0.5).expression(1, 0)
    assert e == Rational(0.1) * s + Rational(1, 2)
    assert not e.atoms(Float)


class Broken:
    """Fails for one label of many classes only: nobody notices before a case asks for it."""

    def __call__(self, s, y):
        return Add(*(Abs(v) for v in s)) * WEIGHTS[y] if len(s) < 3 else undefined  # noqa: F821


def test_an_exception_for_some_number_of_classes_names_the_spec():
    loss = of_classes(Broken())
    loss.expression(2, 0)
    with pytest.raises(
        UsageError, match="the formula of mine, for label 0 of 3 classes, raised NameError: name 'undefined' is not defined"
    ):
        loss.expression(3, 0)


def test_a_slip_at_import_is_told_without_its_traceback(tmp_path):
    file = tmp_path / "bad.py"
    file.write_text(
        "from verify.spec import Claims, LossSpec\n"
        'SPEC = LossSpec(name="bad", per_example=lambda s, t: s - t, targets=(0.3,), claims=Claims(convex=None), source="")\n',
        encoding="utf-8",
    )
    with pytest.raises(UsageError, match=r"bad.py: target 0.3 of bad is not held by float32") as error:
        find_loss(str(file))
    assert "Traceback" not in str(error.value)


def objective(prediction, target):
    return prediction - target, np.ones_like(prediction)


def test_who_is_not_judged_stands_in_every_format(tmp_path):
    file = tmp_path / "bad.py"
    file.write_text(
        "from verify.spec import Claims, LossSpec\n"
        'SPEC = LossSpec(name="bad", per_example=lambda s, t: None, targets=(0, 1), claims=Claims(convex=None), source="")\n',
        encoding="utf-8",
    )
    losses = (str(file), "squared_error")
    requests = [requested(objective, loss=loss, laws=("gradient",), profile="quick") for loss in losses]
    document = judge_all(requests, in_process=True, captured=True).to_dict()
    assert [r["loss"] for r in document["results"]] == ["squared_error"]
    for name in FORMATS:
        told = html.unescape(render(document, name))
        assert "returned nothing (None); it must return one sympy expression" in told
    assert "1 of 1 check holds, 1 candidate not judged" in render(document, "text")
    with pytest.raises(UsageError, match="returned nothing"):
        judge_all(requests[:1], in_process=True)


CANDIDATES = """
import numpy as np
from sympy import Abs, Add, exp, log
from verify.spec import Claims, LossSpec

def honest(scores, y):
    return (0.5 * (scores - y) ** 2).mean(), (scores - y) / len(scores)

def asks(s, t):
    if s < t:
        return t - s
    return s - t

BAD = LossSpec(name="bad", per_example=asks, targets=(0, 1), claims=Claims(convex=None), source="a test")
LATE = LossSpec(name="late", per_example=lambda s, y: Add(*s, -s[y], *(exp(v) for v in s[:3])) / [0, 0, 1, 1][len(s)],
                claims=Claims(convex=None), source="a test")
"""


def run(tmp_path, *arguments):
    (tmp_path / "mine.py").write_text(CANDIDATES, encoding="utf-8")
    command = [sys.executable, "-m", "verify", *arguments, "--quiet", "--profile", "quick", "--law", "value"]
    return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, encoding="utf-8", check=False)


@pytest.mark.parametrize("how", [[], ["--in-process"]], ids=["on workers", "in this process"])
@pytest.mark.parametrize(("loss", "said"), [("BAD", "in `s < t` (mine.py, line 10)"), ("LATE", "of 4 classes, raised IndexError")])
def test_a_bad_spec_is_wrong_use_and_not_the_candidates_fault(tmp_path, loss, said, how):
    told = run(tmp_path, "check", "mine.py:honest", "--loss", f"mine.py:{loss}", *how)
    assert told.returncode == 2, told.stderr
    assert told.stderr.count("\n") == 1
    assert said in told.stderr
    assert "Traceback" not in told.stdout + told.stderr
    assert "broken" not in told.stdout


@pytest.mark.parametrize("how", [[], ["--in-process"]], ids=["on workers", "in this process"])
def test_one_bad_spec_does_not_end_a_run(tmp_path, how):
    judged = [("mine.py:honest", "mine.py:BAD"), ("mine.py:honest", "squared_error")]
    rows = "".join(f'[[tool.verify.candidates]]\ntarget = "{target}"\nloss = "{loss}"\n' for target, loss in judged)
    (tmp_path / "pyproject.toml").write_text(rows, encoding="utf-8")
    told = run(tmp_path, "run", "--output", "out", *how)
    assert told.returncode == 2, told.stderr
    document = json.loads((tmp_path / "out" / "report.json").read_text(encoding="utf-8"))
    assert [(r["loss"], r["verdict"]) for r in document["results"]] == [("squared_error", "holds")]
    (refused,) = document["refused"]
    assert (refused["candidate"], refused["loss"]) == ("mine.py:honest", "mine.py:BAD")
    assert "`s < t`" in refused["reason"]
    assert "mine.py:honest (mine.py:BAD) was not judged: the formula of bad" in told.stdout
    gate = subprocess.run(
        [sys.executable, "-m", "verify", "gate", "out/report.json"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )
    assert gate.returncode == 1
    assert "was not judged" in gate.stdout
