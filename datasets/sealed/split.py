"""Splitting of a set: mixtures and clues as audio files for everybody, references for the organiser alone.

What the public part holds is a function of the queries, of the names that the key makes, and of nothing else: two sets
with equal mixtures and clues have equal public parts, byte for byte, whatever their targets, labels, transcripts,
conditions and tags are.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ... import __version__
from ...core.content_hash import file_sha256
from ...core.errors import DatasetError
from ...core.files import check_empty, make_folder
from ...core.progress import ProgressFactory, quiet
from ..config import CorpusConfig
from ..dataset import OWN_AUDIO, Dataset
from ..manifest import DatasetCard, FileHash, Manifest, files_of, fingerprint, write_manifest
from ..materialise import AUDIO
from ..renderers.recorded import RECORDED
from ..signals.audio import Samples, write
from ..types import (
    Clip,
    ClueSpec,
    Condition,
    EnrollmentClip,
    Mixture,
    MixtureClip,
    Query,
    RecordedTarget,
    Source,
    Trial,
)
from .exposed import check_exposed
from .seal_file import Seal, public_name, write_seal

PUBLIC, SEALED_PART = "public", "sealed"
_WHEN_S = 315_532_800  # 1980-01-01: the times of files would show the order in which they were made
_UNKNOWN = Condition(n_active=1, n_inactive=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitSet:
    """Both parts of a set, with the number of trials and mixtures."""

    public: Path
    sealed: Path
    public_fingerprint: str
    n_trials: int
    n_mixtures: int


def seal(
    dataset: Dataset, out: Path, *, name: str = "challenge", key: bytes | None = None, progress: ProgressFactory = quiet
) -> SplitSet:
    """Write `public/` and `sealed/` into a folder.

    The public part is a dataset folder with its own audio, which `tsebench run` takes; its trials have no reference.
    The sealed part is the set itself under the names of the public part, which `tsebench verify` takes.

    Args:
        name: of both parts; that of the set would tell where its recipe lies.
        key: 32 secret bytes; None draws them.

    Raises:
        DatasetError: the clues of the set hold references, or pictures.
        OutputError: the folder is not empty, or cannot be written.
    """
    check_exposed(dataset)
    check_empty(out)
    secret = secrets.token_bytes(32) if key is None else key
    make_folder(out)
    names = _Names(secret, dataset)
    public = _write_public(dataset, out / PUBLIC, name=name, names=names, progress=progress)
    hidden = _sealed_manifest(dataset.manifest, name=name, names=names)
    write_manifest(out / SEALED_PART, hidden)
    found = Seal(
        key=secret.hex(),
        public_fingerprint=public.card.fingerprint,
        trials={each: trial for trial, each in names.trials.items()},
        mixtures={each: mixture for mixture, each in names.mixtures.items()},
    )
    write_seal(out / SEALED_PART, found)
    return SplitSet(
        public=out / PUBLIC,
        sealed=out / SEALED_PART,
        public_fingerprint=public.card.fingerprint,
        n_trials=len(public.trials),
        n_mixtures=len(public.mixtures),
    )


class _Names:
    """Public names of the trials and mixtures of a set, by their ids."""

    def __init__(self, key: bytes, dataset: Dataset) -> None:
        self.trials = {trial.id: public_name(key, "trial", trial.id) for trial in dataset.trials}
        self.mixtures = {mixture: public_name(key, "mixture", mixture) for mixture in dataset.mixtures}


def _write_public(dataset: Dataset, folder: Path, *, name: str, names: _Names, progress: ProgressFactory) -> Manifest:
    """Write the public part; files are made in the order of their names."""
    mixtures: dict[str, Mixture] = {}
    trials: list[Trial] = []
    order = sorted(dataset.trials, key=lambda trial: names.trials[trial.id])
    with progress(f"write the public part of {name}", len(order)) as advance:
        for trial in order:
            query, _ = dataset[trial.id]
            mixture = names.mixtures[trial.mixture_id]
            if mixture not in mixtures:
                mixtures[mixture] = _public_mixture(mixture, query, folder)
            trials.append(_public_trial(names.trials[trial.id], mixture, query, folder))
            advance(1)
    recipes = [mixtures[each] for each in sorted(mixtures)]
    used = sorted(files_of(recipes, trials))
    files = [FileHash(corpus=c, path=p, sha256=file_sha256(folder / AUDIO / p)) for c, p in used]
    counts = {"mixtures": len(recipes), "trials": len(trials), "files": len(files)}
    card = _public_card(dataset.card, name=name, counts=counts)
    manifest = Manifest(card=card, mixtures=recipes, trials=trials, files=files)
    manifest = replace(manifest, card=replace(card, fingerprint=fingerprint(manifest)))
    write_manifest(folder, manifest)
    _hide_times(folder)
    return manifest


def _public_card(card: DatasetCard, *, name: str, counts: Mapping[str, int]) -> DatasetCard:
    """A card with the facts that a system needs, and the licences; nothing of recipe, seed and corpora."""
    licences = sorted({*card.licences.values()})
    return DatasetCard(
        name=name,
        version="1",
        description="Mixtures and clues whose references are sealed.",
        builder="sealed",
        split="test",
        seed=0,
        sample_rate_hz=card.sample_rate_hz,
        params={},
        corpora={OWN_AUDIO: CorpusConfig(kind="folder")},
        corpus_versions={OWN_AUDIO: "1"},
        licences={OWN_AUDIO: "; ".join(licences)},
        vocabulary=card.vocabulary,
        counts=counts,
        tsebench_version=__version__,
    )


def _public_mixture(name: str, query: Query, folder: Path) -> Mixture:
    clip = _write(folder, f"mixture/{name}.wav", query)
    return Mixture(
        id=name,
        sample_rate_hz=query.sample_rate_hz,
        num_samples=clip.frames,
        sources=(Source(id="mix", label="recording", role="auxiliary", clip=clip, gain=1.0),),
        renderer=RECORDED,
    )


def _public_trial(name: str, mixture: str, query: Query, folder: Path) -> Trial:
    """A trial of which nothing is known but its clue: not even whether the target is in the mixture."""
    enrollments = tuple(
        _write_signal(folder, f"enrollment/{name}_{place}.wav", signal.numpy(), query.sample_rate_hz)
        for place, signal in enumerate(query.clues.enrollments)
    )
    return Trial(
        id=name,
        mixture_id=mixture,
        clue=ClueSpec(
            enrollments=enrollments,
            classes=query.clues.classes,
            text=query.clues.text,
            negative_text=query.clues.negative_text,
            activity=query.clues.activity,
            direction=query.clues.direction,
        ),
        target_ids=(),
        condition=_UNKNOWN,
        cluster=mixture,
        recorded=RecordedTarget(speaker=""),
    )


def _write(folder: Path, path: str, query: Query) -> Clip:
    if query.mixture.shape[0] != 1:
        raise DatasetError(
            f"trial {query.id!r} has a mixture of {query.mixture.shape[0]} channels; sets of one channel can be sealed"
        )
    return _write_signal(folder, path, query.mixture[0].numpy(), query.sample_rate_hz)


def _write_signal(folder: Path, path: str, samples: Samples, sample_rate_hz: int) -> Clip:
    write(folder / AUDIO / path, samples, sample_rate_hz)
    return Clip(corpus=OWN_AUDIO, path=path, start=0, frames=len(samples))


def _hide_times(folder: Path) -> None:
    for path in (folder, *folder.rglob("*")):
        os.utime(path, (_WHEN_S, _WHEN_S))


def _sealed_manifest(manifest: Manifest, *, name: str, names: _Names) -> Manifest:
    """The set itself, under the public names, sorted by them."""

    def enrolled(clip: EnrollmentClip) -> EnrollmentClip:
        if isinstance(clip, MixtureClip):
            return replace(clip, mixture_id=names.mixtures[clip.mixture_id])
        return clip

    mixtures = [replace(mixture, id=names.mixtures[mixture.id]) for mixture in manifest.mixtures]
    trials = [
        replace(
            trial,
            id=names.trials[trial.id],
            mixture_id=names.mixtures[trial.mixture_id],
            cluster=names.mixtures.get(trial.cluster, trial.cluster),
            clue=replace(trial.clue, enrollments=tuple(enrolled(clip) for clip in trial.clue.enrollments)),
        )
        for trial in manifest.trials
    ]
    found = Manifest(
        card=replace(manifest.card, name=name),
        mixtures=sorted(mixtures, key=lambda each: each.id),
        trials=_together(trials),
        files=manifest.files,
    )
    return replace(found, card=replace(found.card, fingerprint=fingerprint(found)))


def _together(trials: Sequence[Trial]) -> list[Trial]:
    """Trials of one mixture after each other, so that it is rendered once."""
    return sorted(trials, key=lambda each: (each.mixture_id, each.id))
