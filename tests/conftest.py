"""What every test can rely on, however the tests were started."""

from __future__ import annotations

import gc
import os
import signal

import pytest
from hypothesis import settings

settings.register_profile("same-cases", derandomize=True, deadline=None, database=None)
settings.load_profile("same-cases")  # a change is not held up by what chance finds elsewhere: `tox -e chance` looks for that


@pytest.hookimpl(tryfirst=True)
def pytest_collection() -> None:
    """Commands that tests run do not hear of encodings that numba leaves unnamed, of which this process is told; and they can be
    interrupted, which jobs in the background of a shell cannot.
    """
    os.environ.pop("PYTHONWARNDEFAULTENCODING", None)
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


LONG = ("tests/bench/", "tests/cluster/", "tests/examples/", "tests/gate/", "tests/test_pages.py", "tests/campaign/test_ledger.py")
"""Where single tests take ten seconds or more."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """They begin first, so that at the end no process waits for another one's."""
    items.sort(key=lambda item: not item.nodeid.startswith(LONG))


def pytest_collection_finish() -> None:
    """What is loaded stays: it is not looked through for garbage again and again, nor is what a test makes after each few objects."""
    gc.freeze()
    gc.set_threshold(20_000)
