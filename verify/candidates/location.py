"""File and line of a candidate's code, for annotations beside it."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

from verify.candidates.candidate import Candidate
from verify.candidates.compiled import python_of, unwrapped


def place_of(f: Any) -> dict[str, str | int] | None:
    """The file, relative to the current folder, and the line of a function; None where its source is not below this folder.

    Absolute paths are left out: they describe the machine, not the code.
    """
    f = unwrapped(f.first if isinstance(f, Candidate) else f)  # a pair is where its loss is
    code = python_of(f)  # numba keeps the function that it compiled
    f = f if code is None else code
    try:
        file, (_, before) = inspect.getsourcefile(f), inspect.findsource(inspect.unwrap(f))  # without a look for where it ends
    except Exception:  # a user's object may return anything
        return None
    try:
        return {"file": Path(file or "").resolve().relative_to(Path.cwd()).as_posix(), "line": before + 1}
    except (ValueError, OSError):  # nor if the current folder is gone
        return None
