"""File and line of a candidate's code, for annotations beside it."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

from verify.candidates.candidate import Candidate
from verify.candidates.compiled import python_of, unwrapped


def place_of(f: Any) -> dict[str, str | int] | None:
    """The file, relative to the current folder, and the line of a function; None where its source is not below this folder.

    Absolute paths tell of the machine and not of the code, so they are left out.
    """
    f = unwrapped(f.first if isinstance(f, Candidate) else f)  # a pair is where its loss is
    code = python_of(f)  # numba keeps the function that it compiled
    f = f if code is None else code
    try:
        file, (_, line) = inspect.getsourcefile(f), inspect.getsourcelines(f)
    except Exception:  # an object of the user's may answer with anything
        return None
    try:
        return {"file": Path(file or "").resolve().relative_to(Path.cwd()).as_posix(), "line": max(1, line)}
    except (ValueError, OSError):  # nor where there is none any more
        return None
