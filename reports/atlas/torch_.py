"""torch: what is called otherwise than f(scores, y), or with arguments that choose the loss."""

import torch
import torch.distributions as law
import torch.nn.functional as F


def label_smoothing(scores, y):
    return F.cross_entropy(scores, y, label_smoothing=0.125)


def weighted(scores, y, w):
    return F.cross_entropy(scores, y, weight=w)


def temperature(scores, y):
    return F.cross_entropy(scores / 2, y)


def of_log_softmax(scores, y):
    return F.nll_loss(F.log_softmax(scores, dim=1), y)


def to_distribution(prediction, target):
    return F.cross_entropy(prediction, target)


def multi_margin(scores, y, m, w):
    return F.multi_margin_loss(scores, y, margin=m, weight=w)


def squared_multi_margin(scores, y):
    return scores.shape[1] * F.multi_margin_loss(scores, y, p=2)


def multilabel_soft_margin(prediction, target):
    return F.multilabel_soft_margin_loss(prediction, target)


def multilabel_margin(prediction, target):
    order = torch.argsort(target, dim=1, descending=True)
    return F.multilabel_margin_loss(prediction, torch.where(target.gather(1, order) > 0, order, -1))


def with_pos_weight(scores, y, w):
    return F.binary_cross_entropy_with_logits(scores, y, pos_weight=torch.as_tensor(w, dtype=scores.dtype))


def softplus(scores, y):
    return F.softplus(-y * scores).mean()


def log_sigmoid(scores, y):
    return -F.logsigmoid(y * scores).mean()


def hinge_embedding(scores, y, m):
    return F.hinge_embedding_loss(scores, y, margin=m)


def kl_div(prediction, target):
    return F.kl_div(prediction, target, reduction="sum")


def kl_div_log_target(prediction, target):
    return F.kl_div(prediction, target, reduction="sum", log_target=True)


def binary_cross_entropy(prediction, target):
    return F.binary_cross_entropy(prediction, target)


def poisson_identity(prediction, target):
    return F.poisson_nll_loss(prediction, target, log_input=False)


def gaussian_nll(s, t, v):
    return F.gaussian_nll_loss(s, t, v)


def triplet(a, p, q, m):
    return F.triplet_margin_loss(a, p, q, margin=m)


def triplet_with_distance(a, p, q, m):
    return F.triplet_margin_with_distance_loss(a, p, q, distance_function=lambda x, y: (x - y).norm(dim=1), margin=m)


def cosine_embedding(a, b, y, m):
    return F.cosine_embedding_loss(a, b, y, margin=m)


def margin_ranking(a, b, t, m):
    return F.margin_ranking_loss(a, b, t, margin=m)


def l1_of_quantiles(scores, y):
    return 0.5 * F.l1_loss(scores, y)


def poisson_log_prob(scores, y):
    return -law.Poisson(torch.exp(scores)).log_prob(y).mean()


def laplace_log_prob(s, t, b):
    return -law.Laplace(s, b).log_prob(t).mean()


def gumbel_log_prob(scores, y, beta):
    return -law.Gumbel(scores, beta).log_prob(y).mean()


def bernoulli_log_prob(scores, y):
    return -law.Bernoulli(logits=scores).log_prob(y).mean()


def categorical_log_prob(scores, y):
    return -law.Categorical(logits=scores).log_prob(y).mean()


def one_hot_log_prob(scores, y):
    return -law.OneHotCategorical(logits=scores).log_prob(F.one_hot(y, scores.shape[1])).mean()
