"""Seeds of samples, from the data set to the batch that a system sees."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from tsebench.core.errors import ConfigError
from tsebench.datasets.api import load_dataset
from tsebench.datasets.batches import QueryBatch, collate, query_at
from tsebench.datasets.dynamic import open_stream
from tsebench.datasets.seeding import sample_seed
from tsebench.datasets.types import Clues, Query
from tsebench.systems.training import data


def by_hand(**changes: object) -> QueryBatch:
    plain = QueryBatch(
        ids=("a", "b"),
        mixture=torch.zeros(2, 1, 8),
        lengths=torch.tensor([8, 8]),
        sample_rate_hz=8000,
        clues=(Clues(), Clues()),
    )
    return replace(plain, **changes)  # type: ignore[arg-type]


def test_a_seed_depends_on_set_trial_and_sample() -> None:
    seeds = {sample_seed(f, t, k) for f in ("x", "y") for t in ("1", "2") for k in range(3)}
    assert len(seeds) == 12
    assert all(0 <= seed < 2**63 for seed in seeds)
    assert sample_seed("x", "1", 0) == 1212316629429060509  # stays: seeds of published runs


def test_queries_of_a_set_carry_their_seeds_into_every_batch() -> None:
    dataset = load_dataset("mini_speech")
    expected = tuple(sample_seed(dataset.card.fingerprint, trial.id, 0) for trial in dataset.trials[:3])
    assert dataset.batch([0, 1, 2]).seeds == expected
    assert dataset.batch([2, 0]).seeds == (expected[2], expected[0])
    assert query_at(dataset[1][0], 16000).seed == expected[1]
    assert data.collate([dataset[0], dataset[1]]).queries.seeds == expected[:2]


def test_items_of_a_training_stream_have_seeds_of_their_own() -> None:
    stream = open_stream("mini_speech", split="train", seed=0, corpus_dirs={})
    assert len({stream[index][0].seed for index in (0, 1, 2)}) == 3
    assert stream[1][0].seed == stream[1][0].seed


def test_a_batch_made_by_hand_takes_its_seeds_from_the_ids() -> None:
    batch = by_hand()
    assert batch.seeds == tuple(sample_seed("", name, 0) for name in "ab")
    assert by_hand(mixture=torch.ones(2, 1, 8)).seeds == batch.seeds
    assert by_hand(seeds=(7, 8)).seeds == (7, 8)
    query = Query(id="a", mixture=torch.zeros(1, 8), sample_rate_hz=8000, clues=Clues())
    assert collate([query]).seeds == (0,)


def test_another_number_of_seeds_is_one_line() -> None:
    with pytest.raises(ConfigError, match="a batch of 2 queries has 1 seeds; give one for each query"):
        by_hand(seeds=(1,))
