"""The folder of compiled kernels: named by the sources, private, and no condition for computing."""

from __future__ import annotations

import importlib.util
import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import numba
import pytest

import verify
from verify.core.cache import kernel_cache

CORE = Path(verify.__file__).parent / "core"

COMPUTE = """
import numba, numpy as np
from verify.core import multiclass_hinge as m
loss, dW = m.l2(np.ones((3, 2)), np.ones((4, 2)), np.zeros(4, int), 0.5)
print(loss, sum(m.kernel.stats.cache_hits.values()), sum(m.kernel.stats.cache_misses.values()), m.kernel.stats.cache_path)
"""


def folder(cache=kernel_cache) -> Path:
    with cache():
        return Path(numba.config.CACHE_DIR)


def cache_of(core: Path):
    """`kernel_cache` of another copy of the core."""
    location = importlib.util.spec_from_file_location("cache_of_a_copy", core / "cache.py")
    module = importlib.util.module_from_spec(location)
    location.loader.exec_module(module)
    return module.kernel_cache


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return tmp_path / "home"


@pytest.mark.parametrize("helper", ["penalty.py", "linear.py", "tiles.py", "compiling.py", "softmax_cross_entropy.py"])
def test_the_name_follows_every_source(tmp_path, helper):
    copy = shutil.copytree(CORE, tmp_path / "core", ignore=shutil.ignore_patterns("__pycache__"))
    before = folder(cache_of(copy)).name
    assert before == folder().name
    with (copy / helper).open("a", encoding="utf-8") as f:
        f.write("\n# changed\n")
    assert folder(cache_of(copy)).name != before


def test_only_the_latest_folders_are_kept(home):
    mine = folder()
    for age in range(12):
        other = mine.parent / f"kernels-{age:016d}"
        other.mkdir()
        (other / "kernel.nbc").touch()
        os.utime(other, (1e9 - age, 1e9 - age))
    (mine.parent / "kernels").mkdir()  # not ours to judge
    assert folder() == mine
    assert len(list(mine.parent.glob("kernels-*"))) == 13  # nothing is dropped where nothing is added
    mine.rmdir()
    assert folder() == mine
    left = {f.name for f in mine.parent.glob("kernels-*")}
    assert left == {mine.name, *(f"kernels-{age:016d}" for age in range(7))}
    assert (mine.parent / "kernels").exists()


def test_a_new_source_changes_the_name(tmp_path):
    copy = shutil.copytree(CORE, tmp_path / "core", ignore=shutil.ignore_patterns("__pycache__"))
    (copy / "new.py").touch()
    assert folder(cache_of(copy)).name != folder().name


def test_the_folder_is_private(home):
    found = folder()
    assert found.is_relative_to(home)
    assert stat.S_IMODE(found.stat().st_mode) == 0o700


def test_a_folder_that_others_may_write_is_not_used(home):
    open_to_all = folder()
    open_to_all.chmod(0o777)
    assert folder() != open_to_all


def test_numba_s_own_setting_is_put_back(monkeypatch):
    monkeypatch.setattr(numba.config, "CACHE_DIR", "of the user")
    assert folder() != Path("of the user")
    assert numba.config.CACHE_DIR == "of the user"
    with pytest.raises(RuntimeError), kernel_cache():
        raise RuntimeError
    assert numba.config.CACHE_DIR == "of the user"


def compute(home: Path, root: Path = CORE.parent.parent) -> list[str]:
    """What a new process says that has `verify` from `root`: loss, cache hits, misses, the cache's folder."""
    environment = os.environ | {"XDG_CACHE_HOME": str(home), "TMPDIR": str(home.parent), "PYTHONPATH": str(root), "PYTHONSAFEPATH": "1"}
    run = subprocess.run([sys.executable, "-c", COMPUTE], env=environment, capture_output=True, encoding="utf-8", check=False)
    assert run.returncode == 0, run.stderr
    return run.stdout.split()


def test_a_second_process_compiles_nothing_and_no_process_runs_a_kernel_that_was_edited(home, tmp_path):
    """The edit is in a helper of another file, of which numba's own cache takes no notice."""
    root = tmp_path / "tree"
    shutil.copytree(CORE.parent, root / "verify", ignore=shutil.ignore_patterns("__pycache__", "*.npz"))
    first, second = compute(home, root), compute(home, root)
    assert (first[0], first[1:3], second[1:3]) == (second[0], ["0", "1"], ["1", "0"])
    assert Path(second[3]).is_relative_to(home)
    penalty = root / "verify" / "core" / "penalty.py"
    text = penalty.read_text(encoding="utf-8")
    assert "return coefficient * total" in text
    penalty.write_text(text.replace("return coefficient * total", "return 3 * coefficient * total"), encoding="utf-8")
    edited = compute(home, root)
    assert float(edited[0]) == float(first[0]) + 2 * 0.5 * 6  # λΣW² = 3, thrice
    assert edited[1:3] == ["0", "1"]


def test_another_installation_of_the_same_sources_compiles_nothing(home, tmp_path):
    roots = [tmp_path / "here", tmp_path / "there"]
    for root in roots:
        shutil.copytree(CORE.parent, root / "verify", ignore=shutil.ignore_patterns("__pycache__", "*.npz"))
    first, second = (compute(home, root) for root in roots)
    assert (first[0], first[1:3], second[1:3]) == (second[0], ["0", "1"], ["1", "0"])


def test_a_cache_home_that_is_a_file_stops_nothing(home):
    home.write_text("no folder", encoding="utf-8")
    loss, *_, path = compute(home)
    assert float(loss) == 2 + 0.5 * 6  # two margins of 1, six weights of 1
    assert not Path(path).is_relative_to(home)
