"""The history of a run: a row per step, as CSV and JSON, and a checkpoint to resume from."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from io import BytesIO, StringIO
from pathlib import Path
from typing import Any

import numpy as np

from verify.descent.optimisers import State
from verify.errors import UsageError

SCHEMA = "verify-descent/1"
REMEDY = "Give the NAME.npz that a run left in its --output folder."


@dataclass(frozen=True, kw_only=True)
class Progress:
    """After `iteration` steps: `evaluations` of the whole loss were computed (mini-batches count by their share), the last step
    saw `loss`, the least loss of all training examples known so far is `best`, and its weights get `test_accuracy`.
    """

    iteration: int
    evaluations: float
    loss: float
    best: float
    test_accuracy: float


@dataclass(frozen=True, kw_only=True, eq=False)
class History:
    """One run: its request (`about`: method, settings, loss, reg, data, …), its rows, and its present state."""

    about: Mapping[str, Any]
    rows: tuple[Progress, ...]
    state: State

    @property
    def name(self) -> str:
        """The method's name."""
        return str(self.about["method"])

    def to_dict(self) -> dict[str, Any]:
        """The JSON document, without the weights, which are in the checkpoint."""
        return {
            "schema": SCHEMA,
            **self.about,
            "result": asdict(self.rows[-1]) if self.rows else None,
            "rows": [asdict(r) for r in self.rows],
        }

    def to_csv(self) -> str:
        """The rows as CSV below a line of names; floats in the shortest form with the same bits."""
        return table(self.rows)

    def checkpoint(self) -> bytes:
        """Everything needed to resume the run, as .npz without pickles."""
        s, whole = self.state, BytesIO()
        told: dict[str, Any] = {"about": dict(self.about), "rows": [list(asdict(r).values()) for r in self.rows]}
        told |= {"iteration": s.iteration, "loss": s.loss.hex(), "best": s.best.hex()}
        arrays: dict[str, Any] = {"W": s.W} | ({} if s.best_at is None else {"best_at": s.best_at})
        np.savez(whole, told=np.array(json.dumps(told)), **arrays)
        return whole.getvalue()


def load(file: Path) -> History:
    """The history of a checkpoint. Raises UsageError if the file is not one."""
    try:
        with np.load(file, allow_pickle=False) as archive:
            told = json.loads(str(archive["told"]))
            arrays = {key: archive[key] for key in ("W", "best_at") if key in archive}
        state = State(**arrays, iteration=told["iteration"], loss=float.fromhex(told["loss"]), best=float.fromhex(told["best"]))
        names = [f.name for f in fields(Progress)]
        rows = tuple(Progress(**dict(zip(names, r, strict=True))) for r in told["rows"])
        return History(about=told["about"], rows=rows, state=state)
    except OSError as error:
        raise UsageError(
            f"{file} cannot be read: {error.strerror or error}. Give the NAME.npz that a run of `verify descend` left."
        ) from None
    except Exception:  # any error of the readers for a file that is no checkpoint
        raise UsageError(
            f"{file} is no checkpoint of `verify descend`. Give the NAME.npz that a run left in its --output folder."
        ) from None


def table(rows: Iterable[Progress], **first: str) -> str:
    """Rows as CSV, each preceded by the columns `first`."""
    text = StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*first, *(f.name for f in fields(Progress))])
    writer.writerows([*first.values(), *(repr(x) for x in asdict(r).values())] for r in rows)
    return text.getvalue()
