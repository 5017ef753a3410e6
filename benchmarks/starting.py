"""Whole processes from start to end: the command's help, and what its libraries take to load."""

import subprocess
import sys
from collections.abc import Callable, Iterator

from verify.bench.table import Setup, Table

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


def setups(smoke: bool) -> Iterator[Setup]:
    """One line."""
    programs = dict(list(PROGRAMS.items())[:2]) if smoke else PROGRAMS
    yield Setup(label="a process", contestants={name: _work(p) for name, p in programs.items()})


TABLE = Table(name="starting", title="Processes from start to end", setups=setups)
