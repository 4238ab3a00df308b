"""Datasets of a run and its stored estimates, opened for `trial_audio`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..bench.run.output_files import read_outputs
from ..core.errors import TsebenchError
from ..datasets.batches import channel_of
from ..datasets.dataset import Dataset, dataset_of
from ..datasets.manifest import read_card, read_manifest
from ..datasets.signals.audio import AudioInfo, info, read
from ..datasets.trials import target_transcript
from ..datasets.types import Clues, Mixture, Trial, Truth
from ..systems.shared.lengths import far_too_long
from .trial_signals import MOST_FRAMES, Estimate, Samples, TrialRecipe, TrialSignals


@dataclass(frozen=True, slots=True)
class RunSet:
    """A dataset of a run: its recipes, and, where its corpora are at hand, its audio.

    Attributes:
        places: of its trials, by id.
        mixtures: recipes by id.
        dataset: None for the `reason`.
    """

    places: Mapping[str, int]
    trials: Sequence[Trial]
    mixtures: Mapping[str, Mixture]
    dataset: Dataset | None
    reason: str = ""

    def recipe(self, trial_id: str) -> TrialRecipe | None:
        """The recipe of a trial; None if it is not of the set."""
        if trial_id not in self.places:
            return None
        trial = self.trials[self.places[trial_id]]
        mixture = self.mixtures[trial.mixture_id]
        return TrialRecipe(trial=trial, mixture=mixture, transcript=target_transcript(trial, mixture))

    def signals(self, name: str, trial_id: str) -> tuple[TrialSignals | None, str]:
        """Mixture, target and enrollments of a trial of the set, which is called `name`; or None and the reason."""
        if self.dataset is None:
            return None, self.reason
        if trial_id not in self.places:
            return None, f"dataset {name!r} has no trial {trial_id!r}"
        try:
            query, truth = self.dataset[self.places[trial_id]]
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


def open_set(
    name: str, fingerprint: str, folders: Iterable[Path], *, corpus_dirs: Mapping[str, Path] | None
) -> RunSet | str:
    """The dataset of a name and fingerprint in the first folder that holds it; why there is none.

    Raises:
        TsebenchError: its files are damaged.
    """
    folder = next((folder for folder in folders if _holds(folder, name, fingerprint)), None)
    if folder is None:
        return f"dataset {name!r} with fingerprint {fingerprint[:12]} is not at hand"
    manifest = read_manifest(folder)
    places = {trial.id: place for place, trial in enumerate(manifest.trials)}
    try:
        dataset = dataset_of(manifest, folder, corpus_dirs=corpus_dirs)
    except TsebenchError as error:
        mixtures = {mixture.id: mixture for mixture in manifest.mixtures}
        return RunSet(places, manifest.trials, mixtures, None, str(error))
    return RunSet(places, dataset.trials, dataset.mixtures, dataset)


def _holds(folder: Path, name: str, fingerprint: str) -> bool:
    if not (folder / "card.json").is_file():
        return False
    card = read_card(folder)
    return (card.name, card.fingerprint) == (name, fingerprint)


def _video(clues: Clues) -> tuple[NDArray[np.uint8], float] | None:
    if clues.video is None or clues.video_fps is None or not len(clues.video) or clues.video.shape[1] == 1:
        return None  # features are no pictures
    return (clues.video.numpy() * 255.0).round().astype(np.uint8), clues.video_fps


def _parts(truth: Truth) -> tuple[tuple[str, Samples], ...]:
    if len(truth.parts) < 2:
        return ()
    return tuple((label, part.numpy()) for label, part in zip(truth.target_labels, truth.parts.values(), strict=True))


def read_estimate(path: Path, mixture: Mixture | None) -> Estimate:
    """A stored estimate with its labelled outputs; its length is read from the header first."""
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
    return _with_outputs(Estimate(samples=samples, sample_rate_hz=rate), path)


def _with_outputs(found: Estimate, path: Path) -> Estimate:
    """An estimate with the labelled outputs that were kept with it; damaged ones cost themselves alone."""
    try:
        outputs = tuple((each.label, each.signal.numpy()) for each in read_outputs(path) or ())
    except TsebenchError as error:
        return replace(found, outputs_reason=str(error))
    except MemoryError:
        return replace(found, outputs_reason="they do not fit in memory")
    return replace(found, outputs=outputs)


def _too_long(header: AudioInfo, mixture: Mixture | None) -> str:
    """Why an estimate is not decoded, from its header; "" if it is."""
    seconds = header.frames / header.sample_rate_hz
    if mixture is not None:
        of_trial = mixture.num_samples / mixture.sample_rate_hz
        length = round(of_trial * header.sample_rate_hz)
        if far_too_long(header.frames, length, header.sample_rate_hz):
            return f"the estimate is {seconds:.0f} s long and its trial {of_trial:.0f} s"
    return f"the estimate is {seconds:.0f} s long, too long to be played" if header.frames > MOST_FRAMES else ""
