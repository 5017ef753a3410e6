"""Tasks beside a ledger: what was answered before is taken from there, and what is judged is kept there.

What holds, is silent or has nothing to ask is taken as it is, if all that it depends on is as it was. What is broken is asked first at its
case, and taken where it breaks there in the same way. Where the candidate has changed it is asked at the case that broke it before: if it
still breaks that is the outcome, else all is judged. What is silent for want of time, or for what others did, is judged again.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import fields, replace
from typing import Any

from verify.campaign import documents
from verify.campaign.executor import AFTER_A_HANG, DEFAULT_TIMEOUT, Done, Execute, Refuse, Say, execute, raised
from verify.campaign.ledger import Ledger, Row
from verify.campaign.sources import Sources, question, stand
from verify.campaign.task import Inapplicable, Outcome, Request, Task
from verify.conventions import Pins
from verify.evidence import Verdict

LOOK = 0.25
"""Seconds between two looks for what another run is going to answer."""


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
    `say` hears what else is of interest.
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
        found = _found(ledger.find(name), task, timeout)
        if found is not None and not _is_broken(found):
            done(name, found)
        elif isinstance(found, Outcome) and found.result.witness is not None:
            doubtful[name] = found, True
        elif found is None and not task.part:
            before = _read(ledger.broken(_subject(task)), task)
            if isinstance(before, Outcome) and before.result.witness is not None:
                doubtful[name] = before, False

    def tried(outcome: Outcome | Inapplicable) -> None:
        """Takes what breaks at its case in the same way, or in any where the candidate has changed; what hangs may only be slow."""
        name = asking(outcome.task)
        before, unchanged = doubtful[name]
        if not isinstance(outcome, Outcome) or not _is_broken(outcome):
            return
        if unchanged and _is_as(outcome, before):
            done(name, before)
        elif not unchanged and _code(outcome) != "hung":
            keep(outcome)

    again = [replace(asked[name], case=before.result.witness.case) for name, (before, _) in doubtful.items() if before.result.witness]
    if again:
        execute(again, timeout=min(timeout or DEFAULT_TIMEOUT, AFTER_A_HANG), on_done=tried, on_refused=lambda _, __: None)

    waiting = [name for name in asked if name not in answers]
    while waiting:
        mine = ledger.claim(waiting)
        mine_in_order = [asked[name] for name in waiting if name in mine]
        execute(mine_in_order, timeout=timeout, on_done=keep, on_refused=on_refused, before=[*answers.values()])
        ledger.give_back(mine)
        waiting = [name for name in waiting if name not in mine]
        waiting = _awaited(waiting, asked, ledger, timeout, done, say)
    if ledger.note not in (None, note):  # a disk that is full by now, for instance
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
    """Takes what another run answers now. Returns what it leaves unanswered."""
    left, told = list[str](), False
    for name in waiting:
        while (other := ledger.claimed(name)) is not None:
            if not told:
                say(f"{len(waiting)} tasks are being judged by the process {other}: waiting for it")
                told = True
            time.sleep(LOOK)
        found = _found(ledger.find(name), asked[name], timeout)
        if found is None:
            left.append(name)
        else:
            done(name, found)
    return left


def _kept(ledger: Ledger, name: str, outcome: Outcome | Inapplicable, timeout: float | None) -> Outcome | Inapplicable:
    """Keeps an outcome, and returns it as it would come back: a run that goes on reports the same as one that was not stopped."""
    if isinstance(outcome, Outcome) and outcome.passing:
        return outcome
    found = documents.exact(outcome)
    if found is None:
        return outcome
    text, back = found
    told = json.dumps({"timeout": timeout or DEFAULT_TIMEOUT}) if _code(outcome) == "hung" else "{}"
    ledger.keep(
        name, f'{{"outcome": {text}, "limits": {told}}}', outcome.sources, subject=_subject(outcome.task), broken=_is_broken(outcome)
    )
    return back


def _found(row: Row | None, task: Task, timeout: float | None) -> Outcome | Inapplicable | None:
    """The outcome in a row, if all that it depends on is as it was."""
    found = _read(row, task)
    if row is None or found is None:
        return None
    with suppress(KeyError, TypeError, ValueError, AttributeError, OSError):
        limit = row.document["limits"].get("timeout")
        if limit not in (None, timeout or DEFAULT_TIMEOUT):
            return None
        folder, lost = task.request.folder, _code(found) in ("crashed", "hung")
        # whose process is lost cannot tell what it had loaded; it is asked again in any case
        stands = lost if row.sources is None else folder is not None and stand(row.sources, folder)
        return found if stands else None
    return None


def _read(row: Row | None, task: Task) -> Outcome | Inapplicable | None:
    with suppress(Exception):  # a ledger can hold anything
        return None if row is None else replace(documents.read(task, row.document["outcome"]), reused=True)
    return None


def asking(task: Task) -> str:
    """What stands for the question that a task asks, whatever case of it is tried."""
    part = [task.part, task.rounds] if task.part else []
    return question([*_about(task.request), task.request.profile, task.request.seed, task.dtype, task.law, *part])


def _subject(task: Task) -> str:
    """What stands for the same question by any profile and seed, on any machine."""
    return question([*_about(task.request), task.dtype, task.law], of_machine=False)


OTHERWISE = {"candidate", "dtypes", "laws", "profile", "seed", "folder"}
"""Fields of a request that a question has otherwise: the candidate by its name, what a task asks by itself, files by their content."""


def _about(request: Request) -> list[Any]:
    asked = {f.name: getattr(request, f.name) for f in fields(Request) if f.name not in OTHERWISE}
    asked["pins"] = {f.name: getattr(request.pins, f.name) for f in fields(Pins)}
    asked["at"] = None if request.at is None else repr(request.at.key)
    return [request.name, request.dtypes[0], asked]


def pictures(request: Request, dtype: str) -> str:
    """What stands for the pictures of a candidate."""
    return question([*_about(request), request.seed, dtype, "pictures"])


def look_up(ledger: Ledger | None, name: str, folder: str | None) -> Any:
    """The document that is kept by a name, if all that it depends on is as it was; else None."""
    row = None if ledger is None or folder is None else ledger.find(name)
    with suppress(KeyError, TypeError, ValueError, AttributeError, OSError):
        if row is not None and row.sources is not None and folder is not None and stand(row.sources, folder):
            return row.document
    return None


def keep(ledger: Ledger | None, name: str, document: Any, sources: Sources | None) -> Any:
    """Keeps a document, if it is known what that depends on, and returns it as it would come back."""
    text = json.dumps(document)
    if ledger is not None and sources is not None:
        ledger.keep(name, text, sources)
    return json.loads(text)


def _is_as(outcome: Outcome, before: Outcome) -> bool:
    """Whether it breaks as it did before; of what hangs, whatever time it had."""
    if _code(outcome) == _code(before) == "hung":
        return True
    told = documents.exact(outcome)
    return told is not None and isinstance(told[1], Outcome) and told[1].result.diagnosis == before.result.diagnosis


def _code(outcome: Outcome | Inapplicable) -> str | None:
    return (outcome.result.diagnosis or {}).get("code") if isinstance(outcome, Outcome) else None


def _is_broken(outcome: Outcome | Inapplicable) -> bool:
    return isinstance(outcome, Outcome) and outcome.result.verdict is Verdict.BROKEN
