"""How far strain, sensitivity and ulps scatter from seed to seed on right code: what the gate's margins are derived from.

    python benchmarks/margins.py [SEEDS] > margins.txt

Every pair of seeds is a baseline and a report. Of each figure it prints the ratio report / baseline, floored as the gate floors it: the
median, the 99th percentile and the greatest, and how many pairs would have turned the gate red.
"""

from __future__ import annotations

import sys
from itertools import permutations

import numpy as np

from verify.api import judge_all
from verify.campaign.task import Request
from verify.gate.baseline import MEASURED
from verify.gate.rules import NOISE_FLOORS, WORSE_FACTORS

CANDIDATES = (
    ("verify.core.multiclass_hinge:l2", "multiclass_hinge"),
    ("verify.core.softmax_cross_entropy:half_l2_no_bias", "softmax_cross_entropy"),
)


def figures(seeds: int) -> dict[str, dict[tuple[str, str, str], list[float]]]:
    """For each kind of figure and each candidate × dtype × law one number a seed."""
    found: dict[str, dict[tuple[str, str, str], list[float]]] = {what: {} for what in MEASURED}
    for seed in range(seeds):
        requests = [Request(candidate=c, loss=loss, dtypes=("float64", "float32"), seed=seed) for c, loss in CANDIDATES]
        for entry in judge_all(requests, timeout=None, on_start=lambda _: None, on_done=lambda _: None).to_dict()["results"]:
            for what in MEASURED:
                if entry[what] is not None:
                    key = (entry["candidate"], entry["dtype"], entry["law"])
                    found[what].setdefault(key, []).append(float(entry[what]))
    return found


def main() -> None:
    """Prints one line a kind of figure and a law, the widest laws first."""
    seeds = int(sys.argv[1]) if len(sys.argv) > 1 else 8
    for what, rows in figures(seeds).items():
        everything: list[float] = []
        by_law: dict[str, list[float]] = {}
        for (_, _, law), values in rows.items():
            pairs = [(a, b) for a, b in permutations(values, 2) if np.isfinite(a) and np.isfinite(b)]
            ratios = [b / max(a, NOISE_FLOORS[what]) if max(a, NOISE_FLOORS[what]) > 0 else 1.0 for a, b in pairs]
            everything += ratios
            by_law.setdefault(law, []).extend(ratios)
        red = sum(r > WORSE_FACTORS[what] for r in everything)
        print(f"{what}: margin {WORSE_FACTORS[what]:g}, {red} of {len(everything)} pairs beyond it")
        for law, ratios in [("all", everything), *sorted(by_law.items(), key=lambda x: -max(x[1], default=0.0))]:
            if ratios:
                print(f"  {law:12} median {np.median(ratios):8.3g}  99 % {np.quantile(ratios, 0.99):8.3g}  greatest {max(ratios):8.3g}")


if __name__ == "__main__":
    main()
