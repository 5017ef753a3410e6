"""Changes since the baseline: those that matter first, the rest counted.

Another machine, or another version of a library, moves the last digits of most figures. A reader is shown verdicts, new and missing
results, and figures that changed by more than a factor of `NOTABLE_FACTOR`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from math import inf
from typing import Any

from verify.report.reading import Document, Entry, figure, visible

NOTABLE_FACTOR = 2.0
"""Factor by which a strain or a sensitivity must change to be listed first: half of the smallest margin at which the gate fails."""

FLOOR = {"strain": 0.02, "sensitivity": 0.0}
"""Figures below these count as these: the maximum then depends on the roundings that the cases happened to meet. Errors in ulps are left
out: their maximum comes from entries that cancel, and may change by any factor.
"""


def matters(change: Entry) -> bool:
    """Whether a change matters: of a verdict, a new or missing result, a strain or a sensitivity changed by more than NOTABLE_FACTOR."""
    what = change["what"]
    if what not in FLOOR:
        return bool(what != "ulps")
    low, high = sorted(max(inf if (x := change[k]) is None else float(x), FLOOR[what]) for k in ("before", "now"))
    return not high <= NOTABLE_FACTOR * low


def split(document: Document) -> tuple[list[dict[str, Any]], list[Entry]]:
    """The changes that matter, with the new or missing results of one candidate joined; and the rest. Empty without a gate.

    Verdicts come first, then new and missing results, then figures; figures of a result whose verdict changed are left out.
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
    """The results of one candidate that are all new, or all missing, as one row; any other change as it is."""
    one = changes[0]
    if len(changes) == 1:
        return dict(one)
    laws, dtypes = (list(dict.fromkeys(c[k] for c in changes)) for k in ("law", "dtype"))
    row = {**one, "law": f"{len(laws)} laws" if len(laws) > 1 else laws[0], "dtype": ", ".join(dtypes)}
    return row | {k: None if one[k] is None else _counted(c[k] for c in changes) for k in ("before", "now")}


def _counted(verdicts: Iterable[str]) -> str:
    return ", ".join(f"{n} {v}" for v, n in Counter(verdicts).items())


def shown(x: str | float | None) -> str:
    """A value before or now, as text: a verdict, a figure, or nothing."""
    return "none" if x is None else x if isinstance(x, str) else figure(x, ".3g")


def line(change: Mapping[str, Any]) -> str:
    """One change as a line of text."""
    before, now = shown(change["before"]), shown(change["now"])
    what = "" if change["what"] in ("verdict", "result") else f"{change['what']} "
    return visible(f"{change['candidate']} ({change['loss']}, {change['dtype']}), {change['law']}: {what}{before} → {now}")
