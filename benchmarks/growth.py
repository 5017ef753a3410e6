"""How cost grows with the examples N, the features D, the classes C and the weights P = C·D."""

from collections.abc import Iterator

from verify.benchmarks.peers import batch, core, in_numpy, kernel

from verify.bench.table import Setup, Table
from verify.core.differences import numerical_gradient

MIDDLE = {"N": 8_000, "D": 512, "C": 10}
"""All sizes are large enough for all cores: else the step from one to two of them would look like growth."""

SIZES = {"N": (4_000, 16_000, 64_000), "D": (256, 1024, 4096), "C": (5, 20, 80)}
WEIGHTS = (1_024, 8_192, 65_536)


def setups(smoke: bool) -> Iterator[Setup]:
    """Softmax, float64, one size moved at a time; then the numerical gradient of 20 examples by its weights."""
    shrink = 16 if smoke else 1
    for axis, sizes in SIZES.items():
        for size in sizes[: 2 if smoke else None]:
            shape = {k: max(1, (size if k == axis else v) // (shrink if k != "C" else 1)) for k, v in MIDDLE.items()}
            W, X, y = batch(shape["N"], shape["D"], shape["C"], "float64")
            works = {"verify": core("softmax", W, X, y), "numpy": in_numpy("softmax", W, X, y)}
            yield Setup(label=f"{axis} = {shape[axis]:,}", contestants=works, axis=axis, size=shape[axis])
    for weights in WEIGHTS[: 2 if smoke else None]:
        W, X, y = batch(20, weights // 8, 8, "float64")
        work = {"verify, numerical gradient": lambda W=W, X=X, y=y: numerical_gradient(kernel("softmax"), W, X, y)}
        yield Setup(label=f"P = {W.size:,}", contestants=work, axis="P", size=W.size)


TABLE = Table(name="growth", title="How cost grows", setups=setups)
