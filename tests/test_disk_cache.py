"""What is kept between processes: the same as what was made, and no condition for anything."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from functools import partial

import numpy as np
import pytest
from sympy import Abs, Add, Max, Piecewise, Symbol, polygamma

import verify
from verify import disk_cache
from verify.oracle import formula as formulas
from verify.oracle.formula import Formula, any_target_formula, compiled, loss_formula, norms_of, parabola, penalty_formula
from verify.spec import Claims, LossSpec, Penalty, log_ndtr, positive
from verify.spec.catalogue import all_penalties, find_loss, losses, penalties
from verify.spec.convexity import convex_loss, convex_penalty
from verify.spec.domains import Real
from verify.spec.shipped import shipped

CACHED = [
    *(formulas.loss_formula, formulas.any_target_formula, formulas.penalty_formula, formulas.group_formula, formulas.norms_of),
    *(formulas.parabola, convex_loss, convex_penalty),
]


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """A cache of the test's own, that processes it starts have as well."""
    disk_cache.drop()
    anew()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    yield tmp_path / "verify-gradients"
    disk_cache.drop()
    anew()


def anew():
    """As a new process begins."""
    for f in CACHED:
        f.cache_clear()


def _huber(s, t, delta):
    r = Abs(s - t)
    return Piecewise((r**2 / 2, r <= delta), (delta * (r - delta / 2), True))


def _spec(formula, **how):
    return LossSpec(name="own", per_example=formula, claims=Claims(convex=None), source="a test", **how)


OWN = {
    "of a domain": _spec(_huber, target=Real(), parameters={"delta": positive(default=1)}),
    "of functions": _spec(lambda s, y: Add(*(log_ndtr(x) ** 2 + polygamma(1, 2 + Abs(x)) for x in s)) + (1 + s[y] ** 2) ** 0.25),
}


def softmax(scores, y):
    shifted = scores - scores.max(1, keepdims=True)
    e, rows = np.exp(shifted), np.arange(len(y))
    p = e / e.sum(1, keepdims=True)
    loss = (np.log(e.sum(1)) - shifted[rows, y]).mean()
    p[rows, y] -= 1
    return loss, p / scores.dtype.type(len(y))


def hinge(scores, y):
    rows = np.arange(len(y))
    margins = np.maximum(0, scores - scores[rows, y][:, None] + 1)
    margins[rows, y] = 0
    active = (margins > 0).astype(scores.dtype)
    active[rows, y] = -active.sum(1)
    return margins.sum() / len(y), active / scores.dtype.type(len(y))


def logistic(s, t):
    p = 1 / (1 + np.exp(-s))
    return p - t, p * (1 - p)


def squared(s, t):
    return s - t, np.ones_like(s)


RIGHT = {"softmax_cross_entropy": softmax, "multiclass_hinge": hinge, "binary_logistic": logistic, "squared_error": squared}


def shipped_formulas():
    """By name how each is asked for."""
    for spec in map(find_loss, RIGHT):
        for classes in (1,) if spec.targets else (2, 3, 5):
            for label in range(spec.labels(classes)):
                yield f"{spec.name} {classes} {label}", partial(loss_formula, spec, classes, label)
        yield f"{spec.name} of any target", partial(any_target_formula, spec)
    for name, penalty in penalties().items():
        yield name, partial(penalty_formula, penalty)
    yield "a parabola", parabola
    for name, spec in OWN.items():
        yield name, partial(loss_formula, spec, 1 if spec.targets else 3, 0)
    norm = Penalty(name="norm", per_group=lambda w: Add(*(v**2 for v in w)) ** 0.5, group="class")
    yield "a norm along a line", lambda: norms_of(norm, 3)[0][1]


FORMULAS = dict(shipped_formulas())


