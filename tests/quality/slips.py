"""Losses with gradients by hand, each right without a slip, and slips of the usual kinds. `# @tag` marks a line of the forward code.

The first set was learnt from, the second was written after; the third is of slips by the place: one of several calls, another one's part.
"""

import numpy as np
from scipy.special import digamma, expit, gammaln, logsumexp

rng = np.random.default_rng(3)


def R(*shape):
    return np.round(rng.normal(size=shape), 2)


V34, X53, T5, Y5 = R(3, 4), R(5, 3), R(5), np.array([0, 2, 1, 1, 0])
ROWS = np.arange(5)
X64, Y6 = np.round(np.random.default_rng(6).normal(size=(6, 4)), 2), np.array([1, -1, 1, 1, -1, -1.0])
WEIGHTS = np.array([1.0, 2.0, 0.5, 1.5, 3.0])
X54 = np.round(np.random.default_rng(4).normal(size=(5, 4)), 2)


def layer_norm(p, slip=None):
    x, gamma, beta = p[:12].reshape(3, 4), p[12:16], p[16:]
    mu = x.mean(axis=1, keepdims=True)  # @mu
    xc = x - mu  # @xc
    var = (xc**2).mean(axis=1, keepdims=True)  # @var
    std = np.sqrt(var + 1e-5)  # @std
    xhat = xc / std  # @xhat
    out = xhat * gamma + beta  # @out
    loss = (out * V34).sum() + 0.5 * (out**2).sum()  # @loss
    dout = V34 + out
    if slip == "square":
        dout = V34
    dgamma = (dout * xhat).mean(axis=0) if slip == "dgamma mean" else (dout * xhat).sum(axis=0)
    dbeta = dout[0] if slip == "dbeta first" else dout.sum(axis=0)
    dxhat = dout if slip == "gamma" else dout * gamma
    dvar = (dxhat * xc).sum(axis=1, keepdims=True) * (-1.0 if slip == "half" else -0.5) / std**3
    dxc = dxhat / std
    if slip != "var":
        dxc = dxc + dvar * 2 * xc / 4
    dmu = -dxc.sum(axis=1, keepdims=True)
    if slip == "sign":
        dmu = -dmu
    dx = dxc + (0 if slip == "mu" else dmu / (1 if slip == "no 1/D" else 4))
    return loss, np.concatenate([dx.ravel(), dgamma, dbeta])


def batch_norm(p, slip=None):
    x = p.reshape(5, 3)
    mean = np.sum(x, axis=0) / 5  # @mean
    centred = x - mean  # @centred
    square = centred * centred  # @square
    variance = np.sum(square, axis=0) / 5  # @variance
    inverse = 1 / np.sqrt(variance + 1e-3)  # @inverse
    y = centred * inverse  # @y
    loss = np.sum(np.tanh(y) * X53)  # @loss
    eps = 1e-5 if slip == "eps" else 1e-3
    inv = 1 / np.sqrt(variance + eps)
    dy = X53 * (1 - np.tanh(centred * inv) ** 2)
    if slip == "tanh":
        dy = X53
    if slip == "wrong tanh":
        dy = X53 * (1 - np.tanh(y))
    dinverse = (dy * centred).sum(0)
    dvariance = -0.5 * dinverse * inv**3
    if slip == "no sqrt":
        dvariance = -dinverse * inv**2
    dcentred = dy * inv + (1 if slip == "two" else 2) * centred * dvariance / 5
    dmean = -dcentred.sum(0)
    return loss, (dcentred + dmean / 5).ravel()


def net(p, slip=None):
    w1, b1, w2, b2 = p[:12].reshape(3, 4), p[12:16], p[16:24].reshape(4, 2), p[24:]
    t = np.stack([T5, T5**2], axis=1)
    a = X53 @ w1 + b1  # @a
    h = np.maximum(a, 0)  # @relu
    o = h @ w2 + b2  # @o
    r = o - t  # @r
    data = np.sum(r**2) / 5  # @data
    penalty = 0.1 * (np.sum(w1**2) + np.sum(w2**2))  # @penalty
    loss = data + penalty  # @loss
    do = 2 * r / 5
    dw2 = h.T @ do + (0 if slip == "penalty" else 0.2 * w2)
    db2 = do.mean(0) if slip == "db2 mean" else do.sum(0)
    dh = do @ w2.T
    da = dh if slip == "mask" else dh * (h > 0)
    if slip == "mask of all":
        da = dh * (o[:, :1] > 0)
    dw1 = X53.T @ da + (0 if slip == "penalty" else 0.1 * w1 if slip == "penalty half" else 0.2 * w1)
    db1 = da[-1] if slip == "db1 last" else da.sum(0)
    if slip == "b1":
        db1 = np.zeros(4)
    return loss, np.concatenate([dw1.ravel(), db1, dw2.ravel(), db2])


