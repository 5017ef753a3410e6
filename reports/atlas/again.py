"""Asks the libraries again what every finding says that they answer, by its one line and without this suite.

python again.py            all; exit code 1 where one no longer shows its fault: it may be fixed, or another version is installed
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from build import HERE, project

SECONDS = 120


def answer(line: str, folder: Path = HERE) -> str:
    """What a line `python -c "…"` prints, with this interpreter and in this folder; its last error where it fails."""
    python, *arguments = shlex.split(line)
    assert python == "python", line
    environment = {**os.environ, "PYTHONWARNINGS": "ignore", "PYTHONUTF8": "1"}
    asked = [sys.executable, *arguments]
    done = subprocess.run(asked, cwd=folder, capture_output=True, text=True, encoding="utf-8", timeout=SECONDS, env=environment)
    return done.stdout.strip() if done.returncode == 0 else done.stderr.strip().rpartition("\n")[2]


def stands(finding: Mapping[str, str]) -> bool:
    """Whether a finding's line still shows its fault; the outcome is printed."""
    found = answer(finding["again"])
    stood = finding["shows"] in found
    sys.stdout.write(f"{'stands' if stood else 'CHANGED'}  {finding['name']}: {found}{'' if stood else ', not ' + finding['shows']}\n")
    return stood


if __name__ == "__main__":
    stood = [stands(finding) for finding in project()["tool"]["atlas"].get("findings", ())]
    sys.exit(not all(stood))
