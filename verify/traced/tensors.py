"""torch's code as a formula: its operators are recorded when they are called, on real tensors, below autograd.

Registers are attached to the memory of tensors, one per number, so that views, writes in place and saved tensors find them as they find the
numbers. An operator is computed by its rule (`aten.py`), or by the operators into which torch decomposes it. A comparison on which code
branches is decided by the recorder, as for numpy.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from torch._decomp import decomposition_table
from torch._library.custom_ops import OPDEFS
from torch.utils._python_dispatch import TorchDispatchMode, _get_current_dispatch_mode
from torch.utils._pytree import tree_flatten, tree_map

from verify.tape.tape import Registers
from verify.traced.array import Recorded, Traced, Truths, lifted, truths
from verify.traced.aten import OVERLOADS, RULES, Later
from verify.traced.matrices import OWN
from verify.traced.recorder import Recorder

HALF = (torch.float16, torch.bfloat16)
"""Formats whose rounding is not recorded."""


def followed(recorder: Recorder, f: Callable[..., Any], arguments: Sequence[Any], _: Any = None) -> Any:
    """The result of `f`, a function of tensors, for arrays, some of them recorded: recorded arrays for tensors that depend on these, plain
    ones for the others. Raises NotTraced.
    """
    mode = (_BesideCompiler if "torch._dynamo" in sys.modules else _Following)(recorder)
    given = tree_map(mode.tensor, tuple(arguments), is_leaf=lambda a: isinstance(a, Recorded))
    with mode:
        returned = f(*given)
    if recorder.failure is not None:  # torch may have wrapped the exception
        raise recorder.failure
    return tree_map(lambda a: mode.array(a) if isinstance(a, torch.Tensor) else a, returned)


def as_given(t: torch.Tensor) -> torch.Tensor:
    """The tensor, marked as exact where code is recorded: results computed only from such numbers are exact, too, and not rounded
    constants.
    """
    mode = _get_current_dispatch_mode()
    if isinstance(mode, _Following):
        mode.give(t)
    return t


class _Following(TorchDispatchMode):  # type: ignore[misc]
    """`registers` of memory by its address, which is held so that no other tensor gets it; `pending` are
    whole numbers still to be decided.
    """

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """Whether torch's compiler is told to leave operators alone here; torch would load the compiler for it, which takes a second."""
        return False

    def __init__(self, recorder: Recorder) -> None:
        super().__init__()
        self.recorder = recorder
        self.held: dict[int, tuple[Any, torch.dtype, Registers]] = {}
        self.pending: dict[int, tuple[Any, torch.Tensor, Callable[[], Any]]] = {}

    # Arrays and tensors

    def tensor(self, a: Any) -> Any:
        """An argument; an array as a tensor."""
        if isinstance(a, Recorded):
            t = torch.from_numpy(np.array(a.values))
            self._set(t, a)
            return t
        if isinstance(a, np.ndarray):
            return torch.from_numpy(np.array(a))
        return a.item() if isinstance(a, np.generic) else a

    def give(self, t: torch.Tensor) -> None:
        """See `as_given`."""
        a = _numbers(t)
        self._set(t, Traced(self.recorder, a if a.ndim else a[()], self.recorder.constants(a.astype(np.float64))))

    def array(self, t: torch.Tensor) -> Any:
        """The content of a tensor, recorded if the tensor is."""
        t = t.detach()
        self._decided([t])
        if t.layout is not torch.strided:
            t = t.to_dense()
        if not self._is_recorded(t):
            return _numbers(t)
        kind = Truths if t.dtype is torch.bool else Traced
        found = _numbers(t)
        return kind(self.recorder, found if found.ndim else found[()], self._view(t))

    def _is_recorded(self, t: torch.Tensor) -> bool:
        return t.layout is torch.strided and _key(t) in self.held

    def _view(self, t: torch.Tensor) -> Registers:
        """The registers of a tensor, as a view of those of its memory."""
        _, dtype, registers = self.held[_key(t)]
        if dtype.itemsize != t.element_size() or t.dtype.is_complex:
            self.recorder.fail(f"it takes {dtype} numbers for {t.dtype}".replace("torch.", ""))
        strides = tuple(s * registers.itemsize for s in t.stride())
        return np.lib.stride_tricks.as_strided(registers[t.storage_offset() :], tuple(t.shape), strides, writeable=True)

    def _set(self, t: torch.Tensor, found: Any) -> None:
        """Stores a result in a tensor's memory, in the tensor's precision."""
        if t.dtype.is_complex:
            self.recorder.fail("it computes with complex numbers")
        if t.dtype is torch.bool:
            registers = truths(self.recorder, found).registers
        else:
            new = lifted(self.recorder, found)
            own = new.values.dtype
            if t.dtype in HALF:
                self.recorder.fail(f"it computes in {str(t.dtype).removeprefix('torch.')}")
            lower = own.kind == "f" and t.dtype is torch.float32 and own.itemsize > t.element_size()
            registers = self.recorder.apply("round_to", new.registers, parameter="float32") if lower else new.registers
        key = _key(t)
        if key not in self.held:
            whole = t.untyped_storage().nbytes() // t.element_size()
            if whole == t.numel() and t.is_contiguous():
                self.held[key] = t.untyped_storage(), t.dtype, np.array(np.broadcast_to(registers, tuple(t.shape)), np.intp).ravel()
                return
            before = torch.empty(0, dtype=t.dtype).set_(t.untyped_storage(), 0, (whole,))
            known = truths(self.recorder, _numbers(before)) if t.dtype is torch.bool else lifted(self.recorder, _numbers(before))
            self.held[key] = t.untyped_storage(), t.dtype, np.array(known.registers, np.intp)
        self._view(t)[...] = registers

    def _decided(self, tensors: Sequence[torch.Tensor]) -> None:
        """Decides the pending whole numbers that are needed."""
        for t in tensors if self.pending else ():
            if (waiting := self.pending.pop(_key(t), None)) is not None:
                _, own, made = waiting
                own.copy_(torch.as_tensor(np.asarray(made())))

    # Operators

    def __torch_dispatch__(self, op: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:  # torch's protocol
        kwargs = kwargs or {}
        leaves = [a for a in tree_flatten((args, kwargs))[0] if isinstance(a, torch.Tensor) and a.layout is torch.strided]
        self._decided(leaves)
        mine = [t for t in leaves if self._is_recorded(t)]
        if torch.Tag.nondeterministic_seeded in op.tags and _rule(op) is None and not _drops_nothing(op, args, kwargs):
            self.recorder.fail(f"it draws random numbers, by {_name(op)}")
        if not mine:
            return op(*args, **kwargs)
        if op is torch.ops.aten._local_scalar_dense.default:
            return self._number(mine[0])
        if _rule(op) is None and op._can_decompose():  # as it does where autograd is on; it may be a view, or a copy
            with self:
                return op.decompose(*args, **kwargs)
        if op.is_view or _name(op) in UNCHANGED:
            return op(*args, **kwargs)
        return self._computed(op, args, kwargs)

    def _number(self, t: torch.Tensor) -> Any:
        if t.dtype is not torch.bool:
            self.recorder.fail("it makes a plain number of one that is differentiated")
        return bool(self.recorder.decide(self._view(t).reshape(()), np.asarray(_numbers(t))))

    def _computed(self, op: Any, args: Any, kwargs: Any) -> Any:
        written = [*_written(op, args, kwargs)]
        rule = _rule(op)
        if rule is not None and op._schema.name.partition("::")[2] in OWN:
            returned = op(*args, **kwargs)
            own = tree_map(lambda a: _numbers(a) if isinstance(a, torch.Tensor) else a, tuple(returned))
            self._kept(tree_flatten(returned)[0], self._by_rule(partial(rule, own=own), op, args, kwargs))
            return returned
        if rule is None and (op in decomposition_table or _name(op) in BACKWARDS):
            if op in decomposition_table:
                with self:
                    taken_apart = decomposition_table[op](*args, **kwargs)
            else:
                taken_apart = self._pulled_back(args[0], *BACKWARDS[_name(op)](*args))
            if written:
                return taken_apart
            found = tree_map(lambda a: self.array(a) if isinstance(a, torch.Tensor) else a, taken_apart)
        elif rule is None and (code := _code(op)) is not None and not written:
            with self:
                return code(*args, **kwargs)
        elif rule is None:
            self.recorder.fail(f"{_name(op)} is not followed")
        else:
            found = self._by_rule(rule, op, args, kwargs)
        returned = op(*args, **kwargs)
        self._kept(written if all(r.alias_info is not None for r in op._schema.returns) else tree_flatten(returned)[0], found)
        return returned

    def _pulled_back(self, upstream: torch.Tensor, forward: Callable[..., Any], inputs: Sequence[torch.Tensor]) -> Any:
        """What autograd makes of an operator that torch takes apart: the code of a backward that it does not."""
        with torch.overrides.enable_reentrant_dispatch(), torch.enable_grad(), self:
            leaves = [t.detach().requires_grad_() for t in inputs]
            return torch.autograd.grad(forward(*leaves), leaves, upstream, materialize_grads=True)

    def _kept(self, into: Sequence[Any], found: Any) -> None:
        parts = [found] if len(into) == 1 and isinstance(found, (Recorded, np.ndarray, np.generic, float, int, bool, Later)) else [*found]
        for t, part in zip(into, parts, strict=False):
            self._keep(t, part)

    def _by_rule(self, rule: Callable[..., Any], op: Any, args: Any, kwargs: Any) -> Any:
        def given(a: Any) -> Any:
            return self.array(a) if isinstance(a, torch.Tensor) else a

        plain = {name: a for name, a in kwargs.items() if name not in FORMATS}
        own, named = tree_map(given, args), tree_map(given, plain)
        for name in _outputs(op):
            named.pop(name, None)
        with np.errstate(all="ignore"):
            try:
                return rule(*own, **named)
            except (TypeError, ValueError, IndexError, AttributeError) as error:
                if self.recorder.failure is not None:
                    raise self.recorder.failure from None
                self.recorder.fail(f"{_name(op)} is not followed ({type(error).__name__}: {str(error)[:80]})")

    def _keep(self, t: Any, part: Any) -> None:
        if not isinstance(t, torch.Tensor):
            return
        if isinstance(part, Later):
            self.pending[_key(t)] = t.untyped_storage(), t, part.made
        elif t.dtype is torch.bool and not isinstance(part, Recorded) and not self._is_recorded(t):
            t.copy_(torch.as_tensor(np.broadcast_to(part, tuple(t.shape)).copy()))  # it was decided, maybe otherwise than by floats
        elif t.is_floating_point() or t.dtype is torch.bool:
            if isinstance(part, Recorded) or self._is_recorded(t):
                alike = np.ndim(part) <= t.ndim  # what torch's decomposition gives beside the output may be something else
                self._set(t, part if alike else Traced(self.recorder, np.float64(0), self.recorder.hole))
        elif isinstance(part, Recorded):
            whole: Any = part.decided() if isinstance(part, Truths) else lifted(self.recorder, part).astype(np.int64)
            t.copy_(torch.as_tensor(np.asarray(whole)).reshape(t.shape))
        elif part is not None and np.shape(part) == tuple(t.shape):
            t.copy_(torch.as_tensor(np.asarray(part)))


class _BesideCompiler(_Following):
    """A `_Following` for processes that have loaded torch's compiler, which must leave it alone."""

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return True

    def __torch_dispatch__(self, op: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:  # torch's protocol
        return super().__torch_dispatch__(op, types, args, kwargs)


UNCHANGED = {
    *(f"aten.{name}" for name in ("is_same_size", "_unsafe_view", "_reshape_alias", "empty_strided")), "prim.device",
    *(f"aten.{name}_like" for name in ("full", "zeros", "ones", "empty")),
    *(f"aten.new_{name}" for name in ("full", "zeros", "ones", "empty", "empty_strided")),
}  # fmt: skip
"""What asks for no numbers, or leaves them where they are."""
aten = torch.ops.aten
BACKWARDS: dict[str, Callable[..., tuple[Callable[..., Any], Sequence[torch.Tensor]]]] = {
    "aten.grid_sampler_2d_backward": lambda _, image, grid, *how: (
        lambda a, b: decomposition_table[aten.grid_sampler_2d.default](a, b, *how[:3]),
        (image, grid),
    ),
    **{
        f"aten.{op._schema.name.removeprefix('aten::')}_backward": lambda _, x, padding, op=op: (
            lambda a: decomposition_table[op](a, padding),
            (x,),
        )
        for op in (aten.replication_pad1d.default, aten.replication_pad2d.default, aten.replication_pad3d.default)
    },
    "aten._adaptive_avg_pool2d_backward": lambda v, x: (
        lambda a: decomposition_table[aten._adaptive_avg_pool2d.default](a, v.shape[-2:]),
        (x,),
    ),
}
"""Of a backward, by its arguments, the operator as torch takes it apart, and its inputs."""
FORMATS = {"dtype", "layout", "device", "pin_memory", "memory_format", "non_blocking", "generator"}
"""Arguments that rules ignore: the precision is that of the result."""


def _drops_nothing(op: Any, args: Any, kwargs: Any) -> bool:
    """Whether an operator that may drop numbers at random drops none."""
    named = [a.name for a in op._schema.arguments]
    if "dropout_p" not in named:
        return False
    place = named.index("dropout_p")
    return bool((args[place] if place < len(args) else kwargs.get("dropout_p", 0.0)) == 0.0)


def _rule(op: Any) -> Callable[..., Any] | None:
    name = op._schema.name.partition("::")[2]
    exact = OVERLOADS.get(f"{name}.{op._overloadname}")
    if exact is not None or name in RULES:
        return exact or RULES[name]
    return RULES.get(name[:-1]) if name.endswith("_") and not name.endswith("__") else None


def _code(op: Any) -> Callable[..., Any] | None:
    """The Python code of an operator defined with `torch.library.custom_op`."""
    return getattr(OPDEFS.get(op._schema.name), "_init_fn", None)


def _name(op: Any) -> str:
    return f"{op._schema.name.replace('::', '.')}"


def _outputs(op: Any) -> Iterator[str]:
    """The names of arguments that are only written to."""
    for a in op._schema.arguments:
        if a.kwarg_only and a.alias_info is not None and a.alias_info.is_write:
            yield a.name


def _written(op: Any, args: Any, kwargs: Any) -> Iterator[torch.Tensor]:
    """The tensors that an operator writes to."""
    for k, a in enumerate(op._schema.arguments):
        if a.alias_info is not None and a.alias_info.is_write:
            value = kwargs.get(a.name) if a.kwarg_only or k >= len(args) else args[k]
            yield from (t for t in tree_flatten(value)[0] if isinstance(t, torch.Tensor))


def _key(t: torch.Tensor) -> int:
    found: int = t.untyped_storage()._cdata
    return found


def _numbers(t: torch.Tensor) -> Any:
    """The tensor as a numpy array: half precisions in single, in new memory."""
    t = t.detach().resolve_neg()
    return (t.float() if t.dtype in (torch.float16, torch.bfloat16) else t).cpu().numpy()
