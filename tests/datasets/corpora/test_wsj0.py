"""WSJ0 on disk: where it is found, how its files may be spelt, its texts, and what is refused."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
import soundfile
from helpers.trees.audio import save
from helpers.trees.wsj0 import RATE_HZ, TRANSCRIPTS, UTTERANCES, babble, make_wsj0, write_speech

from tsebench.core.errors import AudioError, ConfigError, CorpusError
from tsebench.datasets.config import CorpusConfig, open_corpora
from tsebench.datasets.corpora.wsj0 import Wsj0
from tsebench.datasets.protocols.corpus import CORPORA


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return make_wsj0(tmp_path / "speech", transcripts=TRANSCRIPTS, sexes={"440": "M", "22G": "f"})


def _corpus(root: Path, **options: object) -> Wsj0:
    opened = open_corpora({"wsj": CorpusConfig(kind="wsj0", options=options)}, {"wsj": root})
    corpus = opened["wsj"]
    assert isinstance(corpus, Wsj0)
    return corpus


def test_utterances_speakers_and_splits(root: Path) -> None:
    recordings = _corpus(root).recordings()
    assert [r.path for r in recordings] == sorted(path[5:] for path in UTTERANCES)
    for recording in recordings:
        part, speaker, name = recording.path.split("/")
        assert (recording.split, recording.label) == (part, speaker)
        assert recording.group == recording.path
        assert recording.sample_rate_hz == RATE_HZ
        assert recording.frames == round(UTTERANCES[f"wsj0/{recording.path}"] * RATE_HZ)
        assert name.startswith(speaker)
        assert recording.transcript is None
    assert CORPORA.get("wsj0") is Wsj0


def test_paths_do_not_depend_on_which_folder_is_given(root: Path) -> None:
    expected = _corpus(root).recordings()
    for given in (root / "wsj0", root / "wsj0" / "si_et_05"):
        assert _corpus(given).recordings() == expected


def test_chosen_splits_only(root: Path) -> None:
    recordings = _corpus(root, splits=["si_dt_05", "si_et_05"]).recordings()
    assert {recording.split for recording in recordings} == {"si_dt_05", "si_et_05"}
    with pytest.raises(ConfigError, match="no split 'tt'"):
        _corpus(root, splits=["tt"])


def test_a_part_of_the_corpus_will_do_and_its_problems_are_told(root: Path) -> None:
    for file in (root / "wsj0" / "si_tr_s").rglob("*.wav"):
        file.unlink()
    (root / "wsj0" / "si_tr_s" / "01t").rmdir()
    (root / "wsj0" / "si_tr_s" / "20g").rmdir()
    (root / "wsj0" / "si_tr_s").rmdir()
    corpus = _corpus(root)
    assert {recording.split for recording in corpus.recordings()} == {"si_dt_05", "si_et_05"}
    assert corpus.problems() == (
        "corpus 'wsj': si_tr_s (12776 files) is not there",
        "corpus 'wsj': si_dt_05 has 4 files, WSJ0 (CSR-I) has 1206",
        "corpus 'wsj': si_et_05 has 6 files, WSJ0 (CSR-I) has 651",
    )


@pytest.mark.parametrize("suffix", [".WAV", ".wv1", ".WV1", ".wv1.wav", ".flac"])
def test_spellings_of_the_discs(tmp_path: Path, suffix: str) -> None:
    samples = babble(1.0, seed=3)
    path = tmp_path / "WSJ0" / "SI_ET_05" / "445" / f"445C0206{suffix}"
    write_speech(path, samples)
    if suffix == ".flac":
        soundfile.write(str(path), samples, RATE_HZ)
    write_speech(path.with_name("445C0206.WV2"), -samples)
    corpus = _corpus(tmp_path)
    (recording,) = corpus.recordings()
    assert (recording.label, recording.split) == ("445", "si_et_05")
    assert recording.path == f"SI_ET_05/445/445C0206{suffix}"
    read, rate = corpus.read(recording.path)
    assert rate == RATE_HZ
    np.testing.assert_allclose(read, samples, atol=2**-15)
    np.testing.assert_array_equal(corpus.read(recording.path, 100, 50)[0], read[100:150])


def test_one_file_of_each_utterance_is_taken(root: Path) -> None:
    folder = root / "wsj0" / "si_et_05" / "440"
    for name in ("440c0201.wv1", "440c0201.wv2", ".440c0201.wav", "readme.wav", "440c0201.txt"):
        (folder / name).write_bytes(b"something else")
    recordings = [r for r in _corpus(root).recordings() if r.label == "440"]
    assert [r.path for r in recordings] == [f"si_et_05/440/{name}.wav" for name in ("440c0201", "440c0202", "440o0301")]


def test_the_second_microphone_is_never_taken_for_the_first(root: Path, tmp_path: Path) -> None:
    for path in sorted((root / "wsj0").rglob("22gc0101.wav")):
        path.rename(path.with_suffix(".wv2.wav"))
    with pytest.raises(CorpusError, match=r"no recording 'si_dt_05/22g/22gc0101.wav'"):
        _corpus(root).recording("si_dt_05/22g/22gc0101.wav")
    assert "22gc0101" not in "".join(r.path for r in _corpus(root).recordings())
    save(tmp_path / "two" / "si_dt_05" / "22g" / "22gc0101.wv2.wav")
    with pytest.raises(CorpusError, match=r"si_dt_05 holds only second-microphone files \(wv2\), 1 of them"):
        _corpus(tmp_path / "two").recordings()


def test_sphere_files_are_refused_with_the_way_out(tmp_path: Path) -> None:
    path = tmp_path / "si_et_05" / "445" / "445c0206.wv1"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"NIST_1A\n   1024\nsample_coding -s26 pcm,embedded-shorten-v2.00\n")
    with pytest.raises(CorpusError, match=r"NIST's SPHERE format.*sph2pipe -f wav") as caught:
        _corpus(tmp_path).recordings()
    assert "\n" not in str(caught.value)


def test_what_is_not_the_corpus_is_refused(tmp_path: Path, root: Path) -> None:
    for folder in (tmp_path / "none", tmp_path):
        with pytest.raises(CorpusError, match=r"LDC93S6A.*--corpus wsj=DIR") as caught:
            _corpus(folder / "x").recordings()
        assert "si_tr_s or si_dt_05 or si_et_05" in str(caught.value)
    with pytest.raises(AudioError):
        _corpus(root).read("../outside.wav")
    (root / "wsj0" / "si_et_05" / "440" / "440c0201.wav").write_bytes(b"RIFF")
    with pytest.raises(CorpusError, match=r"1 of 12 files cannot be used.*440c0201.wav"):
        _corpus(root).recordings()


def test_transcripts_lose_verbalised_punctuation_and_tags(root: Path) -> None:
    corpus = _corpus(root, transcripts="transcrp/dots")
    texts = {r.path[-12:-4]: r.transcript for r in corpus.recordings() if r.transcript}
    assert texts == {"440c0201": "MR. SMITH SAID THE PERCENT IS UP", "441c0201": "THEY CALL IT A DAY"}


def test_what_was_said_comes_before_what_was_to_be_read(root: Path) -> None:
    folder = root / "wsj0" / "texts"
    folder.mkdir()
    (folder / "440c0200.ptx").write_text(
        "Prompt (one) (440C0201 87.051.870113-0174.1.1)\nOnly a prompt (440c0202 87)\n"
    )
    (folder / "440C0200.DOT").write_text("What was (he) said (440c0201)\n\n")
    corpus = _corpus(root, transcripts="texts")
    texts = {r.path[-12:-4]: r.transcript for r in corpus.recordings() if r.transcript}
    assert texts == {"440c0201": "WHAT WAS SAID", "440c0202": "ONLY A PROMPT"}
    (folder / "440c0200.ptx").write_text("Not a line\n")
    with pytest.raises(CorpusError, match=r"line 1: 'Not a line' is not `text \(utterance\)`"):
        _corpus(root, transcripts="texts").recordings()
    with pytest.raises(CorpusError, match="holds no transcripts"):
        _corpus(root, transcripts="doc").recordings()


def test_sexes_are_known_where_ldc_says(root: Path, tmp_path: Path) -> None:
    assert _corpus(root).sexes() == {"440": "M", "22g": "F"}
    (root / "wsj0" / "wsj0-train-spkrinfo.txt").write_text("01l   M    ?        ?\n20G F 31 x\n")
    assert _corpus(root).sexes() == {"440": "M", "22g": "F", "01l": "M", "20g": "F"}
    assert _corpus(make_wsj0(tmp_path / "other")).sexes() == {}


def test_it_survives_pickling_and_digests_differ(root: Path) -> None:
    corpus = _corpus(root)
    paths = [recording.path for recording in corpus.recordings()]
    assert len({corpus.digest(path) for path in paths}) == len(paths)
    copy = pickle.loads(pickle.dumps(corpus))
    np.testing.assert_array_equal(copy.read(paths[0])[0], corpus.read(paths[0])[0])
    assert copy.recordings() == corpus.recordings()
