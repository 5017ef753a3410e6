"""The matrix of tasks on worker processes: a candidate that hangs or ends its process costs its own task only.

Each candidate has its own processes (`candidate_run`), so that what it leaves behind there affects no other.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, wait
from contextlib import ExitStack, contextmanager, nullcontext, redirect_stdout
from dataclasses import replace
from itertools import groupby
from typing import Protocol

from verify import limits
from verify.campaign import leftovers, output
from verify.campaign.attempts import Attempts
from verify.campaign.candidate_run import DEFAULT_TIMEOUT, CandidateRun, Say
from verify.campaign.server import prepare
from verify.campaign.task import Inapplicable, Outcome, Task, with_output
from verify.campaign.workers import TICK, end_orphans, rarely_collected
from verify.elapsed import processors
from verify.errors import UsageError
from verify.profiles import are_stored

Done = Callable[[Outcome | Inapplicable], None]
Refuse = Callable[[Task, UsageError], None]
"""Called with a task that cannot be judged because of wrong use, and the error, which it may raise. No other
task of the request is judged.
"""


class Execute(Protocol):
    """Executes tasks: on processes here, as `execute` does, or on other machines."""

    def __call__(
        self,
        tasks: Sequence[Task],
        *,
        timeout: float | None,
        on_done: Done = ...,
        on_refused: Refuse = ...,
        before: Sequence[Outcome | Inapplicable] = (),
    ) -> list[Outcome | Inapplicable]:
        """All outcomes in the order of the tasks; `on_done` is called as each ends."""


def raised(_: Task, error: UsageError) -> None:
    """Raises the error, which ends the run."""
    raise error


def execute(
    tasks: Sequence[Task],
    *,
    timeout: float | None,
    on_done: Done = lambda _: None,
    on_refused: Refuse = raised,
    before: Sequence[Outcome | Inapplicable] = (),
    cores: int | None = None,
    say: Say = lambda _: None,
) -> list[Outcome | Inapplicable]:
    """All outcomes in the order of the tasks; `on_done` is called as each ends, `say` where a candidate gives no answer for long. Raises
    UsageError from a worker, unless `on_refused` goes on without the request. Outcomes of the same candidates in `before` count as if they
    were found now. Uses this many `cores`, by default all that this process may use.
    """
    outcomes: dict[int, Outcome | Inapplicable] = {}
    candidates = [list(group) for _, group in groupby(range(len(tasks)), key=lambda i: tasks[i].request.name)]
    cores, own_limits = cores or processors(os.getpid()), limits.limits()
    prepare({t.request.loss for t in tasks}, stored=all(are_stored(t.request.profile, t.request.seed) for t in tasks))
    with leftovers.temporary() as folder, ExitStack() as all_pools:

        def started(indices: Sequence[int], most: int, *, alone: bool) -> CandidateRun:
            attempts = Attempts(min(most, len(indices)), own_limits, all_pools.enter_context(ExitStack()))
            run = CandidateRun(tasks, timeout or DEFAULT_TIMEOUT, folder, attempts, say, alone=alone)
            for outcome in before:
                if outcome.task.request.name == tasks[indices[0]].request.name:
                    run.learn_from(outcome)
            run.start(indices)
            return run

        def take(run: CandidateRun) -> None:
            """Takes what has become of its tasks since the last check."""
            for i, outcome in run.finished():
                outcomes[i] = replace(outcome, task=tasks[i])  # a worker's is a copy, with a request of its own
                on_done(outcomes[i])
            for task, error in run.refused:
                on_refused(task, error)
            run.refused.clear()

        def executed(candidates: list[list[int]], *, alone: bool = False) -> list[list[int]]:
            """Executes the tasks of these candidates; returns those that are in doubt, for each candidate that has some."""
            abreast = 1 if alone else max(1, min(len(candidates), cores))
            runs: list[CandidateRun] = []
            doubtful: list[list[int]] = []
            while candidates or runs:
                while candidates and len(runs) < abreast:
                    indices = candidates.pop(0)
                    most = cores // abreast if candidates or alone else cores  # the last candidate gets all cores in the end
                    runs.append(started(indices, most, alone=alone))
                wait([future for run in runs for future in run.futures], timeout=TICK, return_when=FIRST_COMPLETED)
                for run in runs:
                    take(run)
                    if not run.futures:
                        run.attempts.close()
                        doubtful += [run.doubtful] if run.doubtful else []
                runs = [run for run in runs if run.futures]
            return doubtful

        doubtful = executed(candidates)
        limits.raise_again(own_limits)
        executed(doubtful, alone=True)
        end_orphans()
    return [outcomes[i] for i in range(len(tasks)) if i in outcomes]


def execute_here(
    tasks: Sequence[Task], *, captured: bool, on_done: Done = lambda _: None, on_refused: Refuse = raised
) -> list[Outcome | Inapplicable]:
    """All outcomes in the order of the tasks, judged unguarded in this process. Python's output is `captured` or let through. `on_done` is
    called behind the last task of each request, or an interrupt: whether a law holds is known only then.
    """
    from verify.campaign.judging import perform, untampered  # all that a law needs, which this process needs only without workers

    outcomes: list[Outcome | Inapplicable] = []
    with tidied(), rarely_collected():
        for _, of_request in groupby(tasks, key=lambda task: id(task.request)):
            mine: list[Outcome | Inapplicable] = []
            try:
                for task in of_request:
                    with redirect_stdout(output.Truncated()) if captured else nullcontext() as kept:
                        try:
                            outcome = perform(task, goes_on=bool(outcomes or mine), alone=False)
                        except UsageError as error:
                            on_refused(task, error)
                            break
                    mine.append(with_output(outcome, kept.getvalue() if kept else ""))
            finally:  # what was judged before a Ctrl-C is told, too
                mine = untampered(mine)
                for outcome in mine:
                    on_done(outcome)
            outcomes += mine
    return outcomes


@contextmanager
def tidied() -> Iterator[None]:
    """After the block, recorded numbers that calls have left in the user's own objects are plain numbers again: this process goes on."""
    try:
        yield
    finally:
        if "verify.traced.patching" in sys.modules:
            from verify.traced.cleanup import tidy_all

            tidy_all()
