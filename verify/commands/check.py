"""`verify check`: one implementation."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from verify.commands import options
from verify.commands.codes import EPILOG
from verify.commands.judging import UNWRITTEN, judge, prepare, proved, shared
from verify.errors import UsageError
from verify.evidence import Verdict
from verify.report.names import EXIT_CODES
from verify.storage import writable


@click.command("check", epilog=EPILOG)
@click.argument("target")
@options.loss
@options.inputs
@click.option("--at-only", is_flag=True, help="Without a spec: judge at that example alone, and not around it.")
@options.reference
@click.option(
    "--surrogate", default=None, metavar="TARGET", help="Without a spec: the function whose gradient a straight-through estimator returns."
)
@click.option(
    "--derivative", type=int, default=1, metavar="1|2", help="Without a spec: 2 judges the second derivative, too: double backward."
)
@click.option("--convex", is_flag=True, help="Without a spec: claim that the loss is convex.")
@click.option(
    "--formula", type=click.Choice(["own", "differences"]), help="Without a spec: judge by the loss's own code, or by differences."
)
@options.conventions
@click.option("--delta", type=float, default=None, help="Short for --parameter delta=…: the hinge's margin (default 1).")
@click.option(
    "--classes", type=int, default=None, metavar="N", help="The only number of classes that it answers for. Found out if not given."
)
@click.option("--hessian", default=None, metavar="exact|approximate", help="Of an approximate one only sign and finiteness are judged.")
@click.option("--gradient", default=None, metavar="none", help="There is none: judge the value alone.")
@click.option(
    "--dtype",
    "dtypes",
    default=None,
    callback=options.split,
    metavar="float64[,float32]",
    help="Dtypes to judge at (default float64, or that of --at).",
)
@click.option("--audit", is_flag=True, help="Look at every entry of the gradient of a problem of 10 × 3073 weights too.")
@click.option("--prove", is_flag=True, help="Prove the gradient too, as `verify prove` does.")
@options.output
@shared
def command(
    target: str,
    loss: str,
    at: str | None,
    laws: tuple[str, ...],
    profile: str | None,
    seed: int | None,
    timeout: float | None,
    in_process: bool,
    audit: bool,
    prove: bool,
    output: Path | None,
    format_: str,
    quiet: bool,
    **others: Any,
) -> int:
    """Judge one implementation now.

    TARGET is file.py:function or package.module:function; with commas, a loss, its gradient and its Hessian: file.py:loss,grad,hess.
    """
    if output is not None:
        writable(output.parent, UNWRITTEN)
    prepare(in_process=in_process, losses=[loss], profile=profile, seed=seed)
    from verify.campaign.requested import requested
    from verify.candidates.target import parted
    from verify.spec.annotated import annotated

    if loss == "none" and at is None and others["inputs"] is None and annotated(target) is None:
        parted(target)  # a file that does not exist is reported first
        raise UsageError(
            "give --loss, the name of a spec (`verify list specs`) or a FILE.py. Without one (--loss none) a pair is judged at a point: "
            "give it as --at 1,2.5,-3, --at FILE.npy, or --at FILE.npz or --at FILE.py:NAME for several inputs, or declare these: --inputs."
        )
    if loss == "none" and audit:
        raise UsageError("--audit looks at a large problem of a loss that is known; a pair without a spec is judged at its point only.")
    request = requested(
        target,
        loss=None if loss == "none" else loss,
        at=options.example(at),
        laws=laws or None,
        profile=profile or "ci",
        seed=seed or 0,
        **others,
    )
    report = judge([request], timeout=timeout, in_process=in_process, quiet=quiet)
    from verify.report.formats import emit

    document, code = report.to_dict(), EXIT_CODES[report.verdict]
    if audit:
        from verify.campaign.audits import audited

        document["audits"] = audited(request, timeout)
        if any(a["verdict"] == Verdict.BROKEN.value for a in document["audits"]):
            document["verdict"], code = Verdict.BROKEN.value, EXIT_CODES[Verdict.BROKEN]
    if prove:
        code = proved(document, [request], code, in_process=in_process)
    emit(document, format_, output)
    return code
