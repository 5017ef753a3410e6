"""Changes since the baseline: what changed in meaning first, the rest counted.

Another machine, or another version of a library, moves the last digits of most figures. A reader is shown verdicts, what is new or missing,
and figures that moved by more than `MEANS`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from math import inf
from typing import Any

from verify.report.reading import Document, Entry, figure, visible

MEANS = 2.0
"""Times by which a strain or a sensitivity moves before it is shown first. It is half of the least margin by which the gate fails."""

FLOOR = {"strain": 0.02, "sensitivity": 0.0}
"""Figures below these count as these: there a maximum says which roundings the cases happened to meet. The errors in ulps are not among
them: their maximum comes from entries that cancel, and moves by any factor."""


def matters(change: Entry) -> bool:
    """Whether it is a change in meaning: a verdict, a result that is new or missing, a strain or a sensitivity beyond a factor of MEANS."""
    what = change["what"]
    if what not in FLOOR:
        return bool(what != "ulps")
    low, high = sorted(max(inf if (x := change[k]) is None else float(x), FLOOR[what]) for k in ("before", "now"))
    return not high <= MEANS * low


def split(document: Document) -> tuple[list[dict[str, Any]], list[Entry]]:
    """(what changed in meaning, with results of one candidate that are new or missing together; the rest). Nothing without a gate.

    Verdicts come first, then what is new or missing, then figures; those of a result whose verdict changed say no more than the verdict.
    """
    changes = document.get("gate", {}).get("changes", [])
    turned = {_result(c) for c in changes if c["what"] == "verdict"}
    first: list[Entry] = []
    rest: list[Entry] = []
    for c in changes:
        (first if matters(c) and (c["what"] == "verdict" or _result(c) not in turned) else rest).append(c)
    groups: dict[tuple[object, ...], list[Entry]] = {}
    for c in first:
        alone = () if c["what"] == "result" else (c["dtype"], c["law"], c["what"])
        groups.setdefault((c["candidate"], c["loss"], c["before"] is None, c["now"] is None, *alone), []).append(c)
    order = {"verdict": 0, "result": 1}
    rows = [_together(of) for of in groups.values()]
    return sorted(rows, key=lambda c: order.get(c["what"], 2)), rest


def _result(change: Entry) -> tuple[object, ...]:
    return tuple(change[k] for k in ("candidate", "loss", "dtype", "law"))


def _together(changes: list[Entry]) -> dict[str, Any]:
    """Results of one candidate that are all new, or all missing, as one row; of any other change the row itself."""
    one = changes[0]
    if len(changes) == 1:
        return dict(one)
    laws, dtypes = (list(dict.fromkeys(c[k] for c in changes)) for k in ("law", "dtype"))
    row = {**one, "law": f"{len(laws)} laws" if len(laws) > 1 else laws[0], "dtype": ", ".join(dtypes)}
    return row | {k: None if one[k] is None else _counted(c[k] for c in changes) for k in ("before", "now")}


def _counted(verdicts: Iterable[str]) -> str:
    return ", ".join(f"{n} {v}" for v, n in Counter(verdicts).items())


def shown(x: str | float | None) -> str:
    """What stood before, or stands now: a verdict, a figure, or nothing."""
    return "none" if x is None else x if isinstance(x, str) else figure(x, ".3g")


def line(change: Mapping[str, Any]) -> str:
    """One change in a line of text."""
    before, now = shown(change["before"]), shown(change["now"])
    what = "" if change["what"] in ("verdict", "result") else f"{change['what']} "
    return visible(f"{change['candidate']} ({change['loss']}, {change['dtype']}), {change['law']}: {what}{before} → {now}")
