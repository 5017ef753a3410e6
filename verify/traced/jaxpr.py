"""jax's code as a formula: the program that `jax.make_jaxpr` writes is executed with numpy's functions on recorded arrays.

Operations that move entries are done by jax itself, on arrays of registers. Custom derivatives are entered for the value, and used as they
are where a gradient is recorded. Loops and branches run for the present sizes and numbers: the recorder decides their conditions.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import Any

import jax
import numpy as np
import scipy.special as sp
from jax.extend.core import Literal, Primitive

from verify.tape.tape import SourceLine
from verify.traced import infinite, matrices
from verify.traced.array import Recorded, Traced, Truths, cast, has_recorded, lifted
from verify.traced.functions import METHODS
from verify.traced.recorder import LIBRARIES, Recorder, line_at
from verify.traced.windows import dilated, slid, windowed

MOST_ROUNDS = 10_000
"""Most rounds of a loop that ends by a computed condition."""


GIVEN = Primitive("as_given")
"""Marks an array of exact numbers that are recorded as they are: results computed only from them are exact,
too, and not rounded constants.
"""
GIVEN.def_abstract_eval(lambda a: a)


def followed(recorder: Recorder, f: Callable[..., Any], arguments: Sequence[Any], known: dict[Any, Any] | None = None) -> Any:
    """The result of `f`, a function of jax arrays, for arrays, some of them recorded: numpy's, recorded where they depend on recorded ones.
    Programs are cached in `known` for arguments of the same kind. Raises NotTraced.
    """
    leaves, tree = jax.tree.flatten(tuple(arguments), is_leaf=lambda a: isinstance(a, Recorded))
    mine = [k for k, a in enumerate(leaves) if isinstance(a, Recorded)]
    fixed = {k: jax.numpy.asarray(a) if isinstance(a, (np.ndarray, np.floating)) else a for k, a in enumerate(leaves) if k not in mine}

    def of_mine(*arrays: Any) -> Any:
        there = dict(zip(mine, arrays, strict=True))
        return f(*jax.tree.unflatten(tree, [there.get(k, fixed.get(k)) for k in range(len(leaves))]))

    alike = repr([(k, np.shape(a), str(a.dtype)) for k, a in enumerate(leaves) if k in mine]), *_plain_key(leaves, mine)
    with _precision(leaves):
        if known is None or alike not in known:
            try:
                found = jax.make_jaxpr(of_mine, return_shape=True)(*[jax.numpy.asarray(leaves[k].values) for k in mine])
            except (
                jax.errors.ConcretizationTypeError,
                jax.errors.TracerArrayConversionError,
                jax.errors.NonConcreteBooleanIndexError,
            ) as error:
                recorder.fail(f"it asks for numbers while it is traced ({str(error).splitlines()[0][:100]})")
            if known is not None:
                known[alike] = found
        program, shape = found if known is None else known[alike]
        outs = _Program(recorder).run(program.jaxpr, program.consts, [leaves[k] for k in mine])
    return jax.tree.unflatten(jax.tree.structure(shape), outs)


def _plain_key(leaves: Sequence[Any], mine: Sequence[int]) -> tuple[Any, ...]:
    """A key of the plain arguments."""
    return tuple((k, a.tobytes() if isinstance(a, np.ndarray) else repr(a)) for k, a in enumerate(leaves) if k not in mine)


def _precision(leaves: Sequence[Any]) -> Any:
    double = any(getattr(a, "dtype", None) == np.float64 for a in leaves)
    return jax.enable_x64(double) if hasattr(jax, "enable_x64") else jax.experimental.enable_x64(double)


class _Program:
    """One run of a program. `extremes` maps results to the two numbers of which each is the greater (True) or the lesser."""

    def __init__(self, recorder: Recorder) -> None:
        self.recorder = recorder
        self.extremes: dict[int, tuple[int, int, bool]] = {}

    def run(self, jaxpr: Any, consts: Sequence[Any], given: Sequence[Any]) -> list[Any]:
        """The outputs of a jaxpr."""
        known: dict[Any, Any] = dict(zip(jaxpr.constvars, map(_plain, consts), strict=True)) | dict(zip(jaxpr.invars, given, strict=True))
        for step in jaxpr.eqns:
            self.recorder.at = _line_of(step) or self.recorder.at
            ins = [_literal(v) if isinstance(v, Literal) else known[v] for v in step.invars]
            known.update(zip(step.outvars, self._step(step, ins), strict=True))
        outs = [_literal(v) if isinstance(v, Literal) else known[v] for v in jaxpr.outvars]
        self.recorder.at = None
        return outs

    def _step(self, step: Any, ins: list[Any]) -> Sequence[Any]:
        name, params = step.primitive.name, step.params
        if name in CALLS:
            inner = next(params[key] for key in ("jaxpr", "call_jaxpr", "fun_jaxpr") if key in params)
            return self._called(inner, ins)
        if step.primitive is GIVEN:
            (a,) = map(np.asarray, ins)
            return [Traced(self.recorder, a if a.ndim else a[()], self.recorder.constants(a.astype(np.float64)))]
        if not has_recorded(ins):
            found = step.primitive.bind(*map(_given, ins), **params)
            return [_plain(y) for y in (found if step.primitive.multiple_results else [found])]
        if name in LOOPS:
            looped: list[Any] = LOOPS[name](self, params, ins)
            return looped
        rule = RULES.get(name)
        if rule is None:
            self.recorder.fail(f"jax's {name} is not followed")
        with np.errstate(all="ignore"):
            try:
                found = rule(self, step, *ins)
            except (TypeError, ValueError, IndexError, AttributeError) as error:
                if self.recorder.failure is not None:
                    raise self.recorder.failure from None
                self.recorder.fail(f"jax's {name} is not followed ({type(error).__name__}: {' '.join(str(error).split())[:80]})")
        parts = list(found) if step.primitive.multiple_results else [found]
        return [self._in_format(y, v.aval) for y, v in zip(parts, step.outvars, strict=True)]

    def _in_format(self, y: Any, due: Any) -> Any:
        """The result in the shape and precision that jax would compute."""
        if not isinstance(y, Recorded):
            return np.asarray(y, due.dtype)
        y = y if y.shape == due.shape else y.moved(np.broadcast_to, due.shape)
        if not isinstance(y, Traced) or np.dtype(due.dtype).kind not in "fV":
            return y
        if due.dtype.itemsize < 4:
            return self.recorder.fail(f"it computes in {due.dtype}")
        return y if y.dtype == due.dtype else y.like(np.asarray(y.values, due.dtype)[()], y.registers)

    def _called(self, inner: Any, ins: Sequence[Any]) -> list[Any]:
        """Runs a jaxpr, closed or not; its equations have their own lines."""
        at = self.recorder.at
        found = self.run(getattr(inner, "jaxpr", inner), getattr(inner, "consts", ()), ins)
        self.recorder.at = at
        return found

    def decided(self, a: Any) -> Any:
        """A truth value or whole number on which code branches."""
        if isinstance(a, Truths):
            return a.decided()
        return self.recorder.fail("it chooses by a number that is differentiated") if isinstance(a, Recorded) else np.asarray(a)

    def scan(self, params: dict[str, Any], ins: list[Any]) -> list[Any]:
        """Runs the loop step by step."""
        fixed, carried = params["num_consts"], params["num_carry"]
        consts, carry, rows = ins[:fixed], ins[fixed : fixed + carried], ins[fixed + carried :]
        steps, columns = range(params["length"]), list[list[Any]]()
        for k in reversed(steps) if params["reverse"] else steps:
            found = self._called(params["jaxpr"], [*consts, *carry, *(r[k] for r in rows)])
            carry = found[:carried]
            columns.append(found[carried:])
        columns = columns[::-1] if params["reverse"] else columns
        return [*carry, *(self._stacked(column) for column in zip(*columns, strict=True))]

    def _stacked(self, parts: Sequence[Any]) -> Any:
        if not has_recorded([*parts]):
            return np.stack(parts)
        if any(isinstance(p, Truths) for p in parts):
            return np.stack([p.decided() if isinstance(p, Truths) else p for p in parts])
        return np.stack([lifted(self.recorder, p) for p in parts])

    def cond(self, params: dict[str, Any], ins: list[Any]) -> list[Any]:
        """Runs the chosen branch, by a whole number or a truth value."""
        which = int(self.decided(ins[0]))
        return self._called(params["branches"][min(max(which, 0), len(params["branches"]) - 1)], ins[1:])

    def while_(self, params: dict[str, Any], ins: list[Any]) -> list[Any]:
        """Runs the loop while its condition holds, which is decided each time."""
        a, b = params["cond_nconsts"], params["body_nconsts"]
        asked, fixed, carry = ins[:a], ins[a : a + b], ins[a + b :]
        for _ in range(MOST_ROUNDS):
            if not bool(self.decided(self._called(params["cond_jaxpr"], [*asked, *carry])[0])):
                return carry
            carry = self._called(params["body_jaxpr"], [*fixed, *carry])
        return self.recorder.fail(f"a loop goes on for more than {MOST_ROUNDS} rounds")

    def solved(self, params: dict[str, Any], ins: list[Any]) -> list[Any]:
        """Solves a linear system by the code that comes with it; its matrix's products, and the code for the transposed system, come with
        it as well.
        """
        lengths, inner = params["const_lengths"], params["jaxprs"]
        before = lengths.matvec + lengths.vecmat
        return self._called(inner.solve, [*ins[before : before + lengths.solve], *ins[sum(lengths) :]])

    def own(self, step: Any, *ins: Any) -> list[Any]:
        """The results that jax itself computes, for an operator with several, from the plain numbers."""
        return [*map(np.asarray, step.primitive.bind(*[_given(a.values if isinstance(a, Recorded) else a) for a in ins], **step.params))]

    def moved(self, step: Any, *ins: Any) -> Any:
        """The result that jax itself computes on arrays of registers, for an operator that moves numbers."""
        kind = Truths if any(isinstance(a, Truths) for a in ins) else None
        of_numbers = {k for k, v in enumerate(step.invars) if v.aval.dtype.kind in "fVb" and v.aval.dtype == step.outvars[0].aval.dtype}
        given = []
        for k, a in enumerate(ins):
            if k not in of_numbers:
                given.append(self.decided(a))
            elif kind is Truths:
                given.append(a.registers if isinstance(a, Truths) else self.recorder.known(a))
            else:
                given.append(lifted(self.recorder, a).registers)
        params = dict(step.params)
        if "fill_value" in params:
            params["fill_value"] = -1
        bound = step.primitive.bind(*[jax.numpy.asarray(np.asarray(a)) for a in given], **params)
        registers = np.array(bound[0] if step.primitive.multiple_results else bound, np.intp)
        outside = registers < 0
        if np.any(outside):
            registers[outside] = infinite.register(self.recorder, np.nan)
        values = np.asarray(self._values(step, ins))
        found = (kind or Traced)(self.recorder, values if values.ndim else values[()], registers)
        return [found] if step.primitive.multiple_results else found

    def _values(self, step: Any, ins: Sequence[Any]) -> Any:
        found = step.primitive.bind(*[_given(a.values if isinstance(a, Recorded) else a) for a in ins], **step.params)
        return _plain(found[0] if step.primitive.multiple_results else found)


def _plain(a: Any) -> Any:
    """A plain array as numpy's; random keys stay jax's."""
    return a if isinstance(a, Recorded) or jax.numpy.issubdtype(getattr(a, "dtype", np.float64), jax.dtypes.extended) else np.asarray(a)


def _given(a: Any) -> Any:
    return jax.numpy.asarray(a) if isinstance(a, (np.ndarray, np.generic)) else a


def _literal(v: Any) -> Any:
    """A literal in its own precision, to which it has been rounded, and not as a Python number."""
    return np.asarray(v.val, v.aval.dtype)[()]


def _line_of(step: Any) -> SourceLine | None:
    traceback = getattr(step.source_info, "traceback", None)
    if traceback is None:
        return None
    codes, places = traceback.raw_frames()
    for code, at in zip(codes, places, strict=True):
        if not code.co_filename.startswith(LIBRARIES):
            return line_at(code, at)
    return None


# Rules


def _numpy(f: Callable[..., Any]) -> Callable[..., Any]:
    """A rule that is a numpy function of the operands, whatever the parameters."""
    return lambda program, step, *ins: f(*ins)  # noqa: ARG005


def _reduced(name: str) -> Callable[..., Any]:
    def rule(program: _Program, step: Any, x: Any, **_: Any) -> Any:  # noqa: ARG001
        axes = tuple(step.params["axes"])
        return getattr(np, name)(x, axis=axes) if axes else x

    return rule


def _argument(name: str) -> Callable[..., Any]:
    return lambda _, step, x: METHODS[name](x, axis=step.params["axes"][0])


def _cumulated(f: Callable[..., Any]) -> Callable[..., Any]:
    def rule(program: _Program, step: Any, x: Any) -> Any:  # noqa: ARG001
        axis = step.params["axis"]
        return np.flip(f(np.flip(x, axis), axis), axis) if step.params["reverse"] else f(x, axis)

    return rule


def _product(program: _Program, step: Any, a: Any, b: Any) -> Any:  # noqa: ARG001
    """A product of two arrays, contracted over some axes and batched over others."""
    (over_a, over_b), (each_a, each_b) = step.params["dimension_numbers"]
    left = [k for k in range(np.ndim(a)) if k not in (*over_a, *each_a)]
    right = [k for k in range(np.ndim(b)) if k not in (*over_b, *each_b)]
    shape = [a.shape[k] for k in each_a]
    size = prod(a.shape[k] for k in over_a)
    first = np.reshape(np.transpose(a, (*each_a, *left, *over_a)), (*shape, prod(a.shape[k] for k in left), size))
    second = np.reshape(np.transpose(b, (*each_b, *over_b, *right)), (*shape, size, prod(b.shape[k] for k in right)))
    return np.reshape(first @ second, (*shape, *(a.shape[k] for k in left), *(b.shape[k] for k in right)))


def _broadcast(program: _Program, step: Any, x: Any, *_: Any) -> Any:  # noqa: ARG001
    shape, places = step.params["shape"], step.params["broadcast_dimensions"]
    own = [1] * len(shape)
    for k, place in enumerate(places):
        own[place] = np.shape(x)[k]
    return np.broadcast_to(np.reshape(x, own), shape)


def _slice(program: _Program, step: Any, x: Any) -> Any:  # noqa: ARG001
    p = step.params
    steps = p["strides"] or (1,) * len(p["start_indices"])
    return x[tuple(slice(*s) for s in zip(p["start_indices"], p["limit_indices"], steps, strict=True))]


def _selected(program: _Program, step: Any, which: Any, *cases: Any) -> Any:
    if isinstance(which, Truths) or np.asarray(which).dtype.kind == "b":
        if any(isinstance(c, Truths) for c in cases):
            yes, no = (c if isinstance(c, Truths) else np.asarray(c, bool) for c in cases[::-1])
            return np.logical_or(np.logical_and(which, yes), np.logical_and(np.logical_not(which), no))
        if not any(isinstance(c, Recorded) for c in cases) and step.outvars[0].aval.dtype.kind not in "fV":
            return np.where(program.decided(which), cases[1], cases[0])
        return np.where(which, cases[1], cases[0])
    found = cases[0]
    for k, case in enumerate(cases[1:], 1):
        found = np.where(np.asarray(which) == k, case, found)
    return found


def _converted(program: _Program, step: Any, x: Any) -> Any:
    wanted = step.params["new_dtype"]
    kind = np.dtype(wanted).kind
    if isinstance(x, Truths):
        if kind == "b":
            return x
        return x.numbers(np.float32 if np.dtype(wanted).itemsize < 4 else wanted) if kind in "fV" else program.decided(x).astype(wanted)
    if kind == "b":
        return x != 0
    if kind not in "fV":
        return x.astype(wanted)
    if np.dtype(wanted).itemsize < 4:
        return program.recorder.fail(f"it computes in {np.dtype(wanted)}")
    return cast(x, wanted)


def _whole_power(program: _Program, step: Any, x: Any) -> Any:  # noqa: ARG001
    return x ** step.params["y"]


def _sorted(program: _Program, step: Any, *columns: Any) -> Any:
    """Sorts columns by the first."""
    axis = step.params["dimension"]
    if step.params["num_keys"] != 1 or not isinstance(columns[0], Recorded):
        if has_recorded([*columns[: step.params["num_keys"]]]):
            return program.recorder.fail("it sorts by several keys that are differentiated")
        at = np.asarray(
            jax.lax.sort((*map(_given, columns[:1]), jax.numpy.broadcasted_iota(int, columns[0].shape, axis)), num_keys=1, dimension=axis)[
                1
            ]
        )
    elif len(columns) == 1:
        keys: Any = columns[0]
        return [np.sort(keys, axis=axis)]
    else:
        at = METHODS["argsort"](columns[0], axis=axis)
    return [np.take_along_axis(c, at, axis) for c in columns]


def _added_at(program: _Program, step: Any, x: Any, at: Any, updates: Any) -> Any:
    """Adds each number where jax's own transpose of this operation finds it."""
    at = jax.numpy.asarray(program.decided(at))
    shape, size = np.shape(x), prod(np.shape(x))
    own = {key: step.params[key] for key in ("dimension_numbers", "indices_are_sorted", "unique_indices", "mode")}
    with jax.enable_x64(True) if hasattr(jax, "enable_x64") else jax.experimental.enable_x64(True):
        zeros = jax.numpy.zeros(shape, np.float64)
        _, back = jax.vjp(lambda u: jax.lax.scatter_add(zeros, at, u, **own), jax.numpy.zeros(np.shape(updates), np.float64))
        places = np.asarray(back(jax.numpy.arange(1.0, size + 1).reshape(shape))[0]).astype(int).ravel()
    found, flat = np.ravel(lifted(program.recorder, x).copy()), np.ravel(lifted(program.recorder, updates))
    kept = places > 0
    np.add.at(found, places[kept] - 1, flat[kept])
    return np.reshape(found, shape)


