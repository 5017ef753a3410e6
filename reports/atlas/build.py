"""The atlas: a report of `verify run` as one compact document and one page, and what got better and worse since an earlier one.

python build.py                       reports/latest/report.json → atlas.json, index.html
python build.py --against OLD.json    the same, and a table of what changed; exit code 1 where something got worse
"""

from __future__ import annotations

import ast
import json
import sys
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import click
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from verify.gate.baseline import key_of
from verify.nested import decimal, leaves
from verify.report.findings import Finding, findings
from verify.documents import as_json
from verify.report.html import formula
from verify.report.reading import conventions, entry, figure, limitations, lost_digits, measured, refusals, values
from verify.report.stored import read
from verify.storage import save

HERE = Path(__file__).parent
SCHEMA = "verify-atlas/1"
VERDICTS = ("broken", "silent", "documented", "holds")
"""From the gravest; `documented` is a deviation from the formula that the library's documentation states."""
LIBRARIES = {"sklearn": "scikit-learn"}
"""Distributions that are called otherwise than their module."""
FEW = 12
"""Numbers of an input that the atlas shows; the report has all of them."""
ON_KINKS = ("membership",)
"""Laws that are silent where no kink was met, which is told of none."""
STOPPED = "before this was judged"
"""In the reason of a result that a run was stopped before."""
WORSE = 4.0
"""Times as many ulps as before are told as worse: they were searched for, so less is luck."""


@dataclass(frozen=True, kw_only=True)
class Asked:
    """One function at one dtype: its target, what was found out of how it is called, and what the project says."""

    target: str
    dtype: str
    conventions: Mapping[str, Any]
    said: Mapping[str, Any]

    def about(self, kind: str, words: str = "*") -> Mapping[str, Any] | None:
        """The first entry of the project, `documented` or `findings`, that is about it, and about a fault in these words."""
        entries = (e for e in self.said.get(kind, ()) if self.target in e["targets"])
        return next((e for e in entries if any(part in words for part in e.get("causes", [""]))), None)


def atlas(document: Mapping[str, Any], project: Mapping[str, Any], folder: Path = HERE) -> dict[str, Any]:
    """The document of the atlas: losses, and functions with what is known of them at each dtype."""
    told, found, said = dict(conventions(document)), findings(document), project["tool"]["atlas"]
    results: dict[str, dict[str, list[Mapping[str, Any]]]] = {}
    for r in document["results"]:
        results.setdefault(r["candidate"], {}).setdefault(r["dtype"], []).append(r)
    functions = []
    for target in (c["target"] for c in project["tool"]["verify"]["candidates"] if c["target"] in results):
        library, name = _named(target, said["functions"].get(target))
        known = {}
        for dtype, rows in results[target].items():
            asked = Asked(target=target, dtype=dtype, conventions=document["conventions"].get(target, {}), said=said)
            known[dtype] = _known(rows, [Finding(members=here) for f in found if (here := tuple(r for r in f.members if r in rows))], asked)
        functions.append({
            "target": target,
            "library": library,
            "name": name,
            "version": _version(library),
            "loss": next(iter(results[target].values()))[0]["loss"],
            "adapter": _adapter(target, folder),
            "conventions": told.get(target, ""),
            "documented": [d["says"] for d in said.get("documented", ()) if target in d["targets"]],
            "limitations": [text for name, text in (*limitations(document), *lost_digits(document)) if name == target],
            "dtypes": known,
        })  # fmt: skip
    environment = document["environment"]
    told_of = {*results, *(r["candidate"] for r in document.get("refused", ()))}
    missing = [c["target"] for c in project["tool"]["verify"]["candidates"] if c["target"] not in told_of]
    return {
        "schema": SCHEMA,
        **{key: document[key] for key in ("profile", "seed")},
        **{key: environment[key] for key in ("verify", "python", "platform")},
        "versions": dict(sorted({f["library"]: f["version"] for f in functions}.items())),
        "losses": {name: {key: loss.get(key, "") for key in ("formula", "mathml", "source")} for name, loss in document["losses"].items()},
        "findings": [{"link": "", **f} for f in said.get("findings", ())],
        "not judged": [*said.get("not-judged", ()), *refusals(document), *(f"{t}: the run was stopped before" for t in missing)],
        "functions": functions,
    }


