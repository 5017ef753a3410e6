"""Each line is one test for each dtype and law: `pytest -k "svm and gradient"`."""

from mylosses.softmax import softmax_loss
from mylosses.svm import svm_loss

import verify

LAWS = ("value", "gradient", "membership", "purity")
"""Few and fast, for every run of the tests; `verify run` asks all."""

test_svm = verify.as_test(svm_loss, loss="multiclass_hinge", dtypes=("float64", "float32"), profile="quick", laws=LAWS)
test_softmax = verify.as_test(softmax_loss, loss="softmax_cross_entropy", profile="quick", laws=LAWS[:2])