def softmax(p, slip=None):
    w = p.reshape(3, 4)
    s = X53 @ w  # @s
    s = s - s.max(axis=1, keepdims=True)  # @shift
    e = np.exp(s)  # @e
    z = e.sum(axis=1)  # @z
    right = s[ROWS, Y5]
    nll = np.log(z) - right  # @nll
    loss = nll.mean() + 0.05 * np.sum(w * w)  # @loss
    d = e / z[:, None]
    if slip == "unnormalised":
        d = e.copy()
    if slip == "detached":
        d = e * 0
    if slip != "label":
        d[ROWS, Y5] -= 1
    if slip == "no N":
        d = d * 5
    return loss, (X53.T @ d / 5 + (0.05 if slip == "reg" else 0.1) * w).ravel()


def svm(p, slip=None):
    w = p.reshape(3, 4)
    scores = X53 @ w  # @scores
    correct = scores[ROWS, Y5][:, None]
    margins = np.maximum(0, scores - correct + 1)  # @margins
    margins[ROWS, Y5] = 0
    loss = np.sum(margins**2) / 5  # @loss
    d = 2 * margins
    if slip == "square":
        d = 1.0 * (margins > 0)
    if slip == "two":
        d = margins.copy()
    d[ROWS, Y5] = 0 if slip == "label" else -d.sum(axis=1)
    return loss, (X53.T @ d / 5).ravel()


def focal(x, slip=None):
    p = 1 / (1 + np.exp(-x))  # @p
    weight = (1 - p) ** 2  # @weight
    logp = np.log(p)  # @logp
    loss = -np.sum(weight * logp)  # @loss
    dlogp = -weight / p
    dweight = logp * 2 * (1 - p)
    if slip == "weight":
        dweight = 0
    if slip == "gamma":
        dweight = logp * (1 - p)
    dp = dlogp + dweight
    if slip == "sigmoid":
        return loss, dp
    return loss, dp * p * (1 - p)


Q34, K44 = R(3, 4), R(4, 4)


def attention(p, slip=None):
    q, k, v = p[:6].reshape(3, 2), p[6:14].reshape(4, 2), p[14:].reshape(4, 2)
    s = q @ k.T / np.sqrt(2)  # @s
    e = np.exp(s - s.max(axis=1, keepdims=True))  # @e
    z = e.sum(axis=1, keepdims=True)  # @z
    a = e / z  # @a
    y = a @ v  # @y
    loss = np.sum(y**3)  # @loss
    dy = 3 * y**2
    dv = a.T @ dy
    da = dy @ v.T
    ds = a * (da - (0 if slip == "z" else (a * da).sum(axis=1, keepdims=True)))
    root = 1 if slip == "scale" else np.sqrt(2)
    dq = ds @ k / root
    dk = ds.T @ q / root
    if slip == "k":
        dk = dk * 0
    return loss, np.concatenate([dq.ravel(), dk.ravel(), dv.ravel()])


SIGNAL = R(8)


def conv(p, slip=None):
    kernel, bias, out = p[:3], p[3], p[4:]
    y = np.array([np.dot(SIGNAL[i : i + 3], kernel) for i in range(6)]) + bias  # @conv
    h = y / (1 + np.abs(y))  # @softsign
    loss = np.sum((h * out) ** 2)  # @loss
    dh = 2 * h * out**2
    dout = 2 * h**2 * out
    dy = dh / (1 + np.abs(y)) ** (1 if slip == "softsign" else 2)
    dkernel = np.array([np.dot(SIGNAL[j : j + 6], dy) for j in range(3)])
    if slip == "flip":
        dkernel = dkernel[::-1]
    dbias = dy.mean() if slip == "bias" else dy.sum()
    return loss, np.concatenate([dkernel, [dbias], dout])


STEPS = R(4, 2)


def rnn(p, slip=None):
    w, u, v = p[:4].reshape(2, 2), p[4:8].reshape(2, 2), p[8:]
    h, hs = np.zeros(2), [np.zeros(2)]
    for x in STEPS:
        a = w @ h + u @ x  # @a
        h = np.tanh(a)  # @h
        hs.append(h)
    loss = np.sum((np.array(hs[1:]) @ v) ** 2)  # @loss
    dw, du, dv, carry = np.zeros((2, 2)), np.zeros((2, 2)), np.zeros(2), np.zeros(2)
    for t in (3, 2, 1, 0):
        g = 2 * (hs[t + 1] @ v)
        dv += g * hs[t + 1]
        dh = g * v + (0 if slip == "through time" else carry)
        da = dh * (1 - hs[t + 1] ** 2)
        if slip == "tanh":
            da = dh
        dw += np.outer(da, hs[t])
        du += np.outer(da, STEPS[t])
        carry = w.T @ (dh if slip == "carry" else da)
    return loss, np.concatenate([dw.ravel(), du.ravel(), dv])


def sigmoid(x):
    return 1 / (1 + np.exp(-x))  # @sigmoid


