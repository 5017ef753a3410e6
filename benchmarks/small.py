"""Small problems, one by one: what a property-based test asks for hundreds of thousands of times."""

from collections.abc import Iterator

from verify.benchmarks.peers import batch, contestants, error_of, exact

from verify.bench.table import Setup, Table


def setups(smoke: bool) -> Iterator[Setup]:  # noqa: ARG001  # they are small already
    """Five examples, four features, three classes."""
    for loss in ("hinge", "softmax"):
        W, X, y = batch(5, 4, 3, "float64")
        yield Setup(
            label=f"{loss}, 5 × 4, 3 classes", contestants=contestants(loss, W, X, y), error=error_of(exact(loss, W, X, y)), allowed=1e-13
        )


TABLE = Table(name="small", title="Small problems, one by one", setups=setups)
