"""A formula as its author wrote it, called on symbols: the result is a valid expression, or a sentence on the mistake.

Errors of the author's code are reported as such: UsageError says where, what was written, and the nearest right thing.
"""

from __future__ import annotations

import linecache
import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from difflib import get_close_matches
from inspect import Parameter as Argument
from inspect import signature
from itertools import accumulate
from pathlib import Path
from traceback import FrameSummary, extract_tb, walk_tb
from typing import Any

from verify.errors import UsageError
from verify.later import sympy
from verify.library_errors import BOOLEAN_AS_NUMBER, NUMPY_NO_METHOD, SYMPY_NO_TRUTH_VALUE
from verify.spec.domains import Domain

MAX_CODE = 90
"""Most characters of the author's code shown in a sentence."""

OF_SYMPY = "of sympy"
OWN = "of verify.spec"

SYMBOLIC_FUNCTIONS = {
    **dict.fromkeys(("max", "maximum", "fmax", "amax"), f"Max {OF_SYMPY}"),
    **dict.fromkeys(("min", "minimum", "fmin", "amin"), f"Min {OF_SYMPY}"),
    **dict.fromkeys(("abs", "fabs", "absolute"), f"Abs {OF_SYMPY}"),
    **dict.fromkeys(("where", "select", "piecewise", "choose"), f"Piecewise((a, condition), (b, True)) {OF_SYMPY}"),
    **dict.fromkeys(("relu", "heaviside"), f"Max(0, x) {OF_SYMPY}"),
    **dict.fromkeys(("sigmoid", "expit"), f"logistic {OWN}"),
    **dict.fromkeys(("gammaln", "lgamma"), f"loggamma {OF_SYMPY}"),
    **dict.fromkeys(("psi", "digamma"), f"digamma {OF_SYMPY}"),
    **dict.fromkeys(("log1p", "expm1", "softplus", "log_ndtr"), f"the function of this name {OWN}"),
    **dict.fromkeys(("sum", "nansum", "fsum"), f"Add(*(… for j in range(len(s)))) {OF_SYMPY}"),
    **dict.fromkeys(("mean", "average"), f"Add(*s) / len(s), Add {OF_SYMPY}"),
    **dict.fromkeys(("norm", "hypot"), f"sqrt(a**2 + b**2), sqrt {OF_SYMPY}"),
    **dict.fromkeys(("power", "pow", "square", "float_power"), "x**n"),
    **dict.fromkeys(("arctan",), f"atan {OF_SYMPY}"),
    "clip": f"Min(high, Max(low, x)) {OF_SYMPY}",
    "logaddexp": f"log(exp(a) + exp(b)) {OF_SYMPY}",
    "logsumexp": f"log(Add(*map(exp, s))) {OF_SYMPY}",
    "log_softmax": f"s[j] - log(Add(*map(exp, s))) {OF_SYMPY}",
    "softmax": f"exp(s[j]) / Add(*map(exp, s)) {OF_SYMPY}",
    "xlogy": f"x * log(y) {OF_SYMPY}",
    "log2": f"log(x) / log(2) {OF_SYMPY}",
    "log10": f"log(x) / log(10) {OF_SYMPY}",
    "sign": f"Abs(x) for x·sign(x), or a continuous Piecewise {OF_SYMPY}",
}
"""Symbolic replacements of numeric functions, by name. Others are looked up in sympy."""

SYMBOLS = "verify.problem"
"""The package of the arrays that a formula computes with."""

LIBRARIES = frozenset({*sys.stdlib_module_names, "jax", "mpmath", "numba", "numpy", "scipy", "sympy", "torch"}) - {"__main__"}
"""Packages that contain none of the author's code."""


COUNT_WORDS = ("none is", "one is", "two are", "three are", "four are", "five are", "six are", "seven are", "eight are", "nine are")
"""The number of arguments before the parameters, in words."""


def second(formula: Callable[..., object]) -> list[str]:
    """The name of a formula's second argument, the label or the target; empty if it is unknown."""
    try:
        return [a.name for a in signature(formula).parameters.values() if a.kind is Argument.POSITIONAL_OR_KEYWORD][1:2]
    except (TypeError, ValueError):
        return []