def _convolution(program: _Program, step: Any, x: Any, w: Any) -> Any:
    from verify.traced.aten import _correlated

    p = step.params
    if p["batch_group_count"] != 1:
        return program.recorder.fail("jax's convolution over groups of the batch is not followed")
    numbers = p["dimension_numbers"]
    x, w = np.transpose(x, numbers.lhs_spec), np.transpose(w, numbers.rhs_spec)
    n = np.ndim(x) - 2
    x = dilated(x, p["lhs_dilation"])
    x = windowed(x, p["padding"])
    found = _correlated(x, w, p["window_strides"], [0] * n, p["rhs_dilation"], None, p["feature_group_count"])
    back = np.argsort(numbers.out_spec)
    return np.transpose(found, back)


def _over_windows(reduce: str, neutral: float) -> Callable[..., Any]:
    def rule(program: _Program, step: Any, x: Any, *_: Any) -> Any:
        p = step.params
        if any(d != 1 for d in p.get("base_dilation", ())):
            return program.recorder.fail("windows over spaced entries are not followed")
        sizes = p["window_dimensions"]
        padded = windowed(x, p["padding"], neutral) if any(map(any, p["padding"])) else x
        seen = slid(padded, sizes, p["window_strides"], p.get("window_dilation") or [1] * len(sizes))
        return getattr(np, reduce)(np.reshape(seen, (*seen.shape[: len(sizes)], prod(sizes))), axis=-1)

    return rule


