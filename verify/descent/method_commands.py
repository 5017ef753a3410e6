"""`verify descend NAME` and `--compare`: run, store a checkpoint, write the files, print the results."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from verify.descent import compare as comparison
from verify.descent.history import History, load
from verify.descent.methods import prepare
from verify.descent.names import SETTINGS
from verify.descent.options import FOLDER, print_files, problem_of, seed_of
from verify.descent.problem import TrainingProblem
from verify.descent.run import descend, describe
from verify.documents import as_json
from verify.errors import UsageError
from verify.report.progress import progress
from verify.report.text import console
from verify.storage import save, writable
from verify.streams import print_json

EVALUATIONS = 300
KEPT_EVERY = 5.0
"""Seconds between two checkpoints of a run: at most this much is lost if it is killed."""

Settings = Mapping[str, float | int | None]


def run_one(name: str, settings: Settings, *, resume: Path | None, output: Path | None, format_: str, quiet: bool, **asked: Any) -> int:
    """One method, from the start or from a checkpoint."""
    before = None if resume is None else load(resume)
    folder = output or (resume.parent if resume else Path(FOLDER))
    writable(folder)
    problem, seed, evaluations = _options(before, **asked)
    history = _run(problem, name, settings, seed, evaluations, before, folder, quiet, _again(asked))
    written = _files(history, folder)
    if format_ == "json":
        print_json(history.to_dict())
    else:
        console().print(comparison.text(comparison.document([history])))
    print_files(*written)
    return 0


def run_all(
    name: str | None, settings: Settings, *, output: Path | None, format_: str, quiet: bool, resume: Path | None = None, **asked: Any
) -> int:
    """All methods with the same budget; the named one with its settings."""
    if resume is not None:
        raise UsageError("--resume goes on with one method; leave out --compare, or run the comparison anew.")
    folder = output or Path(FOLDER)
    writable(folder)
    problem, seed, evaluations = _options(None, **asked)
    histories = [_run(problem, m, settings if m == name else {}, seed, evaluations, None, folder, quiet, _again(asked)) for m in SETTINGS]
    written = [path for h in histories for path in _files(h, folder)]
    found = comparison.document(histories)
    written += _comparison_files(histories, found, folder)
    if format_ == "json":
        print_json(found)
    else:
        console().print(comparison.text(found))
    print_files(*written[-4:])
    return 0


def _options(before: History | None, *, evaluations: int | None, seed: int | None, **options: Any) -> tuple[TrainingProblem, int, int]:
    """(problem, seed, evaluations): given ones, else those of the checkpoint, else the defaults."""
    if before is None:
        return problem_of(**options), seed_of(seed), EVALUATIONS if evaluations is None else evaluations
    about = before.about
    if about["data"] == "cifar10" and options["data"] is None:
        raise UsageError("the checkpoint belongs to CIFAR-10; give its folder with --data again.")
    kept = {"loss": about["loss"], "reg": about["reg"], "examples": about["training_examples"]}
    options |= {key: value for key, value in kept.items() if options[key] is None}
    return problem_of(**options), seed_of(about["settings"]["seed"] if seed is None else seed), evaluations or about["evaluations"]


def _again(asked: Mapping[str, Any]) -> str:
    """The option that repeats where the data are, which a checkpoint does not store."""
    return "" if asked["data"] is None else f" --data {asked['data']}"


def _run(
    problem: TrainingProblem,
    name: str,
    settings: Settings,
    seed: int,
    evaluations: int,
    before: History | None,
    folder: Path,
    quiet: bool,
    again: str,
) -> History:
    """The history of one run, stored in the folder every few seconds and on an interrupt; `again` is what --resume needs in addition to the
    file.
    """
    if before is not None and before.name == name:
        settings = {key: before.about["settings"][key] if value is None else value for key, value in settings.items()}
    method = prepare(problem, name, seed=seed, **settings)
    if before is not None:
        _same(before, describe(problem, method, evaluations))
    latest, kept_at = before, time.monotonic()

    with progress(name, quiet=quiet) as on_part:

        def on_row(history: History) -> None:
            nonlocal latest, kept_at
            latest, last = history, history.rows[-1]
            on_part(last.evaluations / evaluations, f"best loss {last.best:.4f}, test accuracy {last.test_accuracy:.1%}")
            if time.monotonic() - kept_at > KEPT_EVERY:
                _keep(history, folder)
                kept_at = time.monotonic()

        try:
            return descend(problem, method, evaluations=evaluations, before=before, on_row=on_row)
        except KeyboardInterrupt:
            stopped = latest
    if stopped is not None:
        click.echo(f"kept: go on with `verify descend {name} --resume {_keep(stopped, folder)}{again}`", err=True)
    raise KeyboardInterrupt


def _same(before: History, asked: Mapping[str, Any]) -> None:
    """Raises UsageError unless the checkpoint is one of this run."""
    for key, value in asked.items():
        kept = before.about.get(key)
        if key == "evaluations":
            spent = before.rows[-1].evaluations if before.rows else 0
            if value < spent:
                raise UsageError(f"the checkpoint has spent {spent:g} evaluations; give at least as many, not {value}.")
        elif kept != value:
            raise UsageError(f"the checkpoint was made with {key} {kept!r}, not {value!r}: ask for the same, or leave out --resume.")


def _keep(history: History, folder: Path) -> Path:
    return save(folder / f"{history.name}.npz", history.checkpoint())


def _files(history: History, folder: Path) -> list[Path]:
    """CSV, JSON, figure and checkpoint of one run."""
    from verify.descent.curves import run_picture

    picture = run_picture(history)
    texts: dict[str, str | bytes] = {"csv": history.to_csv(), "json": as_json(history.to_dict()), "svg": picture.file, "png": picture.png}
    return [*(save(folder / f"{history.name}.{kind}", whole) for kind, whole in texts.items()), _keep(history, folder)]


def _comparison_files(histories: list[History], found: Mapping[str, Any], folder: Path) -> list[Path]:
    from verify.descent.curves import comparison_picture

    picture = comparison_picture(histories)
    texts: dict[str, str | bytes] = {"csv": comparison.rows(histories), "json": as_json(found), "svg": picture.file, "png": picture.png}
    return [save(folder / f"compare.{kind}", whole) for kind, whole in texts.items()]
