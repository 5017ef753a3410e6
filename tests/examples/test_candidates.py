"""Every command in the table of `examples/README.md` ends as the table says."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"
ROWS = re.findall(
    r"^\| `(\w+)\.py` \| .*? \| `verify (.*?)` \| (\d) \|$", (EXAMPLES / "README.md").read_text(encoding="utf-8"), re.MULTILINE
)


@pytest.mark.parametrize(("name", "command", "code"), ROWS, ids=[f"{name}-{i}" for i, (name, *_) in enumerate(ROWS)])
def test_a_command_of_the_table_ends_as_it_says(name, command, code, tmp_path):
    library = next((x for x in ("torch", "jax") if name.startswith(x)), None)
    if library and find_spec(library) is None:
        pytest.skip(f"{library} is not installed: tox -e {library}")
    shutil.copy(EXAMPLES / f"{name}.py", tmp_path)
    told = [sys.executable, "-m", "verify", *command.split(), "--profile", "quick", "--quiet", "--in-process"]
    run = subprocess.run(told, cwd=tmp_path, capture_output=True, encoding="utf-8", check=False)
    assert (run.returncode, run.stderr) == (int(code), ""), run.stdout


def test_every_example_is_in_the_table():
    assert {name for name, *_ in ROWS} == {p.stem for p in EXAMPLES.glob("*.py")}
