"""`verify descend`: the optimisers of the course notes on real data. Heavy imports wait until a command needs them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from verify.descent.names import MEANINGS, SETTINGS, SUMMARIES
from verify.descent.options import FOLDER, PROBLEM, SPEECH, file_option, output_option
from verify.errors import unknown
from verify.report.options import all_of


class Methods(click.Group):
    """`descend --compare` means `descend compare`; for an unknown name the nearest known one is suggested."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Replaces the flag by the command's name, and moves the flag behind a name that follows it."""
        if args and args[0] == "--compare":
            named = len(args) > 1 and args[1] in SETTINGS
            args = [args[1], "--compare", *args[2:]] if named else ["compare", *args[1:]]
        elif "--compare" in args and not any(a in self.commands for a in args):
            args = ["compare", *(a for a in args if a != "--compare")]
        return super().parse_args(ctx, args)

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        """The command of this name."""
        if args and not args[0].startswith("-") and args[0] not in self.commands:
            raise unknown("method", args[0], self.commands)
        return super().resolve_command(ctx, args)


@click.group(cls=Methods, epilog="`verify descend --compare` runs all methods with the same number of loss evaluations.")
def descend() -> None:
    """The optimisers of the course notes on real data, with history and figure."""


BUDGET = click.option(
    "--evaluations", type=int, default=None, help="Evaluations of the loss of all training examples (default 300); a mini-batch is a part."
)


@descend.command(name="compare")
@all_of(*PROBLEM, BUDGET, output_option(FOLDER), *SPEECH)
def compare(**options: Any) -> int:
    """All methods with the same number of loss evaluations."""
    from verify.descent.method_commands import run_all

    return run_all(None, {}, **options)


def _add(name: str) -> None:
    """Adds the command of one method, with its settings."""
    own = [click.option(f"--{s}", type=int if s == "batch" else float, default=None, help=MEANINGS[s]) for s in SETTINGS[name]]
    resume = file_option("--resume", f"Go on from the {name}.npz that an earlier run left.")
    every = click.option("--compare", "compare_", is_flag=True, help="Run the other methods too, with the same budget.")

    @descend.command(name=name, help=SUMMARIES[name])
    @all_of(*PROBLEM, BUDGET, *own, resume, every, output_option(FOLDER), *SPEECH)
    def command(resume: Path | None, compare_: bool, **options: Any) -> int:
        from verify.descent.method_commands import run_all, run_one

        settings = {s: options.pop(s) for s in SETTINGS[name]}
        if compare_:
            return run_all(name, settings, resume=resume, **options)
        return run_one(name, settings, resume=resume, **options)


for _name in SETTINGS:
    _add(_name)


@descend.command(name="step-sweep")
@all_of(*PROBLEM, output_option(FOLDER), *SPEECH)
def step_sweep(output: Path | None, **options: Any) -> int:
    """The loss after steps of 1e-10 … 1e-1 along the negative numerical gradient."""
    from verify.descent.sweep_command import run_sweep

    return run_sweep(output or Path(FOLDER), **options)


@descend.command(name="hiker")
@click.option("--seed", type=int, default=None, help="Seed of everything random (default 0).")
@all_of(BUDGET, output_option("reports/latest"), *SPEECH)
def hiker(output: Path | None, **options: Any) -> int:
    """All of it as one page, beside the report: hiker.html and hiker.json."""
    from verify.descent.hiker_command import run_hiker

    return run_hiker(output or Path("reports/latest"), **options)


command = descend
"""The name that `verify.cli` looks up."""
