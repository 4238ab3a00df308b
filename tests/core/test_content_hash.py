"""Hashes of files and folders: what changes them, what does not, and their bounds."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tsebench.core import content_hash as hash_module
from tsebench.core.content_hash import content_hash, exists, file_sha256, folder_hash


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "code"
    (folder / "sub").mkdir(parents=True)
    (folder / "net.py").write_text("a = 1\n")
    (folder / "sub" / "weights.txt").write_text("0.5")
    return folder


@pytest.mark.parametrize("name", ["net.py", "sub/weights.txt", "new.bin", ".env"])
def test_a_changed_or_added_file_changes_the_hash(name: str, folder: Path) -> None:
    before = folder_hash(folder)
    (folder / name).write_text("other")
    assert folder_hash(folder).digest != before.digest


def test_a_moved_file_changes_the_hash_and_a_moved_folder_does_not(folder: Path, tmp_path: Path) -> None:
    before = folder_hash(folder)
    moved = folder.rename(tmp_path / "elsewhere")
    assert folder_hash(moved) == before
    (moved / "net.py").rename(moved / "net2.py")
    assert folder_hash(moved) != before


def test_what_a_run_leaves_behind_does_not(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = folder_hash(folder)
    monkeypatch.setenv("TSEBENCH_CACHE", str(folder / "cache"))
    left = {
        "run.yaml": "name: x\ndatasets: [mini_speech]\nsystems:\n  - mixture\n",
        "set.yaml": "name: x\nbuilder: speech_mix\n",
        "runs/mlflow.db": "db",
        "runs/x/run.json": "{}",
        "runs/x/rows/part-a.parquet": "rows",
        "sets/s/card.json": "{}",
        "sets/s/mixtures.jsonl": "{}",
        "cache/scores/ab/x.json": "[]",
        f"old-cache/scores/ab/{'ab' * 32}/00000.json": "[]",
        "__pycache__/net.cpython-311.pyc": "code",
        ".git/HEAD": "ref",
        "venv/pyvenv.cfg": "home = x",
        "switch": "",
    }
    for name, text in left.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    assert folder_hash(folder) == before
    (folder / "model.yaml").write_text("layers: 3\n")
    assert folder_hash(folder) != before


def test_links_are_followed_and_loops_end(folder: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "big.pt").write_text("1")
    (folder / "weights").symlink_to(outside)
    (folder / "loop").symlink_to(folder)
    (folder / "file.pt").symlink_to(outside / "big.pt")
    before = folder_hash(folder)
    (outside / "big.pt").write_text("2")
    assert folder_hash(folder) != before


def test_bounds_are_said(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hash_module, "MAX_FILES", 1)
    assert "holds more than 1 files or 1 GiB" in folder_hash(folder).beyond
    assert folder_hash(folder, bounded=False).beyond == ""
    assert content_hash([folder / "net.py", folder]).beyond
    monkeypatch.setattr(hash_module, "MAX_FILES", 10)
    monkeypatch.setattr(hash_module, "MAX_BYTES", 4)
    assert folder_hash(folder).beyond


def test_a_large_file_is_read_once_until_it_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "weights.pt"
    path.write_bytes(bytes(2 << 20))
    reads: list[str] = []
    real = hash_module.hashlib.file_digest

    def counted(file: object, name: str) -> object:
        reads.append(name)
        return real(file, name)  # type: ignore[type-var, arg-type]

    monkeypatch.setattr(hash_module.hashlib, "file_digest", counted)
    first = file_sha256(path)
    assert file_sha256(path) == first
    assert len(reads) == 1
    state = path.stat()
    path.write_bytes(bytes((2 << 20) - 1) + b"x")
    os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))  # as a copy that keeps the times
    assert file_sha256(path) != first


def test_any_text_can_be_asked_for() -> None:
    for text in ("", " ", "a\0b", "x" * 5000, json.dumps({"a": 1})):
        assert not exists(text)
