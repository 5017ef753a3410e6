"""The losses that ship, in mpmath, as their sources print them: by other ways than the specs where there are several.

Of one example the functions take its prediction (a number, or a list over the classes) and its target; of a batch all of them; else the
inputs by their names, matrices as lists of rows. Parameters come by name.
"""

from __future__ import annotations

import itertools

from mpmath import atan, beta, exp, fabs, gamma, inf, log, mpf, ncdf, npdf, pi, sqrt


def sigmoid(x):
    return 1 / (1 + exp(-x))


def softmax(s):
    return [exp(a) / sum(exp(b) for b in s) for a in s]


def dot(a, b):
    return sum(x * y for x, y in zip(a, b, strict=True))


def distance(a, b):
    return sqrt(sum((x - y) ** 2 for x, y in zip(a, b, strict=True)))


def mean(values):
    values = list(values)
    return sum(values) / len(values)


def rest(s, y):
    return [v for j, v in enumerate(s) if j != y]


# One score, two classes.


def smoothed_hinge(s, t, gamma):
    """The infimal convolution of the hinge and a parabola: the greatest of a line in the dual, max over 0 ≤ a ≤ 1 of a(1 − z) − ½γa²."""
    gap = 1 - t * s
    best = min(max(gap / gamma, 0), 1)
    return best * gap - gamma * best**2 / 2


def modified_huber(s, t):
    z = s * t
    return mpf(0) if z > 1 else (1 - z) ** 2 if z >= -1 else -4 * z


def focal(s, t, gamma, alpha):
    p = sigmoid(s)
    p_t, alpha_t = (p, alpha) if t == 1 else (1 - p, 1 - alpha)
    return -alpha_t * (1 - p_t) ** gamma * log(p_t)


def ordinal_logistic(s, t, a, g):
    edges = (-inf, a, a + g, inf)
    below = [mpf(0) if e == -inf else mpf(1) if e == inf else sigmoid(e - s) for e in edges]
    return -log(below[int(t) + 1] - below[int(t)])


def ordinal_all_thresholds(s, t, a, g):
    return sum(-log(sigmoid(threshold - s)) if t <= k else -log(sigmoid(s - threshold)) for k, threshold in enumerate((a, a + g)))


BINARY = {
    "binary_logistic": lambda s, t: -log(sigmoid(s)) if t == 1 else -log(1 - sigmoid(s)),
    "soft_logistic": lambda s, t: -t * log(sigmoid(s)) - (1 - t) * log(sigmoid(-s)),
    "soft_margin": lambda s, t: -log(sigmoid(t * s)),
    "hinge": lambda s, t: 1 - t * s if t * s < 1 else mpf(0),
    "squared_hinge": lambda s, t: (1 - t * s) ** 2 if t * s < 1 else mpf(0),
    "smoothed_hinge": smoothed_hinge,
    "modified_huber": modified_huber,
    "exponential": lambda s, t: 1 / exp(s * t),
    "perceptron": lambda s, t: (fabs(s) - t * s) / 2,
    "focal": focal,
    "weighted_logistic": lambda s, t, w: -w * t * log(sigmoid(s)) - (1 - t) * log(1 - sigmoid(s)),
    "probit": lambda s, t: -log(ncdf(t * s)),
    "complementary_log_log": lambda s, t: -log(1 - exp(-exp(s))) if t == 1 else -log(exp(-exp(s))),
    "cauchit": lambda s, t: -log((pi / 2 + atan(t * s)) / pi),
    "savage": lambda s, t: (1 - sigmoid(t * s)) ** 2,
    "tangent": lambda s, t: (2 * atan(t * s) - 1) ** 2,
    "ramp": lambda s, t, c: min(1 - c, max(0, 1 - t * s)),
    "sigmoid": lambda s, t: sigmoid(-t * s),
    "ordinal_logistic": ordinal_logistic,
    "ordinal_all_thresholds": ordinal_all_thresholds,
}


# One score a class.


def multilabel_margin(s, t):
    right, wrong = [a for a, b in zip(s, t, strict=True) if b == 1], [a for a, b in zip(s, t, strict=True) if b == 0]
    return sum(max(mpf(0), 1 - (a - b)) for a in right for b in wrong) / mpf(len(s))


