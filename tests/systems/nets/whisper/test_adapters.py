"""Adapters, prompts and the encoder of a Whisper; the base stays as it is."""

from __future__ import annotations

import pytest
import torch

from tsebench.core.errors import ConfigError
from tsebench.systems.nets.whisper.adapters import Adapters, SpeakerPrompts, StemEmbedder
from tsebench.systems.nets.whisper.base import Listener, WhisperConfig, new_listener
from tsebench.systems.nets.whisper.mel import log_mel, windows_of
from tsebench.systems.nets.whisper.package import whisper_package
from tsebench.systems.nets.whisper.recognition import encode, stem

pytest.importorskip("whisper", reason="needs openai-whisper")
TINY = {"words": "ALPHA BETA GAMMA", "audio_ctx": 50, "state": 16, "heads": 2, "audio_layers": 2, "text_layers": 1}


@pytest.fixture
def listener() -> Listener:
    torch.manual_seed(0)
    return new_listener(WhisperConfig.model_validate(TINY)).eval()


def test_without_prompts_the_encoder_is_the_package_s(listener):
    mel = log_mel(windows_of(0.1 * torch.randn(2, 8000), rate_hz=8000, num_frames=100)[:, 0], n_mels=80)
    encoder = listener.model.encoder
    torch.testing.assert_close(encode(encoder, stem(encoder, mel)), encoder(mel))


def test_prompts_are_attended_to_and_cut_off(listener):
    encoder, frames = listener.model.encoder, torch.randn(1, 50, 16)
    states = encode(encoder, frames, torch.randn(1, 3, 16))
    assert states.shape == (1, 50, 16)
    assert (states - encode(encoder, frames)).abs().max() > 1e-3


def test_fresh_weights_are_finite_and_repeatable(listener):
    torch.manual_seed(0)
    again = new_listener(WhisperConfig.model_validate(TINY))
    for name, tensor in listener.state_dict().items():
        assert torch.isfinite(tensor).all(), name
        assert torch.equal(tensor, again.state_dict()[name]), name


@pytest.mark.parametrize(("part", "count"), [("attention", 2 * 4 + 8), ("all", 2 * 6 + 10)])
def test_adapters_begin_as_nothing_and_leave_the_base(listener, part, count):
    signals, lengths = 0.1 * torch.randn(1, 8000), torch.tensor([8000])
    names, before = list(listener.state_dict()), listener.states(listener.stems(signals, lengths))
    adapters = Adapters(listener.model, rank=2, alpha=2.0, part=part)
    assert len(adapters) == count
    assert list(listener.state_dict()) == names
    torch.testing.assert_close(listener.states(listener.stems(signals, lengths)), before)
    for adapter in adapters.values():
        torch.nn.init.ones_(adapter.up.weight)
    assert (listener.states(listener.stems(signals, lengths)) - before).abs().max() > 1e-3


def test_prompts_hold_the_speaker_and_the_enrollment():
    prompts = SpeakerPrompts(state=16, learned=3, speaker_dim=4, enrollment_frames=5)
    without = SpeakerPrompts(state=16, learned=3, speaker_dim=4, enrollment_frames=0)
    speaker, enrolled = torch.randn(2, 4), torch.randn(2, 1, 50, 16)
    assert prompts(speaker, enrolled).shape == (2, 3 + 1 + 5, 16)
    assert without(speaker, enrolled).shape == (2, 3 + 1, 16)
    torch.testing.assert_close(prompts(speaker, enrolled)[:, 4:], enrolled[:, 0, :5])


def test_speaker_embedding_is_of_the_enrollment_alone():
    torch.manual_seed(0)
    embedder, stems = StemEmbedder(state=16, speaker_dim=4), torch.randn(1, 1, 50, 16)
    counts = torch.tensor([20.0])
    among = torch.cat([stems, torch.randn(1, 1, 50, 16)], dim=1)
    among[:, 0, 20:] = 7.0
    torch.testing.assert_close(embedder(stems, counts), embedder(among, counts))


def test_words_of_long_signals_are_joined_window_by_window(listener, monkeypatch):
    said = iter(["ALPHA", "BETA", "GAMMA"])
    monkeypatch.setattr(
        "tsebench.systems.nets.whisper.base.greedy_texts", lambda _, states, *__, **___: [next(said) for _ in states]
    )
    lengths = torch.tensor([9000, 4000])
    states = listener.states(listener.stems(torch.randn(2, 9000), lengths))
    assert listener.samples == 8000
    assert listener.texts(states, lengths) == ("ALPHA BETA", "GAMMA")


def test_a_missing_package_is_named(monkeypatch):
    monkeypatch.setattr("tsebench.systems.nets.whisper.package.DISTRIBUTION", "no-such-whisper")
    with pytest.raises(ConfigError, match=r"'no-such-whisper' is not installed.*tsebench\[asr\]"):
        whisper_package()


@pytest.mark.parametrize(
    ("changes", "problem"),
    [({"words": "A A"}, "different words"), ({"words": "alpha"}, "upper case"), ({"heads": 3}, "multiple of heads")],
)
def test_config_says_what_is_wrong(changes, problem):
    with pytest.raises(ValueError, match=problem):
        WhisperConfig.model_validate({**TINY, **changes})
