"""Layers: a module imports only from below its own layer or from its own package, and each library has its homes."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from pathlib import Path

import pytest

import verify

LAYERS = (
    ("folders", "later", "versions"),
    ("errors", "evidence", "library_errors", "profiles", "rounding", "core"),
    ("documents",),
    (
        "data",
        "difference",
        "disk_cache",
        "elapsed",
        "figures",
        "form",
        "limits",
        "nested",
        "settings",
        "slope",
        "source",
        "storage",
        "streams",
    ),
    ("tape",),
    ("spec",),
    ("problem",),
    ("traced",),
    ("oracle", "candidates"),
    ("cases", "conventions", "mistakes", "proof", "terms"),
    ("laws",),
    ("bulk", "diagnosis"),
    ("auditing", "trial", "survey"),
    ("power", "pair"),
    ("campaign",),
    ("report",),
    ("gate",),
    ("descent",),
    ("api",),
    ("bench", "commands", "testing"),
    ("cli", "pytest_plugin"),
    ("__init__", "__main__"),
)
"""Packages from the ground up: here a package is a module of `verify`, or a package with all its modules."""

LAYER = {package: layer for layer, packages in enumerate(LAYERS) for package in packages}
SAME_PACKAGE = {"specs": "spec", "reports": "report", "benchmarks": "bench"}
"""`verify.specs` are the shipped values of `verify.spec`'s types, and its catalogue finds them; `verify.reports` is the report's schema,
`verify.benchmarks` are the tables that `verify.bench` times."""

CLOSED = {"core": {"auditing", "bench", "descent"}}
"""Packages that nobody imports but these: the core is judged like anyone else's code, by its name, and may be used."""

HOMES = {
    "click": {
        "bench",
        "cli",
        "descent",
        "gate",
        "commands",
        "report",
    },
    "distributed": {"bench", "campaign"},
    "flint": {
        "bench",
        "cases",
        "laws",
        "oracle",
        "proof",
        "tape",
        "terms",
        "traced",
    },
    "hypothesis": {"bench", "cases", "profiles", "trial"},
    "jax": {"candidates", "traced"},
    "jinja2": {"bench", "descent", "report"},
    "jsonschema": {"documents"},
    "llvmlite": {"core"},
    "markupsafe": {"report"},
    "matplotlib": {"descent", "figures"},
    "numba": {"candidates", "core"},
    "numpy": {
        "bench",
        "auditing",
        "bulk",
        "candidates",
        "cases",
        "conventions",
        "core",
        "data",
        "descent",
        "diagnosis",
        "difference",
        "figures",
        "form",
        "laws",
        "mistakes",
        "oracle",
        "pair",
        "power",
        "problem",
        "proof",
        "rounding",
        "slope",
        "spec",
        "survey",
        "tape",
        "terms",
        "traced",
    },
    "pebble": {"campaign"},
    "platformdirs": {"campaign", "folders"},
    "pytest": {"pytest_plugin"},
    "rich": {"bench", "descent", "report"},
    "scipy": {"bench", "oracle", "proof", "tape", "traced"},
    "sklearn": {"candidates"},
    "sympy": {"later", "mistakes", "oracle", "problem", "spec"},
    "torch": {"candidates", "traced"},
}


@cache
def modules() -> dict[str, Path]:
    """Every module of the package by its dotted name."""
    mapped = {name: Path(import_module(name).__file__).parent for name in ("verify.specs", "verify.benchmarks")}
    roots = {"verify": Path(verify.__file__).parent, **mapped}
    return {
        ".".join([root, *path.relative_to(folder).with_suffix("").parts]): path
        for root, folder in roots.items()
        for path in sorted(folder.rglob("*.py"))
    }


def package(module: str) -> str:
    """The package of a dotted name: `verify.laws.order` and `verify.laws` are in `laws`, `verify` itself is `__init__`."""
    name = (*module.split("."), "__init__")[1]
    return SAME_PACKAGE.get(name, name)


@cache
def imported(source: str) -> tuple[str, ...]:
    """The dotted names that a source imports, at any depth, also for types only. Each is read once, for all libraries."""
    return tuple(_imported(source))


