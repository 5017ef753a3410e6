"""Every family of cases is explained where a report is read."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from verify.campaign.conventions import PROBE
from verify.cases import families
from verify.cases.case import IN_BULK, NAMING
from verify.oracle import truth_of
from verify.pair.place import GIVEN, MOVED, NEAR, SIMPLIFIED
from verify.problem import Instance
from verify.problem.named import problem_named
from verify.problem.sampling import DRAWS
from verify.spec import Objective
from verify.spec.catalogue import find_loss, find_penalty

ROOT = Path(__file__).parents[2]


def _texts(e):
    if isinstance(e, ast.IfExp):
        yield from _texts(e.body)
        yield from _texts(e.orelse)
    elif isinstance(e, ast.Constant):
        yield e.value


def written():
    """The texts that the code gives as `family=…`, or binds to the name."""
    for file in (ROOT / "verify").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            given = isinstance(node, ast.keyword) and node.arg == "family"
            bound = isinstance(node, ast.Assign) and any(isinstance(t, ast.Name) and t.id == "family" for t in node.targets)
            if given or bound:
                yield from _texts(node.value)


def offered():
    """Those of a search, for losses of scores and for functions of inputs."""
    hinge = Objective(loss=find_loss("multiclass_hinge"), penalty=find_penalty("l2"))
    for claim in (hinge, *(Instance(problem=problem_named(name)) for name in ("contrastive", "binary_cross_entropy"))):
        yield from families(truth_of(claim, "float64"))


def test_every_family_is_explained():
    text = (ROOT / "reports" / "README.md").read_text(encoding="utf-8").partition("## Families")[2].partition("\n## ")[0]
    explained = {name for row in re.findall(r"(?m)^\| (`.*?`) \|", text) for name in re.findall(r"`([^`]+)`", row)}
    named = {PROBE, IN_BULK, NAMING, GIVEN, NEAR, MOVED, SIMPLIFIED, *DRAWS, *written(), *offered()}
    assert {"kink, rounded", "a large batch", "digits", "near an end", "tail"} <= named
    assert named <= explained
    assert explained - named <= {"stored", "origin"}  # of a stored case that names none; at an example
