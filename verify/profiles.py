"""Profiles (the number of cases that a law is judged on), also as Hypothesis profiles for the user's own tests; and the dtypes."""

from __future__ import annotations

PROFILES = {"quick": 25, "ci": 100, "deep": 2000}
"""About how many cases a trial draws, over all families. The engine may draw fewer where a search space is exhausted, and the
result says how many.
"""
STORED = "quick", 0
"""The profile, and the seed, whose drawn cases do not depend on the candidate: they are stored, and Hypothesis is not loaded for them."""
DRAWN = "drawn"
"""Marks in the disk cache a loss that has such cases."""
DTYPES = ("float64", "float32")
"""The dtypes in which candidates are judged."""


def are_stored(profile: str | None, seed: int | None) -> bool:
    """Whether drawn cases are stored; None stands for the default of `verify check`."""
    return (profile or "ci", seed or 0) == STORED


def register() -> None:
    """Registers the Hypothesis profiles verify-quick, verify-ci and verify-deep, and loads none. Hypothesis calls this when it is imported,
    so `--hypothesis-profile verify-deep` finds them. No deadline: a first call may compile.
    """
    from hypothesis import settings

    for name, most in PROFILES.items():
        settings.register_profile(f"verify-{name}", max_examples=most, deadline=None)
