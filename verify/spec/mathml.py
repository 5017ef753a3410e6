"""A loss as a reader sees it: its formula in words and in MathML, for three classes and the first label."""

from __future__ import annotations

import html
import re
import sys
from typing import Any

from sympy import Expr, Symbol
from sympy.printing.mathml import mathml

from verify.spec.convexity import supported
from verify.spec.loss import LossSpec

CLASSES, LABEL = 3, 0
"""The formula depends on the number of classes and the label; three show its form without filling the line."""

LETTERS = {"delta": "Delta"}
"""Parameters that the literature writes by a capital letter."""


def described(loss: LossSpec) -> dict[str, Any]:
    """The formula as stated in its file, its MathML, its parameters' defaults, its claims and its source."""
    expression, symbols = _general(loss) if loss.targets else loss.expression(CLASSES, LABEL)
    letters = {s: Symbol(f"s_{s.name[1:]}") for s in symbols if re.fullmatch(r"s\d+", s.name)}
    letters |= {s: Symbol(LETTERS.get(s.name, s.name)) for s in symbols if s not in letters}
    stated = sys.modules.get(loss.per_example.__module__)
    return {
        "formula": (getattr(stated, "__doc__", None) or loss.name).split("\n")[0],
        "mathml": f"<math>{_known(mathml(expression.subs(letters), printer='presentation'))}</math>",
        "shown": {"score": "s", "target": "t"} if loss.targets else {"classes": CLASSES, "label": LABEL},
        "parameters": {name: p.default for name, p in loss.parameters.items()},
        "convexity": supported(loss),
        "source": loss.source,
    }


def _general(loss: LossSpec) -> tuple[Expr, list[Symbol]]:
    """The formula of a loss of one score for any target."""
    s, t = Symbol("s", real=True), Symbol("t", real=True)
    parameters = {name: Symbol(name, real=True) for name in loss.parameters}
    return loss.per_example(s, t, **parameters), [s, t, *parameters.values()]


def _known(text: str) -> str:
    """Named entities that XML does not know, as characters; the base of the exponential as the letter that it is."""
    named = re.sub(r"&(?!lt;|gt;|amp;|quot;|apos;)\w+;", lambda found: html.unescape(found[0]), text)
    return named.replace("ⅇ", "e")
