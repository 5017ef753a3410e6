"""Loading a Python file or module that the user named. Errors of the user's code stay errors of that code."""

from __future__ import annotations

import ast
import hashlib
import importlib
import importlib.util
import os
import sys
import traceback
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType, TracebackType

from verify.errors import UsageError


def existing(path: Path) -> Path:
    """The absolute path of a file. Raises UsageError where there is none."""
    file = path.expanduser().resolve()
    if not file.is_file():
        raise UsageError(f"there is no file {path}. Give the path of an existing Python file.")
    return file


def load_file(path: Path) -> ModuleType:
    """The module of a file, executed once per process. Its folder comes first on `sys.path`, as for a script; a file with relative imports
    is imported as a module of its package.
    """
    file = existing(path)
    called = os.fsencode(file.stem).decode("utf-8", "replace")  # names of files need not be UTF-8
    name = f"_verify_{called}_{hashlib.sha256(os.fsencode(file)).hexdigest()[:8]}"
    if name in sys.modules:
        return sys.modules[name]
    if file.suffix != ".py":
        raise UsageError(f"{path} is not a Python file (its name must end in .py).")
    location = importlib.util.spec_from_file_location(name, file, loader=_FromSource(name, str(file)))
    assert location is not None
    assert location.loader is not None
    module = importlib.util.module_from_spec(location)
    sys.modules[name] = module
    if str(file.parent) not in sys.path:
        sys.path.insert(0, str(file.parent))
    try:
        location.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        del sys.modules[name]
        if isinstance(error, ImportError) and not isinstance(error, ModuleNotFoundError) and _imports_relatively(file):
            return _of_package(path, file)
        if isinstance(error, UsageError):  # an invalid spec in the file: already a sentence
            raise UsageError(f"{path}: {error}") from None
        raise UsageError(f"{path} does not import. Its own error:\n\n{_own_traceback(error)}") from None
    return module


def _imports_relatively(file: Path) -> bool:
    return any(isinstance(part, ast.ImportFrom) and part.level for part in ast.walk(ast.parse(file.read_bytes())))


def _of_package(path: Path, file: Path) -> ModuleType:
    """The module of a file that is part of a package: of all folders above it that have an `__init__.py`."""
    root = file.parent
    while (root / "__init__.py").is_file():
        root = root.parent
    if root == file.parent:
        raise UsageError(f"{path} imports its neighbours relatively, but its folder is no package. Put an __init__.py into it.")
    if str(root) not in sys.path:
        sys.path.insert(0, str(root))
    name = ".".join(file.relative_to(root).with_suffix("").parts)
    module = load_module(name)
    if Path(module.__file__ or "").resolve() != file:
        raise UsageError(f"{path} would be the module {name}, but that is {module.__file__} here. Rename one of them, or name the module.")
    return module


class _FromSource(SourceFileLoader):
    """Compiles the current source: cached bytecode is keyed by a time in whole seconds and a size, and a file edited a moment ago may have
    kept both.
    """

    def get_code(self, fullname: str) -> CodeType:  # noqa: ARG002
        """Compiles the source."""
        code: CodeType = self.source_to_code(self.get_data(self.path), self.path)
        return code


def load_module(name: str) -> ModuleType:
    """An importable module; the current folder is searched too, as with `python -m`."""
    if "" not in sys.path and str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))
    try:
        return importlib.import_module(name)
    except (Exception, SystemExit) as error:
        if isinstance(error, ModuleNotFoundError) and error.name and f"{name}.".startswith(f"{error.name}."):
            raise UsageError(f"there is no module {error.name!r}. Give file.py:function or an importable module:function.") from None
        if isinstance(error, UsageError):
            raise UsageError(f"{name}: {error}") from None
        raise UsageError(f"module {name} does not import. Its own error:\n\n{_own_traceback(error)}") from None


def _own_traceback(error: BaseException) -> str:
    """The traceback from the user's first frame on, without frames of the import machinery and of the suite."""
    frame: TracebackType | None = error.__traceback__
    while frame and frame.tb_frame.f_globals.get("__name__", "").partition(".")[0] in (__package__, "importlib"):
        frame = frame.tb_next
    return "".join(traceback.format_exception(type(error), error, frame)).rstrip()
