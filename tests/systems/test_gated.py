"""The verification gate: what it silences, what it passes on, and what it refuses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from tsebench.core.errors import ConfigError
from tsebench.datasets.types import Clues
from tsebench.systems import gated
from tsebench.systems.gated import Gated
from tsebench.systems.protocol import Extraction, LabelledOutput, QueryBatch
from tsebench.systems.registry import load_system


class _SignEmbedder:
    """Two voices: signals above zero, and signals below; silence and short signals have none."""

    sha256 = "e" * 64
    training_data = ("voices:train",)

    def embed(self, signal: Tensor, *, sample_rate_hz: int) -> Tensor | None:
        assert sample_rate_hz == 8000
        return torch.tensor([float(signal.mean().sign()), 0.0]) if len(signal) > 10 and signal.any() else None


@pytest.fixture(autouse=True)
def _embedder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gated, "open_embedder", lambda *_, **__: _SignEmbedder())


def _batch(signs: Sequence[float], enrolled: Sequence[tuple[float, ...]], length: int = 100) -> QueryBatch:
    mixture = torch.stack([sign * (1.0 + torch.rand(1, length)) for sign in signs])
    clues = tuple(Clues(enrollments=tuple(value * torch.ones(50) for value in each)) for each in enrolled)
    return QueryBatch(
        ids=tuple(f"q{n}" for n in range(len(signs))),
        mixture=mixture,
        lengths=torch.full((len(signs),), length),
        sample_rate_hz=8000,
        clues=clues,
        seeds=(0,) * len(signs),
    )


def _gate(threshold: float = 0.5) -> Gated:
    return Gated(system="mixture", embedder="any", threshold=threshold)


def test_other_voices_are_silenced_and_the_right_one_is_untouched() -> None:
    batch = _batch([1, -1, 1], [(1.0,), (1.0,), (-1.0,)])
    estimate = _gate().extract(batch).estimate
    assert torch.equal(estimate[0], batch.mixture[0, 0])
    assert not estimate[1].any()
    assert not estimate[2].any()


def test_the_threshold_decides() -> None:
    batch = _batch([-1], [(1.0,)])  # cosine −1
    assert _gate(-1.0).extract(batch).estimate[0].any()
    assert not _gate(-0.99).extract(batch).estimate[0].any()


def test_padding_is_not_looked_at() -> None:
    batch = _batch([1, 1], [(1.0,), (1.0,)])
    batch.mixture[1, 0, 40:] = -5.0
    batch = replace(batch, lengths=torch.tensor([100, 40]))
    assert _gate().extract(batch).estimate[1, :40].any()


def test_a_voice_that_cannot_be_verified_is_silenced() -> None:
    assert not _gate(-1.0).extract(_batch([1], [(1.0,)], length=8)).estimate.any()


def test_several_enrollments_count_together_and_none_fails_alone() -> None:
    found = _gate().extract(_batch([1, 1], [(-1.0, 3.0), ()]))
    assert found.estimate[0].any()
    assert set(found.failures) == {"q1"}


def test_what_the_system_says_passes() -> None:
    gate = _gate()

    class Inner:
        card = load_system("mixture").card

        def extract(self, batch: QueryBatch) -> Extraction:
            return Extraction(
                estimate=[signal[0, :70] for signal in batch.mixture],
                transcripts=("yes", "no", "lost"),
                activity=torch.ones(3, 4),
                outputs=[[LabelledOutput(label="bell", signal=signal[0])] for signal in batch.mixture],
                failures={"q2": "lost"},
            )

    gate._inner = Inner()
    found = gate.extract(_batch([1, -1, -1], [(1.0,), (1.0,), (1.0,)]))
    assert [len(signal) for signal in found.estimate] == [70, 70, 70]
    assert [bool(signal.any()) for signal in found.estimate] == [True, False, True]
    assert found.transcripts == ("yes", "", "lost")
    assert found.activity is not None
    assert found.outputs is not None
    assert found.activity.sum(dim=1).tolist() == [4.0, 0.0, 4.0]
    assert [len(sounds) for sounds in found.outputs] == [1, 0, 1]
    assert found.failures == {"q2": "lost"}


def test_card() -> None:
    card = _gate(0.25).card
    assert (card.name, card.family, card.causal) == ("gated", "cascade", False)
    assert card.clues == {"enrollment"}
    assert card.training_data == ("voices:train",)
    assert card.options["threshold"] == 0.25
    assert card.sha256 is not None
    assert card.unseen == ""


def test_what_cannot_be_gated() -> None:
    with pytest.raises(ConfigError, match="'oracle_target' reads the truth"):
        Gated(system="oracle_target", embedder="any", threshold=0.0)
    with pytest.raises(ConfigError, match="gates a gate"):
        Gated(system="gated", embedder="any", threshold=0.0)


def test_isolation_follows_the_system_behind() -> None:
    assert Gated.runs_foreign_code({"system": "asteroid"})
    assert not Gated.runs_foreign_code({"system": "unknown"})  # building it says what is wrong
    assert not Gated.runs_foreign_code({"system": "mixture"})
    behind = {"system": "windowed", "options": {"system": "asteroid"}}
    assert Gated.runs_foreign_code(behind)
    assert not Gated.runs_foreign_code({**behind, "options": {"system": "mixture"}})


def test_a_gate_does_not_stream(monkeypatch: pytest.MonkeyPatch) -> None:
    inner = load_system("mixture")
    inner.card = replace(inner.card, chunk_samples=16, lookahead_samples=4)
    monkeypatch.setattr(gated, "open_wrapped", lambda *_, **__: inner)
    card = _gate().card
    assert (inner.card.latency_samples, card.latency_samples, card.lookahead_samples) == (20, None, 0)
