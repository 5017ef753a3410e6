"""Slips and their places in words."""

from __future__ import annotations

import ast
import os
import re

from verify.mistakes.derivatives import DERIVATIVES
from verify.mistakes.edges import AGAINST
from verify.mistakes.products import Product
from verify.mistakes.slips import ALL_NAMES, Site, Slip
from verify.tape.tape import SourceLine

MAX_OPERAND = 60
"""Most characters shown of an operand."""
PRODUCTS = {"matmul", "mm", "dot"}
"""Functions of two matrices that multiply them as they stand."""


def in_words(slip: Slip, line: SourceLine, when: str = "") -> str:
    """The slip in words, after `the gradient`; `when` is what `Lines.when` says of its place."""
    what = place_in_words(slip.place, line) + when
    if slip.how in DERIVATIVES:
        return derivative_in_words(slip, line, None, when)
    if slip.how == "bare" and is_mean(line):
        return f"sums what comes through {what} where it must be averaged"
    if slip.how in ("bare", "identity"):
        return f"leaves out the derivative of {what}"
    if slip.how == "exponent":
        return f"lacks the {1 / slip.factor:g} of the derivative of {what}"
    if slip.how == "inverted":
        return f"has the inverse of the derivative of {what} in its place"
    if slip.how == "squared":
        return f"has the derivative of {what} twice, as a factor"
    if slip.how == "mean":
        return f"averages what comes through {what}{',' if when else ''} where it must be summed"
    if slip.along is not None:
        return f"has what comes through {what} {slip.along.words}"
    if slip.product is not None:
        return product_in_words(slip, line, None, when)
    if slip.order is not None:
        return f"carries {what} back {slip.order.words}"
    if slip.how in AGAINST:
        return f"adds up what comes to {what} in the direction in which the loss does, where the reverse one is due"
    if slip.how in ("first", "last"):
        return f"has only the {slip.how} of what comes through {what}, where all must be summed"
    verb = {0.0: "lacks", 2.0: "has twice", -1.0: "has with the wrong sign"}.get(slip.factor, f"has {multiple(slip.factor)}")
    return f"{verb} what comes through {what}"


def derivative_in_words(slip: Slip, line: SourceLine, due: str | None, when: str = "", *, root: bool = False) -> str:
    """A wrong derivative in words, with the one that is `due` if that has a text; of the `root` in a place, as `Lines.is_root` says, or of
    all of it. A value with a name in the code is called by that.
    """
    named = re.match(r"([A-Za-z_]\w*)\s*=(?!=)", line.code) if slip.place.key[2] == ALL_NAMES or is_all(line) else None
    texts = [slip.how, *([] if due is None else [due])]
    if named:
        texts = [re.sub(r"(?<![a-z])v(?![a-z])", named[1], t) for t in texts]
    letters = {"v": "its value", "x": "its argument"}
    used = [
        f"{k} being {words}"
        for k, words in letters.items()
        if any(re.search(rf"(?<![a-z]){k}(?![a-z])", t) for t in texts) and not (k == "v" and named)
    ]
    part = not named and not line.code.startswith("return ")
    what = f"`{line.part}` ({os.path.basename(line.file)}:{line.number})" if part else place_in_words(slip.place, line)
    instead = "" if due is None else f" in place of {texts[1]}"
    what = f"the root in {what}" if root else what
    return f"has {texts[0]}{instead} for the derivative of {what}{when}{', ' if used else ''}{' and '.join(used)}"


def product_in_words(slip: Slip, line: SourceLine, partner: SourceLine | None, when: str = "") -> str:
    """The same of an operand of a product of matrices; the other operand is called by what stands there, or at the slip's `other` place in
    its `partner` line. Where a product is not written as one, as in an einsum, its operands may stand there otherwise than they are
    multiplied.
    """
    assert slip.product is not None
    what, slot, written = place_in_words(slip.place, line) + when, slip.place.slot or 0, _factors(line)
    due = ast.unparse(written[1 - slot]) if len(written) == 2 else None
    taken = due if slip.other is None else partner and _factor(slip.other, partner)
    if due is None or taken is None:
        turned_over = [word for word in vars(slip.product) if getattr(slip.product, word)]
        names = {"coming": "what comes to it", "other": "the other operand", "result": "the result"}
        how = "another matrix" if slip.other else f"{' and '.join(map(names.__getitem__, turned_over))} transposed"
        return f"carries {what} back with {how}"
    texts = (slip.product.written(slot, taken), Product().written(slot, due))
    return f"carries {what} back as `{texts[0]}` where `{texts[1]}` is due, g being what comes to the product"


