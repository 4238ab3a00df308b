"""Streamed answers in a run: those of the stream, and a refused query costs itself alone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from helpers.forked import INSTEAD_OF_SUBPROCESS
from helpers.scripted import keep_code
from helpers.streams import Echo
from helpers.waveformer_files import saved

from tsebench.bench.inference import system_process
from tsebench.bench.inference.isolation import Isolated
from tsebench.bench.inference.open_system import close_system, open_system
from tsebench.bench.inference.streamed import streamed
from tsebench.bench.scoring.identity import identity_of
from tsebench.core.errors import ConfigError, ExtractionError
from tsebench.datasets.batches import collate
from tsebench.datasets.types import Clues, Query
from tsebench.systems.protocol import QueryBatch
from tsebench.systems.registry import SYSTEMS


def batch(*lengths: int, rate_hz: int = 8000) -> QueryBatch:
    generator = torch.Generator().manual_seed(3)
    return collate(
        Query(
            id=f"q{length}",
            mixture=0.1 * torch.randn(1, length, generator=generator),
            sample_rate_hz=rate_hz,
            clues=Clues(classes=("Bark",)),
        )
        for length in lengths
    )


def test_answers_are_those_of_the_stream() -> None:
    asked = batch(2000, 333)
    system = Echo(peeks=True)  # whole mixtures get another answer
    answer = streamed(system).extract(asked)
    torch.testing.assert_close(answer.estimate, Echo().extract(asked).estimate)
    assert not answer.estimate[1, 333:].any()
    assert streamed(system).card.options == {"streaming": True}


def test_refused_query_fails_alone() -> None:
    asked = batch(900, 333)
    asked = replace(asked, ids=("refused", "other"), seeds=())
    answer = streamed(Echo()).extract(asked)
    assert answer.failures == {"refused": "no such voice"}
    assert answer.estimate[1].any()


def test_stream_that_loses_samples_is_a_breach() -> None:
    with pytest.raises(ExtractionError, match="the stream gave 332 samples for a mixture of 333"):
        streamed(Echo(shortens=True)).extract(batch(333))


def test_system_that_does_not_stream_is_refused() -> None:
    with pytest.raises(ConfigError, match="system 'mixture' does not stream"):
        open_system("mixture", device="cpu", options={}, streaming=True)


def test_opened_by_name_here_and_in_a_process_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(system_process, "subprocess", INSTEAD_OF_SUBPROCESS)
    keep_code(monkeypatch)
    name, options, asked = "waveformer_repo", {"model": saved(tmp_path)}, batch(5000, 4410, rate_hz=44_100)
    whole = open_system(name, device="cpu", options=options)
    here = open_system(name, device="cpu", options=options, streaming=True)
    there = open_system(name, device="cpu", options=options, streaming=True, isolation="process")
    try:
        assert isinstance(there, Isolated)
        assert here.card == there.card != whole.card
        expected = whole.extract(asked).estimate
        for system in (here, there):
            torch.testing.assert_close(system.extract(asked).estimate, expected, atol=1e-5, rtol=0)
    finally:
        close_system(there)
    digests = [identity_of(system, SYSTEMS.registered(name), options).digest for system in (whole, here)]
    assert digests[0] != digests[1]
