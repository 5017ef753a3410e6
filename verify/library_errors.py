"""Errors of libraries that only their text identifies: the one place where the text of an error is read.

`tests/test_library_errors.py` provokes each in the real library. If a library words one differently one day, the user gets the library's
error in place of the suite's sentence.
"""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class LibraryError:
    """An exception type and a pattern that its text must match."""

    kind: type[Exception]
    pattern: str

    def is_told_by(self, error: BaseException) -> bool:
        """Whether `error` is this library error; False if its text cannot be read, as may happen with an exception of the candidate's."""
        try:
            return isinstance(error, self.kind) and re.search(self.pattern, str(error), re.IGNORECASE) is not None
        except Exception:
            return False


NO_GPU = LibraryError(
    Exception,
    "not compiled with CUDA|found no NVIDIA driver|no CUDA GPUs|no CUDA-capable device"
    "|0 active drivers|instances of gpu are present|only interpret mode is supported on CPU|CUDA driver library cannot be found",
)
"""Raised by torch, triton, jax and numba where code needs a GPU and there is none."""
TORCH_NO_DERIVATIVE = LibraryError(RuntimeError, "is not differentiable with respect to argument")
"""Raised for an input that must not require a gradient, such as the target of some losses."""
TORCH_ONLY_BACKWARD = LibraryError(RuntimeError, r"incompatible with \.grad\(\)")
"""Raised by a checkpoint that can only be differentiated for all leaves at once."""
TORCH_OTHER_DTYPE = LibraryError(RuntimeError, r"dtype|scalar type|\b(double|float|half|long)\b")
"""Raised where the dtypes of arrays differ."""
SYMPY_NO_TRUTH_VALUE = LibraryError(TypeError, "truth value")
"""Raised where code uses a comparison of symbols as a condition."""
BOOLEAN_AS_NUMBER = LibraryError(TypeError, "'bool'")
"""Raised by Python where a truth value is added to an expression."""
NUMPY_NO_METHOD = LibraryError(TypeError, "no callable")
"""Raised by functions of numpy for an array of objects without a method of that name."""
PYTHON_NO_THREAD = LibraryError(RuntimeError, "can't start new thread")
"""Raised where the system gives no more threads, or no memory for one."""
