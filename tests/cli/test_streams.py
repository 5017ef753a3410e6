"""Standard output and standard error that are closed, full, left by their reader, or short of letters: the verdict stays what it is."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from xml.etree import ElementTree as ET

import pytest

MODULE = [sys.executable, "-m", "verify"]
ENVIRONMENT = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "FORCE_COLOR", "PYTHONPATH")} | {"PYTHONIOENCODING": "utf-8"}
WRONG = """
def f(prediction, target):  # ::error::no\x1b[31m
    return 3 * (prediction - target), prediction * 0 + 1
"""
CHECK = "check wrong.py:f --loss squared_error --law gradient --profile quick --in-process"

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="a POSIX shell")


@pytest.fixture(scope="module")
def here(tmp_path_factory):
    folder = tmp_path_factory.mktemp("streams")
    (folder / "wrong.py").write_text(WRONG, encoding="utf-8")
    done = subprocess.run([*MODULE, *CHECK.split(), "--format", "json"], cwd=folder, env=ENVIRONMENT, capture_output=True, check=False)
    document = json.loads(done.stdout)
    document["results"][0] |= {"candidate": "größe λ 😀.py:f"}
    (folder / "report.json").write_text(json.dumps(document), encoding="utf-8")
    return folder


def shell(folder, words, **environment):
    done = subprocess.run(
        ["bash", "-c", f'verify() {{ {" ".join(MODULE)} "$@"; }}; verify {words}; echo code ${{PIPESTATUS[0]}}'],
        cwd=folder,
        env=ENVIRONMENT | environment,
        capture_output=True,
        timeout=60,
        check=False,
    )
    return done.stdout, done.stderr.decode()


STREAMS = {
    "no standard output": ("report report.json >&-", 0),
    "no standard error": (f"{CHECK} 2>&-", 1),
    "no stream at all": (f"{CHECK} <&- >&- 2>&-", 1),
    "full standard error": (f"{CHECK} 2>/dev/full", 1),
    "a sentence for a full standard error": ("check nothere.py:f --loss squared_error 2>/dev/full", 2),
    "a reader that has gone": (f"{CHECK} | true", 1),
    "full standard output": ("report report.json >/dev/full", 2),
}


@pytest.mark.parametrize("case", STREAMS)
def test_the_exit_code_is_that_of_the_verdict(here, case):
    words, code = STREAMS[case]
    out, err = shell(here, words)
    assert out.decode().splitlines()[-1] == f"code {code}", err
    assert "Traceback" not in err
    assert "Exception ignored" not in err


LETTERS = {
    "json": lambda text: json.loads(text)["results"][0]["candidate"],
    "junit": lambda text: ET.fromstring(text).find(".//testcase").get("classname").removeprefix("verify."),
    "text": lambda text: text,
    "markdown": lambda text: text,
}


@pytest.mark.parametrize(("format_", "encoding"), [("json", "cp1252"), ("junit", "cp1252"), ("text", "ascii"), ("markdown", "ascii")])
def test_documents_say_the_same_where_letters_are_missing(here, format_, encoding):
    out, err = shell(here, f"report report.json --format {format_}", PYTHONIOENCODING=encoding)
    text, _, code = out.decode(encoding).rpartition("code ")
    assert (code.strip(), err) == ("0", "")
    shown = LETTERS[format_](text)
    assert shown == "größe λ 😀.py:f" if format_ in ("json", "junit") else "\\u03bb" in shown or "&#955;" in shown


def test_a_proof_is_json_where_letters_are_missing(here):
    (here / "λ😀.py").write_text("def f(x):\n    return x * x, 2 * x\n", encoding="utf-8")
    out, _ = shell(here, "prove λ😀.py:f --at 1.5 --format json", PYTHONIOENCODING="cp1252")
    text, _, code = out.decode("cp1252").rpartition("code ")
    assert code.strip() == "0"
    assert "λ😀.py:f" in str(json.loads(text))


def test_text_of_others_moves_no_cursor_and_starts_no_annotation(here):
    """A traceback of the user's own code has its lines, and nothing that a terminal or a CI system obeys."""
    (here / "raises.py").write_text('raise ValueError("no\\n::error::pwned\\n\\x1b[31mred")\n', encoding="utf-8")
    _, err = shell(here, "check raises.py:f --loss squared_error")
    assert "'::error::pwned\n" in err
    assert "\n::error" not in err
    assert "\x1b" not in err


INTERRUPTED = """
import sys

where, *told = sys.argv[3:]
del sys.argv[3:]

class Finder:
    def find_spec(self, name, *_):
        if name == where:
            raise KeyboardInterrupt(*told)

sys.meta_path.insert(0, Finder())
from verify.__main__ import main
main()
"""


@pytest.mark.parametrize(("raised", "code"), [("verify.cli", 130), ("verify.laws", 130), ("verify.laws SIGTERM", 143)])
def test_a_signal_while_the_command_is_imported_ends_it_quietly(raised, code):
    ended = subprocess.run(
        [sys.executable, "-c", INTERRUPTED, "list", "laws", *raised.split()], capture_output=True, encoding="utf-8", check=False
    )
    assert (ended.returncode, ended.stderr.strip()) == (code, "interrupted")


PRINTS = """
from verify import streams
streams.prepare()
print("ready", flush=True)
input()
print("to nobody", flush=True)
raise SystemExit(7)
"""


def test_a_terminal_that_was_closed_is_no_output_that_cannot_be_written():
    terminal, there = os.openpty()
    with subprocess.Popen([sys.executable, "-c", PRINTS], stdin=subprocess.PIPE, stdout=there, stderr=there) as command:
        os.close(there)
        assert os.read(terminal, 100)
        os.close(terminal)
        command.communicate(b"\n")
    assert command.returncode == 7
