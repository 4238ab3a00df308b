"""LibriSpeech, WHAM noise and LibriMix's metadata as corpora on disk."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
from helpers.trees.librispeech import make_librispeech, words_of
from helpers.trees.wham import make_wham

from tsebench.core.errors import AudioError, ConfigError, CorpusError, TsebenchError
from tsebench.datasets.corpora.librimix_metadata import LibriMixMetadata
from tsebench.datasets.corpora.librispeech import LibriSpeech
from tsebench.datasets.corpora.wham import Wham

FRAMES = {
    "dev-clean/84/121123/84-121123-0000.flac": 2000,
    "test-clean/60/7/60-7-0000.flac": 1600,
    "test-clean/60/7/60-7-0001.flac": 1700,
    "test-clean/60/8/60-8-0000.flac": 1800,
    "test-clean/1089/134686/1089-134686-0000.flac": 1900,
}
NOISE = {
    "tr/a_1_b_-1.wav": 1600,
    "tr/a_1_b_-1sp08.wav": 2000,
    "tr/a_1_b_-1sp12.wav": 1333,
    "cv/c.wav": 1500,
    "tt/d.wav": 1700,
}


@pytest.fixture
def speech(tmp_path: Path) -> Path:
    return make_librispeech(tmp_path, FRAMES, sexes={"60": "M"})


@pytest.fixture
def noise(tmp_path: Path) -> Path:
    return make_wham(tmp_path, NOISE)


def open_speech(root: Path, **options: object) -> LibriSpeech:
    return LibriSpeech(name="ls", root=root, **options)  # type: ignore[arg-type]


def test_recordings_of_librispeech(speech: Path) -> None:
    corpus = open_speech(speech)
    recordings = corpus.recordings()
    assert [r.path for r in recordings] == sorted(FRAMES)
    for r in recordings:
        name = Path(r.path).stem
        assert (r.frames, r.sample_rate_hz) == (FRAMES[r.path], 16_000)
        assert (r.label, r.split) == (name.split("-")[0], r.path.split("/")[0])
        assert r.group == r.path
        assert r.transcript == words_of(name) == corpus.transcript(r.path)
    assert (corpus.version, corpus.licence) == ("OpenSLR 12", "CC BY 4.0")


@pytest.mark.parametrize("below", [".", "..", "test-clean"])
def test_the_folder_may_be_named_from_above_or_below(speech: Path, below: str) -> None:
    corpus = open_speech(speech / below if below != ".." else speech.parent)
    assert corpus.root == speech
    assert len(corpus.recordings()) == len(FRAMES)


def test_sexes_survive_a_name_with_the_separator(speech: Path) -> None:
    assert "|CBW|Simon" in (speech / "SPEAKERS.TXT").read_text()
    corpus = open_speech(speech)
    assert [corpus.sex(name) for name in ("60", "84", "1089")] == ["M", "F", "F"]
    with pytest.raises(CorpusError, match=r"SPEAKERS\.TXT' has no speaker '61'"):
        corpus.sex("61")
    (speech / "SPEAKERS.TXT").unlink()
    with pytest.raises(CorpusError, match=r"cannot read .*SPEAKERS\.TXT"):
        open_speech(speech).sex("60")


def test_splits_choose_subsets(speech: Path) -> None:
    corpus = open_speech(speech, splits=("dev-clean",))
    assert [r.split for r in corpus.recordings()] == ["dev-clean"]
    with pytest.raises(ConfigError, match="no split 'test-claen'; did you mean 'test-clean'"):
        open_speech(speech, splits=("test-claen",))
    with pytest.raises(CorpusError, match="has no test-other; get it from https"):
        open_speech(speech, splits=("test-other",)).recordings()


def test_what_one_speaker_says(speech: Path) -> None:
    corpus = open_speech(speech)
    mine = [path for path in sorted(FRAMES) if path.startswith("test-clean/60/")]
    assert corpus.utterances("test-clean", "60") == mine
    assert corpus.utterances("test-clean", "61") == []
    assert corpus.header(mine[0]).frames == 1600


def test_a_half_copied_librispeech_is_counted_and_named(speech: Path) -> None:
    for name in ("60-7-0001", "60-7-0000"):
        (speech / "test-clean" / "60" / "7" / f"{name}.flac").unlink()
    with pytest.raises(CorpusError) as caught:
        open_speech(speech).recordings()
    line = str(caught.value)
    assert "2 of the 4 files of test-clean are missing" in line
    assert "the first is 'test-clean/60/7/60-7-0000.flac'" in line
    found = open_speech(speech, allow_missing=True).recordings()
    assert len(found) == 3
    (speech / "test-clean" / "60" / "7" / "60-7.trans.txt").unlink()
    (speech / "test-clean" / "60" / "8" / "60-8.trans.txt").unlink()
    with pytest.raises(CorpusError, match=r"1 of the 2 chapters .* 'test-clean/60/8/60-8\.trans"):
        open_speech(speech, allow_missing=True).recordings()


def test_an_utterance_without_transcript_is_told(speech: Path) -> None:
    (speech / "test-clean/60/7/60-7.trans.txt").write_text("60-7-0000 ONE\n")
    with pytest.raises(CorpusError, match="has no line for utterance '60-7-0001'"):
        open_speech(speech).recordings()


def test_a_damaged_file_is_told(speech: Path) -> None:
    (speech / "test-clean/60/7/60-7-0000.flac").write_bytes(b"fLaC")
    with pytest.raises(CorpusError, match=r"1 of 5 files cannot be used.*60-7-0000"):
        open_speech(speech).recordings()


def test_a_whole_subset_that_is_short_is_a_problem(speech: Path) -> None:
    problems = open_speech(speech).problems()
    assert any("test-clean has 4 files, LibriSpeech has 2620" in line for line in problems)


@pytest.mark.parametrize("kind", [LibriSpeech, Wham])
def test_a_folder_without_the_corpus_is_told(kind: type, tmp_path: Path) -> None:
    for root in (tmp_path, tmp_path / "none"):
        with pytest.raises(CorpusError, match=r"get it from http.*--corpus mine=DIR"):
            kind(name="mine", root=root).recordings()


def test_noise_is_the_first_channel(noise: Path) -> None:
    corpus = Wham(name="w", root=noise)
    assert [r.path for r in corpus.recordings()] == sorted(NOISE)
    for r in corpus.recordings():
        assert (r.label, r.frames, r.split) == ("noise", NOISE[r.path], r.path[:2])
        whole, _ = soundfile.read(str(noise / r.path), dtype="float32")
        assert whole.shape[1] == 2
        np.testing.assert_array_equal(corpus.read(r.path, 100, 500)[0], whole[100:600, 0])
    assert corpus.header("cv/c.wav").frames == 1500


def test_copies_of_noise_are_of_one_group(noise: Path) -> None:
    groups = {r.path: r.group for r in Wham(name="w", root=noise.parent).recordings()}
    assert {groups[path] for path in NOISE if path.startswith("tr")} == {"tr/a_1_b_-1.wav"}
    assert groups["tt/d.wav"] == "tt/d.wav"


def test_a_mono_copy_is_read_as_well(noise: Path) -> None:
    """LibriMix writes its copies with one channel."""
    samples, _ = soundfile.read(str(noise / "tr/a_1_b_-1sp08.wav"), dtype="float32")
    soundfile.write(str(noise / "tr/a_1_b_-1sp08.wav"), samples[:, 0], 16_000)
    corpus = Wham(name="w", root=noise, splits=("tr",))
    assert len(corpus.recordings()) == 3
    np.testing.assert_array_equal(corpus.read("tr/a_1_b_-1sp08.wav")[0], samples[:, 0])


def test_metadata_are_tables_without_recordings(tmp_path: Path) -> None:
    (tmp_path / "metadata" / "Libri2Mix").mkdir(parents=True)
    (tmp_path / "metadata" / "Libri2Mix" / "t.csv").write_text("a,b\n1,2\n")
    (tmp_path / "metadata" / "lines").write_text("one\n\ntwo\n")
    for root in (tmp_path, tmp_path / "metadata"):
        corpus = LibriMixMetadata(name="m", root=root)
        assert list(corpus.recordings()) == []
        assert corpus.table("Libri2Mix/t.csv").rows == (("1", "2"),)
        assert corpus.lines("lines") == [(1, "one"), (3, "two")]
        assert corpus.has("lines")
        assert not corpus.has("words")
        assert len(corpus.digest("lines")) == 64
    with pytest.raises(AudioError, match="holds lists, not audio"):
        corpus.read("lines")
    with pytest.raises(CorpusError, match="has no words; get it with `git clone"):
        corpus.lines("words")
    for path in ("../metadata/../x", "/etc/passwd", "words"):
        for ask in (corpus.digest, corpus.table):
            with pytest.raises(TsebenchError):
                ask(path)


def test_a_speaker_on_another_disk(speech: Path, tmp_path: Path) -> None:
    """A speaker's folder that is a link is read; a disk that is gone is an error, and never a shorter corpus."""
    whole = [recording.path for recording in open_speech(speech).recordings()]
    disk = tmp_path / "disk2"
    (speech / "test-clean" / "1089").rename(disk)
    (speech / "test-clean" / "1089").symlink_to(disk)
    assert [recording.path for recording in open_speech(speech).recordings()] == whole
    disk.rename(tmp_path / "unmounted")
    with pytest.raises(CorpusError, match=r"1 link below .*test-clean' lead nowhere, the first is '1089' to '.*disk2'"):
        open_speech(speech).recordings()
    assert any("lead nowhere" in line for line in open_speech(speech).problems())
    corpus = open_speech(speech, allow_missing=True)
    assert 0 < len(corpus.recordings()) < len(whole)
    assert corpus.absent() == ("test-clean/1089",)


def test_files_of_another_kind_are_named(speech: Path) -> None:
    (file,) = speech.rglob("60-7-0000.flac")
    file.rename(file.with_suffix(".wav"))
    with pytest.raises(CorpusError, match=r"first is '.*60-7-0000.flac' \('60-7-0000.wav' is there\); complete"):
        open_speech(speech).recordings()
    file.with_suffix(".wav").rename(file.with_suffix(".m4a"))
    with pytest.raises(CorpusError, match=r"\('60-7-0000.m4a' is there, not read: .m4a; convert it, .*\); complete"):
        open_speech(speech).recordings()
