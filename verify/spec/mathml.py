"""A loss for readers: its formula in words and in MathML, for three classes and the first label."""

from __future__ import annotations

import html
import re
import sys
from collections.abc import Sequence
from typing import Any

from sympy import Expr, Float, Rational, Symbol, sympify
from sympy.printing.mathml import mathml

from verify.spec.convexity import supported
from verify.spec.exact_target import ExactTarget
from verify.spec.loss import LossSpec
from verify.spec.statement import exactly

CLASSES, LABEL = 3, 0
"""The formula depends on the number of classes and the label; three classes show its form without filling the line."""

MAX_DENOMINATOR = 10**4
"""Numbers with greater denominators were computed, or written as decimals, and are shown as decimals."""

LETTERS = {"delta": "Delta"}
"""Parameters that the literature writes as capital letters."""


def described(loss: LossSpec) -> dict[str, Any]:
    """The formula as stated in its file, its MathML, its parameters' defaults, its claims and its source. A formula that branches on its
    target has one row for each branch.
    """
    rows = branches(loss) if loss.targets else [((), *loss.expression(CLASSES, LABEL))]
    stated = sys.modules.get(getattr(loss.formula, "__module__", ""))
    return {
        "formula": (getattr(stated, "__doc__", None) or loss.name).split("\n")[0],
        "mathml": f"<math>{_table(rows) if len(rows) > 1 else row(*rows[0][1:])}</math>",
        "shown": {"score": "s", "target": "t"} if loss.targets else {"classes": CLASSES, "label": LABEL},
        "parameters": {name: p.default for name, p in loss.parameters.items()},
        "convexity": supported(loss),
        "source": loss.source,
    }


Branch = tuple[tuple[float, ...], Expr, list[Symbol]]
"""Targets with their common formula, and its symbols."""


def branches(loss: LossSpec) -> list[Branch]:
    """The formulas of a loss of one score: for any t if they are one, else each with the targets that share it.

    A formula in t counts for a target only if it equals that target's formula once t has its value: code with `if t == 1` answers for a
    symbol too, and wrongly.
    """
    assert loss.targets is not None
    if loss.domain:
        return [((), *loss.expression(1, 0))]
    s, parameters = Symbol("s", real=True), {name: Symbol(name, real=True) for name in loss.parameters}
    shared: dict[Expr, list[float]] = {}
    for i, value in enumerate(loss.targets):
        own, symbols = loss.expression(1, i)
        own = own.subs(symbols[0], s)
        shared.setdefault(_general(loss, s, parameters, value, own) or own, []).append(value)
    t = [Symbol("t", real=True)]
    return [(tuple(values), e, [s, *t, *parameters.values()]) for e, values in shared.items()]


class _ComparedTarget(Symbol):  # type: ignore[misc]
    """A symbol for the target that compares like one of its values."""

    value: ExactTarget

    def __lt__(self, other: Any) -> Any:
        return self.value < other

    def __le__(self, other: Any) -> Any:
        return self.value <= other

    def __gt__(self, other: Any) -> Any:
        return self.value > other

    def __ge__(self, other: Any) -> Any:
        return self.value >= other


def _general(loss: LossSpec, s: Symbol, parameters: dict[str, Symbol], value: float, own: Expr) -> Expr | None:
    """The formula in t on the branch of this value; None if the code does not show it."""
    t = _ComparedTarget("t", real=True)
    t.value = ExactTarget(value)
    try:
        e = loss.formula(s, t, **parameters).xreplace({t: Symbol("t", real=True)})
        e = exactly(e)
        return e if e.subs(Symbol("t", real=True), sympify(ExactTarget(value))) == own else None
    except Exception:  # the author's code, which was written for numbers
        return None


def _table(rows: Sequence[Branch]) -> str:
    """A table with one row for each branch: its formula, and its targets."""
    cells = [f"<mtr><mtd>{row(e, symbols)}</mtd><mtd>{_of(values)}</mtd></mtr>" for values, e, symbols in rows]
    return f'<mrow><mo>{{</mo><mtable columnalign="left left">{"".join(cells)}</mtable></mrow>'


def _of(values: Sequence[float]) -> str:
    return f"<mtext>t = {', '.join(f'{v:g}' for v in values)}</mtext>"


def row(expression: Expr, symbols: Sequence[Symbol]) -> str:
    """An expression of these symbols as MathML."""
    letters = {s: Symbol(f"s_{s.name[1:]}") for s in symbols if re.fullmatch(r"s\d+", s.name)}
    letters |= {s: Symbol(LETTERS.get(s.name, s.name)) for s in symbols if s not in letters}
    shown = expression.subs(letters)
    long = {r: Float(r, 6) for r in shown.atoms(Rational) if r.q > MAX_DENOMINATOR}
    return _known(mathml(shown.xreplace(long), printer="presentation"))


def _known(text: str) -> str:
    """The text with named entities that XML does not know as characters, and the base of the exponential as its letter."""
    named = re.sub(r"&(?!lt;|gt;|amp;|quot;|apos;)\w+;", lambda found: html.unescape(found[0]), text)
    return named.replace("ⅇ", "e")
