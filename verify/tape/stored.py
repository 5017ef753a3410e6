"""Tapes of one recording as plain data, and back, register by register; common instructions are stored once."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from verify.tape.primitives import NAMED, PRIMITIVES, Number
from verify.tape.tape import Instruction, Registers, Tape


def as_data(tapes: Sequence[Tape]) -> dict[str, Any]:
    """Tapes of one builder, the last the longest, as JSON data. Raises ValueError for a parameter without a plain form."""
    instructions = list({id(i): i for tape in tapes for i in tape.instructions}.values())
    place = {id(i): k for k, i in enumerate(instructions)}
    longest = tapes[-1]
    return {
        "inputs": longest.inputs.tolist(),
        "variables": longest.variables.tolist(),
        "constants": [[register, str(value)] for register, value in longest.constants.items()],
        "instructions": [[i.op, i.outs.tolist(), [x.tolist() for x in i.ins], _plain(i)] for i in instructions],
        "tapes": [
            {
                "instructions": [place[id(i)] for i in tape.instructions],
                "outputs": tape.outputs.tolist(),
                "size": tape.size,
                "constants": len(tape.constants),
            }
            for tape in tapes
        ],
    }


def read(found: dict[str, Any]) -> list[Tape]:
    """The tapes from plain data. Raises LookupError, TypeError or ValueError for invalid data."""
    inputs, variables = _registers(found["inputs"]), _registers(found["variables"])
    constants = [(int(register), _number(value)) for register, value in found["constants"]]
    instructions = [
        Instruction(op=PRIMITIVES[op].name, outs=_registers(outs), ins=tuple(map(_registers, ins)), parameter=_parameter(parameter))
        for op, outs, ins, parameter in found["instructions"]
    ]
    return [
        Tape(
            inputs=inputs,
            constants=dict(constants[: tape["constants"]]),
            instructions=tuple(instructions[k] for k in tape["instructions"]),
            outputs=_registers(tape["outputs"]),
            size=int(tape["size"]),
            variables=variables,
        )
        for tape in found["tapes"]
    ]


def _registers(found: Any) -> Registers:
    return np.array(found, np.intp)


def _number(found: str) -> Number:
    return found if found in NAMED else Fraction(found)


def _plain(i: Instruction) -> Any:
    """The parameter as plain data: fractions as text."""
    if i.line is not None or not (i.parameter is None or type(i.parameter) in (int, Fraction)):
        raise ValueError(f"{i.op} with {i.parameter!r} has no plain form")
    return str(i.parameter) if isinstance(i.parameter, Fraction) else i.parameter


def _parameter(found: Any) -> Any:
    return Fraction(found) if isinstance(found, str) else found
