"""pytorch-metric-learning: losses of a batch of embeddings and their labels, of plain products and distances."""

import without_cuda  # noqa: F401

import torch
from pytorch_metric_learning import losses
from pytorch_metric_learning.distances import DotProductSimilarity, LpDistance
from pytorch_metric_learning.reducers import MeanReducer

PLAIN, LP = DotProductSimilarity(normalize_embeddings=False), LpDistance(normalize_embeddings=False)


def nt_xent(a, b, T):
    labels = torch.arange(len(a)).repeat(2)
    return losses.NTXentLoss(temperature=T, distance=PLAIN)(torch.cat([a, b]), labels)


def triplet(a, p, q, m):
    n = torch.arange(len(a))
    loss = losses.TripletMarginLoss(margin=m, distance=LP, reducer=MeanReducer())
    return loss(a, ref_emb=torch.cat([p, q]), indices_tuple=(n, n, n + len(a)))
