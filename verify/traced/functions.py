"""numpy's functions of whole arrays, and scipy's, on a record."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from verify.tape.tape import Registers
from verify.traced import composites, decompositions, factors, infinite, lookup, rounding_functions, sorting, windows
from verify.traced.array import Recorded, Traced, Truths, cast, has_recorded, lifted, recorder_of, stacked
from verify.traced.products import einsum, matmul
from verify.traced.recorder import Recorder
from verify.traced.ufuncs import written


def _reduced(name: str) -> Callable[..., Any]:
    def reduction(x: Traced, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: bool = False, **more: Any) -> Any:
        initial = _initial(more)
        x = _masked(x, NEUTRAL[name], more)
        _plainly(x, out, more)
        if initial is not None:
            return STEP[name](reduction(x, axis, dtype, keepdims=keepdims), initial)
        rows, values = _rows(x, axis), getattr(np, name)(x.values, axis=axis, keepdims=keepdims)
        if not rows.shape[-1]:
            return lifted(x.recorder, values)
        found = x.recorder.apply(name, rows.reshape(-1, rows.shape[-1])).reshape(np.shape(values))
        total = Traced(x.recorder, values, found)
        return total if dtype is None else cast(total, dtype)

    return reduction


STEP = {"sum": np.add, "max": np.maximum, "min": np.minimum}
NEUTRAL = {"sum": 0.0, "max": -np.inf, "min": np.inf, "prod": 1.0}
"""The neutral element of each reduction."""


def _initial(more: dict[str, Any]) -> Any:
    initial = more.pop("initial", None)
    return None if initial is np._NoValue else initial


def _masked(x: Traced, neutral: float, more: dict[str, Any]) -> Traced:
    """The array with the entries that where= excludes set to the neutral element."""
    where = more.pop("where", True)
    return x if where is True else _where(where, x, np.broadcast_to(np.asarray(neutral, x.dtype), x.shape))


def _plainly(x: Traced, out: Any, more: dict[str, Any]) -> None:
    if out is not None or more:
        x.recorder.fail("it reduces an array with out=")


def _rows(x: Traced, axis: Any) -> Any:
    """The registers with the reduced axes as last axis."""
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
    where = more.get("where", True)
    total = _sum(x, axis=axis, dtype=dtype, out=out, keepdims=keepdims, **more)
    if where is not True:
        return total / np.sum(np.broadcast_to(where, x.shape), axis=axis, keepdims=keepdims)
    return _like(total / _counted(x, axis), np.mean(x.values, axis=axis, dtype=dtype, keepdims=keepdims))


def _like(x: Any, values: Any) -> Traced:
    """The result on the record, with the values that the code itself would have."""
    return Traced(x.recorder, values, np.asarray(x.registers).reshape(np.shape(values)))


def _var(x: Traced, axis: Any = None, dtype: Any = None, out: Any = None, ddof: float = 0, keepdims: bool = False, **more: Any) -> Any:
    where = more.get("where", True)
    centred = x - _mean(x, axis=axis, keepdims=True, where=where)
    total = _sum(centred * centred, axis=axis, dtype=dtype, out=out, keepdims=keepdims, **more)
    if where is not True:
        return total / (np.sum(np.broadcast_to(where, x.shape), axis=axis, keepdims=keepdims) - ddof)
    return _like(total / (_counted(x, axis) - ddof), np.var(x.values, axis=axis, dtype=dtype, ddof=ddof, keepdims=keepdims))


def _std(x: Traced, *args: Any, **kwargs: Any) -> Any:
    return np.sqrt(_var(x, *args, **kwargs))


def _prod(x: Traced, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: bool = False, **more: Any) -> Any:
    initial = _initial(more)
    x = _masked(x, NEUTRAL["prod"], more)
    _plainly(x, out, more)
    if initial is not None:
        return _prod(x, axis, dtype, keepdims=keepdims) * initial
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
    """The index of the greatest, or least, entry, decided by comparing it with each of the others. Where another run decides otherwise, the
    entries that are not below it are compared with each other.
    """

    def best_of(recorder: Recorder, row: Registers, k: int, values: Any) -> int:
        left = np.arange(row.size)
        while True:
            others = left[left != k]
            if not others.size:
                return k
            found = recorder.above(*above(np.full(others.size, row[k]), row[others]))
            left = others[~recorder.decide(found, np.ones(others.size, bool))]
            if not left.size:
                return k
            k = int(left[getattr(np, name)(values[left])])

    def which(x: Traced, axis: Any = None, out: Any = None, keepdims: bool = False) -> Any:
        _plainly(x, out, {})
        found = np.asarray(getattr(np, name)(x.values, axis=axis, keepdims=keepdims))
        rows = x.reshape(1, -1) if axis is None else x.moved(np.moveaxis, axis, -1).reshape(-1, x.shape[axis])
        parts = zip(rows.registers, np.ravel(found).tolist(), rows.values, strict=True)
        return np.array([best_of(x.recorder, row, k, values) for row, k, values in parts], np.intp).reshape(found.shape)[()]

    return which


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
    """A function that returns several parts of an array."""

    def move(x: Any, *args: Any, **kwargs: Any) -> Any:
        pairs = zip(f(x.values, *args, **kwargs), f(x.registers, *args, **kwargs), strict=True)
        return [x.like(v, r) for v, r in pairs]

    return move


def _filled(f: Callable[..., Any]) -> Callable[..., Any]:
    """A function that keeps some entries and sets the others to 0."""

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


def _where(condition: Any, *both: Any) -> Any:
    if not both:
        return condition.nonzero() if isinstance(condition, Truths) else (condition != 0).nonzero()
    recorder = recorder_of(condition, *both)
    x, y = (lifted(recorder, a) for a in both)
    wanted = np.where(condition.values if isinstance(condition, Recorded) else condition, *(_plain(a) for a in both))
    if isinstance(condition, Traced):
        condition = condition != 0
    if isinstance(condition, Truths):
        return Traced(recorder, wanted, recorder.choice(condition.registers, condition.values, x.registers, y.registers))
    return Traced(recorder, wanted, np.where(condition, x.registers, y.registers))


def _plain(a: Any) -> Any:
    return a.values if isinstance(a, Recorded) else a


def _clip(x: Any, a_min: Any = None, a_max: Any = None, out: Any = None, **more: Any) -> Any:
    low, high = more.get("min", a_min), more.get("max", a_max)
    found = x if low is None else np.maximum(x, low)
    found = found if high is None else np.minimum(found, high)
    if out is None:
        return found
    return written(recorder_of(x, a_min, a_max), found, out)


def _dot(a: Any, b: Any, out: Any = None) -> Any:
    recorder = recorder_of(a, b)
    x, y = lifted(recorder, a), lifted(recorder, b)
    if out is not None:
        return written(recorder, _dot(x, y), out)
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


def _outer(a: Any, b: Any, out: Any = None) -> Any:
    recorder = recorder_of(a, b)
    found = np.multiply.outer(lifted(recorder, a).ravel(), lifted(recorder, b).ravel())
    return found if out is None else written(recorder, found, out)


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


def _norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Any:  # noqa: A002  # numpy's name
    x = lifted(recorder_of(x), x)
    axes = tuple(range(x.ndim)) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    if len(axes) == 1 or ord in (None, "fro"):
        axis = None if axis is None else axes if len(axes) > 1 else axes[0]
        found = _norm_of_vectors(x, 2 if ord in (None, "fro") else ord, axis, keepdims)
    elif x.ndim == 2 and ord in (2, -2, "nuc"):
        sizes = decompositions.svdvals(x)
        found = sizes.sum() if ord == "nuc" else sizes[0 if ord == 2 else -1]
        found = found.reshape(1, 1) if keepdims else found
    elif len(axes) == 2 and ord in (1, -1, np.inf, -np.inf):
        summed, over = axes if abs(ord) == 1 else axes[::-1]
        sums = _sum(abs(x), axis=summed, keepdims=True)
        found = METHODS["max" if ord > 0 else "min"](sums, axis=over, keepdims=True)
        found = found if keepdims else found.moved(np.squeeze, axes)
    else:
        x.recorder.fail(f"it calls np.linalg.norm(…, ord={ord!r})")
    return _like(found, np.linalg.norm(x.values, ord=ord, axis=axis, keepdims=keepdims))


def _norm_of_vectors(x: Traced, p: Any, axis: Any, keepdims: bool) -> Any:
    if p == 2:
        return np.sqrt(_sum(x * x, axis=axis, keepdims=keepdims))
    if p == 1:
        return _sum(abs(x), axis=axis, keepdims=keepdims)
    if isinstance(p, (int, float)) and np.isinf(p):
        return METHODS["max" if p > 0 else "min"](abs(x), axis=axis, keepdims=keepdims)
    if not isinstance(p, (int, float)) or p == 0:
        x.recorder.fail(f"it calls np.linalg.norm(…, ord={p!r})")
    return _sum(abs(x) ** p, axis=axis, keepdims=keepdims) ** (1 / p)


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


def _diff(x: Any, n: int = 1, axis: int = -1, prepend: Any = None, append: Any = None) -> Any:
    recorder = recorder_of(x, prepend, append)
    x = lifted(recorder, x)
    beside = [lifted(recorder, e) for e in (prepend, append) if repr(e) not in ("None", "<no value>")]
    if beside:
        ends = [e if e.ndim else np.broadcast_to(e, [1 if k == axis % x.ndim else m for k, m in enumerate(x.shape)]) for e in beside]
        x = np.concatenate(
            [*ends[: repr(prepend) not in ("None", "<no value>")], x, *ends[repr(prepend) not in ("None", "<no value>") :]], axis
        )
    for _ in range(n):
        rows = x.moved(np.moveaxis, axis, 0)
        x = (rows[1:] - rows[:-1]).moved(np.moveaxis, 0, axis)
    return x


def _trapezoid(y: Any, x: Any = None, dx: float = 1.0, axis: int = -1) -> Any:
    recorder = recorder_of(y, x)
    rows = lifted(recorder, y).moved(np.moveaxis, axis, -1)
    if x is None:
        steps: Any = dx
    else:
        steps = np.diff(x) if np.ndim(x) == 1 else np.diff(np.moveaxis(x, axis, -1))
    return _sum(steps * (rows[..., 1:] + rows[..., :-1]) / 2.0, axis=-1)


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
    """An array of one repeated number."""
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


def _nan_to_num(x: Traced, copy: bool = True, nan: float = 0.0, posinf: Any = None, neginf: Any = None) -> Any:  # noqa: ARG001
    return _without_nan(x, nan)


def _without_nan(x: Any, instead: float) -> Any:
    """The array with another number in place of constants that are NaN."""
    x = lifted(recorder_of(x), x)
    gone = infinite.nans(x.recorder, x.registers)
    left = x.values[~gone] if x.ndim else x.values
    if not np.all(np.isfinite(left)) and not (gone.all() and not x.ndim):
        x.recorder.fail("it replaces numbers that are not finite")
    return _where(gone, np.asarray(instead, x.dtype)[()], x)


def _nan_mean(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    x = lifted(recorder_of(x), x)
    counts = np.sum(~infinite.nans(x.recorder, x.registers), axis=axis, keepdims=keepdims)
    return _sum(_without_nan(x, 0.0), axis=axis, keepdims=keepdims) / counts


def _nan_reduced(name: str) -> Callable[..., Any]:
    return lambda x, axis=None, keepdims=False: METHODS[name](_without_nan(x, NEUTRAL[name]), axis=axis, keepdims=keepdims)


def _close(a: Any, b: Any, rtol: float = 1e-5, atol: float = 1e-8, **_: Any) -> Any:
    return abs(a - b) <= atol + rtol * abs(b)


def _fill_diagonal(x: Any, value: Any, wrap: bool = False) -> None:
    recorder = recorder_of(x, value)
    if not isinstance(x, (Traced, Truths)) or wrap or np.ndim(value):
        recorder.fail("it writes numbers that are differentiated into the diagonal of a plain array")
    k = np.arange(min(x.shape))
    x[(k,) * x.ndim] = value


def _apply_along_axis(f: Callable[..., Any], axis: int, x: Any, *args: Any, **kwargs: Any) -> Any:
    rows = x.moved(np.moveaxis, axis, -1)
    flat = rows.reshape(-1, rows.shape[-1])
    found = stacked(x.recorder, [f(row, *args, **kwargs) for row in flat])
    shaped = found.reshape(*rows.shape[:-1], *found.shape[1:])
    return shaped if found.ndim == 1 else shaped.moved(np.moveaxis, -1, axis)


def _nan_var(x: Any, axis: Any = None, ddof: float = 0, keepdims: bool = False) -> Any:
    x = lifted(recorder_of(x), x)
    there = ~infinite.nans(x.recorder, x.registers)
    return _var(_without_nan(x, 0.0), axis=axis, ddof=ddof, keepdims=keepdims, where=there)


def _put_mask(x: Any, mask: Any, values: Any) -> None:
    if np.size(values) != 1:
        recorder_of(x, mask, values).fail("it calls np.putmask with several numbers")
    x[mask] = values if not np.ndim(values) else np.ravel(values)[0]


def _piecewise(x: Any, conditions: Any, functions: Sequence[Any], *args: Any, **kwargs: Any) -> Any:
    recorder = recorder_of(x)
    masks = [conditions] if np.ndim(conditions) == np.ndim(x) else [*conditions]
    pieces = [*functions] if len(functions) > len(masks) else [*functions, 0]
    found: Any = filled(recorder, np.shape(x), 0, x.dtype)
    rest = np.ones(np.shape(x), bool)
    for mask in masks:
        rest = rest & ~np.asarray(mask)
    for mask, piece in ((rest, pieces[-1]), *zip(masks, pieces[:-1], strict=True)):
        found[mask] = piece(x[mask], *args, **kwargs) if callable(piece) else piece
    return found


def _of_first(f: Callable[..., Any]) -> Callable[..., Any]:
    """A function of an array that may be given as a list."""
    return lambda x, *args, **kwargs: f(lifted(recorder_of(x), x), *args, **kwargs)


def of_stacks(f: Callable[..., Any]) -> Callable[..., Any]:
    """A function of matrices, applied to each matrix of a stack."""

    def each(*operands: Any) -> Any:
        recorder = recorder_of(*operands)
        xs = [lifted(recorder, a) for a in operands]
        if not any(x.ndim > 2 for x in xs):
            return f(*xs)
        lead = np.broadcast_shapes(*(x.shape[:-2] for x in xs))
        whole = [x.moved(np.broadcast_to, (*lead, *x.shape[-2:])).reshape(-1, *x.shape[-2:]) for x in xs]
        found = [f(*ms) for ms in zip(*whole, strict=True)]
        if isinstance(found[0], tuple):
            return tuple(_in_a_stack(recorder, [*part], lead) for part in zip(*found, strict=True))
        return _in_a_stack(recorder, found, lead)

    return each


def _in_a_stack(recorder: Recorder, parts: list[Any], lead: tuple[int, ...]) -> Any:
    if not has_recorded(parts):
        return np.reshape(parts, lead)
    return stacked(recorder, parts).reshape(*lead, *parts[0].shape)


def _solve(name: str) -> Callable[..., Any]:
    def solved(*operands: Any) -> Any:
        recorder = recorder_of(*operands)
        xs = [lifted(recorder, a) for a in operands]
        values = recorder.factored(getattr(np.linalg, name), *(x.values for x in xs))
        columns = [x.registers if x.ndim == 2 else x.registers[:, None] for x in xs]
        return Traced(recorder, values, recorder.apply(name, *columns).reshape(np.shape(values)))

    return solved


def _slogdet(x: Traced) -> Any:
    x.recorder.inspected = True  # its sign is a plain number
    sign, value = np.linalg.slogdet(x.values)
    return sign, Traced(x.recorder, value, x.recorder.apply("slogdet", x.registers).reshape(()))


def _det(x: Traced) -> Any:
    sign, value = _slogdet(x)
    return _like(np.exp(value) * sign, np.linalg.det(x.values))


def _cholesky(a: Any, *, upper: bool = False) -> Any:
    return of_stacks(lambda x: factors.cholesky(x, upper=upper))(a)


def _multi_dot(arrays: Sequence[Any]) -> Any:
    found = arrays[0]
    for a in arrays[1:]:
        found = _dot(found, a)
    return found


METHODS: dict[str, Callable[..., Any]] = {
    "sum": _sum, "mean": _mean, "var": _var, "std": _std, "prod": _prod, "max": _reduced("max"), "min": _reduced("min"),
    "cumsum": _cumulated("cumsum", "add"), "cumprod": _cumulated("cumprod", "mul"), "ptp": _ptp,
    "argmax": _arg("argmax", lambda best, rest: (best, rest)), "argmin": _arg("argmin", lambda best, rest: (rest, best)),
    "argsort": sorting.argsort, "argpartition": sorting.argpartition, "clip": _clip, "dot": _dot, "trace": _trace, "conj": lambda x: x,
    "conjugate": lambda x: x,
    "any": lambda x, **k: (x != 0).any(**k), "all": lambda x, **k: (x != 0).all(**k), "nonzero": lambda x: (x != 0).nonzero(),
    "searchsorted": lookup.searchsorted, "round": rounding_functions.rounded,
}  # fmt: skip
"""Methods of arrays, besides those that move entries."""


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
    "column_stack", "copy", "atleast_1d", "atleast_2d", "atleast_3d", "rollaxis", "resize", "compress",
)  # fmt: skip

FUNCTIONS: dict[Callable[..., Any], Callable[..., Any]] = {
    **{getattr(np, name): _moving(getattr(np, name)) for name in MOVES},
    **{getattr(np, name): _several(getattr(np, name)) for name in ("split", "array_split", "vsplit", "hsplit")},
    **{getattr(np, name): _filled(getattr(np, name)) for name in ("triu", "tril")},
    **{getattr(np, name): _method(name) for name in METHODS if hasattr(np, name) and name not in ("clip", "dot", "conj", "conjugate")},
    np.amax: _method("max"), np.amin: _method("min"),
    np.where: _where, np.clip: _clip, np.dot: _dot, np.vdot: lambda a, b: _dot(np.ravel(a), np.ravel(b)), np.inner: _inner,
    np.outer: _outer, np.tensordot: _tensordot, np.einsum: _einsum, np.linalg.norm: _norm, np.average: _average, np.diff: _diff,
    np.diag: _diag, np.pad: windows.pad, np.convolve: windows.convolve, np.correlate: windows.correlate,
    np.lib.stride_tricks.sliding_window_view: _moving(np.lib.stride_tricks.sliding_window_view), np.linalg.cholesky: _cholesky,
    np.searchsorted: lookup.searchsorted, np.digitize: lookup.digitize, np.interp: lookup.interp, np.trapezoid: _trapezoid,
    np.nansum: _nan_reduced("sum"), np.nanmax: _nan_reduced("max"), np.nanmin: _nan_reduced("min"), np.nanprod: _nan_reduced("prod"),
    np.nanmean: _nan_mean, np.isclose: _close, np.allclose: lambda a, b, *e, **k: bool(np.all(np.asarray(_close(a, b, *e, **k)))),
    np.fill_diagonal: _fill_diagonal, np.sort: _of_first(sorting.sorted_), np.partition: _of_first(sorting.partition),
    np.put_along_axis: _put_along_axis, np.copyto: _copyto, np.select: _select,
    np.zeros_like: _full_like(0), np.ones_like: _full_like(1), np.empty_like: _full_like(0),
    np.full_like: lambda x, fill, **k: _full_like(0)(x, fill, **k), np.array_equal: _array_equal, np.shape: _shape,
    np.ndim: lambda x: x.ndim, np.size: lambda x, axis=None: x.size if axis is None else x.shape[axis], np.nan_to_num: _nan_to_num,
    np.apply_along_axis: _apply_along_axis, np.linalg.solve: of_stacks(_solve("solve")),
    np.linalg.inv: of_stacks(_solve("inv")),
    np.linalg.eigh: decompositions.eigh, np.linalg.eigvalsh: decompositions.eigvalsh, np.linalg.svd: decompositions.svd,
    np.linalg.svdvals: decompositions.svdvals, np.linalg.qr: decompositions.qr, np.linalg.lstsq: decompositions.lstsq,
    np.linalg.pinv: decompositions.pinv, np.linalg.matrix_power: decompositions.matrix_power, np.kron: composites.kron,
    np.cross: composites.cross, np.meshgrid: composites.meshgrid, np.cov: composites.cov, np.corrcoef: composites.corrcoef,
    np.polyval: composites.polyval, np.vander: composites.vander, np.insert: composites.insert, np.gradient: composites.gradient,
    np.ediff1d: composites.ediff1d, np.block: composites.block, np.extract: composites.extract,
    np.fix: rounding_functions.stepped("trunc"), np.nanvar: _nan_var, np.nanstd: lambda *a, **k: np.sqrt(_nan_var(*a, **k)),
    np.triu_indices_from: lambda x, k=0: np.triu_indices(x.shape[-2], k, x.shape[-1]),
    np.tril_indices_from: lambda x, k=0: np.tril_indices(x.shape[-2], k, x.shape[-1]),
    np.diag_indices_from: lambda x: np.diag_indices(x.shape[0], x.ndim), np.place: _put_mask, np.putmask: _put_mask,
    np.piecewise: _piecewise, np.array_str: lambda x, *_, **__: str(x), np.array_repr: lambda x, *_, **__: repr(x),
    np.array2string: lambda x, *_, **__: str(x), np.linalg.slogdet: of_stacks(_slogdet), np.linalg.det: of_stacks(_det),
    np.linalg.multi_dot: _multi_dot, np.real: lambda x: x,
    np.append: lambda x, y, axis=None: _appended(x, y, axis), np.iscomplexobj: lambda _: False, np.isrealobj: lambda _: True,
    np.median: _of_first(sorting.median), np.quantile: sorting.quantile, np.percentile: sorting.percentile, np.bincount: _bincount,
    np.flatnonzero: lambda x: np.flatnonzero((x if isinstance(x, Truths) else x != 0).decided()),
    np.count_nonzero: lambda x, **k: np.count_nonzero((x if isinstance(x, Truths) else x != 0).decided(), **k),
    np.argwhere: lambda x: np.argwhere((x if isinstance(x, Truths) else x != 0).decided()),
    np.broadcast_arrays: lambda *xs: [
        lifted(recorder_of(*xs), x).moved(np.broadcast_to, np.broadcast_shapes(*map(np.shape, xs))) for x in xs
    ],
}  # fmt: skip
"""The replacements of numpy's functions."""


def _appended(x: Any, y: Any, axis: Any) -> Any:
    return np.concatenate([np.ravel(x), np.ravel(y)]) if axis is None else np.concatenate([x, y], axis=axis)