def additive_margin_softmax(s, y, a, m):
    moved = [a * (v - (m if j == y else 0)) for j, v in enumerate(s)]
    return -log(softmax(moved)[y])


CLASSIFICATION = {
    "multiclass_hinge": lambda s, y, delta: sum(max(mpf(0), v - s[y] + delta) for v in rest(s, y)),
    "squared_multiclass_hinge": lambda s, y, delta: sum(max(mpf(0), v - s[y] + delta) ** 2 for v in rest(s, y)),
    "crammer_singer_hinge": lambda s, y, delta: max(v + (delta if j != y else 0) for j, v in enumerate(s)) - s[y],
    "multi_margin": lambda s, y, m, w: mean([*(w[y] * max(mpf(0), m - s[y] + v) for v in rest(s, y)), mpf(0)]),
    "multiclass_perceptron": lambda s, y: max(v - s[y] for v in s),
    "softmax_cross_entropy": lambda s, y: -log(softmax(s)[y]),
    "weighted_cross_entropy": lambda s, y, w: mpf(0) if y == -100 else -w[y] * log(softmax(s)[y]),
    "label_smoothing": lambda s, y, epsilon: -sum(((1 - epsilon) * (j == y) + epsilon / len(s)) * log(p) for j, p in enumerate(softmax(s))),
    "temperature_cross_entropy": lambda s, y, T: -log(softmax([v / T for v in s])[y]),
    "softmax_focal": lambda s, y, gamma: -((1 - softmax(s)[y]) ** gamma) * log(softmax(s)[y]),
    "poly1": lambda s, y, epsilon: -log(softmax(s)[y]) + epsilon * (1 - softmax(s)[y]),
    "generalized_cross_entropy": lambda s, y, q: (1 - softmax(s)[y] ** q) / q,
    "softmax_absolute_error": lambda s, y: sum(fabs(p - (j == y)) for j, p in enumerate(softmax(s))),
    "softmax_brier": lambda s, y: 1 - 2 * softmax(s)[y] + sum(p**2 for p in softmax(s)),
    "one_vs_all_logistic": lambda s, y: -sum(log(sigmoid(v) if j == y else 1 - sigmoid(v)) for j, v in enumerate(s)),
    "pairwise_logistic": lambda s, y: -sum(log(sigmoid(s[y] - v)) for v in rest(s, y)),
    "multiclass_exponential": lambda s, y: sum(exp(v) for v in rest(s, y)) / exp(s[y]),
    "logit_adjusted": lambda s, y, w: -log(softmax([v + log(b) for v, b in zip(s, w, strict=True)])[y]),
    "soft_cross_entropy": lambda s, t: -sum(b * log(p) for p, b in zip(softmax(s), t, strict=True)),
    "multilabel_logistic": lambda s, t: mean(-b * log(sigmoid(a)) - (1 - b) * log(1 - sigmoid(a)) for a, b in zip(s, t, strict=True)),
    "multilabel_margin": multilabel_margin,
    "kl_log_probabilities": lambda s, t: sum(b * log(b / exp(a)) for a, b in zip(s, t, strict=True)),
    "kl_log_targets": lambda s, t: sum(exp(b) * log(exp(b) / exp(a)) for a, b in zip(s, t, strict=True)),
    "additive_margin_softmax": additive_margin_softmax,
}


# A real target.


def huber(r, delta):
    """The Moreau envelope of δ|r|."""
    near = max(-delta, min(delta, r))
    return near * r - near**2 / 2


def tukey(r, c):
    """The integral of r(1 − (r/c)²)² from 0."""
    x = min(fabs(r), c)
    return x**2 / 2 - x**4 / (2 * c**2) + x**6 / (6 * c**4)


