"""The functions that a spec names are there, in those libraries that are installed."""

from __future__ import annotations

import re
from importlib import import_module
from importlib.util import find_spec

import pytest

from verify.spec.catalogue import all_penalties, specs

NAMED = sorted(
    {
        path[0]
        for s in (*specs().values(), *all_penalties().values())
        for text in s.computed_by
        if (path := re.match(r"(?:scipy|sklearn|torch|optax|keras|statsmodels)(?:\.\w+)+", text))
    }
)


@pytest.mark.filterwarnings("ignore")  # what a library warns of when it is imported is its own
@pytest.mark.parametrize("name", NAMED)
def test_a_function_of_a_library_is_there(name):
    library, *rest = name.split(".")
    if find_spec(library) is None:
        pytest.skip(f"{library} is not installed")
    found, path = import_module(library), library
    for part in rest:
        path += f".{part}"
        found = getattr(found, part, None) or import_module(path)
    assert callable(found)
