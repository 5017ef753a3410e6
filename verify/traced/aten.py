"""Rules for torch's operators: each computes an aten operator with numpy's functions, which record recorded arrays.

An operator without a rule is taken apart by torch's own decompositions. Views, copies into memory and operators that only move entries of
one array need no rule (`tensors.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import pairwise
from math import pi, prod, sqrt
from typing import Any

import numpy as np
import scipy.special as sp

from verify.traced.array import Recorded, Truths, lifted
from verify.traced.functions import METHODS
from verify.traced.matrices import MATRICES, OWN
from verify.traced.windows import dilated, slid, windowed

Rule = Callable[..., Any]


@dataclass(frozen=True)
class Later:
    """Whole numbers decided by comparisons, computed when they are first needed."""

    made: Callable[[], Any]


def _plus(a: Any, b: Any, alpha: Any = 1) -> Any:
    return np.add(a, b if _is_one(alpha) else b * alpha)


def _minus(a: Any, b: Any, alpha: Any = 1) -> Any:
    return np.subtract(a, b if _is_one(alpha) else b * alpha)


def _is_one(a: Any) -> bool:
    return isinstance(a, (int, float)) and a == 1


def _quotient(a: Any, b: Any, rounding_mode: Any = None) -> Any:
    if rounding_mode == "floor":
        return np.floor_divide(a, b)
    return np.divide(a, b) if rounding_mode is None else np.trunc(np.divide(a, b))


def _refused(what: str) -> Rule:
    """A rule for operators that cannot be recorded."""

    def rule(*args: Any, **_: Any) -> Any:
        next(a for a in args if isinstance(a, Recorded)).recorder.fail(what)

    return rule


def _clamp(x: Any, low: Any = None, high: Any = None) -> Any:
    x = x if low is None else np.maximum(x, low)
    return x if high is None else np.minimum(x, high)


def _dims(dim: Any) -> Any:
    """Dimensions as numpy's axes."""
    return None if dim is None or (isinstance(dim, (list, tuple)) and not dim) else tuple(dim) if isinstance(dim, (list, tuple)) else dim


def _reduced(f: Rule) -> Rule:
    def rule(x: Any, dim: Any = None, keepdim: bool = False, **_: Any) -> Any:
        return f(x, axis=_dims(dim), keepdims=keepdim)

    return rule


def _with_places(f: str, place: str) -> Rule:
    """A rule for the greatest (or least) entry along an axis and its index; without an axis, of all entries."""

    def rule(x: Any, dim: int | None = None, keepdim: bool = False) -> Any:
        if dim is None or not x.ndim:
            return METHODS[f](x) if dim is None else (x, 0)

        def at() -> Any:
            found = METHODS[place](x, axis=dim)
            return np.expand_dims(found, dim) if keepdim else found

        return METHODS[f](x, axis=dim, keepdims=keepdim), Later(at)

    return rule


def _arg(place: str) -> Rule:
    def rule(x: Any, dim: int | None = None, keepdim: bool = False) -> Any:
        at = METHODS[place](x, axis=dim)
        return np.expand_dims(at, dim) if keepdim and dim is not None else at

    return rule


def _sorted(x: Any, dim: int = -1, descending: bool = False, **more: Any) -> Any:
    dim, descending = more.get("dim", dim), more.get("descending", descending)
    if not x.ndim:
        return x, 0
    at = METHODS["argsort"](-x if descending else x, axis=dim, kind="stable")
    return np.take_along_axis(x, at, dim), at


def _topk(x: Any, k: int, dim: int = -1, largest: bool = True, sorted: bool = True) -> Any:  # noqa: A002, ARG001  # aten's names
    found, at = _sorted(x, dim, largest)
    first = [slice(None)] * x.ndim
    first[dim] = slice(0, k)
    return found[tuple(first)], at[tuple(first)]