def _imported(source: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level:
            yield "." * node.level + (node.module or "")
        elif isinstance(node, ast.ImportFrom) and node.module == "verify":
            yield from (f"verify.{a.name}" if a.name in LAYER or a.name in SAME_PACKAGE else "verify" for a in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module
            if node.module == "verify.later":
                yield from (a.name for a in node.names if a.name in HOMES)


def violations(module: str, source: str) -> list[str]:
    """What a module's imports break, in sentences."""
    mine = package(module)
    if mine not in LAYER:
        return [f"{module} stands in no layer: add {mine!r} to LAYERS in tests/test_layers.py, above everything that it imports."]
    found = []
    for name in imported(source):
        library, theirs = name.partition(".")[0], package(name)
        if name.startswith("."):
            found.append(f"{module} imports {name}: write absolute imports, so that a reader sees the layer.")
        elif library != "verify" and library not in HOMES and library not in sys.stdlib_module_names:
            found.append(f"{module} imports {library}, which has no home: add it to HOMES and to pyproject.toml, or leave it out.")
        elif library in HOMES and mine not in HOMES[library]:
            found.append(f"{module} imports {library}, whose homes are {sorted(HOMES[library])}.")
        elif library == "verify" and theirs != mine and mine not in CLOSED.get(theirs, {mine}):
            found.append(f"{module} imports {name}: nobody imports {theirs}.")
        elif library == "verify" and theirs != mine and LAYER.get(theirs, len(LAYERS)) >= LAYER[mine]:
            found.append(f"{module} (layer {LAYER[mine]}) imports {name}, which is not below it.")
    return found


@pytest.mark.parametrize("module", modules())
def test_a_module_imports_from_below_only(module):
    assert violations(module, modules()[module].read_text(encoding="utf-8")) == []


def test_every_package_of_the_table_exists():
    assert sorted(LAYER) == sorted({package(m) for m in modules()})


def told(document: str) -> dict[str, int]:
    """The layer of each module in the table of CONTRIBUTING.md."""
    rows = re.findall(r"^\| (\d+) \| (.*?) \| ", document, re.MULTILINE)
    return {module: int(layer) for layer, cell in rows for module in re.findall(r"`(\w+)(?:\.py|/)`", cell) if module not in SAME_PACKAGE}


def test_the_table_of_contributing_tells_every_layer():
    document = (Path(__file__).parent.parent / "CONTRIBUTING.md").read_text(encoding="utf-8")
    assert told(document) == {package: layer for package, layer in LAYER.items() if not package.startswith("__")}


@cache
def libraries() -> dict[str, set[str]]:
    """What each module imports, by the first names."""
    return {module: {n.partition(".")[0] for n in imported(path.read_text(encoding="utf-8"))} for module, path in modules().items()}


@pytest.mark.parametrize("library", HOMES)
def test_every_home_is_lived_in(library):
    assert {package(module) for module, names in libraries().items() if library in names} == HOMES[library]


CAUGHT = {
    "a layer above": ("verify.oracle.new", "from verify.laws import LAWS", "not below"),
    "another package of the layer": ("verify.candidates.new", "import verify.oracle", "not below"),
    "inside a function": ("verify.spec.new", "def f():\n    from verify.trial import run", "not below"),
    "for types only": ("verify.evidence", "if TYPE_CHECKING:\n    from verify.report.model import Report", "not below"),
    "the package itself": ("verify.report.text", "from verify import check", "not below"),
    "a module of the package": ("verify.spec.loss", "from verify import laws", "not below"),
    "the core": ("verify.campaign.configuration", "import verify.core.linear", "nobody imports core"),
    "the core by name": ("verify.api", "from verify import core", "nobody imports core"),
    "a library out of its home": (
        "verify.laws.order",
        "import sympy",
        "whose homes are ['later', 'mistakes', 'oracle', 'problem', 'spec']",
    ),
    "a library that is loaded later": ("verify.laws.order", "from verify.later import sympy", "imports sympy, whose homes are"),
    "a library's module": ("verify.api", "from numba.core import types", "whose homes are ['candidates', 'core']"),
    "a library without a home": ("verify.api", "import requests", "has no home"),
    "a relative import": ("verify.laws.new", "from .law import Law", "absolute"),
    "a package that is not listed": ("verify.new", "import math", "add 'new' to LAYERS"),
    "a package that does not exist": ("verify.api", "import verify.nowhere", "not below"),
}


@pytest.mark.parametrize("case", CAUGHT)
def test_a_wrong_import_is_caught(case):
    module, source, message = CAUGHT[case]
    (sentence,) = violations(module, source)
    assert message in sentence


@pytest.mark.parametrize("source", ["from verify.errors import UsageError", "import verify.spec.loss", "import os.path", "import sympy"])
def test_a_right_import_is_none(source):
    assert violations("verify.spec.new", source) == []


LIGHT = {
    "the server of the workers": "import verify.cli\nfrom verify.campaign.server import prepare",
    "import verify": "import verify",
    "verify --help": "from verify.cli import main\nsys.argv = ['verify', '--help']\ntry:\n    main()\nexcept SystemExit:\n    pass",
    "verify --version": "from verify.cli import main\nsys.argv = ['verify', '--version']\ntry:\n    main()\nexcept SystemExit:\n    pass",
}


@pytest.mark.parametrize("case", LIGHT)
def test_nothing_heavy_is_loaded_before_it_is_needed(case):
    told = "print('loaded:', *sorted({m.partition('.')[0] for m in sys.modules}))"
    run = subprocess.run([sys.executable, "-c", f"import sys\n{LIGHT[case]}\n{told}"], capture_output=True, encoding="utf-8", check=True)
    loaded = set(run.stdout.splitlines()[-1].split())
    assert "verify" in loaded
    assert not loaded & {"flint", "hypothesis", "jinja2", "jsonschema", "matplotlib", "numba", "numpy", "pebble", "rich", "scipy", "sympy"}


TWICE = {
    "Affine": "what algebra calls so: of a function of inputs, and of a form over a field",
    "Element": "a summand of a loss, as Contributing has it; of a field, as algebra has it",
}
"""Public classes that share their name, and why."""


def test_a_class_has_a_name_of_its_own():
    homes = {}
    for module, path in modules().items():
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                homes.setdefault(node.name, []).append(module)
    assert {name: where for name, where in homes.items() if len(where) > 1 and name not in TWICE} == {}
    assert [name for name in TWICE if len(homes.get(name, ())) < 2] == []