def tape(t):
    """All of a tape that tells it from another."""
    return (
        [t.inputs.tolist(), t.variables.tolist(), t.outputs.tolist(), t.outputs.shape, t.size, list(t.constants.items())],
        [(i.op, i.outs.tolist(), [(x.tolist(), x.shape, x.dtype) for x in i.ins], i.parameter, type(i.parameter)) for i in t.instructions],
    )


def whole(f):
    """The same of a formula."""
    if f is None:
        return None
    curvature = None if f._curvature is None else (tape(f._curvature.tape), f._curvature.output)
    slopes = f.slopes, f.piece_slopes, f.switches, f.value_terms, f._asked, f._slope_terms
    told = f.arity, f.constants, f.additions, f._coefficients, [f.is_polynomial_in(j) for j in range(f.arity)]
    return tape(f.value_tape), tape(f.tape), curvature, slopes, told, f.mentioned, f.conditional


@pytest.mark.parametrize("name", FORMULAS)
def test_a_formula_that_is_read_is_the_one_that_was_made(name, monkeypatch):
    made = FORMULAS[name]()
    disk_cache.write()
    anew()
    read = []
    monkeypatch.setattr(Formula, "read", classmethod(lambda cls, *told, _read=Formula.read: read.append(told) or _read(*told)))
    found = FORMULAS[name]()
    assert made is None or found is not made
    assert whole(found) == whole(made)
    assert bool(read) is (made is not None)
    if made is not None:
        assert (found.expression, found.variables) == (made.expression, made.variables)
        assert found.registers == made.registers


def test_what_ships_is_known_by_its_file():
    for spec in [*losses().values(), *all_penalties().values()]:
        digest, name = shipped(spec)
        assert (len(digest), name) == (64, spec.name)
    assert shipped(OWN["of a domain"]) is None


def test_formulas_that_differ_are_kept_apart(home):
    x, y = Symbol("x", real=True), Symbol("y", real=True)
    several = [
        (x + y, [x, y], []), (x + y, [y, x], []), (x + y, [x], [y]), (Add(y, x, evaluate=False), [x, y], []),
        (x - y, [x, y], []), (Max(x, y), [x, y], []), (x**2, [x], []), (2 * x, [x], []), (x / 2, [x], []),
    ]  # fmt: skip
    for one in several:
        compiled("a test", lambda one=one: one)
    disk_cache.write()
    assert len(list(folder(home).iterdir())) == len(several)
    for one in several:
        assert whole(compiled("a test", lambda one=one: one)) == whole(Formula(*one))


def folder(home):
    (found,) = home.glob("derived-*")
    return found


def made(key, value="made"):
    """What is found by a key, and whether it was made."""
    asked = []
    return disk_cache.plain(key, lambda: asked.append(1) or value), bool(asked)


def test_what_is_kept_is_found_and_nothing_is_written_before_it_may_be(home):
    assert made(["a"]) == ("made", True)
    assert made(["a"]) == ("made", False)
    disk_cache.drop()
    assert made(["a"]) == ("made", True)
    assert not list(folder(home).iterdir())
    disk_cache.write()
    assert made(["a"], "again") == ("made", False)
    assert made(["b"], "another") == ("another", True)
    assert stat.S_IMODE(folder(home).stat().st_mode) == 0o700
    assert disk_cache.has(["a"])
    assert not disk_cache.has(["c"])


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"key": ["b"], "value": 1}', '{"key": ["a"]}', "\udcff"])
def test_an_entry_that_is_broken_or_foreign_is_made_again(home, text):
    made(["a"])
    disk_cache.write()
    (entry,) = folder(home).iterdir()
    entry.write_bytes(text.encode("utf-8", "surrogateescape"))
    assert made(["a"], "again") == ("again", True)
    disk_cache.write()
    assert made(["a"]) == ("again", False)