def _mirrored(program: _Program, step: Any, x: Any) -> Any:  # noqa: ARG001
    return np.flip(x, tuple(step.params["dimensions"]))


def _parted(program: _Program, step: Any, x: Any) -> Any:  # noqa: ARG001
    ends = np.cumsum(step.params["sizes"])[:-1]
    return np.split(x, ends, axis=step.params["axis"])


def _refused(what: str) -> Callable[..., Any]:
    return lambda program, step, *_: program.recorder.fail(what)  # noqa: ARG005


def _cholesky(program: _Program, step: Any, x: Any) -> Any:  # noqa: ARG001
    return np.linalg.cholesky(x)


def _eigh(program: _Program, step: Any, x: Any) -> Any:
    vectors, values = program.own(step, x)
    found = matrices.eigh(x, "L" if step.params["lower"] else "U", own=(values, vectors))
    return found[1], found[0]


def _svd(program: _Program, step: Any, x: Any) -> Any:
    if not step.params["compute_uv"]:
        return [matrices.svd(x, compute_uv=False, own=())[1]]
    s, u, vh = program.own(step, x)
    found = matrices.svd(x, step.params["full_matrices"], own=(u, s, vh))
    return found[1], found[0], found[2]


def _qr(program: _Program, step: Any, x: Any) -> Any:
    if step.params["pivoting"]:
        return program.recorder.fail("jax's qr with pivoting is not followed")
    return matrices.qr(x, "complete" if step.params["full_matrices"] else "reduced", own=program.own(step, x))


