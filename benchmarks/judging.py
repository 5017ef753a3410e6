"""How long judging takes: one candidate on one spec at one dtype, as a user meets it, with the start of the command.

    python benchmarks/judging.py [--runs 3] [--profile quick --profile ci]

Prints for each spec, dtype and profile the median time of judging, that of the whole command with its spread, and the cases a second.
The goals are those of a quiet machine with 2 cores; `load` tells whether it was one.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from statistics import median

GOALS = {"quick": 2.0, "ci": 10.0}
"""Seconds that judging one candidate on one spec at one dtype may take on 2 cores, without the start of the command."""

CANDIDATES = {
    "multiclass_hinge": "verify.core.multiclass_hinge:l2",
    "softmax_cross_entropy": "verify.core.softmax_cross_entropy:l2",
}


def judge(loss: str, dtype: str, profile: str) -> tuple[float, float, int]:
    """(seconds of the command, seconds of judging in them, cases) of one run."""
    command = [sys.executable, "-m", "verify", "check", CANDIDATES[loss], "--loss", loss, "--dtype", dtype, "--profile", profile]
    began = time.perf_counter()
    run = subprocess.run([*command, "--format", "json", "--quiet"], capture_output=True, encoding="utf-8", check=False)
    wall = time.perf_counter() - began
    if run.returncode not in (0, 4):  # a quick look may leave a law silent
        raise SystemExit(f"{' '.join(command)} ended with {run.returncode}: {run.stderr or run.stdout[:500]}")
    document = json.loads(run.stdout)
    return wall, document["environment"]["wall"], sum(r["cases"] for r in document["results"])


def main() -> None:
    """Measures and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--runs", type=int, default=3, help="runs of each; the first one more is thrown away (default 3)")
    parser.add_argument("--profile", action="append", choices=[*GOALS], help="default: all")
    options = parser.parse_args()
    print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores, {options.runs} runs each")
    print(f"{'loss':24}{'dtype':9}{'profile':9}{'judging':>9}{'command':>9}{'least':>9}{'most':>9}{'cases/s':>9}  goal")
    for profile in options.profile or GOALS:
        for loss in CANDIDATES:
            for dtype in ("float64", "float32"):
                runs = [judge(loss, dtype, profile) for _ in range(options.runs + 1)][1:]
                walls, judging, cases = [r[0] for r in runs], median(r[1] for r in runs), runs[0][2]
                times = "".join(f"{t:8.1f}s" for t in (judging, median(walls), min(walls), max(walls)))
                row = f"{loss:24}{dtype:9}{profile:9}{times}{cases / judging:9.0f}"
                print(f"{row}  {'met' if judging <= GOALS[profile] else 'missed'}: {GOALS[profile]:g} s")


if __name__ == "__main__":
    main()
