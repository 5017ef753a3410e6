"""One task on a worker process: its progress is noted and its output kept, and harm that the candidate does there is the candidate's."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from verify.campaign import memory, output
from verify.campaign.notes import TaskNotes
from verify.campaign.sources import needed
from verify.campaign.task import Inapplicable, Outcome, Task, diagnosis_code, unjudged, worker_lost
from verify.campaign.worker_exits import UNFIT
from verify.errors import UsageError
from verify.storage import clear, go_home

MOST_OPENINGS = 100
"""Times that a worker recreates the folder of notes, which the candidate of another one may remove or replace again and again."""


def perform_guarded(task: Task, notes_file: Path, output_file: Path) -> Outcome | Inapplicable:
    """Performs a task on a worker, noting progress and keeping the candidate's output.

    A process that a candidate has spoilt takes no task: it ends, and another one takes the task. Raises UsageError as `perform` does.
    """
    from verify.campaign.judging import interruption, perform  # loaded there
    from verify.candidates import process_globals
    from verify.candidates.answer import before_each_call

    output.repair()
    os.umask(0o077)  # whatever a candidate has done to it, others can read the notes
    go_home(task.request.folder)
    if process_globals.no_files() is not None:
        os._exit(UNFIT)
    notes = _opened(notes_file)
    before_each_call(notes.on_call)
    try:
        with output.captured(output_file):
            outcome = perform(task, notes, goes_on=True)
        harm = process_globals.no_files() or notes.harm()
        if harm is not None and diagnosis_code(outcome) != "crashed":
            return worker_lost(task, notes.note, "crashed", harm)
        if harm is None and diagnosis_code(outcome) == "crashed":
            output.check_room(notes_file.parent)
        return replace(outcome, sources=needed(task.request.folder))
    except UsageError as error:
        harm = process_globals.no_files() or notes.harm()
        if harm is not None:  # anything that could not be read for lack of files
            return worker_lost(task, notes.note, "crashed", harm)
        raise UsageError(_text(error)) from None  # as the suite's own class, the only one that the reader accepts
    except Exception as error:
        spent = memory.exhausted()
        if spent is None and not isinstance(error, MemoryError):
            go_home(task.request.folder)
            harm = process_globals.harm() or notes.harm() or interruption(task, error)
            return unjudged(task, notes.note, error) if harm is None else worker_lost(task, notes.note, "crashed", harm)
        notes.on_end(spent or "left no memory to go on")
        os._exit(1)  # another process has all its memory again
    except BaseException as error:  # KeyboardInterrupt and the like: only the candidate can raise it here
        return worker_lost(task, notes.note, "crashed", f"raised {type(error).__name__}")
    finally:
        before_each_call(None)
        notes.close()


def _opened(notes_file: Path) -> TaskNotes:
    for _ in range(MOST_OPENINGS):
        if not notes_file.parent.is_dir():
            clear(notes_file.parent)
        with suppress(OSError):
            notes_file.parent.mkdir(mode=0o700, exist_ok=True)
            clear(notes_file)
            return TaskNotes(notes_file)
    return TaskNotes(notes_file)


def _text(error: Exception) -> str:
    try:
        return "".join(str(error))
    except Exception:  # the candidate's own class
        return type(error).__name__
