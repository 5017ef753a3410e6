"""numba with what it sets up when it first loads a kernel. Only a server imports this whose workers judge our own: they have it then."""

from contextlib import suppress

with suppress(Exception):  # it is a matter of time alone, and these names are numba's own affair
    from numba.core.registry import cpu_target

    cpu_target.typing_context.refresh()
    cpu_target.target_context.refresh()
