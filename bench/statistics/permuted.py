"""Concatenated minimum-permutation word error rate (cpWER): errors under the best assignment of outputs to speakers.

Source: Watanabe et al., "CHiME-6 challenge", CHiME 2020, section 4.2.2. A test compares it with MeetEval's
`cp_word_error_rate` (von Neumann et al. 2023), for as many outputs as speakers, where the extra `meetings` is there.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd

from ...core.errors import DatasetError, shortened
from ...core.json_text import parse_json
from ..asr.counting import count_errors
from .resampling import FloatArray
from .sum_ratio import SumRatio


def both_texts(said: str, found: str) -> str:
    """The `detail` of a row: what a speaker said, and what was recognised of the answer, both normalised."""
    return json.dumps({"said": said, "found": found}, ensure_ascii=False, separators=(",", ":"))


@lru_cache(maxsize=1 << 14)
def assigned_errors(said: tuple[str, ...], found: tuple[str, ...]) -> tuple[tuple[int, int], ...]:
    """Errors and words of each speaker of a recording, under the assignment of texts with the fewest errors.

    Args:
        said: words of each speaker, separated by spaces; none is empty.
        found: as many recognised texts, in any order.
    """
    from scipy.optimize import linear_sum_assignment  # noqa: PLC0415 - slow to import; every report imports this module

    counts = [[count_errors(reference, text) for text in found] for reference in said]
    edits = np.array([[each.edits for each in row] for row in counts])
    rows, columns = linear_sum_assignment(edits)
    return tuple((counts[r][c].edits, counts[r][c].words) for r, c in zip(rows, columns, strict=True))


@dataclass(frozen=True, slots=True)
class PermutedRate(SumRatio):
    """All errors over all words in percent, under the best assignment within each cluster (recording)."""

    def summands(self, rows: pd.DataFrame, names: Sequence[str]) -> FloatArray:  # noqa: ARG002
        """[N, 2]: errors in percent of a word, and words; of several samples, their means."""
        found = np.zeros((len(rows), 2))
        details = rows["detail"].to_numpy(object)
        for places in rows.groupby("cluster", sort=False, observed=True).indices.values():
            samples = [str(details[place]).split("\n") for place in places]
            counts = [_counts(texts) for texts in zip(*samples, strict=True)]
            found[places] = np.mean(counts, axis=0) * [100.0, 1.0]
        return found


def _counts(details: Sequence[str]) -> tuple[tuple[int, int], ...]:
    texts = [_texts(detail) for detail in details]
    return assigned_errors(tuple(said for said, _ in texts), tuple(found for _, found in texts))


def _texts(detail: str) -> tuple[str, str]:
    try:
        both: Any = parse_json(detail)
        return str(both["said"]), str(both["found"])
    except (ValueError, LookupError, TypeError):
        problem = f"a row's `detail` holds no texts of both sides: {shortened(detail, 80)!r}"
        raise DatasetError(f"{problem}; start its run again") from None