def takes(name: str, formula: Callable[..., object], parameters: Iterable[str], scores: str, least: int = 2) -> None:
    """Raises UsageError if the formula cannot be called as formula(s, y, **parameters); `scores` describes its first arguments, of which
    there are `least`.
    """
    try:
        arguments = signature(formula).parameters
        whole = signature(formula)
    except (TypeError, ValueError):  # unknown, as for some builtins
        return
    open_ = [a.name for a in arguments.values() if a.kind not in (Argument.VAR_POSITIONAL, Argument.VAR_KEYWORD)]
    first = [a.name for a in arguments.values() if a.kind in (Argument.POSITIONAL_ONLY, Argument.POSITIONAL_OR_KEYWORD)][:least]
    free = any(a.kind is Argument.VAR_POSITIONAL for a in arguments.values())
    shown = f"({', '.join(open_)})"
    if len(first) < least and not free:
        raise UsageError(f"the formula of {name} takes {shown}; it must take {scores}, then its parameters by name.")
    for p in (p for p in parameters if p not in open_[least:] and not any(a.kind is Argument.VAR_KEYWORD for a in arguments.values())):
        if p in first:
            counted = COUNT_WORDS[min(least, len(COUNT_WORDS) - 1)]
            raise UsageError(
                f"parameters= of {name} declares {p}, but the formula takes {shown}, of which the first {counted} {scores}. Give the "
                f"parameter, or the argument that is none, another name than {p}."
            )
        raise UsageError(
            f"parameters= of {name} declares {p}, which the formula does not take: it takes {shown}.{_near(p, open_[least:])} "
            f"Let the formula take {p}, or leave it out of parameters=."
        )
    lacking = [a for a in open_[least:] if a not in parameters and arguments[a].default is Argument.empty]
    if lacking:
        a = lacking[0]
        raise UsageError(
            f"the formula of {name} takes {a}, which parameters= lacks{_listed(parameters)}.{_near(a, parameters)} "
            f'Declare it, parameters={{"{a}": positive(default=1)}} or give it a value in the formula.'
        )
    try:
        whole.bind(*[None] * least, **dict.fromkeys(parameters))
    except TypeError as error:
        raise UsageError(f"the formula of {name} takes {shown}, and parameters come by name: {error}.") from None


def stated(
    name: str,
    formula: Callable[..., object],
    arguments: Sequence[Any],
    parameters: dict[str, sympy.Symbol],
    place: str,
    targets: object,
    of: str | None = None,
) -> sympy.Expr:
    """The formula's result for these arguments, as a sympy expression of their symbols. In sentences `place` describes the label, and `of`
    the symbols, if they are no scores.

    Python numbers count as exact fractions. Raises UsageError for anything that is no such expression.
    """
    told = f"the formula of {name}, for {place}, "
    given = returned(told, formula, arguments, parameters, targets)
    try:
        return expression(told, given, arguments, parameters, targets, of)
    except NoExpression as error:
        hint = _other_shape(formula, parameters, targets) or _of_type(given)
        raise UsageError(f"{error} {hint}") from None


SYMBOLS_GIVEN = (
    "What it is given are arrays of symbols already, which take numpy's functions: np.array(…) and np.asarray(…) make arrays of them "
    "that do not. Leave them out."
)


class NoExpression(UsageError):
    """The formula's result is no sympy expression."""


def returned(
    label: str, formula: Callable[..., object], arguments: Sequence[Any], parameters: Mapping[str, sympy.Symbol], targets: object
) -> Any:
    """The formula's result for these arguments. Raises UsageError, with the line and the nearest right thing, if it raises."""
    try:
        return formula(*arguments, **parameters)
    except (Exception, SystemExit, GeneratorExit) as error:
        frame = _frame(error)
        where = f", in `{_code(frame)}` ({Path(frame.filename).name}, line {frame.lineno})" if frame else ""
        plain = NUMPY_NO_METHOD.is_told_by(error) and any(hasattr(a, "applyfunc") for a in arguments)
        hint = (
            SYMBOLS_GIVEN if plain else _other_shape(formula, parameters, targets) or _hint(error, _code(frame) if frame else "", targets)
        )
        raise UsageError(f"{label}raised {_said(error)}{where}. {hint}") from None


