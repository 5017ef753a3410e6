"""The documents that tests read, and the blocks of code in them."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
WIDTH = 100
"""Columns of the README and of the pages for users; longer lines of a command's output are folded there."""


def blocks(language: str, document: str = README) -> list[str]:
    """The code of a language, without what has a title: that is a file."""
    return re.findall(rf"```{language}\n(.*?)```", document, re.DOTALL)
