"""Counterexamples on disk: exact hexadecimal floats with all that is needed to judge the same case again.

    {"schema": 2, "values": {"x": [["0x1.8p+0", …], …], "gamma": […]}, "differentiated": ["x"], "case": {"family": …, "seed": …}, …}

Floats are hexadecimal, whole numbers plain, nested as the arrays are. W, X, y and reg of linear scores stand beside `values` too, for
whoever looks for them there. Of scores the values are these and y; witnesses of an earlier version, with W and X, are read as well. A
witness is stored as one JSON file, named by its id. `verify replay` finds it by its path, or by its id in `reports/latest/witness` and in
the user's cache folder, where the latest ones of every check are kept.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import platformdirs

from verify import documents, folders
from verify.campaign.task import Outcome, Request, Task
from verify.candidates.arguments import from_plain
from verify.candidates.example import Example
from verify.cases import Case, scored
from verify.conventions import PINS, Pins
from verify.documents import as_json
from verify.errors import UsageError, shown
from verify.form import LINEAR, form_of
from verify.nested import hexadecimal, nested
from verify.problem import EACH
from verify.problem.named import problem_named
from verify.spec.catalogue import find_loss, find_spec
from verify.storage import replace

SCHEMA, FIRST = 2, "verify-witness/1"
"""What is written, and what is read as well."""
REMEDY = "Give a file of reports/latest/witness/, where `verify run` writes them, or the id that a check printed."
NO_LOSS = "none"
"""What stands for the spec of a pair that is judged without one."""
DEEPEST = Path("reports") / "latest" / "witness"
MOST_KEPT = 200
"""Witnesses in the cache folder: a few kilobytes each, the latest ones."""


def kept() -> Path:
    """The folder of the latest witnesses of this user."""
    return Path(platformdirs.user_cache_dir("verify-gradients")) / "witness"


def identity(outcome: Outcome) -> str:
    """Eight hexadecimal digits that stand for the candidate, the law and the case's bits."""
    witness = outcome.result.witness
    assert witness is not None
    parts = [outcome.task.request.name, outcome.task.request.loss, outcome.task.dtype, outcome.task.law, witness.case.to_dict()]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:8]


def document(outcome: Outcome) -> dict[str, Any]:
    """All that is needed to judge the case again, and what was said of it."""
    task, result = outcome.task, outcome.result
    assert result.witness is not None
    case = as_data(result.witness.case, task.request.loss)
    return {
        "schema": SCHEMA,
        "id": identity(outcome),
        "candidate": task.request.name,
        "loss": task.request.loss,
        "dtype": task.dtype,
        "law": task.law,
        "seed": task.request.seed,
        "conventions": outcome.conventions,
        "case": {name: case.pop(name) for name in ("family", "seed")},
        **case,
        **({"upstream": outcome.upstream} if outcome.upstream else {}),
        "diagnosis": result.diagnosis,
    }


def as_data(case: Case, loss: str) -> dict[str, Any]:
    """The case as plain data; the values of linear scores stand beside `values` too, and the targets that its labels stand for."""
    found = case.to_dict()
    if loss == NO_LOSS or problem_named(loss) is not None:
        return found
    targets = find_loss(loss).targets or ()
    if targets and all(0 <= label < len(targets) for label in case["y"]):
        found["targets"] = hexadecimal([float(targets[label]) for label in case["y"]])
    return found | ({name: found["values"][name] for name in LINEAR.names} if form_of(case.values) is LINEAR else {})


def save(outcomes: Iterable[Outcome], folder: Path) -> list[Path]:
    """Writes each witness to `folder`/ID.json, which is made if there is any. Raises OSError where that cannot be done."""
    files = []
    for outcome in outcomes:
        if outcome.result.witness is not None:
            files.append(folder / f"{identity(outcome)}.json")
            replace(files[-1], as_json(document(outcome)).encode())
    return files


def keep(outcomes: Iterable[Outcome]) -> None:
    """Writes them to the user's cache folder, and drops the oldest there. What cannot be written is left: it is a convenience."""
    with suppress(OSError):
        folders.make(kept())
        if save((o for o in outcomes if isinstance(o.task.request.candidate, str)), kept()):
            there = sorted(kept().glob("*.json"), key=lambda p: p.stat().st_mtime)
            for old in there[:-MOST_KEPT]:
                old.unlink(missing_ok=True)


def find(name: str) -> Path:
    """The file of a witness that is named by its path or its id. Raises UsageError where there is none."""
    places = [Path(name), DEEPEST / f"{name}.json", kept() / f"{name}.json"]
    for place in places:
        if os.path.isfile(place):  # False for what can be no name
            return place
    raise UsageError(f"there is no witness {shown(name)}. Give the path of a file that `verify run` wrote, or the id that a check printed.")