def test_a_formula_of_a_broken_entry_is_made_again(home):
    spec = losses()["multiclass_hinge"]
    first = whole(loss_formula(spec, 2, 0))
    disk_cache.write()
    (entry,) = folder(home).iterdir()
    for part in json.loads(entry.read_text(encoding="utf-8"))["value"]:
        found = json.loads(entry.read_text(encoding="utf-8"))
        del found["value"][part]
        entry.write_text(json.dumps(found), encoding="utf-8")
        anew()
        assert whole(loss_formula(spec, 2, 0)) == first
        disk_cache.write()


@pytest.mark.parametrize("how", ["no folder", "read-only", "of others", "a file"])
def test_without_a_folder_nothing_is_kept_and_nothing_said(home, how, monkeypatch):
    if how == "no folder":
        monkeypatch.setenv("XDG_CACHE_HOME", os.devnull)
    elif how == "a file":
        home.write_text("", encoding="utf-8")
    else:
        made(["a"])
        if how == "read-only" and os.getuid() == 0:
            monkeypatch.setattr("os.access", lambda *_: False)
        else:
            folder(home).chmod(0o777 if how == "of others" else 0o500)
    disk_cache.drop()
    assert made(["a"]) == ("made", True)
    disk_cache.write()
    assert made(["a"]) == ("made", True)
    assert not disk_cache.has(["a"])


def test_the_oldest_go(home, monkeypatch):
    monkeypatch.setattr(disk_cache, "MAX_ENTRIES", 8)
    for k in range(20):
        made([k])
        disk_cache.write()
    assert len(list(folder(home).iterdir())) <= 8
    assert made([19]) == ("made", False)


@pytest.mark.parametrize("loss", RIGHT)
def test_reports_are_the_same_with_and_without(home, loss):
    def report():
        anew()
        document = verify.check(RIGHT[loss], loss=loss, profile="quick", laws=["value", "gradient", "curvature"]).to_dict()
        for timed in ("seconds", "wall"):
            del document["environment"][timed]
        return json.dumps(document, sort_keys=True)

    cold = report()
    assert len(list(folder(home).iterdir())) > 3
    assert report() == cold


HEAVY = {
    "flint", "hypothesis", "jinja2", "jsonschema", "matplotlib", "numba", "scipy", "sympy", "torch", "verify.diagnosis.diagnosis",
    "verify.laws", "verify.mistakes", "verify.oracle", "verify.pair", "verify.report.html", "verify.tape", "verify.traced.record",
}  # fmt: skip

CANDIDATE = """
import sys
import numpy as np

def softmax(scores, y):
    with open(__file__ + ".loaded", "a") as file:
        print(*sys.modules, file=file)
    e, rows = np.exp(scores - scores.max(1, keepdims=True)), np.arange(len(y))
    p = e / e.sum(1, keepdims=True)
    loss = -np.log(p[rows, y]).mean()
    p[rows, y] -= 1
    return loss, p / len(y)
"""

COMMAND = """
import sys
sys.argv = ["verify", "check", "candidate.py:softmax", "--loss", "softmax_cross_entropy", "--profile", "quick", "--law", "gradient"]
from verify.cli import main
try:
    main()
except SystemExit as end:
    print("loaded:", end.code, *sys.modules)
"""


def test_a_quick_check_loads_little(tmp_path):
    (tmp_path / "candidate.py").write_text(CANDIDATE, encoding="utf-8")
    loaded = {}
    for cache in ("cold", "warm"):
        (tmp_path / "candidate.py.loaded").unlink(missing_ok=True)
        run = subprocess.run([sys.executable, "-c", COMMAND], capture_output=True, cwd=tmp_path, encoding="utf-8", check=True)
        loaded[cache] = HEAVY & set((tmp_path / "candidate.py.loaded").read_text(encoding="utf-8").split())
    code, *mine = run.stdout.splitlines()[-1].removeprefix("loaded: ").split()
    assert code == "0"
    assert HEAVY & set(mine) == set()
    assert loaded["warm"] == {"flint", "verify.laws", "verify.oracle", "verify.tape"}
    assert loaded["cold"] > loaded["warm"] | {"hypothesis"}
