"""A project packed for other machines: its files as one zip, and its package as a wheel if it has one."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import suppress
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path

from verify.campaign.sources import LIBRARY_FOLDERS
from verify.errors import UsageError
from verify.settings import load

MAX_PROJECT = 64 << 20
"""Largest project in bytes that is sent: larger data belong where workers can read them."""
SKIPPED = ("__pycache__", "node_modules", *LIBRARY_FOLDERS)
SHOWN_LINES = 15
"""Lines shown of the output of a build that fails."""


def files(folder: Path, reports: Path) -> list[Path]:
    """The project's files, relative to its folder: those that git tracks or would, without git all but hidden, compiled and installed ones.
    `reports` is left out.
    """
    there = _of_git(folder)
    found = [*_below(folder, folder)] if there is None else there
    return sorted(p for p in found if not (folder / p).is_symlink() and (folder / p).is_file() and reports not in (folder / p).parents)


def _of_git(folder: Path) -> list[Path] | None:
    with suppress(OSError):
        listed = subprocess.run(
            ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],  # noqa: S607  # the user's own
            cwd=folder,
            capture_output=True,
            check=False,
        )
        if listed.returncode == 0:
            return [Path(os.fsdecode(name)) for name in listed.stdout.split(b"\0") if name]
    return None


def _below(folder: Path, root: Path) -> Iterator[Path]:
    for path in folder.iterdir():
        if path.name.startswith(".") or path.name in SKIPPED or path.is_symlink():
            continue
        if path.is_dir():
            yield from () if (path / "pyvenv.cfg").exists() else _below(path, root)
        else:
            yield path.relative_to(root)


def packed(folder: Path, there: Sequence[Path]) -> bytes:
    """The files of a folder in one zip. Raises UsageError where they are too large to be sent."""
    whole, size = BytesIO(), 0
    with zipfile.ZipFile(whole, "w", zipfile.ZIP_DEFLATED) as zipped:
        for path in there:
            size += (folder / path).stat().st_size
            if size > MAX_PROJECT:
                raise UsageError(
                    f"the files in {folder} are larger than {MAX_PROJECT >> 20} MiB, which is the most that is sent to workers. Install "
                    "the project there and say --installed, or keep data elsewhere."
                )
            zipped.write(folder / path, path.as_posix())
    return whole.getvalue()


def is_built(folder: Path) -> bool:
    """Whether the project can be built into a wheel."""
    file = folder / "pyproject.toml"
    return file.is_file() and {"build-system", "project"} <= load(file).keys()


def _builder() -> list[str]:
    """The command that builds a wheel, without its target folder and the project's: environments made by uv have no pip."""
    uv = shutil.which("uv")
    if find_spec("pip") is None and uv is not None:
        return [uv, "build", "--quiet", "--wheel", "--out-dir"]
    return [sys.executable, "-m", "pip", "wheel", "--no-deps", "--quiet", "--wheel-dir"]


def wheel(folder: Path) -> bytes:
    """The project's wheel. Raises UsageError, with the last lines of the build's output, where it fails."""
    with tempfile.TemporaryDirectory() as built:
        ended = subprocess.run(  # noqa: S603  # pip of this Python, or uv
            [*_builder(), built, str(folder)],
            capture_output=True,
            text=True,
            encoding="utf-8",
            errors="replace",
            check=False,
        )
        file = next(Path(built).glob("*.whl"), None)
        if file is None:
            said = "\n".join((ended.stderr or ended.stdout).splitlines()[-SHOWN_LINES:])
            raise UsageError(
                f"no wheel of {folder} can be built for the workers. What its build says last:\n\n{said}\n\n"
                "Mend that, or install the project on the workers and say --installed."
            )
        return file.read_bytes()
