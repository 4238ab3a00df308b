"""What everybody gets of a set that was split tells nothing on its references."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
from helpers.packs import SOUNDS

from tsebench.core.errors import DatasetError, OutputError
from tsebench.datasets import api
from tsebench.datasets.dataset import Dataset, load_dataset
from tsebench.datasets.manifest import Manifest, fingerprint
from tsebench.datasets.sealed import split
from tsebench.datasets.sealed.exposed import without_exposed
from tsebench.datasets.sealed.seal_file import public_fingerprint, public_name
from tsebench.datasets.types import Clip, Clues, ClueSpec, Condition, Direction, MixtureClip, RecordedTarget, Trial

KEY = bytes(range(32))


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    return api.load_dataset(SOUNDS)


@pytest.fixture(scope="module")
def parts(dataset: Dataset, tmp_path_factory: pytest.TempPathFactory) -> split.SplitSet:
    return split.seal(dataset, tmp_path_factory.mktemp("split") / "challenge", key=KEY)


def changed_set(dataset: Dataset, **changes: Sequence[object]) -> Dataset:
    """The set with other trials or mixtures, and the fingerprint that belongs to them."""
    manifest: Manifest = replace(dataset.manifest, **changes)  # type: ignore[arg-type]
    manifest = replace(manifest, card=replace(manifest.card, fingerprint=fingerprint(manifest)))
    return Dataset(manifest, dataset.corpora)


def test_both_parts_hold_the_queries_and_only_one_the_truth(dataset: Dataset, parts: split.SplitSet) -> None:
    public, sealed = load_dataset(parts.public), load_dataset(parts.sealed)
    assert public_fingerprint(parts.sealed) == public.card.fingerprint == parts.public_fingerprint
    assert public_fingerprint(parts.public) == ""
    assert len(public) == len(sealed) == len(dataset)
    for trial in dataset.trials:
        query, truth = dataset[trial.id]
        name = public_name(KEY, "trial", trial.id)
        shown, no_truth = public[name]
        hidden, whole_truth = sealed[name]
        assert np.array_equal(query.mixture, shown.mixture)
        assert np.array_equal(query.mixture, hidden.mixture)
        assert query.clues.classes == shown.clues.classes == hidden.clues.classes
        assert no_truth.target is None
        assert len(no_truth.interferers) == 0
        assert (truth.target is None) == (whole_truth.target is None)
        assert truth.target is None or np.array_equal(truth.target, whole_truth.target)  # type: ignore[arg-type]


def test_every_kind_of_clue_is_in_the_public_part(dataset: Dataset, tmp_path: Path) -> None:
    enrollment = next(source.clip for source in dataset.manifest.mixtures[0].sources if source.role == "background")
    own = ClueSpec(
        enrollments=(replace(enrollment, start=enrollment.start + enrollment.frames, frames=800),),
        classes=("bell",),
        text="a bell",
        negative_text="a dog",
        activity=((0.1, 0.2),),
        direction=Direction(azimuth_deg=30.0),
    )
    mixed = changed_set(dataset, trials=[replace(dataset.manifest.trials[0], clue=own)])
    public = load_dataset(split.seal(mixed, tmp_path / "challenge", key=KEY).public)
    (query, _), (shown, _) = mixed[0], public[0]
    for each in fields(Clues):
        if each.name == "enrollments":
            assert np.array_equal(query.clues.enrollments[0], shown.clues.enrollments[0])
        else:
            assert getattr(query.clues, each.name) == getattr(shown.clues, each.name), each.name


def content(folder: Path) -> dict[str, tuple[bytes, float]]:
    """Bytes and time of every file by its path, in the order of the listing."""
    return {
        path.relative_to(folder).as_posix(): (path.read_bytes() if path.is_file() else b"", path.stat().st_mtime)
        for path in sorted(folder.rglob("*"))
    }


def other_truth(trial: Trial, sources: Sequence[str]) -> Trial:
    """The same query with the opposite truth."""
    others = tuple(name for name in sources if name not in trial.target_ids)
    condition = Condition(n_active=0, n_inactive=1) if trial.target_ids else Condition(n_active=1, n_inactive=0)
    return replace(trial, target_ids=others, condition=condition, tags={"input_snr_db": 99.0}, cluster="other")


def test_the_public_part_depends_on_nothing_that_is_sealed(
    dataset: Dataset, parts: split.SplitSet, tmp_path: Path
) -> None:
    """Targets, conditions, tags, clusters, labels, transcripts, roles of ids, seed and texts are others; no byte is."""
    mixtures = [
        replace(
            mixture,
            tags={"secret": 1},
            sources=tuple(replace(s, label=f"other_{s.label}", transcript="SECRET") for s in mixture.sources),
        )
        for mixture in dataset.manifest.mixtures
    ]
    trials = [
        other_truth(trial, [source.id for source in dataset.mixtures[trial.mixture_id].sources])
        for trial in reversed(dataset.manifest.trials)
    ]
    other = changed_set(dataset, trials=trials, mixtures=mixtures)
    card = replace(other.card, name="n", version="9", description="d", split="s", seed=7, params={}, notes=("x",))
    other = Dataset(replace(other.manifest, card=replace(card, parts=("p",), builder="b")), dataset.corpora)
    assert other.card.fingerprint != dataset.card.fingerprint
    found = split.seal(other, tmp_path / "challenge", key=KEY)
    assert content(found.public) == content(parts.public)
    assert found.public_fingerprint == parts.public_fingerprint
    assert content(found.sealed) != content(parts.sealed)


def test_no_text_of_the_set_is_in_the_public_part(dataset: Dataset, parts: split.SplitSet) -> None:
    everything = b"\n".join(name.encode() + b"\n" + each for name, (each, _) in content(parts.public).items())
    secrets = {trial.id for trial in dataset.trials} | set(dataset.mixtures)
    secrets |= {source.id for mixture in dataset.mixtures.values() for source in mixture.sources} - {"mix"}
    secrets |= {source.clip.path for mixture in dataset.mixtures.values() for source in mixture.sources}
    secrets |= {file.sha256 for file in dataset.manifest.files}
    secrets |= {dataset.card.name, dataset.card.fingerprint, dataset.card.builder, "synthetic_sounds", KEY.hex()}
    secrets |= {load_dataset(parts.sealed).card.fingerprint, "FUQ", "trials_", "input_snr"}
    assert len(secrets) > 20
    assert [secret for secret in secrets if len(secret) > 2 and secret.encode() in everything] == []
    assert {time for _, time in content(parts.public).values()} == {split._WHEN_S}


def test_names_and_order_are_those_of_a_secret_key(dataset: Dataset, parts: split.SplitSet, tmp_path: Path) -> None:
    others = [split.seal(dataset, tmp_path / str(number)) for number in range(2)]
    names = [[trial.id for trial in load_dataset(each.public).trials] for each in (parts, *others)]
    assert all(own == sorted(own) for own in names)
    assert not set(names[0]) & set(names[1])
    assert not set(names[1]) & set(names[2])
    trials = load_dataset(others[0].public).trials
    kinds = {(trial.condition, trial.cluster == trial.mixture_id, *trial.tags) for trial in trials}
    assert kinds == {(Condition(n_active=1, n_inactive=0), True)}


def speech(enrolled_by_source: bool) -> Dataset:
    """Two mixtures of two voices; a trial enrolls with a sentence of its own, or with a source of the other mixture."""
    given = {"count": 2, "sample_rate_hz": 8000, "n_speakers": 2, "mode": "max", "speech": {"corpus": "speech"}}
    found = api.load_dataset(
        {"name": "s", "builder": "speech_mix", "corpora": {"speech": {"kind": "synthetic_speech"}}, "params": given}
    )
    first, second = found.manifest.mixtures[:2]
    trials = [t for t in found.manifest.trials if t.mixture_id == first.id]
    used = {s.clip.path for m in (first, second) for s in m.sources}
    free = next(r for r in found.corpora["speech"].recordings() if r.path not in used)
    alone = Clip(corpus="speech", path=free.path, start=0, frames=free.frames)
    clip = MixtureClip(mixture_id=second.id, source_id=second.sources[0].id) if enrolled_by_source else alone
    trials = [replace(trial, clue=replace(trial.clue, enrollments=(clip,))) for trial in trials]
    files = [*found.manifest.files]
    if not any(file.path == free.path for file in files):
        files.append(replace(files[0], path=free.path, sha256=found.corpora["speech"].digest(free.path)))
    return changed_set(found, trials=trials, mixtures=[first, second], files=sorted(files, key=lambda f: f.path))


def most_alike(public: Path, references: Sequence[np.ndarray]) -> float:
    """Largest normalised cross-correlation of any public file with any reference, at any shift."""
    found = 0.0
    for path in public.rglob("*.wav"):
        signal = soundfile.read(path)[0]
        for reference in references:
            size = 1 << (len(signal) + len(reference)).bit_length()
            spectrum = np.fft.rfft(signal, size) * np.conj(np.fft.rfft(reference, size))
            peak = float(np.abs(np.fft.irfft(spectrum)).max())
            found = max(found, peak / float(np.linalg.norm(signal) * np.linalg.norm(reference)))
    return found


@pytest.mark.long
def test_an_enrollment_that_is_a_reference_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The attack that the check prevents: comparing public files finds a clean source of a mixture."""
    shared, apart = speech(enrolled_by_source=True), speech(enrolled_by_source=False)
    with pytest.raises(DatasetError, match="2 of 2 trials enroll with a recording that also sounds"):
        split.seal(shared, tmp_path / "a")
    assert not (tmp_path / "a").exists()
    split.seal(apart, tmp_path / "b")
    sources = [source for mixture in shared.mixtures for source in shared.signals(mixture).sources]
    assert most_alike(tmp_path / "b" / "public", sources) < 0.95
    monkeypatch.setattr(split, "check_exposed", lambda _: None)
    split.seal(shared, tmp_path / "c")
    assert most_alike(tmp_path / "c" / "public", sources) > 0.999


