"""The seconds that a worker had for its task, its present case and its present call, without those that others kept it waiting."""

from __future__ import annotations

from typing import NamedTuple

from verify.campaign.notes import Note
from verify.elapsed import Starved, now


class Spent(NamedTuple):
    """Seconds that a worker had for a task, for its present case, and since its present call began."""

    task: float
    case: float
    call: float


class TaskClock:
    """The clock of one task on one worker. It takes the waiting time in total, before the present case, and before the present call."""

    def __init__(self, note: Note) -> None:
        self.started = note.started
        self._starved = Starved(note.process)
        self._case_since, self._starved_before_case = note.since, 0.0
        self._calls, self._call_since, self._starved_before_call = -1, 0.0, 0.0

    def spent(self, note: Note, every: float) -> Spent:
        """The seconds up to now. The waiting time, which takes a file of every thread to read, is `every` so many seconds read again."""
        if note.since != self._case_since:
            self._case_since, self._starved_before_case = note.since, self._starved.seconds
        if note.calls != self._calls:
            self._calls, self._call_since, self._starved_before_call = note.calls, now(), self._starved.seconds
        if now() - self._starved.updated >= every:
            self._starved.update()
        of_task, of_case, starved = now() - note.started, now() - note.since, self._starved.seconds
        on_case = max(0.0, of_case - (starved - self._starved_before_case))
        on_call = max(0.0, now() - self._call_since - (starved - self._starved_before_call))
        return Spent(of_task - starved, on_case, min(on_case, on_call))
