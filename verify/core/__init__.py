"""The numba core: one file per loss, the fused linear driver, the penalties. Written by hand, never from the specs."""

from verify.core.cache import kernel_cache

with kernel_cache():
    from verify.core.multiclass_hinge import multiclass_hinge
    from verify.core.softmax_cross_entropy import softmax_cross_entropy

__all__ = ["multiclass_hinge", "softmax_cross_entropy"]