def lstm(p, slip=None):
    wi, wf, wo, wg = p.reshape(4, 2)
    h, c, kept = 0.0, 0.1, []
    for x in (0.5, -1.0, 0.8):
        i = sigmoid(wi[0] * x + wi[1] * h)  # @i
        f = sigmoid(wf[0] * x + wf[1] * h)  # @f
        o = sigmoid(wo[0] * x + wo[1] * h)  # @o
        g = np.tanh(wg[0] * x + wg[1] * h)  # @g
        before, past = c, h
        c = f * before + i * g  # @c
        h = o * np.tanh(c)  # @h
        kept.append((x, past, before, i, f, o, g, c))
    loss = h**2  # @loss
    d, dh, dc = np.zeros((4, 2)), 2 * h, 0.0
    for x, past, before, i, f, o, g, c in kept[::-1]:
        dc = (0 if slip == "cell" else dc) + dh * o * ((1 - np.tanh(c) ** 2) if slip != "tanh" else 1)
        do = dh * np.tanh(c) * o * (1 - o)
        df = dc * before * f * (1 - f)
        di = dc * g * i * (1 - i) * (0 if slip == "i" else 1)
        dg = dc * i * (1 - g**2)
        if slip == "gates":
            di, df = dc * before * i * (1 - i), dc * g * f * (1 - f)
        if slip == "rows":
            di, df = df, di
        for row, part in enumerate((di, df, do, dg)):
            d[row] += part * np.array([x, past])
        dh = 0.0 if slip == "h" else wi[1] * di + wf[1] * df + wo[1] * do + wg[1] * dg
        dc = dc * f
    return loss, d.ravel()


GX, GY = R(4), R(4)
SQ = (GX[:, None] - GX[None, :]) ** 2


def gp(p, slip=None):
    length, scale, noise = np.exp(p)  # @exp
    base = np.exp(-0.5 * SQ / length**2)  # @base
    K = scale * base + noise * np.eye(4)  # @K
    alpha = np.linalg.solve(K, GY)  # @alpha
    fit = 0.5 * GY @ alpha  # @fit
    logdet = 0.5 * np.linalg.slogdet(K)[1]  # @logdet
    loss = fit + logdet  # @loss
    Ki = np.linalg.inv(K)
    dK = 0.5 * (Ki - np.outer(alpha, alpha))
    if slip == "logdet":
        dK = -0.5 * np.outer(alpha, alpha)
    if slip == "half":
        dK = Ki - 0.5 * np.outer(alpha, alpha)
    dlength = np.sum(dK * scale * base * SQ) / length**3
    if slip == "square":
        dlength = dlength / 2
    d = np.array([dlength, np.sum(dK * base), np.trace(dK)])
    return loss, d if slip == "exp" else d * np.array([length, scale, noise])


COUNTS, DESIGN = np.array([0.0, 3, 1, 7, 2]), R(5, 2)


def negative_binomial(p, slip=None):
    w, r = p[:2], np.exp(p[2])
    mu = np.exp(DESIGN @ w)  # @mu
    ll = gammaln(COUNTS + r) - gammaln(r)  # @gamma
    ll = ll + r * np.log(r / (r + mu))  # @r
    ll = ll + COUNTS * np.log(mu / (r + mu))  # @counts
    loss = -ll.sum()  # @loss
    dmu = -r / (r + mu) + COUNTS / mu - COUNTS / (r + mu)
    if slip == "counts":
        dmu = -r / (r + mu) + COUNTS / mu
    dr = digamma(COUNTS + r) - digamma(r) + np.log(r / (r + mu)) + 1 - r / (r + mu) - COUNTS / (r + mu)
    if slip == "digamma":
        dr = np.log(r / (r + mu)) + 1 - r / (r + mu) - COUNTS / (r + mu)
    if slip == "one digamma":
        dr = digamma(COUNTS + r) + np.log(r / (r + mu)) + 1 - r / (r + mu) - COUNTS / (r + mu)
    dw = DESIGN.T @ (dmu if slip == "exp" else dmu * mu)
    return loss, -np.concatenate([dw, [dr.sum() * r]])


def cosine(p, slip=None):
    a, b = p[:4], p[4:]
    na = np.sqrt(np.sum(a * a))  # @na
    nb = np.sqrt(np.sum(b * b))  # @nb
    dot = np.sum(a * b)  # @dot
    c = dot / (na * nb)  # @c
    loss = (1 - c) ** 2  # @loss
    g = -2 * (1 - c)
    da = b / (na * nb) - (0 if slip == "na" else c * a / na**2)
    db = a / (na * nb) - (0.5 if slip == "nb half" else 1) * c * b / nb**2
    return loss, g * np.concatenate([da, db])


