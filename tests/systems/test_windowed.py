"""Windows over long recordings: exact for local systems, with failures and clues of each window."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from tsebench.core.errors import ConfigError
from tsebench.datasets.types import Clues
from tsebench.systems import windowed
from tsebench.systems.protocol import Extraction, QueryBatch, SystemCard
from tsebench.systems.registry import SYSTEMS, register_system
from tsebench.systems.shared.windows import Windows
from tsebench.systems.windowed import WindowedSystem

RATE_HZ = 1000


class Local:
    """A filter of ±20 samples; it notes the batches that it answers."""

    def __init__(self, *, fail_at: int = -1, device: str = "cpu") -> None:
        self.card = SystemCard(name="local", family="external", description="a filter", clues=frozenset({"video"}))
        self._fail_at, self._device = fail_at, device
        self.seen: list[QueryBatch] = []

    def extract(self, batch: QueryBatch) -> Extraction:
        self.seen.append(batch)
        kernel = torch.linspace(-1.0, 1.0, 41)[None, None]
        estimate = torch.nn.functional.conv1d(batch.mixture[:, :1], kernel, padding=20)[:, 0]
        failures = {name: "broken" for name in batch.ids if name.endswith(f"+{self._fail_at}")}
        levels = batch.mixture.abs().amax(dim=(1, 2))
        return Extraction(estimate=estimate, class_probabilities=levels[:, None], failures=failures)


def _windowed(**settings: Any) -> WindowedSystem:
    return WindowedSystem(system="mixture", **settings)


def _batch(*lengths: int, video: Tensor | None = None) -> QueryBatch:
    generator = torch.Generator().manual_seed(1)
    mixture = torch.zeros(len(lengths), 1, max(lengths))
    for row, length in enumerate(lengths):
        mixture[row, 0, :length] = torch.randn(length, generator=generator)
    return QueryBatch(
        ids=tuple(f"q{row}" for row in range(len(lengths))),
        mixture=mixture,
        lengths=torch.tensor(lengths),
        sample_rate_hz=RATE_HZ,
        clues=tuple(Clues(video=video, video_fps=None if video is None else 25.0) for _ in lengths),
    )


@pytest.mark.parametrize("length", [300, 1000, 1001, 1500, 3500, 3501, 4321])
@pytest.mark.parametrize("hop_s", [0.5, 0.8, 1.0])
def test_the_input_itself_is_stitched_exactly(length: int, hop_s: float) -> None:
    batch = _batch(length)
    found = _windowed(window_s=1.0, hop_s=hop_s).extract(batch)
    torch.testing.assert_close(found.estimate, batch.mixture[:, 0], rtol=0.0, atol=1e-6)


def test_a_local_system_answers_as_on_the_whole() -> None:
    system = _windowed(window_s=1.0, hop_s=0.8)  # 200 samples are shared; 50 of them lie before the fade
    system.inner = Local()
    batch = _batch(4321)
    torch.testing.assert_close(system.extract(batch).estimate, Local().extract(batch).estimate, rtol=0.0, atol=1e-5)
    assert {tuple(each.lengths.tolist()) for each in system.inner.seen} == {(1000,)}


def test_windows_cover_a_signal_and_end_with_it() -> None:
    windows = Windows(window=1000, hop=800)
    assert windows.starts(1000) == [0]
    assert windows.starts(1001) == [0, 1]
    assert windows.starts(2600) == [0, 800, 1600]
    assert windows.starts(2700) == [0, 800, 1600, 1700]


def test_rows_do_not_depend_on_each_other_or_on_how_many_windows_go_at_once() -> None:
    alone, several = _windowed(window_s=1.0, hop_s=0.7), _windowed(window_s=1.0, hop_s=0.7, at_once=3)
    for system in (alone, several):
        system.inner = Local()
    together = alone.extract(_batch(2500, 400, 3100)).estimate
    torch.testing.assert_close(several.extract(_batch(2500, 400, 3100)).estimate, together)
    torch.testing.assert_close(alone.extract(_batch(2500)).estimate[0], together[0, :2500])
    assert not together[1, 400:].any()


def test_a_window_that_fails_fails_its_query_and_classes_are_the_largest() -> None:
    system = _windowed(window_s=1.0, hop_s=0.8)
    system.inner = Local(fail_at=1600)
    found = system.extract(_batch(2500, 2700, 900))
    assert dict(found.failures) == {"q1": "window: broken"}  # only the second has a window at 1.6 s
    assert found.class_probabilities is None
    system.inner = Local()
    batch = _batch(2700)
    probabilities = system.extract(batch).class_probabilities
    assert probabilities is not None
    assert float(probabilities[0, 0]) == float(batch.mixture.abs().max())


def test_a_video_is_cut_with_its_window() -> None:
    video = torch.arange(60.0)[:, None, None].expand(60, 2, 2) / 60
    system = _windowed(window_s=1.0, hop_s=0.8)
    system.inner = Local()
    system.extract(_batch(2400, video=video))
    pictures = [batch.clues[0].video for batch in system.inner.seen]
    assert [(round(float(p[0, 0, 0]) * 60), len(p)) for p in pictures if p is not None] == [(0, 25), (20, 25), (35, 25)]


@pytest.mark.parametrize(
    ("settings", "line"),
    [
        ({"hop_s": 0.3}, "hop_s = 0.3 with window_s = 1; the hop is half of the window or more"),
        ({"hop_s": 1.1}, "and at most the window"),
        ({"system": "windowed"}, "cannot window itself"),
        ({"system": "oracle_target"}, "'oracle_target' reads the truth of a whole recording"),
    ],
)
def test_what_cannot_be_windowed_is_refused(settings: dict[str, Any], line: str) -> None:
    with pytest.raises(ConfigError, match=line):
        WindowedSystem(**{"system": "mixture", "window_s": 1.0, "hop_s": 0.8, **settings})


def test_isolation_and_card_follow_the_system_of_the_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    assert WindowedSystem.runs_foreign_code({"system": "asteroid"})
    assert not WindowedSystem.runs_foreign_code({"system": "mixture"})
    inner = Local()
    inner.card = replace(inner.card, chunk_samples=16, lookahead_samples=4, labels_outputs=True, sha256="a" * 64)
    monkeypatch.setattr(windowed, "open_wrapped", lambda *_, **__: inner)
    card = _windowed().card
    assert (card.latency_samples, card.lookahead_samples, card.labels_outputs) == (None, 0, False)
    assert card.sha256 == inner.card.sha256


def test_a_class_of_the_running_program_stays_in_its_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SYSTEMS, "_entries", {**SYSTEMS._entries})
    name = "local_of_this_program"
    register_system(name)(Local)
    assert not WindowedSystem.runs_foreign_code({"system": name})
    assert name in WindowedSystem(system=name).card.unseen


def test_a_target_at_all_channels_keeps_them_in_any_batch() -> None:
    mixture = torch.randn(2, 2, 2700, generator=torch.Generator().manual_seed(1))
    mixture[0, :, 900:] = 0.0
    both = replace(_batch(900, 2700), mixture=mixture)
    system = _windowed(window_s=1.0, hop_s=0.8)
    torch.testing.assert_close(system.extract(both).estimate, mixture, rtol=0.0, atol=1e-6)
    short = replace(_batch(900), mixture=mixture[:1, :, :900])
    assert torch.equal(system.extract(short).estimate, short.mixture)