def test_a_stretch_of_a_recording_that_sounds_elsewhere_is_no_exposure(dataset: Dataset) -> None:
    mixture = dataset.manifest.mixtures[0]
    source = mixture.sources[0].clip
    for start, frames, exposed in ((source.start + source.frames, 10, False), (source.start, 10, True)):
        clip = replace(source, start=start, frames=frames)
        trials = [replace(t, clue=replace(t.clue, enrollments=(clip,))) for t in dataset.manifest.trials]
        found = changed_set(dataset, trials=trials)
        if exposed:
            with pytest.raises(DatasetError, match="is a clean reference"):
                split.check_exposed(found)
        else:
            split.check_exposed(found)


def test_exposed_trials_can_be_left_out(dataset: Dataset) -> None:
    clip = dataset.manifest.mixtures[0].sources[0].clip
    first, *others = dataset.manifest.trials
    shown = replace(first, clue=replace(first.clue, enrollments=(clip,)))
    found = without_exposed(changed_set(dataset, trials=[shown, *others]))
    assert [trial.id for trial in found.trials] == [trial.id for trial in others]
    split.check_exposed(found)
    assert without_exposed(dataset) is dataset


def test_what_cannot_be_sealed(dataset: Dataset, parts: split.SplitSet, tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="not empty"):
        split.seal(dataset, parts.public.parent)
    facts = [replace(t, target_ids=(), recorded=RecordedTarget(speaker="a")) for t in dataset.manifest.trials]
    with pytest.raises(DatasetError, match="no references that could be sealed"):
        split.seal(changed_set(dataset, trials=facts), tmp_path / "a")
