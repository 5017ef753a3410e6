"""Warms numba up by what it does when it first loads a kernel. Imported only by a server whose workers judge the suite's own kernels."""

from contextlib import suppress

with suppress(Exception):  # this only saves time, and these names are private to numba
    from numba.core.registry import cpu_target

    cpu_target.typing_context.refresh()
    cpu_target.target_context.refresh()
