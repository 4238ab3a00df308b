"""Frequency-domain SpeakerBeam: spectra, ways of the clue, its contract, and that it learns."""

from __future__ import annotations

import pytest
import torch
from helpers.voices import batch, checkpoint, fit, noise, train_config
from torch.nn import functional as F

from tsebench.core.errors import ConfigError
from tsebench.core.validation import parse
from tsebench.doctor.system_checks import check_system
from tsebench.systems.nets.banks import NormalisedStft
from tsebench.systems.nets.conditioning import CONDITIONINGS, conditioning
from tsebench.systems.nets.speakerbeam import Blstm, FrameAttention, SpeakerBeamConfig, SpeakerBeamNet
from tsebench.systems.nets.tcn import frame_mask
from tsebench.systems.registry import load_system

NAME = "speakerbeam"
CLUES = ["input_bias", "factorised", "multiplication", "addition", "concatenation", "film"]
CLUES += ["attention"]
TINY = {"window": 64, "stride": 16, "lstm_hidden": 8, "hidden": 10, "aux_hidden": 6}
TINY |= {"embedding_dim": 4}


@pytest.mark.parametrize(("window", "stride"), [(8, 4), (64, 16), (10, 3), (256, 64)])
@pytest.mark.parametrize("num_samples", [1, 7, 64, 501])
def test_spectra_give_the_signal_back(window, stride, num_samples):
    stft = NormalisedStft(window=window, stride=stride)
    signal = torch.randn(2, num_samples)
    spectra = stft.analyse(signal)
    counts = stft.frame_counts(torch.tensor([num_samples]))
    assert spectra.shape == (2, window // 2 + 1, counts.item())
    rebuilt = stft.synthesise(spectra, num_samples=num_samples)
    torch.testing.assert_close(rebuilt, signal, atol=1e-5, rtol=1e-4)


def test_spectra_are_those_of_torch():
    signal = torch.randn(1, 640)
    ours = NormalisedStft(window=64, stride=16).analyse(signal)
    taper = torch.hann_window(64).sqrt()
    theirs = torch.stft(signal, 64, 16, window=taper, center=False, return_complex=True)
    # Three frames begin before the signal.
    torch.testing.assert_close(ours[..., 3 : 3 + theirs.shape[-1]], theirs)


@pytest.mark.parametrize("clue", CLUES)
def test_contract(clue, tmp_path):
    net = {**TINY, "conditioning": clue}
    system = load_system(NAME, checkpoint=checkpoint(NAME, net, tmp_path))
    lengths_s = (0.3, 30.0) if clue == "attention" else (0.3, 4.0)
    results = check_system(system, sample_rate_hz=8000, lengths_s=lengths_s)
    assert [f"{r.name}: {r.detail}" for r in results if not r.passed] == []
    asked = batch((noise(900, 1),), (noise(900, 2),))
    asked.mixture[1] = asked.mixture[0]
    first, second = system.extract(asked).estimate
    assert (first - second).abs().max() > 1e-5
    assert (system.card.causal, system.card.options["conditioning"]) == (False, clue)


def test_conditionings_are_their_formulas():
    torch.manual_seed(2)
    features, embedding = torch.randn(2, 3, 5), torch.randn(2, 4)
    built = {name: conditioning(name, num_channels=3, embedding_dim=4) for name in sorted(CONDITIONINGS)}
    answers = {name: layer(features, embedding) for name, layer in built.items()}
    for b in range(2):
        f, e = features[b], embedding[b]
        added, joined, film = built["addition"], built["concatenation"], built["film"]
        torch.testing.assert_close(answers["addition"][b], f + (added.bias.weight @ e)[:, None])
        below = torch.cat([f, e[:, None].expand(-1, 5)])
        weight = torch.cat([joined.features.weight[..., 0], joined.embedding.weight], dim=1)
        expected = weight @ below + joined.features.bias[:, None]
        torch.testing.assert_close(answers["concatenation"][b], expected)
        gain, bias = (film.modulation.weight @ e + film.modulation.bias).chunk(2)
        torch.testing.assert_close(answers["film"][b], (1 + gain[:, None]) * f + bias[:, None])
        layers = built["factorised"]
        summed = sum(e[i] * (layers.weight[i] @ f + layers.bias[i][:, None]) for i in range(4))
        torch.testing.assert_close(answers["factorised"][b], summed)


def test_attention_is_that_of_torch():
    torch.manual_seed(2)
    attention = FrameAttention(num_channels=6, embedding_dim=4)
    features, vectors = torch.randn(2, 6, 9), torch.randn(2, 4, 7)
    mask = frame_mask(torch.tensor([7, 3]), num_frames=7)
    query, key, value = (
        layer(x).transpose(1, 2)
        for layer, x in ((attention.query, features), (attention.key, vectors),
                         (attention.value, vectors))
    )  # fmt: skip
    found = F.scaled_dot_product_attention(query, key, value, attn_mask=mask.bool())
    answer = attention(features, vectors, mask)
    torch.testing.assert_close(answer, features + found.transpose(1, 2))


def test_lstm_stops_at_the_end_of_each_signal():
    torch.manual_seed(2)
    blstm, features = Blstm(num_features=3, hidden=4, num_layers=2), torch.randn(2, 3, 12)
    together = blstm(features, torch.tensor([12, 5]))
    alone = blstm(features[1:, :, :5], torch.tensor([5]))
    torch.testing.assert_close(together[1:, :, :5], alone)
    assert together.shape == (2, 8, 12)


def test_number_of_parameters_follows_from_the_sizes():
    bins, h, c, d, a = 129, 512, 512, 30, 50
    lstm = 2 * 4 * h * (bins + h + 2)
    dense = (2 * h + 1) * c + (c + 1) * c + (c + 1) * bins
    auxiliary = (bins + 1) * a + (a + 1) * a + (a + 1) * d
    with torch.device("meta"):
        net = SpeakerBeamNet(SpeakerBeamConfig())
    count = sum(parameter.numel() for parameter in net.parameters())
    assert count == 4 * bins + lstm + dense + auxiliary + d * c * (c + 1)


@pytest.mark.parametrize("clue", ["multiplication", "attention"])
def test_it_learns_and_the_system_opens_what_it_wrote(clue, tmp_path):
    net = {**TINY, "conditioning": clue, "embedding_dim": 10, "lstm_hidden": 16, "hidden": 20}
    settings = train_config(NAME, net, per_epoch=160, batch_size=8, epochs=6, lr=2e-2, schedule="cosine")
    result = fit(settings, tmp_path)
    assert result.best_loss < -6.0
    load_system(NAME, checkpoint=str(result.checkpoint))


@pytest.mark.parametrize(
    ("changes", "message"), [({"stride": 200}, "more than half of window 256"), ({"conditioning": "i-vector"}, "film")]
)
def test_wrong_hyper_parameters_are_one_line(changes, message):
    with pytest.raises(ConfigError, match=message):
        parse(SpeakerBeamConfig, changes, where="net")
