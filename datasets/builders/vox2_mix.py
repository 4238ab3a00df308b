"""Mixtures of filmed speakers from a list, as MuSE and reentry make them of VoxCeleb2.

Pan, Ge and Li, "MuSE: multi-modal target speaker extraction with visual cues" (ICASSP 2021), and "Selective listening
by synchronizing speech with lips" (TASLP 2022).
"""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath

from ...core.errors import ConfigError, CorpusError, DatasetError
from ..corpora.voxceleb2 import VoxCeleb2
from ..missing import MissingRecordingsError
from ..protocols.builder import BUILDERS, BuildContext, Count, Drawn
from ..protocols.corpus import Recording
from ..protocols.renderer import Rendered
from ..render import input_snr, limit_peak
from ..signals.clips import clip_reader
from ..signals.mixing import power_db, snr_gain
from ..types import Clip, ClueSpec, Mixture, Source, Trial, VideoClip
from .shared.av.pools import video_info
from .shared.options import MixtureRate, Peak, Quantise, SpeakerTargets
from .shared.target_trials import target_trial

LIST = "audio_mixture/2_mix_min_800/mixture_data_list_2mix.csv"
_PARTITIONS = {"train": "train", "valid": "val", "test": "test"}
_ROUNDING_S = 0.1  # by which another decoder may make an utterance longer or shorter


@dataclass(frozen=True, slots=True, kw_only=True)
class _ListedPair:
    """One row of the list, with utterances as speaker/video/number."""

    line: int  # number in the file
    utterances: tuple[str, ...]
    levels_db: tuple[float, ...]  # power of each utterance over that of the first
    seconds: float  # length of the mixture


@BUILDERS.register("vox2_mix")
class Vox2Mix:
    """The mixtures of `mixture_data_list_2mix.csv`; the video of a speaker is the clue.

    Each row has a partition, then split, speaker, utterance and level for each speaker, then the length in seconds;
    there is no header. As the script does, utterances are scaled by their mean powers, before all are cut to the
    shortest. The script then divides the mixture by its peak; here sources and mixture together are scaled to `peak`,
    so that they fit each other.

    Args:
        context: identity of the set and open corpora; its split is "train", "valid" or "test".
        corpus: name of a corpus of kind voxceleb2 in `corpora`.
        mixture_list: the list, relative to the folder of that corpus. It gives the level of each speaker, as the power
            ratio to the first one in dB, over whole utterances.
        count: number of mixtures, the first of the list; null: all.
        peak: largest magnitude of every mixture and its sources, full scale being 1: each mixture is scaled to it, up
            or down.
    """

    vocabulary: tuple[str, ...] = ()

    def __init__(
        self,
        *,
        context: BuildContext,
        corpus: str = "voxceleb2",
        mixture_list: str = LIST,
        count: Count | None = None,
        sample_rate_hz: MixtureRate = 16_000,
        targets: SpeakerTargets = "first",
        peak: Peak = 0.9,
        quantise: Quantise = "none",
    ) -> None:
        self.sample_rate_hz = sample_rate_hz
        self._context, self._targets, self._peak = context, targets, peak
        self._quantise: Quantise = quantise
        self._videos = context.corpus_of(VoxCeleb2, "voxceleb2", corpus)
        self._rows = _read_list(self._videos.root / mixture_list, split=context.split)
        self.count = len(self._rows) if count is None else count
        if self.count > len(self._rows):
            raise ConfigError(
                f"count = {count} is more than the {len(self._rows)} rows of split "
                f"{context.split!r} in {mixture_list!r}; lower it"
            )
        self._read = clip_reader(sample_rate_hz=sample_rate_hz, corpora=context.corpora)

    def draw(self, index: int) -> Drawn:
        """Recipe and trials of row `index`, from the first again after the last.

        Raises:
            MissingRecordingsError: an utterance or the video of a target is missing.
            DatasetError: the utterances are not those that the list was made from.
        """
        row = self._rows[index % self.count]
        recordings = self._recordings_of(row)
        clips = [Clip(corpus=self._videos.name, path=r.path, start=0, frames=r.frames) for r in recordings]
        num_samples = min(len(self._read(clip)) for clip in clips)
        if abs(num_samples / self.sample_rate_hz - row.seconds) > _ROUNDING_S:
            raise DatasetError(
                f"line {row.line} of the list says {row.seconds:g} s, but its shortest utterance "
                f"lasts {num_samples / self.sample_rate_hz:.3f} s; use the list of this corpus"
            )
        mixture = Mixture(
            id=self._context.mixture_id(index),
            sample_rate_hz=self.sample_rate_hz,
            num_samples=num_samples,
            sources=self._sources(row, recordings, clips),
            quantise=self._quantise,
            tags={"n_speakers": len(clips)},
        )
        mixture, rendered = limit_peak(mixture, self._peak, self._context.corpora, read=self._read)
        targets = mixture.sources if self._targets == "all" else mixture.sources[:1]
        trials = tuple(self._trial(mixture, rendered, source) for source in targets)
        return Drawn(mixture=mixture, trials=trials, rendered=rendered)

    @cached_property
    def _recordings(self) -> Mapping[str, Recording]:
        """Recordings by speaker/video/number."""
        return {"/".join(PurePosixPath(r.path).with_suffix("").parts[-3:]): r for r in self._videos.recordings()}

    def _recordings_of(self, row: _ListedPair) -> list[Recording]:
        missing = [name for name in row.utterances if name not in self._recordings]
        if missing:
            where = f"line {row.line} of the list"
            raise MissingRecordingsError(
                {(self._videos.name, name): f"{where} names {name!r}, which has no audio" for name in missing}
            )
        return [self._recordings[name] for name in row.utterances]

    def _sources(self, row: _ListedPair, recordings: Sequence[Recording], clips: Sequence[Clip]) -> tuple[Source, ...]:
        # At full power the peak is above any limit, so that limiting it sets it.
        first = self._read(clips[0])
        loudest = 10 ** (-power_db(first) / 20)
        return tuple(
            Source(
                id=f"s{number}",
                label=recording.label,
                role="foreground",
                clip=clip,
                gain=loudest * snr_gain(signal=first, noise=self._read(clip), snr_db=-level_db),
            )
            for number, (recording, clip, level_db) in enumerate(zip(recordings, clips, row.levels_db, strict=True), 1)
        )

    def _trial(self, mixture: Mixture, rendered: Rendered, target: Source) -> Trial:
        path = self._videos.video_path(target.clip.path)
        known = video_info(self._videos, path)
        frames = math.ceil(mixture.num_samples / mixture.sample_rate_hz * known.fps)
        video = VideoClip(corpus=target.clip.corpus, path=path, start=0, frames=min(frames, known.frames))
        tags = {"target": target.label, **mixture.tags, **input_snr(mixture, rendered, (target.id,))}
        return target_trial(mixture, target.id, clue=ClueSpec(video=video), tags=tags)


