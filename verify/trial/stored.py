"""The drawn cases of the smallest profile, stored between processes where they depend on the objective alone: importing Hypothesis and
drawing with it take a tenth of a second.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from verify import disk_cache
from verify.cases import Case
from verify.cases.packed import packed, unpacked
from verify.laws import Subject
from verify.profiles import DRAWN, are_stored
from verify.spec.objective import Objective
from verify.spec.shipped import shipped


class Drawn(NamedTuple):
    """A case, with the serialized choices by which its strategy made it."""

    case: Case
    choices: bytes


Families = Mapping[str, Sequence[Drawn]]
"""The drawn cases of each family, in the order in which they are searched."""


def find(subject: Subject, profile: str, seed: int) -> Families | None:
    """The stored cases; None if there are none."""
    key = _key(subject, profile, seed)
    return None if key is None else disk_cache.find(key, _read)


def keep(subject: Subject, profile: str, seed: int, families: Families) -> None:
    """Stores the cases of all families, if others will find them again."""
    key = _key(subject, profile, seed)
    if key is not None:
        disk_cache.keep(key, families, _as_data)
        loss = subject.scored.objective.loss
        for name in (loss.name, *loss.aliases):
            disk_cache.plain([DRAWN, name], lambda: True)


def _key(subject: Subject, profile: str, seed: int) -> list[Any] | None:
    """All that the cases depend on; None for those of a user's own spec, and of other profiles, which follow the candidate's strain."""
    claim = subject.oracle.claim
    if not are_stored(profile, seed) or not isinstance(claim, Objective):
        return None
    homes = shipped(claim.loss), shipped(claim.penalty)
    if None in homes:
        return None
    own = [claim.reduction, *claim.form.names, claim.classes, dict(claim.parameters), dict(claim.unsure)]
    return ["cases", *homes, subject.oracle.dtype, *own, [dict(values) for values in subject.other_values]]


def _as_data(families: Families) -> list[Any]:
    return [[name, [[packed(d.case), b64encode(d.choices).decode()] for d in drawn]] for name, drawn in families.items()]


def _read(found: Any) -> Families:
    return {name: [Drawn(unpacked(case), b64decode(choices)) for case, choices in drawn] for name, drawn in found}
