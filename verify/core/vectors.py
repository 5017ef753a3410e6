"""Register tiles in explicit vectors: products of small blocks whose sums stay in registers, independent of LLVM's optimisation of loops.

A tile is written out for its own numbers of rows, columns and vectors, which are literals in the call. Interpreted, each is the line of
numpy that says what it computes.
"""
# ruff: noqa: ARG001  # numba asks an overload for the names of what it stands in for

from __future__ import annotations

from typing import Any

from llvmlite import binding, ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic, overload

WIDE = bool(binding.get_host_cpu_features().get("avx512f"))
"""Whether there are 32 registers of 64 bytes; otherwise 16 of 32 bytes are assumed, or smaller ones replace them."""

BYTES = 64 if WIDE else 32
"""Bytes of a vector."""

VECTORS = 4 if WIDE else 2
"""Vectors of a tile side by side: with 5 rows of sums, 20 of 32 registers, or 10 of 16."""

ROWS = 4 if WIDE else 2
"""Rows of a tile of `dots`, which has 5 columns."""

LINE = 64
"""Bytes that a cache holds together."""

INDEX, CONTRACT = ir.IntType(64), ("contract",)


def dots(rows: int, columns: int, A: Any, i: int, B: Any, j: int, out: Any, oi: int) -> None:
    """out[oi + r, j + c] = A[i + r] · B[j + c]: vectors along the sum, which is added up in them first."""
    out[oi : oi + rows, j : j + columns] = A[i : i + rows] @ B[j : j + columns].T


def outers(
    rows: int, vectors: int, A: Any, i: int, k: int, down: bool, B: Any, bi: int, bj: int, terms: int, out: Any, oi: int, oj: int
) -> None:
    """out[oi + r, oj + c] += Σ_t a(r, t) B[bi + t, bj + c] for the numbers of so many `vectors`, or for one where they are 0: one term
    after the other in the dtype of B, and the sum added to `out` in its own. a(r, t) is A[i + t, k + r] where the terms go `down` A,
    and else A[i + r, k + t].
    """
    width = vectors * BYTES // B.itemsize or 1
    a = A[i : i + terms, k : k + rows].T if down else A[i : i + rows, k : k + terms]
    out[oi : oi + rows, oj : oj + width] += a @ B[bi : bi + terms, bj : bj + width]


@overload(dots, prefer_literal=True)
def _dots_compiled(rows, columns, A, i, B, j, out, oi):
    return lambda rows, columns, A, i, B, j, out, oi: _dots(rows, columns, A, i, B, j, out, oi)  # type: ignore[call-arg]


@overload(outers, prefer_literal=True)
def _outers_compiled(rows, vectors, A, i, k, down, B, bi, bj, terms, out, oi, oj):
    return lambda rows, vectors, A, i, k, down, B, bi, bj, terms, out, oi, oj: _outers(  # type: ignore[call-arg]
        rows, vectors, A, i, k, down, B, bi, bj, terms, out, oi, oj
    )


@intrinsic(prefer_literal=True)
def _dots(_, rows, columns, A, i, B, j, out, oi):
    R, C, L = rows.literal_value, columns.literal_value, _lanes(A)

    def generate(context, builder, signature, arguments):
        b, (_, _, a_type, _, b_type, _, o_type, _) = builder, signature.args
        _, _, A, i, B, j, out, oi = arguments
        nothing, whole_vector = INDEX(0), _vector(context, a_type, L)
        a, b_, o = (_Matrix(context, b, *m) for m in ((a_type, A, i, nothing), (b_type, B, j, nothing), (o_type, out, oi, j)))
        sums = [[_cleared(b, whole_vector) for _ in range(C)] for _ in range(R)]
        whole = b.mul(b.sdiv(a.width, INDEX(L)), INDEX(L))
        with cgutils.for_range_slice(b, nothing, whole, INDEX(L)) as (k, _):
            _add_products(b, sums, [a.load(r, k, L) for r in range(R)], [b_.load(c, k, L) for c in range(C)])
        name = f"llvm.vector.reduce.fadd.v{L}f{a_type.dtype.bitwidth}"
        number = context.get_data_type(a_type.dtype)
        added = cgutils.get_or_insert_function(b.module, ir.FunctionType(number, [number, whole_vector]), name)  # type: ignore[no-untyped-call]
        totals = [[_cleared(b, number) for _ in range(C)] for _ in range(R)]
        for r in range(R):
            for c in range(C):
                b.store(b.call(added, [number(-0.0), b.load(sums[r][c])], fastmath=("reassoc",)), totals[r][c])
        with cgutils.for_range_slice(b, whole, a.width, INDEX(1)) as (k, _):
            _add_products(b, totals, [a.load(r, k) for r in range(R)], [b_.load(c, k) for c in range(C)])
        for r in range(R):
            for c in range(C):
                b.store(b.load(totals[r][c]), o.at(r, INDEX(c)))
        return context.get_dummy_value()

    return types.void(rows, columns, A, types.intp, B, types.intp, out, types.intp), generate


