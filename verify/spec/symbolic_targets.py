"""Formulas that branch on a target that is a symbol: `t == 0` is then false, without an error."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

from verify.errors import UsageError
from verify.later import sympy
from verify.spec.exact_target import ExactTarget
from verify.spec.loss import LossSpec

SCORES = (Fraction(3, 8), Fraction(-11, 8))
"""Scores at which both are compared, besides the target itself: `s == t` is false for symbols, too."""
MAX_TARGET = 16
"""Largest target at which they are compared: people test for small ones, and factorials stay short."""
MAX_TARGETS = 16
TOLERANCE = 1e-9
"""Relative tolerance: sympy evaluates both with 15 digits."""


def one_for_all_targets(loss: LossSpec) -> None:
    """Raises UsageError if the formula of a domain changes when it gets the target as a number."""
    assert loss.targets is not None
    e, (score, target, *symbols) = loss.expression(1, 0)
    values = {p: sympy.Rational(q.default) for p, q in zip(symbols, loss.parameters.values(), strict=True)}
    general = e.subs(values)
    for t in [t for t in loss.targets if abs(t) <= MAX_TARGET][:MAX_TARGETS]:
        for s in map(sympy.Rational, (*SCORES, t)):
            there = _number(general.subs, {score: s, target: sympy.Rational(t)})
            own = _number(loss.formula, s, ExactTarget(t), **{p.name: v for p, v in values.items()})
            if own is not None and (there is None or abs(there - own) > TOLERANCE * (1 + abs(own))):
                other = "no number" if there is None else f"{there:g}"
                raise UsageError(
                    f"the formula of {loss.name} asks about its target: at the score {float(s):g} and the target {t:g} it is {own:g} "
                    f"where it is given that number, and {other} where it is given a symbol, as with target={loss.domain}: a symbol "
                    "equals no number. Write Piecewise((…, t < 1), (…, True)), or list the targets: targets=(0, 1, 2)."
                )


def _number(f: Callable[..., object], *arguments: object, **parameters: object) -> float | None:
    try:
        found = complex(sympy.N(f(*arguments, **parameters)))
    except Exception:  # the author's code, at a number that it has not met so far
        return None
    return found.real if found.imag == 0 and abs(found) < float("inf") else None
