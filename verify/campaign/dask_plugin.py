"""The project on the workers of dask: unpacks its files in each worker's own folder, and starts processes that judge there."""

from __future__ import annotations

import queue
import shutil
import zipfile
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

from distributed import WorkerPlugin, get_worker

from verify.campaign.remote import Answer, Judge, Unit

MOST_LOST = 2
"""How often a process may end while judging a unit before the unit is blamed."""


class ProjectPlugin(WorkerPlugin):  # type: ignore[misc]  # of an extra, whose types are not looked at
    """The plugin of every worker of dask, also of those that join later."""

    def __init__(self, name: str, files: bytes | None, wheel: bytes | None, settings: Mapping[str, str]) -> None:
        """`files` is a zip of the project's folder, `wheel` one of its package; `settings` are those of `sources.settings`."""
        self.name, self.files, self.wheel, self.settings = name, files, wheel, dict(settings)

    def setup(self, worker: Any) -> None:
        """Unpacks the project."""
        self.home = Path(worker.local_directory) / self.name
        self.project, self.library = self.home / "project", self.home / "site-packages"
        for folder, packed in ((self.project, self.files), (self.library, self.wheel)):
            folder.mkdir(parents=True, exist_ok=True)
            if packed is not None:
                with zipfile.ZipFile(BytesIO(packed)) as zipped:
                    zipped.extractall(folder)
        self.idle: queue.SimpleQueue[Judge] = queue.SimpleQueue()
        self.judges: list[Judge] = []
        self.over = False

    def teardown(self, worker: Any) -> None:  # noqa: ARG002
        """Ends the worker's processes, whatever they are doing: the run is over."""
        self.over = True
        for judge in self.judges:
            judge.end()
        shutil.rmtree(self.home, ignore_errors=True)

    def judge(self, unit: Unit) -> Answer | None:
        """The outcome of a unit; None where it ended its process. Each thread of the worker uses one process at a time."""
        for _ in range(MOST_LOST):
            if self.over:
                break
            try:
                judge = self.idle.get_nowait()
            except queue.Empty:
                judge = Judge(self.project, self.library, self.settings)
                self.judges.append(judge)
            answer = judge.ask(unit)
            if answer is not None:
                self.idle.put(judge)
                return answer
            self.judges.remove(judge)
        return None


def judge(unit: Unit, plugin_name: str) -> Answer | None:
    """Judges a unit on a dask worker that has the plugin of this name."""
    plugin: ProjectPlugin = get_worker().plugins[plugin_name]
    return plugin.judge(unit)