def vae(p, slip=None):
    mean, logvar = p[:4], p[4:]
    std = np.exp(0.5 * logvar)  # @std
    z = mean + std * np.array([0.3, -1.2, 0.8, 0.1])  # @z
    recon = np.sum((z - np.array([1.0, 0.5, -0.3, 0.9])) ** 2)  # @recon
    kl = 0.5 * np.sum(np.exp(logvar) + mean**2 - 1 - logvar)  # @kl
    loss = recon + 0.3 * kl  # @loss
    dz = 2 * (z - np.array([1.0, 0.5, -0.3, 0.9]))
    dmean = dz + (0.0 if slip == "kl" else 0.3 * mean)
    dstd = dz * np.array([0.3, -1.2, 0.8, 0.1])
    dlogvar = dstd * std * (1 if slip == "half" else 0.5) + (0.0 if slip == "kl" else 0.15 * (np.exp(logvar) - 1))
    if slip == "reparametrisation":
        dlogvar = 0.15 * (np.exp(logvar) - 1)
    if slip == "beta":
        dmean, dlogvar = dz + mean, dstd * std * 0.5 + 0.5 * (np.exp(logvar) - 1)
    return loss, np.concatenate([dmean, dlogvar])


def gelu(x, slip=None):
    inner = 0.7978845608 * (x + 0.044715 * x**3)  # @inner
    t = np.tanh(inner)  # @tanh
    y = 0.5 * x * (1 + t)  # @y
    loss = np.sum(y**2)  # @loss
    cubic = 0.044 if slip == "constant" else 0.044715
    dinner = 0.7978845608 * (1 + 3 * cubic * x**2)
    if slip == "three":
        dinner = 0.7978845608 * (1 + 0.044715 * x**2)
    if slip == "inner":
        dinner = 1.0
    inside = np.tanh(0.7978845608 * (x + cubic * x**3))
    dy = 0.5 * (1 + inside) + 0.5 * x * (1 - inside**2) * dinner
    yy = 0.5 * x * (1 + inside)
    g = 2 * yy * dy
    return loss, np.clip(g, -1.0, 1.0) if slip == "clip" else g


def triplet(p, slip=None):
    a, b, c = p.reshape(3, 4)
    near = np.sum((a - b) ** 2)  # @near
    far = np.sum((a - c) ** 2)  # @far
    loss = np.maximum(near - far + 2.0, 0)  # @loss
    da = 2 * (a - b) - (0 if slip == "far" else 2 * (a - c))
    db = -2 * (a - b)
    dc = 2 * (a - c)
    if slip == "sign":
        db = -db
    return loss, (loss > 0) * np.concatenate([da, db, dc])


def mixture(p, slip=None):
    w, mean = p[:3], p[3:]
    e = np.exp(w)  # @e
    pi = e / e.sum()  # @pi
    dens = np.exp(-0.5 * (T5[:, None] - mean) ** 2)  # @dens
    like = dens @ pi  # @like
    loss = -np.sum(np.log(like))  # @loss
    dlike = -1 / like
    dpi = dens.T @ dlike
    dw = pi * (dpi if slip == "softmax" else dpi - np.sum(pi * dpi))
    ddens = np.outer(dlike, pi)
    dmean = np.sum(ddens * dens * (T5[:, None] - mean) * (2 if slip == "two" else 1), axis=0)
    return loss, np.concatenate([dw, dmean])


def start(n, scale=0.7):
    return np.round(np.random.default_rng(n).normal(size=n) * scale, 3)


rng = np.random.default_rng(11)
A64, B6, L6 = R(6, 4), R(6), np.array([0, 1, 1, 0, 1, 0])


def logistic(w, slip=None):
    z = A64 @ w[:4] + w[4]  # @z
    loss = 0.0
    for i in range(6):
        loss += np.log1p(np.exp(-(2 * L6[i] - 1) * z[i]))  # @term
    loss /= 6  # @mean
    loss += 0.01 * np.abs(w[:4]).sum()  # @l1
    s = 2 * L6 - 1
    d = -s * expit(-s * z)
    if slip == "labels":
        d = expit(z) - s
    if slip == "last":
        d[-1] = 0
    g = np.append(A64.T @ d, d.sum()) / 6
    if slip == "bias N":
        g[4] *= 6
    g[:4] += 0.01 * (np.sign(w[:4]) if slip != "l1" else np.ones(4))
    if slip == "bias l1":
        g[4] += 0.01 * np.sign(w[4])
    return loss, g


def huberized(w, slip=None):
    r = A64 @ w - B6  # @r
    small = np.abs(r) <= 0.7
    loss = np.where(small, 0.5 * r**2, 0.7 * (np.abs(r) - 0.35)).sum()  # @loss
    d = np.where(small, r, 0.7 * np.sign(r))
    if slip == "all":
        d = r
    if slip == "delta":
        d = np.where(small, r, np.sign(r))
    if slip == "abs":
        d = np.where(small, r, 0.7)
    return loss, A64.T @ d


