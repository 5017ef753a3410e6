"""What every test can rely on, however the tests were started."""

from __future__ import annotations

import gc
import os
import signal

import pytest


@pytest.hookimpl(tryfirst=True)
def pytest_collection() -> None:
    """Commands that tests run do not hear of encodings that numba leaves unnamed, of which this process is told; and they can be
    interrupted, which jobs in the background of a shell cannot.
    """
    os.environ.pop("PYTHONWARNDEFAULTENCODING", None)
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_finish() -> None:
    """What is loaded stays: it is not looked through for garbage again and again, nor is what a test makes after each few objects."""
    gc.freeze()
    gc.set_threshold(20_000)