REGRESSION = {
    "squared_error": lambda s, t: (s * s - 2 * s * t + t * t) / 2,
    "squared_difference": lambda s, t: s * s - 2 * s * t + t * t,
    "absolute_error": lambda s, t: max(s - t, t - s),
    "huber": lambda s, t, delta: huber(s - t, delta),
    "smooth_l1": lambda s, t, beta: huber(s - t, beta) / beta,
    "pseudo_huber": lambda s, t, delta: delta * (sqrt(delta**2 + (s - t) ** 2) - delta),
    "log_cosh": lambda s, t: log((exp(s - t) + exp(t - s)) / 2),
    "quantile": lambda s, t, tau: max(tau * (t - s), (tau - 1) * (t - s)),
    "expectile": lambda s, t, tau: fabs(tau - (t < s)) * (t - s) ** 2,
    "epsilon_insensitive": lambda s, t, epsilon: mpf(0) if fabs(t - s) <= epsilon else fabs(t - s) - epsilon,
    "squared_epsilon_insensitive": lambda s, t, epsilon: mpf(0) if fabs(t - s) <= epsilon else (fabs(t - s) - epsilon) ** 2,
    "squared_log_error": lambda s, t: log((1 + s) / (1 + t)) ** 2,
    "percentage_error": lambda s, t: fabs(1 - s / t),
    "cauchy": lambda s, t, c: c**2 / 2 * log((c**2 + (s - t) ** 2) / c**2),
    "welsch": lambda s, t, c: c**2 / 2 * (1 - 1 / exp(((s - t) / c) ** 2)),
    "geman_mcclure": lambda s, t, c: 1 - c**2 / (c**2 + (s - t) ** 2),
    "tukey_biweight": lambda s, t, c: tukey(s - t, c),
    "fair": lambda s, t, c: c * fabs(s - t) - c**2 * log((c + fabs(s - t)) / c),
    "barron": lambda s, t, alpha, c: fabs(alpha - 2) / alpha * ((((s - t) / c) ** 2 / fabs(alpha - 2) + 1) ** (alpha / 2) - 1),
    "linex": lambda s, t, a: exp(a * s) / exp(a * t) - a * s + a * t - 1,
    "laplace_scale": lambda s, t, b: -log(exp(-fabs(s - t) / b) / (2 * b)),
    "student_t": lambda s, t, nu, sigma: -log((1 + ((t - s) / sigma) ** 2 / nu) ** (-(nu + 1) / 2)),
    "gumbel": lambda s, t, beta: -log(exp(-((t - s) / beta) - exp(-(t - s) / beta)) / beta),
}


# Probabilities.


def jensen_shannon(s, t):
    middle = [(a + b) / 2 for a, b in zip(s, t, strict=True)]
    return sum(sum(a * log(a / m) for a, m in zip(p, middle, strict=True)) for p in (s, t)) / 2


def ensemble_crps(x, t):
    """The integral of (F − [x ≥ t])², F the steps of the ensemble."""
    edges = sorted([*x, t])
    parts = ((b - a, mpf(sum(v <= a for v in x)) / len(x) - (a >= t)) for a, b in itertools.pairwise(edges))
    return sum(width * gap**2 for width, gap in parts)


def energy_distance(x, t):
    """Twice the integral of the squared difference of both distribution functions."""
    edges = sorted([*x, *t])
    parts = ((b - a, mpf(sum(v <= a for v in x)) / len(x) - mpf(sum(v <= a for v in t)) / len(t)) for a, b in itertools.pairwise(edges))
    return 2 * sum(width * gap**2 for width, gap in parts)


PROBABILITY = {
    "binary_cross_entropy": lambda s, t: -log(s**t * (1 - s) ** (1 - t)),
    "brier": lambda s, t: (1 - s) ** 2 if t == 1 else s**2,
    "probability_focal": lambda s, t, gamma: -((1 - s) ** gamma) * log(s) if t == 1 else -(s**gamma) * log(1 - s),
    "categorical_cross_entropy": lambda s, t: -sum(log(a**b) for a, b in zip(s, t, strict=True)),
    "kl_divergence": lambda s, t: sum(b * log(b / a) for a, b in zip(s, t, strict=True)),
    "jensen_shannon": jensen_shannon,
    "hellinger": lambda s, t: sum((a + b) / 2 - sqrt(a * b) for a, b in zip(s, t, strict=True)),
    "ensemble_crps": ensemble_crps,
    "energy_distance": energy_distance,
}


