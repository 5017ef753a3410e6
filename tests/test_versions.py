"""Versions of distributions, and what tells them apart."""

from __future__ import annotations

import sys
from importlib import metadata

import pytest

from verify import versions


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A folder of installed libraries, the only one."""
    monkeypatch.setattr(sys, "path", [str(tmp_path), str(tmp_path / "gone"), f"{__file__}"])
    return tmp_path


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("some_library-1.0.dist-info", "some_library-1.1.dist-info"),
        ("Some_Library-1.0.dist-info", "Some_Library-1.0.post1.dist-info"),
        ("some_library-1.0.egg-info", "some_library-1.0.dist-info"),
    ],
)
def test_another_version_is_told_apart(place, before, after):
    (place / "another-2.0.dist-info").mkdir()
    (place / before).mkdir()
    found = versions.metadata_folders(["some-library"])
    (place / before).rename(place / after)
    assert (found, versions.metadata_folders(["some-library"])) == ([before], [after])


def test_the_first_on_the_path_counts_once(place, monkeypatch):
    """It is imported; a folder that is there twice changes nothing."""
    first, second = place / "first", place / "second"
    for folder, version in ((first, "1.0"), (second, "2.0")):
        (folder / f"some_library-{version}.dist-info").mkdir(parents=True)

    def found(*path):
        monkeypatch.setattr(sys, "path", [*map(str, path)])
        return versions.metadata_folders(["some-library"])

    assert found(first, second) == found(first, first) == ["some_library-1.0.dist-info"]
    assert found(second, first) == ["some_library-2.0.dist-info"]


def test_a_distribution_without_a_folder_of_its_name_is_asked_for_its_version(place, monkeypatch):
    monkeypatch.setattr(metadata, "version", {"dotted-name": "3.1"}.get)
    versions._version.cache_clear()
    try:
        assert versions.metadata_folders(["dotted-name"]) == ["dotted-name==3.1"]
    finally:
        versions._version.cache_clear()


def test_nothing_is_told_of_what_is_not_installed(place):
    assert versions.metadata_folders(["some-library-that-is-not-there"]) == []


def test_ours_are_found_in_this_environment():
    found = versions.metadata_folders(["numpy", "python-flint", "verify-gradients"])
    assert [entry.partition("-")[0] for entry in found] == ["numpy", "python_flint", "verify_gradients"]
