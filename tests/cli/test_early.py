"""The workers' server starts before the command line is read, for what stands there."""

from __future__ import annotations

import pytest

from verify.commands import early

CHECKS = {
    "check a.py:f": ("none", None, None),
    "check a.py:f --loss multiclass_hinge --profile quick": ("multiclass_hinge", "quick", None),
    "check --loss=multiclass_hinge --seed=3 a.py:f --profile=ci": ("multiclass_hinge", "ci", 3),
    "check a.py:f --loss huber --loss=l2 --seed 0": ("l2", None, 0),
    "check a.py:f --loss": ("none", None, None),
}
OTHERS = (
    *("", "run", "run check", "prove a.py:f", "list specs", "check a.py:f --in-process", "check --help", "check -h", "--help check"),
    "check a.py:f --seed three",
)


@pytest.fixture
def started(monkeypatch):
    found = []
    monkeypatch.setattr(early, "start", lambda *what: found.append(what))
    return found


@pytest.mark.parametrize("line", CHECKS)
def test_it_is_for_what_the_command_line_says(started, line):
    early.begin(line.split())
    loss, profile, seed = CHECKS[line]
    assert started == [([loss], profile, seed)]


@pytest.mark.parametrize("line", OTHERS)
def test_other_commands_start_their_own_or_none(started, line):
    early.begin(line.split())
    assert started == []


def test_what_hinders_it_is_left_to_the_command(monkeypatch):
    def fails(*_):
        raise OSError("no more processes")

    monkeypatch.setattr(early, "start", fails)
    early.begin(["check", "a.py:f"])
