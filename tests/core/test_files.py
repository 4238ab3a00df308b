"""Files that are written whole or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from tsebench.core.files import make_folder, write_atomic


def test_an_interrupt_leaves_no_draft(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(_descriptor: int) -> None:
        raise KeyboardInterrupt

    (tmp_path / "log").write_text("old")
    monkeypatch.setattr("os.fsync", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_atomic(tmp_path / "log", "new")
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("log", "old")]


def test_an_interrupt_leaves_no_file_of_the_check_that_a_folder_can_be_written_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    touch = Path.touch

    def interrupted(path: Path) -> None:
        touch(path)
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "touch", interrupted)
    with pytest.raises(KeyboardInterrupt):
        make_folder(tmp_path / "out")
    assert [*(tmp_path / "out").iterdir()] == []
