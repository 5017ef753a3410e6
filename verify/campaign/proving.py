"""Proofs of candidates: on a worker process, or here; and what becomes of a refutation, which is a witness like any other."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures.process import BrokenProcessPool
from contextlib import redirect_stdout
from dataclasses import dataclass, replace
from io import StringIO
from typing import Any

from pebble import ProcessExpired

from verify.campaign import witness
from verify.campaign.channel import Garbled
from verify.campaign.executor import tidied
from verify.campaign.judging import conventions_of, function_of, own_code_of, perform
from verify.campaign.requested import without_spec
from verify.campaign.task import Outcome, Request, Task
from verify.campaign.witness import NO_LOSS
from verify.campaign.workers import workers
from verify.candidates import Candidate
from verify.candidates.frameworks import adapted
from verify.candidates.signature import POSITIONAL, called, parameters_of
from verify.cases import Case
from verify.conventions import Conventions
from verify.conventions.by_spec import by_spec, conventions_in_words
from verify.errors import UsageError
from verify.pair.shrinking import shrunk
from verify.problem import Input, Problem, small
from verify.proof.every_size import EXAMPLES, Every, at_every_size
from verify.proof.proved import LIMIT, Proof, not_traced, own_value, prove, real_gap
from verify.proof.shapes import LINEAR, SCORES, WITHOUT_REG, bounds, ignoring, is_any, on_simplex, patterns, sizes_of, strays, unfit
from verify.traced import Code, NotTraced

OF_THE_REFERENCE = "the loss is the reference's: what the candidate returns as its own is not looked at"
AT_FIRST = 0.5
"""Part of the limit for a shape without equal sizes; the smallest one comes after it, where that does not suffice."""
MORE = 3
"""Examples where the loss is constant of the smallest number."""
LONGER = 30.0
"""Seconds beside the limit for what comes before a proof, and for the witness after it."""


@dataclass(frozen=True, kw_only=True)
class Proved:
    """What `verify.prove` returns. `witness` is that of a refutation. By a spec `claim` says what value and gradient are of, by the
    conventions that were found out. `every` says whether it holds at other numbers of examples; None where there are none.
    """

    candidate: str
    proof: Proof
    witness: Outcome | None = None
    loss: str = NO_LOSS
    claim: str | None = None
    every: Every | None = None

    @property
    def status(self) -> str:
        """proved, refuted, not proved or vacuous."""
        return self.proof.status

    def __str__(self) -> str:
        lines = [f"{self.candidate}: {self.proof}"]
        parts = ", ".join(f"{name} 2^{x:.0f}" for name, x in self.proof.parts.items() if x > float("-inf"))
        lines += [] if self.claim is None else [f"  claim: {self.claim}"]
        lines += [] if self.every is None else [f"  {self.every}"]
        lines += [f"  error: {parts}"] if self.proof.status == "proved" else []
        lines += [f"  assumed: {told}" for told in self.proof.assumed]
        if self.witness is not None:
            told = self.witness.result.diagnosis
            lines += [f"  cause: {told['message']}"] if told else []
            lines += [f"  verify replay {witness.identity(self.witness)}"]
        return "\n".join(lines)

    def to_dict(self) -> dict[str, Any]:
        """As a document has it."""
        found: dict[str, Any] = {"candidate": self.candidate, "loss": self.loss, "claim": self.claim, **self.proof.to_dict()}
        found["sizes"] = None if self.every is None else self.every.to_dict()
        if self.witness is not None:
            found["witness"] = witness.document(self.witness)
        return found


def proofs_of(requests: Sequence[Request], *, in_process: bool = False) -> list[dict[str, Any]]:
    """The proofs of candidates that are judged, as a report has them: each at its first dtype. Witnesses are kept."""
    found = []
    for request in requests:
        try:
            p = proved(request, in_process=in_process)
        except UsageError as error:
            p = Proved(candidate=request.name, proof=Proof(status="not proved", shape="its shape", reason=str(error)))
        if p.witness is not None:
            witness.keep([p.witness])
        told = replace(p, loss=request.loss).to_dict()
        del told["seconds"]  # which are never the same twice
        found.append(told)
    return found


def proof_request(candidate: Any, *, at: Any = None, inputs: Any = None, **how: Any) -> Request:
    """The request of a proof: for inputs that are declared, by an example, or of a function of one of the known signatures. Raises
    UsageError as `without_spec` does.
    """
    from verify.spec.annotated import annotated

    if at is not None or inputs is not None or annotated(candidate) is not None:
        return without_spec(candidate, at=at, inputs=inputs, **how)
    probe = Request(candidate=candidate, loss=NO_LOSS)
    f = adapted(function_of(probe))
    first = f.first if isinstance(f, Candidate) else f
    names = [p.name for p in parameters_of(first) or () if p.kind in POSITIONAL and p.default is p.empty]
    tried: list[str] = []
    for text in {4: LINEAR, 3: WITHOUT_REG, 2: SCORES}.get(len(names), ()):
        asked = text.format(*names)
        request = without_spec(candidate, inputs=asked, **(how | {"wrt": (names[0],)}))
        if request.at is not None:
            why = unfit(f, request.at.given, names[0])
            if why is None:
                return request
            tried.append(f" As '{asked}' it {why}.")
    known = f"answers in none of the known ways, f(W, X, y, reg), f(W, X, y) and f(scores, y).{''.join(tried[:1])}"
    raise UsageError(
        f"the candidate is {called(f)}, which {known} Say what it takes: an example of its inputs, at=(…), or "
        "inputs='x: n d, y: n | labels(c)'."
    )


def proved(request: Request, *, shape: Mapping[str, int] | None = None, limit: float | None = None, in_process: bool = False) -> Proved:
    """A proof of one candidate, on a worker process, which may crash and hang, or here. Raises UsageError."""
    limit = LIMIT if limit is None else limit
    if in_process or not isinstance(request.candidate, str):
        return proved_here(request, dict(shape or {}), limit)
    with workers(1) as pool:
        future = pool.schedule(proved_here, args=[request, dict(shape or {}), limit], timeout=limit * (1 + AT_FIRST) + LONGER)
        try:
            return future.result(timeout=limit * (1 + AT_FIRST) + 2 * LONGER)
        except TimeoutError:
            why = f"it gave no answer within {limit + LONGER:g} s"
        except ProcessExpired as lost:
            why = f"it ended its process (exit code {lost.exitcode})"
        except BrokenProcessPool as broken:
            garbled = isinstance(broken.__cause__, Garbled)
            why = "it writes to the pipe by which its process answers" if garbled else "it ended the server of all workers"
    return Proved(candidate=request.name, proof=Proof(status="not proved", shape="its shape", reason=why))


def proved_here(request: Request, shape: dict[str, int], limit: float) -> Proved:
    """The same in this process; what the candidate prints is left."""
    with tidied(), redirect_stdout(StringIO()):
        return _by_own_code(request, shape, limit) if request.at is not None else _by_spec(request, shape, limit)


def _not_proved(request: Request, reason: str | NotTraced, shape: str = "its shape") -> Proved:
    proof = not_traced(reason, shape=shape) if isinstance(reason, NotTraced) else Proof(status="not proved", shape=shape, reason=reason)
    return Proved(candidate=request.name, loss=request.loss, proof=proof)


def _by_spec(request: Request, shape: dict[str, int], limit: float) -> Proved:
    """The candidate's value and gradient against a spec's formula."""
    found = conventions_of(request)
    if found.complaint is not None:
        return _not_proved(request, f"it {found.complaint}")
    if not found.fits:
        return _not_proved(request, f"it computes {request.loss} by no convention that is known: `verify check` says how it differs")
    first = _of_conventions(request, found, shape, limit, every=True)
    if first.proof.traced:
        return first
    second = _of_conventions(request, found, shape, limit, every=False)  # parameters may have to be plain numbers
    return first if second.status == "not proved" else second


def _of_conventions(request: Request, found: Conventions, shape: dict[str, int], limit: float, *, every: bool) -> Proved:
    try:
        stated = by_spec(found, every=every)
    except NotTraced as error:
        return _not_proved(request, error)
    shape, also = _without_examples(stated.inputs, {}, shape, declared=True)
    given, sizes_shown = patterns(stated.inputs, {}, True, shape)
    if isinstance(given, str):
        return _not_proved(request, given, sizes_shown)
    first = stated.pattern(given[0])
    values = {name: a for name, a in stated.case(first).items() if name not in stated.fixed or name == "y"}
    if (other := _strays(found.candidate, stated.code, first, values)) is not None:
        return _not_proved(request, other, sizes_shown)
    loose = [i.name for i in stated.inputs if not (i.differentiated or i.concrete) and (i.name in stated.fixed or not is_any(i))]
    ends = {i.name: None if i.name in stated.fixed else bounds(i) for i in stated.inputs}
    how: dict[str, Any] = {"loose": loose, "bounds": ends, "seed": request.seed, "answer": stated.answer}
    how["simplex"] = on_simplex(stated.inputs)
    proof, at = _at_shapes(stated.code, stated.inputs, {}, shape, limit, pattern=stated.pattern, **how)
    what = "value and gradient" if stated.answer is not None else "gradient"
    free = [name for name in stated.fixed if name not in proof.held and name != "y"]
    conventions = ", ".join(filter(None, (conventions_in_words(found, without=free), *(f"every {name}" for name in free))))
    claim = f"{what} of {request.loss}{conventions and ': '}{conventions}"
    if proof.status == "proved":
        proof = replace(proof, assumed=(*proof.assumed, *stated.assumed, *_kept(stated.inputs)))
    made = Proved(candidate=request.name, loss=request.loss, claim=claim, proof=proof)
    if proof.status == "proved":
        sizes = sizes_of(stated.inputs, **at)
        how = {"pattern": stated.pattern, "answer": stated.answer, "bounds": ends, "seed": request.seed, "held": proof.held}
        made = _at_every(made, at_every_size(stated.code, stated.inputs, sizes, also=also, limit=limit * AT_FIRST, **how), also)
    if proof.values is None:
        return made
    case = Case(values=proof.values, differentiated=found.objective.differentiated, family="proof", seed=request.seed)
    own = own_value(stated.code, stated.answer)
    case = _simplest(stated.code, case, ends, own)
    return replace(made, witness=_broken(request, replace(case, values=stated.case(case.values)), ("gradient", "value")))


def _at_shapes(
    code: Code,
    inputs: Sequence[Input],
    example: Mapping[str, Any],
    shape: Mapping[str, int],
    limit: float,
    *,
    declared: bool = True,
    pattern: Callable[[Mapping[str, Any]], Mapping[str, Any]] = dict,
    **how: Any,
) -> tuple[Proof, dict[str, Any]]:
    """A proof at the first shape at which there is one, and that shape for `sizes_of`: without equal sizes, the smallest one, and if the
    loss is constant there one with another example, as rankings of two are.
    """

    def proof_at(sizes: dict[str, Any], seconds: float) -> Proof | None:
        given, shape = patterns(inputs, example, declared, **sizes)
        return None if isinstance(given, str) else prove(code, [pattern(p) for p in given], shape=shape, limit=seconds, **how)

    smallest: dict[str, Any] = {"shape": shape, "apart": False}
    wider: dict[str, Any] = {"shape": shape, "apart": True}
    if declared and sizes_of(inputs, **wider) != sizes_of(inputs, **smallest):
        proof = proof_at(wider, limit * AT_FIRST)
        if proof is not None and proof.status not in ("not proved", "vacuous"):
            return proof, wider
    proof = proof_at(smallest, limit)
    assert proof is not None  # the caller has asked whether there are too many patterns
    counted = next((d for i in inputs for d in i.dims if d.lower() == EXAMPLES), None)
    if proof.status == "vacuous" and declared and counted is not None and counted.lower() not in map(str.lower, shape):
        larger: dict[str, Any] = {"shape": {**shape, counted: MORE}, "apart": False}
        again = proof_at(larger, limit)
        if again is not None and again.status not in ("not proved", "vacuous"):
            return again, larger
    return proof, smallest


def _kept(inputs: Sequence[Input]) -> list[str]:
    return [f"not every {name} is {ignored}" for name, ignored in ignoring(inputs).items()]


def _without_examples(
    inputs: Sequence[Input], example: Mapping[str, Any], shape: dict[str, int], *, declared: bool
) -> tuple[dict[str, int], int | None]:
    """A shape without a number of examples that has too many patterns of labels to go through, and that number."""
    less = {name: n for name, n in shape.items() if name.lower() != EXAMPLES}
    if len(less) == len(shape) or not isinstance(patterns(inputs, example, declared, shape)[0], str):
        return shape, None
    return less, next(n for name, n in shape.items() if name not in less)


def _at_every(made: Proved, found: Every | None, also: int | None) -> Proved:
    """What is proved at one number of examples, and at which others; also at the one that was asked for, or it is not proved."""
    if also is None or (found is not None and found.why is None):
        return replace(made, every=found)
    why = "there is none of examples" if found is None else found.why
    reason = f"there are too many patterns of labels at {also} examples, and it is proved at {made.proof.shape} alone: {why}"
    return replace(made, proof=replace(made.proof, status="not proved", reason=reason, error=None, parts={}))


def _strays(*what: Any) -> str | NotTraced | None:
    """See `strays`; or why it cannot be told."""
    try:
        return strays(*what)
    except NotTraced as error:
        return error


def _by_own_code(request: Request, shape: dict[str, int], limit: float) -> Proved:
    """The candidate's own code, or that of a reference, is the formula."""
    own, found = own_code_of(request)
    if isinstance(found, str):
        return _not_proved(request, found)
    problem: Problem = found[0].objective.stated
    code = problem.code
    assert isinstance(code, Code)
    if own.returned is None:
        return _not_proved(request, "it has no gradient")
    inputs, example, declared = problem.inputs, own.at(request.dtypes[0]), bool(request.inputs)
    shape, also = _without_examples(inputs, example, shape, declared=declared)
    given, sizes_shown = patterns(inputs, example, declared, shape)
    if isinstance(given, str):
        return _not_proved(request, given, sizes_shown)
    if (other := _strays(found[0].candidate, code, small(problem, seed=1) if not request.inputs else given[0])) is not None:
        return _not_proved(request, other, sizes_shown)
    loose = [i.name for i in inputs if not i.differentiated and not is_any(i)]
    ends = {i.name: bounds(i) for i in inputs}
    how: dict[str, Any] = {"loose": loose, "simplex": on_simplex(inputs), "bounds": ends, "seed": request.seed}
    proof, at = _at_shapes(code, inputs, example, shape, limit, declared=declared, **how)
    if proof.status == "proved":
        of_another = () if request.reference is None else (OF_THE_REFERENCE,)
        proof = replace(proof, assumed=(*proof.assumed, *of_another, *own.symmetry_notes, *_kept(inputs)))
    made = Proved(candidate=request.name, proof=proof)
    if proof.status == "proved" and declared:
        sizes = sizes_of(inputs, **at)
        how = {"bounds": ends, "seed": request.seed, "held": proof.held}
        made = _at_every(made, at_every_size(code, inputs, sizes, also=also, limit=limit * AT_FIRST, **how), also)
    if proof.values is None:
        return made
    case = Case(values=proof.values, differentiated=own.differentiated, family="proof", seed=request.seed)
    return Proved(candidate=request.name, proof=proof, witness=_broken(request, _simplest(code, case, ends), ("formula", "gradient")))


def _simplest(code: Code, case: Case, ends: Mapping[str, tuple[float, float] | None], own: Code | None = None) -> Case:
    """A point of a refutation that is as plain as it can be."""

    def breaks(other: Case) -> bool:
        nonlocal case
        gap = real_gap(code, other.values, ends, own)
        if gap is None or not gap.distance:
            return False
        case = other
        return True

    shrunk(case, case.x, breaks)
    return case


def _broken(request: Request, case: Case, laws: Sequence[str]) -> Outcome | None:
    """A refutation as the outcome of the first of the laws that breaks there, with its cause."""
    dtype = request.dtypes[0]
    for law in laws:
        found = perform(Task(replace(request, laws=(law,)), dtype, law, case))
        if isinstance(found, Outcome) and found.result.witness is not None:
            return found
    return None