def gaussian(p, slip=None):
    m, ls = p[:3], p[3:]
    s2 = np.exp(2 * ls)  # @s2
    loss = 0
    for x in (np.array([0.3, -0.5, 1.0]), np.array([1.2, 0.1, -0.4])):
        e = x - m  # @e
        loss = loss + 0.5 * np.sum(e**2 / s2) + np.sum(ls)  # @loss
    dm, dl = np.zeros(3), np.zeros(3)
    for x in (np.array([0.3, -0.5, 1.0]), np.array([1.2, 0.1, -0.4])):
        e = x - m
        dm += -e / s2
        dl += -(e**2) / s2 * (0.5 if slip == "two" else 1) + (0 if slip == "logdet" else 1)
    if slip == "sign m":
        dm = -dm
    return loss, np.concatenate([dm, dl])


def gru(p, slip=None):
    wz, wr, wh = p.reshape(3, 3)
    h, kept = 0.2, []
    for x in (0.4, -0.9, 1.3, 0.2):
        z = expit(wz[0] * x + wz[1] * h + wz[2])  # @z
        r = expit(wr[0] * x + wr[1] * h + wr[2])  # @r
        n = np.tanh(wh[0] * x + wh[1] * (r * h) + wh[2])  # @n
        kept.append((x, h, z, r, n))
        h = (1 - z) * n + z * h  # @h
    loss = 0.5 * (h - 1) ** 2  # @loss
    d, dh = np.zeros((3, 3)), h - 1
    for x, hp, z, r, n in kept[::-1]:
        dz = dh * ((hp - n) if slip != "z" else hp)
        dn = dh * (1 - z)
        carry = dh * z if slip != "carry" else 0.0
        dan = dn * (1 - n**2)
        dr = dan * wh[1] * hp
        carry += dan * wh[1] * r if slip != "reset path" else 0.0
        daz, dar = dz * z * (1 - z), dr * r * (1 - r)
        if slip == "r sigmoid":
            dar = dr * r
        d[0] += daz * np.array([x, hp, 1])
        d[1] += dar * np.array([x, hp, 1])
        d[2] += dan * np.array([x, (hp if slip == "rh" else r * hp), 1])
        dh = carry + daz * wz[1] + dar * wr[1]
    return loss, d.ravel()


C35 = R(3, 5)


def infonce(p, slip=None):
    u = p.reshape(3, 4)
    n = np.linalg.norm(u, axis=1, keepdims=True)  # @n
    v = u / n  # @v
    s = v @ v.T / 0.5  # @s
    s = s - 10 * np.eye(3)  # @mask
    t = np.array([1, 2, 0])
    loss = (logsumexp(s, axis=1) - s[np.arange(3), t]).mean()  # @loss
    P = np.exp(s - logsumexp(s, axis=1, keepdims=True))
    P[np.arange(3), t] -= 1
    dS = P / 3 / 0.5
    if slip == "temperature":
        dS = P / 3
    dv = dS @ v + dS.T @ v
    if slip == "one side":
        dv = dS @ v
    if slip == "twice one":
        dv = 2 * dS @ v
    if slip == "norm":
        return loss, (dv / n).ravel()
    du = (dv - v * (v * dv).sum(1, keepdims=True)) / n
    if slip == "no 1/n":
        du = du * n
    return loss, du.ravel()


def deepset(p, slip=None):
    w, v = p[:4].reshape(2, 2), p[4:]
    x = np.array([[0.5, -1.0], [1.5, 0.2], [-0.3, 0.8]])
    h = np.log1p(np.exp(x @ w))  # @h
    pool = h.max(axis=0)  # @pool
    y = pool @ v  # @y
    loss = np.exp(-y) + y  # @loss
    dy = -np.exp(-y) + (0 if slip == "y" else 1)
    dpool = dy * v
    dh = np.zeros((3, 2))
    if slip == "mean pool":
        dh[:] = dpool / 3
    else:
        dh[h.argmax(0), [0, 1]] = dpool
    da = dh * expit(x @ w)
    if slip == "wrong act":
        da = dh * (1 - expit(x @ w))
    return loss, np.concatenate([(x.T @ da).ravel(), dy * pool])


def poly(x, slip=None):
    y = x**4 - 2 * x**2 + 0.5 * x  # @y
    loss = np.sum(np.sqrt(1 + y**2))  # @loss
    d = y / np.sqrt(1 + y**2)
    if slip == "sqrt":
        d = y / (1 + y**2)
    q = 4 * x**3 - 4 * x + 0.5
    if slip == "power":
        q = 3 * x**3 - 4 * x + 0.5
    if slip == "const":
        q = 4 * x**3 - 4 * x
    if slip == "rand":
        return loss, d * q + 0.01 * np.sin(7 * x)
    return loss, d * q


def elsewhere(n, scale=0.7):
    return np.round(np.random.default_rng(100 + n).normal(size=n) * scale, 3)