def _read_list(path: Path, *, split: str) -> tuple[_ListedPair, ...]:
    """The rows of one partition."""
    if split not in _PARTITIONS:
        raise ConfigError(f"split {split!r} is not in such lists; use one of {', '.join(_PARTITIONS)}")
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = [_row(path, line, cells) for line, cells in enumerate(csv.reader(file), 1)]
    except (OSError, UnicodeDecodeError) as error:
        raise CorpusError(
            f"cannot read the list {str(path)!r}: {error}; take mixture_data_list_2mix.csv from "
            "github.com/zexupan/MuSE, and put it there or set `mixture_list`"
        ) from None
    chosen = tuple(row for partition, row in rows if partition == _PARTITIONS[split])
    if not chosen:
        raise CorpusError(f"the list {str(path)!r} has no row of {_PARTITIONS[split]!r}")
    return chosen


def _row(path: Path, line: int, cells: list[str]) -> tuple[str, _ListedPair]:
    """The partition of a row, and the row."""
    if len(cells) < 10 or (len(cells) - 2) % 4:
        raise CorpusError(
            f"{str(path)!r}, line {line}: {len(cells)} cells; a row has a partition, four cells "
            "for each of two or more speakers, and a length"
        )
    speakers = [cells[place : place + 4] for place in range(1, len(cells) - 1, 4)]
    try:
        row = _ListedPair(
            line=line,
            utterances=tuple(f"{speaker}/{utterance}" for _, speaker, utterance, _ in speakers),
            levels_db=tuple(float(level) for _, _, _, level in speakers),
            seconds=float(cells[-1]),
        )
    except ValueError as error:
        raise CorpusError(f"{str(path)!r}, line {line}: {error}; correct the list") from None
    return cells[0], row
