"""Checks of streams notice each broken promise, and pass a sound system."""

from __future__ import annotations

from functools import partial

import pytest
import torch
from helpers.streams import CHUNK, LOOKAHEAD, Echo, card
from helpers.waveformer_files import saved

from tsebench.doctor import machine
from tsebench.doctor.machine import check_one
from tsebench.doctor.streaming import check_streaming, peak_difference_db
from tsebench.systems.registry import load_system

NAMES = ["causality", "latency", "pieces", "offline", "real_time"]


def found(system: object, **settings: object) -> dict[str, tuple[bool, str]]:
    results = check_streaming(system, sample_rate_hz=8000, duration_s=0.3, **settings)
    return {result.name: (result.passed, result.detail) for result in results}


def failed(system: object) -> list[str]:
    return [name for name, (passed, _) in found(system).items() if not passed]


def test_sound_system_passes_and_its_numbers_are_named():
    results = found(Echo())
    assert list(results) == NAMES
    assert all(passed for passed, _ in results.values()), results
    assert "at most 50 samples (6.25 ms) from its own time on, and the card says 50" in results["causality"][1]
    assert results["latency"][1].startswith("50 samples (6.25 ms) = chunk 40 + look-ahead 10; at most 49 samples")
    assert "identical" in results["pieces"][1]
    assert "identical" in results["offline"][1]
    assert "99th percentile" in results["real_time"][1]
    assert "50 chunks" in results["real_time"][1]  # 60 of 0.3 s, without the first ten


def test_each_broken_promise_is_named():
    assert failed(Echo(peeks=True)) == ["causality", "offline"]
    assert failed(Echo(card=card(lookahead_samples=LOOKAHEAD - 1))) == ["causality", "latency"]
    assert "latency" in failed(Echo(card=card(chunk_samples=CHUNK - 8)))
    assert failed(Echo(holds=True)) == ["latency"]
    assert failed(Echo(restarts=True)) == ["pieces", "offline"]
    assert found(Echo(shortens=True)) == {"streaming": (False, "the stream gave 2399 samples for a mixture of 2400")}
    assert found(Echo(refuses=True)) == {"streaming": (False, "no such voice")}


def test_system_that_does_not_stream_says_so_in_one_line():
    looking_ahead = Echo(card=card(chunk_samples=None))
    for system, reason in ((load_system("mixture"), "whole mixtures alone"), (looking_ahead, "looks ahead")):
        (line,) = found(system).values()
        assert line[0] is False
        assert f"system {system.card.name!r} does not stream" in line[1]
        assert reason in line[1]


def test_level_of_a_difference():
    first = torch.tensor([0.0, 2.0, -1.0])
    assert peak_difference_db(first, first) == -float("inf")
    assert peak_difference_db(first, first + torch.tensor([0.02, 0.0, 0.0])) == pytest.approx(-40.0)
    assert peak_difference_db(torch.zeros(3), first) == float("inf")


def test_command_checks_streams_in_this_process(tmp_path, monkeypatch):
    monkeypatch.setattr(machine, "check_streaming", partial(check_streaming, duration_s=0.05))
    results = check_one("waveformer_repo", [f"model={saved(tmp_path)}"], "cpu", streaming=True)
    assert [(result.name, result.passed) for result in results] == [(name, True) for name in NAMES]
    (line,) = check_one("silence", [], "cpu", streaming=True)
    assert (line.name, line.passed) == ("streaming", False)
