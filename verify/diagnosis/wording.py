"""The sentence on a mistake, and numbers as people write them."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from verify.form import LINEAR, SCORES

Coefficient = Fraction | float
"""How often a change was made: a fraction where it is exact."""


@dataclass(frozen=True)
class Diagnosis:
    """`code` names the bug, `message` tells it, `entries` are those concerned (all, some in words, or a list); `measured` is the number
    that broke the law, where the message is not about it; `residual` the greatest error that the explanation leaves, in units of what
    rounding may leave; `kind` is wrong, precision or behaviour. Where no mistake is named, `answer` says which of the candidate's answers
    is wrong: the gradient, the loss or the Hessian. `places` are the lines of code, file and number, that the message is about.
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
        """For the report and the stored witness."""
        found: dict[str, Any] = {"code": self.code, "message": self.message, "entries": self.entries}
        more: dict[str, Any] = {"measured": self.measured, "residual": self.residual, "answer": self.answer}
        more |= {"places": [{"file": file, "line": line} for file, line in self.places] or None}
        return found | {key: value for key, value in more.items() if value is not None}


@dataclass(frozen=True)
class Message:
    """One change in words. `entries` are those that it touches, in words."""

    code: str
    sentence: str
    entries: str = "all"


@dataclass(frozen=True, kw_only=True)
class Axes:
    """What a row and a column of a gradient are called, one and several, and what lies `across` a row."""

    row: str = "row"
    rows: str = "rows"
    column: str = "column"
    columns: str = "columns"
    across: str = "features"

    def filled(self, words: str, **more: str) -> str:
        """Words with these names, and more, in their places.

        >>> Axes().filled("the last {row}"), AXES[SCORES].filled("{rows} reversed")
        ('the last row', 'classes reversed')
        """
        return words.format(**vars(self), **more)


AXES = {LINEAR: Axes(), SCORES: Axes(row="class", rows="classes", column="example", columns="examples", across="examples")}
"""By what an objective is a function of."""


def magnitude(x: Coefficient) -> Coefficient:
    """|x|."""
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
    """How often something is there.

    >>> times(Fraction(1, 2)), times(Fraction(2)), times(Fraction(3, 4))
    ('half of', 'twice', '3/4 ×')
    """
    return {Fraction(1, 2): "half of", Fraction(2): "twice"}.get(Fraction(x), f"{number(x)} ×")


def counted(x: Coefficient) -> str:
    """How often something counts that counts once in right code.

    >>> counted(Fraction(2)), counted(Fraction(1, 2)), counted(Fraction(-3)), counted(Fraction(-1))
    ('counted twice', 'counted 1/2 times', 'subtracted 3 times', 'subtracted once')
    """
    often = "once" if magnitude(x) == 1 else "twice" if magnitude(x) == 2 else f"{number(magnitude(x))} times"
    return f"{'subtracted' if x < 0 else 'counted'} {often}"


def multiple(c: Coefficient, what: str) -> str:
    """Something that is there c times.

    >>> multiple(Fraction(1), "W"), multiple(Fraction(3, 2), "W")
    ('W', '3/2 × W')
    """
    return what if c == 1 else f"{number(c)} × {what}"


def put(c: Coefficient, what: str, to: str = "") -> str:
    """What is added c times to something, as a sentence.

    >>> put(Fraction(1), "the data term", "the loss"), put(Fraction(-2), "λ", "the loss"), put(-1.0, "W")
    ('the data term is added to the loss', '2 × λ is subtracted from the loss', 'W is subtracted')
    """
    where = f" {'from' if c < 0 else 'to'} {to}" if to else ""
    return f"{multiple(magnitude(c), what)} is {'subtracted' if c < 0 else 'added'}{where}"