def _lu(program: _Program, step: Any, x: Any) -> Any:
    """The factors of one matrix, below and above the diagonal, for the row order that jax has chosen."""
    if np.ndim(x) != 2 or x.shape[0] != x.shape[1]:
        return program.recorder.fail("jax's lu of other matrices than single square ones is not followed")
    own, pivots, order = program.own(step, x)
    program.recorder.inspected = True  # the order of the rows are plain numbers
    found = lifted(program.recorder, x)[order].copy()
    for k in range(len(order) - 1):
        found[k + 1 :, k] = found[k + 1 :, k] / found[k, k]
        found[k + 1 :, k + 1 :] = found[k + 1 :, k + 1 :] - found[k + 1 :, k : k + 1] * found[k, k + 1 :]
    return Traced(program.recorder, own, found.registers), pivots, order


def _triangular(program: _Program, step: Any, a: Any, b: Any) -> Any:  # noqa: ARG001
    p = step.params
    upper, matrix = (p["lower"], np.swapaxes(a, -1, -2)) if p["transpose_a"] else (not p["lower"], a)
    return matrices.triangular(matrix, b, upper=upper, left=p["left_side"], unitriangular=p["unit_diagonal"])


def _rounded(program: _Program, step: Any, x: Any) -> Any:
    if step.params["mantissa_bits"] >= 23:
        return x
    return program.recorder.fail("it rounds numbers that are differentiated")