def _variance(x: Any, dim: Any = None, correction: Any = 1, keepdim: bool = False) -> Any:
    axis = _dims(dim)
    n = x.size if axis is None else prod(x.shape[a] for a in ([axis] if isinstance(axis, int) else axis))
    apart = x - np.mean(x, axis=axis, keepdims=True)
    return np.sum(apart * apart, axis=axis, keepdims=keepdim) / max(0, n - (1 if correction is None else correction))


def _variance_and_mean(x: Any, dim: Any = None, correction: Any = 1, keepdim: bool = False) -> Any:
    return _variance(x, dim, correction, keepdim), np.mean(x, axis=_dims(dim), keepdims=keepdim)


def _product_added(matmul: Rule) -> Rule:
    def rule(x: Any, a: Any, b: Any, beta: Any = 1, alpha: Any = 1) -> Any:
        found = matmul(a, b)
        found = found if _is_one(alpha) else found * alpha
        return found if beta == 0 else (x if _is_one(beta) else x * beta) + found

    return rule


def _outer_added(x: Any, a: Any, b: Any, beta: Any = 1, alpha: Any = 1) -> Any:
    return _product_added(np.outer)(x, a, b, beta, alpha)


def _all_added(x: Any, a: Any, b: Any, beta: Any = 1, alpha: Any = 1) -> Any:
    return _product_added(lambda p, q: (p @ q).sum(axis=0))(x, a, b, beta, alpha)


def _norm(x: Any, order: Any = 2, dim: Any = None, keepdim: bool = False, **_: Any) -> Any:
    axis, size = _dims(dim), np.abs
    if order in (np.inf, -np.inf):
        return (np.max if order > 0 else np.min)(size(x), axis=axis, keepdims=keepdim)
    if order == 1:
        return np.sum(size(x), axis=axis, keepdims=keepdim)
    if order == 2:
        return np.sqrt(np.sum(np.square(x), axis=axis, keepdims=keepdim))
    if order == 0:
        return np.sum(x != 0, axis=axis, keepdims=keepdim)
    return np.sum(size(x) ** order, axis=axis, keepdims=keepdim) ** (1 / order)


def _norm_by_scalar(x: Any, p: Any = None, dim: Any = None, keepdim: bool = False, **_: Any) -> Any:
    return _norm(x, 2 if p is None else p, dim, keepdim)


def _distances(x: Any, y: Any, p: float, compute_mode: Any = None) -> Any:  # noqa: ARG001  # aten's arguments
    return _norm(x[..., :, None, :] - y[..., None, :, :], p, -1)


def _pairwise(x: Any, p: float = 2) -> Any:
    i, j = np.triu_indices(x.shape[0], 1)
    return _norm(x[i] - x[j], p, -1)


# What moves entries of several arrays


def _picked(x: Any, indices: Sequence[Any]) -> Any:
    return x[_index(indices)]


def _index(indices: Sequence[Any]) -> tuple[Any, ...]:
    """The index with truth values decided, since they select entries. Separated indices come first in the result, as in numpy."""
    return tuple(slice(None) if i is None else i.decided() if isinstance(i, Truths) else i for i in indices)


def _copied(x: Any, beside: Any) -> Any:
    """A copy that values beside it can be written to."""
    recorder = next((a.recorder for a in (x, beside) if isinstance(a, Recorded)), None)
    return x.copy() if recorder is None or isinstance(x, Recorded) else lifted(recorder, x).copy()


def _put(x: Any, indices: Sequence[Any], values: Any, accumulate: bool = False, unsafe: bool = False) -> Any:  # noqa: ARG001
    if len(indices) == 1 and isinstance(indices[0], Truths) and not accumulate and np.ndim(values) == 0 and indices[0].ndim == x.ndim:
        return np.where(indices[0], values, x)
    found, at = _copied(x, values), _index(indices)
    if accumulate:
        np.add.at(found, at, values)
    else:
        found[at] = values
    return found


def _along(x: Any, dim: int, at: Any) -> tuple[Any, ...]:
    """The index that gather and scatter mean by indices along one axis."""
    if not x.ndim:
        return ()
    grid = [*np.indices(np.shape(at), sparse=True)]
    grid[dim] = at
    return tuple(grid)


