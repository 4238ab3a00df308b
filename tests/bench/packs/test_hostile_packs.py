"""Packs made to do harm are refused in one line, and nothing is written outside of the folder that is given."""

from __future__ import annotations

import io
import json
import stat
import zipfile
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from helpers.packs import changed

from tsebench.bench.packs import archive, read_pack
from tsebench.bench.packs.read_pack import open_pack
from tsebench.core.errors import ConfigError


def refused(pack: Path, tmp_path: Path, match: str) -> None:
    scratch = tmp_path / "deep" / "scratch"
    scratch.mkdir(parents=True)
    before = {path for path in tmp_path.rglob("*") if scratch not in path.parents}
    with pytest.raises(ConfigError, match=match) as caught:
        unpacked(pack, scratch)
    assert len(str(caught.value)) < 500
    assert "\n" not in str(caught.value)
    assert {path for path in tmp_path.rglob("*") if scratch not in path.parents} == before


def unpacked(pack: Path, scratch: Path) -> None:
    with open_pack(pack, scratch=scratch) as found:
        for each in found.record.estimates:
            found.unpack(each, scratch / each.folder)


def entry(name: str, mode: int = stat.S_IFREG | 0o644) -> zipfile.ZipInfo:
    found = zipfile.ZipInfo(name)
    found.external_attr = mode << 16
    return found


@pytest.mark.parametrize(
    ("name", "match"),
    [
        ("../evil.txt", "is no plain relative path"),
        ("estimates/../../evil.txt", "is no plain relative path"),
        ("/etc/evil", "is no plain relative path"),
        ("C:/evil", "is no plain relative path"),
        ("a\\b", "is no plain relative path"),
        ("estimates/./x", "is no plain relative path"),
        ("evil\x00.txt", "is no plain relative path"),
        ("é.txt", "is no plain relative path"),
        ("a/" * 20 + "x", "is no plain relative path"),
        ("PACK.json", "twice, or names that differ in case alone"),
        ("more.txt", "is not listed in pack.json"),
    ],
)
def test_names_that_leave_the_pack(name: str, match: str, team: Path, tmp_path: Path) -> None:
    pack = changed(team, tmp_path / "a.zip", lambda contents: None)
    with zipfile.ZipFile(pack, "a") as archive:
        archive.writestr(entry(name), b"x")
    if "\x00" in name:  # zipfile itself cuts the name when it writes
        pack.write_bytes(pack.read_bytes().replace(b"evil", b"ev\x00l"))
        match = "is no plain relative path|is not listed"
    refused(pack, tmp_path, match)


@pytest.mark.parametrize("mode", [stat.S_IFLNK | 0o777, stat.S_IFIFO | 0o644, stat.S_IFCHR | 0o644])
def test_links_and_devices(mode: int, team: Path, tmp_path: Path) -> None:
    pack = changed(team, tmp_path / "a.zip", lambda contents: None)
    with zipfile.ZipFile(pack, "a") as archive:
        archive.writestr(entry("estimates/0/link.wav", mode), b"/etc/passwd")
    refused(pack, tmp_path, "is a link or a device")


def test_a_bomb_is_refused_before_it_is_unpacked(team: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "_SMALL", 1 << 20)
    pack = changed(team, tmp_path / "a.zip", lambda contents: contents.update(bomb=bytes(1 << 26)))
    refused(pack, tmp_path, r"would unpack to \d+, more than 250 times")


def test_absurd_sizes(team: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "MOST_OF_ONE", 1000)
    refused(team, tmp_path, "bytes, more than 1000")
    monkeypatch.setattr(archive, "MOST_FILES", 2)
    with pytest.raises(ConfigError, match="files, more than 2"):
        unpacked(team, tmp_path)


def test_a_size_that_lies_is_damage(team: Path, tmp_path: Path) -> None:
    """The reader gives no more bytes than the directory states, and then the checksum does not fit."""
    content = bytearray(team.read_bytes())
    place = content.rindex(b"PK\x01\x02")  # the last entry of the directory
    content[place + 24 : place + 28] = (100).to_bytes(4, "little")
    (tmp_path / "a.zip").write_bytes(content)
    refused(tmp_path / "a.zip", tmp_path, "is damaged|was changed")


@pytest.mark.parametrize(
    ("content", "match"),
    [(b"", "no zip file"), (b"PK\x03\x04 nothing", "no zip file"), (b"\x80\x04K\x01.", "no zip file")],
)
def test_what_is_no_zip(content: bytes, match: str, tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(content)
    refused(tmp_path / "a.zip", tmp_path, match)


NO_ROWS = pd.DataFrame({"a": [1.0]}).to_parquet(use_dictionary=False)


def dictionary_bomb(contents: dict[str, bytes]) -> None:
    rows = pd.read_parquet(io.BytesIO(contents["rows.parquet"]))
    contents["rows.parquet"] = rows.assign(detail="x" * 1000).to_parquet(index=False)  # with dictionaries


@pytest.mark.parametrize(
    ("edit", "match"),
    [
        (dictionary_bomb, "only plain columns are read"),
        (lambda c: c.update({"rows.parquet": b"PAR1 nothing PAR1"}), "rows.parquet is damaged"),
        (lambda c: c.update({"rows.parquet": NO_ROWS}), "no score rows"),
        (lambda c: c.update({"run.json": b"[" * 100_000}), "run.json is no JSON"),
        (lambda c: c.update({"run.json": b"{}"}), "run.json is wrong"),
        (lambda c: c.update({"pack.json": b"\x80\x04K\x01."}), "pack.json is no JSON"),
        (lambda c: c.pop("pack.json"), "holds no pack.json"),
    ],
)
def test_contents_that_are_no_pack(
    edit: Callable[[dict[str, bytes]], None], match: str, team: Path, tmp_path: Path
) -> None:
    rehash = "pack.json" not in match
    refused(changed(team, tmp_path / "a.zip", edit, rehash=rehash), tmp_path, match)


def test_a_list_of_estimates_that_leads_elsewhere(team: Path, tmp_path: Path) -> None:
    def away(contents: dict[str, bytes]) -> None:
        record = json.loads(contents["pack.json"])
        record["estimates"][0]["files"] |= {"../../../evil.wav": "0" * 64}
        contents["pack.json"] = json.dumps(record).encode()

    refused(changed(team, tmp_path / "a.zip", away), tmp_path, "files are missing, the first is 'estimates/0/../../..")


def test_too_many_rows(team: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(read_pack, "_MOST_ROWS", 3)
    refused(team, tmp_path, "more than a pack may have")
