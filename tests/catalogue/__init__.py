"""What the specs that ship are held against: formulas in mpmath, and implementations in numpy, none of which shares anything with them."""

import os

from verify.spec.catalogue import names

KINDS = (
    *(
        "huber",
        "quantile",
        "tukey_biweight",
        "smoothed_hinge",
        "focal",
        "complementary_log_log",
        "ordinal_logistic",
        "tweedie",
        "beta_mean",
    ),
    *("crammer_singer_hinge", "weighted_cross_entropy", "multilabel_margin", "kl_log_targets", "jensen_shannon", "ensemble_crps"),
    *("cox_efron", "ranknet", "dpo", "supervised_contrastive", "contrastive", "cosine_embedding", "focal_tversky", "total_variation"),
)
"""One of each kind of prediction, target, kink and coupling."""
LOOKED_AT = names() if os.environ.get("VERIFY_TEST_CATALOGUE") == "all" else KINDS
"""`tox -e catalogue` takes all."""