# Counts, positive targets, spreads.


def beta_mean(s, t, phi):
    """−log of the density, without −log Γ(φ) − log t(1 − t)... which s does not touch."""
    density = t ** (s * phi - 1) * (1 - t) ** ((1 - s) * phi - 1) / beta(s * phi, (1 - s) * phi)
    return -log(density) + log(gamma(phi)) - log(t * (1 - t))


def gaussian_crps(mu, t, sigma):
    z = [(b - a) / c for a, b, c in zip(mu, t, sigma, strict=True)]
    return mean(c * (x * (2 * ncdf(x) - 1) + 2 * npdf(x) - 1 / sqrt(pi)) for x, c in zip(z, sigma, strict=True))


COUNTS = {
    "poisson_log_link": lambda s, t: -log(exp(t * s) * exp(-exp(s))),
    "poisson_identity": lambda s, t: -log(s**t / exp(s)),
    "poisson_likelihood": lambda s, t: -log(exp(-exp(s)) * exp(s) ** t / gamma(t + 1)),
    "poisson_deviance": lambda s, t: 2 * (t * log(t / s) - (t - s)),
    "gamma_log_link": lambda s, t: log(exp(s)) + t / exp(s),
    "gamma_identity": lambda s, t: -log(exp(-t / s) / s),
    "inverse_gaussian": lambda s, t: (t - exp(s)) ** 2 / (2 * exp(s) ** 2 * t) - 1 / (2 * t),
    "tweedie": lambda s, t, p: -(t * exp(s) ** (1 - p) / (1 - p) - exp(s) ** (2 - p) / (2 - p)),
    "negative_binomial": lambda s, t, alpha: -log((1 / (1 + alpha * exp(s))) ** (1 / alpha) * (exp(s) / (1 + alpha * exp(s))) ** t),
    "beta_mean": beta_mean,
    "gaussian_nll": lambda s, t, v: mean(-log(npdf(b, a, sqrt(c))) - log(2 * pi) / 2 for a, b, c in zip(s, t, v, strict=True)),
    "laplace_nll": lambda s, t, b: mean(-log(exp(-fabs(y - x) / c) / (2 * c)) for x, y, c in zip(s, t, b, strict=True)),
    "gaussian_crps": gaussian_crps,
}


# Batches, pairs, lists.


def pairs(y):
    return [(i, j) for i in range(len(y)) for j in range(len(y)) if y[i] > y[j]]


def breslow(s, time, event):
    """−log of the product over events of exp(s_i) over the sum at risk."""
    found = mpf(1)
    for i in range(len(s)):
        if event[i]:
            found *= exp(s[i]) / sum(exp(s[j]) for j in range(len(s)) if time[j] >= time[i])
    return -log(found)


def efron(s, time, event):
    found = mpf(1)
    for now in {t for t, e in zip(time, event, strict=True) if e}:
        dead = [k for k in range(len(s)) if event[k] and time[k] == now]
        risk = sum(exp(s[k]) for k in range(len(s)) if time[k] >= now)
        for number, k in enumerate(dead):
            found *= exp(s[k]) / (risk - mpf(number) / len(dead) * sum(exp(s[j]) for j in dead))
    return -log(found)


def preference(a, b, a0, b0, beta):
    return mean(-log(sigmoid(beta * (w - u) - beta * (x - v))) for w, x, u, v in zip(a, b, a0, b0, strict=True))


RANKING = {
    "margin_ranking": lambda a, b, t, m: mean(max(mpf(0), -z * (x - y) + m) for x, y, z in zip(a, b, t, strict=True)),
    "bradley_terry": lambda a, b: mean(-log(exp(x) / (exp(x) + exp(y))) for x, y in zip(a, b, strict=True)),
    "dpo": preference,
    "ipo": lambda a, b, a0, b0, beta: mean(
        (log(exp(w - u) / exp(x - v)) - 1 / (2 * beta)) ** 2 for w, x, u, v in zip(a, b, a0, b0, strict=True)
    ),
    "ranknet": lambda s, y: sum(-log(sigmoid(s[i] - s[j])) for i, j in pairs(y)),
    "pairwise_hinge": lambda s, y, m: sum(max(mpf(0), m - (s[i] - s[j])) for i, j in pairs(y)),
    "softmax_ranking": lambda s, t: -sum(b * log(p) for p, b in zip(softmax(s), t, strict=True)),
    "listnet": lambda s, t: -sum(q * log(p) for p, q in zip(softmax(s), softmax(t), strict=True)),
    "cox_breslow": breslow,
    "cox_efron": efron,
}


