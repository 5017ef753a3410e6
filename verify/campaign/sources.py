"""What an answer depends on besides the question: the user's own files that a worker has loaded or read, and the versions of libraries.

A worker reports them with each outcome. Before an answer is reused they are compared, files by content.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import sys
import sysconfig
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from functools import lru_cache
from importlib import import_module
from pathlib import Path
from types import FrameType
from typing import Any

from verify.campaign.server import processor
from verify.elapsed import processors
from verify.rounding import blas
from verify.versions import versions

Sources = dict[str, dict[str, str | None]]
"""`{"files": {path relative to the project: digest, None where there is none}, "libraries": {name: version}}`."""

OUR_PACKAGES = ("verify", "verify.specs")
LIBRARIES = ("hypothesis", "numba", "numpy", "pebble", "python-flint", "scipy", "sympy", "verify-gradients")
SETTINGS = ("BLIS_", "CUDA_", "JAX_", "KMP_", "MKL_", "NPY_", "NUMBA_", "OMP_", "OPENBLAS_", "PYTORCH_", "TORCH_", "VECLIB_", "XLA_")
"""Prefixes of environment variables that affect how libraries compute."""
CACHES = ("JAX_COMPILATION_CACHE_DIR", "NUMBA_CACHE_DIR")
LIBRARY_FOLDERS = ("site-packages", "dist-packages")
"""Folders of installed libraries."""
SUITE_FOLDER = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "")


class _Loaded:
    """The modules that this process had loaded before its candidate, the time since, and the files that were opened since."""

    def __init__(self) -> None:
        self.before: set[str] | None = None
        self.since, self.opened, self.sought, self.listed = 0, set[str](), set[str](), set[str]()
        self.others = False

    def on_event(self, event: str, arguments: tuple[Any, ...]) -> None:
        """An audit hook: records files opened for reading, by Python, the system's loader or SQLite; modules searched for; folders listed;
        and new processes, whose reading cannot be observed. Most events are none of these.
        """
        if event not in EVENTS:
            return
        with suppress(Exception):  # an error would be raised in the code that caused the event
            if event == "open":
                if isinstance(arguments[0], str) and not (arguments[2] or 0) & (os.O_WRONLY | os.O_RDWR):
                    self.opened.add(os.path.abspath(arguments[0]))
            elif event == "import":
                self.sought.add(arguments[0])
            elif event in FILES:
                self.opened.add(os.path.abspath(arguments[0]))
            elif event in FOLDERS:
                self.listed.add(os.path.abspath(arguments[0] or os.curdir))
            elif event in PROCESSES:
                self.others = self.others or _is_by_users(sys._getframe(1))


FILES = ("ctypes.dlopen", "sqlite3.connect")
FOLDERS = ("os.listdir", "os.scandir")
PROCESSES = ("os.fork", "os.posix_spawn", "os.exec", "os.system", "subprocess.Popen")
EVENTS = frozenset({"open", "import", *FILES, *FOLDERS, *PROCESSES})


def _is_by_users(frame: FrameType | None) -> bool:
    """Whether the event comes from the user's code, directly or through Python's library, and not from an
    installed library or the suite.
    """
    while frame is not None and _is_pythons(frame.f_code.co_filename):
        frame = frame.f_back
    if frame is None or not os.path.isfile(frame.f_code.co_filename):
        return False
    return is_users(frame.f_code.co_filename)


_loaded = _Loaded()


def begin() -> None:
    """Starts recording: what is loaded or read from now on is the candidate's. Only for a process that judges one candidate."""
    _loaded.before, _loaded.since = set(sys.modules), time.time_ns()
    sys.addaudithook(_loaded.on_event)


def needed(folder: str | None) -> Sources | None:
    """What this process has loaded since, and read in the `folder` of the project. None if a file changed since this process began, or a
    child process may have read some.
    """
    if _loaded.before is None or folder is None or _loaded.others:
        return None
    try:
        files, libraries = set[str](), set[str]()
        for name, module in [*sys.modules.items()]:
            file = getattr(module, "__file__", None)
            if name in _loaded.before or not isinstance(file, str) or name.partition(".")[0] == "verify" or _is_pythons(file):
                continue
            if (library := _library(file)) is not None:
                libraries.add(library)
            else:
                files.add(os.path.abspath(file))
        files |= {path for path in _loaded.opened if _is_read(path, folder)} | {*_missing(folder)}
        folders = {path for path in _loaded.listed if _is_below(path, folder) and path not in map(os.path.abspath, sys.path)}
        if any(os.path.exists(path) and os.stat(path).st_mtime_ns >= _loaded.since for path in files):
            return None
        return {
            "files": {os.path.relpath(path, folder): digest(path) for path in sorted(files)}
            | {os.path.join(os.path.relpath(path, folder), ""): listing(path) for path in sorted(folders)},
            "libraries": {name: version(name) for name in sorted(libraries)},
        }
    except Exception:  # whatever the candidate has done to its process
        return None