def read(path: Path) -> dict[str, Any]:
    """A stored witness, in the second schema. Raises UsageError where the file is none."""
    return _second(documents.read(path, "witness", REMEDY), str(path))


def _second(found: Mapping[str, Any], source: str) -> dict[str, Any]:
    try:
        whole = second(found)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise UsageError(f"{source} is no complete witness: {_fault(error)}. {REMEDY}") from None
    documents.check(whole, "witness", source, REMEDY)
    return whole


def _fault(error: Exception) -> str:
    """What is wrong, in words where an error is none."""
    return f"{error} is missing" if isinstance(error, KeyError) else str(error)


def second(found: Mapping[str, Any]) -> dict[str, Any]:
    """A witness in the second schema, whatever it was written in: in the first, a case had W, X, y and reg, or x in a row and its shape.

    Raises KeyError, TypeError, ValueError or AttributeError where it is none.
    """
    if found.get("schema") != FIRST:
        return dict(found)
    case = found["case"]
    values = {"x": nested(case["x"], case["shape"])} if "x" in case else {name: case[name] for name in LINEAR.names}
    drawn = {name: case[name] for name in ("family", "seed") if name in case}
    return {**found, "schema": SCHEMA, "values": values, "differentiated": list(values)[:1], "case": drawn}


def task(found: Mapping[str, Any]) -> Task:
    """The task that judges a stored case again, all conventions pinned. Raises UsageError where the document lacks something."""
    documents.check(found, "witness", "the witness", REMEDY)
    found = _second(found, "the witness")
    named = {key: str(found[key]) for key in ("candidate", "loss", "dtype", "law")}
    of_pair = named["loss"] == NO_LOSS
    try:
        case = Case.from_dict({**found["case"], **{key: found[key] for key in ("values", "differentiated")}}, named["dtype"])
        case = case if of_pair else _checked(case, named["loss"])
        pins = Pins() if of_pair else _pins(found.get("conventions") or {}, named["loss"])
    except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
        raise UsageError(f"the witness is not complete: {_fault(error)}. {REMEDY}") from None
    seed = found.get("seed", 0)  # of the weights of what a candidate returns; older witnesses have none
    conventions = found.get("conventions") or {}
    at = _example(case, conventions.get("at")) if of_pair else None
    convex = conventions.get("convex") == "claimed"
    told_formula = conventions.get("formula") or {"source": "differences"}  # older witnesses have none
    formula = told_formula["source"] if of_pair and told_formula["source"] != "reference" else None
    other = told_formula.get("reference") if of_pair else None
    request = Request(
        candidate=named["candidate"],
        loss=named["loss"],
        pins=pins,
        dtypes=(named["dtype"],),
        laws=(named["law"],),
        seed=seed,
        at=at,
        wrt=case.differentiated if of_pair and "at" in conventions else None,
        convex=convex,
        formula=formula,
        reference=None if told_formula.get("surrogate") else other,
        derivative=int(conventions.get("derivative", 1)) if of_pair else 1,
        surrogate=other if told_formula.get("surrogate") else None,
    )
    return Task(request, named["dtype"], named["law"], case)


def _checked(case: Case, loss: str) -> Case:
    """The case as one of the loss. Raises ValueError where it is none."""
    from verify.cases import inputs  # with Hypothesis, for which only a replay waits

    problem = problem_named(loss)
    return scored.checked(case, find_loss(loss).parameters) if problem is None else inputs.checked(problem, case)


def _example(case: Case, tree: Any) -> Example:
    """The inputs of a pair without a spec, one array where there is no `tree` of its arguments. Raises UsageError where it has others."""
    try:
        if tree is None and len(case.values) != 1:
            raise ValueError(f"the values are {', '.join(case.values)}, where a function of one array has one")
        return Example(case.x if tree is None else from_plain(tree, case.values))
    except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
        raise UsageError(f"the witness is not complete: {_fault(error)}. {REMEDY}") from None


def _pins(conventions: Mapping[str, Any], loss: str) -> Pins:
    """What was found out, of which the parameters stand among the rest, by their names. Those that vary are told by the case."""
    told = [name for name in find_spec(loss).parameters if name in conventions]
    parameters = {name: conventions[name] for name in told if name not in conventions.get("varied", ()) and conventions[name] != EACH}
    return Pins(**{key: conventions[key] for key in PINS if key in conventions and key not in told}, parameters=parameters)
