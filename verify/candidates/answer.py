"""What a candidate returned, checked and converted, and the codes of its errors."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from math import fsum, inf, isfinite
from traceback import walk_tb
from typing import Any

import numpy as np
from numpy.typing import NDArray

from verify.candidates import errstate, float_environment, process_globals
from verify.difference import joined
from verify.errors import NoGPUError, UsageError
from verify.library_errors import NO_GPU


@dataclass(frozen=True)
class Answer:
    """A loss and its gradients in the suite's own layout, by the names of the differentiated inputs: W (C, D) for linear scores, the scores
    (N, C) for a function of scores.

    `value` is NaN where the candidate returns no loss. `curvature` is ∂²ℓ/∂s² of each example, (N, C), where it returns one.
    """

    value: float
    gradients: Mapping[str, NDArray[np.floating]]
    curvature: NDArray[np.floating] | None = None

    @property
    def gradient(self) -> NDArray[np.floating]:
        """All gradients in one array, laid out like the point of a case."""
        return joined([*self.gradients.values()])

    def kept(self) -> Answer:
        """A copy of the answer in new arrays: a candidate may return its buffer and overwrite it later."""
        gradients = {name: g.copy() for name, g in self.gradients.items()}
        return Answer(self.value, gradients, None if self.curvature is None else self.curvature.copy())


class Misbehaviour(Exception):
    """The candidate gave no answer that can be judged. `code` is a diagnosis code, the message a sentence."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class Incomplete(Misbehaviour):
    """The candidate did not return a pair, but one number, one array, or more than two `things`."""

    def __init__(self, message: str, things: int, *, array: bool = False) -> None:
        super().__init__("shape", message)
        self.things, self.array = things, array


_before_each_call: list[Callable[[], None]] = []
"""At most one. A list, since rebinding a name would itself be a change of the suite."""


def before_each_call(callback: Callable[[], None] | None) -> None:
    """Sets the callback that runs before each call of a candidate, or removes it."""
    _before_each_call[:] = [] if callback is None else [callback]


