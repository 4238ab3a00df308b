"""Listing of trees: links, loops, broken links, order and normal forms."""

from __future__ import annotations

import os
import unicodedata
from pathlib import Path, PurePosixPath

import pytest

from tsebench.core.errors import ConfigError, CorpusError
from tsebench.core.file_tree import as_spelt, broken_links, list_tree, suffix_of


def _put(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(path.name)
    return path


def test_links_are_followed_wherever_they_lead(tmp_path: Path) -> None:
    disk, root = tmp_path / "disk", tmp_path / "root"
    _put(disk / "s" / "deep" / "1.wav")
    _put(root / "a" / "b.wav")
    (root / "z").symlink_to(disk / "s")
    (root / "blob.wav").symlink_to(_put(disk / ".store" / "0f3c"))
    (root / "twice").symlink_to(root / "z")
    tree = list_tree(root)
    assert tree.files == ("a/b.wav", "blob.wav", "twice/deep/1.wav", "z/deep/1.wav")
    assert tree.broken == ()


def test_loops_are_noticed(tmp_path: Path) -> None:
    """Each file of a loop is listed once for each way that does not go through its own folder again."""
    a, b = tmp_path / "a", tmp_path / "b"
    _put(a / "1.wav")
    _put(b / "2.wav")
    (a / "up").symlink_to(tmp_path)
    (a / "b").symlink_to(b)
    (b / "a").symlink_to(a)
    (b / "self").symlink_to(b)
    (b / "chain").symlink_to(b / "chain")
    tree = list_tree(tmp_path)
    assert tree.files == ("a/1.wav", "a/b/2.wav", "b/2.wav", "b/a/1.wav")
    assert tree.broken == ("a/b/chain", "b/chain")


def test_broken_links_are_named(tmp_path: Path) -> None:
    for name in ("1188", "day.2", "1.wav", "notes.txt", ".hidden"):
        (tmp_path / name).symlink_to(tmp_path / "unmounted" / name)
    tree = list_tree(tmp_path)
    assert tree.files == ()
    assert tree.lost_folders() == ["1188", "day.2"]
    assert tree.of({".wav"}) == ["1.wav"]
    assert broken_links(tree, tree.lost_folders()).startswith("2 links below ")
    assert broken_links(tree, tree.lost_folders()).endswith("unmounted/1188'")


def test_hidden_files_and_what_is_no_file_are_passed_over(tmp_path: Path) -> None:
    for name in (".dvc/cache/1.wav", ".1.wav", "x/.y/2.wav", "x/3.WAV"):
        _put(tmp_path / name)
    os.mkfifo(tmp_path / "pipe.wav")
    assert list_tree(tmp_path).files == ("x/3.WAV",)
    assert list_tree(tmp_path).of({".wav"}) == ["x/3.WAV"]


def test_names_are_in_composed_form_and_found_in_any(tmp_path: Path) -> None:
    composed, apart = "é/ü.wav", unicodedata.normalize("NFD", "é/ü.wav")
    file = _put(tmp_path / apart)
    assert list_tree(tmp_path).files == (composed,)
    assert as_spelt(tmp_path, composed) == file
    assert as_spelt(tmp_path, apart) == file
    assert not as_spelt(tmp_path, "é/o.wav").exists()
    later = _put(tmp_path / unicodedata.normalize("NFD", "é/ö.wav"))
    assert as_spelt(tmp_path, "é/ö.wav") == later
    _put(tmp_path / composed)
    with pytest.raises(ConfigError, match=r"differ only in the Unicode normalisation of their names; remove or rename"):
        list_tree(tmp_path, error=ConfigError)


def test_a_folder_that_cannot_be_listed(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"cannot list the folder .*gone'"):
        list_tree(tmp_path / "gone")


def test_folders_that_differ_only_in_normalisation(tmp_path: Path) -> None:
    _put(tmp_path / "é" / "1.wav")
    _put(tmp_path / unicodedata.normalize("NFD", "é") / "2.wav")
    with pytest.raises(CorpusError, match=r"holds 'e\\u0301' and '\\xe9', which differ only in the Unicode"):
        list_tree(tmp_path)


def test_folders_that_all_link_to_each_other_end(tmp_path: Path) -> None:
    names = [f"speaker{number}" for number in range(9)]
    for name in names:
        _put(tmp_path / name / "1.wav")
        for other in names:
            (tmp_path / name / f"to_{other}").symlink_to(tmp_path / other)
    with pytest.raises(CorpusError, match=r"links lead to the folder .* in more than 1000 ways; remove some of them"):
        list_tree(tmp_path)


def test_a_very_deep_tree(tmp_path: Path) -> None:
    place = os.open(tmp_path, os.O_RDONLY)
    for _ in range(300):
        os.mkdir("d", dir_fd=place)
        below = os.open("d", os.O_RDONLY, dir_fd=place)
        os.close(place)
        place = below
    os.close(os.open("1.wav", os.O_CREAT | os.O_WRONLY, dir_fd=place))
    os.close(place)
    assert list_tree(tmp_path).files == ("d/" * 300 + "1.wav",)


@pytest.mark.parametrize(
    "name", ["a.wav", "b/a.WAV", "a.b/c", "a.", "a..", ".wav", "..wav", "a.wav/", "a.wav/.", "", ".."]
)
def test_suffixes_are_those_of_paths(name: str) -> None:
    assert suffix_of(name) == PurePosixPath(name).suffix.lower()
