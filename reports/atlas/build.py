"""The atlas: a report of `verify run` as one compact document and one page, and what got better and worse since an earlier one.

    python build.py                       reports/latest/report.json → atlas.json, index.html
    python build.py --against OLD.json    the same, and a table of what changed; exit code 1 where something got worse
"""

from __future__ import annotations

import ast
import json
import sys
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

import click
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from verify.nested import decimal
from verify.report.findings import Finding, findings
from verify.report.formats import as_json
from verify.report.html import formula
from verify.report.reading import conventions, entry, figure, is_small, limitations, measured, values
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
WORSE = 4.0
"""Times as many ulps as before are told as worse: they were searched for, so less is luck."""


def atlas(document: Mapping[str, Any], project: Mapping[str, Any], folder: Path = HERE) -> dict[str, Any]:
    """The document of the atlas: losses, and functions with what is known of them at each dtype."""
    told, found = dict(conventions(document)), findings(document)
    results: dict[str, dict[str, list[Mapping[str, Any]]]] = {}
    for r in document["results"]:
        results.setdefault(r["candidate"], {}).setdefault(r["dtype"], []).append(r)
    mine = project["tool"]["atlas"]
    functions = []
    for candidate in project["tool"]["verify"]["candidates"]:
        target = candidate["target"]
        if target not in results:
            continue
        library, name = _named(target, mine["functions"].get(target))
        framework = document["conventions"].get(target, {}).get("framework")
        functions.append({
            "target": target, "library": library, "name": name, "version": _version(library),
            "loss": next(iter(results[target].values()))[0]["loss"], "adapter": _adapter(target, folder),
            "conventions": told.get(target, ""), "documented": [d["says"] for d in mine.get("documented", ()) if target in d["targets"]],
            "limitations": [text for name, text in limitations(document) if name == target],
            "dtypes": {
                dtype: _known(rows, [f for f in found if f.shown["candidate"] == target and dtype in f.dtypes], mine, framework, target, document)
                for dtype, rows in results[target].items()
            },
        })  # fmt: skip
    environment = document["environment"]
    return {
        "schema": SCHEMA, "profile": document["profile"], "seed": document["seed"], "laws": sorted(document["laws"]),
        "verify": environment["verify"], "python": environment["python"], "platform": environment["platform"],
        "versions": dict(sorted({f["library"]: f["version"] for f in functions}.items())),
        "losses": {name: {k: loss.get(k, "") for k in ("formula", "mathml", "source", "convexity")} for name, loss in document["losses"].items()},
        "findings": [{"link": "", **f} for f in mine.get("findings", ())], "not judged": [f"{r['candidate']}: {r['reason']}" for r in document.get("refused", ())],
        "functions": functions,
    }  # fmt: skip


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
    for node in ast.parse(text).body:
        names = [node.name] if isinstance(node, ast.FunctionDef) else [t.id for t in getattr(node, "targets", ()) if isinstance(t, ast.Name)]
        if name in names:
            return ast.get_source_segment(text, node) or ""
    return ""


def _known(
    rows: Sequence[Mapping[str, Any]], broken: Sequence[Any], mine: Mapping[str, Any], framework: str | None, target: str, document: Any
) -> dict[str, Any]:
    """What is known of a function at one dtype."""
    laws = {r["law"]: r for r in rows}
    here = [Finding(members=mine_) for f in broken if (mine_ := tuple(r for r in f.members if r in rows))]
    faults = [_fault(f, target, mine, framework, document) for f in here]
    verdicts = ["documented" if f["documented"] else "broken" for f in faults]
    verdicts += ["silent" for r in rows if r["verdict"] == "silent" and r["law"] != "membership"]
    known: dict[str, Any] = {
        "verdict": min(verdicts, key=VERDICTS.index, default="holds"),
        "faults": faults,
        "cases": sum(r["cases"] for r in rows),
        "overflow": "; ".join(dict.fromkeys(f["cause"] for f in faults if f["cause"] and "not finite" in f["cause"])),
    }
    for law in ("value", "gradient"):
        if law in laws and laws[law]["ulps"] is not None:
            r, place = laws[law], laws[law].get("farthest")
            known[law] = {"ulps": r["ulps"], "strain": r["strain"]} | (_place(place, framework, target, document) if place else {})
    on_kinks = laws.get("membership", {}).get("worst") or laws.get("membership", {}).get("farthest")
    if on_kinks is not None and "measured" in on_kinks:
        known["kinks"] = {"returned": on_kinks["measured"], **_place(on_kinks, framework, target, document)}
    return known