def _to_whole(program: _Program, step: Any, x: Any) -> Any:
    if step.params["rounding_method"] is not jax.lax.RoundingMethod.TO_NEAREST_EVEN:  # jnp.floor_divide's, behind signs that are equal
        program.recorder.fail("it rounds halves away from zero")
    return np.rint(x)


def _extreme(f: Callable[..., Any], *, greatest: bool) -> Callable[..., Any]:
    def rule(program: _Program, step: Any, x: Any, y: Any) -> Any:  # noqa: ARG001
        found = f(x, y)
        pairs = np.broadcast_arrays(*(lifted(program.recorder, a).registers for a in (x, y)))
        for r, a, b in zip(found.registers.ravel().tolist(), *(p.ravel().tolist() for p in pairs), strict=True):
            program.extremes[r] = a, b, greatest
        return found

    return rule


def _equal(program: _Program, step: Any, x: Any, y: Any) -> Any:  # noqa: ARG001
    """Whether two numbers are equal. For a number that is the greater of two, the two are compared: balls of equal numbers would not
    decide.
    """
    if isinstance(x, Truths) or isinstance(y, Truths):
        return np.equal(x, y)
    recorder = program.recorder
    first, second = np.broadcast_arrays(*(lifted(recorder, a).registers for a in (x, y)))
    asked: dict[tuple[int, ...], tuple[int, int]] = {}
    for at, (a, b) in zip(np.ndindex(first.shape), zip(first.ravel().tolist(), second.ravel().tolist(), strict=True), strict=True):
        for whole, one in ((a, b), (b, a)):
            left, right, greatest = program.extremes.get(whole, (-1, -1, True))
            if one in (left, right) and left != right:
                other = right if one == left else left
                asked[at] = (other, one) if greatest else (one, other)
    if not asked:
        return np.equal(x, y)
    rest = np.equal(x, y) if len(asked) < first.size else None
    registers = np.empty(first.shape, np.intp) if rest is None else recorder.known(rest) if not isinstance(rest, Truths) else rest.registers
    registers = np.array(registers)
    for at, (above, below) in asked.items():
        registers[at] = recorder.b.not_(recorder.above(np.asarray(above, np.intp), np.asarray(below, np.intp)))
    values = np.equal(*(a.values if isinstance(a, Recorded) else a for a in (x, y)))
    found = Truths(recorder, values, registers)
    return found.decided() if recorder.written else found