def guarded_call(f: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
    """What `f` returns. Raises Misbehaviour where it raises, UsageError where it is asked as it does not allow, NoGPUError where it needs a
    GPU and there is none. How this process computes with floats, what numpy does about errors, and the functions that all share, are put
    back as they were; what was changed is noted.
    """
    before, shared, depth, process = float_environment.settings(), process_globals.now(), sys.getrecursionlimit(), _process()
    for callback in _before_each_call:
        callback()
    try:
        with errstate.nobody_heeds():
            try:
                return f(*arguments)
            finally:
                if _process() != process:  # a copy forked by the candidate: it would go on judging, and fork again
                    _leave(0)
                _put_back(shared)
    except BaseException as error:
        if isinstance(error, (UsageError, Misbehaviour)) and _is_ours(error):
            raise
        if isinstance(error, KeyboardInterrupt) and signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
            raise  # by the user
        if NO_GPU.is_told_by(error):
            raise NoGPUError(f"it needs a GPU, and there is none here ({error_line(error)})") from None
        raise Misbehaviour("crashed", f"raised {error_line(error)}") from error
    finally:
        sys.setrecursionlimit(depth)
        how = float_environment.restore(before)
        if how and not shared.loads():
            process_globals.note(f"changes how the process computes with floats: it {how} from then on")


_process, _leave = os.getpid, os._exit


def _is_ours(error: BaseException) -> bool:
    """Whether the suite, and not the candidate, raised this error around the call: a candidate may raise any type."""
    *_, (frame, _) = walk_tb(error.__traceback__)
    return str(frame.f_globals.get("__name__")).partition(".")[0] == SUITE


SUITE = __name__.partition(".")[0]


def _put_back(shared: process_globals.Before) -> None:
    """Restores the shared state, and notes changes, except those made while modules are loaded: a library sets itself up once. numpy's
    handling of errors is restored by the block of `errstate.nobody_heeds`.
    """
    told = None if process_globals.stood(shared) else shared.restore()
    told = (process_globals.are_heard() and errstate.restore(errstate.UNHEEDED)) or told
    if told and not shared.loads():
        process_globals.note(told)


def error_line(error: BaseException) -> str:
    """The type of an error and the first line of its text; the text may come from code of the candidate's."""
    try:
        text = str(error).split("\n")[0][:200]
    except Exception:
        text = ""
    name = _name_of(type(error))[:200]
    return f"{name}: {text}" if text else name


_name_of: Callable[[type], str] = vars(type)["__name__"].__get__
"""The name of a class, whatever its metaclass makes of that."""


def pair(returned: Any, names: str) -> tuple[Any, Any]:
    """The loss and the gradient that were returned. Raises Misbehaviour where there is neither, and Incomplete where there are more or
    fewer than two things.
    """
    plain: Any = list if isinstance(returned, list) else tuple
    if not isinstance(returned, plain) or plain.__len__(returned) != 2:
        message = f"returned {type(returned).__name__}, not a pair ({names})"
        if isinstance(returned, plain) and plain.__len__(returned) > 2:
            raise Incomplete(message, plain.__len__(returned))
        if is_number(returned) or type(returned) is np.ndarray:
            raise Incomplete(message, 1, array=type(returned) is np.ndarray)
        raise Misbehaviour("shape", message)
    first, second = plain.__iter__(returned)  # a subclass may do anything
    return first, second


def is_number(returned: Any) -> bool:
    """Whether exactly one number was returned."""
    return isinstance(returned, (float, int, np.number, np.ndarray)) and np.size(returned) == 1 and not isinstance(returned, bool)


def summed(losses: Sequence[float]) -> float:
    """The sum of the losses, rounded once: infinity where that is beyond double precision, NaN for infinities of both signs.

    >>> summed([0.1] * 10), summed([1e308, 1e308, -1e308]), summed([1e308, 1e308]), summed([inf, -inf, 1e308])
    (1.0, 1e+308, inf, nan)
    """
    try:
        return fsum(losses)
    except (OverflowError, ValueError):  # overflow on the way to a finite sum, or infinities of both signs
        infinite = [x for x in losses if not isfinite(x)]
        if infinite:
            return sum(infinite)
        whole = sum(map(Fraction, losses), Fraction())
    try:
        return float(whole)
    except OverflowError:
        return inf if whole > 0 else -inf


def halved(values: Mapping[str, Any]) -> dict[str, Any]:
    """Half of each, in the first plus 1."""
    return {name: np.asarray(a / 2 + (k == 0), a.dtype) for k, (name, a) in enumerate(values.items())}


def number(returned: Any) -> float:
    """The loss as a float, from any type that holds one real number. Raises Misbehaviour for anything else."""
    value = _array(returned)
    if value.size != 1 or not _is_real(value.dtype):
        raise Misbehaviour("shape", f"returned a loss of type {value.dtype} and shape {value.shape}, not one real number")
    return float(value.reshape(()))


def array(returned: Any, what: str) -> NDArray[np.floating]:
    """The result as an array of real numbers. Raises Misbehaviour for anything else."""
    found = _array(returned)
    if not _is_real(found.dtype):
        raise Misbehaviour("dtype", f"returned a {what} of dtype {found.dtype}, not of real numbers")
    return found


def _array(returned: Any) -> NDArray[Any]:
    try:
        if type(returned) not in PLAIN_TYPES and isinstance(returned, np.ma.MaskedArray) and np.any(returned.mask):
            raise Misbehaviour("dtype", "returned an array with masked entries, which are no numbers")
        return np.asarray(returned) if type(returned) in PLAIN_TYPES else _made_of(returned)
    except ValueError:  # rows of different lengths
        raise Misbehaviour("shape", "returned nested sequences that are no array") from None
    except Misbehaviour:
        raise
    except Exception as error:
        raise Misbehaviour("dtype", f"returned {type(returned).__name__}, which is no array: {error_line(error)}") from error


PLAIN_TYPES = {np.ndarray, np.float64, np.float32, float, int}
"""Types that numpy's own code turns into arrays; all others may run code of the candidate."""


def _made_of(returned: Any) -> NDArray[Any]:
    shared = process_globals.now()
    with errstate.nobody_heeds():
        try:
            return np.asarray(returned)
        finally:
            _put_back(shared)


@lru_cache(maxsize=64)
def _is_real(dtype: np.dtype[Any]) -> bool:
    return dtype.kind in "fiu"
