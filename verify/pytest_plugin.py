"""The pytest plugin: each law on each candidate at each dtype is a test. A thin shell, loaded with every pytest: heavy imports wait until
there is something to judge.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import chdir
from pathlib import Path
from types import FunctionType
from typing import TYPE_CHECKING, Any

import pytest

from verify.profiles import PROFILES

if TYPE_CHECKING:
    from verify.campaign.task import Request, Task
    from verify.gate.policy import Policy

POLICIES = pytest.StashKey[dict[Path, "Policy"]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Adds the option that sets the profile."""
    group = parser.getgroup("verify", "verified losses and gradients")
    group.addoption("--verify-profile", choices=list(PROFILES), help="Judge by this profile, whatever the tests and [tool.verify] say.")


def pytest_configure(config: pytest.Config) -> None:
    """Registers the marker of the suite's tests."""
    config.addinivalue_line("markers", "verify(candidate, loss, dtype, law): one law of verify on one candidate at one dtype.")


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Collects the candidates of [tool.verify] where pytest meets a pyproject.toml: in the root folder, or as an argument."""
    if file_path.name != "pyproject.toml" or b"tool.verify" not in file_path.read_bytes():
        return None
    return Project.from_parent(parent, path=file_path)


def pytest_pycollect_makeitem(collector: pytest.Module | pytest.Class, name: str, obj: object) -> list[LawItem] | None:
    """Collects the laws of a function that `verify.as_test` made."""
    request = vars(obj).get("verify_request") if isinstance(obj, FunctionType) else None
    if request is None or not collector.funcnamefilter(name):
        return None
    return list(_items(collector, name, request, collector.config.rootpath, marks=getattr(obj, "pytestmark", ())))


class Project(pytest.File):
    """A pyproject.toml with candidates."""

    def collect(self) -> Iterable[LawItem]:
        """One item for each candidate, dtype and law, without the built-in core, which `verify run` judges by default."""
        from verify.errors import UsageError
        from verify.settings import tool

        folder = self.path.parent
        try:
            if not (tool(folder) or {}).get("candidates"):
                return
            from verify.campaign.configuration import read

            requests = read(folder).requests()
        except UsageError as error:
            raise self.CollectError(str(error)) from None
        for request in requests:
            yield from _items(self, request.name, request, folder, prefix=f"{request.loss}-")


def _items(
    parent: pytest.Collector, name: str, request: Request, folder: Path, *, prefix: str = "", marks: Sequence[pytest.Mark] = ()
) -> Iterable[LawItem]:
    from verify.report.reading import visible
    from verify.testing import in_profile

    for task in in_profile(request, parent.config.getoption("--verify-profile")).tasks():
        item = LawItem.from_parent(parent, name=visible(f"{name}[{prefix}{task.dtype}-{task.law}]"), task=task, folder=folder)
        item.add_marker(pytest.mark.verify(candidate=request.name, loss=request.loss, dtype=task.dtype, law=task.law))
        item.own_markers.extend(marks)  # the user's arguments, which pytest has checked already
        item.keywords.update((mark.name, mark) for mark in marks)
        yield item


class LawItem(pytest.Item):
    """One law on one candidate at one dtype. Candidates are called from the folder of their project, as `verify run` calls them."""

    def __init__(self, *, task: Task, folder: Path, **more: Any) -> None:
        super().__init__(**more)
        self.task, self.folder = task, folder

    def runtest(self) -> None:
        """Judges the law. A silent law fails like a broken one, unless [tool.verify.gate] says silent = "warn"."""
        from verify.testing import outcome_of

        with chdir(self.folder):
            outcome = outcome_of(self.task, self._policy())
        self.user_properties.extend(outcome.properties.items())
        if outcome.outcome == "failed":
            pytest.fail(outcome.message, pytrace=False)
        elif outcome.outcome == "skipped":
            pytest.skip(outcome.message)
        elif outcome.outcome == "declared":
            pytest.xfail(outcome.message)

    def _policy(self) -> Policy:
        from verify.gate.command import policy_here

        policies = self.config.stash.setdefault(POLICIES, {})
        if self.folder not in policies:
            policies[self.folder] = policy_here()
        return policies[self.folder]

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """The failure as text: wrong use is a sentence, not a traceback."""
        from verify.errors import UsageError

        return str(excinfo.value) if isinstance(excinfo.value, UsageError) else super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int | None, str]:
        """The file and line of the test."""
        return self.path, None, self.name


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """One line for each candidate and dtype with the profile, and with the test where two candidates have one name. It uses only the
    properties of the tests, which arrive from other processes, too.
    """
    reports = [r for found in terminalreporter.stats.values() for r in found if isinstance(r, pytest.TestReport) and r.when == "call"]
    told = [
        (found, r.nodeid.rpartition("::")[2].partition("[")[0])
        for r in reports
        if {"candidate", "law", "verdict"} <= (found := dict(r.user_properties)).keys()
    ]
    if not told or terminalreporter.no_summary:
        return
    from verify.report.reading import visible

    terminalreporter.section("verify", sep="=")
    rows: dict[tuple[object, ...], list[dict[str, Any]]] = {}
    for found, test in told:
        rows.setdefault((*(found[k] for k in ("candidate", "loss", "dtype", "profile", "seed")), test), []).append(found)
    alike = Counter(row[:-1] for row in rows)
    for row, laws in sorted(rows.items(), key=str):
        candidate, loss, dtype, profile, seed, own = row
        of = f", {own}" if alike[row[:-1]] > 1 else ""
        counts = Counter(f["verdict"] for f in laws)
        words = {"holds": "holds" if counts["holds"] == 1 else "hold", "broken": "broken", "silent": "silent", "not asked": "not asked"}
        counted = ", ".join(f"{counts[v]} {word}" for v, word in words.items() if counts[v])
        worst = max((f for f in laws if "strain" in f), key=lambda f: float(f["strain"]), default=None)
        strained = f", worst strain {float(worst['strain']):.2g} ({worst['law']})" if worst else ""
        terminalreporter.write_line(visible(f"{candidate} ({loss}, {dtype}){of}: {counted}{strained}; profile {profile}, seed {seed}"))
