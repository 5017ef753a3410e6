"""The floating-point environment of this process: rounding, traps, and whether subnormal numbers are flushed to 0.

One register of the processor holds it for all code of a thread. A shared library built with -ffast-math sets it when it is loaded: from
then on all code of the thread silently treats subnormal numbers as 0.
"""

from __future__ import annotations

import ctypes
import platform
import struct
from contextlib import suppress
from dataclasses import dataclass

SIZE = 256
"""Bytes reserved for a `fenv_t`: the largest known has 32."""


@dataclass(frozen=True)
class Register:
    """The position of a control register in `fenv_t`, its packing, and the meaning of its control bits; the other bits are status flags."""

    offset: int
    form: str
    bits: dict[str, int]


_SSE = Register(
    28,
    "<I",
    {
        "flushes subnormal results to zero": 1 << 15,
        "takes subnormal numbers for zero": 1 << 6,
        "rounds in another direction": 3 << 13,
        "traps exceptions of floats": 0x3F << 7,
    },
)
_X87 = Register(0, "<H", {"computes in another precision": 3 << 8, "rounds in another direction": 3 << 10})
_ARM = {"flushes subnormal numbers to zero": 1 << 24, "rounds in another direction": 3 << 22, "traps exceptions of floats": 0x9F << 8}

REGISTERS = {
    ("x86_64", "Linux"): (_SSE, _X87),
    ("x86_64", "Darwin"): (Register(4, "<I", _SSE.bits),),
    ("aarch64", "Linux"): (Register(0, "<I", _ARM),),
    ("arm64", "Darwin"): (Register(8, "<Q", _ARM),),
}
"""By machine and system, from their C libraries' <fenv.h>. Elsewhere nothing is checked."""

_here = REGISTERS.get((platform.machine(), platform.system()), ())
_libm: ctypes.PyDLL | None = None
with suppress(OSError, AttributeError):
    _libm = ctypes.PyDLL("libm.so.6" if platform.system() == "Linux" else None)  # which keeps the interpreter's lock: _buffer is shared
    _libm.fegetenv, _libm.fesetenv  # noqa: B018
_buffer = ctypes.create_string_buffer(SIZE)
_words = tuple((struct.Struct(r.form).unpack_from, r.offset, sum(r.bits.values())) for r in _here)
"""How each register is read, and which of its bits are settings: precomputed, since it is needed twice per call of a candidate."""

Settings = tuple[int, ...]


def settings() -> Settings:
    """The settings of this thread; empty where they cannot be read."""
    if _libm is None or not _here:
        return ()
    _libm.fegetenv(_buffer)
    return tuple([read(_buffer, offset)[0] & mask for read, offset, mask in _words])


def restore(before: Settings) -> str | None:
    """Restores the settings that differ; returns a sentence that says which, else None."""
    now = settings()
    if now == before:
        return None
    told = {word: None for r, a, b in zip(_here, before, now, strict=True) for word, bits in r.bits.items() if (a ^ b) & bits}
    assert _libm is not None
    for r, a in zip(_here, before, strict=True):
        mask = sum(r.bits.values())
        (word,) = struct.unpack_from(r.form, _buffer, r.offset)
        struct.pack_into(r.form, _buffer, r.offset, (word & ~mask) | a)
    _libm.fesetenv(_buffer)
    return " and ".join(told)
