"""The numba core: one file per loss, the fused linear driver, the penalties. Written by hand, never from the specs.

`verify.core.multiclass_hinge.l2(W, X, y, reg)` returns the loss and its gradient; every file of a loss has the same five
objectives: none, l2, l2_no_bias, half_l2, half_l2_no_bias.
"""

import pkgutil
from importlib import import_module

from verify.core.cache import kernel_cache

with kernel_cache():
    for _module in pkgutil.iter_modules(__path__):
        import_module(f"{__name__}.{_module.name}")
