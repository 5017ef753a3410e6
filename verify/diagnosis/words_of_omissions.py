"""Words for what is left out or moved: entries, rows, columns, classes, examples."""

from __future__ import annotations

from collections.abc import Mapping

from verify.diagnosis.change import Change
from verify.diagnosis.regression import Coefficient
from verify.diagnosis.words import Told, number, times
from verify.diagnosis.words_of_parts import OfParts

ROWS = {"first": "{row} 0", "second": "{row} 1", "last": "the last {row}"}
COLUMNS = {"first": "{column} 0", "last": "the last {column}"}
ENTRIES = {
    "[0, 0]": "entry [0, 0]",
    "[0, -1]": "the last entry of {row} 0",
    "[-1, 0]": "the first entry of the last {row}",
    "[-1, -1]": "the last entry of the last {row}",
}
"""Places by the names of the axes."""


class OfOmissions(OfParts):
    """What is left out, or counted otherwise, or stands elsewhere."""

    def _row(self, change: Change, c: Coefficient) -> Told:
        if change.how in ("own row", "other rows"):
            return self._counted(Change("counted", "label" if change.how == "own row" else "others", free=True), c)
        place, name = self._place(ROWS, "{row}", change.how), self.names[change.part]
        if c == -1:
            return Told("class-missing", f"{name} is missing in {place}", place)
        return Told("entries", f"{name} is {times(1 + c)} what it must be in {place}", place)

    def _place(self, known: Mapping[str, str], what: str, which: str) -> str:
        return self.axes.told(known.get(which) or _some(what, which))

    def _class(self, change: Change, c: Coefficient) -> Told:
        name = {"first": "class 0", "second": "class 1", "last": "the last class"}[change.how]
        what = f"the margins of {name}" if change.part == "switch" else f"the examples of {name}"
        if c == -1:
            return Told("class-missing", f"{what} are left out")
        return Told("scaled", f"{what} are counted {number(1 + c)} times")

    def _column(self, change: Change, c: Coefficient) -> Told:
        place, name = self._place(COLUMNS, "{column}", change.how), self.names[change.part]
        if change.part == "penalty" and change.how == "last":
            return self._weights(Change("weights", "bias", free=True), c * (self.rate or 1))
        if c == -1:
            return Told("entries", f"{name} is missing in {place}", place)
        return Told("entries", f"{name} is {times(1 + c)} what it must be in {place}", place)

    def _example(self, change: Change, c: Coefficient) -> Told:
        examples = which(change.how)
        if change.part == "alone":
            return Told("example-missing", f"only {examples} counts: the others' gradients are overwritten")
        if change.part == "alone, not divided":
            return Told("example-missing", f"only {examples} counts, and it is not divided by N")
        if change.part == "left out of the mean":
            return Told("example-missing", f"{examples} is left out, and the rest averaged")
        if c == -1:
            return Told("example-missing", f"{examples} is left out")
        if change.how.startswith("target"):
            return Told("scaled", f"{examples} is counted {number(1 + c)} times")
        return Told("example-missing", f"{examples} is counted {number(1 + c)} times")

    def _entry(self, change: Change, c: Coefficient) -> Told:
        place = self.axes.told(ENTRIES[change.how])
        return Told("entries", f"{place} is {times(1 + c)} what it must be" if c != -1 else f"{place} is 0", place)

    def _permuted(self, change: Change, _: Coefficient) -> Told:
        code = "class-swapped" if "{rows}" in change.how else "entries"
        return Told(code, f"{self.names.get(change.part, change.part)} has its {self.axes.told(change.how)}")

    def _transposed(self, change: Change, _: Coefficient) -> Told:
        return Told("transposed", f"{self.names[change.part]} is transposed: its numbers stand in the order of the transpose")

    def _touched(self, change: Change, _: Coefficient) -> Told:
        return Told(
            "scaled" if "divided" in change.how else "entries",
            f"in place of {self.names[change.part]} stands: {self.axes.told(change.how)}",
        )

    def _features(self, change: Change, _: Coefficient) -> Told:
        return Told("entries", f"the data gradient is taken with {change.how} in place of the features")


def which(examples: str) -> str:
    """Some examples in words."""
    known = {
        "first": "the first example", "last": "the last example",
        "odd": "every second example", "even": "every second example, from the first on",
    }  # fmt: skip
    if examples.startswith("target"):
        return f"every example with {examples}"
    return known.get(examples) or _some("example", examples)


def _some(what: str, which: str) -> str:
    """Those beyond so many, or the rest of blocks.

    >>> _some("example", "beyond 64"), _some("row", "rest of 4")
    ('every example beyond the first 64', 'every row after the last full block of 4')
    """
    how, width = which.rsplit(" ", 1)
    return f"every {what} beyond the first {width}" if how == "beyond" else f"every {what} after the last full block of {width}"
