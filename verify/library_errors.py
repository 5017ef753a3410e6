"""Errors of libraries that only their text tells apart: the one place where a text is read.

`tests/test_library_errors.py` provokes each in the real library. Where a library words one otherwise one day, the user gets its own error
in place of our sentence.
"""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class LibraryError:
    """An error of a type whose text has a pattern in it."""

    kind: type[Exception]
    pattern: str

    def is_told_by(self, error: BaseException) -> bool:
        """Whether it is this one; not where its text cannot be read, as an exception of the author's may have it."""
        try:
            return isinstance(error, self.kind) and re.search(self.pattern, str(error), re.IGNORECASE) is not None
        except Exception:
            return False


NO_GPU = LibraryError(
    Exception,
    "not compiled with CUDA|found no NVIDIA driver|no CUDA GPUs|no CUDA-capable device"
    "|0 active drivers|instances of gpu are present|only interpret mode is supported on CPU|CUDA driver library cannot be found",
)
"""Of torch, triton, jax and numba, where code asks for a GPU and there is none."""
TORCH_NO_DERIVATIVE = LibraryError(RuntimeError, "is not differentiable with respect to argument")
"""Of an input that must not ask for a gradient, such as the target of some losses."""
TORCH_ONLY_BACKWARD = LibraryError(RuntimeError, r"incompatible with \.grad\(\)")
"""Of a checkpoint that can be differentiated by all leaves only."""
TORCH_OTHER_DTYPE = LibraryError(RuntimeError, r"dtype|scalar type|\b(double|float|half|long)\b")
"""Of arrays whose dtype is not that of the others."""
SYMPY_NO_TRUTH_VALUE = LibraryError(TypeError, "truth value")
"""Of a comparison of symbols that code asks for true or false."""
BOOLEAN_AS_NUMBER = LibraryError(TypeError, "'bool'")
"""Of Python, where a truth value is added to an expression."""
NUMPY_NO_METHOD = LibraryError(TypeError, "no callable")
"""Of numpy's functions, on an array of objects without a method of that name."""
PYTHON_NO_THREAD = LibraryError(RuntimeError, "can't start new thread")
"""Where the system gives no more threads, or no memory for one."""
