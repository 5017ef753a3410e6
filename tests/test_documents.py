"""What the documents show is what happens."""

from __future__ import annotations

import ast
import configparser
import doctest
import importlib
import importlib.util
import pkgutil
import re
import tomllib
from pathlib import Path

import pytest
from documented import README, ROOT, WIDTH, blocks
from implementations import softmax

import verify
from verify.diagnosis import changes as of_gradients
from verify.diagnosis import messages
from verify.form import LINEAR
from verify.spec.catalogue import find_penalty
from verify.spec.convexity import convex_penalty


@pytest.fixture
def folder(tmp_path, monkeypatch):
    (tmp_path / "linear_svm.py").write_text(blocks("python")[0], encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_mending_the_readmes_example_makes_every_law_hold(folder):
    mended = blocks("python")[0].replace("+ reg * W\n", "+ 2 * reg * W\n")
    assert mended != blocks("python")[0]
    (folder / "mended.py").write_text(mended, encoding="utf-8")
    report = verify.check("mended.py:svm_loss", loss="multiclass_hinge", dtypes=("float64", "float32"), profile="quick")
    assert report.verdict is verify.Verdict.HOLDS


def test_the_readme_is_short():
    lines = README.splitlines()
    assert len(lines) <= 100
    assert [line for line in lines if len(line) > WIDTH] == []


def test_the_readme_counts_what_the_page_of_checkers_says():
    """Whose own test asks the tools."""
    text = (ROOT / "docs/checkers.md").read_text(encoding="utf-8")
    rows = [[cell.strip(" *") for cell in line.split("|")[1:-1]] for line in text.splitlines() if line.startswith("| ")]
    head, *rest = rows
    functions = [dict(zip(head, row, strict=True)) for row in rest if row[1] in ("right", "wrong")]
    shown = {
        cells[0].strip(): [int(n) for cell in cells[1:4] for n in re.findall(r"\d+", cell)]
        for line in README.splitlines()
        if len(cells := line.split("|")[1:-1]) == 5 and " of " in line
    }
    assert set(shown) == set(head[2:])
    for tool, counted in shown.items():
        accused = sum(f[tool] == "fails" for f in functions if f["is"] == "right")
        passed = sum(f[tool] == "passes" for f in functions if f["is"] == "wrong")
        of = [sum(f["is"] == is_ for f in functions) for is_ in ("right", "wrong")]
        assert counted == [len(functions) - accused - passed, len(functions), accused, of[0], passed, of[1]], tool


def example(first: str, page: str = "docs/specs.md") -> str:
    """The example of a page whose docstring begins so."""
    (found,) = (b for b in blocks("python", (ROOT / page).read_text(encoding="utf-8")) if b.lstrip('"').startswith(first))
    return found


def test_the_loss_of_contributing_is_a_loss(folder):
    spec = example("Squared multiclass hinge", "CONTRIBUTING.md")
    assert spec == (ROOT / "specs/classification/squared_multiclass_hinge.py").read_text(encoding="utf-8")
    (folder / "my_hinge.py").write_text(spec, encoding="utf-8")
    (folder / "squared.py").write_text(
        blocks("python")[0]
        .replace("margins > 0).astype(X.dtype)", "2 * margins)")
        .replace("margins.sum()", "(margins**2).sum()")
        .replace("+ reg * W\n", "+ 2 * reg * W\n"),
        encoding="utf-8",
    )
    report = verify.check("squared.py:svm_loss", loss="my_hinge.py", dtypes=("float64", "float32"), profile="quick")
    assert report.verdict is verify.Verdict.HOLDS
    wrong = verify.check("linear_svm.py:svm_loss", loss="my_hinge.py", laws=("value",))
    assert wrong.verdict is verify.Verdict.BROKEN


FOCAL = """
import numpy as np


def objective(prediction, target, gamma={gamma}):
    t = (target == 1).astype(prediction.dtype)
    sign, weight = 2 * t - 1, np.where(t, 0.25, 0.75).astype(prediction.dtype)
    m = sign * prediction
    u = np.exp(-np.abs(m))
    p, q, L = np.where(m >= 0, 1, u) / (1 + u), np.where(m >= 0, u, 1) / (1 + u), np.maximum(-m, 0) + np.log1p(u)
    grad = -sign * weight * q**gamma * (gamma * p * L + q)
    hess = weight * p * q**gamma * (gamma * (gamma * p * L + q) - gamma * q * (L - 1) + q)
    return grad, hess
"""


def test_the_loss_of_one_score_of_the_specs_page_is_one(folder):
    spec = example("Focal loss")
    (folder / "focal.py").write_text(spec, encoding="utf-8")
    for gamma in (2, 1):
        (folder / f"objective{gamma}.py").write_text(FOCAL.format(gamma=gamma), encoding="utf-8")
    laws = ("gradient", "curvature")
    for gamma in (2, 1):  # found out from its own gradient, and judged there
        report = verify.check(f"objective{gamma}.py:objective", loss="focal.py", profile="quick", laws=laws)
        assert report.verdict is verify.Verdict.HOLDS
        assert report.conventions[f"objective{gamma}.py:objective"]["gamma"] == gamma
    (folder / "fixed.py").write_text(FOCAL.replace(", gamma={gamma}", "").replace("    t =", "    gamma = 1\n    t =", 1), encoding="utf-8")
    for given, verdict in ((None, verify.Verdict.HOLDS), ({"gamma": 1.0}, verify.Verdict.HOLDS), ({"gamma": 2.0}, verify.Verdict.BROKEN)):
        report = verify.check("fixed.py:objective", loss="focal.py", parameters=given, profile="quick", laws=laws)
        assert report.verdict is verdict
        assert ("gamma 1.0 (found out from its gradient)" in str(report)) == (given is None)


def test_the_penalty_of_the_specs_page_is_one(folder):
    penalty = example("Elastic net")
    (folder / "my_penalty.py").write_text(penalty, encoding="utf-8")
    assert find_penalty("my_penalty.py").bias is False
    assert convex_penalty(find_penalty("my_penalty.py"))


def test_the_penalty_of_groups_of_the_specs_page_is_one(folder):
    (folder / "my_penalty.py").write_text(example("Sparse group lasso"), encoding="utf-8")
    assert convex_penalty(find_penalty("my_penalty.py"))
    code = """
def svm_loss(W, X, y, reg):
    S, rows, w = X @ W.T, np.arange(len(y)), W[:, :-1]
    E = np.exp(S - S.max(1, keepdims=True))
    P = E / E.sum(1, keepdims=True)
    value = (np.log(E.sum(1)) + S.max(1) - S[rows, y]).mean()
    P[rows, y] -= 1
    dW, n = P.T @ X / X.dtype.type(len(y)), np.sqrt((w * w).sum(0))
    dW[:, :-1] += reg * (w / np.where(n > 0, n, 1){wrong} + np.sign(w) / 4)
    return value + reg * (n.sum() + np.abs(w).sum() / 4), dW
"""
    for name, wrong in (("right", ""), ("wrong", " / 2")):
        (folder / f"{name}.py").write_text(f"import numpy as np\n{code.replace('{wrong}', wrong)}", encoding="utf-8")
        asked = {"loss": "softmax_cross_entropy", "penalty": "my_penalty.py", "dtypes": ("float64", "float32"), "profile": "quick"}
        report = verify.check(f"{name}.py:svm_loss", **asked, laws=("value", "gradient"))
        assert report.verdict is (verify.Verdict.BROKEN if wrong else verify.Verdict.HOLDS)


HUBER = """
import numpy as np


def objective(prediction, target):
    r = prediction - target
    return np.clip(r, -1, 1){factor}, (np.abs(r) <= 1).astype(r.dtype)
"""


def test_the_loss_of_real_targets_of_the_specs_page_is_one(folder):
    spec = example("Huber's loss")
    (folder / "huber.py").write_text(spec, encoding="utf-8")
    laws = ("gradient", "curvature")
    for name, factor, verdict in (("right", "", verify.Verdict.HOLDS), ("wrong", " * (1 + (target > 500))", verify.Verdict.BROKEN)):
        (folder / f"{name}.py").write_text(HUBER.replace("{factor}", factor), encoding="utf-8")
        report = verify.check(f"{name}.py:objective", loss="huber.py", dtypes=("float64", "float32"), profile="quick", laws=laws)
        assert report.verdict is verdict


INPUTS = {
    "Cross-entropy to a distribution": """
def f(s, t):
    logp = s - np.logaddexp.reduce(s, axis=1, keepdims=True)
    return -(t * logp).sum() / len(s), (np.exp(logp) - t) / len(s){wrong}
""",
    "Cross-entropy with weights": """
def f(s, y, w):
    kept = y != -100
    k = np.where(kept, y, 0)
    v = kept * w[k]
    logp = s - np.logaddexp.reduce(s, axis=1, keepdims=True)
    g = np.exp(logp)
    g[np.arange(len(s)), k] -= 1
    return -(v * logp[np.arange(len(s)), k]).sum() / v.sum(), g * v[:, None] / v.sum(){wrong}
""",
    "Cox's partial likelihood": """
def f(s, time, event):
    value, g = 0.0, np.zeros_like(s)
    for i in np.flatnonzero(event):
        risk = time >= time[i]
        e = np.exp(s[risk] - s[risk].max())
        value += np.log(e.sum()) + s[risk].max() - s[i]
        g[risk] += e / e.sum(){wrong}
        g[i] -= 1
    return value, g
""",
    "Layer norm": """
def forward(x, gamma, beta):
    centred = x - x.mean(axis=1, keepdims=True)
    std = np.sqrt((centred**2).mean(axis=1, keepdims=True) + x.dtype.type(1e-5))
    return gamma * centred / std + beta, (centred / std, std, gamma)


def backward(dy, saved):
    normed, std, gamma = saved
    d = dy * gamma
    dx = (d - d.mean(axis=1, keepdims=True) - normed * (d * normed).mean(axis=1, keepdims=True)) / std{wrong}
    return dx, (dy * normed).sum(axis=0), dy.sum(axis=0)
""",
}


@pytest.mark.parametrize("first", INPUTS)
def test_the_functions_of_inputs_of_the_specs_page_are_some(folder, first):
    (folder / "spec.py").write_text(example(first), encoding="utf-8")
    for name, wrong in (("right", ""), ("wrong", " * 1.25")):
        (folder / f"{name}.py").write_text(f"import numpy as np\n{INPUTS[first].replace('{wrong}', wrong)}", encoding="utf-8")
        target = f"{name}.py:{'forward,backward' if 'forward' in INPUTS[first] else 'f'}"
        report = verify.check(target, loss="spec.py", dtypes=("float64", "float32"), profile="quick", laws=("value", "gradient"))
        assert report.verdict is (verify.Verdict.BROKEN if wrong else verify.Verdict.HOLDS)


COSINES = """
import numpy as np


def f(x, w):
    a, b = np.linalg.norm(x, axis=1, keepdims=True), np.linalg.norm(w)
    cosines = x @ w / (a[:, 0] * b)
    return cosines.sum(), (w / (a * b) - cosines[:, None] * x / a**2{wrong}, (x / (a * b)).sum(axis=0) - cosines.sum() * w / b**2)
"""


def test_the_relations_of_the_specs_page_are_some(folder):
    (folder / "cosines.py").write_text(example("The cosine of the angle"), encoding="utf-8")
    for name, wrong in (("right", ""), ("wrong", " * 0.5")):
        (folder / f"{name}.py").write_text(COSINES.replace("{wrong}", wrong), encoding="utf-8")
        report = verify.check(
            f"{name}.py:f", loss="cosines.py", dtypes=("float64", "float32"), profile="quick", laws=("batches", "symmetry")
        )
        assert {r.law: r.verdict for r in report.results} == {
            "batches": verify.Verdict.HOLDS,  # each row is wrong by itself
            "symmetry": verify.Verdict.BROKEN if wrong else verify.Verdict.HOLDS,
        }


LIST = r"`\w+`(?:(?:,|,? and|,? or) `\w+`)*"


def said_to_stand_in_files(text: str) -> list[tuple[str, str]]:
    """Each name of "`A`, `B` and `C` of `file`", with the file."""
    found = re.findall(rf"({LIST})(?: there)? (?:of|in) `([\w/]+\.\w+)`", " ".join(text.split()))
    return [(name, file) for several, file in found for name in re.findall(r"`(\w+)`", several)]


def test_of_a_list_every_name_is_said_to_stand_in_the_file():
    text = "in `A`, `B` and\n`C` of `x.py`, `D` there in `y/z.md`, and `E` or `F`; `G` is told"
    assert said_to_stand_in_files(text) == [("A", "x.py"), ("B", "x.py"), ("C", "x.py"), ("D", "y/z.md")]


@pytest.mark.parametrize(("page", "fewest"), [("CONTRIBUTING.md", 40), ("docs/tape.md", 15), ("docs/core.md", 1)])
def test_what_a_recipe_says_stands_in_a_file_stands_there(page, fewest):
    said = said_to_stand_in_files((ROOT / page).read_text(encoding="utf-8"))
    assert len(said) >= fewest
    for name, file in said:
        there = [p for folder in ("verify", "tests", "reports") for p in (ROOT / folder).rglob(file.removeprefix(f"{folder}/"))]
        assert any(re.search(rf"\b{name}\b", p.read_text(encoding="utf-8")) for p in there), (name, file)


def cubed(W, X, y, reg):
    loss, dW = softmax()(W, X, y, reg)
    return loss, dW**3


def test_the_mistake_of_contributing_is_named(monkeypatch):
    exec(example("Every entry cubed", "CONTRIBUTING.md"), entry := {})
    own = entry["cubed"]
    for table in (of_gradients.changes, of_gradients.few):
        table.cache_clear()
    monkeypatch.setitem(of_gradients.CATALOGUES, (LINEAR, False), (*of_gradients.OF_CLASSES, own))
    for kind, sentence in own.sentences.items():
        monkeypatch.setitem(messages.SENTENCES, kind, sentence)
    report = verify.check(cubed, loss="softmax_cross_entropy", penalty="l2", laws=("gradient",), profile="quick", in_process=True)
    for table in (of_gradients.changes, of_gradients.few):
        table.cache_clear()
    (result,) = report.results
    assert result.diagnosis["code"] == "scaled"
    assert result.diagnosis["message"].startswith("the whole gradient is cubed")


ADAPTERS = {f"verify.candidates.{library}": library for library in ("jax", "sklearn", "torch")}
ADAPTERS |= {
    "verify.candidates.torch_modes": "torch",
    "verify.traced.jaxpr": "jax",
    "verify.traced.tensors": "torch",
    "verify.traced.aten": "torch",
}
"""The modules that import what only an extra brings."""
SERVER_ONLY = "verify.campaign.server_cleanup"
"""Sets up the process that imports it: without Ctrl-C and garbage collection, and in a process group of its own."""


@pytest.mark.filterwarnings("ignore:'encoding' argument not specified:EncodingWarning:dask.config")
@pytest.mark.filterwarnings("ignore:'encoding' argument not specified:EncodingWarning:distributed.config")
@pytest.mark.parametrize("name", [m.name for m in pkgutil.walk_packages(verify.__path__, "verify.") if not m.name.endswith("__main__")])
def test_docstrings_run_and_every_module_says_what_it_is_for(name):
    if name == SERVER_ONLY:
        text = Path(importlib.util.find_spec(name).origin).read_text(encoding="utf-8")
        assert ast.get_docstring(ast.parse(text))
        assert ">>>" not in text
        return
    if name in ADAPTERS:
        pytest.importorskip(ADAPTERS[name], reason=f"{ADAPTERS[name]} is not installed: tox -e {ADAPTERS[name]}")
    module = importlib.import_module(name)
    assert module.__doc__
    runner = doctest.DocTestRunner()
    for found in doctest.DocTestFinder().find(module):
        if found.examples:  # to run none takes milliseconds, too
            runner.run(found)
    assert runner.failures == 0


def test_every_dependency_has_its_line():
    listed = re.findall(r'^    "([a-z-]+)[><=]', (ROOT / "pyproject.toml").read_text(encoding="utf-8"), re.MULTILINE)
    table = (ROOT / "docs/dependencies.md").read_text(encoding="utf-8")
    assert len(listed) > 8
    assert [name for name in listed if name not in table] == []


def test_every_package_ships():
    """setuptools is told their names one by one: a package that is left out is missing from the wheel, and only there."""
    shipped = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]
    places = {name: ROOT / folder for name, folder in shipped["package-dir"].items()}
    written = {".".join(p.parent.relative_to(ROOT).parts) for p in (ROOT / "verify").rglob("*.py")} | set(places)
    places |= {f"verify.specs.{folder.name}": folder for folder in (ROOT / "specs").iterdir() if (folder / "__init__.py").is_file()}
    written |= set(places)
    assert set(shipped["packages"]) == written
    assert all((places.get(name, ROOT / name.replace(".", "/")) / "__init__.py").is_file() for name in shipped["packages"])