def _gather(x: Any, dim: int, index: Any, **_: Any) -> Any:
    return x[_along(x, dim, index)] if x.ndim else x


def _scattered(x: Any, dim: int, index: Any, src: Any, **options: Any) -> Any:
    found, at = _copied(x, src), _along(x, dim, index)
    src = src[tuple(slice(0, n) for n in np.shape(index))] if np.ndim(src) else src
    if options.get("reduce") is not None:
        return _refused(f"it calls scatter(…, reduce={options['reduce']!r})")(x, src)
    found[at] = src
    return found


def _scattered_sum(x: Any, dim: int, index: Any, src: Any) -> Any:
    found = _copied(x, src)
    np.add.at(found, _along(x, dim, index), src[tuple(slice(0, n) for n in np.shape(index))])
    return found


def _scattered_by(x: Any, dim: int, index: Any, src: Any, reduce: str, include_self: bool = True) -> Any:
    if reduce == "sum" and include_self:
        return _scattered_sum(x, dim, index, src)
    if reduce not in ("amax", "amin", "sum", "prod", "mean"):
        return _refused(f"it calls scatter_reduce(…, {reduce!r})")(x, src)
    joined = {"amax": np.maximum, "amin": np.minimum, "sum": np.add, "mean": np.add, "prod": np.multiply}[reduce]
    found = _copied(x, src)
    places = np.arange(x.size).reshape(x.shape)[_along(x, dim, index)].ravel()
    values, counted = src[tuple(slice(0, n) for n in np.shape(index))].ravel(), dict[int, int]()
    for k, place in enumerate(places.tolist()):
        where = np.unravel_index(place, x.shape)
        fresh = place not in counted and not include_self
        found[where] = values[k] if fresh else joined(found[where], values[k])
        counted[place] = counted.get(place, int(include_self)) + 1
    for place, n in counted.items() if reduce == "mean" else ():
        where = np.unravel_index(place, x.shape)
        found[where] = found[where] / n
    return found


def _picked_along(x: Any, dim: int, index: Any) -> Any:
    return np.take(x, index, axis=dim) if x.ndim else x


def _at(x: Any, dim: int, index: Any) -> tuple[Any, ...]:
    """The entries at these places of one axis, which may be counted from the end."""
    return (*[slice(None)] * (dim % max(1, x.ndim)), index)


def _added_along(x: Any, dim: int, index: Any, source: Any, alpha: Any = 1) -> Any:
    found = _copied(x, source)
    np.add.at(found, _at(x, dim, index), source if _is_one(alpha) else source * alpha)
    return found


def _copied_along(x: Any, dim: int, index: Any, source: Any) -> Any:
    found = _copied(x, source)
    found[_at(x, dim, index)] = source
    return found


def _filled(x: Any, mask: Any, value: Any) -> Any:
    return np.where(mask, value, x)


def _chosen(x: Any, mask: Any) -> Any:
    x, mask = np.broadcast_arrays(x, mask) if np.shape(x) != np.shape(mask) else (x, mask)
    return x[mask.decided() if isinstance(mask, Truths) else mask]


def _joined(tensors: Sequence[Any], dim: int = 0) -> Any:
    return np.concatenate([t for t in tensors if np.shape(t) != (0,)], axis=dim)


def _stacked(tensors: Sequence[Any], dim: int = 0) -> Any:
    return np.stack(tensors, axis=dim)


def _padded(x: Any, pad: Sequence[int], value: Any = 0) -> Any:
    return windowed(x, [(pad[k], pad[k + 1]) for k in range(0, len(pad), 2)][::-1], value)


def _rolled(x: Any, shifts: Any, dims: Any = ()) -> Any:
    return np.roll(x, tuple(shifts) if len(shifts) > 1 else shifts[0], axis=_dims(dims) if len(shifts) > 1 or not dims else dims[0])


def _lower(x: Any, diagonal: int = 0) -> Any:
    return np.where(np.tril(np.ones(x.shape[-2:], bool), diagonal), x, 0.0)