def multiple(factor: float) -> str:
    """A factor in words, however little it differs from 1."""
    off = factor - 1
    return f"{factor:.6g} ×" if abs(off) >= 1e-5 else f"(1 {'−' if off < 0 else '+'} {abs(off):.2g}) ×"


def operand_in_words(place: Site, line: SourceLine) -> str:
    """An operand in words."""
    return _operand(place, line)


def place_in_words(place: Site, line: SourceLine) -> str:
    """A place in words."""
    part = line.part if place.key[2] != ALL_NAMES and (place.slot is not None or not is_all(line)) else ""
    where = f"`{part or _bare(line.code)}` ({os.path.basename(line.file)}:{line.number})"
    if place.slot is not None:
        where = f"{_operand(place, line)} in {where}"
    return where


def line_in_words(line: SourceLine) -> str:
    """A line in words."""
    return f"`{_bare(line.code)}` ({os.path.basename(line.file)}:{line.number})"


def is_mean(line: SourceLine) -> bool:
    """Whether an expression is a mean."""
    e = _parsed(line)
    return isinstance(e, ast.Call) and "mean" in (getattr(e.func, "attr", None), getattr(e.func, "id", None))


def is_all(line: SourceLine) -> bool:
    """Whether an expression is the whole right side of an assignment or return."""
    code = _bare(line.code)
    return code.endswith(line.part) and bool(re.fullmatch(r"[^=<>!]*=\s*|return\s+", code[: -len(line.part)]))


def _parsed(line: SourceLine) -> ast.expr | None:
    """The expression; None where the part of the line is none by itself."""
    try:
        return ast.parse(line.part, mode="eval").body
    except SyntaxError:
        return None


def _operand(place: Site, line: SourceLine) -> str:
    written = _operands(line)
    if place.slot is None or place.slot >= len(written) or len(text := ast.unparse(written[place.slot])) > MAX_OPERAND:
        return f"operand {(place.slot or 0) + 1}"
    return f"`{text}`"


def _operands(line: SourceLine) -> list[ast.expr]:
    e = _parsed(line)
    if isinstance(e, ast.BinOp):
        return [e.left, e.right]
    if isinstance(e, ast.UnaryOp):
        return [e.operand]
    if isinstance(e, ast.Call):
        of = e.func.value if isinstance(e.func, ast.Attribute) and not _is_module(e.func.value) else None
        letters = sum(isinstance(a, ast.Constant) and isinstance(a.value, str) for a in e.args[:1])  # of an einsum
        return [*([of] if of else []), *e.args[letters:]]
    return []


def _factors(line: SourceLine) -> list[ast.expr]:
    """The operands of what is written as a product of matrices."""
    e = _parsed(line)
    if isinstance(e, ast.Call):
        return _operands(line) if {getattr(e.func, "attr", None), getattr(e.func, "id", None)} & PRODUCTS else []
    return _operands(line) if isinstance(e, ast.BinOp) and isinstance(e.op, ast.MatMult) else []


def _factor(place: Site, line: SourceLine) -> str | None:
    """The text of such an operand; None of one that is too long to be shown."""
    written = _factors(line)
    text = ast.unparse(written[place.slot or 0]) if len(written) == 2 else ""
    return text if 0 < len(text) <= MAX_OPERAND else None


def _is_module(e: ast.expr) -> bool:
    return ast.unparse(e).partition(".")[0] in ("np", "numpy", "math", "special", "scipy", "sp")


def _bare(code: str) -> str:
    """The code without a trailing comment."""
    return code if "'" in code or '"' in code else re.sub(r"\s*#.*$", "", code)