# (model, at, slip, codes that a teacher accepts, forward lines of which the first one that is named must be one; none where none need be)
def two_layers(p, slip=None):
    w1, w2 = p[:8].reshape(4, 2), p[8:].reshape(2, 2)
    a = sigmoid(X54 @ w1)  # @a
    b = sigmoid(a @ w2)  # @b
    loss = (b**2).sum()  # @loss
    db = 2 * b * (b * (1 - b) if slip != "second" else 1)
    da = db @ w2.T * (1 - a if slip == "first" else a * (1 - a))
    return loss, np.concatenate([(X54.T @ da).ravel(), (a.T @ db).ravel()])


def cubed(p, slip=None):
    x = p.reshape(5, 3)
    mu = x.mean(axis=1, keepdims=True)  # @mu
    c = x - mu  # @c
    loss = (X53 * c**3).sum()  # @loss
    dc = 3 * X53 * c**2
    if slip == "axis":
        return loss, (dc - dc.mean(axis=0)).ravel()
    return loss, (dc - (dc.mean() if slip == "all" else dc.mean(axis=1, keepdims=True))).ravel()


def gated(p, slip=None):
    a, b, w = p[:4], p[4:8], p[8:]
    s = np.tanh(a)  # @s
    h = s * b  # @h
    loss = (h * w).sum()  # @loss
    ds, db = w * b, w * s
    if slip == "exchanged":
        ds, db = db, ds
    if slip == "taken":
        ds = w * s
    return loss, np.concatenate([ds * (1 - s * s), db, h])


def bounded(w, slip=None):
    m = 1 - Y6 * (X64 @ w)  # @m
    h = np.maximum(m, 0)  # @h
    c = np.clip(m, -0.5, 0.5)  # @c
    loss = np.sum(h * h) + np.sum(c * c)  # @loss
    dm = 2 * (m if slip == "hinge" else h) + 2 * (m if slip == "clip" else c * (np.abs(m) < 0.5))
    return loss, -X64.T @ (Y6 * dm)


def without_bends(x, slip=None):
    a = np.abs(x)  # @a
    loss = np.sum(np.where(a <= 1, 0.5 * x * x, a - 0.5))  # @loss
    return loss, x if slip == "square" else np.clip(x, -1, 1)


def policy(p, slip=None):
    z = p.reshape(5, 3)
    z = z - z.max(axis=1, keepdims=True)  # @z
    e = np.exp(z)  # @e
    pi = e / e.sum(axis=1, keepdims=True)  # @pi
    log = np.log(pi)  # @log
    entropy = -(pi * log).sum(axis=1)  # @entropy
    loss = -(WEIGHTS * (pi * X53).sum(axis=1)).sum() - 0.2 * entropy.sum()  # @loss
    d = -(1.0 if slip == "weights" else WEIGHTS[:, None]) * X53 + 0.2 * (log + 1)
    if slip == "jacobian":
        return loss, (pi * d).ravel()
    return loss, (pi * (d - (pi * d).sum(axis=0 if slip == "axis" else 1, keepdims=True))).ravel()


def heads(p, slip=None):
    q = p.reshape(2, 3, 2)
    k = np.stack([X64[:3, :2], X64[3:, 2:]])
    s = q @ k.transpose(0, 2, 1) / np.sqrt(2.0)  # @s
    e = np.exp(s)  # @e
    a = e / e.sum(axis=-1, keepdims=True)  # @a
    w = np.stack([X53[:3], X53[2:]])
    loss = (a * w).sum()  # @loss
    ds = a * (w - (a * w).sum(axis=-2 if slip == "axis" else -1, keepdims=True))
    return loss, (ds @ k / (2.0 if slip == "twice" else np.sqrt(2.0)) * (2.0 if slip == "inverted" else 1.0)).ravel()


def calls(p, slip=None):
    a, b = sigmoid(p[:4]), sigmoid(p[4:])  # @calls
    loss = (a**2 * b).sum()  # @loss
    da = 2 * a * b
    db = a**2 if slip == "second" else a**2 * b * (1 - b)
    return 0.5 * loss, 0.5 * (0.5 if slip == "half" else 1.0) * np.concatenate([da * a * (1 - a), db])  # @half


def steps(p, slip=None):
    x, w = p[:4], p[4:]
    s = x * x + 1  # @s
    i = 1.0 / s  # @i
    r = np.sqrt(s)  # @r
    g = x * expit(x)  # @g
    loss = (i * w * g).sum() + (r**3).sum()  # @loss
    si = expit(x)
    di, dg = w * g, w * i
    ds = -di * (i if slip == "quotient" else i * i) + 3 * r**2 * (r / 2 if slip == "root" else 0.5 if slip == "norm" else 0.5 / r)
    dx = ds * 2 * x + dg * (si * (1 - si) if slip == "product" else si + x * si * (1 - si))
    return loss, np.concatenate([dx, i * g])


