"""Loss and gradient beside every peer that is installed, at sizes from one example to a million, at both dtypes."""

from collections.abc import Iterator

from verify.benchmarks.peers import LOSSES, batch, contestants

from verify.bench.table import Setup, Table

MIDDLE = {"N": 2_000, "D": 785, "C": 10}
"""Of the sizes that are not moved."""
SIZES = {
    "N": (1, 10, 100, 1_000, 10_000, 100_000, 1_000_000),
    "D": (2, 16, 128, 1_024, 10_000),
    "C": (2, 5, 10, 40, 100, 1_000),
}
MOST = 2**32
"""Bytes of X: with a million examples there are fewer features."""
SMOKE = 1


def setups(smoke: bool) -> Iterator[Setup]:
    """Both losses at both dtypes, one size moved at a time."""
    for dtype in ("float64", "float32"):
        for axis, sizes in SIZES.items():
            for size in sizes[: SMOKE if smoke else None]:
                N, D, C = ({**MIDDLE, axis: size}[k] // (40 if smoke and k != axis and k != "C" else 1) for k in "NDC")
                while N * D * int(dtype[-2:]) // 8 > MOST:
                    D //= 2
                W, X, y = batch(N, D, C, dtype)
                for loss in LOSSES:
                    yield Setup(
                        label=f"{N:,} × {D:,}, {C:,} classes, {dtype} {loss}",
                        contestants=contestants(loss, W, X, y),
                        axis=axis,
                        size=size,
                        series=f"{dtype} {loss}",
                    )


TABLE = Table(name="sizes", title="Beside the fastest peer, size by size", setups=setups, compares=True)
