"""Compiled templates are code: none is taken from a folder that others may write to."""

from __future__ import annotations

from pathlib import Path

import pytest
from jinja2 import DictLoader, Environment

from tsebench.reports.site.kept_templates import KeptTemplates


def _rendered(text: str) -> str:
    environment = Environment(loader=DictLoader({"page": text}), bytecode_cache=KeptTemplates(), autoescape=True)
    return environment.get_template("page").render()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TSEBENCH_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / ".templates"


def _plant(folder: Path) -> None:
    """Put the code of another template under the name and checksum of the page."""
    (path,) = folder.iterdir()
    path.write_bytes(path.read_bytes().replace(b"right", b"wrong"))


def test_a_folder_of_this_user_alone_is_used(folder: Path) -> None:
    assert _rendered("right") == "right"
    _plant(folder)
    assert _rendered("right") == "wrong"


@pytest.mark.parametrize("mode", [0o777, 0o755, 0o770])
def test_a_folder_that_others_reach_is_not(folder: Path, mode: int) -> None:
    _rendered("right")
    _plant(folder)
    folder.chmod(mode)
    assert _rendered("right") == "right"


def test_a_link_is_not(folder: Path, tmp_path: Path) -> None:
    _rendered("right")
    _plant(folder)
    folder.rename(tmp_path / "elsewhere")
    folder.symlink_to(tmp_path / "elsewhere")
    assert _rendered("right") == "right"


def test_a_file_that_is_cut_or_empty_is_made_again(folder: Path) -> None:
    _rendered("right")
    (path,) = folder.iterdir()
    whole = path.read_bytes()
    for size in (0, 5, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:size])
        assert _rendered("right") == "right"
        assert path.read_bytes() == whole


@pytest.mark.parametrize("moment", ["open", "replace"])
def test_an_interrupt_leaves_no_draft(folder: Path, monkeypatch: pytest.MonkeyPatch, moment: str) -> None:
    """As by SIGTERM, right after the file was made, or before it takes its place."""
    work = getattr(Path, moment)

    def interrupted(path: Path, *arguments: object) -> object:
        if path.parent == folder and "part" in path.name:
            if moment == "open":
                work(path, *arguments).close()
            raise KeyboardInterrupt
        return work(path, *arguments)

    monkeypatch.setattr(Path, moment, interrupted)
    with pytest.raises(KeyboardInterrupt):
        _rendered("right")
    assert [*folder.iterdir()] == []


def test_a_cache_that_cannot_be_made_costs_nothing_but_time(folder: Path) -> None:
    folder.parent.write_text("a file")
    assert _rendered("right") == "right"