def test_every_test_runs_on_each_interpreter_or_once():
    tox = configparser.ConfigParser(interpolation=None)
    tox.read(ROOT / "tox.ini", encoding="utf-8")
    files = tox["interpreters"]["tests"].replace("\\", "").split()
    ignored = re.findall(r"--ignore=([^\s}]+)", tox["testenv:tables"]["commands"])
    assert sorted(files) == sorted(ignored)
    assert all((ROOT / file).exists() for file in files)


PROMISE = re.compile(r'\[\d\]\(\.\./tests/([\w/]+\.py) "(test_\w+)(?:\[(\w+)\])?"\)')


def test_every_promise_of_the_guard_has_a_test_that_there_is():
    """Each row of its table, each thing that is no fault, and each section with promises, names one, by file, function and parameter."""
    text = (ROOT / "docs" / "guard.md").read_text(encoding="utf-8")
    rows = [line for line in text.splitlines() if line.startswith("| ")][1:]
    faultless = re.findall(r"(?m)^- \*.*(?:\n  .*)*", text)
    sections = re.split(r"(?m)^## ", text)[1:]
    for promise in (*rows, *faultless, *(s for s in sections if s.splitlines()[0] not in ("What it costs", "What it is not"))):
        assert PROMISE.search(promise), promise[:80]
    found = PROMISE.findall(text)
    assert len(rows) > 20 < len(found)
    for file, name, parameter in found:
        source = (ROOT / "tests" / file).read_text(encoding="utf-8")
        assert f"\ndef {name}(" in source, (file, name)
        assert f'"{parameter}"' in source, (file, parameter)


PAGES = sorted(
    {
        *(ROOT / "docs").rglob("*.md"),
        *(ROOT / "reports/atlas").rglob("*.md"),
        *(ROOT / name for name in ("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "reports/README.md", "examples/README.md")),
        ROOT / "verify/data/README.md",
    }
)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_prose_is_folded(page):
    """Tables, code and lines that are one link or one piece of code cannot be."""
    prose = re.sub(r"^ *```.*?^ *```$", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    lines = [line for line in prose.splitlines() if len(line) > WIDTH and not line.lstrip().startswith("|")]
    assert [line for line in lines if not line.startswith("    ") and " " in re.sub(r"`[^`]*`|\]\([^)]*\)", "", line.strip(" -*"))] == []
