"""What workers share with the command: who dies in the middle of a message, or writes nonsense, stops nobody."""

from __future__ import annotations

import os
import pickle
import struct
import subprocess
import sys

import numpy as np
import pytest
from misbehaving import Text

from verify import UsageError, Verdict
from verify.api import judge_all
from verify.campaign import channel, notes, output
from verify.campaign.task import Request

TRIES = "import fcntl, sys\ntry: fcntl.lockf(int(sys.argv[1]), fcntl.LOCK_EX | fcntl.LOCK_NB)\nexcept OSError: sys.exit('taken')"


def other_takes(lock: channel.Lock) -> bool:
    """Whether another process can take it, which lets it go by ending."""
    return not subprocess.run([sys.executable, "-c", TRIES, str(lock._file)], pass_fds=[lock._file], capture_output=True).returncode


def test_a_lock_keeps_other_processes_out_until_it_is_let_go_as_often_as_it_was_taken():
    lock = channel.Lock()
    assert other_takes(lock)
    assert lock.acquire(timeout=1)
    assert lock.acquire(block=False)
    lock.release()
    assert not other_takes(lock)
    lock.release()
    assert other_takes(lock)


@pytest.fixture
def ends():
    reader, writer = channel.pipe()
    yield reader, writer
    reader.close()
    writer.close()


def test_a_message_comes_whole(ends):
    reader, writer = ends
    writer.send({"loss": 1.5})
    assert reader.recv() == {"loss": 1.5}


@pytest.mark.parametrize("written", [b"\0\0\0\5hello", b"\xff\xff\xff\0", b"\0\0\0\0"])
def test_what_is_no_message_is_told(ends, written):
    os.write(ends[1].fileno(), written)
    with pytest.raises(channel.Garbled, match="cannot be read"):
        ends[0].recv()


NO_DATA = {
    "of a candidate's": pickle.dumps(Text("hello")),
    "a module that is not loaded": b"cantigravity\nfly\n.",
    "a function": b"cbuiltins\neval\n.",
    "a function of the suite's": b"cverify.cli\nmain\n.",
    "another's class, by a module of the suite's": b"\x80\x04\x8c\x17verify.campaign.project\x8c\x10subprocess.Popen\x93.",
    "another's class, in a module of the suite's": b"cverify.campaign.project\nPath\n.",
    "no such name": b"cos\nno_such_name\n.",
    "no pickle": b"0000.",
    "no text": b"\x80\x04\x8c\x02\xff\xfe.",
    "larger than memory": b"\x80\x04\x96" + struct.pack("<Q", 1 << 60) + b".",
}


@pytest.mark.parametrize("told", NO_DATA)
def test_what_is_no_data_of_the_suite_s_is_not_run_by_who_reads_it(ends, tmp_path, told):
    """Neither what came through the pipe, nor what somebody has written in the place of a worker's notes."""
    ends[1].send_bytes(NO_DATA[told])
    with pytest.raises(channel.Garbled, match="cannot be read"):
        ends[0].recv()
    (tmp_path / "record").write_bytes(notes.HEADER.pack(0, len(NO_DATA[told])) + NO_DATA[told])
    assert notes.read(tmp_path / "record") is None
    assert "antigravity" not in sys.modules


def test_notes_that_are_something_else_are_none(tmp_path):
    told = pickle.dumps("no note")
    (tmp_path / "record").write_bytes(notes.HEADER.pack(0, len(told)) + told)
    assert notes.read(tmp_path / "record") is None


@pytest.mark.skipif(sys.platform == "win32", reason="pipes with names and devices are POSIX")
@pytest.mark.parametrize("other", ["a pipe", "a device without end", "a folder", "nothing"])
def test_what_stands_in_the_place_of_a_worker_s_files_is_not_waited_for(tmp_path, other):
    """A candidate may put it there."""
    file = tmp_path / "1.record"
    if other == "a pipe":
        os.mkfifo(file)
    elif other == "a folder":
        file.mkdir()
    elif other == "a device without end":
        file.symlink_to("/dev/zero")
    assert notes.read(file) is None
    assert output.said(file) == ""
    output.trim(file)


def test_data_of_the_suite_and_exceptions_come_through(ends):
    sent = [np.float32(1.5), np.arange(6.0).reshape(2, 3)[:, ::2], UsageError("x"), Verdict.HOLDS, frozenset({2j})]
    ends[1].send(sent)
    assert repr(ends[0].recv()) == repr(sent)


OF_DASK = """
from tblib import pickling_support  # as `import distributed` does

pickling_support.install()


def loss(a, b, c, d, e):
    return 1.0
"""


def test_a_refusal_comes_through_whatever_a_library_does_to_exceptions(tmp_path):
    (tmp_path / "mine.py").write_text(OF_DASK, encoding="utf-8")
    with pytest.raises(UsageError, match="needs an argument 'e'"):
        judge_all([Request(candidate=f"{tmp_path}/mine.py:loss", loss="multiclass_hinge", profile="quick", laws=("value",))])


def test_a_message_that_goes_no_further_is_waited_for_in_vain(ends, monkeypatch):
    monkeypatch.setattr(channel, "MESSAGE_TIMEOUT", 0.0)
    os.write(ends[1].fileno(), b"\x7f\xff\xff\xffthe rest never comes")
    with pytest.raises(channel.Garbled, match="no further"):
        ends[0].recv()
