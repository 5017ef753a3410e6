"""Tasks with a ledger: earlier answers are taken from it, and new ones are stored in it.

An outcome that holds, is silent or inapplicable is reused if nothing it depends on has changed. A broken one is first judged again at its
case, and reused if it breaks there in the same way. If the candidate has changed, it is judged at the case that broke it before: if that
still breaks, it is the outcome, else everything is judged. An outcome that is silent for lack of time, or because of other processes, is
judged again.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import fields, replace
from typing import Any

from verify.campaign import documents
from verify.campaign.candidate_run import DEFAULT_TIMEOUT, TIMEOUT_AFTER_A_HANG, Say
from verify.campaign.executor import Done, Execute, Refuse, execute, raised
from verify.campaign.ledger import Ledger, Row
from verify.campaign.sources import Sources, are_unchanged, question
from verify.campaign.task import Inapplicable, Outcome, Request, Task, diagnosis_code, is_broken
from verify.conventions import Pins

POLL_INTERVAL = 0.25
"""Seconds between two checks for answers of another run."""


def judged(
    tasks: Sequence[Task],
    ledger: Ledger,
    *,
    timeout: float | None,
    fresh: bool = False,
    on_done: Done = lambda _: None,
    on_refused: Refuse = raised,
    say: Say = lambda _: None,
    execute: Execute = execute,
) -> list[Outcome | Inapplicable]:
    """All outcomes in the order of the tasks, as `execute` finds them, here or elsewhere; with `fresh` nothing is taken from the ledger.

    `say` receives remarks.
    """
    asked, note = {asking(t): t for t in tasks}, ledger.note
    answers: dict[str, Outcome | Inapplicable] = {}
    doubtful: dict[str, tuple[Outcome, bool]] = {}

    def done(name: str, outcome: Outcome | Inapplicable) -> None:
        answers[name] = outcome
        on_done(outcome)

    def keep(outcome: Outcome | Inapplicable) -> None:
        name = asking(outcome.task)
        done(name, _kept(ledger, name, replace(outcome, task=asked[name]), timeout))

    for name, task in [] if fresh else asked.items():
        stored = _still_valid(ledger.find(name), task, timeout)
        if stored is not None and not is_broken(stored):
            done(name, stored)
        elif isinstance(stored, Outcome) and stored.result.witness is not None:
            doubtful[name] = stored, True
        elif stored is None and not task.part:
            before = _read(ledger.broken(_subject(task)), task)
            if isinstance(before, Outcome) and before.result.witness is not None:
                doubtful[name] = before, False

    def tried(outcome: Outcome | Inapplicable) -> None:
        """Accepts an outcome that breaks at its case in the same way, or in any way where the candidate has changed; one that hangs may
        only be slow.
        """
        name = asking(outcome.task)
        before, unchanged = doubtful[name]
        if not isinstance(outcome, Outcome) or not is_broken(outcome):
            return
        if unchanged and _is_as(outcome, before):
            done(name, before)
        elif not unchanged and diagnosis_code(outcome) != "hung":
            keep(outcome)

    again = [replace(asked[name], case=before.result.witness.case) for name, (before, _) in doubtful.items() if before.result.witness]
    if again:
        execute(again, timeout=min(timeout or DEFAULT_TIMEOUT, TIMEOUT_AFTER_A_HANG), on_done=tried, on_refused=lambda _, __: None)

    waiting = [name for name in asked if name not in answers]
    while waiting:
        mine = ledger.claim(waiting)
        mine_in_order = [asked[name] for name in waiting if name in mine]
        execute(mine_in_order, timeout=timeout, on_done=keep, on_refused=on_refused, before=[*answers.values()])
        ledger.give_back(mine)
        waiting = [name for name in waiting if name not in mine]
        waiting = _awaited(waiting, asked, ledger, timeout, done, say)
    if ledger.note not in (None, note):  # for instance because the disk is full by now
        say(str(ledger.note))
    return [replace(answers[name], task=t) for t, name in ((t, asking(t)) for t in tasks) if name in answers]


def _awaited(
    waiting: Sequence[str],
    asked: Mapping[str, Task],
    ledger: Ledger,
    timeout: float | None,
    done: Callable[[str, Outcome | Inapplicable], None],
    say: Say,
) -> list[str]:
    """Takes over answers of another run as they arrive. Returns the questions that it leaves unanswered."""
    left, is_told = list[str](), False
    for name in waiting:
        while (other := ledger.claimed(name)) is not None:
            if not is_told:
                say(f"{len(waiting)} tasks are being judged by the process {other}: waiting for it")
                is_told = True
            time.sleep(POLL_INTERVAL)
        stored = _still_valid(ledger.find(name), asked[name], timeout)
        if stored is None:
            left.append(name)
        else:
            done(name, stored)
    return left


def _kept(ledger: Ledger, name: str, outcome: Outcome | Inapplicable, timeout: float | None) -> Outcome | Inapplicable:
    """Keeps an outcome, and returns it as it would come back: a run that goes on reports the same as one that was not stopped."""
    if outcome.passing if isinstance(outcome, Outcome) else outcome.skipped:
        return outcome
    stored = documents.exact(outcome)
    if stored is None:
        return outcome
    text, back = stored
    limits = json.dumps({"timeout": timeout or DEFAULT_TIMEOUT}) if diagnosis_code(outcome) == "hung" else "{}"
    ledger.keep(
        name, f'{{"outcome": {text}, "limits": {limits}}}', outcome.sources, subject=_subject(outcome.task), broken=is_broken(outcome)
    )
    return back


def _still_valid(row: Row | None, task: Task, timeout: float | None) -> Outcome | Inapplicable | None:
    """The outcome in a row, if nothing it depends on has changed."""
    outcome = _read(row, task)
    if row is None or outcome is None:
        return None
    with suppress(KeyError, TypeError, ValueError, AttributeError, OSError):
        limit = row.document["limits"].get("timeout")
        if limit not in (None, timeout or DEFAULT_TIMEOUT):
            return None
        folder, is_lost = task.request.folder, diagnosis_code(outcome) in ("crashed", "hung")
        # a lost process cannot report what it had loaded; the task is judged again in any case
        stands = is_lost if row.sources is None else folder is not None and are_unchanged(row.sources, folder)
        return outcome if stands else None
    return None


def _read(row: Row | None, task: Task) -> Outcome | Inapplicable | None:
    with suppress(Exception):  # a ledger can hold anything
        return None if row is None else replace(documents.read(task, row.document["outcome"]), reused=True)
    return None


def asking(task: Task) -> str:
    """The key of a task's question, whichever case of it is tried."""
    part = [task.part, task.rounds] if task.part else []
    return question([*_about(task.request), task.request.profile, task.request.seed, task.dtype, task.law, *part])


