"""Proofs of candidates, on a worker process or here, and witnesses of refutations."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures.process import BrokenProcessPool
from contextlib import redirect_stdout
from dataclasses import dataclass, replace
from io import StringIO
from typing import Any

from pebble import ProcessExpired

from verify.campaign import witness
from verify.campaign.channel import WRITES_TO_THE_PIPE, Garbled
from verify.campaign.conventions import conventions_of
from verify.campaign.executor import tidied
from verify.campaign.imports import function_of
from verify.campaign.judging import perform
from verify.campaign.pair_formula import own_code_of
from verify.campaign.requested import without_spec
from verify.campaign.task import Outcome, Request, Task
from verify.campaign.witness import NO_LOSS
from verify.campaign.worker_exits import WITH_THE_SERVER, exit_in_words
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
WITH_ITS_SERVER = "it ended the server of all workers"
FIRST_SHARE = 0.5
"""Share of the limit for a shape without equal sizes; the smallest shape comes next if that does not suffice."""
MAX_MORE_EXAMPLES = 3
"""Further examples to try where the loss is constant at the smallest number."""
EXTRA_SECONDS = 30.0
"""Seconds added to the limit for the work before a proof, and for the witness after it."""


@dataclass(frozen=True, kw_only=True)
class Proved:
    """The result of `verify.prove`. `witness` belongs to a refutation. With a spec, `claim` says which value and gradient are proved, by
    the inferred conventions. `every` says whether it holds for other numbers of examples; None where there are none.
    """

    candidate: str
    proof: Proof
    witness: Outcome | None = None
    loss: str = NO_LOSS
    claim: str | None = None
    every: Every | None = None

    @property
    def status(self) -> str:
        """One of proved, refuted, not proved, vacuous."""
        return self.proof.status

    def __str__(self) -> str:
        lines = [f"{self.candidate}: {self.proof}"]
        parts = ", ".join(f"{name} 2^{x:.0f}" for name, x in self.proof.parts.items() if x > float("-inf"))
        lines += [] if self.claim is None else [f"  claim: {self.claim}"]
        lines += [] if self.every is None else [f"  {self.every}"]
        lines += [f"  error: {parts}"] if self.proof.status == "proved" else []
        lines += [f"  assumed: {assumption}" for assumption in self.proof.assumed]
        if self.witness is not None:
            diagnosis = self.witness.result.diagnosis
            lines += [f"  cause: {diagnosis['message']}"] if diagnosis else []
            lines += [f"  verify replay {witness.identity(self.witness)}"]
        return "\n".join(lines)

    def to_dict(self) -> dict[str, Any]:
        """The proof as a document."""
        found: dict[str, Any] = {"candidate": self.candidate, "loss": self.loss, "claim": self.claim, **self.proof.to_dict()}
        found["sizes"] = None if self.every is None else self.every.to_dict()
        if self.witness is not None:
            found["witness"] = witness.document(self.witness)
        return found


def proofs_of(requests: Sequence[Request], *, in_process: bool = False) -> list[dict[str, Any]]:
    """The proofs of judged candidates for a report, each at its first dtype. Witnesses are stored."""
    documents = []
    for request in requests:
        try:
            p = proved(request, in_process=in_process)
        except UsageError as error:
            p = Proved(candidate=request.name, proof=Proof(status="not proved", shape="its shape", reason=str(error)))
        if p.witness is not None:
            witness.keep([p.witness])
        document = replace(p, loss=request.loss).to_dict()
        del document["seconds"]  # times are never the same twice
        documents.append(document)
    return documents


def proof_request(candidate: Any, *, at: Any = None, inputs: Any = None, **how: Any) -> Request:
    """The request of a proof: for declared inputs, for an example, or for a function with one of the known signatures. Raises UsageError as
    `without_spec` does.
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
    """The proof of one candidate, on a worker process, which may crash or hang, or here. Raises UsageError."""
    limit = LIMIT if limit is None else limit
    if in_process or not isinstance(request.candidate, str):
        return proved_here(request, dict(shape or {}), limit)
    with workers(1) as pool:
        future = pool.schedule(proved_here, args=[request, dict(shape or {}), limit], timeout=limit * (1 + FIRST_SHARE) + EXTRA_SECONDS)
        try:
            return future.result(timeout=limit * (1 + FIRST_SHARE) + 2 * EXTRA_SECONDS)
        except TimeoutError:
            why = f"it gave no answer within {limit + EXTRA_SECONDS:g} s"
        except ProcessExpired as lost:
            why = WITH_ITS_SERVER if lost.exitcode == WITH_THE_SERVER else f"it ended its process ({exit_in_words(lost.exitcode)})"
        except BrokenProcessPool as broken:
            why = _why_broken(broken.__cause__)
    return Proved(candidate=request.name, proof=Proof(status="not proved", shape="its shape", reason=why))


