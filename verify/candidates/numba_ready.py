"""Warms numba up: does what it does when it first loads a kernel. Imported only by a server whose workers judge our own kernels."""

from contextlib import suppress

with suppress(Exception):  # it is a matter of time alone, and these names are numba's own affair
    from numba.core.registry import cpu_target

    cpu_target.typing_context.refresh()
    cpu_target.target_context.refresh()
