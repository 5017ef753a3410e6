"""Wrong implementations in the style of course solutions, made by editing right ones as people mistype and misthink them.

They were written after the diagnosis stood, to measure it: none of it was made for them. Each names the codes that a teacher would
accept; `unknown` where the edit is no change of a term that has a name. A source is edited by replacing text.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

SVM_LOOPS = """
def f(W, X, y, reg):
    dW = np.zeros(W.shape)
    num_classes = W.shape[1]
    num_train = X.shape[0]
    loss = 0.0
    for i in range(num_train):
        scores = X[i].dot(W)
        correct_class_score = scores[y[i]]
        for j in range(num_classes):
            if j == y[i]:
                continue
            margin = scores[j] - correct_class_score + 1
            if margin > 0:
                loss += margin
                dW[:, j] += X[i]
                dW[:, y[i]] -= X[i]
    loss /= num_train
    dW /= num_train
    loss += reg * np.sum(W * W)
    dW += 2 * reg * W
    return loss, dW
"""

SVM_VECTORS = """
def f(W, X, y, reg):
    num_train = X.shape[0]
    scores = X.dot(W)
    correct = scores[np.arange(num_train), y].reshape(-1, 1)
    margins = np.maximum(0, scores - correct + 1)
    margins[np.arange(num_train), y] = 0
    loss = np.sum(margins) / num_train + reg * np.sum(W * W)
    mask = np.zeros(margins.shape)
    mask[margins > 0] = 1
    mask[np.arange(num_train), y] = -np.sum(mask, axis=1)
    dW = X.T.dot(mask)
    dW = dW / num_train
    dW = dW + 2 * reg * W
    return loss, dW
"""

SOFTMAX_LOOPS = """
def f(W, X, y, reg):
    loss = 0.0
    dW = np.zeros_like(W)
    num_train, num_classes = X.shape[0], W.shape[1]
    for i in range(num_train):
        scores = X[i].dot(W)
        scores = scores - np.max(scores)
        exp_scores = np.exp(scores)
        probs = exp_scores / np.sum(exp_scores)
        loss += np.log(np.sum(exp_scores)) - scores[y[i]]
        for j in range(num_classes):
            if j == y[i]:
                dW[:, j] += (probs[j] - 1) * X[i]
            else:
                dW[:, j] += probs[j] * X[i]
    loss = loss / num_train + 0.5 * reg * np.sum(W * W)
    dW = dW / num_train + reg * W
    return loss, dW
"""

SOFTMAX_VECTORS = """
def f(W, X, y, reg):
    num_train = X.shape[0]
    scores = X @ W.T
    scores = scores - np.max(scores, axis=1, keepdims=True)
    sum_exp = np.exp(scores).sum(axis=1, keepdims=True)
    probs = np.exp(scores) / sum_exp
    loss = np.mean(np.log(sum_exp[:, 0]) - scores[np.arange(num_train), y]) + reg * np.sum(W * W)
    dscores = probs
    dscores[np.arange(num_train), y] -= 1
    dscores /= num_train
    dW = dscores.T @ X
    dW += 2 * reg * W
    return loss, dW
"""

SUM_SOFTMAX = """
def f(W, X, y, reg):
    S = X @ W.T
    S = S - S.max(axis=1)[:, None]
    Z = np.exp(S).sum(axis=1)
    loss = np.sum(np.log(Z) - S[np.arange(len(y)), y]) + 0.5 * reg * np.sum(W[:, :-1] ** 2)
    G = np.exp(S) / Z[:, None]
    onehot = np.eye(W.shape[0])[y]
    dW = (G - onehot).T @ X
    dW[:, :-1] += reg * W[:, :-1]
    return loss, dW
