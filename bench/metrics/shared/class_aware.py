"""Scores of labelled estimates against labelled references: CA-SDRi, CAPI-SDRi and CASA-SDR as pure functions.

"SDR" is the plain signal-to-noise ratio in all three, as in the code of the DCASE baselines:

    SNR(s, ŝ) = 10 log10((‖s‖² + ε) / (‖s − ŝ‖² + ε))

with ε the machine epsilon of the estimates' dtype: 1.19e-7 for float32. Sums are in float64. A score is a sum over
matched pairs of estimate and reference, divided by the number of terms; every error is a term of 0 dB. The label
`silence` stands for no source, as the baselines pad their lists with it. Without any term there is no score: None.

Sources: `ca_sdri_db`: Nguyen et al., arXiv 2503.22088, and the baseline of DCASE 2025 task 4. `capi_sdri_db`: Nguyen
et al., arXiv 2601.22504, and the baseline of DCASE 2026 task 4. `casa_sdr_db`: Mishra et al., arXiv 2511.07075.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, permutations
from math import comb, perm
from typing import TYPE_CHECKING, Literal

import numpy as np
import torch
from numpy.typing import NDArray

if TYPE_CHECKING:
    from ....systems.protocol import LabelledOutput

Aggregation = Literal["errors", "sources"]

SILENCE = "silence"
"""Label of an estimate or reference that stands for none."""

TIE_DB = 1e-9
"""Assignments whose sums differ by less are as good as each other."""

_MOST_TRIED = 50_000  # assignments that are tried one by one, in the order of the baseline

Pairs = tuple[tuple[int, int], ...]
"""Places of reference and estimate of each matched pair."""


@dataclass(frozen=True, slots=True)
class LabelCounts:
    """Labels found, made up and missed; a class with two sources counts twice."""

    hits: int
    false_positives: int
    false_negatives: int

    @property
    def total(self) -> int:
        """Number of terms."""
        return self.hits + self.false_positives + self.false_negatives


def label_counts(found: Sequence[str], wanted: Sequence[str]) -> LabelCounts:
    """Compare two lists of labels, each with its repetitions."""
    own, there = Counter(_sounding(found)), Counter(_sounding(wanted))
    hits = (own & there).total()
    return LabelCounts(hits, own.total() - hits, there.total() - hits)


def ca_sdri_db(
    estimates: Sequence[LabelledOutput], references: Sequence[LabelledOutput], mixture: torch.Tensor
) -> float | None:
    """Class-aware SDR improvement of DCASE 2025: the mean over all classes found or wanted.

    A class that is found and wanted counts by the SNR of its estimate less that of the mixture, any other class by 0
    dB. Of several estimates, or references, of one class only the last is looked at.
    """
    found = {each.label: each.signal for each in estimates if each.label != SILENCE}
    wanted = {each.label: each.signal for each in references if each.label != SILENCE}
    terms = [
        _snr_db(found[label], wanted[label]) - _snr_db(mixture, wanted[label]) for label in wanted if label in found
    ]
    return _mean(terms, len(found.keys() | wanted.keys()))


def capi_sdri_db(
    estimates: Sequence[LabelledOutput], references: Sequence[LabelledOutput], mixture: torch.Tensor
) -> float | None:
    """Class-aware permutation-invariant SDR improvement of DCASE 2026: the mean over all sources.

    Estimates and references of one class are matched by the highest mean SNR. A pair counts by its SNR less that of
    the mixture; an estimate or reference that is left over counts by 0 dB.
    """
    terms: list[float] = []
    count = 0
    labels = dict.fromkeys(_sounding([each.label for each in (*references, *estimates)]))
    for label in labels:
        found = [each.signal for each in estimates if each.label == label]
        wanted = [each.signal for each in references if each.label == label]
        count += max(len(found), len(wanted))
        levels = _levels_db(found, wanted)
        terms += [levels[r, e] - _snr_db(mixture, wanted[r]) for r, e in _best(levels)]
    return _mean(terms, count)


def casa_sdr_db(
    estimates: Sequence[LabelledOutput],
    references: Sequence[LabelledOutput],
    mixture: torch.Tensor,
    *,
    improvement: bool = False,
    aggregation: Aggregation = "errors",
) -> float | None:
    """Class- and source-aware SDR: sources are matched by their signals, and labels are compared afterwards.

    All estimates and references are matched by the highest mean SNR, whatever their labels; among matchings that are
    as good, the one with most right labels counts. A pair of one label counts by its SNR, any other pair and what is
    left over by 0 dB.

    Args:
        improvement: a pair of one label counts by its SNR less that of the mixture.
        aggregation: terms of a pair with two labels: with "errors" two, a false positive and a false negative, as in
            `ca_sdri_db`; with "sources" one.
    """
    found = [each for each in estimates if each.label != SILENCE]
    wanted = [each for each in references if each.label != SILENCE]
    levels = _levels_db([each.signal for each in found], [each.signal for each in wanted])
    same = np.array([[float(e.label == r.label) for e in found] for r in wanted]).reshape(levels.shape)
    pairs = _best(levels, prefer=same)
    right = [(r, e) for r, e in pairs if same[r, e]]
    terms = [levels[r, e] - (_snr_db(mixture, wanted[r].signal) if improvement else 0.0) for r, e in right]
    wrong = len(pairs) - len(right)
    return _mean(terms, max(levels.shape) + (wrong if aggregation == "errors" else 0))


def _sounding(labels: Sequence[str]) -> Iterator[str]:
    return (label for label in labels if label != SILENCE)


def _mean(terms: Sequence[float], count: int) -> float | None:
    """Sum of the terms over their number, those of 0 dB included."""
    return float(sum(terms)) / count if count else None


def _snr_db(estimate: torch.Tensor, reference: torch.Tensor) -> float:
    eps = torch.finfo(estimate.dtype).eps
    target = reference.double()
    noise = (target - estimate.double()).square().sum()
    return 10.0 * float(((target.square().sum() + eps) / (noise + eps)).log10())


def _levels_db(estimates: Sequence[torch.Tensor], references: Sequence[torch.Tensor]) -> NDArray[np.float64]:
    """SNR [R, E] of every estimate against every reference."""
    levels = [[_snr_db(estimate, reference) for estimate in estimates] for reference in references]
    return np.array(levels, dtype=np.float64).reshape(len(references), len(estimates))


def _best(levels: NDArray[np.float64], *, prefer: NDArray[np.float64] | None = None) -> Pairs:
    """The matching with the largest sum of levels [R, E].

    Among matchings within `TIE_DB` the largest sum of `prefer` [R, E] decides, and then the first in the order of the
    baseline: references in rising order, estimates in any.
    """
    rows, columns = levels.shape
    size = min(rows, columns)
    if comb(rows, size) * perm(columns, size) > _MOST_TRIED:
        from scipy.optimize import linear_sum_assignment  # noqa: PLC0415 - slow to import, and seldom needed

        best = linear_sum_assignment(levels if prefer is None else levels + TIE_DB / size * prefer, maximize=True)
        return tuple(zip(*(each.tolist() for each in best), strict=True))
    tried = [(r, e) for r in combinations(range(rows), size) for e in permutations(range(columns), size)]
    sums = np.array([levels[r, e].sum() for r, e in tried])
    near = np.flatnonzero(sums >= sums.max() - TIE_DB)
    liked = np.zeros(len(near)) if prefer is None else np.array([prefer[tried[place]].sum() for place in near])
    chosen = tried[near[liked.argmax()]]
    return tuple(zip(*chosen, strict=True))