def are_unchanged(sources: Sources, folder: str) -> bool:
    """Whether all of them are unchanged."""
    files, libraries = sources["files"].items(), sources["libraries"].items()
    return all((listing if path.endswith(os.sep) else digest)(os.path.join(folder, path)) == told for path, told in files) and all(
        version(name) == told for name, told in libraries
    )


@lru_cache(maxsize=1 << 14)
def _library(file: str) -> str | None:
    """The installed package that a module's file belongs to, whatever the module's name; None if it belongs to none."""
    parts = Path(file).parts
    beside = [k for k, part in enumerate(parts[:-1]) if part in LIBRARY_FOLDERS]
    return parts[beside[-1] + 1].partition(".")[0] if beside else None


def _missing(folder: str) -> Iterator[str]:
    """Paths in the project where modules were searched for in vain."""
    homes = [path for path in {*map(os.path.abspath, sys.path)} if _is_below(path, folder)]
    for name in _loaded.sought - sys.modules.keys():
        for home in homes if "." not in name else ():
            yield os.path.join(home, f"{name}.py")
            yield os.path.join(home, name, "__init__.py")


@lru_cache(maxsize=1 << 14)
def _is_below(path: str, folder: str) -> bool:
    """Whether a path is the project's folder or lies in it, outside hidden folders and libraries."""
    parts = Path(os.path.relpath(path, folder)).parts
    return not any(part.startswith(".") or part in ("__pycache__", *LIBRARY_FOLDERS) for part in parts)


def listing(path: str) -> str | None:
    """A digest of the names in a folder; None if there is no folder. Compiled files are ignored."""
    with suppress(OSError):
        return _of(sorted(name for name in os.listdir(path) if name != "__pycache__"))
    return None


def is_users(file: str) -> bool:
    """Whether a file belongs to the user: not to an installed library, Python or the suite."""
    return not (file.startswith(SUITE_FOLDER) or _is_pythons(file) or any(part in LIBRARY_FOLDERS for part in Path(file).parts))


def _is_pythons(file: str) -> bool:
    return file.startswith(PYTHON) and not any(part in LIBRARY_FOLDERS for part in Path(file).parts)


PYTHON = tuple({os.path.join(sysconfig.get_path(p), "") for p in ("stdlib", "platstdlib")})


def _is_read(path: str, folder: str) -> bool:
    """Whether a path is a project file that the candidate may have read, not compiled, hidden, or of a library."""
    return _is_below(path, folder) and not os.path.isdir(path) and not _is_pythons(path)


def digest(path: str) -> str | None:
    """A digest of a file's content; None if there is no file."""
    with suppress(OSError):
        found = os.stat(path)
        return _digest(path, found.st_size, found.st_mtime_ns)
    return None


@lru_cache(maxsize=4096)
def _digest(path: str, size: int, written: int) -> str:  # noqa: ARG001
    """The digest, cached by the file's size and time of change."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@lru_cache(maxsize=256)
def version(name: str) -> str:
    """The version of the library with a package of this name; if there are several, all versions."""
    alone = versions([name]).get(name)
    if alone is not None:
        return alone
    return ", ".join(f"{d} {found}" for d, found in versions(sorted({*_distributions().get(name, ())})).items()) or "unknown"


@lru_cache(maxsize=1)
def _distributions() -> Mapping[str, list[str]]:
    from importlib import metadata  # with a parser of mail

    return metadata.packages_distributions()


def settings() -> dict[str, str]:
    """The environment variables that affect how libraries compute, so that they compute alike on other machines."""
    return {name: value for name, value in os.environ.items() if name.startswith(SETTINGS) and name not in CACHES}


@lru_cache(maxsize=1)
def machine() -> str:
    """A digest of the suite, its libraries, Python, the processor and the libraries' settings."""
    where = [platform.machine(), processor(), processors(os.getpid()), os.environ.get("PYTHONPATH"), blas()]
    return _of([sys.version, versions(LIBRARIES), where, settings(), [*_suite()]])


def suite() -> str:
    """A digest of the suite's files."""
    return _of([*_suite()])


def _suite() -> Iterator[tuple[str, str | None]]:
    """The suite's files with their digests: a version identifies only a release, not the state of a checkout."""
    for name in OUR_PACKAGES:
        for home in import_module(name).__path__:
            for path in sorted(Path(home).rglob("*.py")):
                yield f"{name}/{path.relative_to(home)}", digest(str(path))


def _of(data: Any) -> str:
    return hashlib.sha256(json.dumps(data, sort_keys=True, default=repr).encode()).hexdigest()


def question(parts: Iterable[Any], *, of_machine: bool = True) -> str:
    """A digest of a question: of plain data, and where it matters of the machine that answers."""
    return _of([*parts, machine() if of_machine else None])