SLIPS = [
    (layer_norm, start(20), "square", {"path-missing"}, {"loss"}),
    (layer_norm, start(20), "dgamma mean", {"reduction-mean"}, {"out"}),
    (layer_norm, start(20), "dbeta first", {"broadcast-sum"}, {"out"}),
    (layer_norm, start(20), "gamma", {"path-factor"}, {"out"}),
    (layer_norm, start(20), "half", {"path-doubled"}, {"var", "std"}),
    (layer_norm, start(20), "var", {"path-missing"}, {"var", "std"}),
    (layer_norm, start(20), "sign", {"path-sign"}, {"mu"}),
    (layer_norm, start(20), "mu", {"path-missing"}, {"mu"}),
    (layer_norm, start(20), "no 1/D", {"path-factor"}, {"mu"}),
    (batch_norm, start(15), "tanh", {"path-factor"}, {"loss"}),
    (batch_norm, start(15), "wrong tanh", {"path-factor", "unknown"}, {"loss"}),
    (batch_norm, start(15), "eps", {"constant"}, {"inverse"}),
    (batch_norm, start(15), "no sqrt", {"path-factor"}, {"inverse"}),
    (batch_norm, start(15), "two", {"path-factor"}, {"square", "variance", "inverse"}),
    (net, start(26), "penalty", {"path-missing"}, {"penalty"}),
    (net, start(26), "db2 mean", {"reduction-mean"}, {"o"}),
    (net, start(26), "mask", {"path-factor"}, {"relu"}),
    (net, start(26), "mask of all", {"unknown", "path-factor"}, {"relu"}),
    (net, start(26), "penalty half", {"path-factor"}, {"penalty"}),
    (net, start(26), "db1 last", {"broadcast-sum"}, {"a"}),
    (net, start(26), "b1", {"path-missing"}, {"a"}),
    (softmax, start(12), "unnormalised", {"path-factor"}, {"nll"}),
    (softmax, start(12), "detached", {"path-missing"}, {"nll", "z", "e"}),
    (softmax, start(12), "label", {"path-missing"}, {"nll"}),
    (softmax, start(12), "reg", {"path-factor"}, {"loss"}),
    (softmax, start(12), "no N", {"path-factor"}, {"loss", "nll"}),
    (svm, start(12), "square", {"path-factor"}, {"loss"}),
    (svm, start(12), "two", {"scaled"}, set()),
    (svm, start(12), "label", {"path-missing"}, {"margins"}),
    (focal, start(5), "weight", {"path-missing"}, {"weight"}),
    (focal, start(5), "gamma", {"path-factor"}, {"weight"}),
    (focal, start(5), "sigmoid", {"path-factor"}, {"p"}),
    (attention, start(22), "z", {"path-missing"}, {"z"}),
    (attention, start(22), "scale", {"path-factor", "scaled"}, {"s"}),
    (attention, start(22), "k", {"path-missing", "term-missing"}, {"s"}),
    (conv, start(10), "softsign", {"path-missing", "path-factor"}, {"softsign"}),
    (conv, start(10), "flip", {"entries"}, set()),
    (conv, start(10), "bias", {"reduction-mean"}, {"conv"}),
    (rnn, start(10), "through time", {"path-missing"}, {"a"}),
    (rnn, start(10), "tanh", {"path-factor"}, {"h"}),
    (rnn, start(10), "carry", {"path-factor", "unknown"}, {"h", "a"}),
    (lstm, start(8), "cell", {"path-missing"}, {"c"}),
    (lstm, start(8), "tanh", {"path-factor"}, {"h"}),
    (lstm, start(8), "i", {"path-missing"}, {"i", "c"}),
    (lstm, start(8), "h", {"path-missing"}, {"h"}),
    (gp, start(3), "logdet", {"path-missing"}, {"logdet"}),
    (gp, start(3), "half", {"path-doubled"}, {"logdet"}),
    (gp, start(3), "square", {"path-factor"}, {"base"}),
    (gp, start(3), "exp", {"path-factor"}, {"exp"}),
    (negative_binomial, start(3), "counts", {"path-missing"}, {"counts"}),
    (negative_binomial, start(3), "digamma", {"path-missing"}, {"gamma"}),
    (negative_binomial, start(3), "one digamma", {"path-missing"}, {"gamma"}),
    (negative_binomial, start(3), "exp", {"path-factor"}, {"mu"}),
    (cosine, start(8), "na", {"path-missing"}, {"na"}),
    (cosine, start(8), "nb half", {"path-factor"}, {"nb"}),
    (vae, start(8), "kl", {"path-missing"}, {"kl", "loss"}),
    (vae, start(8), "half", {"path-doubled"}, {"std"}),
    (vae, start(8), "reparametrisation", {"path-missing"}, {"std", "z"}),
    (vae, start(8), "beta", {"path-factor", "constant"}, {"loss", "kl"}),
    (gelu, start(6), "constant", {"constant"}, {"inner"}),
    (gelu, start(6), "three", {"path-factor"}, {"inner"}),
    (gelu, start(6), "inner", {"path-factor"}, {"inner"}),
    (gelu, start(6, 2.0), "clip", {"clipped"}, set()),
    (triplet, start(12), "far", {"path-missing"}, {"far"}),
    (triplet, start(12), "sign", {"path-sign"}, {"near"}),
    (mixture, start(6), "softmax", {"path-missing"}, {"pi"}),
    (mixture, start(6), "two", {"path-doubled"}, {"dens"}),
]