def _fault(f: Any, target: str, mine: Mapping[str, Any], framework: str | None, document: Any) -> dict[str, Any]:
    """A finding, with what is said of it in the project: that it is documented, or where it was looked up."""
    shown, words = f.shown, f.cause or measured(f.shown)

    def about(entries: Sequence[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
        return (e for e in entries if target in e["targets"] and any(part in words or part == "*" for part in e.get("causes", ["*"])))

    said, looked_up = next(about(mine.get("documented", ())), None), next(about(mine.get("findings", ())), None)
    return {
        "cause": f.cause or "", "measured": measured(shown), "kind": shown["kind"], "laws": list(f.laws),
        "documented": "" if said is None else said["says"], "finding": "" if looked_up is None else looked_up["name"],
        **(_place(case, framework, target, document) if (case := f.witness or shown.get("witness")) else {}),
    }  # fmt: skip


def _place(case: Mapping[str, Any], framework: str | None, target: str, document: Any) -> dict[str, Any]:
    """An input: its numbers where they are few, of many examples the one that the entry belongs to."""
    at, found = case.get("entry"), values(case)
    told = {k: case[k] for k in ("measured", "expected") if k in case}
    told |= {"entry": entry(case)} if at is not None or "input" in case else {}
    if "scores" in found and isinstance(at, list) and len(found["scores"]) > 1:
        n, i = len(found["scores"]), at[0]
        found = {k: [v[i]] if isinstance(v, list) and len(v) == n else v for k, v in found.items()}
        case, told["of"] = {**case, "targets": [case["targets"][i]]} if "targets" in case else case, f"example {i} of {n}"
    if "targets" in case and "y" in found:
        found["targets"] = case["targets"] if len(case["targets"]) == len(found.pop("y")) else case["targets"]
    numbers = sum(1 for v in found.values() for _ in _leaves(v))
    if numbers > FEW:
        return told | {"size": f"{numbers} numbers, family {case.get('family', '')}"}
    return told | {"input": found, "again": again(found, framework, target, document)}


def _leaves(v: Any) -> Iterator[Any]:
    if isinstance(v, list):
        for part in v:
            yield from _leaves(part)
    else:
        yield v


def again(found: Mapping[str, Any], framework: str | None, target: str, document: Any) -> str:
    """One line that asks the library at an input, without this suite; nothing where it is not known how."""
    module, _, name = target.partition(":")
    module = module.removesuffix(".py")
    asked = document["conventions"].get(target, {})
    order = [a.strip() for a in asked["call"][2:-1].split(",")] if "call" in asked else ["scores", "targets" if "targets" in found else "y"]
    numbers = {k: decimal(v) for k, v in found.items()}
    if "targets" in numbers and "scores" in numbers:
        numbers["scores"] = [row[0] for row in numbers["scores"]]
    extra = [k for k in numbers if k not in order and k not in ("targets", "y")]
    arguments = [(k, numbers[k]) for k in (*order, *extra) if k in numbers]
    if module == "xgboost_" or not arguments:
        return ""
    if framework == "sklearn":
        s, y = numbers["scores"], numbers.get("targets", numbers.get("y"))
        return f'python -c "import numpy as np; from {module} import {name}; print({name}().loss_gradient(np.array({y}, float), np.array({s})))"'
    whole = {"y"} if "targets" not in found and "scores" in found else set()
    code = {
        "torch": lambda k, v: f"torch.tensor({v}{'' if k in whole else ', dtype=torch.float64'})",
        "jax": lambda k, v: f"jnp.array({v}{'' if k in whole else ', float'})",
    }.get(framework or "", lambda k, v: f"np.array({v}{'' if k in whole else ', float'})")
    called = ", ".join(code(k, v) if isinstance(v, list) else f"{k}={v}" for k, v in arguments)
    if framework == "torch":
        head = f"import torch; from {module} import {name} as f"
        return f'python -c "{head}; a = [{called.replace("=", ":=") if False else called}]; a[0].requires_grad_(); v = f(*a).sum(); v.backward(); print(v, a[0].grad)"' if "=" not in called.replace("dtype=", "") else ""
    if framework == "jax":
        head = f"import jax; jax.config.update('jax_enable_x64', True); import jax.numpy as jnp; from {module} import {name} as f"
        return f'python -c "{head}; print(jax.value_and_grad(lambda *a: f(*a).sum())({called}))"' if "=" not in called else ""
    return f'python -c "import numpy as np; from {module} import {name} as f; print(f({called}))"'


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
            changes += [
                row | {"what": what, "before": f"{a} {versions['before']}", "now": f"{b} {versions['now']}", "change": "better" if way > 0 else "worse"}
                for what, a, b, way in told
                if way
            ]
    gone = [{"library": g["library"], "name": g["name"], "dtype": dtype, "what": "function", "before": then["verdict"], "now": "", "change": "gone"} for (_, dtype), (g, then) in before.items()]  # fmt: skip
    return sorted(changes + gone, key=lambda c: ("worse", "gone", "new", "better").index(c["change"]))


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


@click.command()
@click.option("--report", type=click.Path(path_type=Path, exists=True), default=HERE / "reports/latest/report.json", help="Of `verify run`.")
@click.option("--against", type=click.Path(path_type=Path, exists=True), default=None, help="An earlier atlas.json, to be compared with.")
@click.option("--output", type=click.Path(path_type=Path, file_okay=False), default=HERE, help="The folder for atlas.json and index.html.")
def main(report: Path, against: Path | None, output: Path) -> None:
    """Makes the atlas of a report."""
    old = None if against is None else json.loads(against.read_text(encoding="utf-8"))
    whole = atlas(read(report), project())
    changes = None if old is None else compare(old, whole)
    save(output / "atlas.json", as_json(whole))
    save(output / "index.html", page(whole, changes))
    click.echo(f"{len(whole['functions'])} functions: {output / 'atlas.json'}, {output / 'index.html'}")
    for c in changes or ():
        click.echo(f"{c['change']:7} {c['library']} {c['name']} {c['dtype']} {c['what']}: {c['before']} → {c['now']}")
    sys.exit(any(c["change"] == "worse" for c in changes or ()))


if __name__ == "__main__":
    main()