def _why_broken(error: BaseException | None) -> str:
    if not isinstance(error, Garbled):
        return WITH_ITS_SERVER
    return f"it {WRITES_TO_THE_PIPE}" if error.foreign is None else f"its process answers otherwise than the suite does ({error.foreign})"


def proved_here(request: Request, shape: dict[str, int], limit: float) -> Proved:
    """The proof of one candidate in this process; the candidate's output is not captured."""
    with tidied(), redirect_stdout(StringIO()):
        return _by_own_code(request, shape, limit) if request.at is not None else _by_spec(request, shape, limit)


def _not_proved(request: Request, reason: str | NotTraced, shape: str = "its shape") -> Proved:
    proof = not_traced(reason, shape=shape) if isinstance(reason, NotTraced) else Proof(status="not proved", shape=shape, reason=reason)
    return Proved(candidate=request.name, loss=request.loss, proof=proof)


def _by_spec(request: Request, shape: dict[str, int], limit: float) -> Proved:
    """A proof of the candidate's value and gradient against a spec's formula."""
    inferred = conventions_of(request)
    if inferred.complaint is not None:
        return _not_proved(request, f"it {inferred.complaint}")
    if not inferred.fits:
        return _not_proved(request, f"it computes {request.loss} by no convention that is known: `verify check` says how it differs")
    first = _of_conventions(request, inferred, shape, limit, every=True)
    if first.proof.traced:
        return first
    second = _of_conventions(request, inferred, shape, limit, every=False)  # parameters may have to be plain numbers
    return first if second.status == "not proved" else second


def _of_conventions(request: Request, inferred: Conventions, shape: dict[str, int], limit: float, *, every: bool) -> Proved:
    try:
        stated = by_spec(inferred, every=every)
    except NotTraced as error:
        return _not_proved(request, error)
    shape, also = _without_examples(stated.inputs, {}, shape, declared=True)
    given, sizes_shown = patterns(stated.inputs, {}, True, shape)
    if isinstance(given, str):
        return _not_proved(request, given, sizes_shown)
    first = stated.pattern(given[0])
    values = {name: a for name, a in stated.case(first).items() if name not in stated.fixed or name == "y"}
    if (other := _strays(inferred.candidate, stated.code, first, values)) is not None:
        return _not_proved(request, other, sizes_shown)
    loose = [i.name for i in stated.inputs if not (i.differentiated or i.concrete) and (i.name in stated.fixed or not is_any(i))]
    ends = {i.name: None if i.name in stated.fixed else bounds(i) for i in stated.inputs}
    how: dict[str, Any] = {"loose": loose, "bounds": ends, "seed": request.seed, "answer": stated.answer}
    how["simplex"] = on_simplex(stated.inputs)
    proof, at = _at_shapes(stated.code, stated.inputs, {}, shape, limit, pattern=stated.pattern, **how)
    what = "value and gradient" if stated.answer is not None else "gradient"
    free = [name for name in stated.fixed if name not in proof.held and name != "y"]
    conventions = ", ".join(filter(None, (conventions_in_words(inferred, without=free), *(f"every {name}" for name in free))))
    claim = f"{what} of {request.loss}{conventions and ': '}{conventions}"
    if proof.status == "proved":
        proof = replace(proof, assumed=(*proof.assumed, *stated.assumed, *_kept(stated.inputs)))
    made = Proved(candidate=request.name, loss=request.loss, claim=claim, proof=proof)
    if proof.status == "proved":
        sizes = sizes_of(stated.inputs, **at)
        how = {"pattern": stated.pattern, "answer": stated.answer, "bounds": ends, "seed": request.seed, "held": proof.held}
        made = _at_every(made, at_every_size(stated.code, stated.inputs, sizes, also=also, limit=limit * FIRST_SHARE, **how), also)
    if proof.values is None:
        return made
    case = Case(values=proof.values, differentiated=inferred.objective.differentiated, family="proof", seed=request.seed)
    value_code = own_value(stated.code, stated.answer)
    case = _simplest(stated.code, case, ends, value_code)
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
    """The proof at the first shape that allows one, and that shape for `sizes_of`: a shape without equal sizes, then the smallest one, and
    where the loss is constant there, as rankings of two are, one with more examples.
    """

    def proof_at(sizes: dict[str, Any], seconds: float) -> Proof | None:
        given, shape = patterns(inputs, example, declared, **sizes)
        return None if isinstance(given, str) else prove(code, [pattern(p) for p in given], shape=shape, limit=seconds, **how)

    smallest: dict[str, Any] = {"shape": shape, "apart": False}
    wider: dict[str, Any] = {"shape": shape, "apart": True}
    if declared and sizes_of(inputs, **wider) != sizes_of(inputs, **smallest):
        proof = proof_at(wider, limit * FIRST_SHARE)
        if proof is not None and proof.status not in ("not proved", "vacuous"):
            return proof, wider
    proof = proof_at(smallest, limit)
    assert proof is not None  # the caller has checked that there are not too many patterns
    counted = next((d for i in inputs for d in i.dims if d.lower() == EXAMPLES), None)
    if proof.status == "vacuous" and declared and counted is not None and counted.lower() not in map(str.lower, shape):
        larger: dict[str, Any] = {"shape": {**shape, counted: MAX_MORE_EXAMPLES}, "apart": False}
        again = proof_at(larger, limit)
        if again is not None and again.status not in ("not proved", "vacuous"):
            return again, larger
    return proof, smallest


