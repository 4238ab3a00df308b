"""Small corpora for the builder `av_mix`, and shorthands for its mixtures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tsebench.core.errors import AudioError
from tsebench.core.validation import call_with
from tsebench.datasets.config import DatasetConfig, load_dataset_configs
from tsebench.datasets.protocols.builder import BUILDERS, BuildContext, Drawn
from tsebench.datasets.protocols.corpus import Pictures, Recording, Samples, VideoInfo
from tsebench.datasets.seeding import generator
from tsebench.datasets.signals.clips import render_clip
from tsebench.datasets.trials import render_trial
from tsebench.datasets.types import Query, Source, Truth

RATE, FPS = 8000, 25.0


@dataclass
class SoundCorpus:
    """Noise that is loud and quiet in turns, six recordings for each speaker; `quiet` is silent."""

    name: str
    speakers: Sequence[str]
    seconds: float = 6.0
    version: str = "1"
    licence: str = "CC0"
    quiet: Sequence[str] = ()
    splits: Sequence[str] = ("test",)

    def recordings(self) -> Sequence[Recording]:
        return [
            Recording(
                path=f"{speaker}/{n}.wav",
                label=speaker,
                frames=round(self.seconds * RATE) + 7 * n,
                sample_rate_hz=RATE,
                split=self.splits[n % len(self.splits)],
                group=f"{self.name}/{speaker}/{n}",
            )
            for speaker in sorted(self.speakers)
            for n in range(6)
        ]

    def read(self, path: str, start: int = 0, frames: int | None = None) -> tuple[Samples, int]:
        whole = generator(self.name, path).uniform(-0.3, 0.3, round(self.seconds * RATE) + 50)
        slow = np.repeat(generator(path, "level").uniform(0.02, 1.0, 100), len(whole) // 100 + 1)
        whole = (whole * slow[: len(whole)]).astype(np.float32)
        if path.partition("/")[0] in self.quiet:
            whole[:] = 0.0
        return whole[start : None if frames is None else start + frames], RATE

    def digest(self, path: str) -> str:
        return path


@dataclass
class FilmCorpus(SoundCorpus):
    """The same, with videos whose pictures hold their own number; each may be `shorter`."""

    shorter: int = 0

    def video_path(self, path: str) -> str:
        return path.replace(".wav", ".mp4")

    def video_info(self, path: str) -> VideoInfo:
        if not path.endswith(".mp4"):
            raise AudioError(f"no video {path!r}")
        return VideoInfo(frames=round(self.seconds * FPS) - self.shorter, fps=FPS)

    def read_video(self, path: str, start: int = 0, frames: int | None = None) -> tuple[Pictures, float]:
        stop = self.video_info(path).frames if frames is None else start + frames
        assert 0 <= start < stop <= self.video_info(path).frames
        numbers = np.arange(start, stop, dtype=np.uint8)
        return np.broadcast_to(numbers[:, None, None], (len(numbers), 4, 6)).copy(), FPS


FILMED, OTHERS = ("anna", "ben", "cleo"), ("dora", "emil", "fay")


def av_corpora(**changed: Any) -> dict[str, Any]:
    """The corpora of a builder: films, speech and sounds."""
    return {
        "films": FilmCorpus("films", FILMED),
        "speech": SoundCorpus("speech", OTHERS),
        "sounds": SoundCorpus("sounds", ("rain", "wind")),
        **changed,
    }


OPTIONS: dict[str, Any] = {
    "on_screen": {"corpus": "films"},
    "off_screen": [{"corpus": "speech"}],
    "scenario": "spk",
    "count": 4,
    "sample_rate_hz": RATE,
}
NOISE = {"corpus": "sounds"}


def av_builder(corpora: Mapping[str, Any] | None = None, **changed: Any) -> Any:
    """The builder `av_mix` with short options."""
    context = BuildContext(name="set", version="1", seed=1, split="test", corpora=corpora or av_corpora())
    options = {**OPTIONS, **changed}
    return call_with(BUILDERS.get("av_mix"), options, where="set", given={"context": context})


def by_id(drawn: Drawn) -> dict[str, Source]:
    """Sources of a mixture by their ids."""
    return {source.id: source for source in drawn.mixture.sources}


def scaled(source: Source, corpora: Mapping[str, Any]) -> Samples:
    """A source at its level in the mixture."""
    clip = render_clip(source.clip, sample_rate_hz=RATE, corpora=corpora)
    return clip * np.float32(source.gain)


def rendered(drawn: Drawn, corpora: Mapping[str, Any]) -> tuple[Query, Truth]:
    """Query and truth of the first trial."""
    return render_trial(drawn.trials[0], drawn.mixture, corpora)


def mini_config(name: str, **changed: Any) -> DatasetConfig:
    """A shipped set with three mixtures."""
    (config,) = load_dataset_configs(name)
    return config.model_copy(update={"params": {**config.params, "count": 3, **changed}})
