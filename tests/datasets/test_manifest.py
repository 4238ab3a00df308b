"""Datasets on disk: round trips, what the fingerprint covers, and damage that must be reported."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from tsebench.core import allocator
from tsebench.core.errors import DatasetError, OutputError, TsebenchError
from tsebench.datasets import manifest as manifest_module
from tsebench.datasets.build import build, materialise
from tsebench.datasets.checks.all_checks import validate
from tsebench.datasets.config import DatasetConfig
from tsebench.datasets.dataset import load_dataset
from tsebench.datasets.manifest import Manifest, fingerprint, read_manifest, write_manifest

RATE = 8000
LABELS = ("bell", "öl + fass", "wind")
CONFIG: dict[str, Any] = {
    "name": "tiny",
    "builder": "sound_mix",
    "corpora": {"x": {"kind": "folder"}},
    "params": {
        "events": {"corpus": "x"},
        "count": 6,
        "sample_rate_hz": RATE,
        "duration_s": 1.0,
        "n_classes": [2, 2],
        "event_s": [0.4, 0.8],
        "background_db": -40.0,
        "conditions": ["1:0", "1:1", "0:1"],
        "clues": ["classes", "enrollment"],
    },
}


def _config(**changed: Any) -> DatasetConfig:
    params = {**CONFIG["params"], **changed.pop("params", {})}
    return DatasetConfig.model_validate({**CONFIG, "params": params, **changed})


def _make_corpus(root: Path, *, backwards: bool = False) -> Path:
    """Three labels with three recordings each, made in either order."""
    names = [(label, n) for label in LABELS for n in range(3)]
    for label, n in reversed(names) if backwards else names:
        (root / label).mkdir(parents=True, exist_ok=True)
        noise = np.random.default_rng([n, len(label)]).uniform(-0.3, 0.3, RATE)
        soundfile.write(str(root / label / f"{n}.wav"), noise.astype(np.float32), RATE)
    return root


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    return _make_corpus(tmp_path / "corpus")


def _build(folder: Path, corpus: Path, *, jobs: int = 1, **changed: Any) -> Manifest:
    return build(_config(**changed), folder, corpus_dirs={"x": corpus}, jobs=jobs).manifest


@pytest.fixture
def folder(tmp_path: Path, corpus: Path) -> Path:
    _build(tmp_path / "set", corpus)
    return tmp_path / "set"


def test_a_round_trip_keeps_everything(tmp_path: Path, corpus: Path) -> None:
    built = _build(tmp_path / "set", corpus)
    read = read_manifest(tmp_path / "set")
    assert read.card == built.card
    assert read.mixtures == built.mixtures
    assert read.trials == built.trials
    assert read.files == built.files
    assert fingerprint(read) == fingerprint(built) == built.card.fingerprint
    assert read.card.counts == {
        "mixtures": 6,
        "trials": 18,
        "files": len(built.files),
        "trials_FMQ_1:0": 6,
        "trials_PMQ_1:1": 6,
        "trials_FUQ_0:1": 6,
    }
    names = sorted(path.name for path in (tmp_path / "set").iterdir())
    assert names == ["card.json", "files.jsonl", "mixtures.jsonl", "trials.jsonl"]


def test_tags_keep_their_types(tmp_path: Path, corpus: Path) -> None:
    tags = {"word": "1", "whole": 1, "share": 1.0, "yes": True, "öl": "ä\n\u2028", "low": -1e-300}
    built = _build(tmp_path / "set", corpus)
    first = replace(built.mixtures[0], tags=tags)
    changed = replace(built, mixtures=[first, *built.mixtures[1:]])
    changed = replace(changed, card=replace(changed.card, fingerprint=fingerprint(changed)))
    write_manifest(tmp_path / "set", changed)
    read = dict(read_manifest(tmp_path / "set").mixtures[0].tags)
    assert read == tags
    assert [type(value) for value in read.values()] == [type(value) for value in tags.values()]


def test_the_fingerprint_is_the_same_wherever_and_however_it_is_built(tmp_path: Path, corpus: Path) -> None:
    expected = _build(tmp_path / "a", corpus).card.fingerprint
    moved = _make_corpus(tmp_path / "elsewhere" / "name", backwards=True)
    (moved / "README.txt").write_text("not audio")
    assert _build(tmp_path / "b" / "c", moved).card.fingerprint == expected
    assert _build(tmp_path / "d", corpus, jobs=4).card.fingerprint == expected
    assert _build(tmp_path / "e", corpus, description="another text").card.fingerprint == expected
    shutil.move(str(tmp_path / "a"), str(tmp_path / "moved"))
    assert read_manifest(tmp_path / "moved").card.fingerprint == expected


def test_the_fingerprint_changes_with_what_decides_a_score(tmp_path: Path, corpus: Path) -> None:
    fingerprints = {"": _build(tmp_path / "base", corpus).card.fingerprint}
    changes: dict[str, dict[str, Any]] = {
        "seed": {"seed": 1},
        "name": {"name": "tiny2"},
        "version": {"version": "2"},
        "peak": {"params": {"peak": 0.01}},
        "quantise": {"params": {"quantise": "int16"}},
        "conditions": {"params": {"conditions": ["1:0"]}},
        "count": {"params": {"count": 5}},
        "clues": {"params": {"clues": ["classes"]}},
    }
    for name, changed in changes.items():
        fingerprints[name] = _build(tmp_path / name, corpus, **changed).card.fingerprint
    used = read_manifest(tmp_path / "base").files[0].path
    with (corpus / used).open("ab") as file:
        file.write(b"\0")  # the samples stay, the bytes do not
    fingerprints["bytes"] = _build(tmp_path / "bytes", corpus).card.fingerprint
    assert len(set(fingerprints.values())) == len(fingerprints)


def _edit(name: str, old: str, new: str) -> Callable[[Path], None]:
    def edit(folder: Path) -> None:
        text = (folder / name).read_text(encoding="utf-8")
        assert old in text
        (folder / name).write_text(text.replace(old, new, 1), encoding="utf-8")

    return edit


def _append(name: str, text: str) -> Callable[[Path], None]:
    def append(folder: Path) -> None:
        with (folder / name).open("a", encoding="utf-8") as file:
            file.write(text)

    return append


def _twice(name: str) -> Callable[[Path], None]:
    def twice(folder: Path) -> None:
        lines = (folder / name).read_text(encoding="utf-8").splitlines()
        (folder / name).write_text("\n".join([*lines, lines[0]]) + "\n", encoding="utf-8")

    return twice


def _cut(name: str) -> Callable[[Path], None]:
    def cut(folder: Path) -> None:
        content = (folder / name).read_bytes()
        (folder / name).write_bytes(content[: len(content) - 20])

    return cut


def _without_last_line(name: str) -> Callable[[Path], None]:
    def shorten(folder: Path) -> None:
        lines = (folder / name).read_text(encoding="utf-8").splitlines()
        (folder / name).write_text("\n".join(lines[:-1]) + "\n", encoding="utf-8")

    return shorten


DAMAGE: dict[str, tuple[Callable[[Path], None], str]] = {
    "no card": (lambda f: (f / "card.json").unlink(), "is not a dataset folder"),
    "no mixtures": (lambda f: (f / "mixtures.jsonl").unlink(), r"mixtures\.jsonl' is missing"),
    "no trials": (lambda f: (f / "trials.jsonl").unlink(), r"trials\.jsonl' is missing"),
    "no hashes": (lambda f: (f / "files.jsonl").unlink(), r"files\.jsonl' is missing"),
    "cut card": (_cut("card.json"), r"card\.json is damaged"),
    "cut line": (_cut("mixtures.jsonl"), r"mixtures\.jsonl line 6 is damaged"),
    "garbage": (_append("trials.jsonl", "hello\n"), r"trials\.jsonl line 19 is damaged"),
    "binary": (lambda f: (f / "files.jsonl").write_bytes(b"\xff\xfe\n"), "line 1 is damaged"),
    "empty line": (_append("trials.jsonl", "\n"), "line 19 is damaged"),
    "wrong type": (_edit("mixtures.jsonl", '"gain":', '"gain":"x","g":'), "line 1 is damaged: sou"),
    "missing key": (_edit("trials.jsonl", '"cluster":', '"c":'), "line 1 is damaged: key 'cluster' is missing; build"),
    "trial twice": (_twice("trials.jsonl"), "trial id 'test-000000_q0' appears twice"),
    "mixture twice": (_twice("mixtures.jsonl"), "mixture id 'test-000000' appears twice"),
    "source twice": (_edit("mixtures.jsonl", '"id":"s2"', '"id":"s1"'), "source id 's1' appears tw"),
    "mixture lost": (_without_last_line("mixtures.jsonl"), "which are not there"),
    "source lost": (_edit("mixtures.jsonl", '"id":"s2"', '"id":"s9"'), "which are not there"),
    "hash lost": (_without_last_line("files.jsonl"), r"is not in files\.jsonl"),
    "path up": (_edit("mixtures.jsonl", '"path":"', '"path":"../'), "leaves the folder of corpus 'x'"),
    "path inside": (_edit("trials.jsonl", '"path":"', '"path":"a/../../'), "leaves the folder"),
    "absolute": (_edit("mixtures.jsonl", '"path":"', '"path":"/etc/'), "leaves the folder"),
    "backslash": (_edit("trials.jsonl", '"path":"', '"path":"..\\\\'), "leaves the folder"),
    "hashed path": (_edit("files.jsonl", '"path":"', '"path":"../'), "leaves the folder"),
    "other corpus": (_edit("mixtures.jsonl", '"corpus":"x"', '"corpus":"y"'), "which the card lacks"),
    "id climbs": (_edit("trials.jsonl", '"id":"', '"id":"../'), "cannot be a file name"),
    "id is dots": (_edit("mixtures.jsonl", '"id":"test-000000"', '"id":".."'), "cannot be a file"),
    "source id": (_edit("mixtures.jsonl", '"id":"s1"', '"id":"a/b"'), "cannot be a file name"),
    "gain": (_edit("mixtures.jsonl", '"gain":0.', '"gain":1.'), "fingerprint does not fit"),
    "target": (_edit("trials.jsonl", '"n_classes":2', '"n_classes":3'), "fingerprint does not fit"),
    "hash": (_edit("files.jsonl", '"sha256":"', '"sha256":"0'), "fingerprint does not fit"),
    "vocabulary": (_edit("card.json", '"bell"', '"ball"'), "fingerprint does not fit"),
    "rate": (_edit("card.json", '"sample_rate_hz": 8000', '"sample_rate_hz": 16000'), "does not fit"),
    "fingerprint": (_edit("card.json", '"fingerprint": "', '"fingerprint": "0'), "does not fit"),
    "trial lost": (_without_last_line("trials.jsonl"), "fingerprint does not fit"),
}


@pytest.mark.parametrize("kind", DAMAGE)
def test_damage_gives_one_clear_line(folder: Path, corpus: Path, kind: str) -> None:
    damage, message = DAMAGE[kind]
    damage(folder)
    with pytest.raises(DatasetError, match=message) as caught:
        load_dataset(folder, corpus_dirs={"x": corpus})
    assert "\n" not in str(caught.value)
    assert str(folder) in str(caught.value)


def test_no_folder_at_all(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"not a dataset folder \(no card.json\); build one"):
        load_dataset(tmp_path / "nothing")


def test_building_again_gives_the_same_files(folder: Path, corpus: Path) -> None:
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    (folder / "trials.jsonl").write_bytes(b"")
    _build(folder, corpus)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_reuse_opens_what_is_there(folder: Path, corpus: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr("tsebench.datasets.build._manifest", None)  # would fail if it were called
    opened = build(_config(), folder, corpus_dirs={"x": corpus}, reuse=True)
    assert opened.manifest == read_manifest(folder)


def test_options_given_as_tuples_are_the_same_config(tmp_path: Path, corpus: Path) -> None:
    options = {"splits": {"test": ("a",)}, "metadata": "m.csv", "split_column": "part"}
    rows = [f"{label}/{n}.wav,{label},a" for label in LABELS for n in range(3)]
    (corpus / "m.csv").write_text("path,label,part\n" + "\n".join(rows), encoding="utf-8")
    corpora = {"x": {"kind": "folder", "options": options}}
    first = _build(tmp_path / "set", corpus, corpora=corpora)
    config = _config(corpora=corpora)
    assert read_manifest(tmp_path / "set").card.matches(config)
    assert first.card.matches(config)


@pytest.mark.parametrize("changed", [{"seed": 3}, {"params": {"count": 7}}, {"split": "train"}, {"version": "9"}])
@pytest.mark.parametrize("reuse", [False, True])
def test_another_set_is_not_overwritten(folder: Path, corpus: Path, changed: dict[str, Any], reuse: bool) -> None:
    before = (folder / "card.json").read_bytes()
    with pytest.raises(DatasetError, match="holds dataset 'tiny' made from another config; remove"):
        build(_config(**changed), folder, corpus_dirs={"x": corpus}, reuse=reuse)
    assert (folder / "card.json").read_bytes() == before


def test_a_damaged_card_says_how_to_go_on(folder: Path, corpus: Path) -> None:
    (folder / "card.json").write_text("{}")
    with pytest.raises(DatasetError, match=r"damaged: .* after removing folder .* or choose another"):
        _build(folder, corpus)


@pytest.mark.parametrize("stop_at", ["mixtures.jsonl", "trials.jsonl", "files.jsonl", "card.json"])
def test_an_interrupted_rebuild_leaves_no_set_that_looks_complete(
    folder: Path, corpus: Path, stop_at: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The corpus changed since the first build, so old and new parts do not fit together."""
    write = manifest_module.write_atomic
    used = read_manifest(folder).files[0].path
    noise = np.random.default_rng(99).uniform(-0.3, 0.3, RATE).astype(np.float32)
    soundfile.write(str(corpus / used), noise, RATE)

    def killed(path: Path, content: bytes | str) -> None:
        if path.name == stop_at:
            raise KeyboardInterrupt
        write(path, content)

    monkeypatch.setattr(manifest_module, "write_atomic", killed)
    with pytest.raises(KeyboardInterrupt):
        _build(folder, corpus)
    monkeypatch.undo()
    with pytest.raises(DatasetError, match="is not a dataset folder"):
        load_dataset(folder, corpus_dirs={"x": corpus})
    again = build(_config(), folder, corpus_dirs={"x": corpus}, reuse=True)
    assert read_manifest(folder).card == again.card


