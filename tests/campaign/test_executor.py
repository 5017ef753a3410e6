"""Workers import what is installed, whatever lies in the current folder."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

RIGHT = """
import numpy as np
def f(W, X, y, reg):
    S = X @ W.T
    E = np.exp(S - S.max(1, keepdims=True))
    P = E / E.sum(1, keepdims=True)
    loss = -np.log(P[np.arange(len(X)), y]).mean() + reg * (W * W).sum()
    P[np.arange(len(X)), y] -= 1
    return loss, P.T @ X / len(X) + 2 * reg * W
"""


def test_a_folder_called_verify_is_not_imported(tmp_path):
    (tmp_path / "verify").mkdir()
    (tmp_path / "verify" / "__init__.py").write_text("raise SystemExit('the wrong verify was imported')", encoding="utf-8")
    (tmp_path / "mine.py").write_text(RIGHT, encoding="utf-8")
    command = [str(Path(sys.executable).parent / "verify"), "check", "mine.py:f", "--loss", "softmax_cross_entropy", "--profile", "quick"]
    run = subprocess.run([*command, "--law", "value"], cwd=tmp_path, capture_output=True, text=True, encoding="utf-8", check=False)
    assert (run.returncode, "the wrong verify" in run.stdout + run.stderr) == (0, False), run.stderr
