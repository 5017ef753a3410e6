"""`verify check`: one implementation."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from verify.commands.codes import EPILOG
from verify.commands.judging import UNWRITTEN, judge, prepare, proved, shared
from verify.errors import UsageError
from verify.evidence import Verdict
from verify.report.names import EXIT_CODES
from verify.settings import numbers
from verify.storage import writable

SIGNATURES = "f(W, X, y, reg) → (loss, dW); f(scores, y) → (loss, dscores); f(prediction, target) → (grad, hess). Found out if not given."


@click.command("check", epilog=EPILOG)
@click.argument("target")
@click.option(
    "--loss", default="none", metavar="NAME|FILE.py[:NAME]|none", help="The spec to judge by: `verify list specs`. none: without."
)
@click.option(
    "--at",
    default=None,
    metavar="NUMBERS|FILE",
    help="Without a spec: an example of the inputs. 1,2.5,-3 or FILE.npy; several by name FILE.npz; FILE.py:NAME, a tuple or a dict too.",
)
@click.option("--inputs", default=None, metavar="NAME: DIMENSIONS | DOMAIN, …", help='Without a spec: "x: n d, y: n | labels(c)".')
@click.option("--at-only", is_flag=True, help="Without a spec: judge at that example alone, and not around it.")
@click.option(
    "--reference", default=None, metavar="TARGET", help="Without a spec: another function of the same inputs, to judge by its code."
)
@click.option(
    "--surrogate", default=None, metavar="TARGET", help="Without a spec: the function whose gradient a straight-through estimator returns."
)
@click.option(
    "--derivative", type=int, default=1, metavar="1|2", help="Without a spec: 2 judges the second derivative, too: double backward."
)
@click.option("--wrt", default=None, metavar="NAME[,NAME]", help="Without a spec: which inputs the returned gradients are for.")
@click.option("--convex", is_flag=True, help="Without a spec: claim that the loss is convex.")
@click.option(
    "--formula", type=click.Choice(["own", "differences"]), help="Without a spec: judge by the loss's own code, or by differences."
)
@click.option("--signature", default=None, metavar="linear|scores|objective", help=SIGNATURES)
@click.option(
    "--layout",
    default=None,
    metavar="NAME",
    help="W: CD or DC; an objective: prediction-target, …; flat scores: row-major or class-major. Found out if not given.",
)
@click.option("--reduction", default=None, metavar="mean|sum", help="Over the examples. Found out if not given.")
@click.option("--penalty", default=None, metavar="NAME|FILE.py[:NAME]", help="Found out if not given; one of your own by its file.")
@click.option(
    "--parameter",
    "parameters",
    multiple=True,
    callback=lambda _, __, given: numbers(given),
    metavar="NAME=VALUE",
    help="Of the loss; repeatable. One for each class: w=1,2,0.5. Found out if not given.",
)
@click.option("--delta", type=float, default=None, help="Short for --parameter delta=…: the hinge's margin (default 1).")
@click.option(
    "--classes", type=int, default=None, metavar="N", help="The only number of classes that it answers for. Found out if not given."
)
@click.option("--hessian", default=None, metavar="exact|approximate", help="Of an approximate one only sign and finiteness are judged.")
@click.option("--gradient", default=None, metavar="none", help="There is none: judge the value alone.")
@click.option("--dtype", default=None, metavar="float64[,float32]", help="Dtypes to judge at (default float64, or that of --at).")
@click.option("--audit", is_flag=True, help="Look at every entry of the gradient of a problem of 10 × 3073 weights too.")
@click.option("--prove", is_flag=True, help="Prove the gradient too, as `verify prove` does.")
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), default=None, help="Write the document to this file instead.")
@shared
def command(
    target: str,
    loss: str,
    reference: str | None,
    surrogate: str | None,
    derivative: int,
    at: str | None,
    wrt: str | None,
    dtype: str | None,
    audit: bool,
    prove: bool,
    output: Path | None,
    format_: str,
    quiet: bool,
    **options: Any,
) -> int:
    """Judge one implementation now.

    TARGET is file.py:function or package.module:function; with commas, a loss, its gradient and its Hessian: file.py:loss,grad,hess.
    """
    if output is not None:
        writable(output.parent, UNWRITTEN)
    prepare(in_process=options["in_process"], losses=[loss])
    from verify.campaign.requested import requested
    from verify.conventions import PINS
    from verify.spec.annotated import annotated

    if loss == "none" and at is None and options["inputs"] is None and annotated(target) is None:
        raise UsageError(
            "give --loss, the name of a spec (`verify list specs`) or a FILE.py. Without one (--loss none) a pair is judged at a point: "
            "give it as --at 1,2.5,-3, --at FILE.npy, or --at FILE.npz or --at FILE.py:NAME for several inputs, or declare these: --inputs."
        )
    if loss == "none" and audit:
        raise UsageError("--audit looks at a large problem of a loss that is known; a pair without a spec is judged at its point only.")
    if at is not None:
        from verify.pair.literals import read_example  # only for those that have no spec
    request = requested(
        target,
        loss=None if loss == "none" else loss,
        reference=reference,
        surrogate=surrogate,
        derivative=derivative,
        inputs=options.pop("inputs"),
        at_only=options.pop("at_only"),
        at=None if at is None else read_example(at),
        wrt=None if wrt is None else tuple(name.strip() for name in wrt.split(",")),
        dtypes=None if dtype is None else tuple(d.strip() for d in dtype.split(",")),
        laws=options.pop("laws") or None,
        profile=options.pop("profile") or "ci",
        seed=options.pop("seed") or 0,
        convex=options.pop("convex"),
        formula=options.pop("formula"),
        **{key: options.pop(key) for key in PINS},
    )
    report = judge([request], timeout=options["timeout"], in_process=options["in_process"], quiet=quiet)
    from verify.report.formats import emit

    document, code = report.to_dict(), EXIT_CODES[report.verdict]
    if audit:
        from verify.campaign.audits import audited

        document["audits"] = audited(request, options["timeout"])
        if any(a["verdict"] == Verdict.BROKEN.value for a in document["audits"]):
            document["verdict"], code = Verdict.BROKEN.value, EXIT_CODES[Verdict.BROKEN]
    if prove:
        code = proved(document, [request], code, in_process=options["in_process"])
    emit(document, format_, output)
    return code
