"""Products of matrices on a record."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from verify.traced.array import Traced, lifted
from verify.traced.recorder import Recorder


def matmul(a: Traced, b: Traced) -> Traced:
    """See numpy: vectors, matrices, stacks of them."""
    recorder = a.recorder
    with np.errstate(all="ignore"):
        values = a.values @ b.values
    x, y = np.asarray(a.registers), np.asarray(b.registers)
    left, right = x[None, :] if x.ndim == 1 else x, y[:, None] if y.ndim == 1 else y
    stack = np.broadcast_shapes(left.shape[:-2], right.shape[:-2])
    left = np.broadcast_to(left, (*stack, *left.shape[-2:]))
    right = np.broadcast_to(right, (*stack, *right.shape[-2:]))
    found = np.empty((*stack, left.shape[-2], right.shape[-1]), np.intp)
    for at in np.ndindex(*stack):
        found[at] = _product(recorder, left[at], right[at])
    return Traced(recorder, values, found.reshape(np.shape(values)))


def _product(recorder: Recorder, x: Any, y: Any) -> Any:
    if not x.shape[1]:
        return recorder.b.constants(np.zeros((x.shape[0], y.shape[1])))
    return recorder.apply("matmul", x, y)


def einsum(recorder: Recorder, subscripts: str, *operands: Any) -> Traced:
    """Σ over the letters that are not in the output."""
    inputs, output = _letters(recorder, subscripts, [np.ndim(x) for x in operands])
    parts = [(list(s), lifted(recorder, x)) for s, x in zip(inputs, operands, strict=True)]
    parts = [_without_repeats(s, x) for s, x in parts]
    while len(parts) > 1:
        (s, x), (t, y) = parts.pop(0), parts.pop(0)
        later = {letter for own, _ in parts for letter in own} | set(output)
        parts.insert(0, _contracted(s, x, t, y, later))
    s, x = parts[0]
    gone = tuple(k for k, letter in enumerate(s) if letter not in output)
    x = x.sum(axis=gone) if gone else x
    s = [letter for letter in s if letter in output]
    found = x.transpose([s.index(letter) for letter in output]) if s else x
    return found if output else found.reshape(())[()]


def _letters(recorder: Recorder, subscripts: str, ndims: Sequence[int]) -> tuple[list[str], str]:
    """The letters of each operand and of the output; an ellipsis becomes capital Greek letters, the last axis first."""
    left, arrow, output = subscripts.replace(" ", "").partition("->")
    inputs = left.split(",")
    if len(inputs) != len(ndims):
        recorder.fail(f"it calls np.einsum({subscripts!r}) with {len(ndims)} arrays")
    spread = [n - len(own) + 3 if "..." in own else 0 for own, n in zip(inputs, ndims, strict=True)]
    every = "".join(map(chr, range(913, 913 + max(spread))))[::-1]
    inputs = [own.replace("...", every[len(every) - n :]) for own, n in zip(inputs, spread, strict=True)]
    if not arrow:
        named = left.replace("...", "")
        output = every + "".join(sorted(c for c in set(named) - {","} if named.count(c) == 1))
    return inputs, output.replace("...", every)


def _without_repeats(s: list[str], x: Traced) -> tuple[list[str], Traced]:
    """The diagonals, where a letter occurs twice."""
    for letter in dict.fromkeys(s):
        while s.count(letter) > 1:
            first, second = [k for k, c in enumerate(s) if c == letter][:2]
            x = x.moved(lambda a, i=first, j=second: np.diagonal(a, axis1=i, axis2=j))
            s = [c for k, c in enumerate(s) if k not in (first, second)] + [letter]
    return s, x


def _contracted(s: Sequence[str], x: Traced, t: Sequence[str], y: Traced, later: set[str]) -> tuple[list[str], Traced]:
    """Two factors as one product of stacks of matrices."""
    for own, other in ((s, t), (t, s)):
        gone = tuple(k for k, c in enumerate(own) if c not in other and c not in later)
        if gone:
            kept = [c for c in own if c in other or c in later]
            if own is s:
                s, x = kept, x.sum(axis=gone)
            else:
                t, y = kept, y.sum(axis=gone)
    shared = [c for c in s if c in t]
    stack, summed = [c for c in shared if c in later], [c for c in shared if c not in later]
    mine, theirs = [c for c in s if c not in t], [c for c in t if c not in s]
    sizes = dict(zip([*s, *t], [*x.shape, *y.shape], strict=True))

    def arranged(own: Sequence[str], a: Traced, *groups: Sequence[str]) -> Traced:
        moved = a.transpose([own.index(c) for g in groups for c in g])
        flat = [int(np.prod([sizes[c] for c in g])) for g in groups[-2:]]
        return moved.reshape([sizes[c] for c in groups[0]] + flat)  # type: ignore[no-any-return]

    found = matmul(arranged(s, x, stack, mine, summed), arranged(t, y, stack, summed, theirs))
    letters = [*stack, *mine, *theirs]
    return letters, found.reshape([sizes[c] for c in letters])
