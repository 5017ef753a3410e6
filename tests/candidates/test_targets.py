"""From a target's name to the callable, and what a reader is told where there is none."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

import verify
from verify.candidates import name_of, resolve

ROOT = str(verify.__path__[0])


@pytest.fixture
def files(tmp_path, monkeypatch):
    """Writes files to an empty current folder, and forgets what was imported from there."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", sys.path.copy())
    before = set(sys.modules)

    def write(**sources: str) -> None:
        for name, source in sources.items():
            (tmp_path / f"{name}.py").write_text(source, encoding="utf-8")

    yield write
    for name in set(sys.modules) - before:
        del sys.modules[name]


def told(target: str) -> str:
    with pytest.raises(verify.UsageError) as caught:
        resolve(target)
    return str(caught.value)


HOLDER = "class K:\n    @staticmethod\n    def f():\n        return 'dotted'\ndef f():\n    return 'plain'\nnumber = 3\n"
FOUND = {
    "function of a file": ("found_a.py:f", "plain"),
    "function of a file, absolute": ("{here}/found_a.py:f", "plain"),
    "function of a module": ("found_a:f", "plain"),
    "dotted, of a file": ("found_a.py:K.f", "dotted"),
    "dotted, of a module": ("found_a:K.f", "dotted"),
}


@pytest.mark.parametrize("case", FOUND)
def test_a_callable_is_found(files, tmp_path, case):
    files(found_a=HOLDER)
    target, answer = FOUND[case]
    assert resolve(target.format(here=tmp_path))() == answer


def test_an_installed_module_is_found():
    assert resolve("json:JSONDecoder.decode") is json.JSONDecoder.decode


def test_a_sibling_is_imported_from_the_file_s_folder(files, tmp_path):
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "sibling_a.py").write_text("def f():\n    return 'sibling'\n", encoding="utf-8")
    (tmp_path / "deep" / "main_a.py").write_text("from sibling_a import f\n", encoding="utf-8")
    assert resolve("deep/main_a.py:f")() == "sibling"


@pytest.mark.parametrize("target", ["pack_a/sub/mine.py:f", "pack_a.sub.mine:f", "pack_a/sub/mine.py:Holder.f"])
def test_a_file_of_a_package_may_import_its_neighbours_relatively(files, tmp_path, target):
    (tmp_path / "pack_a" / "sub").mkdir(parents=True)
    for name, source in {
        "pack_a/__init__": "",
        "pack_a/top": "WORD = 'relative'\n",
        "pack_a/sub/__init__": "",
        "pack_a/sub/mine": "from ..top import WORD\nfrom . import other\ndef f(): return WORD\nclass Holder:\n    f = staticmethod(f)\n",
        "pack_a/sub/other": "",
    }.items():
        (tmp_path / f"{name}.py").write_text(source, encoding="utf-8")
    assert resolve(target)() == "relative"


def test_a_relative_import_without_a_package_is_named(files):
    files(alone_a="from . import nothing\ndef f(): ...\n")
    assert "its folder is no package. Put an __init__.py into it." in told("alone_a.py:f")


def test_a_package_of_the_same_name_is_named(files, tmp_path):
    (tmp_path / "json").mkdir()
    (tmp_path / "json" / "__init__.py").write_text("", encoding="utf-8")
    (tmp_path / "json" / "decoder.py").write_text("from . import nothing\ndef f(): ...\n", encoding="utf-8")
    assert "would be the module json.decoder, but that is" in told("json/decoder.py:f")


def test_several_functions_are_a_candidate(files):
    files(parts_a="def loss(): ...\ndef grad(): ...\ndef hess(): ...\nclass K:\n    grad = staticmethod(grad)\n")
    pair, triple = resolve("parts_a.py:loss,K.grad"), resolve("parts_a.py:loss,grad, hess")
    assert [f.__name__ for f in (pair.loss, pair.grad, triple.hess)] == ["loss", "grad", "hess"]
    assert pair.hess is None
    assert "names 4 functions. Give one, or a loss, its gradient and its Hessian." in told("parts_a.py:loss,grad,hess,loss")
    assert "Did you mean 'grad'?" in told("parts_a.py:loss,gradd")


