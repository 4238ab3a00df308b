"""Summary of a set in numbers: duration, conditions, speakers or classes, recordings, input SNR."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ..contents import contents_of
from ..dataset import Dataset

_SNR = "input_snr_db"


@dataclass(frozen=True, slots=True)
class Number:
    """One line of a summary: the quantity, and its value as text."""

    what: str
    value: str


def numbers_of(dataset: Dataset) -> Iterator[Number]:
    """The numbers of a set, from its manifest alone."""
    card = dataset.card
    asked = {trial.mixture_id for trial in dataset.trials}
    seconds = [dataset.mixtures[name].num_samples / card.sample_rate_hz for name in sorted(asked)]
    lengths = ""
    if seconds:
        lengths = f" ({min(seconds):.1f} to {max(seconds):.1f} s, median {np.median(seconds):.1f} s)"
    yield Number("mixtures", f"{len(asked):,}{lengths}")
    yield Number("duration", f"{sum(seconds) / 3600:.3f} h at {card.sample_rate_hz} Hz")
    yield Number("trials", f"{len(dataset):,}")
    conditions = Counter(f"{t.condition.kind} {t.condition}" for t in dataset.trials)
    for name, count in sorted(conditions.items()):
        yield Number(f"  {name}", f"{count:,}")
    contents = contents_of(dataset)
    if contents.speakers:
        yield Number("speakers", f"{len(contents.speakers):,}")
    if card.vocabulary:
        labels = {s.label for m in dataset.mixtures.values() for s in m.sources}
        used = len(labels & set(card.vocabulary))
        yield Number("classes", f"{used:,} of a vocabulary of {len(card.vocabulary):,}")
    yield Number("recordings", f"{len(dataset.manifest.files):,} of {', '.join(contents.parts)}")
    snrs = [float(t.tags[_SNR]) for t in dataset.trials if _SNR in t.tags]
    if snrs:
        low, middle, high = np.quantile(snrs, [0.05, 0.5, 0.95])
        yield Number("input SNR", f"{low:.1f} / {middle:.1f} / {high:.1f} dB (5, 50, 95 %)")