def merged(documents: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Reports of parts of the project as one: of two answers to a question the later; what a run was stopped before is left out."""
    whole = dict(documents[0])
    for key in ("conventions", "losses", "laws"):
        whole[key] = {name: told for d in documents for name, told in d[key].items()}
    results = {key_of(r): r for d in documents for r in d["results"] if not any(STOPPED in why for why in r["undecided"])}
    whole["results"] = [*results.values()]
    whole["refused"] = [r for d in documents for r in d.get("refused", ())]
    return whole


def _named(target: str, said: Mapping[str, str] | None) -> tuple[str, str]:
    """Library and name of what is judged."""
    if said is not None:
        return said["library"], said["name"]
    library, _, path = target.replace(":", ".").partition(".")
    return LIBRARIES.get(library, library), path


def _version(library: str) -> str:
    try:
        return metadata.version(library)
    except metadata.PackageNotFoundError:
        return "?"


def _adapter(target: str, folder: Path) -> str:
    """The code of an adapter; nothing where the library's own function is called."""
    file, _, name = target.partition(":")
    if not file.endswith(".py"):
        return ""
    text = (folder / file).read_text(encoding="utf-8")
    parts = (ast.get_source_segment(text, node) or "" for node in ast.parse(text).body)
    return next((part for part in parts if part.startswith((f"def {name}(", f"{name} = "))), "")


def _known(rows: Sequence[Mapping[str, Any]], broken: Sequence[Finding], asked: Asked) -> dict[str, Any]:
    """What is known of a function at one dtype."""
    laws, faults = {r["law"]: r for r in rows}, [_fault(f, asked) for f in broken]
    verdicts = ["documented" if f["documented"] else "broken" for f in faults]
    verdicts += ["silent" for r in rows if r["verdict"] == "silent" and r["law"] not in ON_KINKS]
    known = {"verdict": min(verdicts, key=VERDICTS.index, default="holds"), "faults": faults, "cases": sum(r["cases"] for r in rows)}
    for law in ("value", "gradient"):
        if law in laws and laws[law]["ulps"] is not None:
            known[law] = {"ulps": laws[law]["ulps"], **_place(laws[law].get("farthest"), asked)}
    on_kinks = laws.get("membership", {})
    if "measured" in (case := on_kinks.get("worst") or on_kinks.get("witness") or {}):
        known["kinks"] = _place(case, asked)
    return known


def _fault(f: Finding, asked: Asked) -> dict[str, Any]:
    """A finding, with what the project says of it: that it is documented, or how it was looked at."""
    shown, words = f.shown, f"{f.cause or ''} {measured(f.shown)}"
    documented, looked_at = asked.about("documented", words), asked.about("findings", words)
    told = {"cause": f.cause or "", "says": measured(shown), "kind": shown["kind"], "laws": list(f.laws)}
    told |= {"documented": documented["says"] if documented else ""}
    told |= {"finding": looked_at["name"], "title": looked_at["title"]} if looked_at else {"finding": "", "title": ""}
    return told | _place(shown.get("witness"), asked)


def _place(case: Mapping[str, Any] | None, asked: Asked) -> dict[str, Any]:
    """An input: its numbers where they are few, of many examples the one that the entry belongs to; and the line that asks again there."""
    if case is None:
        return {}
    found, told = values(case), {key: case[key] for key in ("measured", "expected") if key in case}
    if "entry" in case or "input" in case:
        told["entry"] = entry(case)
    if "targets" in case and "y" in found:
        found = {name: v for name, v in found.items() if name != "y"} | {"targets": case["targets"]}
    at = case.get("entry")
    if "scores" in found and isinstance(at, list) and (n := len(found["scores"])) > 1:
        found = {name: [v[at[0]]] if isinstance(v, list) and len(v) == n else v for name, v in found.items()}
        told["of"] = f"example {at[0]} of {n}"
    numbers = sum(len(leaves(v)) for v in found.values())
    if numbers > FEW:
        return told | {"size": f"{numbers} numbers, family {case.get('family', '')}"}
    return told | {"input": found, "again": again(found, asked, case.get("input"))}


def again(found: Mapping[str, Any], asked: Asked, wanted: str | None = None) -> str:
    """One line that asks the library at an input, in the folder of the adapters and without this suite, for the value and the gradient for
    the input that is `wanted`, the first if none is; nothing where no line is known.
    """
    module, _, name = asked.target.partition(":")
    module, told = module.removesuffix(".py"), asked.conventions
    if module == "xgboost_" or not told:
        return ""
    scores = ["scores", "targets" if "targets" in found else "y"]
    numbers = {key: decimal(v) for key, v in found.items()}
    if "targets" in found:
        numbers["scores"] = [row[0] for row in numbers["scores"]]
    if told.get("framework") == "sklearn":
        s, y = (numbers[key] for key in scores)
        ask = f"print({name}().loss_gradient(np.array({y}, np.{asked.dtype}), np.array({s}, np.{asked.dtype})))"
        return f'python -c "import numpy as np; from {module} import {name}; {ask}"'
    order = [key.strip() for key in told["call"][2:-1].split(",")] if "call" in told else scores
    own = {key: numbers.get(key, told.get(key)) for key in (*order, *told.get("varied", ()))}
    make, xp = {"torch": ("torch.tensor", "torch"), "jax": ("jnp.array", "jnp")}.get(told.get("framework", ""), ("np.array", "np"))

    def code(key: str, v: Any) -> str:
        whole = (key == "y" and key in scores) or all(isinstance(x, int) for x in leaves(v))
        return f"{make}({v}{'' if whole and key != 'targets' else f', dtype={xp}.{asked.dtype}'})"

    named = [key for key, v in own.items() if isinstance(v, list)]
    arrays, k = ", ".join(code(key, own[key]) for key in named), named.index(wanted) if wanted in named else 0
    more = "".join(f", {key}={v!r}" for key, v in own.items() if isinstance(v, float))
    if make == "torch.tensor":
        ask = f"a = [{arrays}]; a[{k}].requires_grad_(); v = f(*a{more}).sum(); v.backward(); print(v.item(), a[{k}].grad)"
        return f'python -c "import torch; from {module} import {name} as f; {ask}"'
    if make == "jnp.array":
        head = f"import jax; jax.config.update('jax_enable_x64', True); import jax.numpy as jnp; from {module} import {name} as f"
        return f'python -c "{head}; print(jax.value_and_grad(lambda *a: f(*a{more}).sum(), {k})({arrays}))"'
    return f'python -c "import numpy as np; from {module} import {name} as f; print(f({arrays}{more}))"'


def compare(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[dict[str, str]]:
    """What got better and worse between two atlases: verdicts, and errors that are WORSE times as large or as small."""
    changes = []
    before = {(f["target"], dtype): (f, known) for f in old["functions"] for dtype, known in f["dtypes"].items()}
    for f in new["functions"]:
        for dtype, now in f["dtypes"].items():
            row = {"library": f["library"], "name": f["name"], "dtype": dtype}
            if (f["target"], dtype) not in before:
                changes.append(row | {"what": "function", "before": "", "now": f"{now['verdict']} ({f['version']})", "change": "new"})
                continue
            g, then = before.pop((f["target"], dtype))
            versions = {"before": f"({g['version']})", "now": f"({f['version']})"}
            told = [("verdict", then["verdict"], now["verdict"], VERDICTS.index(now["verdict"]) - VERDICTS.index(then["verdict"]))]
            for law in ("value", "gradient"):
                a, b = (float(known.get(law, {}).get("ulps", "nan")) for known in (then, now))
                told.append((f"ulps of the {law}", figure(a, ".3g"), figure(b, ".3g"), (a > WORSE * b) - (b > WORSE * a)))
            for what, a, b, way in (t for t in told if t[-1]):
                words = {"before": f"{a} {versions['before']}", "now": f"{b} {versions['now']}"}
                changes.append(row | words | {"what": what, "change": "better" if way > 0 else "worse"})
    for (_, dtype), (g, then) in before.items():
        row = {"library": g["library"], "name": g["name"], "dtype": dtype}
        changes.append(row | {"what": "function", "before": f"{then['verdict']} ({g['version']})", "now": "", "change": "gone"})
    return sorted(changes, key=lambda c: ("worse", "gone", "new", "better").index(c["change"]))


def page(whole: Mapping[str, Any], changes: Sequence[Mapping[str, str]] | None = None) -> str:
    """The atlas as one page, which needs nothing beside it. `changes` since an earlier one stand above, if they are given."""
    pages = Environment(loader=FileSystemLoader(HERE), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    pages.filters |= {"figure": figure, "formula": formula, "input": _shown}
    rows = [(f, dtype, known) for f in whole["functions"] for dtype, known in f["dtypes"].items()]
    rows.sort(key=lambda row: (VERDICTS.index(row[2]["verdict"]), row[0]["library"], row[0]["name"], row[1] != "float64"))
    counts = {v: sum(known["verdict"] == v for _, _, known in rows) for v in VERDICTS}
    return pages.get_template("atlas.html.j2").render(atlas=whole, rows=rows, counts=counts, verdicts=VERDICTS, changes=changes)


def _shown(found: Mapping[str, Any]) -> str:
    """An input as text: each number in decimal, and exactly."""
    return "  ".join(f"{name} = {decimal(v)!r} ({json.dumps(v).replace(chr(34), '')})" for name, v in found.items())


def project(folder: Path = HERE) -> dict[str, Any]:
    """The project's file."""
    return tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))


FILE = click.Path(path_type=Path, exists=True, dir_okay=False)


@click.command()
@click.option("--report", "reports", type=FILE, multiple=True, help="Of `verify run`; of several the parts are put together.")
@click.option("--against", type=FILE, default=None, help="An earlier atlas.json, to be compared with.")
@click.option("--output", type=click.Path(path_type=Path, file_okay=False), default=HERE, help="The folder for atlas.json and index.html.")
def main(reports: tuple[Path, ...], against: Path | None, output: Path) -> None:
    """Makes the atlas of a report."""
    old = None if against is None else json.loads(against.read_text(encoding="utf-8"))
    whole = atlas(merged([read(r) for r in reports or (HERE / "reports/latest/report.json",)]), project())
    changes = None if old is None else compare(old, whole)
    save(output / "atlas.json", as_json(whole))
    save(output / "index.html", page(whole, changes))
    click.echo(f"{len(whole['functions'])} functions: {output / 'atlas.json'}, {output / 'index.html'}")
    for c in changes or ():
        click.echo(f"{c['change']:7} {c['library']} {c['name']} {c['dtype']} {c['what']}: {c['before']} → {c['now']}")
    sys.exit(any(c["change"] == "worse" for c in changes or ()))


if __name__ == "__main__":
    main()
