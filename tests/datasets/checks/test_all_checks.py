"""Checks of datasets: each finds what it is for, tells it from the protocol's own, and no more."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from helpers.trees.audio import save
from helpers.trees.librimix import MAP, Place, librimix_config, make_librimix, mixture_row, utterance
from rich.console import Console

from tsebench.cli import main as cli
from tsebench.datasets.build import build
from tsebench.datasets.checks.all_checks import validate
from tsebench.datasets.checks.finding import Finding, judged, spread
from tsebench.datasets.checks.numbers import numbers_of
from tsebench.datasets.config import DatasetConfig
from tsebench.datasets.dataset import Dataset, load_dataset
from tsebench.datasets.types import Clip, Condition, Mixture, MixtureClip, Trial
from tsebench.reports.terminal.datasets import print_findings, print_summary

RATE = 8000
CHECKS = [
    *("counts", "corpora", "recordings", "rendering", "lengths", "levels"),
    *("enrollment leak", "query conditions"),
]
A, B, C, D = (utterance(n, 1) for n in (60, 61, 121, 1089))
ROWS = [mixture_row({A: 0.5, B: 0.25}, "tt/a.wav", 1.5), mixture_row({C: 0.75, D: 0.3}, "tt/a.wav", 1)]


def checks(dataset: Dataset, **options: Any) -> dict[str, Finding]:
    return {finding.check: finding for finding in validate(dataset, **options)}


def altered(dataset: Dataset, *, trials: list[Trial] | None = None, **changes: Any) -> Dataset:
    """The set with other trials, or with the first mixture changed."""
    manifest = dataset.manifest
    if changes:
        first: Mixture = replace(manifest.mixtures[0], **changes)
        manifest = replace(manifest, mixtures=[first, *manifest.mixtures[1:]])
    if trials is not None:
        manifest = replace(manifest, trials=trials)
    return Dataset(manifest, dataset.corpora)


def with_first(dataset: Dataset, **changes: Any) -> Dataset:
    """The set with the first trial changed."""
    return altered(dataset, trials=[replace(dataset.trials[0], **changes), *dataset.trials[1:]])


def make_corpus(root: Path, *, split: str = "test", authors: Mapping[str, str] = {}) -> Path:
    """Three labels of four files each, of one author each, and the table that says so."""
    rows = ["path,label,split,author"]
    for k, label in enumerate(("bell", "rain", "wind")):
        for n in range(4):
            path = f"{label}/{split}-{n}.wav"
            seed = 1000 * (split == "train") + 10 * k + n
            save(root / path, frames=RATE, rate_hz=RATE, seed=seed)
            rows.append(f"{path},{label},{split},{authors.get(path, path)}")
    (root / "clips.csv").write_text("\n".join(rows) + "\n")
    return root


def config(name: str = "tiny", *, split: str = "test", **params: Any) -> DatasetConfig:
    options = {"metadata": "clips.csv", "split_column": "split", "group_column": "author"}
    return DatasetConfig.model_validate(
        {
            "name": name,
            "builder": "sound_mix",
            "split": split,
            "corpora": {"mine": {"kind": "folder", "options": options}},
            "params": {
                "events": {"corpus": "mine"},
                "count": 6,
                "sample_rate_hz": RATE,
                "duration_s": 1.0,
                "n_classes": [2, 2],
                "event_s": [0.4, 0.8],
                "conditions": ["1:0", "0:1"],
                "clues": ["classes", "enrollment"],
                **params,
            },
        }
    )


@cache
def _tiny(folder: Path) -> Dataset:
    corpus = make_corpus(folder / "corpus")
    build(config(), folder / "set", corpus_dirs={"mine": corpus})
    return load_dataset(folder / "set", corpus_dirs={"mine": corpus})


@pytest.fixture
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return _tiny(tmp_path_factory.getbasetemp() / "validate")


@pytest.fixture
def place(tmp_path: Path) -> Place:
    speech = {utterance(n, m): 48_000 + 100 * m + n for n in (60, 61, 121, 1089) for m in (1, 2)}
    return make_librimix(tmp_path / "place", ROWS, speech, {"tt/a.wav": 60_000})


def test_a_sound_set_passes_and_says_what_was_looked_at(tiny: Dataset) -> None:
    found = checks(tiny)
    assert list(found) == CHECKS
    assert {finding.verdict for finding in found.values()} == {"ok"}
    assert found["rendering"].looked_at == found["rendering"].of == 6
    assert found["enrollment leak"].looked_at == len(tiny) == 12
    # Clips last 1 s, and enrollments are cut at 5 s.
    assert found["lengths"].detail == "enrollments 1.00 to 1.00 s, median 1.00 s"
    peaks = [np.abs(tiny.signals(name).mixture).max() for name in tiny.mixtures]
    assert found["levels"].detail == f"peaks {min(peaks):.3f} to {max(peaks):.3f}"


def test_threads_and_samples_change_only_what_is_looked_at(tiny: Dataset) -> None:
    assert validate(tiny, jobs=3) == validate(tiny)
    found = checks(tiny, sample=2)
    assert (found["rendering"].looked_at, found["rendering"].of) == (2, 6)
    files = len(tiny.manifest.files)
    assert (found["recordings"].looked_at, found["recordings"].of) == (2, files)
    assert found["enrollment leak"].looked_at == 12
    assert all(finding.ok for finding in found.values())


def test_a_sample_is_evenly_spread() -> None:
    assert spread(range(10), 4) == [0, 2, 5, 7]
    assert list(spread(range(3), 5)) == list(spread(range(3), None)) == [0, 1, 2]


def test_wrong_counts_are_found(tiny: Dataset) -> None:
    counts = {**tiny.card.counts, "trials_FMQ_1:0": 5, "mixtures": 7}
    card = replace(tiny.card, counts=counts)
    found = checks(Dataset(replace(tiny.manifest, card=card), tiny.corpora), sample=1)["counts"]
    assert found.verdict == "PROBLEM"
    assert found.detail == "the card says mixtures = 7, but there are 6 (2 in all)"


def test_other_content_is_found(tmp_path: Path) -> None:
    corpus = make_corpus(tmp_path / "corpus")
    dataset = build(config(), tmp_path / "set", corpus_dirs={"mine": corpus})
    name = dataset.manifest.files[2].path
    save(corpus / name, frames=RATE, rate_hz=RATE, seed=99)
    found = checks(load_dataset(tmp_path / "set", corpus_dirs={"mine": corpus}))
    assert found["recordings"].detail == (f"recording {name!r} of corpus 'mine' has other content")
    assert not found["rendering"].ok


def test_a_source_after_the_end_is_found(tiny: Dataset) -> None:
    source = tiny.manifest.mixtures[0].sources[0]
    late = replace(source, onset=RATE)
    others = tiny.manifest.mixtures[0].sources[1:]
    found = checks(altered(tiny, sources=(late, *others)))
    assert found["lengths"].detail.startswith(
        f"source {source.id!r} of mixture 'test-000000' begins at sample 8000, after the end (8000)"
    )
    # An inaudible source is a silent target, too, if it is the target of a trial.
    asked = any(source.id in trial.target_ids for trial in tiny.trials[:2])
    assert found["levels"].ok != asked


def test_silence_is_found(tiny: Dataset) -> None:
    sources = tuple(replace(s, gain=1e-6) for s in tiny.manifest.mixtures[0].sources)
    found = checks(altered(tiny, sources=sources))["levels"]
    assert found.verdict == "PROBLEM"
    # The mixture, and the target of the one trial that has one.
    assert found.detail.startswith("mixture 'test-000000' is silent")
    assert found.detail.endswith("(2 in all)")


@pytest.mark.parametrize(("quantise", "said"), [("int16", "16 bits that reach full scale"), ("none", "exceed")])
def test_loud_mixtures_are_a_remark(tiny: Dataset, quantise: str, said: str) -> None:
    sources = tuple(replace(s, gain=40.0) for s in tiny.manifest.mixtures[0].sources)
    found = checks(altered(tiny, sources=sources, quantise=quantise))["levels"]
    assert found.verdict == "remark"
    assert said in found.detail
    assert "(the first is 'test-000000')" in found.detail


def test_leaks_that_no_tag_declares_are_problems(tiny: Dataset) -> None:
    trial = next(trial for trial in tiny.trials if trial.target_ids)
    mixture = tiny.mixtures[trial.mixture_id]
    for source in mixture.sources:
        clue = replace(trial.clue, enrollments=(source.clip,))
        changed = [replace(t, clue=clue) if t.id == trial.id else t for t in tiny.trials]
        found = checks(altered(tiny, trials=changed), sample=1)["enrollment leak"]
        part = "target" if source.id in trial.target_ids else "other sources"
        assert found.detail == (
            f"trial {trial.id!r}: enrollment {source.clip.path!r} is in its own mixture, in the {part}"
        )
        # The tag speaks of the target, and excuses nothing else.
        tagged = replace(trial, clue=clue, tags={"enrollment": "same_utterance"})
        changed = [tagged if t.id == trial.id else t for t in tiny.trials]
        found = checks(altered(tiny, trials=changed), sample=1)["enrollment leak"]
        assert found.verdict == ("remark" if part == "target" else "PROBLEM")


def test_leaks_by_group_are_found(tmp_path: Path) -> None:
    """The builder keeps away from them, so one is made by hand."""
    authors = {f"bell/test-{n}.wav": "ann" for n in range(2)}
    authors |= {f"rain/test-{n}.wav": "ann" for n in range(2)}
    corpus = make_corpus(tmp_path / "corpus", authors=authors)
    dataset = build(config(count=20), tmp_path / "set", corpus_dirs={"mine": corpus})
    assert checks(dataset, sample=1)["enrollment leak"].verdict == "ok"
    used = {c.path for m in dataset.manifest.mixtures for c in (s.clip for s in m.sources)}
    loud, kin = sorted(set(authors) & used)[0], sorted(set(authors) & used)[-1]
    trial = next(
        t
        for t in dataset.trials
        if loud in {s.clip.path for s in dataset.mixtures[t.mixture_id].sources}
        and kin not in {s.clip.path for s in dataset.mixtures[t.mixture_id].sources}
    )
    clip = Clip(corpus="mine", path=kin, start=0, frames=RATE)
    leaking = replace(trial, clue=replace(trial.clue, enrollments=(clip,)))
    trials = [leaking if t.id == trial.id else t for t in dataset.trials]
    found = checks(altered(dataset, trials=trials), sample=1)["enrollment leak"]
    assert f"enrollment {kin!r} is of the same group ('ann') as {loud!r}" in found.detail


def test_wrong_conditions_are_found(tiny: Dataset) -> None:
    trial = tiny.trials[0]
    both = Condition(n_active=1, n_inactive=1)
    found = checks(with_first(tiny, condition=both), sample=1)["query conditions"]
    assert "condition 1:1 does not fit its classes" in found.detail
    clue = replace(trial.clue, classes=("bark",))
    found = checks(with_first(tiny, clue=clue), sample=1)["query conditions"]
    assert "(2 in all)" in found.detail
    wrong = () if trial.target_ids else (tiny.manifest.mixtures[0].sources[0].id,)
    found = checks(with_first(tiny, target_ids=wrong), sample=1)["query conditions"]
    assert f"has the targets {list(wrong)}" in found.detail


# Protocols with leaks, parts that are missing -----------------------------------------------------


def test_declared_leaks_of_a_map_are_a_remark_with_their_number(place: Place, tmp_path: Path) -> None:
    ids = [row["mixture_ID"] for row in ROWS]
    stems = [Path(path).stem for path in (A, B, C, D)]
    lines = [f"{ids[k // 2]} {stems[k]} s{1 + k % 2}/{ids[k // 2]}" for k in range(4)]
    (place.dirs["librimix"] / MAP).write_text("\n".join(lines) + "\n")
    params = {"enrollment": "map", "enrollment_map": MAP}
    dataset = build(librimix_config(**params), tmp_path / "set", corpus_dirs=place.dirs)
    found = checks(dataset)
    assert found["enrollment leak"].verdict == "remark"
    assert found["enrollment leak"].detail == (
        "known to the protocol: in 4 of 4 trials the enrollment is the target's own utterance, in 4 its very file"
    )
    assert all(finding.ok for finding in found.values())
    # The same without its tags, or with the other speaker of the mixture, is not the protocol.
    plain = [replace(trial, tags={}) for trial in dataset.trials]
    assert checks(altered(dataset, trials=plain))["enrollment leak"].detail.endswith("(4 in all)")
    other = replace(dataset.trials[0].clue, enrollments=(MixtureClip(mixture_id=ids[0], source_id="s2"),))
    assert not checks(with_first(dataset, clue=other))["enrollment leak"].ok


@pytest.mark.parametrize("mode", ["min", "max"])
def test_lengths_follow_the_mode(place: Place, tmp_path: Path, mode: str) -> None:
    dataset = build(librimix_config(mode=mode), tmp_path / "set", corpus_dirs=place.dirs)
    assert checks(dataset)["lengths"].ok
    first, second = dataset.manifest.mixtures
    found = checks(altered(dataset, num_samples=first.num_samples - 5))["lengths"]
    assert f"mixture {first.id!r} ends neither with its shortest" in found.detail
    ends = [-(-source.clip.frames // 2) for source in first.sources]
    wrong = max(ends) if mode == "min" else min(ends)
    found = checks(altered(dataset, num_samples=wrong))["lengths"]
    assert f"mixture {second.id!r} is in mode {mode!r}, but mixture {first.id!r}" in found.detail


def test_parts_of_a_release_that_are_not_there_are_remarks(place: Place, tmp_path: Path) -> None:
    dataset = build(librimix_config(mix="both"), tmp_path / "set", corpus_dirs=place.dirs)
    found = checks(dataset)["corpora"]
    assert (found.verdict, found.looked_at, found.of) == ("remark", 2, 3)
    assert "dev-clean (2703 files) is not there" in found.detail
    assert found.detail.endswith("more")


def test_what_was_left_out_is_told_first(place: Place, tmp_path: Path) -> None:
    (place.dirs["librispeech"] / A).unlink()
    dataset = build(librimix_config(), tmp_path / "set", corpus_dirs=place.dirs, allow_missing=True)
    found = checks(dataset)
    assert found["counts"].verdict == "remark"
    assert found["counts"].detail == (
        f"recordings missing: 1 (the first is 'librispeech:{A}'), mixtures left out for them: 1"
    )
    assert all(finding.ok for finding in found.values())
    console = Console(width=100, record=True)
    print_summary(dataset, console)
    lines = console.export_text().splitlines()
    assert lines[0].startswith("recordings missing: 1, mixtures left out for them: 1; the first: ")
    assert any(line.split() == ["FMQ", "1:0", "2"] for line in lines)
    assert any(line.split()[:2] == ["speakers", "2"] for line in lines)


def test_build_leaves_out_what_is_missing_when_told_to(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TSEBENCH_CORPORA", str(tmp_path / "corpora.yaml"))
    lines = [f"{name}: {folder}" for name, folder in place.dirs.items()]
    (tmp_path / "corpora.yaml").write_text("\n".join(lines))
    (tmp_path / "small.yaml").write_text(librimix_config().model_dump_json())  # JSON is YAML
    (place.dirs["librispeech"] / A).unlink()
    arguments = ["build", str(tmp_path / "small.yaml"), "--out", str(tmp_path / "sets")]
    with pytest.raises(SystemExit, match="2"):
        cli.main(arguments)
    assert "with --allow-missing" in capsys.readouterr().err
    with pytest.raises(SystemExit, match="0"):
        cli.main([*arguments, "--allow-missing", "--materialise", "--jobs", "2"])
    out = capsys.readouterr().out
    first = out.index("recordings missing: 1, mixtures left out for them: 1; the first:")
    assert first < out.index("duration") < out.index("fingerprint")
    written = list((tmp_path / "sets" / "small" / "audio").rglob(f"{ROWS[1]['mixture_ID']}.wav"))
    assert len(written) == 3


# Two sets -----------------------------------------------------------------------------------------


def test_splits_that_are_apart_and_splits_that_are_not(tmp_path: Path) -> None:
    corpus = make_corpus(tmp_path / "corpus")
    authors = {"rain/train-0.wav": "zoe"}
    other = make_corpus(tmp_path / "other", split="train", authors=authors)
    dirs = {"mine": corpus}
    test = build(config(count=12), tmp_path / "test", corpus_dirs=dirs)
    train = build(config("train", split="train", count=12), tmp_path / "train", corpus_dirs={"mine": other})
    (found,) = validate(test, against=[train], sample=1)[len(CHECKS) :]
    assert (found.check, found.verdict) == ("apart from train", "ok")
    counts = [dataset.card.counts["files"] for dataset in (test, train)]
    assert found.detail == f"{counts[0]} and {counts[1]} recordings"
    # One recording is copied, and one author is in both.
    shutil.copy(corpus / "bell/test-0.wav", other / "bell/train-3.wav")
    table = corpus / "clips.csv"
    table.write_text(table.read_text().replace("wind/test-1.wav\n", "zoe\n"))
    test = build(config(count=12), tmp_path / "test2", corpus_dirs=dirs)
    train = build(config("train", split="train", count=12), tmp_path / "train2", corpus_dirs={"mine": other})
    (found,) = validate(test, against=[train], sample=1)[len(CHECKS) :]
    assert found.verdict == "PROBLEM"
    assert found.detail == (
        "recordings in both: 1 (the first is 'mine:bell/test-0.wav'); groups in both: 1 (the first is 'mine:zoe')"
    )


def test_speakers_in_both_sets_are_found(place: Place, tmp_path: Path) -> None:
    """Other utterances of the same speakers."""
    dataset = build(librimix_config(), tmp_path / "set", corpus_dirs=place.dirs)
    rows = [mixture_row({utterance(60, 2): 0.5, utterance(61, 2): 0.5}, "tt/a.wav", 1.0)]
    speech = {utterance(n, m): 49_000 + 100 * m + n for n in (60, 61) for m in (2, 3)}
    apart = make_librimix(tmp_path / "apart", rows, speech, {"tt/a.wav": 60_000})
    other = build(librimix_config(name="other"), tmp_path / "other", corpus_dirs=apart.dirs)
    (found,) = validate(dataset, against=[other], sample=1)[len(CHECKS) :]
    shared = "speakers in both: 2 (the first is 'librispeech:60')"
    one_split = "both are of librispeech:test-clean, split 'test': "
    assert (found.verdict, found.detail) == ("remark", f"{one_split}{shared}; 8 and 4 recordings")
    # The same files, said to be what a network is trained on.
    card = replace(other.manifest.card, split="train")
    training = Dataset(replace(other.manifest, card=card), other.corpora)
    (found,) = validate(dataset, against=[training], sample=1)[len(CHECKS) :]
    assert (found.verdict, found.detail) == ("PROBLEM", shared)
    # A split that the config does not name, and parts that are not those of the test set.
    parts = ("librispeech:test-clean", "librispeech:train-clean-100")
    card = replace(other.manifest.card, parts=parts)
    training = Dataset(replace(other.manifest, card=card), other.corpora)
    (found,) = validate(dataset, against=[training], sample=1)[len(CHECKS) :]
    assert (found.verdict, found.detail) == ("PROBLEM", shared)


def test_min_and_max_of_one_test_set_may_share_everything(place: Place, tmp_path: Path) -> None:
    sets = [
        build(librimix_config(name=name, **params), tmp_path / name, corpus_dirs=place.dirs)
        for name, params in (("min", {}), ("max", {"mode": "max", "mix": "both"}))
    ]
    (found,) = validate(sets[0], against=sets[1:], sample=1)[len(CHECKS) :]
    assert found.verdict == "remark"
    assert found.detail.startswith(
        "both are of librispeech:test-clean, split 'test': recordings in both: 8 (the first is "
    )


# Reports -----------------------------------------------------------------------------------------


def test_findings_tell_problems_before_remarks() -> None:
    found = judged("x", looked_at=1, problems=["bad", "worse"], remarks=["odd"], measured="3")
    assert (found.verdict, found.detail, found.ok) == ("PROBLEM", "bad (2 in all)", False)
    found = judged("x", looked_at=1, remarks=list("abcde"), measured="3")
    assert (found.verdict, found.detail) == ("remark", "a; b; c; and 2 more; 3")
    assert judged("x", looked_at=1, of=4).of == 4


def test_the_table_of_findings_fits_80_columns(tiny: Dataset) -> None:
    console = Console(width=80, record=True)
    long = judged("levels", looked_at=7, of=40, problems=["[bold]a very long line[/bold] " * 9])
    print_findings([*validate(tiny, sample=2), long], console)
    text = console.export_text()
    assert max(len(line) for line in text.splitlines()) <= 80
    assert "7 of 40" in text
    assert "[bold]a very" in text


def test_numbers_are_those_of_the_manifest(tmp_path: Path) -> None:
    corpus = tmp_path / "speech"
    for speaker in ("ann", "bob", "eve"):
        for n in range(3):
            samples = np.random.default_rng(n).uniform(-0.3, 0.3, RATE * 2).astype(np.float32)
            (corpus / speaker).mkdir(parents=True, exist_ok=True)
            soundfile.write(str(corpus / speaker / f"{n}.wav"), samples, RATE)
    recipe = DatasetConfig.model_validate(
        {
            "name": "spoken",
            "builder": "speech_mix",
            "corpora": {"mine": {"kind": "folder"}},
            "params": {"count": 9, "sample_rate_hz": RATE, "speech": {"corpus": "mine"}},
        }
    )
    dataset = build(recipe, tmp_path / "set", corpus_dirs={"mine": corpus})
    numbers = {number.what.strip(): number.value for number in numbers_of(dataset)}
    assert numbers["mixtures"] == "9 (2.0 to 2.0 s, median 2.0 s)"
    assert numbers["duration"] == "0.005 h at 8000 Hz"  # 18 s
    assert (numbers["trials"], numbers["FMQ 1:0"], numbers["speakers"]) == ("18", "18", "3")
    assert numbers["recordings"].endswith(" of mine:test")
    # Two trials of a mixture have opposite ratios, so the median is 0.
    snrs = sorted(float(trial.tags["input_snr_db"]) for trial in dataset.trials)
    assert snrs[0] == -snrs[-1]
    assert " / 0.0 / " in numbers["input SNR"] or " / -0.0 / " in numbers["input SNR"]