def _kept(inputs: Sequence[Input]) -> list[str]:
    return [f"not every {name} is {ignored}" for name, ignored in ignoring(inputs).items()]


def _without_examples(
    inputs: Sequence[Input], example: Mapping[str, Any], shape: dict[str, int], *, declared: bool
) -> tuple[dict[str, int], int | None]:
    """The shape without a number of examples that has too many patterns of labels to enumerate, and that number."""
    less = {name: n for name, n in shape.items() if name.lower() != EXAMPLES}
    if len(less) == len(shape) or not isinstance(patterns(inputs, example, declared, shape)[0], str):
        return shape, None
    return less, next(n for name, n in shape.items() if name not in less)


def _at_every(made: Proved, every: Every | None, also: int | None) -> Proved:
    """The proof, extended to the numbers of examples that it holds for; if it does not hold for the requested number `also`, it is "not
    proved".
    """
    if also is None or (every is not None and every.why is None):
        return replace(made, every=every)
    why = "there is none of examples" if every is None else every.why
    reason = f"there are too many patterns of labels at {also} examples, and it is proved at {made.proof.shape} alone: {why}"
    return replace(made, proof=replace(made.proof, status="not proved", reason=reason, error=None, parts={}))


def _strays(*what: Any) -> str | NotTraced | None:
    """See `strays`; or why it cannot be determined."""
    try:
        return strays(*what)
    except NotTraced as error:
        return error


def _by_own_code(request: Request, shape: dict[str, int], limit: float) -> Proved:
    """A proof with the candidate's own code, or that of a reference, as the formula."""
    arguments, formula = own_code_of(request)
    if isinstance(formula, str):
        return _not_proved(request, formula)
    problem: Problem = formula[0].objective.stated
    code = problem.code
    assert isinstance(code, Code)
    if arguments.returned is None:
        return _not_proved(request, "it has no gradient")
    inputs, example, declared = problem.inputs, arguments.at(request.dtypes[0]), bool(request.inputs)
    shape, also = _without_examples(inputs, example, shape, declared=declared)
    given, sizes_shown = patterns(inputs, example, declared, shape)
    if isinstance(given, str):
        return _not_proved(request, given, sizes_shown)
    if (other := _strays(formula[0].candidate, code, small(problem, seed=1) if not request.inputs else given[0])) is not None:
        return _not_proved(request, other, sizes_shown)
    loose = [i.name for i in inputs if not i.differentiated and not is_any(i)]
    ends = {i.name: bounds(i) for i in inputs}
    how: dict[str, Any] = {"loose": loose, "simplex": on_simplex(inputs), "bounds": ends, "seed": request.seed}
    proof, at = _at_shapes(code, inputs, example, shape, limit, declared=declared, **how)
    if proof.status == "proved":
        of_another = () if request.reference is None else (OF_THE_REFERENCE,)
        proof = replace(proof, assumed=(*proof.assumed, *of_another, *arguments.symmetry_notes, *_kept(inputs)))
    made = Proved(candidate=request.name, proof=proof)
    if proof.status == "proved" and declared:
        sizes = sizes_of(inputs, **at)
        how = {"bounds": ends, "seed": request.seed, "held": proof.held}
        made = _at_every(made, at_every_size(code, inputs, sizes, also=also, limit=limit * FIRST_SHARE, **how), also)
    if proof.values is None:
        return made
    case = Case(values=proof.values, differentiated=arguments.differentiated, family="proof", seed=request.seed)
    return Proved(candidate=request.name, proof=proof, witness=_broken(request, _simplest(code, case, ends), ("formula", "gradient")))


def _simplest(code: Code, case: Case, ends: Mapping[str, tuple[float, float] | None], value_code: Code | None = None) -> Case:
    """The plainest point of a refutation."""

    def breaks(other: Case) -> bool:
        nonlocal case
        gap = real_gap(code, other.values, ends, value_code)
        if gap is None or not gap.distance:
            return False
        case = other
        return True

    shrunk(case, case.x, breaks)
    return case


def _broken(request: Request, case: Case, laws: Sequence[str]) -> Outcome | None:
    """A refutation as the outcome of the first law that breaks there, with its cause."""
    dtype = request.dtypes[0]
    for law in laws:
        outcome = perform(Task(replace(request, laws=(law,)), dtype, law, case))
        if isinstance(outcome, Outcome) and outcome.result.witness is not None:
            return outcome
    return None
