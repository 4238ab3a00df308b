"""Streams of the causal networks give what the networks give for whole mixtures, in pieces of any size."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from helpers.small_nets import CLASSES, save_net
from torch import Tensor

from tsebench.core.errors import ConfigError, ExtractionError
from tsebench.core.validation import parse
from tsebench.datasets.types import Clues, Query
from tsebench.systems.nets.past import Past
from tsebench.systems.nets.tcn import BlockSizes, Stack
from tsebench.systems.protocol import QueryBatch, StreamingSystem, why_not_streaming
from tsebench.systems.registry import load_system
from tsebench.systems.shared.streams import BlockStream
from tsebench.systems.trainable import TASKS

TCN = {"num_filters": 12, "filter_length": 16, "bottleneck": 8, "hidden": 10, "blocks": 3, "stacks": 2}
TCN |= {"embedding_dim": 8, "norm": "cumulative", "causal": True}
SMALL = {"frame": 8, "encoder_dim": 32, "encoder_layers": 3, "decoder_dim": 16, "chunk": 4, "context": 3, "overlap": 2}
NETS = [
    ("td_speakerbeam", TCN | {"skip": 8}),
    ("td_speakerbeam", TCN | {"skip": 0, "adapted": "features", "encoder": "relu", "stride": 5, "kernel": 2}),
    ("soundbeam", TCN | {"mask": "sigmoid", "skip": 6, "bottleneck": 6, "embedding_dim": 6}),
    ("soundbeam", TCN | {"variant": "enrl", "filter_length": 8, "stride": 8, "conditioning": "film"}),
    ("waveformer", SMALL),
    ("waveformer", SMALL | {"decoder_layers": 2, "lookahead": False, "context": 0, "overlap": 0}),
]


def opened(name: str, net: dict[str, object], folder: Path, **options: object) -> StreamingSystem:
    task = TASKS.get(name)
    config = parse(task.net_config, net, where="net")
    torch.manual_seed(2)
    built = task.build(config, classes=CLASSES)
    system = load_system(name, checkpoint=save_net(folder, name, built, config), **options)
    assert isinstance(system, StreamingSystem)
    return system


def asked(num_samples: int, *, rate_hz: int = 8000) -> Query:
    generator = torch.Generator().manual_seed(num_samples)
    signal, enrollment = torch.randn(1, num_samples, generator=generator), torch.randn(700, generator=generator)
    clues = Clues(classes=("rain",), enrollments=(enrollment,))
    return Query(id="q", mixture=0.1 * signal, sample_rate_hz=rate_hz, clues=clues)


def whole(system: StreamingSystem, query: Query) -> Tensor:
    lengths = torch.tensor([query.mixture.shape[-1]])
    batch = QueryBatch(
        ids=("q",), mixture=query.mixture[None], lengths=lengths, sample_rate_hz=8000, clues=(query.clues,)
    )
    return system.extract(batch).estimate[0]


def streamed(system: StreamingSystem, query: Query, sizes: list[int]) -> Tensor:
    stream, parts, start = system.start(replace(query, mixture=query.mixture[:, :0])), [], 0
    while start < query.mixture.shape[-1]:
        size = sizes[len(parts) % len(sizes)]
        parts.append(stream.push(query.mixture[:, start : start + size]))
        start += size
        given = sum(map(len, parts))
        assert min(start, query.mixture.shape[-1]) - given < system.card.latency_samples
    return torch.cat([*parts, stream.finish()])


@pytest.mark.parametrize("number", [0, 2])
def test_a_stream_can_answer_several_frames_at_once(number, tmp_path):
    name, net = NETS[number]
    one, several = opened(name, net, tmp_path / "a"), opened(name, net, tmp_path / "b", stream_frames=3)
    assert several.card.chunk_samples == 3 * one.card.chunk_samples
    assert several.card.lookahead_samples == one.card.lookahead_samples
    assert several.card.options["stream_frames"] == 3
    query = asked(403)
    torch.testing.assert_close(streamed(several, query, [5]), streamed(one, query, [8]), atol=1e-6, rtol=1e-4)
    assert len(several.start(query).push(query.mixture[:, : several.card.chunk_samples - 1])) == 0


def test_frames_of_a_network_without_streams_are_refused(tmp_path):
    with pytest.raises(ConfigError, match=r"stream_frames = 2: the network of td_speakerbeam does not stream"):
        opened("td_speakerbeam", {**TCN, "skip": 8, "causal": False}, tmp_path, stream_frames=2)


@pytest.mark.parametrize(("name", "net"), NETS)
def test_stream_gives_the_answer_to_the_whole_mixture(name, net, tmp_path):
    system = opened(name, net, tmp_path)
    for num_samples in (1, 17, 400, 1003):
        query = asked(num_samples)
        expected = whole(system, query)
        assert expected.abs().max() > 1e-4
        for sizes in ([system.card.chunk_samples], [1, 2, 67, 300], [num_samples]):
            answer = streamed(system, query, sizes)
            torch.testing.assert_close(answer, expected, atol=1e-5 * float(expected.abs().max()), rtol=0)


@pytest.mark.parametrize(("name", "net"), NETS)
def test_answer_depends_on_what_the_latency_allows_and_on_nothing_later(name, net, tmp_path):
    system, query = opened(name, net, tmp_path), asked(1003)
    chunk, latency = system.card.chunk_samples, system.card.latency_samples
    expected, reached = whole(system, query), False
    for first in range(7 * chunk + latency, 8 * chunk + latency):
        mixture = query.mixture.clone()
        mixture[:, first:] += 5.0
        answer = whole(system, replace(query, mixture=mixture))
        safe = first - latency + 1
        # The sums of the same numbers in the same order: nothing but equality will do.
        assert answer[:safe].equal(expected[:safe])
        reached |= not answer[safe].equal(expected[safe])
    assert reached, "the latency is longer than it need be"


def test_long_stream_keeps_its_sums():
    """Running sums of a signal far from zero, after many parts."""
    stack = Stack(BlockSizes(bottleneck=4, hidden=5, kernel=3, norm="cumulative", causal=True), num_blocks=2).eval()
    features = 100.0 + torch.randn(1, 4, 20_000, generator=torch.Generator().manual_seed(1))
    past = Past()
    with torch.no_grad():
        expected = stack(features, None)[0]
        parts = torch.cat([stack(part, None, past)[0] for part in torch.split(features, 173, dim=-1)], dim=-1)
    torch.testing.assert_close(parts, expected, atol=1e-4, rtol=0)


def test_networks_that_look_ahead_have_no_past():
    for causal, norm in ((False, "cumulative"), (True, "global")):
        stack = Stack(BlockSizes(bottleneck=4, hidden=5, kernel=3, norm=norm, causal=causal), num_blocks=1)
        with pytest.raises(TypeError, match="stream"):
            stack(torch.randn(1, 4, 9), None, Past())


@pytest.mark.parametrize("name", ["td_speakerbeam", "soundbeam"])
def test_network_that_looks_ahead_does_not_stream(name, tmp_path):
    system = opened(name, TCN | {"causal": False, "norm": "global"}, tmp_path)
    assert "does not stream: the network of this checkpoint looks ahead" in why_not_streaming(system)
    with pytest.raises(ExtractionError, match="does not stream"):
        system.start(asked(10))
    assert "it answers whole mixtures alone" in why_not_streaming(load_system("mixture"))


@pytest.mark.parametrize(("name", "net"), [NETS[0], NETS[2], NETS[4]])
def test_query_without_its_clue_starts_no_stream(name, net, tmp_path):
    system, query = opened(name, net, tmp_path), asked(10)
    assert why_not_streaming(system) == ""
    with pytest.raises(ExtractionError, match=r"no enrollment|names no sound class"):
        system.start(replace(query, clues=Clues()))
    with pytest.raises(ExtractionError, match="works at 8000 Hz, but the query is at 16000 Hz"):
        system.start(asked(10, rate_hz=16_000))


def test_blocks_are_windows_of_the_mixture():
    windows: list[list[float]] = []

    def answer(window: Tensor) -> Tensor:
        windows.append(window[0].tolist())
        return window[:, 2:-1]

    stream = BlockStream(answer, chunk=4, frame=2, history=2, lookahead=1)
    signal = torch.arange(1.0, 12.0)[None]
    given = [stream.push(piece) for piece in torch.split(signal, [3, 2, 6], dim=-1)]
    assert [len(part) for part in given] == [0, 4, 4]
    assert torch.cat([*given, stream.finish()]).tolist() == signal[0].tolist()
    # The rest is filled up to whole frames, not to whole chunks.
    assert windows == [[0, 0, 1, 2, 3, 4, 5], [3, 4, 5, 6, 7, 8, 9], [7, 8, 9, 10, 11, 0, 0]]
    for call in (stream.finish, lambda: stream.push(signal)):
        with pytest.raises(ExtractionError, match="the stream is finished"):
            call()


def test_stream_of_nothing_is_nothing():
    assert BlockStream(lambda window: window, chunk=4, frame=4, delay=3).finish().shape == (0,)
