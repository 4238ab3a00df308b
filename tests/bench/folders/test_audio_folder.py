"""Folders of audio: every kind that is read, links, normal forms of names, and names that do not fit."""

from __future__ import annotations

import unicodedata
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
import soundfile
from helpers.paired import pair_folders
from helpers.trees.audio import save

from tsebench.bench.folders.audio_folder import list_audio
from tsebench.core.errors import ConfigError
from tsebench.datasets.signals.audio import read_mono
from tsebench.datasets.signals.audio_kinds import AUDIO_SUFFIXES

FORMATS = {
    **dict.fromkeys((".8svx", ".svx", ".iff"), "SVX"),
    **dict.fromkeys((".aif", ".aifc", ".aiff"), "AIFF"),
    **dict.fromkeys((".au", ".snd"), "AU"),
    **dict.fromkeys((".mp1", ".mp2", ".mp3"), "MP3"),
    **dict.fromkeys((".nist", ".sph"), "NIST"),
    **dict.fromkeys((".oga", ".ogg", ".opus"), "OGG"),
    **dict.fromkeys((".wav", ".wave"), "WAV"),
    **{f".{name.lower()}": name for name in ("AVR", "CAF", "FLAC", "PAF", "PVF", "RF64", "VOC", "W64", "WAVEX", "WVE")},
    **dict.fromkeys((".ircam", ".sf"), "IRCAM"),
}
SUBTYPES = {"MP3": ("MPEG_LAYER_III",), "WVE": ("ALAW",), "OGG": ("VORBIS", "OPUS")}


def _pair(root: Path) -> tuple[str, ...]:
    files = pair_folders(root / "est", root / "ref")
    assert set(files.estimates) == set(files.keys)
    return files.keys


@pytest.mark.parametrize("suffix", sorted(AUDIO_SUFFIXES))
def test_every_kind_is_read(suffix: str, tmp_path: Path) -> None:
    """Also with its suffix in capitals; the libsndfile that comes with soundfile decodes each."""
    kind = FORMATS[suffix]
    path = tmp_path / "est" / f"a{suffix.upper()}"
    path.parent.mkdir()
    for subtype in SUBTYPES.get(kind, ("PCM_16",)):
        soundfile.write(str(path), np.full(8000, 0.25), 8000, format=kind, subtype=subtype)
        assert len(read_mono(path)[0]) == 8000
    save(tmp_path / "ref" / "a.wav", frames=8000, rate_hz=8000)
    assert _pair(tmp_path) == ("a",)


@pytest.mark.parametrize("on_disk", ["NFC", "NFD"])
def test_names_pair_whatever_their_normal_form(on_disk: Literal["NFC", "NFD"], tmp_path: Path) -> None:
    name = "B\u00f6rse/caf\u00e9.wav"
    save(tmp_path / "ref" / name)
    save(tmp_path / "est" / unicodedata.normalize(on_disk, name))
    table = tmp_path / "words.csv"
    table.write_text("name,text\n" + unicodedata.normalize("NFD", name) + ",yes\n")
    files = pair_folders(tmp_path / "est", tmp_path / "ref", transcripts=table)
    assert files.transcripts == {"B\u00f6rse/caf\u00e9": "yes"}
    assert set(files.estimates) == set(files.keys)


def test_two_files_of_one_name(tmp_path: Path) -> None:
    save(tmp_path / "ref" / "\u00e9.wav")
    save(tmp_path / "ref" / "e\u0301.wav")
    with pytest.raises(ConfigError, match=r"'e\\u0301.wav' and '\\xe9.wav', which differ only in the Unicode norm"):
        list_audio(tmp_path / "ref", "references", complete=True)
    (tmp_path / "ref" / "e\u0301.wav").unlink()
    save(tmp_path / "ref" / "e\u0301.flac")
    with pytest.raises(ConfigError, match="have one name without suffix; remove one"):
        list_audio(tmp_path / "ref", "references", complete=True)


def test_links_to_folders_files_and_nowhere(tmp_path: Path) -> None:
    for key in ("sa/x", "sb/x"):
        save(tmp_path / "ref" / f"{key}.wav")
        save(tmp_path / "disk2" / f"{key}.wav")
    (tmp_path / "est").mkdir()
    (tmp_path / "est" / "sa").symlink_to("../disk2/sa")
    (tmp_path / "est" / "sb").mkdir()
    (tmp_path / "est" / "sb" / "x.wav").symlink_to("../../disk2/sb/x.wav")
    assert _pair(tmp_path) == ("sa/x", "sb/x")
    (tmp_path / "est" / "sc").symlink_to("../disk3/sc")
    with pytest.raises(ConfigError, match=r"estimates: 1 link below .*/est' lead nowhere, the first is 'sc' to '../d"):
        _pair(tmp_path)


@pytest.mark.parametrize(
    ("estimates", "line"),
    [
        (["mix_0001_est"], "'mix_0001' is wanted and 'mix_0001_est' is there: take '_est' out of the names; files"),
        (["enh_mix_0001", "enh_mix_0002"], "'mix_0001' is wanted and 'enh_mix_0001' is there: take 'enh_' out of"),
        (["mix_0002_s1", "mix_0002_s2"], "'mix_0002' is wanted and 'mix_0002_s2' is there: take '_s2' out of"),
        (["wav/mix_0001"], "'mix_0001' is wanted and 'wav/mix_0001' is there: take 'wav/' out of the names"),
        (["mix0002"], "'mix_0002' is wanted and 'mix0002' is there; files are paired by path below the folder"),
    ],
)
def test_names_that_do_not_fit(estimates: list[str], line: str, tmp_path: Path) -> None:
    for key in ("mix_0001", "mix_0002"):
        save(tmp_path / "ref" / f"{key}.wav")
    for key in estimates:
        save(tmp_path / "est" / f"{key}.wav")
    with pytest.raises(ConfigError) as refused:
        _pair(tmp_path)
    assert line in str(refused.value)
    assert len(str(refused.value)) < 500


def test_references_of_a_kind_that_is_not_read(tmp_path: Path) -> None:
    save(tmp_path / "est" / "a.wav")
    save(tmp_path / "ref" / "a.wav")
    for name in ("a.m4a", "notes.txt", "levels.npy"):
        (tmp_path / "ref" / name).write_bytes(b"of no matter")
    assert _pair(tmp_path) == ("a",)
    (tmp_path / "ref" / "b.m4a").write_bytes(b"a target")
    files = pair_folders(tmp_path / "est", tmp_path / "ref")
    assert (files.keys, files.faults.references) == (("a", "b"), {"b": "not read: .m4a"})
    (tmp_path / "ref" / "a.wav").unlink()
    with pytest.raises(ConfigError, match=r"holds 2 files of kinds that are not read: .m4a, in 'a.m4a'; convert it"):
        pair_folders(tmp_path / "est", tmp_path / "ref")


def test_a_name_twice_in_the_transcripts(tmp_path: Path) -> None:
    for folder in ("est", "ref"):
        save(tmp_path / folder / "a.wav")
    (tmp_path / "words.csv").write_text("name,text\na,yes\nb,no\na.wav,maybe\n")
    with pytest.raises(ConfigError, match=r"words.csv', lines 2 and 4: name 'a' is given twice; remove one of"):
        pair_folders(tmp_path / "est", tmp_path / "ref", transcripts=tmp_path / "words.csv")
