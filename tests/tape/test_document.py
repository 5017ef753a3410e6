"""docs/tape.md has the table as it is in the code."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np

from verify.tape.primitives import ROWS

PAGE = Path(__file__).parents[2] / "docs" / "tape.md"
SIZES = {"logaddexp": r"of \|v\| + \|x\| + \|y\|", "sum": r"of Σ\|x\|", "dot": r"of Σ\|x\|\|y\|", "matmul": r"of Σ\|x\|\|y\|"}


def end(x):
    return {-np.inf: "−∞", np.inf: "∞", float(np.finfo(np.float64).smallest_normal): "2⁻¹⁰²²", -1 + 2.0**-53: "−1 + 2⁻⁵³"}.get(
        x, f"{x:g}".replace("-", "−")
    )


def roundings(row):
    fixed = {"sum": "n − 1", "dot": "n", "matmul": "n"} | dict.fromkeys(("solve", "inv", "slogdet"), "see `linear`")
    fixed |= dict.fromkeys(("eigenvalues", "eigenvectors"), "see `spectral`")
    if row.name in fixed:
        return fixed[row.name]
    if callable(row.roundings):
        return ", ".join(f"{row.rounded(Fraction(c))} for {c}" for c in ("2", "1/2", "-1", "3/2"))
    return str(row.roundings)


def size(row):
    if row.name in SIZES:
        return SIZES[row.name]
    if row.size is None:
        return ""
    return r"of \|v\| + 1" if row.size(2.0, 3.0) == 3 else r"of \|v\|(1 + x²)"


def line(row):
    domain = " × ".join(f"[{end(a)}, {end(b)}]" for a, b in row.domain) if row.form in ("elementwise",) else ""
    return f"| `{row.name}` | {row.form} | {domain} | {roundings(row)} {size(row)}".rstrip() + " |"


def test_the_table_is_that_of_the_code():
    shown = [x for x in PAGE.read_text(encoding="utf-8").partition("## The table")[2].splitlines() if x.startswith("| `")]
    assert shown == [line(row) for row in ROWS]


if __name__ == "__main__":
    print("\n".join(map(line, ROWS)))
