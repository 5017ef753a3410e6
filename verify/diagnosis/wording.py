"""Sentences on mistakes, and numbers as people write them."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from verify.form import LINEAR, SCORES

Coefficient = Fraction | float
"""The coefficient of a change: a fraction if it is exact."""


@dataclass(frozen=True)
class Diagnosis:
    """`code` names the bug, `message` describes it, `entries` are those concerned (all, some in words, or a list); `measured` is the number
    that broke the law, if the message is not about it; `residual` the greatest error that the explanation leaves, in units of the rounding
    bound; `kind` is wrong, precision or behaviour. If no mistake is named, `answer` says which of the candidate's answers is wrong: the
    gradient, the loss or the Hessian. `places` are the lines of code, file and number, that the message is about.
    """

    code: str
    message: str
    entries: str | list[list[int]] = "all"
    kind: str = "wrong"
    measured: str | None = None
    residual: float | None = None
    answer: str | None = None
    places: tuple[tuple[str, int], ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """The diagnosis for the report and the stored witness."""
        found: dict[str, Any] = {"code": self.code, "message": self.message, "entries": self.entries}
        more: dict[str, Any] = {"measured": self.measured, "residual": self.residual, "answer": self.answer}
        more |= {"places": [{"file": file, "line": line} for file, line in self.places] or None}
        return found | {key: value for key, value in more.items() if value is not None}


@dataclass(frozen=True)
class Message:
    """One change in words. `entries` are the entries concerned, in words."""

    code: str
    sentence: str
    entries: str = "all"


@dataclass(frozen=True, kw_only=True)
class Axes:
    """The names of a row and a column of a gradient, singular and plural, and of what lies `across` a row."""

    row: str = "row"
    rows: str = "rows"
    column: str = "column"
    columns: str = "columns"
    across: str = "features"

    def filled(self, words: str, **more: str) -> str:
        """The text with these names, and further ones, in its placeholders.

        >>> Axes().filled("the last {row}"), AXES[SCORES].filled("{rows} reversed")
        ('the last row', 'classes reversed')
        """
        return words.format(**vars(self), **more)


AXES = {LINEAR: Axes(), SCORES: Axes(row="class", rows="classes", column="example", columns="examples", across="examples")}
"""By the form of an objective."""


def magnitude(x: Coefficient) -> Coefficient:
    """The absolute value |x|."""
    return -x if x < 0 else x


def number(x: Coefficient) -> str:
    """A factor as people write it.

    >>> number(Fraction(1, 2)), number(Fraction(-3)), number(1.25), number(1 - 1e-9)
    ('1/2', '-3', '1.25', '(1 - 1e-09)')
    """
    if isinstance(x, Fraction):
        return str(x)
    return f"(1 {'-' if x < 1 else '+'} {abs(x - 1):.3g})" if 0 < abs(x - 1) < 1e-2 else f"{x:.6g}"


def times(x: Coefficient) -> str:
    """A factor in words, before a noun.

    >>> times(Fraction(1, 2)), times(Fraction(2)), times(Fraction(3, 4))
    ('half of', 'twice', '3/4 ×')
    """
    return {Fraction(1, 2): "half of", Fraction(2): "twice"}.get(Fraction(x), f"{number(x)} ×")


def counted(x: Coefficient) -> str:
    """How often something counts that should count once, in words.

    >>> counted(Fraction(2)), counted(Fraction(1, 2)), counted(Fraction(-3)), counted(Fraction(-1))
    ('counted twice', 'counted 1/2 times', 'subtracted 3 times', 'subtracted once')
    """
    often = "once" if magnitude(x) == 1 else "twice" if magnitude(x) == 2 else f"{number(magnitude(x))} times"
    return f"{'subtracted' if x < 0 else 'counted'} {often}"


def multiple(c: Coefficient, what: str) -> str:
    """The multiple c of something, in words.

    >>> multiple(Fraction(1), "W"), multiple(Fraction(3, 2), "W")
    ('W', '3/2 × W')
    """
    return what if c == 1 else f"{number(c)} × {what}"


def put(c: Coefficient, what: str, to: str = "") -> str:
    """A sentence on something added c times.

    >>> put(Fraction(1), "the data term", "the loss"), put(Fraction(-2), "λ", "the loss"), put(-1.0, "W")
    ('the data term is added to the loss', '2 × λ is subtracted from the loss', 'W is subtracted')
    """
    where = f" {'from' if c < 0 else 'to'} {to}" if to else ""
    return f"{multiple(magnitude(c), what)} is {'subtracted' if c < 0 else 'added'}{where}"
