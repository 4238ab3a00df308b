"""A set of Scaper's on disk: JAMS files next to the wav files, the same as from the recipes."""

from __future__ import annotations

from pathlib import Path

from tsebench.datasets.build import build
from tsebench.datasets.config import CorpusConfig, DatasetConfig
from tsebench.datasets.jams.events import read_jams
from tsebench.datasets.jams.soundscapes import soundscape_of
from tsebench.datasets.materialise import materialise


def test_every_soundscape_has_its_jams_file(tmp_path: Path) -> None:
    config = DatasetConfig(
        name="scapes",
        builder="sound_mix",
        corpora={"sounds": CorpusConfig(kind="synthetic_sounds")},
        params={
            "count": 3,
            "sample_rate_hz": 8000,
            "duration_s": 2.0,
            "event_s": [0.5, 1.0],
            "renderer": "scaper",
            "peak": 1.0,
            "events": {"corpus": "sounds", "exclude": ["background"]},
            "background": {"corpus": "sounds", "labels": ["background"]},
        },
    )
    dataset = build(config, tmp_path, corpus_dirs={})
    materialise(dataset, tmp_path, jobs=2)
    for mixture in dataset.mixtures.values():
        written = read_jams(tmp_path / "audio" / f"{mixture.id}.jams")
        assert written == soundscape_of(mixture, dataset.corpora)
        assert len(written.events) == len(mixture.sources)
        assert (tmp_path / "audio" / f"{mixture.id}.wav").is_file()