def test_a_folder_that_cannot_be_written(tmp_path: Path, corpus: Path) -> None:
    (tmp_path / "file").write_text("a file")
    with pytest.raises(OutputError, match="cannot write to folder"):
        _build(tmp_path / "file" / "set", corpus)
    (tmp_path / "set" / "card.json").mkdir(parents=True)
    with pytest.raises(OutputError, match=r"cannot replace .*card\.json"):
        _build(tmp_path / "set", corpus)


def test_a_builder_with_bad_ids_fails_when_it_builds(
    tmp_path: Path, corpus: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tsebench.datasets.protocols.builder.BuildContext.mixture_id", lambda self, i: "same")
    with pytest.raises(DatasetError, match="dataset 'tiny': mixture id 'same' appears twice"):
        _build(tmp_path / "set", corpus)
    assert not (tmp_path / "set").exists()


def test_one_recording_for_each_class_cannot_enroll(tmp_path: Path, corpus: Path) -> None:
    for path in corpus.glob("*/[12].wav"):
        path.unlink()
    for jobs in (1, 2):
        with pytest.raises(TsebenchError, match=r"has 0 recordings that the mixture does not use"):
            _build(tmp_path / "set", corpus, jobs=jobs)
    assert _build(tmp_path / "set", corpus, params={"clues": ["classes"]}).trials


@pytest.mark.parametrize("quantise", ["none", "int16"])
def test_written_audio_is_what_is_rendered(tmp_path: Path, corpus: Path, quantise: str) -> None:
    config = _config(params={"count": 2, "quantise": quantise})
    dataset = build(config, tmp_path / "set", corpus_dirs={"x": corpus})
    materialise(dataset, tmp_path / "set")
    audio = tmp_path / "set" / "audio"
    for index, trial in enumerate(dataset.trials):
        query, truth = dataset[index]
        name = f"{trial.mixture_id}.wav"
        mixture, rate = soundfile.read(str(audio / "mixture" / name), dtype="float32")
        assert rate == RATE
        np.testing.assert_array_equal(mixture, query.mixture[0])
        sources = [soundfile.read(str(audio / source / name), dtype="float32")[0] for source in trial.target_ids]
        if truth.target is not None:
            np.testing.assert_array_equal(sum(sources), truth.target[0])
        for number, enrollment in enumerate(query.clues.enrollments):
            path = audio / "enrollment" / f"{trial.id}_{number}.wav"
            np.testing.assert_array_equal(soundfile.read(str(path), dtype="float32")[0], enrollment)
    assert soundfile.info(str(audio / "mixture" / name)).subtype == ("PCM_16" if quantise == "int16" else "FLOAT")


def test_nothing_of_this_machine_is_in_the_files(folder: Path, corpus: Path) -> None:
    for path in folder.iterdir():
        text = path.read_text(encoding="utf-8")
        assert str(corpus) not in text
        assert str(folder) not in text
        assert os.sep + "home" not in text
    card = json.loads((folder / "card.json").read_text(encoding="utf-8"))
    assert card["vocabulary"] == sorted(LABELS)
    assert card["licences"] == {"x": "unknown"}


NUMBERS: list[tuple[str, tuple[str | int, ...], float]] = [
    ("mixtures", ("sample_rate_hz",), -8000),
    ("mixtures", ("sample_rate_hz",), 10**12),
    ("mixtures", ("num_samples",), -1),
    ("mixtures", ("num_samples",), 0),
    ("mixtures", ("num_samples",), 10**15),
    ("mixtures", ("num_samples",), 10**40),
    ("mixtures", ("num_samples",), 2**31 - 1),
    ("mixtures", ("sources", 0, "onset"), -(10**15)),
    ("mixtures", ("sources", 0, "fade"), -1),
    ("mixtures", ("sources", 0, "gain"), 1e300),
    ("mixtures", ("sources", 0, "clip", "start"), -5),
    ("mixtures", ("sources", 0, "clip", "start"), 10**30),
    ("mixtures", ("sources", 0, "clip", "frames"), 0),
    ("mixtures", ("sources", 0, "clip", "frames"), 10**10),
    ("trials", ("condition", "n_active"), -1),
    ("trials", ("condition", "n_inactive"), 10**20),
]


@pytest.mark.parametrize(("part", "keys", "value"), NUMBERS, ids=lambda value: str(value).replace(" ", ""))
def test_numbers_beyond_what_is_there_are_refused(
    folder: Path, corpus: Path, monkeypatch: pytest.MonkeyPatch, *, part: str, keys: tuple[str | int, ...], value: float
) -> None:
    """With a valid fingerprint, before any memory is taken."""
    monkeypatch.setattr(allocator, "free_memory", lambda: 2**31)
    path = folder / f"{part}.jsonl"
    first, *others = path.read_text().splitlines()
    content = json.loads(first)
    place = content
    for key in keys[:-1]:
        place = place[key]
    place[keys[-1]] = value
    path.write_text("\n".join([json.dumps(content), *others]) + "\n")
    monkeypatch.setattr(manifest_module, "fingerprint", lambda found: found.card.fingerprint)
    assert _refused(folder, corpus)


def _refused(folder: Path, corpus: Path) -> bool:
    """Whether a set is refused when it is opened; or by its checks, where recordings or memory tell."""
    try:
        findings = validate(load_dataset(folder, corpus_dirs={"x": corpus}))
    except TsebenchError as error:
        return "\n" not in str(error)
    return not all(finding.ok for finding in findings)
