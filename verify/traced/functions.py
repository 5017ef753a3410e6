"""numpy's functions of whole arrays, and scipy's, on a record."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from verify.traced.array import Recorded, Traced, Truths, cast, has_recorded, lifted, stacked
from verify.traced.products import einsum, matmul
from verify.traced.recorder import Recorder


def recorder_of(*args: Any) -> Recorder:
    """That of the first that is recorded."""
    for a in args:
        if isinstance(a, Recorded):
            return a.recorder
        if isinstance(a, (list, tuple)) and has_recorded(a):
            return recorder_of(*a)
    raise AssertionError("nothing is recorded")


def _reduced(name: str) -> Callable[..., Any]:
    def reduction(x: Traced, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: bool = False, **more: Any) -> Any:
        _plainly(x, out, more)
        rows, values = _rows(x, axis), getattr(np, name)(x.values, axis=axis, keepdims=keepdims)
        if not rows.shape[-1]:
            return lifted(x.recorder, values)
        found = x.recorder.apply(name, rows.reshape(-1, rows.shape[-1])).reshape(np.shape(values))
        total = Traced(x.recorder, values, found)
        return total if dtype is None else cast(total, dtype)

    return reduction


def _plainly(x: Traced, out: Any, more: dict[str, Any]) -> None:
    initial, where = more.pop("initial", None), more.pop("where", True)
    if out is not None or where is not True or repr(initial) not in ("None", "<no value>") or more:
        x.recorder.fail("it reduces an array with out=, where= or initial=")


def _rows(x: Traced, axis: Any) -> Any:
    """Registers with what is reduced in the last axis."""
    if axis is None:
        return x.registers.reshape(-1)
    axes = tuple(a % x.ndim for a in (axis if isinstance(axis, tuple) else (axis,)))
    kept = [k for k in range(x.ndim) if k not in axes]
    moved = x.registers.transpose(*kept, *axes)
    return moved.reshape(*[x.shape[k] for k in kept], -1)


def _counted(x: Traced, axis: Any) -> int:
    axes = range(x.ndim) if axis is None else (axis if isinstance(axis, tuple) else (axis,))
    return int(np.prod([x.shape[a] for a in axes]))


_sum = _reduced("sum")


def _mean(x: Traced, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: bool = False, **more: Any) -> Any:
    total = _sum(x, axis=axis, dtype=dtype, out=out, keepdims=keepdims, **more)
    return _like(total / _counted(x, axis), np.mean(x.values, axis=axis, dtype=dtype, keepdims=keepdims))


def _like(x: Any, values: Any) -> Traced:
    """A record with the numbers that the code itself would have."""
    return Traced(x.recorder, values, np.asarray(x.registers).reshape(np.shape(values)))


def _var(x: Traced, axis: Any = None, dtype: Any = None, out: Any = None, ddof: float = 0, keepdims: bool = False, **more: Any) -> Any:
    centred = x - _mean(x, axis=axis, keepdims=True)
    total = _sum(centred * centred, axis=axis, dtype=dtype, out=out, keepdims=keepdims, **more)
    return _like(total / (_counted(x, axis) - ddof), np.var(x.values, axis=axis, dtype=dtype, ddof=ddof, keepdims=keepdims))


def _std(x: Traced, *args: Any, **kwargs: Any) -> Any:
    return np.sqrt(_var(x, *args, **kwargs))


def _prod(x: Traced, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: bool = False, **more: Any) -> Any:
    _plainly(x, out, more)
    rows = _rows(x, axis)
    found = np.broadcast_to(x.recorder.b.constants(1), rows.shape[:-1])
    for k in range(rows.shape[-1]):
        found = rows[..., k] if k == 0 else x.recorder.apply("mul", found, rows[..., k])
    return _like(Traced(x.recorder, np.zeros(found.shape), found), np.prod(x.values, axis=axis, dtype=dtype, keepdims=keepdims))


def _cumulated(name: str, step: str) -> Callable[..., Any]:
    def cumulation(x: Traced, axis: Any = None, dtype: Any = None, out: Any = None) -> Any:
        _plainly(x, out, {})
        rows = x.registers.reshape(-1) if axis is None else np.moveaxis(x.registers, axis, -1)
        found = np.array(rows)
        for k in range(1, found.shape[-1]):
            found[..., k] = x.recorder.apply(step, found[..., k - 1], rows[..., k])
        registers = found if axis is None else np.moveaxis(found, -1, axis)
        return Traced(x.recorder, getattr(np, name)(x.values, axis=axis, dtype=dtype), registers)

    return cumulation


def _arg(name: str, above: Callable[[Any, Any], Any]) -> Callable[..., Any]:
    """Which entry is the greatest, or the least: decided by comparing it with each of the others."""

    def which(x: Traced, axis: Any = None, out: Any = None, keepdims: bool = False) -> Any:
        _plainly(x, out, {})
        found = getattr(np, name)(x.values, axis=axis, keepdims=keepdims)
        rows = x.reshape(1, -1) if axis is None else x.moved(np.moveaxis, axis, -1).reshape(-1, x.shape[axis])
        taken = np.ravel(found)
        recorder = x.recorder
        for row, k in zip(rows, taken.tolist(), strict=True):
            others = np.delete(np.arange(row.size), k)
            if not others.size:
                continue
            best, rest = row[np.full(others.size, k)], row[others]
            outcome = recorder.decide(recorder.above(*above(best.registers, rest.registers)), np.ones(others.size, bool))
            if not np.all(outcome):  # the other one of a tie, in another run
                recorder.fail(f"np.{name} chooses one of several equal entries")
        return found

    return which


def _sorted(x: Traced, axis: int = -1, **_: Any) -> Any:
    order = _argsort(x, axis=axis)
    return x.moved(np.take_along_axis, order, axis)


def _argsort(x: Traced, axis: int = -1, **_: Any) -> Any:
    order = np.argsort(x.values, axis=axis, kind="stable")
    rows = np.moveaxis(np.take_along_axis(x.registers, order, axis), axis, -1)
    low, high = rows[..., :-1], rows[..., 1:]
    if not np.all(x.recorder.decide(x.recorder.above(high, low), np.ones(low.shape, bool))):
        x.recorder.fail("it sorts equal entries")
    return order


def _median(x: Traced, axis: Any = None, **options: Any) -> Any:
    if options:
        x.recorder.fail("it calls np.median with further options")
    rows = _sorted(x.ravel() if axis is None else x.moved(np.moveaxis, axis, -1))
    n = rows.shape[-1]
    return (rows[..., (n - 1) // 2] + rows[..., n // 2]) / 2


def _bincount(x: Any, weights: Any = None, minlength: int = 0) -> Any:
    recorder = recorder_of(x, weights)
    if not isinstance(weights, Traced) or isinstance(x, Recorded):
        recorder.fail("it counts by numbers that are differentiated")
    found = filled(recorder, max(minlength, int(np.max(x, initial=-1)) + 1), 0, np.float64)
    np.add.at(found, x, weights)
    return found


def _moving(f: Callable[..., Any]) -> Callable[..., Any]:
    """A function that moves entries, of one array or of several in a list, and computes nothing."""

    def move(first: Any, *args: Any, **kwargs: Any) -> Any:
        if isinstance(first, (list, tuple)):
            recorder = recorder_of(*first)
            parts = [lifted(recorder, a) for a in first]
            return Traced(recorder, f([p.values for p in parts], *args, **kwargs), f([p.registers for p in parts], *args, **kwargs))
        if not isinstance(first, Recorded):
            recorder_of(*args, *kwargs.values()).fail(f"it calls np.{f.__name__} by a number that is differentiated")
        return first.moved(f, *(a.decided() if isinstance(a, Truths) else a for a in args), **kwargs)

    return move


def _several(f: Callable[..., Any]) -> Callable[..., Any]:
    """A function that gives several parts of an array."""

    def move(x: Any, *args: Any, **kwargs: Any) -> Any:
        pairs = zip(f(x.values, *args, **kwargs), f(x.registers, *args, **kwargs), strict=True)
        return [x.like(v, r) for v, r in pairs]

    return move


def _filled(f: Callable[..., Any]) -> Callable[..., Any]:
    """A function that leaves some entries and sets the others to 0."""

    def fill(x: Traced, *args: Any, **kwargs: Any) -> Any:
        zero = int(x.recorder.b.constants(0))
        kept = f(np.ones(x.shape, bool), *args, **kwargs)
        return Traced(x.recorder, f(x.values, *args, **kwargs), np.where(kept, f(x.registers, *args, **kwargs), zero))

    return fill


def _diag(x: Traced, k: int = 0) -> Any:
    if x.ndim == 2:
        return x.moved(np.diag, k)
    zero = int(x.recorder.b.constants(0))
    return Traced(x.recorder, np.diag(x.values, k), np.where(np.diag(np.ones(x.size, bool), k), np.diag(x.registers, k), zero))


def _pad(x: Traced, width: Any, mode: str = "constant", **options: Any) -> Any:
    values = np.pad(x.values, width, mode, **options)  # type: ignore[call-overload]
    if mode != "constant":
        return Traced(x.recorder, values, np.pad(x.registers, width, mode, **options))  # type: ignore[call-overload]
    inner = np.pad(np.ones(x.shape, bool), width)
    return Traced(x.recorder, values, np.where(inner, np.pad(x.registers, width), lifted(x.recorder, values * ~inner).registers))


def _where(condition: Any, *both: Any) -> Any:
    if not both:
        return condition.nonzero() if isinstance(condition, Truths) else (condition != 0).nonzero()
    recorder = recorder_of(condition, *both)
    x, y = (lifted(recorder, a) for a in both)
    wanted = np.where(condition.values if isinstance(condition, Recorded) else condition, *(_plain(a) for a in both))
    if isinstance(condition, Traced):
        condition = condition != 0
    if isinstance(condition, Truths):
        return Traced(recorder, wanted, recorder.apply("where", condition.registers, x.registers, y.registers))
    return Traced(recorder, wanted, np.where(condition, x.registers, y.registers))


def _plain(a: Any) -> Any:
    return a.values if isinstance(a, Recorded) else a


def _clip(x: Any, a_min: Any = None, a_max: Any = None, out: Any = None, **more: Any) -> Any:
    low, high = more.get("min", a_min), more.get("max", a_max)
    found = x if low is None else np.maximum(x, low)
    found = found if high is None else np.minimum(found, high)
    if out is None:
        return found
    out[...] = found
    return out


def _dot(a: Any, b: Any, out: Any = None) -> Any:
    recorder = recorder_of(a, b)
    x, y = lifted(recorder, a), lifted(recorder, b)
    if out is not None:
        recorder.fail("it calls np.dot with out=")
    if not x.ndim or not y.ndim:
        return x * y
    if y.ndim > 2:
        return _tensordot(x, y, ((x.ndim - 1,), (y.ndim - 2,)))
    if x.ndim > 2:
        flat = matmul(x.reshape(-1, x.shape[-1]), y)
        return flat.reshape(*x.shape[:-1], *y.shape[1:])
    return matmul(x, y)


def _tensordot(a: Any, b: Any, axes: Any = 2) -> Any:
    recorder = recorder_of(a, b)
    x, y = lifted(recorder, a), lifted(recorder, b)
    if isinstance(axes, int):
        left, right = list(range(x.ndim - axes, x.ndim)), list(range(axes))
    else:
        left, right = (list(k) if isinstance(k, (list, tuple)) else [k] for k in axes)
    left, right = [k % x.ndim for k in left], [k % y.ndim for k in right]
    free = [[k for k in range(z.ndim) if k not in used] for z, used in ((x, left), (y, right))]
    n = int(np.prod([x.shape[k] for k in left]))
    found = matmul(x.transpose(free[0] + left).reshape(-1, n), y.transpose(right + free[1]).reshape(n, -1))
    return found.reshape([x.shape[k] for k in free[0]] + [y.shape[k] for k in free[1]])


def _outer(a: Any, b: Any, **_: Any) -> Any:
    recorder = recorder_of(a, b)
    return np.multiply.outer(lifted(recorder, a).ravel(), lifted(recorder, b).ravel())


def _inner(a: Any, b: Any) -> Any:
    recorder = recorder_of(a, b)
    x, y = lifted(recorder, a), lifted(recorder, b)
    return x * y if not x.ndim or not y.ndim else _tensordot(x, y, ((x.ndim - 1,), (y.ndim - 1,)))


def _einsum(subscripts: Any, *operands: Any, **options: Any) -> Any:
    recorder = recorder_of(*operands)
    if not isinstance(subscripts, str) or options.keys() - {"optimize"}:
        recorder.fail("it calls np.einsum in another way than by letters")
    found = einsum(recorder, subscripts, *operands)
    return _like(found, np.einsum(subscripts, *(_plain(a) for a in operands)))


def _norm(x: Traced, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Any:  # noqa: A002  # numpy's name
    matrix = (axis is None and x.ndim == 2 and ord is not None) or isinstance(axis, tuple)
    if ord in (None, "fro") or (ord == 2 and not matrix):
        found = np.sqrt(_sum(x * x, axis=axis, keepdims=keepdims))
    elif ord == 1 and not matrix:
        found = _sum(abs(x), axis=axis, keepdims=keepdims)
    elif ord == np.inf and not matrix:
        found = METHODS["max"](abs(x), axis=axis, keepdims=keepdims)
    else:
        x.recorder.fail(f"it calls np.linalg.norm(…, ord={ord})")
    return _like(found, np.linalg.norm(x.values, ord=ord, axis=axis, keepdims=keepdims))


def _trace(x: Traced, offset: int = 0, axis1: int = 0, axis2: int = 1, **_: Any) -> Any:
    return _sum(x.moved(lambda a: np.diagonal(a, offset, axis1, axis2)), axis=-1)


def _average(x: Any, axis: Any = None, weights: Any = None, **options: Any) -> Any:
    recorder = recorder_of(x, weights)
    x = lifted(recorder, x)
    if weights is None:
        return _mean(x, axis=axis)
    w = lifted(recorder, weights)
    if options or w.shape != x.shape:
        recorder.fail("it calls np.average with weights of another shape")
    return _sum(x * w, axis=axis) / _sum(w, axis=axis)


def _diff(x: Traced, n: int = 1, axis: int = -1) -> Any:
    for _ in range(n):
        rows = x.moved(np.moveaxis, axis, 0)
        x = (rows[1:] - rows[:-1]).moved(np.moveaxis, 0, axis)
    return x


def _ptp(x: Traced, axis: Any = None, **options: Any) -> Any:
    return METHODS["max"](x, axis=axis, **options) - METHODS["min"](x, axis=axis, **options)


def _put_along_axis(x: Any, indices: Any, values: Any, axis: Any) -> None:
    recorder = recorder_of(x, values)
    if not isinstance(x, Traced):
        recorder.fail("it writes numbers that are differentiated into a plain array")
    new = lifted(recorder, values)
    flat_values, flat_registers = new.values, new.registers
    np.put_along_axis(x.values, indices, flat_values, axis)
    np.put_along_axis(x.registers, indices, flat_registers, axis)


def _full_like(value: Any) -> Callable[..., Any]:
    def made(x: Any, fill: Any = value, dtype: Any = None, shape: Any = None, **_: Any) -> Any:
        recorder = recorder_of(x, fill)
        kind = np.dtype(dtype) if dtype is not None else getattr(x, "dtype", np.dtype(np.float64))
        if kind.kind != "f":
            return np.full(x.shape if shape is None else shape, fill, kind)
        return filled(recorder, x.shape if shape is None else shape, fill, kind)

    return made


def filled(recorder: Recorder, shape: Any, value: Any, dtype: Any) -> Traced:
    """An array of one number."""
    number = lifted(recorder, value)
    values = np.full(shape, number.values, dtype)
    return Traced(recorder, values, np.array(np.broadcast_to(number.registers, values.shape)))


def _copyto(into: Any, x: Any, where: Any = True, **_: Any) -> None:
    recorder = recorder_of(into, x, where)
    if not isinstance(into, Traced):
        recorder.fail("it writes numbers that are differentiated into a plain array")
    into[...] = x if where is True else np.where(where, x, into)


def _array_equal(a: Any, b: Any, **_: Any) -> Any:
    x, y = _plain(a), _plain(b)
    return bool(np.shape(x) == np.shape(y) and np.all(a == b))


def _shape(x: Any) -> tuple[int, ...]:
    return x.shape  # type: ignore[no-any-return]


def _select(conditions: Sequence[Any], choices: Sequence[Any], default: Any = 0) -> Any:
    found = default
    for c, x in zip(reversed(conditions), reversed(choices), strict=True):
        found = _where(c, x, found) if has_recorded([c, x, found]) else np.where(c, x, found)
    return found


def _nan_to_num(x: Traced, **_: Any) -> Any:
    if not np.all(np.isfinite(x.values)):
        x.recorder.fail("it replaces numbers that are not finite")
    return x


def _apply_along_axis(f: Callable[..., Any], axis: int, x: Any, *args: Any, **kwargs: Any) -> Any:
    rows = x.moved(np.moveaxis, axis, -1)
    flat = rows.reshape(-1, rows.shape[-1])
    found = stacked(x.recorder, [f(row, *args, **kwargs) for row in flat])
    shaped = found.reshape(*rows.shape[:-1], *found.shape[1:])
    return shaped if found.ndim == 1 else shaped.moved(np.moveaxis, -1, axis)


def _solve(name: str) -> Callable[..., Any]:
    def solved(*operands: Any) -> Any:
        recorder = recorder_of(*operands)
        xs = [lifted(recorder, a) for a in operands]
        if any(x.ndim > 2 for x in xs):
            recorder.fail(f"it calls np.linalg.{name} with stacks of matrices")
        values = getattr(np.linalg, name)(*(x.values for x in xs))
        columns = [x.registers if x.ndim == 2 else x.registers[:, None] for x in xs]
        return Traced(recorder, values, recorder.apply(name, *columns).reshape(np.shape(values)))

    return solved


def _slogdet(x: Traced) -> Any:
    sign, value = np.linalg.slogdet(x.values)
    return sign, Traced(x.recorder, value, x.recorder.apply("slogdet", x.registers).reshape(()))


def _det(x: Traced) -> Any:
    sign, value = _slogdet(x)
    return _like(np.exp(value) * sign, np.linalg.det(x.values))


def _multi_dot(arrays: Sequence[Any]) -> Any:
    found = arrays[0]
    for a in arrays[1:]:
        found = _dot(found, a)
    return found


METHODS: dict[str, Callable[..., Any]] = {
    "sum": _sum, "mean": _mean, "var": _var, "std": _std, "prod": _prod, "max": _reduced("max"), "min": _reduced("min"),
    "cumsum": _cumulated("cumsum", "add"), "cumprod": _cumulated("cumprod", "mul"), "ptp": _ptp,
    "argmax": _arg("argmax", lambda best, rest: (best, rest)), "argmin": _arg("argmin", lambda best, rest: (rest, best)),
    "argsort": _argsort, "clip": _clip, "dot": _dot, "trace": _trace, "conj": lambda x: x, "conjugate": lambda x: x,
    "any": lambda x, **k: (x != 0).any(**k), "all": lambda x, **k: (x != 0).all(**k), "nonzero": lambda x: (x != 0).nonzero(),
    "round": lambda x, *_: x.recorder.fail("it rounds numbers that are differentiated"),
}  # fmt: skip
"""Methods of arrays, beside those that move entries."""


def _method(name: str) -> Callable[..., Any]:
    def method(x: Any, *args: Any, **kwargs: Any) -> Any:
        if isinstance(x, Truths):
            return getattr(x, name)(*args, **kwargs)
        recorder = recorder_of(x, *args, *kwargs.values())
        return METHODS[name](lifted(recorder, x), *args, **kwargs)

    return method


MOVES = (
    "reshape", "ravel", "transpose", "swapaxes", "moveaxis", "squeeze", "expand_dims", "broadcast_to", "tile", "repeat", "flip", "fliplr",
    "flipud", "roll", "rot90", "take", "take_along_axis", "diagonal", "delete", "concatenate", "stack", "vstack", "hstack", "dstack",
    "column_stack", "copy", "atleast_1d", "atleast_2d", "atleast_3d", "rollaxis", "resize", "compress", "append", "insert", "block",
)  # fmt: skip

FUNCTIONS: dict[Callable[..., Any], Callable[..., Any]] = {
    **{getattr(np, name): _moving(getattr(np, name)) for name in MOVES if name not in ("append", "insert", "block")},
    **{getattr(np, name): _several(getattr(np, name)) for name in ("split", "array_split", "vsplit", "hsplit")},
    **{getattr(np, name): _filled(getattr(np, name)) for name in ("triu", "tril")},
    **{getattr(np, name): _method(name) for name in METHODS if hasattr(np, name) and name not in ("clip", "dot", "conj", "conjugate")},
    np.amax: _method("max"), np.amin: _method("min"),
    np.where: _where, np.clip: _clip, np.dot: _dot, np.vdot: lambda a, b: _dot(np.ravel(a), np.ravel(b)), np.inner: _inner,
    np.outer: _outer, np.tensordot: _tensordot, np.einsum: _einsum, np.linalg.norm: _norm, np.average: _average, np.diff: _diff,
    np.diag: _diag, np.pad: _pad, np.sort: _sorted, np.put_along_axis: _put_along_axis, np.copyto: _copyto, np.select: _select,
    np.zeros_like: _full_like(0), np.ones_like: _full_like(1), np.empty_like: _full_like(0),
    np.full_like: lambda x, fill, **k: _full_like(0)(x, fill, **k), np.array_equal: _array_equal, np.shape: _shape,
    np.ndim: lambda x: x.ndim, np.size: lambda x, axis=None: x.size if axis is None else x.shape[axis], np.nan_to_num: _nan_to_num,
    np.apply_along_axis: _apply_along_axis, np.linalg.solve: _solve("solve"), np.linalg.inv: _solve("inv"),
    np.linalg.slogdet: _slogdet, np.linalg.det: _det, np.linalg.multi_dot: _multi_dot, np.real: lambda x: x,
    np.append: lambda x, y, axis=None: _appended(x, y, axis), np.iscomplexobj: lambda _: False, np.isrealobj: lambda _: True,
    np.median: _median, np.bincount: _bincount,
    np.flatnonzero: lambda x: np.flatnonzero((x if isinstance(x, Truths) else x != 0).decided()),
    np.count_nonzero: lambda x, **k: np.count_nonzero((x if isinstance(x, Truths) else x != 0).decided(), **k),
    np.argwhere: lambda x: np.argwhere((x if isinstance(x, Truths) else x != 0).decided()),
    np.broadcast_arrays: lambda *xs: [
        lifted(recorder_of(*xs), x).moved(np.broadcast_to, np.broadcast_shapes(*map(np.shape, xs))) for x in xs
    ],
}  # fmt: skip
"""What stands for numpy's functions."""


def _appended(x: Any, y: Any, axis: Any) -> Any:
    return np.concatenate([np.ravel(x), np.ravel(y)]) if axis is None else np.concatenate([x, y], axis=axis)