@intrinsic(prefer_literal=True)
def _outers(_, rows, vectors, A, i, k, down, B, bi, bj, terms, out, oi, oj):
    R, V, goes_down = rows.literal_value, vectors.literal_value or 1, down.literal_value
    L = _lanes(B) if vectors.literal_value else 1

    def generate(context, builder, signature, arguments):
        b, (_, _, a_type, _, _, _, b_type, _, _, _, o_type, _, _) = builder, signature.args
        _, _, A, i, k, _, B, bi, bj, terms, out, oi, oj = arguments
        a, b_, o = (_Matrix(context, b, *m) for m in ((a_type, A, i, k), (b_type, B, bi, bj), (o_type, out, oi, oj)))
        one, given = _vector(context, b_type, L), _vector(context, o_type, L)
        sums = [[_cleared(b, one) for _ in range(V)] for _ in range(R)]
        for r in range(R):
            for line in range(-(-L * V * o.bytes // LINE)):
                o.fetch(r, INDEX(line * LINE // o.bytes))
        with cgutils.for_range(b, terms) as loop:
            t = loop.index
            left = [a.load(t, INDEX(r)) if goes_down else a.load(r, t) for r in range(R)]
            _add_products(b, sums, [_spread(b, x, one) for x in left], [b_.load(t, INDEX(v * L), L) for v in range(V)])
        for r in range(R):
            for v in range(V):
                total = b.load(sums[r][v])
                if one.element != given.element:
                    total = b.fpext(total, given)
                o.store(b.fadd(o.load(r, INDEX(v * L), L), total), r, INDEX(v * L))
        return context.get_dummy_value()

    n = types.intp
    return types.void(rows, vectors, A, n, n, down, B, n, n, n, out, n, n), generate


class _Matrix:
    """A C-contiguous array of two dimensions from its entry (i, k) on, in LLVM's terms."""

    def __init__(self, context: Any, builder: Any, type_: Any, value: Any, i: Any, k: Any) -> None:
        array = context.make_array(type_)(context, builder, value)
        self.builder, self.bytes = builder, type_.dtype.bitwidth // 8
        self.width = builder.extract_value(array.shape, 1)
        self.first = builder.gep(array.data, [builder.add(builder.mul(i, self.width), k)])

    def at(self, row: Any, column: Any) -> Any:
        """The address of an entry; a row that is a Python number is known as it compiles."""
        row = INDEX(row) if isinstance(row, int) else row
        return self.builder.gep(self.first, [self.builder.add(self.builder.mul(row, self.width), column)])

    def load(self, row: Any, column: Any, lanes: int = 0) -> Any:
        """A number, or a vector of `lanes`, which need not be aligned to more than its numbers."""
        place = self.at(row, column)
        if not lanes:
            return self.builder.load(place)
        loaded = self.builder.load(self.builder.bitcast(place, ir.VectorType(place.type.pointee, lanes).as_pointer()))
        loaded.align = self.bytes
        return loaded

    def fetch(self, row: Any, column: Any) -> None:
        """Prefetches a line of the cache that will be written to, so that it is there when the sums are."""
        byte, flag = ir.IntType(8).as_pointer(), ir.IntType(32)
        type_ = ir.FunctionType(ir.VoidType(), [byte, flag, flag, flag])
        prefetch = cgutils.get_or_insert_function(self.builder.module, type_, "llvm.prefetch")  # type: ignore[no-untyped-call]
        self.builder.call(prefetch, [self.builder.bitcast(self.at(row, column), byte), flag(1), flag(3), flag(1)])

    def store(self, vector: Any, row: Any, column: Any) -> None:
        """Stores a number, or a vector."""
        self.builder.store(vector, self.builder.bitcast(self.at(row, column), vector.type.as_pointer())).align = self.bytes


def _lanes(type_: Any) -> int:
    """Numbers of an array's dtype in a vector."""
    return 8 * BYTES // int(type_.dtype.bitwidth)


def _vector(context: Any, type_: Any, lanes: int) -> Any:
    return ir.VectorType(context.get_data_type(type_.dtype), lanes)


def _cleared(builder: Any, type_: Any) -> Any:
    """Space for zeros, a register after optimisation; `alloca_once` alone clears it once per function, not per call."""
    room = cgutils.alloca_once(builder, type_)  # type: ignore[no-untyped-call]
    builder.store(type_(None), room)
    return room


def _add_products(builder: Any, sums: Any, left: Any, right: Any) -> None:
    """sums[r][c] += left[r]·right[c], each rounded once where the machine can."""
    for x, row in zip(left, sums, strict=True):
        for y, total in zip(right, row, strict=True):
            product = builder.fmul(x, y, flags=CONTRACT)
            builder.store(builder.fadd(builder.load(total), product, flags=CONTRACT), total)


def _spread(builder: Any, number: Any, vector: Any) -> Any:
    """A vector of one number."""
    first = builder.insert_element(vector(ir.Undefined), number, ir.IntType(32)(0))
    return builder.shuffle_vector(first, vector(ir.Undefined), ir.VectorType(ir.IntType(32), vector.count)(None))
