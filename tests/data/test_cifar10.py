"""The reader of CIFAR-10, on small files of the true record layout: one label byte, then 3072 pixel bytes."""

from __future__ import annotations

import numpy as np
import pytest

from verify.data.cifar10 import RECORD, cifar10
from verify.errors import UsageError


def batch(file, labels, seed=0):
    """Writes records with these labels and random pixels; returns the pixels."""
    pixels = np.random.default_rng(seed).integers(0, 256, (len(labels), 3072), dtype=np.uint8)
    file.write_bytes(b"".join(bytes([label]) + row.tobytes() for label, row in zip(labels, pixels, strict=True)))
    return pixels


def test_records_come_back_in_the_order_of_the_files(tmp_path):
    second, tenth = batch(tmp_path / "data_batch_2.bin", [3, 9], 1), batch(tmp_path / "data_batch_10.bin", [0], 2)
    kept = batch(tmp_path / "test_batch.bin", [7, 7, 1], 3)
    found = cifar10(tmp_path)
    assert np.array_equal(found.images, np.vstack([second, tenth]))
    assert found.labels.tolist() == [3, 9, 0]
    assert np.array_equal(found.test_images, kept)
    assert found.test_labels.tolist() == [7, 7, 1]
    assert found.images.dtype == np.uint8
    assert ["2 training file(s) with 3 records" in n for n in found.notices] == [True]


def test_a_published_set_has_no_notice(tmp_path):
    for name in [*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"]:
        with open(tmp_path / f"{name}.bin", "wb") as file:
            file.truncate(10_000 * RECORD)  # zeros that take no space
    found = cifar10(tmp_path)
    assert (found.images.shape, found.test_images.shape, found.notices) == ((50_000, 3072), (10_000, 3072), ())


def test_without_a_test_batch_there_is_a_notice(tmp_path):
    batch(tmp_path / "data_batch_1.bin", [1, 2])
    found = cifar10(tmp_path)
    assert found.test_images is None
    assert found.test_labels is None
    assert "no test_batch.bin" in found.notices[0]


def cut(folder):
    batch(folder / "data_batch_1.bin", [1, 2])
    whole = (folder / "data_batch_1.bin").read_bytes()
    (folder / "data_batch_1.bin").write_bytes(whole[:-1])


def empty(folder):
    (folder / "data_batch_1.bin").write_bytes(b"")


def of_cifar100(folder):
    (folder / "data_batch_1.bin").write_bytes(bytes(3074 * 5))


def a_strange_label(folder):
    batch(folder / "data_batch_1.bin", [1, 10])


def a_cut_test_batch(folder):
    batch(folder / "data_batch_1.bin", [1])
    (folder / "test_batch.bin").write_bytes(bytes(RECORD + 5))


def pickles(folder):
    (folder / "data_batch_1").write_bytes(b"\x80\x02}q\x01.")
    (folder / "batches.meta").write_bytes(b"\x80\x02}q\x01.")


def a_folder_too_high(folder):
    (folder / "cifar-10-batches-bin").mkdir()
    batch(folder / "cifar-10-batches-bin" / "data_batch_1.bin", [1])


WRONG = {
    "cut within a record": (cut, "data_batch_1.bin has 6,145 bytes: 1 whole records of 3073 and 3072 bytes over"),
    "empty": (empty, "has 0 bytes"),
    "CIFAR-100": (of_cifar100, "15,370 bytes"),
    "a label beyond 9": (a_strange_label, "the label of record 1 is 10; labels are 0..9"),
    "a cut test batch": (a_cut_test_batch, "test_batch.bin has 3,078 bytes"),
    "pickles": (pickles, "holds Python pickles (batches.meta, data_batch_1). They are not read: to unpickle a file is to run"),
    "a folder too high": (a_folder_too_high, "Did you mean"),
    "nothing": (lambda _: None, "has no data_batch_*.bin"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_no_cifar10_is_named_with_the_remedy(tmp_path, case):
    make, message = WRONG[case]
    make(tmp_path)
    with pytest.raises(UsageError) as caught:
        cifar10(tmp_path)
    assert message in str(caught.value)
    assert "cifar-10-batches-bin" in str(caught.value)


def test_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(UsageError, match="is no folder"):
        cifar10(tmp_path / "nowhere")
