"""Code as its own formula: whether a candidate's loss can be recorded, and its gradient."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import wraps
from typing import Any

import numpy as np

from verify.candidates import Answer, Candidate, Misbehaviour
from verify.candidates.call import Call
from verify.candidates.frameworks import framework_of
from verify.conventions.pins import Conventions
from verify.evidence import Evidence
from verify.oracle.exact import distance, fits
from verify.oracle.instance import InstanceOracle
from verify.problem import Instance, small
from verify.traced import Code, NotTraced, code_problem

LOOKED = (0, 1, 2)
"""Seeds of the points at which a record is compared with the code itself: the example, and points near to it."""
OPERATIONS = 200_000
"""The largest record that is judged: an operation takes some microseconds in balls, and is asked for at hundreds of points."""


def own_code(f: Callable[..., Any], example: Mapping[str, Any], dtype: str, *, convex: bool) -> tuple[Conventions, int] | str:
    """The conventions of a candidate that is called with the arrays of an example, judged by its own loss's code, and the operations of
    that; or why it cannot be recorded.
    """
    if framework_of(f) is not None:
        return f"its own code computes in {framework_of(f)}"
    names = tuple(example)
    code = Code(_loss(f), names, _gradient(f, len(names)))
    given = {name: np.asarray(a).astype(dtype)[()] for name, a in example.items()}
    problem = code_problem("own code", code, given, convex=convex)
    instance = Instance(problem=problem)
    way = Call(f=f, problem=problem, order=names)
    try:
        answer = way(**given)
        record, _ = code.record(given)
        if (operations := record.tape.operations) > OPERATIONS:
            return f"its own code has {operations} operations here, and up to {OPERATIONS} are recorded"
        if (why := _out_of_range(answer, instance, given, dtype)) is not None:
            return why
        for seed in LOOKED:
            if (why := _differs(way, instance, small(problem, seed=seed, dtype=dtype), dtype)) is not None:
                return why
    except NotTraced as error:
        with suppress(NotTraced, Misbehaviour):  # whatever it keeps for the next call is to be numbers again
            way(**given)
        return f"its own code cannot be recorded: {error}"
    except Misbehaviour as error:
        return f"it gives no answer at the example: it {error}"
    return Conventions(candidate=way, objective=instance, fits=True, question=given), operations


def _out_of_range(answer: Answer, instance: Instance, values: Mapping[str, Any], dtype: str) -> str | None:
    """Why an answer that is not finite cannot be judged by the record: what that denotes is not finite either, or beyond the dtype."""
    if np.isfinite(answer.value) and np.all(np.isfinite(answer.gradient)):
        return None
    point = InstanceOracle(instance, dtype).at(**values)
    true = [point.value.exact, *point.gradient.center.ravel()]
    if not all(fits(t, dtype) for t in true):
        return "its own code gives no finite numbers at the example"
    code = instance.problem.code
    if not np.isfinite(answer.value) and code is not None and code.origin(values) is None:
        return f"its own code returns {answer.value} at the example, where what was recorded of it is finite"
    return None


def _differs(way: Call, instance: Instance, values: Mapping[str, Any], dtype: str) -> str | None:
    """Why a record is not what runs."""
    value = way(**values).value
    truth = InstanceOracle(instance, dtype).at(**values).value
    if not np.isfinite(value) or not truth.exact.is_finite() or not np.isfinite(truth.radius):
        return None
    e = Evidence(law="value", measured=distance(value, truth.exact), allowed=truth.radius)
    return f"its own code returns {value:.17g}, and what was recorded of it is {float(truth.exact):.17g}" if e.strain > 1 else None


def _loss(f: Callable[..., Any]) -> Callable[..., Any]:
    """The loss alone."""
    if isinstance(f, Candidate):
        assert f.loss is not None
        return f.loss

    @wraps(f)  # by which its modules are found
    def loss(*arguments: Any) -> Any:
        return _both(f(*arguments))[0]

    return loss


def _gradient(f: Callable[..., Any], n: int) -> Callable[..., Any]:
    """The gradients in a list, one for each of n arrays."""
    whole, own = not isinstance(f, Candidate), f.grad if isinstance(f, Candidate) else f

    @wraps(own)
    def gradients(*arguments: Any) -> list[Any]:
        returned = own(*arguments)
        if whole:
            _, *rest = _both(returned)
            returned = rest[0] if len(rest) == 1 else rest
        if n == 1:
            one = isinstance(returned, (tuple, list)) and len(returned) == 1 and np.ndim(returned[0])
            return [returned[0] if one else returned]
        if not isinstance(returned, (tuple, list)) or len(returned) != n:
            raise NotTraced(f"it returns {type(returned).__name__}, where {n} gradients are due")
        return list(returned)

    return gradients


def _both(returned: Any) -> Sequence[Any]:
    """A loss and what comes behind it."""
    if not isinstance(returned, (tuple, list)) or len(returned) < 2:
        raise NotTraced(f"it returns {type(returned).__name__}, not a loss and a gradient")
    return returned