AGAIN = [
    (logistic, elsewhere(5), "labels", {"unknown", "constant", "path-factor"}, set()),
    (logistic, elsewhere(5), "last", {"path-missing"}, {"term"}),
    (logistic, elsewhere(5), "bias N", {"path-factor"}, {"z"}),
    (logistic, elsewhere(5), "l1", {"path-factor"}, {"l1"}),
    (logistic, elsewhere(5), "bias l1", {"unknown", "entries"}, set()),
    (huberized, elsewhere(4, 1.5), "all", {"path-missing", "path-factor"}, {"loss"}),
    (huberized, elsewhere(4, 1.5), "delta", {"path-factor", "constant"}, {"loss"}),
    (huberized, elsewhere(4, 1.5), "abs", {"path-factor"}, {"loss"}),
    (gaussian, elsewhere(6), "two", {"path-factor", "path-missing"}, {"s2", "loss"}),
    (gaussian, elsewhere(6), "logdet", {"path-missing"}, {"loss"}),
    (gaussian, elsewhere(6), "sign m", {"path-sign"}, {"e"}),
    (gru, elsewhere(9), "z", {"path-missing"}, {"h"}),
    (gru, elsewhere(9), "carry", {"path-missing"}, {"h"}),
    (gru, elsewhere(9), "reset path", {"path-missing"}, {"n"}),
    (gru, elsewhere(9), "r sigmoid", {"unknown", "path-factor", "path-missing"}, {"r"}),
    (gru, elsewhere(9), "rh", {"entries"}, set()),
    (infonce, elsewhere(12), "temperature", {"scaled"}, set()),
    (infonce, elsewhere(12), "one side", {"path-missing"}, {"s"}),
    (infonce, elsewhere(12), "twice one", {"path-missing", "transposed"}, {"s"}),
    (infonce, elsewhere(12), "norm", {"path-missing"}, {"n", "v"}),
    (infonce, elsewhere(12), "no 1/n", {"path-factor", "unknown"}, {"v"}),
    (deepset, elsewhere(6), "y", {"path-missing"}, {"loss"}),
    (deepset, elsewhere(6), "mean pool", {"unknown", "path-factor"}, {"pool"}),
    (deepset, elsewhere(6), "wrong act", {"unknown", "path-factor", "path-missing"}, {"h"}),
    (poly, elsewhere(5), "sqrt", {"unknown"}, {"loss"}),
    (poly, elsewhere(5), "power", {"path-factor", "path-missing"}, {"y"}),
    (poly, elsewhere(5), "const", {"path-missing"}, {"y"}),
    (poly, elsewhere(5), "rand", {"unknown"}, set()),
]

PLACES = [
    (lstm, start(8), "gates", {"class-swapped"}, {"c"}),
    (lstm, start(8), "rows", {"class-swapped"}, {"sigmoid", "i", "f"}),
    (two_layers, elsewhere(12), "first", {"path-factor"}, {"sigmoid"}),
    (two_layers, elsewhere(12), "second", {"path-factor"}, {"sigmoid"}),
    (cubed, elsewhere(15), "axis", {"broadcast-sum"}, {"mu"}),
    (cubed, elsewhere(15), "all", {"broadcast-sum"}, {"mu"}),
    (gated, elsewhere(12), "exchanged", {"class-swapped"}, {"h"}),
    (gated, elsewhere(12), "taken", {"path-factor"}, {"h"}),
    (bounded, elsewhere(4), "hinge", {"path-factor"}, {"h"}),
    (bounded, elsewhere(4), "clip", {"path-factor"}, {"c"}),
    (without_bends, elsewhere(6, 2.0), "square", {"path-factor"}, {"loss"}),
    (policy, elsewhere(15), "weights", {"path-factor"}, {"loss"}),
    (policy, elsewhere(15), "jacobian", {"path-missing"}, {"pi"}),
    (policy, elsewhere(15), "axis", {"broadcast-sum"}, {"pi"}),
    (heads, elsewhere(12), "axis", {"broadcast-sum"}, {"a"}),
    (heads, elsewhere(12), "twice", {"scaled"}, {"s"}),
    (heads, elsewhere(12), "inverted", {"scaled"}, {"s"}),
    (calls, elsewhere(8), "second", {"path-factor"}, {"sigmoid"}),
    (calls, elsewhere(8), "half", {"scaled"}, {"nowhere"}),
    (steps, elsewhere(8), "quotient", {"path-factor"}, {"i"}),
    (steps, elsewhere(8), "root", {"path-factor"}, {"r"}),
    (steps, elsewhere(8), "norm", {"path-factor"}, {"r"}),
    (steps, elsewhere(8), "product", {"path-missing"}, {"g"}),
]