def expression(
    label: str, given: object, arguments: Sequence[Any], parameters: Mapping[str, sympy.Symbol], targets: object, of: str | None = None
) -> sympy.Expr:
    """The result, or one entry of it, as an expression of the arguments' symbols. Raises UsageError for an invalid one, and NoExpression if
    it is not one of sympy's objects.
    """
    due = of or f"the score{_s(targets)}"
    try:
        e = sympy.sympify(given, strict=True)
    except (sympy.SympifyError, TypeError, ValueError, AttributeError):
        e = None
    if not isinstance(e, sympy.Expr) or getattr(e, "is_Matrix", False) or (hasattr(given, "shape") and given.shape != ()):
        raise NoExpression(f"{label}returned {_worded(given)}; it must return one sympy expression of {due}.")
    e = exactly(e)
    own = str(arguments[1]) if _is_symbol(targets) and len(arguments) > 1 else "t" if targets else "y"
    branch = f"Piecewise((…, {own} > 0), (…, True))" if _is_symbol(targets) else f"`if {own} == 0: return …`"
    if e.has(sympy.nan, sympy.zoo, sympy.oo, -sympy.oo):
        raise UsageError(
            f"{label}is {_shown(e)}: something in it is no number there, such as log 0 or 0/0. Branch where that happens: {branch}."
        )
    if e.has(sympy.I):
        raise UsageError(
            f"{label}is {_shown(e)}, which is not real: a root or a logarithm of a negative number? Every loss is a real number."
        )
    known = {*parameters.values(), *(a for part in arguments for a in (part if isinstance(part, (list, set)) else [part]))}
    strays = sorted(map(str, e.free_symbols - known))
    if strays:
        k = strays[0]
        raise UsageError(
            f"{label}contains the symbol {k}, which is neither {of or 'a score'} nor a parameter{_listed(parameters)}."
            f"{_near(k, parameters)} "
            f'Declare it, parameters={{"{k}": positive(default=1)}}, and let the formula take it; or put its value in its place.'
        )
    return e


def exactly(e: sympy.Expr) -> sympy.Expr:
    """The expression with floats as exact fractions, and with the functions of sympy's code printer (log1p, expm1, …) expanded."""
    e = e.xreplace({x: sympy.Rational(x) for x in e.atoms(sympy.Float) if x.is_finite})
    return e.replace(lambda x: type(x).__module__ == "sympy.codegen.cfunctions", lambda x: x.expand(func=True))


def _frame(error: BaseException) -> FrameSummary | None:
    """The last frame in the author's own code."""
    modules = [f.f_globals.get("__name__", "") for f, _ in walk_tb(error.__traceback__)]
    frames = zip(extract_tb(error.__traceback__), modules, strict=True)
    own = [frame for frame, m in list(frames)[1:] if m.partition(".")[0] not in LIBRARIES and not m.startswith(SYMBOLS)]
    return own[-1] if own else None


def _code(frame: FrameSummary) -> str:
    """The piece of code that was being evaluated."""
    first, last = frame.lineno or 0, frame.end_lineno or frame.lineno or 0
    lines = [linecache.getline(frame.filename, n).rstrip("\n").encode() for n in range(first, last + 1)]
    if lines and frame.colno is not None and frame.end_colno is not None:
        lines[-1] = lines[-1][: frame.end_colno]
        lines[0] = lines[0][frame.colno :]
    return _short(" ".join(line.decode(errors="replace").strip() for line in lines))


