"""Penalties over groups of weights, as their authors state them, right and wrong."""

from sympy import Abs, Add, Max, Piecewise, sqrt

from verify.spec import Penalty


def norm(w):
    return sqrt(Add(*(v**2 for v in w)))


FEATURES = Penalty(name="group_lasso", per_group=norm, group="feature")
CLASSES = Penalty(name="of_classes", per_group=norm, group="class", bias=False)
ROOTED = Penalty(name="rooted", per_group=lambda w: sqrt(len(w)) * norm(w), group="feature", bias=False)
ELASTIC = Penalty(name="elastic_net", per_group=lambda w: Add(*(Abs(v) / 2 + v**2 / 4 for v in w)), group="feature", bias=False)
SPARSE = Penalty(name="sparse_group_lasso", per_group=lambda w: norm(w) / 2 + Add(*map(Abs, w)) / 4, group="feature")
LARGEST = Penalty(name="largest", per_group=lambda w: Max(*w, *(-v for v in w)), group="feature")
SMOOTH = Penalty(name="smooth", per_group=lambda w: sqrt(Add(*(v**2 for v in w)) + 1), group="class")
CURVED = Penalty(name="curved", per_group=lambda w: norm(w) ** 3 + Add(*(norm(w) * v for v in w)), group="class")
JUMPS = Penalty(name="jumps", per_group=lambda w: Piecewise((0, norm(w) < 1), (1, True)), group="class")
ORDERED = Penalty(name="ordered", per_group=lambda w: Add(*(Abs(v) * (k + 1) for k, v in enumerate(w))), group="class")
