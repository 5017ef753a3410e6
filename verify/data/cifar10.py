"""CIFAR-10 in its binary layout, read from a folder that the user names.

A record is one label byte 0..9 and 3072 pixel bytes: 1024 red, 1024 green, 1024 blue, row by row. The published files are
data_batch_1.bin to data_batch_5.bin and test_batch.bin of 10,000 records each, in cifar-10-binary.tar.gz.
Source: A. Krizhevsky, Learning Multiple Layers of Features from Tiny Images, 2009, https://www.cs.toronto.edu/~kriz/cifar.html
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from verify.errors import UsageError

PIXELS = 3 * 32 * 32
RECORD = 1 + PIXELS
PUBLISHED = 10_000
"""Records of each published file."""

REMEDY = "Give the folder of the binary version (cifar-10-binary.tar.gz, unpacked: cifar-10-batches-bin)."
Bytes = NDArray[np.uint8]


@dataclass(frozen=True, kw_only=True, eq=False)
class Cifar10:
    """`images` (N, 3072) and `labels` (N,) of all training files in order; the same of test_batch.bin, None without one.

    `notices` says what differs from the published files.
    """

    images: Bytes
    labels: Bytes
    test_images: Bytes | None
    test_labels: Bytes | None
    notices: tuple[str, ...]


def cifar10(folder: Path) -> Cifar10:
    """All records of the folder's data_batch_*.bin and test_batch.bin.

    Raises UsageError where the folder or its files are missing, are Python pickles, end within a record, or have labels
    beyond 9.
    """
    if not folder.is_dir():
        raise UsageError(f"{folder} is no folder. {REMEDY}")
    training, test = sorted(folder.glob("data_batch_*.bin"), key=_number), folder / "test_batch.bin"
    if not training:
        raise UsageError(_without_batches(folder))
    records = np.concatenate([_records(file) for file in training])
    kept = _records(test) if test.exists() else None
    notices = [] if kept is not None else [f"{folder} has no test_batch.bin: a part of the training examples is kept for testing."]
    if len(training) < 5 or len(records) != PUBLISHED * len(training):
        notices.append(f"{folder} has {len(training)} training file(s) with {len(records):,} records; the published set has 50,000 in 5.")
    return Cifar10(
        images=records[:, 1:],
        labels=records[:, 0],
        test_images=None if kept is None else kept[:, 1:],
        test_labels=None if kept is None else kept[:, 0],
        notices=tuple(notices),
    )


def _number(file: Path) -> tuple[int, str]:
    found = re.search(r"(\d+)", file.stem)
    return int(found[1]) if found else 0, file.name


def _without_batches(folder: Path) -> str:
    """Why there is nothing to read: pickles, a folder one level too high, or nothing at all."""
    pickles = sorted(p.name for p in folder.iterdir() if re.fullmatch(r"data_batch_\d|test_batch|batches\.meta", p.name))
    if pickles:
        return (
            f"{folder} holds Python pickles ({', '.join(pickles)}). They are not read: to unpickle a file is to run whatever "
            f"code it names. {REMEDY}"
        )
    below = [p.parent for p in sorted(folder.glob("*/data_batch_*.bin"))]
    return f"{folder} has no data_batch_*.bin. " + (f"Did you mean {below[0]}?" if below else REMEDY)


def _records(file: Path) -> Bytes:
    """The records of a file as (N, 3073) bytes, checked."""
    try:
        raw = np.fromfile(file, np.uint8)
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror}.") from None
    if raw.size == 0 or raw.size % RECORD:
        whole, rest = divmod(raw.size, RECORD)
        raise UsageError(
            f"{file} has {raw.size:,} bytes: {whole:,} whole records of {RECORD} and {rest} bytes over. A file of {PUBLISHED:,} records "
            f"has {PUBLISHED * RECORD:,}; this one is truncated or no CIFAR-10 batch. {REMEDY}"
        )
    records = raw.reshape(-1, RECORD)
    wrong = np.flatnonzero(records[:, 0] > 9)
    if wrong.size:
        raise UsageError(f"{file}: the label of record {wrong[0]} is {records[wrong[0], 0]}; labels are 0..9. {REMEDY}")
    return records
