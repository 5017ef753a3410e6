"""`[tool.verify]` of pyproject.toml, and the built-in core, which is judged where there is none."""

from __future__ import annotations

import ast
import pkgutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from verify.campaign.requested import CODE, requested
from verify.campaign.task import Request
from verify.campaign.witness import NO_LOSS
from verify.conventions import PINS
from verify.errors import UsageError, of_type, shown, unknown, whole
from verify.profiles import DTYPES, PROFILES
from verify.settings import known, tool
from verify.spec.catalogue import names, penalties

CANDIDATE_KEYS = ("target", "loss", "dtypes", *PINS, *CODE)


@dataclass(frozen=True, kw_only=True)
class Configuration:
    """What `verify run` judges, and how."""

    candidates: tuple[Mapping[str, Any], ...]
    profile: str = "ci"
    seed: int = 0
    scheduler: str | None = None

    def requests(self, *, profile: str | None = None, seed: int | None = None, laws: tuple[str, ...] | None = None) -> list[Request]:
        """One request for each candidate; arguments override the file."""
        profile, seed = profile or self.profile, self.seed if seed is None else seed
        return [_request(c, profile, seed, laws) for c in self.candidates]


def read(folder: Path) -> Configuration:
    """The configuration in a folder's pyproject.toml. Raises UsageError for unknown keys and invalid values."""
    table, file = tool(folder), folder / "pyproject.toml"
    if table is None:
        return Configuration(candidates=tuple(core_candidates()))
    candidates = table.get("candidates")
    if candidates is not None and not (isinstance(candidates, list) and all(isinstance(c, dict) for c in candidates)):
        raise UsageError(f"candidates in {file} is {shown(candidates)}; give one or more tables [[tool.verify.candidates]].")
    profile, seed = table.get("profile", "ci"), table.get("seed", 0)
    of_type("profile", profile, (str,), f"one of {', '.join(PROFILES)}")
    if profile not in PROFILES:
        raise unknown("profile", profile, PROFILES)
    whole("seed", seed)
    if "scheduler" in table:
        of_type("scheduler", table["scheduler"], (str,), 'the address of a scheduler of dask, such as "tcp://host:8786"')
    for c in candidates or ():
        known(c, CANDIDATE_KEYS, "[[tool.verify.candidates]]")
        if not isinstance(c.get("target"), str):
            raise UsageError(f"a candidate of {file} has no target. Each [[tool.verify.candidates]] needs one, such as 'losses.py:svm'.")
        if not isinstance(c.get("loss", NO_LOSS), str):
            raise UsageError(f'the candidate {c["target"]} has loss = {shown(c["loss"])}; give the name of a spec, FILE.py or "none".')
    listed = tuple(core_candidates()) if candidates is None else tuple(candidates)
    return Configuration(candidates=listed, profile=profile, seed=seed, scheduler=table.get("scheduler"))


def core_candidates() -> Iterable[Mapping[str, Any]]:
    """Every kernel of the core whose loss has a spec, with each of its penalties, at both dtypes. The kernels' files are read, not
    imported.
    """
    core = find_spec("verify.core")
    folders = core.submodule_search_locations if core else None
    kernels = {m.name for m in pkgutil.iter_modules(folders)}
    for loss in names():
        has = _assigned(Path((folders or [""])[0], f"{loss}.py").read_text(encoding="utf-8")) if loss in kernels else set()
        for penalty in (name.replace("-", "_") for name in penalties()):
            if penalty in has:
                yield {"target": f"verify.core.{loss}:{penalty}", "loss": loss, "dtypes": list(DTYPES)}


def _assigned(source: str) -> set[str]:
    """The names assigned at the top level of a module."""
    at_top = (node for statement in ast.parse(source).body if isinstance(statement, ast.Assign) for node in ast.walk(statement))
    return {node.id for node in at_top if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}


def _request(c: Mapping[str, Any], profile: str, seed: int, laws: tuple[str, ...] | None) -> Request:
    options = {key: value for key, value in c.items() if key not in ("target", "loss")}
    loss = None if c.get("loss", NO_LOSS) == NO_LOSS else c["loss"]
    try:
        if isinstance(options.get("at"), str):
            from verify.pair.literals import read_example  # imported only for pairs, since it is slow

            options["at"] = read_example(options["at"])
        return requested(c["target"], loss=loss, **options, laws=laws, profile=profile, seed=seed)
    except UsageError as error:
        raise UsageError(f"the candidate {c['target']}: {error}") from None
