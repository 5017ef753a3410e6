"""What a candidate answers, and what it is called when it does not."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Answer:
    """A loss and its gradient in the suite's own layout: `gradient` is (C, D)."""

    value: float
    gradient: NDArray[np.floating]


class Misbehaviour(Exception):
    """The candidate gave no answer that could be judged. `code` is a diagnosis code, the message a sentence."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
