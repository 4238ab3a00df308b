"""The folder corpus: what it finds, what it refuses and what the line says, and exact reading."""

from __future__ import annotations

import hashlib
import os
import pickle
import random
import time
import unicodedata
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
import soundfile
from helpers.paths import SHARED

from tsebench.bench.asr.normalise import open_normaliser
from tsebench.core.errors import AudioError, ConfigError, CorpusError, TsebenchError
from tsebench.core.validation import call_with
from tsebench.datasets.corpora.folder import FolderCorpus
from tsebench.datasets.protocols.corpus import CORPORA
from tsebench.datasets.signals.audio import read as decode

DATA = SHARED
ESC10 = DATA / "esc10"
DIGITS = DATA / "digits"
needs_esc10 = pytest.mark.skipif(not ESC10.is_dir(), reason="shared/data/esc10 is missing")
needs_digits = pytest.mark.skipif(not DIGITS.is_dir(), reason="shared/data/digits is missing")

RATE = 8000
Form = Literal["NFC", "NFD"]


def _noise(frames: int = RATE, channels: int = 1, seed: int = 0) -> np.ndarray:
    noise = np.random.default_rng(seed).uniform(-0.5, 0.5, (frames, channels))
    return noise.astype(np.float32)


def _save(path: Path, samples: np.ndarray | None = None, **options: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(str(path), _noise() if samples is None else samples, RATE, **options)
    return path


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Two labels with three files each, in different formats, among other things to ignore."""
    root = tmp_path / "corpus"
    for k, name in enumerate(("a.wav", "b.flac", "c.OGG")):
        for label in ("dog", "rain drops é"):
            _save(root / label / name, _noise(RATE + k), format=name[-3:].replace("lac", "FLAC"))
    (root / "README.md").write_text("about")
    (root / "dog" / "notes.txt").write_text("not audio")
    (root / "dog" / ".a.wav.part").write_bytes(b"")
    _save(root / ".trash" / "old.wav")
    _save(root / "dog" / ".hidden.wav")
    return root


def _corpus(root: Path, **options: Any) -> FolderCorpus:
    return FolderCorpus(name="mine", root=root, **options)


def _table(root: Path, text: str, name: str = "meta.csv") -> None:
    (root / name).write_text(text, encoding="utf-8")


def test_one_folder_for_each_label(tree: Path) -> None:
    recordings = _corpus(tree).recordings()
    assert [(r.path, r.label, r.frames) for r in recordings] == [
        ("dog/a.wav", "dog", RATE),
        ("dog/b.flac", "dog", RATE + 1),
        ("dog/c.OGG", "dog", RATE + 2),
        ("rain drops é/a.wav", "rain drops é", RATE),
        ("rain drops é/b.flac", "rain drops é", RATE + 1),
        ("rain drops é/c.OGG", "rain drops é", RATE + 2),
    ]
    assert {(r.sample_rate_hz, r.split, r.transcript) for r in recordings} == {(RATE, "test", None)}
    assert all(r.group == r.path for r in recordings)


def test_label_is_the_first_folder_below_audio(tree: Path) -> None:
    _save(tree / "dog" / "puppies" / "z.wav")
    below = _corpus(tree.parent, audio="corpus/")
    paths = {r.path: r.label for r in below.recordings()}
    assert paths["corpus/dog/puppies/z.wav"] == "dog"
    assert len(paths) == 7


def test_order_of_the_directory_listing_does_not_matter(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = _corpus(tree).recordings()
    real_walk = os.walk

    def shuffled(*args: Any, **kwargs: Any) -> Any:
        for parent, folders, files in real_walk(*args, **kwargs):
            yield parent, folders, random.Random(1).sample(files, len(files))

    monkeypatch.setattr(os, "walk", shuffled)
    assert _corpus(tree).recordings() == first


def test_transcripts_give_text_and_speaker(tree: Path) -> None:
    _table(tree, 'path,speaker,text\ndog/a.wav,s1,"don\'t  stop, now!"\nrain drops é/b.flac,s2,\n', "transcripts.csv")
    by_path = {r.path: (r.label, r.transcript) for r in _corpus(tree).recordings()}
    assert by_path["dog/a.wav"] == ("s1", "don't stop, now!")
    assert by_path["rain drops é/b.flac"] == ("s2", None)
    assert by_path["dog/b.flac"] == ("dog", None)


def test_words_of_any_language_stay_whole(tree: Path) -> None:
    said = {"a.wav": ("नमस्ते दुनिया", 2), "b.flac": ("les cafe\u0301s don’t große", 4)}
    _table(tree, "path,speaker,text\n" + "".join(f"dog/{n},s,{t}\n" for n, (t, _) in said.items()), "transcripts.csv")
    texts = {r.path: r.transcript for r in _corpus(tree).recordings()}
    normalise = open_normaliser("basic")
    for name, (text, count) in said.items():
        found = texts[f"dog/{name}"]
        assert found == unicodedata.normalize("NFC", text)
        assert len(normalise(found).split()) == count


def test_metadata_with_byte_order_mark_blanks_and_tabs(tree: Path) -> None:
    rows = ["path,label ,who", " dog/a.wav , bark,ann ", "", "dog/b.flac,whine,  ", " , , "]
    options = {"metadata": "meta.csv", "group_column": "who", "text_column": "who"}
    for text in ("\ufeff" + "\r\n".join(rows), "\n".join(rows).replace(",", "\t")):
        _table(tree, text)
        got = [(r.path, r.label, r.group, r.transcript) for r in _corpus(tree, **options).recordings()]
        assert got == [("dog/a.wav", "bark", "ann", "ann"), ("dog/b.flac", "whine", "dog/b.flac", None)]


def _split_table(root: Path, folds: str) -> None:
    for k in range(len(folds)):
        _save(root / "x" / f"{k:02d}.wav", _noise(10))
    rows = [f"x/{k:02d}.wav,x,{fold},g{k // 2}" for k, fold in enumerate(folds)]
    _table(root, "\n".join(["path,label,fold,who", *rows]))


def test_splits_come_from_a_column(tmp_path: Path) -> None:
    _split_table(tmp_path, "112345")
    plain = _corpus(tmp_path, metadata="meta.csv", split_column="fold")
    assert [r.split for r in plain.recordings()] == list("112345")
    named = _corpus(tmp_path, metadata="meta.csv", split_column="fold", splits={"train": ["1", "2"], "test": ["5"]})
    assert [(r.path[2:4], r.split) for r in named.recordings()] == [
        ("00", "train"),
        ("01", "train"),
        ("02", "train"),
        ("05", "test"),
    ]


@pytest.mark.parametrize(("share", "groups"), [(0.2, 2), (0.5, 5), (0.01, 1), (0.99, 9)])
def test_valid_share_moves_whole_groups(tmp_path: Path, share: float, groups: int) -> None:
    _split_table(tmp_path, "1" * 20 + "2" * 4)
    options: dict[str, Any] = {
        "metadata": "meta.csv",
        "split_column": "fold",
        "splits": {"train": ["1"], "test": ["2"]},
        "group_column": "who",
        "valid_share": share,
    }
    recordings = _corpus(tmp_path, **options).recordings()
    valid = {r.group for r in recordings if r.split == "valid"}
    assert len(valid) == groups
    assert not valid & {r.group for r in recordings if r.split == "train"}
    assert {r.group for r in recordings if r.split == "test"} == {"g10", "g11"}
    # The definition, a second time: those with the smallest SHA-256.
    ranked = sorted((f"g{k}" for k in range(10)), key=lambda g: hashlib.sha256(g.encode()).hexdigest())
    assert valid == set(ranked[:groups])
    lines = (tmp_path / "meta.csv").read_text().splitlines()
    _table(tmp_path, "\n".join([lines[0], *random.Random(0).sample(lines[1:], 24)]))
    assert _corpus(tmp_path, **options).recordings() == recordings


def test_short_recordings_are_left_out(tree: Path) -> None:
    assert len(_corpus(tree, min_s=(RATE + 1) / RATE).recordings()) == 4
    with pytest.raises(CorpusError, match=r"none of the 6 recordings .* is 2.0 s long; set `min_s`"):
        _corpus(tree, min_s=2.0).recordings()


@pytest.mark.parametrize("name", ["a.wav", "b.flac", "c.OGG"])
def test_a_stretch_equals_the_slice_of_the_whole(tree: Path, name: str) -> None:
    corpus = _corpus(tree)
    whole, rate = corpus.read(f"dog/{name}")
    assert (whole.dtype, whole.ndim, rate) == (np.float32, 1, RATE)
    assert np.array_equal(whole, decode(tree / "dog" / name)[0][0])
    for start, frames in ((0, 1), (1, 4000), (3999, 4001), (7999, 1)):
        part, _ = corpus.read(f"dog/{name}", start, frames)
        assert np.array_equal(part, whole[start : start + frames])
        part += 1  # the caller's own copy
    assert np.array_equal(corpus.read(f"dog/{name}", 5)[0], whole[5:])
    assert np.array_equal(corpus.read(f"dog/{name}")[0], whole)
    with pytest.raises(AudioError, match="are asked for"):
        corpus.read(f"dog/{name}", 100, RATE)


def test_reading_from_threads_and_after_pickling(tree: Path) -> None:
    corpus = _corpus(tree)
    jobs = [r.path for r in corpus.recordings()] * 10
    alone = {path: corpus.read(path, 7, 5000)[0] for path in jobs}
    for reader in (_corpus(tree), pickle.loads(pickle.dumps(corpus))):
        with ThreadPoolExecutor(8) as pool:
            got = pool.map(lambda path, r=reader: r.read(path, 7, 5000)[0], jobs)
        assert all(np.array_equal(x, alone[path]) for x, path in zip(got, jobs, strict=True))


def test_digest_is_that_of_the_bytes(tree: Path) -> None:
    data = (tree / "dog" / "a.wav").read_bytes()
    assert _corpus(tree).digest("dog/a.wav") == hashlib.sha256(data).hexdigest()
    with pytest.raises(AudioError, match=r"cannot read audio file .*gone.wav.*complete the corpus"):
        _corpus(tree).digest("dog/gone.wav")


def test_channels(tmp_path: Path) -> None:
    stereo = _noise(100, channels=2)
    for name in ("s.wav", "s.ogg"):
        _save(tmp_path / "x" / name, stereo, **({"subtype": "FLOAT"} if name == "s.wav" else {}))
    with pytest.raises(CorpusError, match=r"2 of 2 files .*has 2 channels.*set `channel` to 0 ... 1"):
        _corpus(tmp_path).recordings()
    with pytest.raises(CorpusError, match="channel = 2; set"):
        _corpus(tmp_path, channel=2).recordings()
    for channel, expected in ((0, stereo[:, 0]), (1, stereo[:, 1]), ("mean", stereo.mean(axis=1))):
        corpus = _corpus(tmp_path, channel=channel)
        assert [r.frames for r in corpus.recordings()] == [100, 100]
        assert np.allclose(corpus.read("x/s.wav", 3, 50)[0], expected[3:53], atol=1e-7)
        assert corpus.read("x/s.ogg", 3, 50)[0].shape == (50,)


def _refuses(root: Path, pattern: str, kind: type[TsebenchError] = CorpusError, **options: Any) -> None:
    with pytest.raises(kind, match=pattern) as caught:
        _corpus(root, **options).recordings()
    assert "\n" not in str(caught.value)


def test_root_is_missing_or_a_file_or_empty(tmp_path: Path) -> None:
    _refuses(tmp_path / "gone", "does not exist; set `root`")
    (tmp_path / "file").write_text("")
    _refuses(tmp_path / "file", "is not a folder; set `root`")
    (tmp_path / "empty").mkdir()
    _refuses(tmp_path / "empty", "no folders with audio files; make one folder for each label")
    _save(tmp_path / "flat" / "a.wav")
    _refuses(tmp_path / "flat", "no folders with audio files")
    _refuses(tmp_path, "does not exist", audio="audoi")


@pytest.mark.parametrize(
    ("text", "pattern"),
    [
        ("", "has no rows and no header; complete it"),
        ("path,label\n", "has no rows; complete it"),
        ("path,lable\ndog/a.wav,dog\n", "no column 'label'; did you mean 'lable'"),
        ("path,label\ndog/a.wav\n", "line 2: 1 cells where the header has 2"),
        ("path,label\ndog/a.wav,x\ndog/b.flac, \n", "line 3: column 'label' is empty in 1 of 2 rows"),
        ("path,label\ndog/a.wav,x\n./dog/a.wav,y\n", "lines 2 and 3: path 'dog/a.wav' is given twice; remove one"),
        ("path,label\nno/1.wav,x\ndog/a.wav,x\nno/2.wav,x\n", "2 of the 3 files .*first is .*1.wav"),
        ("path,label\n../other/a.wav,x\n", "leads out of the corpus folder"),
        ("path,label\n/etc/passwd,x\n", "'/etc/passwd' leads out of the corpus folder"),
        ("path,label\ndog/a\0.wav,x\n", "leads out of the corpus folder|not a CSV"),
        ("path,label\ndog/notes.txt,x\n", "1 of 1 files cannot be used; .*cannot decode"),
        ("path,label\ndog,x\n", "1 of the 1 files .*missing"),
    ],
)
def test_metadata_is_wrong(tree: Path, text: str, pattern: str) -> None:
    _save(tree.parent / "other" / "a.wav")
    _table(tree, text)
    _refuses(tree, pattern, metadata="meta.csv")


def test_metadata_is_missing_or_not_text(tree: Path) -> None:
    _refuses(tree, "cannot read .*meta.csv': No such file", metadata="meta.csv")
    (tree / "meta.csv").write_bytes("path,label".encode("utf-16"))
    _refuses(tree, "not a CSV file in UTF-8", metadata="meta.csv")


def test_links_in_the_label_folders(tree: Path) -> None:
    (tree / "dog" / "again.wav").symlink_to(tree / "dog" / "a.wav")
    assert len(_corpus(tree).recordings()) == 7
    (tree / "linked").symlink_to(_save(tree.parent / "other" / "a.wav").parent)
    (tree / "dog" / "kept").symlink_to(tree.parent / "other")
    (tree / "dog" / "loop").symlink_to(tree)
    corpus = _corpus(tree)
    assert [r.label for r in corpus.recordings() if r.path in {"linked/a.wav", "dog/kept/a.wav"}] == ["dog", "linked"]
    assert len(corpus.recordings()) == 9
    assert corpus.digest("linked/a.wav") == corpus.digest("dog/kept/a.wav")


def test_links_that_lead_nowhere(tree: Path) -> None:
    """A link that may have been a folder is counted as one recording: what lay behind it is unknown."""
    (tree / "cat").symlink_to(tree.parent / "unmounted" / "cat")
    (tree / "dog" / "gone.wav").symlink_to(tree.parent / "unmounted" / "1.wav")
    (tree / "dog" / "more.txt").symlink_to(tree.parent / "unmounted" / "notes.txt")
    _refuses(tree, "1 link below .* lead nowhere, the first is 'cat' to '.*unmounted/cat'.*--allow-missing")
    corpus = _corpus(tree, allow_missing=True)
    assert len(corpus.recordings()) == 6
    assert corpus.absent() == ("cat", "dog/gone.wav")
    (tree / "cat").unlink()
    _refuses(tree, "1 of the 7 files .* are missing, the first is 'dog/gone.wav'")


def test_a_kind_that_is_not_read_is_named(tree: Path) -> None:
    (tree / "dog" / "a.m4a").write_bytes(b"the source of a.wav")
    assert len(_corpus(tree).recordings()) == 6
    (tree / "dog" / "new.M4A").write_bytes(b"not decoded")
    (tree / "dog" / "z.wav.dvc").write_text("outs: []")
    _refuses(tree, r"2 files are of kinds that are not read, the first is 'dog/new.M4A' \(.m4a\); convert it")
    corpus = _corpus(tree, allow_missing=True)
    assert len(corpus.recordings()) == 6
    assert corpus.absent() == ("dog/new.M4A", "dog/z.wav.dvc")
    _table(tree, "path,label\ndog/new.M4A,dog\n")
    _refuses(tree, "not read: .m4a; convert it", metadata="meta.csv")


@pytest.mark.parametrize("on_disk", ["NFC", "NFD"])
@pytest.mark.parametrize("in_table", ["NFC", "NFD"])
def test_names_that_differ_in_normalisation_are_one(tmp_path: Path, on_disk: Form, in_table: Form) -> None:
    name, label = "J\u00fcrgen/\u00e9t\u00e9 1.wav", "J\u00fcrgen"
    tree = tmp_path / "tree"
    _save(tree / unicodedata.normalize(on_disk, name))
    (tree / "transcripts.csv").write_text(unicodedata.normalize(in_table, f"path,speaker,text\n{name},{label},yes\n"))
    (found,) = _corpus(tree).recordings()
    assert (found.path, found.transcript) == (name, "yes")
    _table(tree, unicodedata.normalize(in_table, f"path,label\n{name},x\n"))
    (listed,) = _corpus(tree, metadata="meta.csv").recordings()
    assert listed.path == name
    for path in (name, unicodedata.normalize("NFD", name)):
        assert len(_corpus(tree).read(path)[0]) == found.frames


def test_two_names_that_differ_only_in_normalisation(tree: Path) -> None:
    _save(tree / "dog" / "\u00e9.wav")
    _save(tree / "dog" / "e\u0301.wav")
    _refuses(
        tree,
        r"'dog/\\xe9.wav' and 'dog/e\\u0301.wav', which differ only in the Unicode normalisation|"
        r"'dog/e\\u0301.wav' and 'dog/\\xe9.wav', which differ only in the Unicode normalisation",
    )


@pytest.mark.parametrize("path", ["../other/a.wav", "/etc/passwd", "dog/../../other/a.wav"])
def test_reading_stays_in_the_root(tree: Path, path: str) -> None:
    _save(tree.parent / "other" / "a.wav")
    for method in (_corpus(tree).read, _corpus(tree).digest):
        with pytest.raises(AudioError, match="leads out of the corpus folder"):
            method(path)


@pytest.mark.parametrize("content", [b"", b"RIFFgarbage", b"OggS" + bytes(100)])
def test_damaged_files_are_counted(tree: Path, content: bytes) -> None:
    (tree / "dog" / "bad1.wav").write_bytes(content)
    (tree / "dog" / "bad2.wav").write_bytes(content)
    _refuses(tree, "2 of 8 files cannot be used; the first: .*bad1.wav")


def test_files_without_samples_or_with_nan(tree: Path) -> None:
    corpus = _corpus(tree)
    bad = _noise()
    bad[100] = np.nan
    _save(tree / "dog" / "nan.wav", bad, subtype="FLOAT")
    assert len(corpus.recordings()) == 7
    with pytest.raises(AudioError, match=r"nan.wav' holds NaN or inf"):
        corpus.read("dog/nan.wav")
    _save(tree / "dog" / "none.wav", _noise(0))
    _refuses(tree, "1 of 8 files .*none.wav' has no samples; replace or remove it")


@pytest.mark.parametrize(
    ("options", "pattern"),
    [
        ({"split_column": "fold"}, "columns are named without `metadata`"),
        ({"splits": {"train": ["1"]}}, "`splits` needs `split_column`"),
        ({"valid_share": 1.0}, "valid_share = 1.0; set it to 0 or more, below 1"),
        ({"valid_share": -0.1}, "valid_share = -0.1"),
        ({"metadata": "m", "split_column": "f", "splits": {"a": ["1"], "b": ["1"]}}, "names '1' twice"),
        ({"metadata": "m", "split_column": "f", "splits": {}}, "`splits` names no values"),
    ],
)
def test_options_contradict_each_other(tmp_path: Path, options: Any, pattern: str) -> None:
    with pytest.raises(ConfigError, match=pattern):
        _corpus(tmp_path, **options)


def test_split_values_are_checked(tmp_path: Path) -> None:
    _split_table(tmp_path, "1122")
    options: dict[str, Any] = {"metadata": "meta.csv", "split_column": "fold"}
    wrong = {"train": ["1"], "test": ["3"]}
    _refuses(tmp_path, "names '3' for 'test', but .* only 1, 2;", splits=wrong, **options)
    _refuses(tmp_path, "'train', which has 0 of them", valid_share=0.5, **options)
    _refuses(tmp_path, "no column 'flod'; did you mean 'fold'", metadata="meta.csv", split_column="flod")


def test_is_built_from_a_config(tree: Path) -> None:
    factory = CORPORA.get("folder")
    options = {"name": "mine", "root": str(tree), "channel": "mean", "min_s": 1}
    assert len(call_with(factory, options, where="corpora.mine").recordings()) == 6
    with pytest.raises(ConfigError, match=r"unknown key 'rout'.*did you mean 'root'"):
        call_with(factory, {**options, "rout": "x"}, where="corpora.mine")


@needs_esc10
def test_esc10() -> None:
    corpus = FolderCorpus(
        name="esc10",
        root=ESC10,
        audio="audio",
        metadata="clips.csv",
        split_column="fold",
        splits={"train": ["1", "2", "3"], "test": ["4"]},
        valid_share=0.1,
        group_column="freesound_title",
    )
    begin = time.perf_counter()
    recordings = corpus.recordings()
    assert time.perf_counter() - begin < 5  # 0.4 s measured on two cores; the rest is for a slow disk
    labels = Counter(r.label for r in recordings)
    assert len(recordings) == 320
    assert set(labels.values()) == {32}
    splits = Counter(r.split for r in recordings)
    assert splits["test"] == 80
    assert splits["train"] + splits["valid"] == 240
    assert 10 < splits["valid"] < 50
    groups = [{r.group for r in recordings if r.split == s} for s in ("train", "valid")]
    assert not groups[0] & groups[1]


@needs_esc10
def test_stretches_of_real_ogg_files_are_exact() -> None:
    """Seeking in them is not: about 4 % of such stretches would differ from the whole file's."""
    corpus = FolderCorpus(name="esc10", root=ESC10, audio="audio")
    random_generator = np.random.default_rng(0)
    for r in corpus.recordings()[::8]:
        whole = decode(ESC10 / r.path)[0][0]
        assert len(whole) == r.frames
        for start in random_generator.integers(0, r.frames - 1000, 5):
            frames = int(random_generator.integers(1, r.frames - start))
            part, rate = corpus.read(r.path, int(start), frames)
            assert rate == r.sample_rate_hz
            assert np.array_equal(part, whole[start : start + frames])


@needs_digits
def test_digits() -> None:
    corpus = FolderCorpus(name="digits", root=DIGITS)
    recordings = corpus.recordings()
    assert Counter(r.label for r in recordings) == dict.fromkeys(("jackson", "nicolas", "theo", "yweweler"), 60)
    digits = "ZERO ONE TWO THREE FOUR FIVE SIX SEVEN EIGHT NINE"
    assert {word for r in recordings for word in (r.transcript or "?").split()} == {*digits.split()}
    first = recordings[0]
    assert (first.path, first.transcript) == ("jackson/jackson-0000.flac", "TWO ONE NINE THREE SIX EIGHT")
    assert len(corpus.read(first.path)[0]) == first.frames
