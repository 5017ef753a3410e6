"""Reads a worker's answers safely: unpickles plain data only, so that no code of the candidate runs in the command."""

from __future__ import annotations

import io
import pickle
import sys
from collections import Counter, OrderedDict, defaultdict, deque
from decimal import Decimal
from fractions import Fraction
from types import MappingProxyType
from typing import Any

ACCEPTED_PACKAGES = ("verify", "pebble")
"""Packages whose classes are accepted."""
ARRAYS = {
    *((module, name) for module in ("numpy._core.multiarray", "numpy.core.multiarray") for name in ("_reconstruct", "scalar")),
    *((module, "_frombuffer") for module in ("numpy._core.numeric", "numpy.core.numeric")),
    ("numpy", "ndarray"),
    ("numpy", "dtype"),
}
"""The constructors of numpy's arrays and numbers, in all its versions."""
RAISES = ("pebble.common.types", "RemoteException.rebuild_exception")
PLAIN_TYPES = (
    set,
    frozenset,
    complex,
    bytearray,
    slice,
    range,
    OrderedDict,
    Counter,
    defaultdict,
    deque,
    Decimal,
    Fraction,
    MappingProxyType,
)


class ForeignClass(pickle.UnpicklingError):
    """A message contains a class that is not accepted: the candidate's, or one by which a library of its pickles what the suite sends."""


def unpickled(data: bytes) -> Any:
    """The pickled object. Raises ForeignClass where it contains a class other than those of the suite, of exceptions that are loaded here,
    and of plain data: a constructor may be the candidate's, and no module is imported for it. Raises what the reader of pickles raises for
    other data.
    """
    return _Reader(io.BytesIO(data)).load()


class _Reader(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        """The accepted class, or function that makes an array."""
        if (module, name) in ARRAYS or (module, name) == RAISES:
            return super().find_class(module, name)
        if module.partition(".")[0] in ACCEPTED_PACKAGES:
            class_ = super().find_class(module, name)
            if (
                isinstance(class_, type) and class_.__module__.partition(".")[0] in ACCEPTED_PACKAGES
            ):  # not one that the module uses, such as Popen
                return class_
        elif "." not in name:
            class_ = getattr(sys.modules.get(module), name, None)
            if isinstance(class_, type) and (issubclass(class_, BaseException) or class_ in PLAIN_TYPES):
                return class_
        raise ForeignClass(f"{module}.{name} is no data")
