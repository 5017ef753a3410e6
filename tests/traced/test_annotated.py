"""What a function's annotations say of its inputs is what `--inputs` would, whether jaxtyping is there or not."""

from __future__ import annotations

import numpy as np
import pytest

from verify import UsageError, Verdict, check
from verify.spec.annotated import annotated

WRITTEN = """
{head}


def scaled(x: Float[np.ndarray, "n d"], gamma: Float[np.ndarray, "d"], y: Int[np.ndarray, "n"], reg: float = 0.5):
    rows = np.arange(len(x))
    s = x * gamma
    kept = np.zeros_like(s)
    kept[rows, y % x.shape[1]] = 1.0
    return np.sum(kept * s**2), (2 * kept * s * gamma, {slip} * np.sum(2 * kept * s * x, axis=0))
"""
HEADS = {
    "as text": "from __future__ import annotations\nimport numpy as np",
    "as classes": (
        "import numpy as np\n"
        "class Kind(type):\n"
        "    def __getitem__(cls, of):\n"
        "        return type('Array', (), {'dim_str': of[1], 'dtype': cls})\n"
        "class Float(metaclass=Kind):\n    pass\n"
        "class Int(metaclass=Kind):\n    pass\n"
    ),
}
EXAMPLE = (np.array([[0.5, -1.25, 2.0], [1.0, 0.75, -0.5]]), np.array([1.5, 0.5, -1.0]), np.array([2, 0]))


def file_of(folder, head, slip=1):
    path = folder / "mine.py"
    path.write_text(WRITTEN.format(head=HEADS[head], slip=slip), encoding="utf-8")
    return f"{path}:scaled"


@pytest.mark.parametrize("at", [None, EXAMPLE])
@pytest.mark.parametrize("head", HEADS)
def test_right_and_wrong_ones_are_judged_at_sizes_of_their_own(tmp_path, head, at):
    for slip, verdict in ((1, Verdict.HOLDS), (2, Verdict.BROKEN)):
        folder = tmp_path / str(slip)
        folder.mkdir()
        report = check(file_of(folder, head, slip), loss=None, at=at, profile="quick", laws=("value", "gradient"), in_process=True)
        assert report.verdict is verdict, str(report)
        (told,) = {o.conventions["inputs"] for o in report.outcomes}
        assert told == f"x: n d, gamma: d, y: n | {'count' if at is None else 'labels(3)'}"
    shapes = {o.result.witness.case["x"].shape for o in report.outcomes if o.result.witness}
    assert shapes
    assert shapes != {(2, 3)}


SAID = {
    "def f(x: Float[Array, 'n d'], y: Int[Array, 'n']): ...": ({"x": "n d", "y": "n | count"}, None),
    "def f(s: Float32[Array, 'n c'], y: Int[Array, 'n'], m: Bool[Array, 'n']): ...": (
        {"s": "n c", "y": "n | labels(c)", "m": "n | binary"},
        "float32",
    ),
    "import jaxtyping as jt\ndef f(x: jt.Float[jt.Array, 'n 3'], eps: float): ...": ({"x": "n 3", "eps": ""}, None),
    "from jaxtyping import Float as F\ndef f(x: F[Array, 'rows=4 d']): ...": ({"x": "4 d"}, None),
    "def f(x: 'Float[Array, \"n\"]'): ...": ({"x": "n"}, None),
    "class A:\n    def f(self, x: Float[Array, '']): ...": ({"x": ""}, None),
}


@pytest.mark.parametrize("code", SAID)
def test_what_is_read_of_a_file(tmp_path, code):
    (tmp_path / "m.py").write_text(code, encoding="utf-8")
    found = annotated(f"{tmp_path}/m.py:{'A.f' if 'class' in code else 'f'}")
    assert found is not None
    assert (dict(found.texts), found.dtype) == SAID[code]


@pytest.mark.parametrize(
    "code", ["def f(x): ...", "def f(x: float): ...", "def f(x: Float[Array, '*b d']): ...", "def f(x: list[int]): ...", "f = 1", "def ("]
)
def test_what_says_nothing_is_left(tmp_path, code):
    (tmp_path / "m.py").write_text(code, encoding="utf-8")
    assert annotated(f"{tmp_path}/m.py:f") is None


def test_without_any_of_it_a_point_is_asked_for():
    with pytest.raises(UsageError, match="an example of the inputs"):
        check(lambda x: (x @ x, 2 * x), loss=None)