def _hint(error: BaseException, code: str, targets: object) -> str:
    called = re.match(r"(?:\w+\.)*(\w+)\s*\(", code) if _is_a_call(code) else None
    instead = _instead(called[1]) if called else None
    if called and instead:
        return f"The formula is called on symbols of sympy: instead of {called[0].rstrip('( ')} use {instead}."
    if BOOLEAN_AS_NUMBER.is_told_by(error):
        return "A truth value is no number of sympy's: write int(j == y)."
    if SYMPY_NO_TRUTH_VALUE.is_told_by(error):
        return "A comparison of a score is neither true nor false: use Piecewise((a, condition), (b, True)), Max, Min or Abs of sympy. " + (
            f"With target={targets} the target is a symbol, too, as every parameter is."
            if _is_symbol(targets)
            else "Only labels and targets may be asked by `if`."
        )
    if isinstance(error, (KeyError, IndexError)):
        return "It is called for every label and, without targets, for every number of classes: state it for all of them."
    return "The formula is called on symbols of sympy: build it with sympy's functions and operators."


def _is_symbol(targets: object) -> bool:
    """Whether the formula gets a symbol for the target."""
    return isinstance(targets, Domain)


def _is_a_call(code: str) -> bool:
    """Whether the whole code is one call f(…), and not a sum of calls: the first parenthesis is closed by the last."""
    depths = list(accumulate({"(": 1, ")": -1}.get(c, 0) for c in code))
    return code.endswith((")", "…")) and 0 not in depths[code.find("(") : -1]


def _instead(name: str) -> str | None:
    if name in SYMBOLIC_FUNCTIONS:
        return SYMBOLIC_FUNCTIONS[name]
    known = getattr(sympy, name, None)
    return f"{name} {OF_SYMPY}" if (isinstance(known, type) and issubclass(known, sympy.Basic)) or name == "sqrt" else None


def _other_shape(formula: Callable[..., object], parameters: Mapping[str, sympy.Symbol], targets: object) -> str | None:
    """The hint for targets that were forgotten, or given where the formula expects scores: if it works the other way."""
    symbols = [sympy.Symbol(f"s{j}", real=True) for j in range(2)]
    try:
        other = formula(symbols, 0, **parameters) if targets else formula(symbols[0], sympy.Integer(1), **parameters)
        if not isinstance(other, sympy.Expr):
            return None
    except (Exception, SystemExit, GeneratorExit):  # the author's code, which failed before
        return None
    if targets:
        return "With targets= it is given one score and the target. A loss of several classes, which is given a list of scores, has none."
    return "Without targets= it is given a list of scores, one a class, and the label. A loss of one score needs targets=(-1, 1), say."


def _of_type(given: object) -> str:
    if given is None:
        return "Does it lack a `return`?"
    if isinstance(given, (list, tuple)) or hasattr(given, "shape"):
        return "Add its parts up: Add(*parts) of sympy."
    if isinstance(given, (sympy.logic.boolalg.Boolean, bool)):
        return "For a choice use Piecewise((a, condition), (b, True)) of sympy."
    return "Build it with sympy's functions and operators."


def _worded(given: object) -> str:
    if given is None:
        return "nothing (None)"
    if isinstance(given, (list, tuple)):
        return f"a {type(given).__name__} of {len(given)}"
    if isinstance(given, str):
        return f"the text {_short(repr(given))}"
    if isinstance(given, sympy.logic.boolalg.Boolean):
        return f"the condition {_short(str(given))}"
    if callable(given):
        return f"the function {getattr(given, '__name__', type(given).__name__)}"
    return f"{_short(repr(given))} of type {type(given).__name__}"


def _said(error: BaseException) -> str:
    try:
        told = str(error)
    except Exception:  # an exception of the author's, whose own text fails
        told = ""
    return f"{type(error).__name__}{': ' if told else ''}{_short(told)}".rstrip(".")


def _shown(e: sympy.Expr) -> str:
    return _short(str(e))


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= MAX_CODE else f"{text[: MAX_CODE - 1]}…"


def _s(targets: object) -> str:
    return "" if targets else "s"


def _listed(names: Iterable[str]) -> str:
    found = sorted(names)
    return f" (it has {', '.join(found)})" if found else ""


def _near(given: str, known: Iterable[str]) -> str:
    near = get_close_matches(given, sorted(known), n=1, cutoff=0.5)
    return f" Did you mean {near[0]!r}?" if near else ""