"""

Edit = tuple[str, str]
UNSEEN: dict[str, tuple[str, str, tuple[Edit, ...], set[str]]] = {}


def _add(source: str, loss: str, name: str, codes: str, *edits: Edit) -> None:
    UNSEEN[f"{name} ({loss.split('_')[0]})"] = (source, loss, edits, set(codes.split()))


def _loops(name: str, codes: str, *edits: Edit) -> None:
    _add(SVM_LOOPS, "multiclass_hinge", f"loops: {name}", codes, *edits)


def _vectors(name: str, codes: str, *edits: Edit) -> None:
    _add(SVM_VECTORS, "multiclass_hinge", f"vectors: {name}", codes, *edits)


def _soft(name: str, codes: str, *edits: Edit) -> None:
    _add(SOFTMAX_LOOPS, "softmax_cross_entropy", f"loops: {name}", codes, *edits)


def _softv(name: str, codes: str, *edits: Edit) -> None:
    _add(SOFTMAX_VECTORS, "softmax_cross_entropy", f"vectors: {name}", codes, *edits)


def _sum(name: str, codes: str, *edits: Edit) -> None:
    _add(SUM_SOFTMAX, "softmax_cross_entropy", f"sum: {name}", codes, *edits)


_loops("dW never divided", "reduction", ("    dW /= num_train\n", ""))
_loops("reg * W", "penalty-factor", ("2 * reg * W\n", "reg * W\n"))
_loops("no regularisation in dW", "penalty-missing", ("    dW += 2 * reg * W\n", ""))
_loops("2 * W without reg", "penalty-factor term-extra", ("2 * reg * W\n", "2 * W\n"))
_loops(
    "regularised before the division",
    "reduction",
    ("    dW /= num_train\n", "    dW += 2 * reg * W\n    dW /= num_train\n"),
    ("    dW += 2 * reg * W\n    return", "    return"),
)
_loops("own class not subtracted", "label-term", ("                dW[:, y[i]] -= X[i]\n", ""))
_loops("own class added", "sign label-term", ("dW[:, y[i]] -= X[i]", "dW[:, y[i]] += X[i]"))
_loops("own class subtracted once per example", "label-term", ("                dW[:, y[i]] -= X[i]\n", "        dW[:, y[i]] -= X[i]\n"))
_loops("other classes not added", "term-missing", ("                dW[:, j] += X[i]\n", ""))
_loops(
    "the last class is never visited",
    "class-missing",
    (
        "                dW[:, j] += X[i]\n                dW[:, y[i]] -= X[i]\n",
        "                if j < num_classes - 1:\n                    dW[:, j] += X[i]\n                    dW[:, y[i]] -= X[i]\n",
    ),
)
_loops(
    "returns after the first example",
    "example-missing",
    (
        "                dW[:, j] += X[i]\n                dW[:, y[i]] -= X[i]\n",
        "                if i == 0:\n                    dW[:, j] += X[i]\n                    dW[:, y[i]] -= X[i]\n",
    ),
)
_loops(
    "margin of the indicator without 1",
    "margin",
    (
        "            if margin > 0:\n                loss += margin\n                dW",
        "            if margin > 0:\n                loss += margin\n            if margin - 1 > 0:\n                dW",
    ),
)
_loops(
    "uses the margin as weight",
    "scaled",
    ("dW[:, j] += X[i]", "dW[:, j] += margin * X[i]"),
    ("dW[:, y[i]] -= X[i]", "dW[:, y[i]] -= margin * X[i]"),
)
_loops("gives the row to j - 1", "class-swapped", ("dW[:, j] += X[i]", "dW[:, j - 1] += X[i]"))
_loops("takes the label of the next example", "label-term", ("dW[:, y[i]] -= X[i]", "dW[:, y[(i + 1) % num_train]] -= X[i]"))
_loops("assigns instead of adding", "example-missing unknown", ("dW[:, j] += X[i]", "dW[:, j] = X[i]"))
_loops("divides by the number of classes", "reduction", ("dW /= num_train", "dW /= num_classes"))
_loops("sign of everything", "sign", ("    return loss, dW", "    return loss, -dW"))
_loops("the bias row not penalised", "penalty-bias", ("dW += 2 * reg * W", "dW[:-1] += 2 * reg * W[:-1]"))
_loops("transposed on the way out", "transposed", ("    return loss, dW", "    return loss, dW.T.reshape(dW.shape)"))
_loops(
    "only the most violating class",
    "term-missing",
    (
        "        for j in range(num_classes):\n",
        "        wrong = np.where(np.arange(num_classes) == y[i], -np.inf, scores)\n        for j in range(num_classes):\n",
    ),
    (
        "                dW[:, j] += X[i]\n                dW[:, y[i]] -= X[i]",
        "                if j == np.argmax(wrong):\n                    dW[:, j] += X[i]\n                    dW[:, y[i]] -= X[i]",
    ),
)
_loops("half of the data term", "scaled", ("dW /= num_train", "dW /= 2 * num_train"))
_loops("reg * W twice in the loss's favour", "penalty-factor", ("2 * reg * W\n", "4 * reg * W\n"))
_loops("features rounded to two digits", "unknown", ("dW[:, j] += X[i]", "dW[:, j] += np.round(X[i], 2)"))
_loops("a random weight of the margin", "unknown", ("dW[:, j] += X[i]", "dW[:, j] += np.tanh(margin) * X[i]"))

_vectors(
    "mask counts the label too",
    "label-term term-extra",
    ("    mask[np.arange(num_train), y] = -np.sum(mask, axis=1)\n", "    mask[np.arange(num_train), y] = 1 - np.sum(mask, axis=1)\n"),
)
_vectors("mask[y] = -1", "label-term", ("= -np.sum(mask, axis=1)", "= -1"))
_vectors("mask >= 0", "label-term term-extra scaled term-missing margin unknown", ("mask[margins > 0] = 1", "mask[margins >= 0] = 1"))
_vectors(
    "sums the mask over the examples",
    "label-term unknown",
    ("mask[np.arange(num_train), y] = -np.sum(mask, axis=1)", "mask[np.arange(num_train), y] = -np.sum(mask, axis=0)[y]"),
)
_vectors("margins in place of the mask", "scaled", ("mask[margins > 0] = 1", "mask = margins.copy()"))
_vectors("no division", "reduction", ("    dW = dW / num_train\n", ""))
_vectors("division by N squared", "reduction", ("dW = dW / num_train", "dW = dW / num_train ** 2"))
_vectors("divided by N - 1", "reduction", ("dW = dW / num_train", "dW = dW / max(num_train - 1, 1)"))
_vectors("mean over all entries", "reduction", ("dW = dW / num_train", "dW = dW / (num_train * W.shape[1])"))
_vectors("the penalty subtracted", "sign", ("dW = dW + 2", "dW = dW - 2"))
_vectors("reg * W ** 2", "penalty-factor", ("2 * reg * W\n", "reg * W ** 2\n"))
_vectors("reg * sum of W", "penalty-factor", ("2 * reg * W\n", "2 * reg * np.sum(W)\n"))
_vectors("reg squared", "penalty-factor", ("2 * reg * W\n", "2 * reg * reg * W\n"))
_vectors("L1 penalty", "penalty-factor", ("2 * reg * W\n", "reg * np.sign(W)\n"))
_vectors("the first class's column zero", "class-missing", ("    return loss, dW", "    dW[:, 0] = 0\n    return loss, dW"))
_vectors("the last example dropped", "example-missing", ("dW = X.T.dot(mask)", "dW = X[:-1].T.dot(mask[:-1])"))
_vectors("labels off by one", "label-term", ("mask[np.arange(num_train), y] = -np.sum", "mask[np.arange(num_train), y - 1] = -np.sum"))
_vectors("columns reversed", "class-swapped", ("dW = X.T.dot(mask)", "dW = X.T.dot(mask[:, ::-1])"))
_vectors("in float32", "precision", ("dW = X.T.dot(mask)", "dW = X.T.astype(np.float32).dot(mask.astype(np.float32))"))
_vectors("a tolerance of 1e-6", "margin", ("mask[margins > 0] = 1", "mask[margins > 1e-6] = 1"))
_vectors(
    "only half of the batch above 32",
    "example-missing unknown",
    ("dW = X.T.dot(mask)", "n = min(num_train, 32)\n    dW = X[:n].T.dot(mask[:n])"),
)
_vectors("clipped to one", "clipped entries scaled unknown", ("    return loss, dW", "    return loss, np.clip(dW, -1, 1)"))
_vectors("normalised", "scaled", ("    return loss, dW", "    return loss, dW / np.linalg.norm(dW)"))
_vectors("the features' mean taken off", "unknown term-extra", ("dW = X.T.dot(mask)", "dW = (X - X.mean(axis=0)).T.dot(mask)"))
_vectors("wrong with two classes", "scaled", ("dW = dW / num_train", "dW = dW / num_train / (2 if W.shape[1] == 2 else 1)"))
_vectors("wrong for more than 20 examples", "reduction scaled", ("dW = dW / num_train", "dW = dW / min(num_train, 20)"))

_soft("the one forgotten", "label-term", ("(probs[j] - 1)", "probs[j]"))
_soft("plus one", "sign label-term", ("(probs[j] - 1)", "(probs[j] + 1)"))
_soft("1 - p at the label", "sign", ("(probs[j] - 1)", "(1 - probs[j])"))
_soft("p of the label everywhere", "unknown term-missing scaled", ("dW[:, j] += probs[j] * X[i]", "dW[:, j] += probs[y[i]] * X[i]"))
_soft("only the label's row", "term-missing", ("dW[:, j] += probs[j] * X[i]", "pass"))
_soft("others subtracted", "sign", ("dW[:, j] += probs[j] * X[i]", "dW[:, j] -= probs[j] * X[i]"))
_soft("exp in place of p", "scaled", ("probs = exp_scores / np.sum(exp_scores)", "probs = exp_scores"))
_soft("no division", "reduction", ("dW = dW / num_train + reg * W", "dW = dW + reg * W"))
_soft("all divided", "reduction", ("dW = dW / num_train + reg * W", "dW = (dW + reg * W) / num_train"))
_soft("2 * reg * W for the half", "penalty-factor", ("+ reg * W\n", "+ 2 * reg * W\n"))
_soft("half the penalty once more", "penalty-factor", ("+ reg * W\n", "+ 0.5 * reg * W\n"))
_soft("penalty forgotten", "penalty-missing", ("dW = dW / num_train + reg * W", "dW = dW / num_train"))
_soft("the last class skipped", "class-missing", ("for j in range(num_classes):", "for j in range(num_classes - 1):"))
_soft("the first class skipped", "class-missing", ("for j in range(num_classes):", "for j in range(1, num_classes):"))
_soft("log probs in place of probs", "term-extra unknown", ("dW[:, j] += probs[j] * X[i]", "dW[:, j] += np.log(probs[j]) * X[i]"))
_soft(
    "the last example skipped",
    "example-missing",
    (
        "            if j == y[i]:\n",
        "            if i == num_train - 1 and num_train > 1:\n                continue\n            if j == y[i]:\n",
    ),
)
_soft("an epsilon in the sum", "unknown precision", ("np.sum(exp_scores)\n        loss", "(np.sum(exp_scores) + 1e-8)\n        loss"))

_softv(
    "exp without the shift",
    "overflow",
    ("    probs = np.exp(scores) / sum_exp", "    raw = X @ W.T\n    probs = np.exp(raw) / np.exp(raw).sum(axis=1, keepdims=True)"),
)
_softv("normalised over the batch", "term-extra scaled", ("np.exp(scores) / sum_exp", "np.exp(scores) / np.exp(scores).sum(axis=0)"))
_softv(
    "divided before the one",
    "label-term reduction",
    (
        "    dscores[np.arange(num_train), y] -= 1\n    dscores /= num_train\n",
        "    dscores /= num_train\n    dscores[np.arange(num_train), y] -= 1\n",
    ),
)
_softv("never divided", "reduction", ("    dscores /= num_train\n", ""))
_softv("reg * W", "penalty-factor", ("2 * reg * W\n", "reg * W\n"))
_softv("the one from every class", "term-extra label-term", ("dscores[np.arange(num_train), y] -= 1", "dscores -= 1"))
_softv("the one from every labelled class of every example", "unknown", ("dscores[np.arange(num_train), y] -= 1", "dscores[:, y] -= 1"))
_softv(
    "p (1 - p)",
    "term-extra scaled unknown",
    ("    dscores[np.arange(num_train), y] -= 1\n", "    dscores = probs * (1 - probs)\n    dscores[np.arange(num_train), y] *= -1\n"),
)
_softv("temperature forgotten on the way back", "scaled", ("    dW = dscores.T @ X\n", "    dW = dscores.T @ X * 0.7\n"))
_softv("bias gradient zero", "entries", ("    return loss, dW", "    dW[:, -1] = 0\n    return loss, dW"))
_softv("bias gradient zero before the penalty", "entries", ("    dW = dscores.T @ X\n", "    dW = dscores.T @ X\n    dW[:, -1] = 0\n"))
_softv("the first entry off by a thousandth", "entries", ("    return loss, dW", "    dW[0, 0] *= 1.001\n    return loss, dW"))
_softv("sqrt of the probabilities", "term-extra unknown", ("    dscores = probs\n", "    dscores = np.sqrt(probs)\n"))
_softv("penalises W + 1", "unknown term-extra penalty-factor", ("2 * reg * W\n", "2 * reg * (W + 1)\n"))
_softv(
    "half precision inside",
    "precision",
    ("dW = dscores.T @ X\n", "dW = (dscores.astype(np.float16).T @ X.astype(np.float16)).astype(float)\n"),
)
_softv(
    "scores of the wrong sign",
    "term-extra unknown",
    ("    probs = np.exp(scores) / sum_exp", "    probs = np.exp(-scores) / np.exp(-scores).sum(axis=1, keepdims=True)"),
)
_softv("wrong without a penalty", "scaled", ("dscores /= num_train", "dscores /= num_train if reg else 2 * num_train"))
_softv(
    "wrong for scores above 50",
    "scaled unknown",
    ("dscores /= num_train", "dscores /= num_train * (2 if np.abs(X @ W.T).max() > 50 else 1)"),
)

_sum("a mean in the gradient", "reduction", ("(G - onehot).T @ X", "(G - onehot).T @ X / len(y)"))
_sum("the bias penalised", "penalty-bias", ("dW[:, :-1] += reg * W[:, :-1]", "dW += reg * W"))
_sum("2 reg W", "penalty-factor", ("+= reg * W[:, :-1]", "+= 2 * reg * W[:, :-1]"))
_sum("no penalty", "penalty-missing", ("    dW[:, :-1] += reg * W[:, :-1]\n", ""))
_sum("onehot added", "sign label-term", ("(G - onehot)", "(G + onehot)"))
_sum("onehot - G", "sign", ("(G - onehot)", "(onehot - G)"))
_sum("onehot of the reversed labels", "label-term", ("np.eye(W.shape[0])[y]", "np.eye(W.shape[0])[y[::-1]]"))
_sum(
    "penalty doubled and a mean",
    "reduction penalty-factor",
    ("(G - onehot).T @ X", "(G - onehot).T @ X / len(y)"),
    ("+= reg * W[:, :-1]", "+= 2 * reg * W[:, :-1]"),
)
_sum("penalises |W|", "penalty-factor", ("+= reg * W[:, :-1]", "+= reg * np.abs(W[:, :-1])"))
_sum(
    "smoothed labels",
    "unknown label-term term-extra scaled",
    ("onehot = np.eye(W.shape[0])[y]", "onehot = 0.9 * np.eye(W.shape[0])[y] + 0.1 / W.shape[0]"),
)
_sum("the features doubled by mistake", "scaled", ("(G - onehot).T @ X", "(G - onehot).T @ (2 * X)"))

_loops("the loss's penalty missing", "value", ("    loss += reg * np.sum(W * W)\n", "    loss += 0.3 * reg * np.sum(W * W)\n"))
_vectors(
    "the loss never divided, its penalty divided",
    "value",
    ("np.sum(margins) / num_train + reg * np.sum(W * W)", "np.sum(margins) + reg * np.sum(W * W) / num_train"),
)
_soft(
    "the loss's log forgotten", "value", ("loss += np.log(np.sum(exp_scores)) - scores[y[i]]", "loss += np.sum(exp_scores) - scores[y[i]]")
)
_softv("the loss counts the bias half", "value", ("reg * np.sum(W * W)", "reg * (np.sum(W * W) - 0.5 * np.sum(W[:, -1] ** 2))"))


def implementation(name: str) -> tuple[Callable[..., Any], str]:
    """The wrong function and the loss that it claims to be."""
    source, loss, edits, _ = UNSEEN[name]
    for old, new in edits:
        assert old in source, (name, old)
        source = source.replace(old, new)
    names: dict[str, Any] = {"np": np}
    exec(source, names)
    return names["f"], loss


def codes(name: str) -> set[str]:
    """The codes that a teacher would accept."""
    return UNSEEN[name][3]