def _upper(x: Any, diagonal: int = 0) -> Any:
    return np.where(np.tril(np.ones(x.shape[-2:], bool), diagonal - 1), 0.0, x)


# Windows


def _pairs(a: Any, n: int) -> list[int]:
    return [*a] * n if len(a) == 1 else [*a]


def _both(padding: Sequence[int]) -> list[tuple[int, int]]:
    return [(p, p) for p in padding]


def _convolution(
    x: Any, w: Any, bias: Any, stride: Any, padding: Any, dilation: Any, transposed: bool, output_padding: Any, groups: int
) -> Any:
    n = x.ndim - 2
    stride, padding, dilation, more = (_pairs(a, n) for a in (stride, padding, dilation, output_padding))
    found = (_transposed if transposed else _correlated)(x, w, stride, padding, dilation, more, groups)
    return found if bias is None else found + np.reshape(bias, (1, -1, *[1] * n))


def _correlated(x: Any, w: Any, stride: Any, padding: Any, dilation: Any, _: Any, groups: int) -> Any:
    """The correlation: Σ over channels and places of the window."""
    n, (out, each, *kernel) = x.ndim - 2, w.shape
    seen = slid(windowed(x, _both(padding)), kernel, stride, dilation)
    batch, _, *rest = seen.shape
    places, size = rest[:n], each * prod(kernel)
    rows = np.moveaxis(np.reshape(seen, (batch, groups, each, *rest)), 2, 2 + n)
    rows = np.reshape(rows, (batch, groups, prod(places), size))
    found = rows @ np.swapaxes(np.reshape(w, (1, groups, out // groups, size)), -1, -2)
    return np.reshape(np.swapaxes(found, -1, -2), (batch, out, *places))


def _transposed(x: Any, w: Any, stride: Any, padding: Any, dilation: Any, more: Any, groups: int) -> Any:
    """The transposed convolution: a convolution of the input with gaps of zeros, with flipped kernels."""
    n, (channels, each, *kernel) = x.ndim - 2, w.shape
    edges = [(d * (k - 1) - p, d * (k - 1) - p + o) for d, k, p, o in zip(dilation, kernel, padding, more, strict=True)]
    x = windowed(dilated(x, stride), edges)
    turned = np.flip(w, tuple(range(2, 2 + n)))
    turned = np.swapaxes(np.reshape(turned, (groups, channels // groups, each, *kernel)), 1, 2)
    return _correlated(x, np.reshape(turned, (groups * each, channels // groups, *kernel)), [1] * n, [0] * n, dilation, None, groups)


def _convolution_back(
    g: Any, x: Any, w: Any, _: Any, stride: Any, padding: Any, dilation: Any, transposed: bool, output_padding: Any, groups: int, mask: Any
) -> Any:
    """The gradients of a convolution in its input, its kernels and its bias."""
    n, (out, each, *kernel) = x.ndim - 2, w.shape
    stride, padding, dilation, more = (_pairs(a, n) for a in (stride, padding, dilation, output_padding))
    to_x = to_w = None
    if transposed:  # what is slid over what has changed places
        seen, by = slid(windowed(g, _both(padding)), kernel, stride, dilation), x
        to_x = _correlated(g, w, stride, padding, dilation, more, groups) if mask[0] else None
    else:
        seen, by = slid(windowed(x, _both(padding)), kernel, stride, dilation), g
        reached = zip(x.shape[2:], g.shape[2:], stride, padding, dilation, kernel, strict=True)
        left = [m - ((k - 1) * s - 2 * p + d * (size - 1) + 1) for m, k, s, p, d, size in reached]
        to_x = _transposed(g, w, stride, padding, dilation, left, groups) if mask[0] else None
    if mask[1]:
        batch, places = by.shape[0], prod(by.shape[2:])
        rows = np.moveaxis(np.reshape(by, (batch, groups, out // groups, places)), 0, 2)
        cells = np.reshape(np.moveaxis(seen, 1, 1 + n), (batch, places, groups, each * prod(kernel)))
        cells = np.reshape(np.moveaxis(cells, 2, 0), (groups, batch * places, each * prod(kernel)))
        to_w = np.reshape(np.reshape(rows, (groups, out // groups, batch * places)) @ cells, w.shape)
    return to_x, to_w, g.sum(axis=(0, *range(2, 2 + n))) if mask[2] else None


def _averaged_back(g: Any, x: Any, kernel: Any, stride: Any, padding: Any, ceil_mode: bool, count_include_pad: bool, divisor: Any) -> Any:
    """The gradient of average pooling over two axes: each entry gets its share of what its windows get."""
    kernel, padding = _pairs(kernel, 2), _pairs(padding, 2)
    steps = _pairs(stride, 2) if stride else kernel
    if ceil_mode:
        return _refused("it calls an average pool with ceil_mode")(g)
    if divisor is None and not count_include_pad:
        parts = g / _windows(windowed(np.ones(x.shape[-2:]), _both(padding)), kernel, steps).sum(axis=-1)
    else:
        parts = g / (divisor or prod(kernel))
    reached = zip(x.shape[-2:], g.shape[-2:], kernel, steps, padding, strict=True)
    edges = [(k - 1 - p, m + p - ((size - 1) * s + 1)) for m, size, k, s, p in reached]
    return _windows(windowed(dilated(parts, steps), edges), kernel, [1, 1]).sum(axis=-1)


def _averaged(n: int) -> Rule:
    def rule(
        x: Any,
        kernel: Any,
        stride: Any = (),
        padding: Any = (0,),
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        divisor: Any = None,
    ) -> Any:
        kernel, padding = _pairs(kernel, n), _pairs(padding, n)
        if ceil_mode:
            return _refused("it calls an average pool with ceil_mode")(x)
        edges = _both(padding)
        sums = _windows(windowed(x, edges), kernel, stride).sum(axis=-1)
        if divisor is None and not count_include_pad:
            ones = windowed(np.ones(x.shape[-n:]), edges)
            return sums / _windows(ones, kernel, stride).sum(axis=-1)
        return sums / (divisor or prod(kernel))

    return rule


def _windows(x: Any, kernel: Sequence[int], stride: Any) -> Any:
    n = len(kernel)
    seen = slid(x, kernel, _pairs(stride, n) if stride else kernel, [1] * n)
    return np.reshape(seen, (*seen.shape[:-n], prod(kernel)))


def _pooled(n: int) -> Rule:
    """A rule for the greatest entry of each window and its index."""

    def rule(x: Any, kernel: Any, stride: Any = (), padding: Any = (0,), dilation: Any = (1,), ceil_mode: bool = False) -> Any:
        kernel, padding, dilation = _pairs(kernel, n), _pairs(padding, n), _pairs(dilation, n)
        if ceil_mode:
            return _refused("it calls a max pool with ceil_mode")(x)
        edges = _both(padding)
        steps = _pairs(stride, n) if stride else kernel
        there = slid(windowed(np.arange(prod(x.shape[-n:])).reshape(x.shape[-n:]), edges, -1), kernel, steps, dilation)
        seen = slid(windowed(x, edges, -np.inf) if any(padding) else x, kernel, steps, dilation)
        seen, there = (np.reshape(a, (*a.shape[:-n], prod(kernel))) for a in (seen, there))

        def at() -> Any:
            return np.take_along_axis(np.broadcast_to(there, seen.shape), np.argmax(seen, axis=-1)[..., None], -1)[..., 0]

        return np.max(seen, axis=-1), Later(at)

    return rule


def _gelu(x: Any, approximate: str = "none") -> Any:
    if approximate == "tanh":
        return 0.5 * x * (1 + np.tanh(sqrt(2 / pi) * (x + 0.044715 * x * x * x)))
    return x * 0.5 * (1 + sp.erf(x * sqrt(0.5)))


def _softmax(x: Any, dim: int, half_to_float: bool = False) -> Any:  # noqa: ARG001  # aten's argument
    e = np.exp(x - _top(x, dim))
    return e / np.sum(e, axis=dim, keepdims=True) if x.ndim else e / e


def _log_softmax(x: Any, dim: int, half_to_float: bool = False) -> Any:  # noqa: ARG001
    apart = x - _top(x, dim)
    return apart - np.log(np.sum(np.exp(apart), axis=dim, keepdims=True)) if x.ndim else apart


def _top(x: Any, dim: int) -> Any:
    return np.max(x, axis=dim, keepdims=True) if x.ndim else x


def _log_sum_exp(x: Any, dim: Any, keepdim: bool = False) -> Any:
    axis = _dims(dim)
    top = np.max(x, axis=axis, keepdims=True)
    found = np.log(np.sum(np.exp(x - top), axis=axis, keepdims=True)) + top
    return found if keepdim else found.squeeze(axis)


def _log_cum_sum_exp(x: Any, dim: int) -> Any:
    return np.logaddexp.accumulate(x, axis=dim)


def _power(a: Any, b: Any) -> Any:
    return np.power(a, b)


def _trilinear(a: Any, b: Any, c: Any, e1: Any, e2: Any, e3: Any, over: Any, unroll_dim: int = 1) -> Any:  # noqa: ARG001
    for dims, k in ((e1, 0), (e2, 1), (e3, 2)):
        for d in dims:
            a, b, c = (np.expand_dims(t, d) if i == k else t for i, t in enumerate((a, b, c)))
    return np.sum(a * b * c, axis=tuple(over))


def _multi_label(x: Any, target: Any, reduction: int) -> Any:
    rows, targets = (np.reshape(t, (-1, np.shape(t)[-1])) for t in (x, target))
    found, is_target = [], np.zeros(targets.shape)
    for i, row in enumerate(targets.tolist()):
        own = row[: row.index(-1)] if -1 in row else row
        is_target[i, own] = 1
        others = [k for k in range(len(row)) if k not in own]
        margins = 1 - (rows[i][own][:, None] - rows[i][others][None, :])
        found.append(np.sum(np.maximum(0.0, margins)) / len(row))
    losses = np.stack(found)
    whole = losses if reduction == 0 and x.ndim > 1 else losses[0] if reduction == 0 else losses.mean() if reduction == 1 else losses.sum()
    return whole, np.reshape(is_target, np.shape(target))


def _bags(
    w: Any,
    at: Any,
    offsets: Any,
    scale_grad_by_freq: bool = False,  # noqa: ARG001  # of the gradient alone
    mode: int = 0,
    sparse: bool = False,  # noqa: ARG001  # of the gradient alone
    per_sample_weights: Any = None,
    include_last_offset: bool = False,
    padding_idx: int = -1,
) -> Any:
    """Sums (mode 0), means (1) or maxima (2) of rows of a table."""
    ends = np.asarray(offsets).tolist()
    ends = ends if include_last_offset else [*ends, len(at)]
    found = []
    for first, last in pairwise(ends):
        mine = [k for k in range(first, last) if int(at[k]) != padding_idx]
        rows = w[np.asarray(at)[mine]] if mine else np.zeros((1, w.shape[1]))
        rows = rows if per_sample_weights is None or not mine else rows * per_sample_weights[mine][:, None]
        found.append((np.sum, np.mean, np.max)[mode](rows, axis=0))
    return (np.stack(found),)


def _alignments(x: Any, targets: Any, lengths: Any, target_lengths: Any, blank: int = 0, zero_infinity: bool = False) -> Any:  # noqa: ARG001
    """−log of the sum over all alignments with blanks between labels, for each example: `x` (steps, examples, classes) holds logarithms."""
    lengths, sizes = (np.asarray(a).ravel().astype(int).tolist() for a in (lengths, target_lengths))
    targets, found = np.asarray(targets), []
    for b, (steps, size) in enumerate(zip(lengths, sizes, strict=True)):
        own = targets[b, :size] if targets.ndim > 1 else targets[sum(sizes[:b]) : sum(sizes[: b + 1])]
        labels = [blank, *(int(k) for label in own for k in (label, blank))]
        known = {s: x[0, b, labels[s]] for s in range(min(2, len(labels)))}
        for t in range(1, steps):
            before, known = known, {}
            for s, label in enumerate(labels):
                skips = s > 1 and label not in (blank, labels[s - 2])
                ways = [before[r] for r in (s, s - 1, *([s - 2] if skips else [])) if r in before]
                if ways:
                    known[s] = reduce(np.logaddexp, ways) + x[t, b, label]
        ends = [known[s] for s in range(len(labels) - 2, len(labels)) if s in known]
        if not ends:
            return _refused("it calls ctc_loss with more labels than steps")(x)
        found.append(-reduce(np.logaddexp, ends))
    return (np.stack(found),)


def _shrunk_back(upstream: Any, x: Any, threshold: Any) -> Any:
    return np.where(np.abs(x) <= threshold, 0.0, upstream)


def _leaky(x: Any, noise: Any, lower: float = 1 / 8, upper: float = 1 / 3, training: bool = False, generator: Any = None) -> Any:  # noqa: ARG001
    """A leaky ReLU with the mean slope, where no slope is drawn."""
    return _refused("it draws random numbers, by rrelu")(x) if training else np.where(x > 0, x, x * ((lower + upper) / 2))


ANGLES = ("sin", "cos", "tan", "sinh", "cosh", "tanh")

UNARY = {
    **{name: getattr(np, name) for name in ("exp", "exp2", "expm1", "log", "log1p", "log2", "log10", "sqrt", *ANGLES)},
    **{f"a{name}": getattr(np, f"arc{name}") for name in ANGLES},
    "neg": np.negative, "abs": np.abs, "reciprocal": lambda x: 1 / x, "rsqrt": lambda x: 1 / np.sqrt(x), "square": np.square,
    "sigmoid": sp.expit, "erf": sp.erf, "erfc": sp.erfc, "lgamma": sp.gammaln, "digamma": sp.psi, "relu": lambda x: np.maximum(x, 0.0),
    "sign": np.sign, "sgn": np.sign, "special_ndtr": sp.ndtr, "special_log_ndtr": sp.log_ndtr, "special_entr": sp.entr,
    "logical_not": lambda x: np.logical_not(x), "bitwise_not": lambda x: np.logical_not(x),
    "isnan": np.isnan, "isinf": np.isinf, "isfinite": np.isfinite,
    **{name: getattr(np, name) for name in ("floor", "ceil", "trunc")}, "frac": lambda x: x - np.trunc(x),
    "round": lambda x, decimals=0: np.round(x, decimals),
}  # fmt: skip

BINARY: dict[str, Rule] = {
    "add": _plus, "sub": _minus, "rsub": lambda a, b, alpha=1: _minus(b, a, alpha), "mul": np.multiply, "div": _quotient,
    "pow": _power, "float_power": _power, "maximum": np.maximum, "minimum": np.minimum, "fmax": np.maximum, "fmin": np.minimum,
    "atan2": np.arctan2, "xlogy": sp.xlogy, "special_xlog1py": sp.xlog1py, "logaddexp": np.logaddexp, "logaddexp2": np.logaddexp2,
    "hypot": np.hypot, "gt": np.greater, "ge": np.greater_equal, "lt": np.less, "le": np.less_equal, "eq": np.equal, "ne": np.not_equal,
    "logical_and": np.logical_and, "logical_or": np.logical_or, "logical_xor": lambda a, b: np.not_equal(a, b),
    "bitwise_and": np.logical_and, "bitwise_or": np.logical_or, "heaviside": np.heaviside,
    **{name: getattr(np, name) for name in ("remainder", "fmod", "floor_divide")},
}  # fmt: skip

RULES: dict[str, Rule] = {
    **UNARY, **BINARY,
    "clamp": _clamp, "clamp_min": lambda x, low: np.maximum(x, low), "clamp_max": lambda x, high: np.minimum(x, high),
    "where": lambda c, a, b: np.where(c, a, b), "lerp": lambda a, b, w: a + w * (b - a),
    "addcmul": lambda x, a, b, value=1: x + (a * b if _is_one(value) else value * (a * b)),
    "addcdiv": lambda x, a, b, value=1: x + (a / b if _is_one(value) else value * (a / b)),
    "sum": _reduced(np.sum), "mean": _reduced(np.mean), "prod": _reduced(np.prod), "amax": _reduced(np.max), "amin": _reduced(np.min),
    "max": _with_places("max", "argmax"), "min": _with_places("min", "argmin"), "argmax": _arg("argmax"), "argmin": _arg("argmin"),
    "sort": _sorted, "topk": _topk, "var": _variance, "var_mean": _variance_and_mean,
    "std": lambda *a, **k: np.sqrt(_variance(*a, **k)),
    "cumsum": lambda x, dim, **_: np.cumsum(x, axis=dim), "cumprod": lambda x, dim, **_: np.cumprod(x, axis=dim),
    "logcumsumexp": _log_cum_sum_exp, "logsumexp": _log_sum_exp, "linalg_vector_norm": _norm, "norm": _norm_by_scalar,
    "any": _reduced(np.any), "all": _reduced(np.all),
    "mm": np.matmul, "bmm": np.matmul, "dot": np.dot, "mv": np.matmul, "vdot": np.dot,
    "addmm": _product_added(np.matmul), "baddbmm": _product_added(np.matmul), "addmv": _product_added(np.matmul), "addr": _outer_added,
    "addbmm": _all_added, "linear": lambda x, w, b=None: x @ np.swapaxes(w, -1, -2) if b is None else x @ np.swapaxes(w, -1, -2) + b,
    "_cdist_forward": _distances, "_pdist_forward": _pairwise, "_trilinear": _trilinear,
    "index": _picked, "index_put": _put, "_unsafe_index": _picked, "_unsafe_index_put": _put, "_index_put_impl": _put,
    "gather": _gather, "scatter": _scattered, "scatter_add": _scattered_sum, "scatter_reduce": _scattered_by,
    "index_select": _picked_along, "index_add": _added_along, "index_copy": _copied_along, "index_fill": _copied_along,
    "masked_fill": _filled, "masked_select": _chosen, "take": lambda x, at: np.ravel(x)[at],
    "cat": _joined, "stack": _stacked, "constant_pad_nd": _padded, "flip": lambda x, dims: np.flip(x, tuple(dims)), "roll": _rolled,
    "repeat": lambda x, repeats: np.tile(x, tuple(repeats)), "tril": _lower, "triu": _upper,
    "embedding": lambda w, at, *_, **__: w[at],
    "convolution_backward": _convolution_back, "avg_pool2d_backward": _averaged_back,
    "convolution": _convolution, "avg_pool2d": _averaged(2), "avg_pool3d": _averaged(3),
    "max_pool2d_with_indices": _pooled(2), "max_pool3d_with_indices": _pooled(3),
    "gelu": _gelu, "_softmax": _softmax, "_log_softmax": _log_softmax, "multilabel_margin_loss_forward": _multi_label,
    "fill": lambda x, value: np.broadcast_to(value, x.shape), "zero": lambda x: np.zeros(x.shape),
    "copy": lambda x, y, *_: np.broadcast_to(y, x.shape),
    "clone": lambda x, **_: x.copy(), "_to_copy": lambda x, **_: x.copy(),
    "lift_fresh_copy": lambda x: x.copy(), "_conj": lambda x: x,
    "rrelu_with_noise": _leaky, "hardshrink_backward": _shrunk_back, "softshrink_backward": _shrunk_back,
    "_embedding_bag": _bags, "_embedding_bag_forward_only": _bags, "_ctc_loss": _alignments,
    **MATRICES, **OWN,
}  # fmt: skip
"""Rules by the name of the operator, without its overload."""

OVERLOADS: dict[str, Rule] = {
    "var.default": lambda x, unbiased=True: _variance(x, None, int(unbiased)),
}
"""Rules of overloads whose arguments are in another order."""
