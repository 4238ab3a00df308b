"""Features of pictures lie on audio frames where they belong, to the sample."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from tsebench.systems.nets.filterbank import Encoder
from tsebench.systems.nets.visual.alignment import OnFrames, at_rate
from tsebench.systems.nets.visual.videos import in_equal_groups, join_videos


def ramp(count: int, fps: float) -> Tensor:
    """Features [1, 1, F] that are the middle of each picture, in seconds."""
    return ((torch.arange(count, dtype=torch.float64) + 0.5) / fps)[None, None]


@pytest.mark.parametrize(("filter_length", "stride"), [(40, 20), (16, 8), (64, 32), (21, 10)])
def test_a_frame_stands_for_the_middle_of_its_window(filter_length: int, stride: int) -> None:
    encoder = Encoder(num_filters=1, filter_length=filter_length, stride=stride, rectify=False)
    # With the filter "mean of the window", an impulse is seen by the frames whose windows hold it.
    torch.nn.init.ones_(encoder.filters.weight)
    signal = torch.zeros(1, 400)
    signal[0, 200] = 1.0
    seen = encoder(signal)[0, 0] > 0
    middles = encoder.frame_middles(400)
    # Sample 200 lasts from 200 to 201: its middle is in each of these windows.
    assert torch.equal(seen, (middles - 200.5).abs() < filter_length / 2)


@pytest.mark.parametrize("fps", [24.0, 25.0, 30.0, 29.97])
@pytest.mark.parametrize("rate", [8000, 16000])
def test_what_grows_with_time_is_the_time_of_each_frame(fps: float, rate: int) -> None:
    encoder = Encoder(num_filters=1, filter_length=40, stride=20)
    middles = encoder.frame_middles(2 * rate)
    times = OnFrames([int(2 * fps)], middles * fps / rate)(ramp(int(2 * fps), fps))[0, 0]
    seconds = middles / rate
    inside = (seconds >= 0.5 / fps) & (seconds <= (int(2 * fps) - 0.5) / fps)
    assert int(inside.sum()) > 0.9 * len(seconds)
    assert torch.allclose(times[inside], seconds[inside], atol=1e-9)
    assert float(times[0]) == pytest.approx(0.5 / fps)  # before the first middle the first picture


def test_a_video_shorter_than_the_audio_keeps_its_last_picture() -> None:
    places = OnFrames([3, 1], torch.tensor([0.2, 1.5, 2.0, 9.0], dtype=torch.float64))
    features = torch.tensor([[[1.0, 2.0, 4.0]], [[7.0, -100.0, -100.0]]])
    expected = torch.tensor([[[1.0, 2.0, 3.0, 4.0]], [[7.0, 7.0, 7.0, 7.0]]])
    assert torch.allclose(places(features), expected)


def test_one_picture_late_is_one_picture_late() -> None:
    middles = torch.linspace(0.6, 9.4, 50, dtype=torch.float64)
    features = torch.randn(1, 4, 10)
    late = torch.cat([features[..., :1], features[..., :-1]], dim=-1)
    inside = (middles > 1.5) & (middles < 9.5)
    assert torch.allclose(
        OnFrames([10], middles)(late)[..., inside], OnFrames([10], middles - 1)(features)[..., inside], atol=1e-6
    )


@pytest.mark.parametrize("fps", [12.5, 24.0, 30.0, 50.0])
def test_another_picture_rate_keeps_the_time(fps: float) -> None:
    count = int(4 * fps)
    pictures = ramp(count, fps)[0, 0][:, None, None].expand(-1, 2, 3)
    found = at_rate(pictures, fps=fps, wanted_fps=25.0)
    assert found.shape == (100, 2, 3)
    middles = (torch.arange(100) + 0.5) / 25.0
    inside = (middles >= 0.5 / fps) & (middles <= (count - 0.5) / fps)
    assert torch.allclose(found[inside, 0, 0], middles[inside].double(), atol=1e-9)


def test_the_same_rate_keeps_the_pictures() -> None:
    pictures = torch.rand(5, 4, 4)
    assert at_rate(pictures, fps=25.0, wanted_fps=25.0) is pictures


def test_videos_are_padded_at_their_ends() -> None:
    videos = join_videos([torch.ones(3, 2, 2), torch.ones(6, 2, 2)], [25.0, 50.0], wanted_fps=25.0, device="cpu")
    assert videos.counts == (3, 3)
    assert videos.pictures.shape == (2, 3, 2, 2)


def test_items_of_a_size_are_answered_at_once_and_come_back_in_order() -> None:
    asked: list[list[int]] = []

    def answer(rows: list[int]) -> Tensor:
        asked.append(rows)
        return torch.tensor(rows, dtype=torch.float32)[:, None] * 10

    found = in_equal_groups(["a", "b", "a", "c"], answer)
    assert [float(each) for each in found] == [0.0, 10.0, 20.0, 30.0]
    assert asked == [[0, 2], [1], [3]]
