"""Options on what a command prints, each with one help text for the commands of all packages."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


def all_of(*options: Decorator) -> Decorator:
    """Several options as one decorator; the help lists them in this order."""

    def decorated(command: Callable[..., Any]) -> Callable[..., Any]:
        for option in reversed(options):
            command = option(command)
        return command

    return decorated


text_or_json = click.option(
    "--format", "format_", type=click.Choice(["text", "json"]), default="text", help="The document on standard output."
)
no_progress = click.option("--quiet", is_flag=True, help="No progress.")
verdict_alone = click.option("--quiet", is_flag=True, help="Of the text only the verdict, in one line, and what fails.")
"""For commands without progress."""