# Vectors.


def info_nce(a, b, T):
    return mean(-log(softmax([dot(x, z) / T for z in b])[i]) for i, x in enumerate(a))


def nt_xent(a, b, T):
    z, n = [*a, *b], len(a)

    def of(i, j):
        return -log(exp(dot(z[i], z[j]) / T) / sum(exp(dot(z[i], z[k]) / T) for k in range(2 * n) if k != i))

    return sum(of(k, k + n) + of(k + n, k) for k in range(n)) / (2 * n)


def supervised_contrastive(z, y, T):
    found = mpf(0)
    for i in range(len(z)):
        like = [p for p in range(len(z)) if p != i and y[p] == y[i]]
        total = sum(exp(dot(z[i], z[k]) / T) for k in range(len(z)) if k != i)
        found -= sum(log(exp(dot(z[i], z[p]) / T) / total) for p in like) / (len(like) or 1)
    return found


def contrastive(a, b, y, m):
    d = [distance(x, z) for x, z in zip(a, b, strict=True)]
    return mean(e**2 / 2 if alike else max(mpf(0), m - e) ** 2 / 2 for e, alike in zip(d, y, strict=True))


def cosine(a, b):
    return dot(a, b) / sqrt(dot(a, a) * dot(b, b))


def cosine_embedding(a, b, y, m):
    c = [cosine(x, z) for x, z in zip(a, b, strict=True)]
    return mean(1 - e if t == 1 else max(mpf(0), e - m) for e, t in zip(c, y, strict=True))


EMBEDDING = {
    "info_nce": info_nce,
    "clip": lambda a, b, T: (info_nce(a, b, T) + info_nce(b, a, T)) / 2,
    "nt_xent": nt_xent,
    "supervised_contrastive": supervised_contrastive,
    "contrastive": contrastive,
    "triplet": lambda a, p, q, m: mean(max(mpf(0), distance(x, y) - distance(x, z) + m) for x, y, z in zip(a, p, q, strict=True)),
    "squared_triplet": lambda a, p, q, m: sum(
        max(mpf(0), distance(x, y) ** 2 - distance(x, z) ** 2 + m) for x, y, z in zip(a, p, q, strict=True)
    ),
    "cosine_embedding": cosine_embedding,
    "hinge_embedding": lambda s, t, m: s if t == 1 else max(mpf(0), m - s),
}


# Overlaps.


def tversky_index(s, t, alpha, beta, smooth):
    hit = dot(s, t)
    return (hit + smooth) / (hit + alpha * (sum(s) - hit) + beta * (sum(t) - hit) + smooth)


def total_variation(x):
    down = sum(fabs(a - b) for above, below in itertools.pairwise(x) for a, b in zip(above, below, strict=True))
    return down + sum(fabs(a - b) for row in x for a, b in itertools.pairwise(row))


SEGMENTATION = {
    "dice": lambda s, t, smooth: (sum(s) + sum(t) - 2 * dot(s, t)) / (sum(s) + sum(t) + smooth),
    "squared_dice": lambda s, t, smooth: distance(s, t) ** 2 / (dot(s, s) + dot(t, t) + smooth),
    "jaccard": lambda s, t, smooth: 1 - (dot(s, t) + smooth) / (sum(a + b - a * b for a, b in zip(s, t, strict=True)) + smooth),
    "tversky": lambda s, t, **p: 1 - tversky_index(s, t, **p),
    "focal_tversky": lambda s, t, gamma, **p: (1 - tversky_index(s, t, **p)) ** gamma,
    "total_variation": total_variation,
}

FORMULAS = BINARY | CLASSIFICATION | REGRESSION | PROBABILITY | COUNTS | RANKING | EMBEDDING | SEGMENTATION
