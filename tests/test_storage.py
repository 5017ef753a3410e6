"""Files of our own: whole or not at all, in nobody else's way."""

from __future__ import annotations

import errno
import json
import os
import signal
import stat
import sys
import threading
import time

import pytest

from verify import folders
from verify.errors import UsageError
from verify.source import load_file
from verify.storage import MIN_RESERVED, Room, read_part, save

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="links, modes and pipes are POSIX")


def test_a_link_in_its_place_is_replaced_and_not_followed(tmp_path):
    victim, report = tmp_path / "victim", tmp_path / "report.json"
    victim.write_text("mine", encoding="utf-8")
    report.symlink_to(victim)
    (tmp_path / "report.json.partial").symlink_to(victim)
    save(report, "new")
    assert (victim.read_text(encoding="utf-8"), report.read_text(encoding="utf-8"), report.is_symlink()) == ("mine", "new", False)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere names of files are text")
def test_names_of_files_that_are_no_text_are_loaded_and_written(tmp_path):
    report, file = (tmp_path / os.fsdecode(name) for name in (b"r\xff.json", b"m\xfe.py"))
    file.write_text("answer = 42\n", encoding="utf-8")
    assert load_file(file).answer == 42
    save(report, f'"{file.name}"')
    assert json.loads(report.read_text(encoding="utf-8")) == file.name


def test_writers_at_once_leave_one_whole_file_and_nothing_beside(tmp_path):
    texts = [str(k) * 200_000 for k in range(8)]
    writers = [threading.Thread(target=lambda t=t: [save(tmp_path / "report.json", t) for _ in range(10)]) for t in texts]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert [p.name for p in tmp_path.iterdir()] == ["report.json"]
    assert (tmp_path / "report.json").read_text(encoding="utf-8") in texts


def test_what_cannot_be_written_leaves_what_was_there(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    save(tmp_path / "report.json", "old")
    monkeypatch.setattr("os.replace", full)
    with pytest.raises(UsageError, match="No space left on device"):
        save(tmp_path / "report.json", "new")
    assert [p.read_text(encoding="utf-8") for p in tmp_path.iterdir()] == ["old"]


@pytest.mark.skipif(not hasattr(os, "posix_fallocate"), reason="no such call here")
@pytest.mark.parametrize(("free", "held"), [(1 << 20, 1 << 20), (300_000, 1 << 18), (MIN_RESERVED - 1, 0)])
def test_room_is_held_until_it_is_given_back_and_has_no_name(tmp_path, monkeypatch, free, held):
    usual = os.posix_fallocate

    def allocate(file, start, size):
        if size > free:
            raise OSError(28, "No space left on device")
        usual(file, start, size)

    monkeypatch.setattr(os, "posix_fallocate", allocate)
    room = Room(tmp_path, 1 << 20)
    assert os.fstat(room._file.fileno()).st_size == held
    assert list(tmp_path.iterdir()) == []
    room.close()
    assert room._file.closed


def test_a_pipe_is_written_and_stays_one(tmp_path):
    """Also with more than it holds at a time, for a reader who takes a while."""
    os.mkfifo(tmp_path / "pipe")
    heard = []

    def read():
        with open(tmp_path / "pipe", "rb") as pipe:
            time.sleep(0.1)
            heard.append(pipe.read())

    reader = threading.Thread(target=read)
    reader.start()
    save(tmp_path / "pipe", "new" * 1_000_000)
    reader.join()
    assert heard == [b"new" * 1_000_000]
    assert stat.S_ISFIFO(os.stat(tmp_path / "pipe").st_mode)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="pipes with names are POSIX")
def test_a_pipe_that_nobody_reads_is_replaced(tmp_path):
    """Whoever writes to it would wait for ever; a candidate can put one in the place of a report."""
    os.mkfifo(tmp_path / "report.json")
    process = os.fork()
    if not process:
        signal.alarm(10)  # ends it
        save(tmp_path / "report.json", "{}")
        os._exit(0)
    assert os.waitpid(process, 0)[1] == 0
    assert (tmp_path / "report.json").is_file()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="pipes with names are POSIX")
@pytest.mark.parametrize("why", ["a link leads there", "it is refused"])
def test_a_pipe_that_nobody_reads_stays_where(tmp_path, monkeypatch, why):
    """As /dev/stdout, which leads to that of a command that has ended, or one of somebody else."""
    pipe, link, opened = tmp_path / "pipe", tmp_path / "link", os.open
    os.mkfifo(pipe)
    link.symlink_to(pipe)

    def refused(path, *how):
        if path == pipe:
            raise PermissionError(errno.EACCES, "no")
        return opened(path, *how)

    monkeypatch.setattr("verify.storage.READERS", 0)
    if why == "it is refused":
        monkeypatch.setattr(os, "open", refused)
    with pytest.raises(UsageError, match="cannot be written"):
        save(link if why == "a link leads there" else pipe, "{}")
    assert pipe.is_fifo()
    assert link.is_symlink()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="pipes with names are POSIX")
def test_a_pipe_is_not_read_as_an_empty_file(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="it is no file"):
        read_part(tmp_path / "pipe", 10)


def test_modes_are_those_of_other_files(tmp_path):
    (tmp_path / "other").write_text("", encoding="utf-8")
    save(tmp_path / "report.json", "new")
    assert os.stat(tmp_path / "report.json").st_mode == os.stat(tmp_path / "other").st_mode


@pytest.mark.parametrize("umask", [0, 0o777])
def test_a_cache_is_private_whatever_the_umask(tmp_path, umask):
    before = os.umask(umask)
    try:
        folders.make(tmp_path / "cache" / "verify" / "kernels")
    finally:
        os.umask(before)
    for made in ("cache", "cache/verify", "cache/verify/kernels"):
        assert stat.S_IMODE(os.stat(tmp_path / made).st_mode) == 0o700
    assert folders.private(tmp_path / "cache" / "verify" / "kernels")


@pytest.mark.parametrize(("mode", "private"), [(0o700, True), (0o755, True), (0o777, False), (0o1777, True)])
def test_whoever_can_replace_a_folder_above_can_replace_the_cache(tmp_path, mode, private):
    folders.make(tmp_path / "above" / "cache")
    os.chmod(tmp_path / "above", mode)
    assert folders.private(tmp_path / "above" / "cache") is private
