"""How a worker process ended, by its exit code: who may have ended it, and words for it."""

from __future__ import annotations

import signal
from contextlib import suppress

UNFIT = 254
"""Exit code of a worker that a candidate had spoilt before it began its task."""

WITH_THE_SERVER = 255
"""Exit code reported for a worker whose server has ended. A worker may also end with it itself."""

BY_ANYBODY = {sign * getattr(signal, name) for name in ("SIGKILL", "SIGTERM", "SIGHUP") if hasattr(signal, name) for sign in (-1, 1)}
"""Exit codes of a worker ended by a signal that anybody may have sent: the system where memory is short, a user, the candidate. The
positive ones are those of a worker that handled the signal and exited.
"""

BY_A_LIMIT = {-getattr(signal, name) for name in ("SIGKILL", "SIGXCPU") if hasattr(signal, name)}
"""Exit codes of a process ended by the system for using up the processor time of `ulimit -t`."""


def exit_in_words(code: int) -> str:
    """The signal that ended a process, or its exit code."""
    with suppress(ValueError):
        return f"{signal.Signals(-code).name}: {signal.strsignal(-code)}" if code < 0 else f"exit code {code}"
    return f"signal {-code}"
