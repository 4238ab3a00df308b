"""Streams of mixtures drawn on the fly, for training: nothing is stored or repeated."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from ..core.errors import ConfigError, DatasetError
from .config import DatasetConfig, OpenedBuilder, load_dataset_configs, open_builder
from .contents import Contents, contents_of_recipe
from .protocols.builder import Drawn
from .seeding import digest, generator
from .trials import render_trial
from .types import Query, Truth

UNBOUNDED = 2**31
_TRIES = 100


class TrialStream:
    """An unbounded, seeded sequence of trials; item i never depends on the others."""

    def __init__(self, opened: OpenedBuilder, *, absent_share: float | None = None) -> None:
        self._opened = opened
        self._absent_share = absent_share
        self.classes = opened.builder.vocabulary
        self.sample_rate_hz = opened.builder.sample_rate_hz
        unset = {"mixtures_of"} if opened.config.mixtures_of is None else set()
        self.fingerprint = digest("stream", opened.config.model_dump_json(exclude=unset))

    @property
    def title(self) -> str:
        """Name of the recipe and the split, for example "mini_sounds:train"."""
        return f"{self._opened.config.name}:{self._opened.config.split}"

    def contents(self) -> Contents:
        """The recordings and speakers of its corpora."""
        return contents_of_recipe(self._opened)

    def __len__(self) -> int:
        return UNBOUNDED

    def __getitem__(self, index: int) -> tuple[Query, Truth]:
        """The trial of item `index`, as `drawn` finds it."""
        drawn = self.drawn(index)
        trial, corpora = drawn.trials[0], self._opened.corpora
        return render_trial(trial, drawn.mixture, corpora, drawn.rendered, fingerprint=self.fingerprint)

    def drawn(self, index: int) -> Drawn:
        """The recipe of item `index`, whose first trial is the item's: a later draw if one has no trial.

        With an `absent_share`, that is the first trial with or without a target, as a draw by that share decides.
        """
        if not 0 <= index < UNBOUNDED:
            raise IndexError(f"stream index {index} must lie within 0 and {UNBOUNDED - 1}")
        for number in range(index, index + _TRIES * UNBOUNDED, UNBOUNDED):
            drawn = self._chosen(self._opened.builder.draw(number))
            if drawn.trials:
                return drawn
        raise DatasetError(
            f"dataset {self._opened.config.name!r}: {_TRIES} mixtures in a row have no audible "
            "target; check its recordings and `conditions`"
        )

    def _chosen(self, drawn: Drawn) -> Drawn:
        """The draw with the trials of the kind that is its turn; none if it has none of a present target."""
        if self._absent_share is None:
            return drawn
        is_absent = generator("absent sample", self.fingerprint, drawn.mixture.id).random() < self._absent_share
        chosen = tuple(trial for trial in drawn.trials if trial.present != is_absent)
        if is_absent and not chosen:
            raise ConfigError(
                f"absent_share = {self._absent_share:g}, but dataset {self._opened.config.name!r} has no query of an "
                "absent target; set the override absent_speakers: 1 of speech mixtures, or conditions with '0:1' of "
                "sound mixtures, or leave absent_share out"
            )
        return replace(drawn, trials=chosen)


def open_stream(
    dataset: str,
    *,
    split: str,
    seed: int,
    corpus_dirs: Mapping[str, Path],
    overrides: Mapping[str, object] | None = None,
    absent_share: float | None = None,
) -> TrialStream:
    """A stream of a dataset config with another split and seed; `overrides` are builder parameters that differ.

    Args:
        absent_share: share of the items whose target is absent, drawn by the mixture; null: the first trial of each.
    """
    configs = load_dataset_configs(dataset)
    if len(configs) != 1:
        raise ConfigError(
            f"{dataset!r} is a collection of the datasets "
            f"{', '.join(config.name for config in configs)}; name one of them"
        )
    config = configs[0]
    changed: DatasetConfig = config.model_copy(
        update={"split": split, "seed": seed, "params": {**config.params, **(overrides or {})}}
    )
    return TrialStream(open_builder(changed, corpus_dirs), absent_share=absent_share)
