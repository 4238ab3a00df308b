"""Mixtures drawn on the fly, for training: nothing is stored, and none repeats."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from .config import DatasetConfig, OpenedBuilder, load_dataset_configs, open_builder
from .seeding import digest
from .trials import render_trial
from .types import Query, Truth

UNBOUNDED = 2**31


class TrialStream:
    """An unbounded, seeded sequence of trials; item i never depends on the others.

    Attributes:
        classes: vocabulary of the builder, sorted.
        fingerprint: SHA-256 (hex) of the recipe of the stream.
    """

    def __init__(self, opened: OpenedBuilder) -> None:
        self._opened = opened
        self.classes = opened.builder.vocabulary
        self.sample_rate_hz = opened.builder.sample_rate_hz
        self.fingerprint = digest("stream", opened.config.model_dump_json())

    def __len__(self) -> int:
        return UNBOUNDED

    def __getitem__(self, index: int) -> tuple[Query, Truth]:
        """The first trial of mixture `index`; mixtures without one are passed over, onwards."""
        while True:
            drawn = self._opened.builder.draw(index)
            if drawn.trials:
                return render_trial(drawn.trials[0], drawn.mixture, self._opened.corpora)
            index += UNBOUNDED


def open_stream(
    dataset: str,
    *,
    split: str,
    seed: int,
    corpus_dirs: Mapping[str, Path],
    overrides: Mapping[str, object] | None = None,
) -> TrialStream:
    """A stream with the mixing parameters of a dataset config, from another split and seed.

    Args:
        dataset: path or shipped name of a dataset config (not a collection).
        split: split of the corpora.
        seed: seed of the draws.
        corpus_dirs: folders of the corpora that live on disk.
        overrides: builder parameters that differ, for example `{"conditions": ["1:0"]}`.
    """
    config = load_dataset_configs(dataset)[0]
    changed: DatasetConfig = config.model_copy(
        update={"split": split, "seed": seed, "params": {**config.params, **(overrides or {})}}
    )
    return TrialStream(open_builder(changed, corpus_dirs))
