"""The code of docs/hiker.md runs, in order, and what it asserts holds."""

from __future__ import annotations

import re
from pathlib import Path

DOCUMENT = (Path(__file__).parents[2] / "docs" / "hiker.md").read_text(encoding="utf-8")


def test_the_tutorial_runs():
    blocks = re.findall(r"```python\n(.*?)```", DOCUMENT, re.DOTALL)
    assert len(blocks) >= 8
    names: dict[str, object] = {}
    for block in blocks:
        assert "assert" in block
        exec(block, names)


def test_every_command_of_the_tutorial_exists():
    from verify.cli import cli

    for command, method in re.findall(r"`verify (\w+)(?: (?!METHOD)([a-z][\w-]+))?", DOCUMENT):
        found = cli.get_command(None, command)
        assert not method or method in found.commands
