"""numpy's and scipy's elementwise functions, as operations on a record."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from fractions import Fraction
from functools import reduce
from typing import Any

import numpy as np

from verify.tape.tape import Registers, of_one_shape
from verify.traced import infinite, rounding_functions
from verify.traced.array import Recorded, Traced, Truths, cast, lifted
from verify.traced.recorder import Recorder

R = Recorder
HALF = Fraction(1, 2)


def _plain(name: str) -> Callable[..., Registers]:
    return lambda r, *xs: r.apply(name, *xs)


def _sign(r: R, x: Registers) -> Registers:
    zero = r.b.constants(0)
    return r.apply("where", r.above(x, zero), 1, r.apply("where", r.above(zero, x), -1, 0))


def _heaviside(r: R, x: Registers, y: Registers) -> Registers:
    zero = r.b.constants(0)
    return r.apply("where", r.above(x, zero), 1, r.apply("where", r.above(zero, x), 0, y))


def _copysign(r: R, x: Registers, y: Registers) -> Registers:
    size = r.apply("abs", x)
    return r.apply("where", r.above(r.b.constants(0), y), r.apply("neg", size), size)


def _logit(r: R, x: Registers) -> Registers:
    return r.apply("sub", r.apply("log", x), r.apply("log", r.apply("sub", 1, x)))


def _asinh(r: R, x: Registers) -> Registers:
    root = r.apply("sqrt", r.apply("add", r.apply("square", x), 1))
    return r.apply("log", r.apply("add", x, root))


def _acosh(r: R, x: Registers) -> Registers:
    root = r.apply("sqrt", r.apply("sub", r.apply("square", x), 1))
    return r.apply("log", r.apply("add", x, root))


def _atanh(r: R, x: Registers) -> Registers:
    return r.apply("mul", HALF, r.apply("sub", r.apply("log1p", x), r.apply("log1p", r.apply("neg", x))))


def _pair(name: str) -> Callable[[R, Registers, Registers], Registers]:
    return lambda r, x, y: r.apply(name, np.stack(np.broadcast_arrays(x, y), -1))


def _log_base_2(r: R, x: Registers, y: Registers) -> Registers:
    two = [r.apply("exp2", a) for a in (x, y)]
    return r.apply("log2", r.apply("add", *two))


def _entr(r: R, x: Registers) -> Registers:
    return r.apply("neg", r.apply("xlogy", x, x))


def _rel_entr(r: R, x: Registers, y: Registers) -> Registers:
    return r.apply("sub", r.apply("xlogy", x, x), r.apply("xlogy", x, y))


def _kl_div(r: R, x: Registers, y: Registers) -> Registers:
    return r.apply("add", r.apply("sub", _rel_entr(r, x, y), x), y)


def _betaln(r: R, x: Registers, y: Registers) -> Registers:
    parts = r.apply("add", r.apply("lgamma", x), r.apply("lgamma", y))
    return r.apply("sub", parts, r.apply("lgamma", r.apply("add", x, y)))


def _huber(r: R, delta: Registers, x: Registers) -> Registers:
    size = r.apply("abs", x)
    inner = r.apply("mul", HALF, r.apply("square", x))
    outer = r.apply("mul", delta, r.apply("sub", size, r.apply("mul", HALF, delta)))
    return r.apply("where", r.above(size, delta), outer, inner)


def _pseudo_huber(r: R, delta: Registers, x: Registers) -> Registers:
    root = r.apply("sqrt", r.apply("add", 1, r.apply("square", r.apply("div", x, delta))))
    return r.apply("mul", r.apply("square", delta), r.apply("sub", root, 1))


SAME = ("exp", "expm1", "exp2", "log", "log1p", "log2", "log10", "tanh", "sin", "cos", "tan", "sinh", "cosh")
"""Functions whose primitives have the same names."""

NUMBERS: dict[str, Callable[..., Registers]] = {
    "add": _plain("add"), "subtract": _plain("sub"), "multiply": _plain("mul"), "divide": _plain("div"), "negative": _plain("neg"),
    "positive": lambda _, x: x, "square": _plain("square"), "sqrt": _plain("sqrt"), "reciprocal": lambda r, x: r.apply("div", 1, x),
    "cbrt": lambda r, x: r.apply("pow_c", x, parameter=Fraction(1, 3)),
    **{name: _plain(name) for name in SAME},
    "arcsin": _plain("asin"), "arccos": _plain("acos"), "arctan": _plain("atan"), "arctan2": _plain("atan2"),
    "arcsinh": _asinh, "arccosh": _acosh, "arctanh": _atanh,
    "hypot": lambda r, x, y: r.apply("sqrt", r.apply("add", r.apply("square", x), r.apply("square", y))),
    "absolute": _plain("abs"), "fabs": _plain("abs"), "sign": _sign, "heaviside": _heaviside, "copysign": _copysign,
    "maximum": _pair("max"), "fmax": _pair("max"), "minimum": _pair("min"), "fmin": _pair("min"),
    "logaddexp": _plain("logaddexp"), "logaddexp2": _log_base_2,
    "deg2rad": lambda r, x: r.apply("mul", x, r.apply("div", "pi", 180)),
    "expit": _plain("logistic"), "log_expit": lambda r, x: r.apply("neg", r.apply("softplus", r.apply("neg", x))), "logit": _logit,
    "erf": _plain("erf"), "erfc": _plain("erfc"), "ndtr": _plain("ndtr"), "log_ndtr": _plain("log_ndtr"),
    "gammaln": _plain("lgamma"), "psi": _plain("digamma"), "digamma": _plain("digamma"),
    "xlogy": _plain("xlogy"), "xlog1py": lambda r, x, y: r.apply("xlogy", x, r.apply("add", 1, y)),
    "entr": _entr, "rel_entr": _rel_entr, "kl_div": _kl_div, "betaln": _betaln, "softplus": _plain("softplus"), "huber": _huber,
    "pseudo_huber": _pseudo_huber, "rad2deg": lambda r, x: r.apply("mul", x, r.apply("div", 180, "pi")),
    "radians": lambda r, x: r.apply("mul", x, r.apply("div", "pi", 180)),
}  # fmt: skip
"""By the name of the ufunc: its registers from those of its operands."""

COMPARED: dict[str, Callable[[R, Registers, Registers], Registers]] = {
    "greater": lambda r, x, y: r.above(x, y),
    "greater_equal": lambda r, x, y: r.b.not_(r.above(y, x)),
    "less": lambda r, x, y: r.above(y, x),
    "less_equal": lambda r, x, y: r.b.not_(r.above(x, y)),
    "not_equal": lambda r, x, y: r.b.or_(r.above(x, y), r.above(y, x)),
    "equal": lambda r, x, y: r.b.not_(r.b.or_(r.above(x, y), r.above(y, x))),
}
JOINED = {"logical_and": "and_", "bitwise_and": "and_", "logical_or": "or_", "bitwise_or": "or_", "logical_not": "not_", "invert": "not_"}
LOOKED_AT = {"isfinite", "isnan", "isinf", "signbit"}
"""Tests that code may apply to numbers without affecting the record."""
FINITE = {"isfinite": True, "isnan": False, "isinf": False}
"""Tests with one outcome for all real numbers."""
TOTAL = {
    *(
        "add",
        "sub",
        "mul",
        "neg",
        "square",
        "sum",
        "dot",
        "matmul",
        "max",
        "min",
        "abs",
        "where",
        "lt",
        "le",
        "gt",
        "ge",
        "and",
        "or",
        "not",
    ),
    *("exp", "expm1", "exp2", "logistic", "softplus", "logaddexp", "tanh", "sinh", "cosh", "erf", "erfc", "ndtr", "sin", "cos", "atan"),
}
"""Operations that are defined for all real numbers."""
REDUCED = {"add": "sum", "multiply": "prod", "maximum": "max", "minimum": "min", "logical_and": "all", "logical_or": "any"}


def called(recorder: R, ufunc: np.ufunc, method: str, inputs: Sequence[Any], options: dict[str, Any]) -> Any:
    """The result of a ufunc with a recorded operand."""
    name = ufunc.__name__
    if method != "__call__":
        return _in_another_way(recorder, ufunc, method, inputs, options)
    into, where = options.pop("out", None), options.pop("where", True)
    if name == "matmul":
        from verify.traced.products import matmul

        found: Any = matmul(lifted(recorder, inputs[0]), lifted(recorder, inputs[1]))
    elif name in FINITE and recorder.strict and (real := _as_real(recorder, ufunc, inputs[0])) is not None:
        found = real
    elif name in LOOKED_AT:
        recorder.inspected = True
        found = ufunc(*(x.values if isinstance(x, Recorded) else x for x in inputs))
    elif name in JOINED:
        found = _joined(recorder, ufunc, inputs)
    elif name in COMPARED:
        found = _compared(recorder, ufunc, inputs)
    elif name in ("power", "float_power"):
        found = _power(recorder, ufunc, inputs)
    elif name in NUMBERS:
        found = _numbers(recorder, ufunc, NUMBERS[name], inputs)
    elif name in rounding_functions.OF_UFUNCS:
        found = rounding_functions.OF_UFUNCS[name](*inputs)
    else:
        recorder.fail(f"it calls np.{name}")
    if options.get("dtype") is not None:
        found = cast(found, options["dtype"])
    return found if into is None else written(recorder, found, into[0], where)


def _as_real(recorder: R, ufunc: np.ufunc, x: Any) -> Any:
    """Whether numbers are finite in real arithmetic: all are except constants that are not. None where some may be undefined."""
    x = lifted(recorder, x)
    if any(i.op not in TOTAL for i in recorder.b.tape(x.registers.ravel()).instructions):
        return None
    recorder.real = True
    return np.where(infinite.among(recorder, x.registers), ufunc(x.values), FINITE[ufunc.__name__])[()]


def written(recorder: R, found: Any, into: Any, where: Any = True) -> Any:
    """The output array with the result written into it."""
    if isinstance(into, np.ndarray) and (isinstance(found, Truths) or hasattr(into, "kept")):
        into[...] = found if where is True else np.where(where, found, into)
        return into
    if not isinstance(into, (Traced, Truths)):
        recorder.fail("it writes numbers that are differentiated into a plain array")
    if where is True:
        into[...] = found
    else:
        where = np.broadcast_to(where.decided() if isinstance(where, Truths) else where, into.shape)
        spread = found.moved(np.broadcast_to, into.shape) if isinstance(found, Recorded) else np.broadcast_to(found, into.shape)
        into[where] = spread[where]
    return into


def _spread(x: Traced, shape: tuple[int, ...]) -> Traced:
    return x.moved(np.broadcast_to, shape)  # type: ignore[no-any-return]


def _values(xs: Sequence[Any]) -> list[Any]:
    return [x.values if isinstance(x, Recorded) else x for x in xs]


def _numbers(recorder: R, ufunc: np.ufunc, f: Callable[..., Registers], inputs: Sequence[Any]) -> Traced:
    plain = [x.numbers(_float_beside(inputs)) if isinstance(x, Truths) else x for x in inputs]
    with np.errstate(all="ignore"):
        values = ufunc(*_values(plain))
    columns = [_registers(recorder, ufunc, x) for x in plain]
    whole = _of_whole(recorder, ufunc, columns)
    return Traced(recorder, values, f(recorder, *columns) if whole is None else whole)


OF_WHOLE: dict[np.ufunc, Callable[..., Any]] = {
    np.add: operator.add, np.subtract: operator.sub, np.multiply: operator.mul, np.negative: operator.neg
}  # fmt: skip
HELD = 1 << 24
"""Whole numbers up to this are exact in all supported formats."""


def _of_whole(recorder: R, ufunc: np.ufunc, columns: Sequence[Registers]) -> Registers | None:
    """The result for constants that are whole numbers, as a constant: code computes indices from them, `(np.floor(x) + 1).astype(int)`, and
    a recorded sum would be compared again. None for other operands.
    """
    if ufunc not in OF_WHOLE:
        return None
    known = recorder.b.number
    if any(not _is_whole(known(np.intp(r))) for c in columns for r in c.ravel().tolist()):
        return None
    spread = np.broadcast_arrays(*columns)
    found = [OF_WHOLE[ufunc](*map(known, pair)) for pair in zip(*(c.ravel() for c in spread), strict=True)]
    if not all(map(_is_whole, found)):
        return None
    return recorder.constants(np.array([*map(int, found)], np.int64).reshape(spread[0].shape))


def _is_whole(number: Any) -> bool:
    return isinstance(number, Fraction) and number.denominator == 1 and abs(number) <= HELD


def _registers(recorder: R, ufunc: np.ufunc, x: Any) -> Registers:
    if ufunc in (np.add, np.subtract) and not isinstance(x, Recorded):
        guard = recorder.added(x)
        if guard is not None:
            return guard
    return lifted(recorder, x).registers


def _float_beside(inputs: Sequence[Any]) -> Any:
    """The dtype in which numpy computes with truth values: that of the floats beside them."""
    found = [x.dtype for x in inputs if isinstance(x, (Traced, np.ndarray, np.generic)) and x.dtype.kind == "f"]
    return np.result_type(*found) if found else np.float64


def _power(recorder: R, ufunc: np.ufunc, inputs: Sequence[Any]) -> Traced:
    x, y = inputs
    with np.errstate(all="ignore"):
        values = ufunc(*_values(inputs))
    y = y.numbers() if isinstance(y, Truths) else y
    constant = lifted(recorder, y)
    if isinstance(y, Traced) and any(recorder.b.number(np.intp(r)) is None for r in np.unique(y.registers)):
        xs = [lifted(recorder, a).registers for a in inputs]
        return Traced(recorder, values, recorder.apply("pow", *xs))
    base, exponents = np.broadcast_arrays(lifted(recorder, x).registers, constant.values)
    found = np.empty(base.shape, np.intp)
    for exponent in np.unique(exponents).tolist():
        which = exponents == exponent
        found[which] = _constant_power(recorder, base[which], float(exponent))
    return Traced(recorder, values, found)


def _constant_power(recorder: R, base: Registers, exponent: float) -> Registers:
    if not np.isfinite(exponent):
        recorder.fail("it takes a power that is not finite")
    if exponent == 2:
        return recorder.apply("square", base)
    if exponent == 0.5:
        return recorder.apply("sqrt", base)
    if exponent == int(exponent) and abs(exponent) <= 64:
        whole = _whole_power(recorder, base, abs(int(exponent)))
        return whole if exponent >= 0 else recorder.apply("div", 1, whole)
    return recorder.apply("pow_c", base, parameter=Fraction(exponent))


def _whole_power(recorder: R, x: Registers, n: int) -> Registers:
    """A power with a whole exponent, as products."""
    if n == 0:
        return np.broadcast_to(recorder.b.constants(1), x.shape)
    if n == 1:
        return x
    half = recorder.apply("square", _whole_power(recorder, x, n // 2))
    return recorder.apply("mul", half, x) if n % 2 else half


def _compared(recorder: R, ufunc: np.ufunc, inputs: Sequence[Any]) -> Any:
    plain = [x.decided() if isinstance(x, Truths) else x for x in inputs]
    values = ufunc(*_values(plain))
    if not any(isinstance(x, Traced) for x in plain):
        return values
    xs = of_one_shape([lifted(recorder, x).registers for x in plain])
    if all(recorder.b.fixed(x).all() for x in xs):  # whole numbers, say, which stand wherever the record holds
        numbers = (np.vectorize(lambda r: recorder.b.number(np.intp(r)), otypes=[object])(x) for x in xs)
        return np.asarray(ufunc(*numbers), bool)[()]
    registers = COMPARED[ufunc.__name__](recorder, *xs)
    special = infinite.among(recorder, xs[0]) | infinite.among(recorder, xs[1])
    if special.any():  # with these all others compare alike
        standing = (np.vectorize(lambda r: recorder.infinite.get(r, 0.0), otypes=[float])(x) for x in xs)
        registers = np.where(special, recorder.known(ufunc(*standing)), registers)
    found = Truths(recorder, values, registers)
    return found.decided() if recorder.written else found


def _joined(recorder: R, ufunc: np.ufunc, inputs: Sequence[Any]) -> Any:
    truths = [x != 0 if isinstance(x, Traced) else x for x in inputs]
    values = ufunc(*_values(truths))
    if not any(isinstance(x, Truths) for x in truths):
        return values
    if any(not isinstance(x, Truths) and np.asarray(x).dtype.kind != "b" for x in truths):
        recorder.fail(f"it joins truths with numbers by np.{ufunc.__name__}")
    registers = [x.registers if isinstance(x, Truths) else recorder.known(x) for x in truths]
    return Truths(recorder, values, getattr(recorder.b, JOINED[ufunc.__name__])(*registers))


def _in_another_way(recorder: R, ufunc: np.ufunc, method: str, inputs: Sequence[Any], options: dict[str, Any]) -> Any:
    from verify.traced.functions import METHODS

    name = ufunc.__name__
    if method == "reduce" and name in REDUCED:
        x = inputs[0] if isinstance(inputs[0], Recorded) else lifted(recorder, inputs[0])
        if isinstance(x, Truths):
            return getattr(x, {"sum": "sum", "all": "all", "any": "any"}.get(REDUCED[name], "all"))(**options)
        options.setdefault("axis", 0)
        return METHODS[REDUCED[name]](x, **options)
    if method == "reduce" and name in NUMBERS and not options.keys() - {"axis", "keepdims"}:
        x = lifted(recorder, inputs[0])
        axis = options.get("axis", 0)
        rows = x.ravel() if axis is None else x.moved(np.moveaxis, axis, 0)
        found = reduce(lambda a, b: called(recorder, ufunc, "__call__", (a, b), {}), [rows[k] for k in range(len(rows))])
        if not options.get("keepdims"):
            return found
        return found.reshape((1,) * x.ndim) if axis is None else found.moved(np.expand_dims, axis)
    if method == "outer":
        a, b = (lifted(recorder, x) for x in inputs)
        left = a.reshape(*a.shape, *[1] * b.ndim)
        return called(recorder, ufunc, "__call__", (left, b), options)
    if method == "at" and name in ("add", "subtract"):
        target, at, values = inputs
        if not isinstance(target, Traced):
            recorder.fail("it adds numbers that are differentiated to a plain array, by np.add.at")
        _add_at(recorder, target, at, values, name)
        return None
    if method == "accumulate" and name in ("add", "multiply"):
        return METHODS["cumsum" if name == "add" else "cumprod"](lifted(recorder, inputs[0]), **{"axis": 0, **options})
    if method == "accumulate" and name in NUMBERS:
        return _accumulated(recorder, ufunc, lifted(recorder, inputs[0]), *inputs[1:], **options)
    if method == "reduceat" and name in REDUCED:
        return _by_segments(recorder, ufunc, lifted(recorder, inputs[0]), *inputs[1:], **options)
    return recorder.fail(f"it calls np.{name}.{method}")


def _accumulated(recorder: R, ufunc: np.ufunc, x: Traced, axis: int = 0) -> Any:
    rows = x.moved(np.moveaxis, axis, 0)
    found = [rows[0]]
    for k in range(1, len(rows)):
        found.append(called(recorder, ufunc, "__call__", (found[-1], rows[k]), {}))
    whole: Any = np.stack(found)
    return whole.moved(np.moveaxis, 0, axis)


def _by_segments(recorder: R, ufunc: np.ufunc, x: Traced, starts: Any, axis: int = 0) -> Any:
    rows = x.moved(np.moveaxis, axis, 0)
    ends = [*np.asarray(starts)[1:], len(rows)]
    parts = [rows[a : max(a + 1, b)] for a, b in zip(starts, ends, strict=True)]
    whole: Any = np.stack([called(recorder, ufunc, "reduce", (p,), {"axis": 0}) for p in parts])
    return whole.moved(np.moveaxis, 0, axis)


def _add_at(recorder: R, target: Traced, at: Any, values: Any, name: str) -> None:
    places = np.arange(target.size).reshape(target.shape)[at]
    values = lifted(recorder, values)
    flat = _spread(values, places.shape).ravel() if values.shape != places.shape else values.ravel()
    for k, place in enumerate(places.ravel().tolist()):
        where = np.unravel_index(place, target.shape)
        target[where] = target[where] + flat[k] if name == "add" else target[where] - flat[k]