def test_text_is_never_evaluated(files):
    files(text_a="def f(): ...\n")
    for text in ("text_a.py:f()", "text_a.py:__import__('os').abort()", "text_a.py:f if 1 else f", "text_a.py:[f][0]"):
        assert "unknown name in text_a.py" in told(text)


def test_a_file_runs_once(files):
    files(once_a="with open('runs', 'ab') as f:\n    f.write(b'x')\ndef g(): ...\ndef h(): ...\n")
    resolve("once_a.py:g"), resolve("once_a.py:h")
    assert Path("runs").read_text(encoding="utf-8") == "x"


WRONG = {
    "no colon": ("wrong_a.py", "has no function. Give file.py:function"),
    "nothing behind the colon": ("wrong_a.py:", "has no function"),
    "nothing before the colon": (":f", "has no function"),
    "no such file": ("nothere.py:f", "there is no file nothere.py"),
    "a folder": ("folder.py:f", "there is no file folder.py"),
    "no such module": ("nothere_a:f", "there is no module 'nothere_a'"),
    "no such submodule": ("json.nothere:f", "there is no module 'json.nothere'"),
    "no such name": ("wrong_a.py:svm_los", "'svm_los'. Did you mean 'svm_loss'? Known: K, svm_loss."),
    "no such name, of a module": ("wrong_a:svm_los", "Did you mean 'svm_loss'?"),
    "no such dotted name": ("wrong_a.py:K.metod", "Did you mean 'method'?"),
    "not callable": ("wrong_a.py:number", "wrong_a.py:number is int, which cannot be called"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_not_there_is_named(files, tmp_path, case):
    files(wrong_a="def svm_loss(): ...\nclass K:\n    def method(self): ...\nnumber = 3\n")
    (tmp_path / "folder.py").mkdir()
    target, message = WRONG[case]
    assert message in told(target)


BROKEN = {
    "raises": ("def inner():\n    raise ValueError('mine alone')\ninner()\n", "ValueError: mine alone", "in inner"),
    "imports what is not there": ("import nothere_b\n", "No module named 'nothere_b'", "line 1"),
    "exits": ("raise SystemExit('enough')\n", "SystemExit: enough", "line 1"),
    "is no Python": ("def f(:\n", "SyntaxError: invalid syntax", "line 1"),
}


@pytest.mark.parametrize("form", ["{}.py:f", "{}:f"], ids=["file", "module"])
@pytest.mark.parametrize("case", BROKEN)
def test_the_user_s_own_error_is_shown_and_none_of_our_frames(files, case, form):
    name = "broken_" + case.replace(" ", "_")
    source, error, place = BROKEN[case]
    files(**{name: source})
    message = told(form.format(name))
    assert error in message
    assert place in message
    assert f"{name}.py" in message
    assert ROOT not in message
    assert "importlib" not in message


def test_a_module_whose_import_is_missing_is_not_taken_for_missing_itself(files):
    """`torch_losses` without torch: the missing name is a prefix of the module's own."""
    files(nothere_losses="import nothere\n")
    assert "nothere_losses does not import" in told("nothere_losses:f")


def test_a_file_that_failed_can_be_mended(files):
    files(mended_a="1 / 0\n")
    assert "ZeroDivisionError" in told("mended_a.py:f")
    files(mended_a="def f():\n    return 'mended now'\n")
    assert resolve("mended_a.py:f")() == "mended now"


def plain(): ...


NAMES = {
    "a target": ("a.py:f", "a.py:f"),
    "a function": (plain, f"{__name__}:plain"),
    "a pair": (verify.Candidate(loss=plain, grad=plain), f"({__name__}:plain, {__name__}:plain)"),
}


@pytest.mark.parametrize("case", NAMES)
def test_a_candidate_has_a_name(case):
    candidate, name = NAMES[case]
    assert name_of(candidate) == name


def test_a_file_that_was_just_mended_is_read_again(tmp_path, monkeypatch):
    """Compiled code beside it has the same time, in whole seconds, and the same size: it would be taken for the new."""
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    file = tmp_path / "mended.py"
    answers = []
    for answer in (1, 2):
        file.write_text(f"def f():\n    return {answer}\n", encoding="utf-8")
        os.utime(file, (1e9, 1e9))
        answers.append(resolve(f"{file}:f")())
        monkeypatch.delitem(sys.modules, next(name for name in sys.modules if name.startswith("_verify_mended")))
    assert answers == [1, 2]
