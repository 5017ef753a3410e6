"""The strategies that a search draws from: of each family, at all values of the candidate's parameters."""

from __future__ import annotations

from collections.abc import Mapping

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from verify.cases import Case, families
from verify.laws import Subject


def families_of(subject: Subject) -> dict[str, tuple[SearchStrategy[Case], float]]:
    """The families of cases, each with its share. Where parameters vary, half of each family have the defaults, the rest share the other
    values.
    """
    found = families(subject.oracle)
    if not subject.other_values:
        return found
    values = [subject.own, *subject.other_values]
    there = [{name: at(s, v) for name, (s, _) in families(subject.at(v).oracle).items()} for v in values]
    return {name: (_half(*(each[name] for each in there)), share) for name, (_, share) in found.items()}


def at(strategy: SearchStrategy[Case], parameters: Mapping[str, float]) -> SearchStrategy[Case]:
    """The strategy's cases, which name these values of parameters in addition."""
    return strategy.map(lambda case: case.beside(parameters))


def _half(first: SearchStrategy[Case], *others: SearchStrategy[Case]) -> SearchStrategy[Case]:
    """A strategy for which half of the cases come from the first, the simplest, and the rest from all others."""

    @st.composite
    def drawn(draw: st.DrawFn) -> Case:
        k = draw(st.integers(0, 2 * len(others) - 1))
        return draw(first if k < len(others) else others[k - len(others)])

    return drawn()