def _subject(task: Task) -> str:
    """The key of the same question for any profile and seed, on any machine."""
    return question([*_about(task.request), task.dtype, task.law], of_machine=False)


ASKED_OTHERWISE = {"candidate", "dtypes", "laws", "profile", "seed", "folder"}
"""Fields of a request that a question represents differently: the candidate by its name, the fields of a task by themselves, files by their
content.
"""


def _about(request: Request) -> list[Any]:
    asked = {f.name: getattr(request, f.name) for f in fields(Request) if f.name not in ASKED_OTHERWISE}
    asked["pins"] = {f.name: getattr(request.pins, f.name) for f in fields(Pins)}
    asked["at"] = None if request.at is None else repr(request.at.key)
    return [request.name, request.dtypes[0], asked]


def pictures(request: Request, dtype: str) -> str:
    """The key of a candidate's pictures."""
    return question([*_about(request), request.seed, dtype, "pictures"])


def look_up(ledger: Ledger | None, name: str, folder: str | None) -> Any:
    """The document stored under a name, if nothing it depends on has changed; else None."""
    row = None if ledger is None or folder is None else ledger.find(name)
    with suppress(KeyError, TypeError, ValueError, AttributeError, OSError):
        if row is not None and row.sources is not None and folder is not None and are_unchanged(row.sources, folder):
            return row.document
    return None


def keep(ledger: Ledger | None, name: str, document: Any, sources: Sources | None) -> Any:
    """Stores a document, if its dependencies are known, and returns it as it is read back."""
    text = json.dumps(document)
    if ledger is not None and sources is not None:
        ledger.keep(name, text, sources)
    return json.loads(text)


def _is_as(outcome: Outcome, before: Outcome) -> bool:
    """Whether an outcome breaks as before; two that hang count as equal, whatever time they had."""
    if diagnosis_code(outcome) == diagnosis_code(before) == "hung":
        return True
    told = documents.exact(outcome)
    return told is not None and isinstance(told[1], Outcome) and told[1].result.diagnosis == before.result.diagnosis
