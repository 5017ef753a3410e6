"""CLIP's symmetric contrastive loss: ℓ(a, b) = ½(InfoNCE(a, b) + InfoNCE(b, a)), of products over T."""

import numpy as np

from verify.spec import Array, Claims, FunctionSpec, Symmetric, positive


def clip(a, b, T):
    z = a @ b.T / T
    rows, columns = (np.log(np.exp(z).sum(axis=axis)) for axis in (1, 0))
    return ((rows + columns) / 2 - np.diagonal(z)).mean()


SPEC = FunctionSpec(
    name="clip",
    inputs={"a": Array("n e"), "b": Array("n e")},
    formula=clip,
    parameters={"T": positive(default=0.5)},
    claims=Claims(convex=None, relations=(Symmetric("n"), Symmetric("e"))),
    source="A. Radford et al., Learning Transferable Visual Models From Natural Language Supervision, ICML 2021, figure 3",
    aliases=("symmetric InfoNCE", "ConVIRT loss with weight ½"),
    computed_by=("open_clip.ClipLoss",),
)
