"""Arguments that do not fit each other: which of them does a candidate take without a word?

Compiled code may answer by reading and writing outside its arrays, so the questions are asked in a forked copy of the process,
which may be lost. A candidate that cannot even answer a valid question there (thread pools do not survive a fork) is not asked.
"""

from __future__ import annotations

import faulthandler
import os
import select
import signal
import sys
import warnings
from collections.abc import Callable, Iterator

import numpy as np

from verify.candidates import Misbehaviour
from verify.cases import Case
from verify.elapsed import Starved, now
from verify.form import Form
from verify.laws.law import Subject

PATIENCE = 2.0
"""Seconds for one question, less what others kept it from: a thousand times what an answer takes."""

LOOK = 0.1
"""Seconds between two looks at what it waits for."""

MOST = 20 * PATIENCE
"""Seconds after which it is waited for no longer, however busy the machine is."""

REFUSED, TAKEN, HANGS, STARVED = b"r", b"t", b"h", b"w"


def taken(subject: Subject, dtype: str) -> tuple[str, ...]:
    """One limitation for each kind of misuse that is not refused. Empty where processes cannot be forked."""
    objective, loss = subject.scored.objective, subject.scored.objective.loss
    W, X = np.zeros((loss.scores(objective.classes or 3), 2), dtype), np.array([[0.5, 1.0], [0.25, 1.0]], dtype)
    linear = {"W": W, "X": X, "y": np.array([0, loss.labels(2) - 1]), "reg": 0.0}
    case = Case(values=objective.form.of_linear(linear), family="misuse", differentiated=(objective.form.point,))
    if sys.platform == "win32" or _reaction(subject, case) != "takes":
        return ()
    wrongs = _misuses(case, objective.form, classes=not loss.targets, rows=not subject.candidate.flat)
    reactions = {what: _reaction(subject, wrong) for what, wrong in wrongs}
    return tuple(f"{reaction} {what}" for what, reaction in reactions.items() if reaction)


def _misuses(case: Case, form: Form, *, classes: bool, rows: bool) -> Iterator[tuple[str, Case]]:
    y, data = case["y"], case[form.rows]
    if classes:
        yield "a label beyond the last class", case.but(y=np.append(y[:-1], form.classes(case.values)))
        yield "a negative label", case.but(y=np.append(y[:-1], -1))
    if not form.is_apart:
        yield f"{form.rows} with more columns than {form.point}", case.but(**{form.rows: np.hstack([data, data[:, -1:]])})
    if rows:  # numbers in one row are as many examples as there are labels
        yield "fewer labels than examples", case.but(**{form.rows: np.vstack([data, data])})


def _reaction(subject: Subject, case: Case) -> str:
    """What to say of it: "takes", nothing where it is refused, else what becomes of the process."""
    said = _in_a_copy(lambda: _ask(subject, case))
    return {REFUSED: "", TAKEN: "takes", HANGS: "hangs on", STARVED: ""}.get(said, "crashes the interpreter on")


def _ask(subject: Subject, case: Case) -> bytes:
    try:
        answer = subject.reply(case)
    except Misbehaviour:
        return REFUSED
    finite = (np.isfinite(answer.value) or not subject.candidate.has_loss) and np.all(np.isfinite(answer.gradient))
    return TAKEN if finite else REFUSED


def _in_a_copy(ask: Callable[[], bytes]) -> bytes:
    """What a forked copy said; nothing where it was lost. One that says nothing is ended after PATIENCE."""
    read, write = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # forking beside threads: the copy is asked a valid question first
        child = os.fork()
    if child == 0:
        faulthandler.disable()  # a lost copy is an answer, not a fault to be told on standard error
        nowhere = os.open(os.devnull, os.O_WRONLY)
        for stream in (1, 2):
            os.dup2(nowhere, stream)
        try:
            os.write(write, ask())
        finally:
            os._exit(0)
    os.close(write)
    try:
        return _heard(child, read)
    finally:
        os.kill(child, signal.SIGKILL)  # it stays until it is waited for, so that its number is nobody else's
        os.waitpid(child, 0)
        os.close(read)


def _heard(child: int, read: int) -> bytes:
    """What it says, HANGS where it does not, and STARVED where others kept it from saying so."""
    began, starved = now(), Starved(child)
    while now() - began < MOST:
        if select.select([read], [], [], LOOK)[0]:
            return os.read(read, 1)
        starved.look()
        if now() - began - starved.seconds > PATIENCE:
            return HANGS
    return STARVED
