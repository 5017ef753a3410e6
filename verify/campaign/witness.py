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
from verify.problem import VARIED_EACH
from verify.problem.named import problem_named
from verify.spec.catalogue import find_loss, find_spec
from verify.storage import replace

SCHEMA, FIRST_SCHEMA = 2, "verify-witness/1"
"""The version that is written, and the older one that is read as well."""
REMEDY = "Give a file of reports/latest/witness/, where `verify run` writes them, or the id that a check printed."
NO_LOSS = "none"
"""Stands for the spec of a pair that is judged without one."""
DEEPEST = Path("reports") / "latest" / "witness"
MOST_KEPT = 200
"""Number of witnesses in the cache folder, the latest ones: a few kilobytes each."""


def kept() -> Path:
    """The folder of this user's latest witnesses."""
    return Path(platformdirs.user_cache_dir("verify-gradients")) / "witness"


def identity(outcome: Outcome) -> str:
    """Eight hexadecimal digits that identify the candidate, the law and the case's bits."""
    witness = outcome.result.witness
    assert witness is not None
    parts = [outcome.task.request.name, outcome.task.request.loss, outcome.task.dtype, outcome.task.law, witness.case.to_dict()]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:8]


def document(outcome: Outcome) -> dict[str, Any]:
    """A witness: all that is needed to judge the case again, and what was said of it."""
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
    """The case as plain data; the values of linear scores, and the targets that its labels stand for, stand beside `values`."""
    found = case.to_dict()
    if loss == NO_LOSS or problem_named(loss) is not None:
        return found
    targets = find_loss(loss).targets or ()
    if targets and all(0 <= label < len(targets) for label in case["y"]):
        found["targets"] = hexadecimal([float(targets[label]) for label in case["y"]])
    return found | ({name: found["values"][name] for name in LINEAR.names} if form_of(case.values) is LINEAR else {})


def save(outcomes: Iterable[Outcome], folder: Path) -> list[Path]:
    """Writes each witness to `folder`/ID.json; creates the folder if there are any. Raises OSError on failure."""
    files = []
    for outcome in outcomes:
        if outcome.result.witness is not None:
            files.append(folder / f"{identity(outcome)}.json")
            replace(files[-1], as_json(document(outcome)).encode())
    return files


def keep(outcomes: Iterable[Outcome]) -> None:
    """Writes the witnesses to the user's cache folder, and removes the oldest there. Failures are ignored, since this is a convenience."""
    with suppress(OSError):
        folders.make(kept())
        if save((o for o in outcomes if isinstance(o.task.request.candidate, str)), kept()):
            there = sorted(kept().glob("*.json"), key=lambda p: p.stat().st_mtime)
            for old in there[:-MOST_KEPT]:
                old.unlink(missing_ok=True)


def find(name: str) -> Path:
    """The file of a witness, from its path or its id. Raises UsageError where there is none."""
    places = [Path(name), DEEPEST / f"{name}.json", kept() / f"{name}.json"]
    for place in places:
        if os.path.isfile(place):  # False for what can be no name
            return place
    raise UsageError(
        f"there is no witness {shown(name)}. Give the path of a file that `verify run` wrote, or the id that a check printed: the "
        f"last {MOST_KEPT} are kept."
    )


def read(path: Path) -> dict[str, Any]:
    """A stored witness, in the second schema. Raises UsageError where the file is not a witness."""
    return _second(documents.read(path, "witness", REMEDY), str(path))


def _second(document: Mapping[str, Any], source: str) -> dict[str, Any]:
    try:
        whole = second(document)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise UsageError(f"{source} is no complete witness: {_fault(error)}. {REMEDY}") from None
    documents.check(whole, "witness", source, REMEDY)
    return whole


def _fault(error: Exception) -> str:
    """The text of an error, worded for errors without one."""
    return f"{error} is missing" if isinstance(error, KeyError) else str(error)


def second(document: Mapping[str, Any]) -> dict[str, Any]:
    """A witness in the second schema, from either: in the first, a case had W, X, y and reg, or x in a row and its shape.

    Raises KeyError, TypeError, ValueError or AttributeError for invalid data.
    """
    if document.get("schema") != FIRST_SCHEMA:
        return dict(document)
    case = document["case"]
    values = {"x": nested(case["x"], case["shape"])} if "x" in case else {name: case[name] for name in LINEAR.names}
    drawn = {name: case[name] for name in ("family", "seed") if name in case}
    return {**document, "schema": SCHEMA, "values": values, "differentiated": list(values)[:1], "case": drawn}


def task(document: Mapping[str, Any]) -> Task:
    """The task that judges a stored case again, with all conventions fixed. Raises UsageError where the document lacks something."""
    documents.check(document, "witness", "the witness", REMEDY)
    document = _second(document, "the witness")
    named = {key: str(document[key]) for key in ("candidate", "loss", "dtype", "law")}
    of_pair = named["loss"] == NO_LOSS
    try:
        case = Case.from_dict({**document["case"], **{key: document[key] for key in ("values", "differentiated")}}, named["dtype"])
        case = case if of_pair else _checked(case, named["loss"])
        pins = Pins() if of_pair else _pins(document.get("conventions") or {}, named["loss"])
    except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
        raise UsageError(f"the witness is not complete: {_fault(error)}. {REMEDY}") from None
    seed = document.get("seed", 0)  # the upstream gradient; older witnesses have none
    conventions = document.get("conventions") or {}
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
    """The case as a case of the loss. Raises ValueError where it is not one."""
    from verify.cases import inputs  # loads Hypothesis, which only a replay needs

    problem = problem_named(loss)
    return scored.checked(case, find_loss(loss).parameters) if problem is None else inputs.checked(problem, case)


def _example(case: Case, tree: Any) -> Example:
    """The inputs of a pair without a spec; one array where there is no `tree` of its arguments. Raises UsageError where it has others."""
    try:
        if tree is None and len(case.values) != 1:
            raise ValueError(f"the values are {', '.join(case.values)}, where a function of one array has one")
        return Example(case.x if tree is None else from_plain(tree, case.values))
    except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
        raise UsageError(f"the witness is not complete: {_fault(error)}. {REMEDY}") from None


def _pins(conventions: Mapping[str, Any], loss: str) -> Pins:
    """The stored conventions as pins, with the parameters, which are stored among them by name. Parameters
    that vary are set by the case.
    """
    numbers = [name for name in find_spec(loss).parameters if name in conventions]
    parameters = {
        name: conventions[name] for name in numbers if name not in conventions.get("varied", ()) and conventions[name] != VARIED_EACH
    }
    return Pins(**{key: conventions[key] for key in PINS if key in conventions and key not in numbers}, parameters=parameters)
