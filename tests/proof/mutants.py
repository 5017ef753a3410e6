"""Functions with one slip each: another operator, another constant, another side of a comparison, a sign that is left out."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable, Iterator
from copy import deepcopy
from typing import Any

OTHER = {ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.Pow: ast.Mult, ast.MatMult: ast.MatMult}
TURNED = {ast.Gt: ast.Lt, ast.Lt: ast.Gt, ast.GtE: ast.LtE, ast.LtE: ast.GtE, ast.NotEq: ast.Eq, ast.Eq: ast.NotEq}


def mutants(f: Callable[..., Any]) -> Iterator[tuple[str, Callable[..., Any]]]:
    """Each with the line that has the slip."""
    tree = ast.parse(inspect.getsource(f))
    nodes = [*ast.walk(tree)]
    for k, node in enumerate(nodes):
        for slip in range(2):
            other = deepcopy(tree)
            here = [*ast.walk(other)][k]
            if not _slips(here, slip):
                continue
            told = ast.unparse(here)
            made = dict(inspect.unwrap(f).__globals__)
            code = compile(ast.fix_missing_locations(other), f"<{f.__name__}>", "exec")
            exec(code, made)
            yield f"{f.__name__}:{node.lineno} {told}", made[f.__name__]


def _slips(node: Any, slip: int) -> bool:
    if isinstance(node, ast.BinOp) and slip == 0:
        node.op = OTHER.get(type(node.op), type(node.op))()
        return not isinstance(node.op, ast.MatMult)
    if isinstance(node, ast.Constant) and type(node.value) in (int, float):
        node.value = node.value + 1 if slip else node.value * 1.001
        return slip == 1 or (isinstance(node.value, float) and node.value != 0)
    if isinstance(node, ast.Compare) and slip == 0:
        node.ops = [TURNED.get(type(op), type(op))() for op in node.ops]
        return True
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub) and slip == 0:
        node.op = ast.UAdd()
        return True
    return False
