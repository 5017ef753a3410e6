"""What workers share with the command: who dies in the middle of a message, or writes nonsense, stops nobody."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from verify.campaign import channel

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


def test_a_message_that_goes_no_further_is_waited_for_in_vain(ends, monkeypatch):
    monkeypatch.setattr(channel, "PATIENCE", 0.0)
    os.write(ends[1].fileno(), b"\x7f\xff\xff\xffthe rest never comes")
    with pytest.raises(channel.Garbled, match="no further"):
        ends[0].recv()
