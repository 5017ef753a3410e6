"""The examples of README and of the pages in docs/ run, and print what they show; every command in a document is one."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
import textwrap
from itertools import takewhile

import click
import pytest
from documented import ROOT, WIDTH, blocks

from verify.cli import cli

ELSEWHERE = {"hiker.md": "tests/descent/test_tutorial.py", "tape.md": "its second example is one row of a table"}
PAGES = {
    page.relative_to(ROOT).as_posix(): page
    for page in (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")))
    if page.name not in ELSEWHERE and "```python" in page.read_text(encoding="utf-8")
}
"""The documents whose examples run here: those with Python in them."""


def folded(lines: list[str]) -> list[str]:
    """What a command prints, as a document shows it: without times, and no longer than its columns."""
    timeless = [re.sub(r"\s+\d+\.\d s$", "", line.rstrip()) for line in lines]
    return [part for line in timeless for part in textwrap.wrap(line, WIDTH, subsequent_indent="    ") or [""]]


def run_command(shown: str) -> None:
    """A block of a console: the command prints what stands below it, and may print more."""
    command, *lines = shown.splitlines()
    arguments = shlex.split(command.removeprefix("$ verify "))
    run = subprocess.run([sys.executable, "-m", "verify", *arguments], capture_output=True, text=True, check=False, encoding="utf-8")
    assert run.returncode == 1, run.stderr
    assert folded(run.stdout.splitlines())[: len(lines)] == folded(lines)


@pytest.mark.parametrize("page", PAGES)
def test_the_examples_of_a_page_run(page, tmp_path, monkeypatch):
    """In their order: a block with a title is written to that file, Python is run in one namespace, commands print what is shown."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    for module in ("linear_svm", "mended", "layers"):
        monkeypatch.delitem(sys.modules, module, raising=False)
    names: dict[str, object] = {"__name__": "example"}
    if page != "docs/tutorial.md":
        of_tutorial = re.search(
            r'```python title="linear_svm.py"\n(.*?)```', PAGES["docs/tutorial.md"].read_text(encoding="utf-8"), re.DOTALL
        )
        (tmp_path / "linear_svm.py").write_text(of_tutorial[1], encoding="utf-8")
    text = PAGES[page].read_text(encoding="utf-8")
    for language, title, block in re.findall(r'^```(python|console|toml)(?: title="(.*?)")?\n(.*?)^```', text, re.DOTALL | re.MULTILINE):
        if title:
            (tmp_path / title).write_text(block, encoding="utf-8")
        elif language == "python":
            exec(compile(block, f"{page}: example", "exec"), names)
        elif language == "console":
            run_command(block)


def test_the_test_of_the_pages_can_fail(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "linear_svm.py").write_text(blocks("python")[0], encoding="utf-8")
    shown = blocks("console")[0]
    with pytest.raises(AssertionError):
        run_command(shown.replace("4.5e+13", "4.4e+13"))
    with pytest.raises(AssertionError):
        run_command(shown.replace("half of", "twice"))


def test_the_tests_of_the_page_on_pytest_are_tests(tmp_path):
    pages = {name: PAGES[f"docs/{name}.md"].read_text(encoding="utf-8") for name in ("tutorial", "how-to/pytest")}
    for page, file in (("tutorial", "linear_svm.py"), ("how-to/pytest", "test_losses.py")):
        (tmp_path / file).write_text(re.search(rf'title="{file}"\n(.*?)```', pages[page], re.DOTALL)[1], encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--import-mode=prepend", "--verify-profile", "quick"]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, encoding="utf-8")
    assert "2 failed, 2 passed" in run.stdout, run.stdout
    for name in ("test_svm[float64-gradient]", "test_code[float64-formula]"):
        assert f"FAILED test_losses.py::{name}" in run.stdout


def test_the_project_of_the_tutorial_is_one(tmp_path, monkeypatch):
    text = PAGES["docs/tutorial.md"].read_text(encoding="utf-8")
    for title, block in re.findall(r'```\w+ title="(.*?)"\n(.*?)```', text, re.DOTALL):
        (tmp_path / title).write_text(block, encoding="utf-8")
    run = [sys.executable, "-m", "verify", "run", "--quiet", "--profile", "quick", "--law", "value", "--law", "gradient"]
    assert subprocess.run(run, cwd=tmp_path, check=False, capture_output=True).returncode == 0
    assert (tmp_path / "reports/latest/index.html").is_file()


def commands_of(text: str) -> list[str]:
    """The commands that a document shows: lines of a console and indented ones, a backslash joining two, without what is a placeholder."""
    lines = text.replace("\\\n", " ")
    found = re.findall(r"^ *(?:\$ |    |- run: )(verify [a-z].*?)(?:  +#.*| +#.*|;.*)?$", lines, re.MULTILINE)
    return [command for command in found if "…" not in command and "==" not in command]


DOCUMENTS = ["README.md", "CONTRIBUTING.md", "reports/README.md", *(p.relative_to(ROOT).as_posix() for p in (ROOT / "docs").rglob("*.md"))]


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_command_of_a_document_is_one(document):
    """And so are its options."""
    for command in commands_of((ROOT / document).read_text(encoding="utf-8")):
        parse(command)


def parse(command: str) -> None:
    """Raises what click says of a command that it does not know."""
    words, found = shlex.split(command)[1:], cli
    while isinstance(found, click.Group) and words and not words[0].startswith("-"):
        inner = found.get_command(click.Context(found), words[0])
        if inner is None:
            raise click.UsageError(f"{command}: there is no {words[0]}")
        found, words = inner, words[1:]
    options = {option for parameter in found.params for option in (*parameter.opts, *parameter.secondary_opts)} | {"--help"}
    for word in takewhile(lambda word: word not in ("|", ">>", "&&"), words):
        if word.startswith("--") and word.partition("=")[0] not in options:
            raise click.UsageError(f"{command}: {found.name} has no {word}")


@pytest.mark.parametrize("wrong", ["verify chek f.py:g", "verify check f.py:g --los x", "verify descend gradints"])
def test_a_command_that_is_none_is_seen(wrong):
    with pytest.raises(click.UsageError):
        parse(wrong)


def test_commands_of_documents_are_found():
    found = [command for document in DOCUMENTS for command in commands_of((ROOT / document).read_text(encoding="utf-8"))]
    assert len(found) > 20
    assert "verify gate reports/latest/report.json --update-baseline" in found
