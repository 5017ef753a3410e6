"""Bisection of wrong entries: groups in which gradient and loss disagree are halved down to single entries."""

from __future__ import annotations

import numpy as np

from verify.auditing.directions import Entries, Ground, rademacher
from verify.evidence import Evidence, of_entry

MAX_NAMED = 8
"""Wrong entries to name; further ones are only mentioned."""


def wrong_entries(ground: Ground, *, seed: int, most: int = MAX_NAMED) -> tuple[list[Evidence], bool]:
    """Evidence for each wrong entry, and whether no other group disagrees; the worse halves come first.

    Each entry is confirmed by itself. Empty where a disagreement is too spread out to show in any half.
    """
    found: list[Evidence] = []
    waiting: list[Entries] = [np.arange(ground.case.x.size)]
    while waiting:
        group = waiting.pop()
        if len(group) == 1:
            found.append(_alone(ground, int(group[0]), seed))
            if len(found) == most and waiting:
                return found, False
            continue
        halves = group[: len(group) // 2], group[len(group) // 2 :]
        strains = [ground.along(rademacher(ground.case, half, seed=seed)).strain for half in halves]
        waiting += [halves[i] for i in np.argsort(strains, kind="stable") if not strains[i] <= 1]
    return found, True


def _alone(ground: Ground, entry: int, seed: int) -> Evidence:
    """The disagreement at one entry."""
    d = rademacher(ground.case, np.array([entry]), seed=seed)
    j, k = divmod(entry, d.shape[1])
    return of_entry(ground.along(d), float(d[j, k]), (j, k), float(ground.gradient[j, k]))
