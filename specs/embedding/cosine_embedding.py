"""Cosine embedding: ℓ(a, b, y) = mean of 1 − cos(a, b) where y = 1, else max(0, cos(a, b) − m), y ∈ {−1, 1}."""

import numpy as np

from verify.spec import Array, Claims, FunctionSpec, Homogeneous, Parameter, Separable, Sign


def cosine_embedding(a, b, y, m):
    c = (a * b).sum(axis=1) / (np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1))
    return sum(1 - c[i] if y[i] == 1 else np.maximum(0, c[i] - m) for i in range(len(y))) / len(y)


SPEC = FunctionSpec(
    name="cosine_embedding",
    inputs={"a": Array("n e"), "b": Array("n e"), "y": Array("n", Sign())},
    formula=cosine_embedding,
    parameters={"m": Parameter(default=0, low=-1, high=1)},
    claims=Claims(convex=None, relations=(Separable("n", reduction="mean"), Homogeneous("a", degree=0), Homogeneous("b", degree=0))),
    source="torch.nn.CosineEmbeddingLoss, PyTorch documentation 2.2; torch adds an ε to both squared norms",
    aliases=("cosine similarity loss",),
    computed_by=("torch.nn.functional.cosine_embedding_loss", "optax.losses.cosine_distance, of y = 1", "keras.losses.CosineSimilarity"),
)
