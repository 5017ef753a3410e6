"""Whole processes: the command's help, what its libraries take to load, and a check up to the first law that it tells of."""

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from verify.bench.table import Setup, Table
from verify.errors import UsageError

CORE = """
import numpy as np
from verify.core import multiclass_hinge
multiclass_hinge.l2(np.ones((3, 4)), np.ones((5, 4)), [0] * 5, 0.5)
"""
PROGRAMS = {
    "verify --help": "import sys\nfrom verify.cli import main\nsys.argv = ['verify', '--help']\nmain()",
    "an empty program": "",
    "import numpy": "import numpy",
    "import hypothesis": "import hypothesis",
    "import numba": "import numba",
    "import sympy": "import sympy",
    "the core, its cache warm": CORE,
}


def _work(program: str) -> Callable[[], None]:
    def run() -> None:
        subprocess.run([sys.executable, "-c", program], check=True, stdout=subprocess.DEVNULL)  # ours

    return run


LOSS = """
import numpy as np

def hinge(W, X, y, reg):
    S = X @ W.T
    M = S - S[np.arange(len(y)), y][:, None] + 1
    M[np.arange(len(y)), y] = 0
    A = (M > 0).astype(W.dtype)
    A[np.arange(len(y)), y] = -A.sum(1)
    return np.maximum(M, 0).sum() / len(y) + reg * (W * W).sum(), A.T @ X / len(y) + 2 * reg * W
"""


def _first_law(file: Path) -> None:
    """Starts a check of the loss in `file` and waits until it says how the first law fares."""
    file.write_text(LOSS, encoding="utf-8")
    command = [sys.executable, "-m", "verify", "check", f"{file}:hinge", "--loss", "multiclass_hinge"]
    place: Any = {"cwd": file.parent, "env": os.environ | {"TMPDIR": str(file.parent)}, "start_new_session": True}
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, **place) as check:  # ours
        told = check.stderr.readline() if check.stderr else ""
        os.killpg(check.pid, signal.SIGKILL)  # at once: how it ends is not what is timed
    if not told.startswith("[1/"):
        raise UsageError(f"verify check said {told!r} first, where it should have told of a law.")


def setups(smoke: bool) -> Iterator[Setup]:
    """One line."""
    programs = dict(list(PROGRAMS.items())[:2]) if smoke else PROGRAMS
    yield Setup(label="a process", contestants={name: _work(p) for name, p in programs.items()})
    if not smoke:
        with tempfile.TemporaryDirectory() as folder:
            yield Setup(label="a check with profile ci", contestants={"its first law": partial(_first_law, Path(folder) / "mine.py")})


TABLE = Table(name="starting", title="Processes from start to end", setups=setups)
