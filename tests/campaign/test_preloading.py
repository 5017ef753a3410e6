"""The server of the workers loads what the losses that it is for need, and no more."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from verify import disk_cache
from verify.campaign import preloading
from verify.campaign.preloading import ENGINE, FORMULAS, JUDGING_MODULES, KERNELS, PAIR_MODULES, needed
from verify.campaign.server import REQUESTED
from verify.profiles import DRAWN


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """A cache in which the hinge's formulas and cases are, and the softmax's formulas."""
    disk_cache.drop()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    for key in (["asked", "multiclass_hinge"], [DRAWN, "multiclass_hinge"], ["asked", "softmax_cross_entropy"]):
        disk_cache.plain(key, lambda: True)
    disk_cache.write()
    yield
    disk_cache.drop()


NEEDED = {
    "known": (["multiclass_hinge"], True, ()),
    "another profile": (["multiclass_hinge"], False, ENGINE),
    "cases are new": (["multiclass_hinge", "softmax_cross_entropy"], True, ENGINE),
    "formulas are new": (["multiclass_hinge", "huber"], True, (*ENGINE, *FORMULAS)),
    "own code": (["none"], True, (*ENGINE, *PAIR_MODULES)),
    "any": (None, True, (*ENGINE, *FORMULAS, *PAIR_MODULES)),
}


@pytest.mark.parametrize("name", NEEDED)
def test_what_is_needed(name):
    losses, stored, more = NEEDED[name]
    assert needed(losses, stored=stored) == [*JUDGING_MODULES, *more]


def test_numba_is_loaded_first_for_the_core():
    assert needed(["core"], stored=False)[: len(KERNELS)] == [*KERNELS]


def test_it_loads_what_was_requested(monkeypatch):
    asked = []
    monkeypatch.setattr(preloading, "import_module", asked.append)
    preloading.load(json.dumps({"losses": ["multiclass_hinge"], "stored": True}))
    assert asked == [*JUDGING_MODULES]
    preloading.load(None)
    assert asked[len(JUDGING_MODULES) :] == [*JUDGING_MODULES, *ENGINE]


def test_all_that_is_named_is_there():
    for name in (*KERNELS, *JUDGING_MODULES, *ENGINE, *FORMULAS, *PAIR_MODULES):
        __import__(name)
        assert name in sys.modules


NEEDLESS = ("hypothesis", "importlib.metadata", "sympy", "verify.traced.problem")


def test_what_is_not_needed_for_a_known_loss_is_not_loaded(home):
    requested = json.dumps({"losses": ["multiclass_hinge"], "stored": True})
    code = "import verify.campaign.preloading, sys; print(*sys.modules)"
    env = os.environ | {REQUESTED: requested, "PYTHONWARNDEFAULTENCODING": ""}
    ran = subprocess.run([sys.executable, "-P", "-c", code], env=env, check=True, capture_output=True, text=True, encoding="utf-8")
    loaded = {*ran.stdout.split()}
    assert "verify.campaign.judging" in loaded
    assert not loaded & {*NEEDLESS}
