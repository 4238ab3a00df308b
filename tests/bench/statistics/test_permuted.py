"""cpWER: the best assignment within each recording, by all permutations and by MeetEval."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pandas as pd
import pytest

from tsebench.bench.asr.counting import count_errors
from tsebench.bench.statistics.aggregate import aggregate
from tsebench.bench.statistics.permuted import PermutedRate, assigned_errors, both_texts
from tsebench.core.errors import DatasetError

WORDS = ["a", "b", "c", "d", "e", "f", "g", "h"]


def _drawn(seed: int, speakers: int) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What the speakers say, and texts that are shuffled, changed, and perhaps empty."""
    rng = np.random.default_rng(seed)
    said = tuple(" ".join(rng.choice(WORDS, size=int(rng.integers(1, 9)))) for _ in range(speakers))
    kept = [" ".join(w for w in text.split() if rng.random() > 0.3) for text in said]
    return said, tuple(kept[place] for place in rng.permutation(speakers))


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("speakers", [1, 2, 3, 4])
def test_no_permutation_has_fewer_errors(seed: int, speakers: int) -> None:
    said, found = _drawn(seed, speakers)
    fewest = min(
        sum(count_errors(a, b).edits for a, b in zip(said, order, strict=True)) for order in permutations(found)
    )
    errors = assigned_errors(said, found)
    assert sum(edits for edits, _ in errors) == fewest
    assert sum(words for _, words in errors) == sum(len(text.split()) for text in said)


@pytest.mark.parametrize("seed", range(6))
def test_meeteval_counts_the_same(seed: int) -> None:
    cp = pytest.importorskip("meeteval.wer.wer.cp", reason="MeetEval is not installed: pip install tsebench[meetings]")
    said, found = _drawn(seed, 3)
    theirs = cp.cp_word_error_rate(dict(enumerate(said)), dict(enumerate(found)))
    ours = assigned_errors(said, found)
    assert (theirs.errors, theirs.length) == tuple(map(sum, zip(*ours, strict=True)))


def _rows(texts: list[tuple[str, str, str]]) -> pd.DataFrame:
    """Rows of (recording, said, found)."""
    return pd.DataFrame(
        {
            "system": "net",
            "dataset": "set",
            "trial_id": [f"t{n}" for n in range(len(texts))],
            "condition": "FMQ",
            "n_active": 1,
            "n_inactive": 0,
            "cluster": [cluster for cluster, _, _ in texts],
            "metric": "cpwer",
            "value": [count_errors(said, found).rate for _, said, found in texts],
            "status": "ok",
            "reason": "",
            "weight": [float(len(said.split())) for _, said, _ in texts],
            "detail": [both_texts(said, found) for _, said, found in texts],
        }
    )


def test_voices_that_are_mixed_up_cost_nothing_within_a_recording() -> None:
    rows = _rows([("m0", "a b", "c d"), ("m0", "c d", "a x"), ("m1", "e f", "g h"), ("m2", "g h", "e f")])
    (cell,) = aggregate(rows)
    # m0: exchanged, and one error of four words; m1 and m2 are recordings of their own: all four words are wrong.
    assert cell.mean == pytest.approx(100 * 5 / 8)
    assert cell.trial_mean == pytest.approx(100.0)
    assert cell.ci_low <= cell.mean <= cell.ci_high


def test_other_details_are_refused() -> None:
    with pytest.raises(DatasetError, match="holds no texts of both sides: 'words'"):
        PermutedRate().summands(_rows([("m", "a", "a")]).assign(detail="words"), ())
