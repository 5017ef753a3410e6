"""Loads, in the server of the workers, what judging needs; imports that only some losses need are left out, where these are known not to
need them.

Only the server imports this. It asks the disk cache itself: the command starts it before anything else.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from importlib import import_module

from verify.campaign.server import CORE, REQUESTED

KERNELS = ("verify.candidates.numba_ready",)
"""numba takes a second to import, in each worker unless the server has imported it; each candidate of the core has its own workers."""
JUDGING_MODULES = ("verify.campaign.executor", "verify.campaign.judging")
FORMULAS = ("verify.oracle.compiler",)
"""sympy takes half a second. Formulas of shipped specs are cached, so that it is needed only where they are new; a user's file imports it
itself.
"""
ENGINE = ("verify.trial.families", "verify.trial.engine")
"""Hypothesis takes a tenth of a second. Where drawn cases are cached it is needed only to shrink a counterexample."""
PAIR_MODULES = ("verify.campaign.pair_judging",)
"""Modules for candidates without a spec."""


def needed(losses: Sequence[str] | None, *, stored: bool) -> list[str]:
    """The names of the modules that judging candidates of these `losses` needs, None for any. `stored` says that the profile is one whose
    drawn cases are stored.
    """
    from verify import disk_cache
    from verify.profiles import DRAWN

    is_known = losses is not None and all(loss == "none" or disk_cache.has(["asked", loss]) for loss in losses)
    is_drawn = stored and losses is not None and all(disk_cache.has([DRAWN, loss]) for loss in losses)
    return [
        *(KERNELS if losses is not None and CORE in losses else ()),
        *JUDGING_MODULES,
        *(() if is_drawn else ENGINE),
        *(() if is_known else FORMULAS),
        *(PAIR_MODULES if losses is None or "none" in losses else ()),
    ]


def load(requested: str | None) -> None:
    """Imports what is needed for what was requested of the server; without a word, what most need."""
    for name in (*JUDGING_MODULES, *ENGINE) if requested is None else needed(**json.loads(requested)):
        import_module(name)


load(os.environ.pop(REQUESTED, None))