CALLS = {"jit", "pjit", "closed_call", "core_call", "remat", "remat2", "checkpoint", "custom_jvp_call", "custom_vjp_call",
         "custom_vjp_call_jaxpr", "custom_lin", "core_closed_call"}  # fmt: skip
"""Primitives with a program inside; for custom derivatives that of the value."""
LOOPS: dict[str, Callable[..., Any]] = {"scan": _Program.scan, "cond": _Program.cond, "while": _Program.while_,
                                         "custom_linear_solve": _Program.solved}  # fmt: skip

ELEMENTWISE: dict[str, Callable[..., Any]] = {
    "add": np.add, "add_any": np.add, "sub": np.subtract, "mul": np.multiply, "div": np.divide, "neg": np.negative, "abs": np.abs,
    "square": np.square, "sqrt": np.sqrt, "rsqrt": lambda x: 1 / np.sqrt(x), "cbrt": np.cbrt, "exp": np.exp, "exp2": np.exp2,
    "expm1": np.expm1, "log": np.log, "log1p": np.log1p, "sin": np.sin, "cos": np.cos, "tan": np.tan, "asin": np.arcsin, "acos": np.arccos,
    "atan": np.arctan, "atan2": np.arctan2, "sinh": np.sinh, "cosh": np.cosh, "tanh": np.tanh, "asinh": np.arcsinh, "acosh": np.arccosh,
    "atanh": np.arctanh, "logistic": sp.expit, "erf": sp.erf, "erfc": sp.erfc, "lgamma": sp.gammaln, "digamma": sp.psi, "pow": np.power,
    "max": np.maximum, "min": np.minimum, "sign": np.sign, "gt": np.greater, "ge": np.greater_equal, "lt": np.less, "le": np.less_equal,
    "eq": np.equal, "ne": np.not_equal, "and": np.logical_and, "or": np.logical_or, "not": np.logical_not, "xor": np.not_equal,
    "is_finite": np.isfinite, "copy": lambda x: x, "copy_p": lambda x: x, "stop_gradient": lambda x: x, "real": lambda x: x,
    "clamp": lambda low, x, high: np.minimum(np.maximum(x, low), high), "pvary": lambda x: x,
    "floor": np.floor, "ceil": np.ceil, "rem": np.fmod,
}  # fmt: skip

