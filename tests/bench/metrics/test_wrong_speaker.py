"""`wrong_speaker_rate` by scripted embeddings, and by Resemblyzer on the embedded voices."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from tsebench.bench.metrics.protocol import Facts
from tsebench.bench.metrics.registry import load_metric
from tsebench.bench.metrics.shared.voices import RESEMBLYZER, OpenedVoice
from tsebench.bench.outcome import Score
from tsebench.bench.scoring.edges import Scorable
from tsebench.bench.scoring.plan import MetricSpec, plan_metrics
from tsebench.bench.scoring.pool import FilePool
from tsebench.bench.scoring.scorer import Scorer
from tsebench.core.errors import CheckpointError, ConfigError
from tsebench.datasets.corpora.synthetic_speech import SyntheticSpeech
from tsebench.datasets.signals.audio import resample

RATE_HZ = 16000


class Scripted:
    """The voice of a signal are its first two samples."""

    def embedding(self, signal: NDArray[np.float32], *, sample_rate_hz: int) -> NDArray[np.float64] | None:
        return None if len(signal) < 3 else signal[:2].astype(np.float64)


@pytest.fixture
def scripted(monkeypatch: pytest.MonkeyPatch) -> None:
    voice = OpenedVoice(model=Scripted(), description="scripted", sample_rate_hz=RATE_HZ, device=None)
    chosen: Any = type("Chosen", (), {"model": voice})()
    for name in ("wrong_speaker", "speaker_similarity"):
        monkeypatch.setattr(f"tsebench.bench.metrics.{name}.choose_voice", lambda *_, **__: chosen)
    monkeypatch.setattr("tsebench.bench.metrics.shared.model_files.packaged_file", lambda *_: Path("weights.pt"))


def signal(x: float, y: float, *rest: float) -> torch.Tensor:
    return torch.tensor([x, y, *(rest or (0.1, -0.1))])


TARGET, OTHER, NOISE, SILENT = signal(1, 0), signal(0, 1), signal(-1, 0.1), torch.zeros(4)


def scored(
    estimate: torch.Tensor,
    interferers: list[torch.Tensor] | None,
    *,
    roles: tuple[str, ...] = (),
    reference: torch.Tensor = TARGET,
    enrollment: torch.Tensor | None = None,
    **options: object,
) -> Score:
    others = None if interferers is None else torch.stack(interferers) if interferers else torch.zeros(0, 4)
    facts = Facts(interferers=others, interferer_roles=roles, enrollment=enrollment)
    item = Scorable(trial_id="t", estimate=estimate, reference=reference, mixture=reference, facts=facts)
    plan = plan_metrics([MetricSpec(name="wrong_speaker_rate", options=options)])
    with FilePool(0) as pool:
        (score,) = Scorer(plan, sample_rate_hz=RATE_HZ, device="cpu", pool=pool).submit([item]).result()
    return score


@pytest.mark.usefixtures("scripted")
def test_the_nearer_voice_decides() -> None:
    assert scored(signal(1, 0.9), [OTHER]).value == 0.0
    assert scored(signal(0.9, 1), [OTHER]).value == 100.0
    assert scored(signal(1, 1), [OTHER]).value == 0.0  # as near to both
    assert scored(signal(0.1, 1), [SILENT, signal(1, 0.2), OTHER]).value == 100.0


@pytest.mark.usefixtures("scripted")
def test_noise_and_silent_sources_are_no_speakers() -> None:
    near_noise = signal(-1, 0.5)
    assert scored(near_noise, [OTHER, NOISE], roles=("foreground", "foreground")).value == 100.0
    assert scored(signal(-1, -0.5), [OTHER, NOISE], roles=("foreground", "background")).value == 100.0
    assert scored(signal(0.5, -1), [OTHER, signal(0, -1)], roles=("foreground", "background")).value == 0.0
    for interferers, roles in (([], ()), ([SILENT], ()), ([OTHER], ("background",)), (None, ())):
        found = scored(TARGET, interferers, roles=roles)
        assert (found.status, found.reason) == ("undefined", "no_interferers")


@pytest.mark.usefixtures("scripted")
def test_a_silent_estimate_is_no_wrong_speaker() -> None:
    assert scored(SILENT, [OTHER]).value == 0.0


@pytest.mark.usefixtures("scripted")
def test_against_the_enrollment() -> None:
    clue = signal(0.9, 1)
    assert scored(signal(0.5, 1), [OTHER], enrollment=clue, against="enrollment").value == 0.0
    assert scored(signal(0.5, 1), [OTHER], enrollment=clue).value == 100.0
    missing = scored(TARGET, [OTHER], against="enrollment")
    assert (missing.status, missing.reason) == ("undefined", "no_enrollment")
    info = load_metric("wrong_speaker_rate", {"against": "enrollment"}).info
    assert info.needs == ("interferers", "enrollment")
    assert load_metric("wrong_speaker_rate").signature(8000) == (
        "wrong_speaker_rate|scripted|against:reference|fs:8000>16000|soxr:VHQ|tsebench:1"
    )


@pytest.mark.usefixtures("scripted")
def test_voices_without_an_embedding_have_no_value() -> None:
    zero = scored(torch.tensor([0.0, 0.0, 1.0, 0.0]), [OTHER])
    assert (zero.status, zero.reason) == ("failed", "non_finite_value")


def test_settings_of_an_onnx_model_alone_are_refused_without_one() -> None:
    for name in ("wrong_speaker_rate", "speaker_similarity"):
        for key, value in (("input", "fbank80"), ("output", "y"), ("sample_rate_hz", 8000)):
            with pytest.raises(ConfigError, match=rf"metric '{name}': setting '{key}' is of an ONNX model"):
                load_metric(name, {key: value})


def test_a_file_that_is_not_resemblyzers_is_one_line(tmp_path: Path) -> None:
    torch.save({"weights": torch.zeros(3)}, tmp_path / "other.pt")
    for name, reason in (("other.pt", "resemblyzer's pretrained.pt has the entry"), ("none.pt", "none.pt")):
        with pytest.raises(CheckpointError, match=reason):
            load_metric("wrong_speaker_rate", {"model": str(tmp_path / name)})


@pytest.mark.skipif(RESEMBLYZER.file is None, reason="not installed: pip install --no-deps resemblyzer")
def test_embedded_voices_that_are_swapped_are_wrong() -> None:
    corpus = SyntheticSpeech(utterances=2)
    by_speaker: dict[str, list[torch.Tensor]] = {}
    for recording in corpus.recordings():
        if recording.split == "test":
            samples, rate = corpus.read(recording.path)
            found = torch.from_numpy(resample(samples, from_hz=rate, to_hz=RATE_HZ)[: 2 * RATE_HZ])
            by_speaker.setdefault(recording.label, []).append(found)
    rates = []
    for first, second in zip(by_speaker.values(), list(by_speaker.values())[1:], strict=False):
        length = min(len(signal) for signal in (*first, *second))
        target, again, other = (signal[:length] for signal in (first[0], first[1], second[0]))
        kept = scored(0.9 * target + 0.1 * other, [other], reference=target, enrollment=again)
        swapped = scored(0.1 * target + 0.9 * other, [other], reference=target, enrollment=again)
        rates.append((kept.value, swapped.value))
    assert rates
    assert rates == [(0.0, 100.0)] * len(rates)
