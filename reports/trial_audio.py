"""Audio of trials for players: rendered from the datasets of a run, and its stored estimates.

Every other report reads rows alone. A set is only used if its fingerprint is the one that the run was scored on; audio
that is not available has a reason instead.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..bench.run.estimate_files import FOLDER, estimate_path, estimates_folder
from ..bench.run.output_files import read_outputs
from ..bench.run.record import RunRecord, read_record
from ..core.errors import TsebenchError
from ..datasets.batches import channel_of
from ..datasets.dataset import Dataset, dataset_of
from ..datasets.manifest import read_card, read_manifest
from ..datasets.signals.audio import AudioInfo, info, read
from ..datasets.trials import target_transcript
from ..datasets.types import Clues, Mixture, Trial, Truth
from ..systems.protocol import far_too_long

Samples = NDArray[np.float32]

MOST_FRAMES = 1 << 26
"""Samples of the longest sound of a player: 70 minutes at 16 kHz, half a gigabyte as float64."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialSignals:
    """Audio of one trial without estimates.

    Attributes:
        mixture: [T], the reference channel.
        target: [T], the same of it, or None if the target is absent, or has no reference.
        enrollments: [T_k] each.
        unreferenced: whether the target is in the mixture, and has no reference.
        video: [F, H, W] grey pictures of the clue, and their rate, or None.
        parts: label and samples [T] of each source of a target that is a sum; () where it is one source.
    """

    sample_rate_hz: int
    mixture: Samples
    target: Samples | None
    enrollments: tuple[Samples, ...]
    unreferenced: bool = False
    video: tuple[NDArray[np.uint8], float] | None = None
    parts: tuple[tuple[str, Samples], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialRecipe:
    """Recipe of a trial.

    Attributes:
        transcript: of the target, if it is one utterance with a known transcript.
    """

    trial: Trial
    mixture: Mixture
    transcript: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """Estimate of one trial: samples [T], or None and the reason.

    Attributes:
        outputs: label and samples [T] of each labelled output that was kept with it.
        outputs_reason: why outputs that were kept are not here; "" if they are.
    """

    samples: Samples | None
    sample_rate_hz: int = 0
    reason: str = ""
    outputs: tuple[tuple[str, Samples], ...] = ()
    outputs_reason: str = ""


@dataclass(frozen=True, slots=True)
class _Set:
    """A dataset of a run: its recipes, and, where its corpora are at hand, its audio.

    Attributes:
        places: of its trials, by id.
        mixtures: recipes by id.
        dataset: None for the `reason`.
    """

    places: Mapping[str, int] = field(default_factory=dict)
    trials: Sequence[Trial] = ()
    mixtures: Mapping[str, Mixture] = field(default_factory=dict)
    dataset: Dataset | None = None
    reason: str = ""

    def recipe(self, trial_id: str) -> tuple[Trial, Mixture] | None:
        """The recipe of a trial; None if it is not of the set."""
        if trial_id not in self.places:
            return None
        trial = self.trials[self.places[trial_id]]
        return trial, self.mixtures[trial.mixture_id]


class RunAudio:
    """Audio of one run; datasets are opened when they are first used."""

    def __init__(self, folder: Path, *, corpus_dirs: Mapping[str, Path] | None = None) -> None:
        self._folder = folder
        self._corpus_dirs = corpus_dirs
        self._sets: dict[str, _Set] = {}
        self._record: RunRecord | None = None
        self._no_record = ""
        try:
            self._record = read_record(folder)
        except TsebenchError as error:
            self._no_record = str(error)

    @property
    def run_id(self) -> str:
        """The run's id, "" if it is not known."""
        return self._record.run_id if self._record else ""

    @property
    def keeps_estimates(self) -> bool:
        """True if the run has any estimate on disk."""
        return any((self._folder / FOLDER).glob("*/*/*.wav"))

    def recipe(self, dataset: str, trial_id: str) -> TrialRecipe | None:
        """Recipe of a trial, or None where the dataset is not available."""
        found = self._set(dataset).recipe(trial_id)
        if found is None:
            return None
        trial, mixture = found
        return TrialRecipe(trial=trial, mixture=mixture, transcript=target_transcript(trial, mixture))

    def signals(self, dataset: str, trial_id: str) -> tuple[TrialSignals | None, str]:
        """Mixture, target and enrollments of a trial; None and the reason if they cannot be had."""
        opened = self._set(dataset)
        if opened.dataset is None:
            return None, opened.reason
        if trial_id not in opened.places:
            return None, f"dataset {dataset!r} has no trial {trial_id!r}"
        try:
            query, truth = opened.dataset[opened.places[trial_id]]
        except TsebenchError as error:
            return None, str(error)
        except MemoryError:
            return None, f"trial {trial_id!r} does not fit in memory"
        return TrialSignals(
            sample_rate_hz=query.sample_rate_hz,
            mixture=channel_of(query.mixture, query.reference_channel).numpy(),
            target=None if truth.target is None else channel_of(truth.target, query.reference_channel).numpy(),
            enrollments=tuple(clip.numpy() for clip in query.clues.enrollments),
            unreferenced=truth.recorded is not None,
            video=_video(query.clues),
            parts=_parts(truth),
        ), ""

    def estimate(self, dataset: str, title: str, trial_id: str) -> Estimate:
        """Stored estimate of a system (by its title in the run); trials that are not of the set are not looked for."""
        record = self._record
        if record is None or title not in record.systems or dataset not in record.datasets:
            return Estimate(samples=None, reason="the run does not say which system it was")
        opened = self._set(dataset)
        if opened.places and trial_id not in opened.places:
            return Estimate(samples=None, reason=f"dataset {dataset!r} has no such trial")
        if Path(trial_id).name != trial_id:
            return Estimate(samples=None, reason="its id is not a file name")
        folder = estimates_folder(
            self._folder / FOLDER,
            dataset=dataset,
            title=title,
            identity=record.systems[title].identity,
            fingerprint=record.datasets[dataset].fingerprint,
        )
        path = estimate_path(folder, trial_id)
        if not path.is_file():
            reason = "no estimate: the system failed here" if folder.is_dir() else "no estimate was kept"
            return Estimate(samples=None, reason=reason)
        recipe = opened.recipe(trial_id)
        found = _read(path, recipe[1] if recipe else None)
        return found if found.samples is None else _with_outputs(found, path)

    def _set(self, name: str) -> _Set:
        if name not in self._sets:
            try:
                self._sets[name] = self._open(name)
            except TsebenchError as error:
                self._sets[name] = _Set(reason=str(error))
        return self._sets[name]

    def _open(self, name: str) -> _Set:
        if self._record is None:
            return _Set(reason=self._no_record or "the run folder has no run.json")
        if name not in self._record.datasets or self._record.config is None:
            return _Set(reason="the trials were scored from folders, which the run does not hold")
        wanted = self._record.datasets[name].fingerprint
        folder = self._find(name, wanted)
        if folder is None:
            return _Set(reason=f"dataset {name!r} with fingerprint {wanted[:12]} is not at hand")
        manifest = read_manifest(folder)
        places = {trial.id: place for place, trial in enumerate(manifest.trials)}
        try:
            dataset = dataset_of(manifest, folder, corpus_dirs=self._corpus_dirs)
        except TsebenchError as error:
            mixtures = {mixture.id: mixture for mixture in manifest.mixtures}
            return _Set(places, manifest.trials, mixtures, None, str(error))
        return _Set(places, dataset.trials, dataset.mixtures, dataset)

    def _find(self, name: str, fingerprint: str) -> Path | None:
        """The folder of the set: one that the run built, or one that its config names."""
        config = self._record.config if self._record else None
        named = [Path(spec["dataset"]) for spec in config.datasets] if config else []
        for folder in (self._folder / "datasets" / name, *named):
            if (folder / "card.json").is_file():
                card = read_card(folder)
                if (card.name, card.fingerprint) == (name, fingerprint):
                    return folder
        return None


def open_audio(folders: Sequence[Path], *, corpus_dirs: Mapping[str, Path] | None = None) -> dict[str, RunAudio]:
    """Audio of several runs by run id, the first of each; a folder without `run.json` has none."""
    runs = [RunAudio(folder, corpus_dirs=corpus_dirs) for folder in reversed(folders)]
    return {audio.run_id: audio for audio in runs if audio.run_id}


def _video(clues: Clues) -> tuple[NDArray[np.uint8], float] | None:
    if clues.video is None or clues.video_fps is None or not len(clues.video) or clues.video.shape[1] == 1:
        return None  # features are no pictures
    return (clues.video.numpy() * 255.0).round().astype(np.uint8), clues.video_fps


def _read(path: Path, mixture: Mixture | None) -> Estimate:
    """A stored estimate; its length is read from the header first."""
    try:
        header = info(path)
        if too_long := _too_long(header, mixture):
            return Estimate(samples=None, reason=too_long)
        signals, rate = read(path)
        if mixture is not None and len(signals) not in (1, mixture.channels):
            why = f"the estimate has {len(signals)} channels, and its mixture has {mixture.channels}"
            return Estimate(samples=None, reason=why)
        samples = signals[mixture.reference_channel if mixture is not None and len(signals) > 1 else 0]
    except TsebenchError as error:
        return Estimate(samples=None, reason=str(error))
    except MemoryError:
        return Estimate(samples=None, reason="the estimate does not fit in memory")
    return Estimate(samples=samples, sample_rate_hz=rate)


def _with_outputs(found: Estimate, path: Path) -> Estimate:
    """An estimate with the labelled outputs that were kept with it; damaged ones cost themselves alone."""
    try:
        outputs = tuple((each.label, each.signal.numpy()) for each in read_outputs(path) or ())
    except TsebenchError as error:
        return replace(found, outputs_reason=str(error))
    except MemoryError:
        return replace(found, outputs_reason="they do not fit in memory")
    return replace(found, outputs=outputs)


def _parts(truth: Truth) -> tuple[tuple[str, Samples], ...]:
    if len(truth.parts) < 2:
        return ()
    return tuple((label, part.numpy()) for label, part in zip(truth.target_labels, truth.parts.values(), strict=True))


def _too_long(header: AudioInfo, mixture: Mixture | None) -> str:
    """Why an estimate is not decoded, from its header; "" if it is."""
    seconds = header.frames / header.sample_rate_hz
    if mixture is not None:
        of_trial = mixture.num_samples / mixture.sample_rate_hz
        length = round(of_trial * header.sample_rate_hz)
        if far_too_long(header.frames, length, header.sample_rate_hz):
            return f"the estimate is {seconds:.0f} s long and its trial {of_trial:.0f} s"
    return f"the estimate is {seconds:.0f} s long, too long to be played" if header.frames > MOST_FRAMES else ""