MOVED = ("gather", "dynamic_slice", "dynamic_update_slice", "pad", "scatter")

RULES: dict[str, Callable[..., Any]] = {
    **{name: _numpy(f) for name, f in ELEMENTWISE.items()},
    **dict.fromkeys(MOVED, _Program.moved),
    "max": _extreme(np.maximum, greatest=True), "min": _extreme(np.minimum, greatest=False), "eq": _equal,
    **{f"reduce_{name}": _reduced(name) for name in ("sum", "max", "min", "prod")},
    "reduce_and": _reduced("all"), "reduce_or": _reduced("any"), "argmax": _argument("argmax"), "argmin": _argument("argmin"),
    "cumsum": _cumulated(lambda x, axis: np.cumsum(x, axis=axis)), "cumprod": _cumulated(lambda x, axis: np.cumprod(x, axis=axis)),
    "cummax": _cumulated(lambda x, axis: np.maximum.accumulate(x, axis=axis)),
    "cummin": _cumulated(lambda x, axis: np.minimum.accumulate(x, axis=axis)),
    "cumlogsumexp": _cumulated(lambda x, axis: np.logaddexp.accumulate(x, axis=axis)),
    "dot_general": _product, "broadcast_in_dim": _broadcast, "slice": _slice, "select_n": _selected, "convert_element_type": _converted,
    "integer_pow": _whole_power, "sort": _sorted, "scatter-add": _added_at, "scatter_add": _added_at,
    "conv_general_dilated": _convolution, "reduce_window_sum": _over_windows("sum", 0.0),
    "reduce_window_max": _over_windows("max", -np.inf), "reduce_window_min": _over_windows("min", np.inf),
    "rev": _mirrored, "split": _parted,
    "cholesky": _cholesky, "eigh": _eigh, "svd": _svd, "qr": _qr, "lu": _lu, "triangular_solve": _triangular,
    "reshape": lambda _, step, x: np.reshape(x, step.params["new_sizes"]),
    "transpose": lambda _, step, x: np.transpose(x, step.params["permutation"]),
    "squeeze": lambda _, step, x: np.squeeze(x, tuple(step.params["dimensions"])),
    "expand_dims": lambda _, step, x: np.expand_dims(x, tuple(step.params["dimensions"])),
    "concatenate": lambda _, step, *xs: np.concatenate(xs, axis=step.params["dimension"]),
    "stack": lambda _, step, *xs: np.stack(xs, axis=step.params["axis"]),
    "unstack": lambda _, step, x: [*np.moveaxis(x, step.params["axis"], 0)],
    "optimization_barrier": lambda _, __, *xs: xs, "reduce_precision": _rounded,
    "round": _to_whole, "nextafter": _refused("it calls nextafter, which jumps"),
}  # fmt: skip
"""Rules by the name of the primitive."""
