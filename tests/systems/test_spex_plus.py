"""SpEx+: its size, its scales, its speaker encoder, its contract, and that it learns."""

from __future__ import annotations

import pytest
import torch
from helpers.voices import Voices, batch, checkpoint, fit, noise, train_config
from torch.nn import functional as F

from tsebench.core.errors import ConfigError
from tsebench.core.validation import parse
from tsebench.doctor.system_checks import check_system
from tsebench.systems.nets.multiscale import InformedStack, MultiScaleDecoder, MultiScaleEncoder, ScaleSizes
from tsebench.systems.nets.spex_plus import MaskedBatchNorm, ResidualEmbedder, SpExPlusConfig, SpExPlusNet
from tsebench.systems.nets.tcn import BlockSizes, frame_mask
from tsebench.systems.registry import load_system
from tsebench.systems.spex_plus import SpExPlusTask
from tsebench.systems.training.data import collate
from tsebench.systems.training.losses import LossConfig, build_loss

NAME = "spex_plus"
TINY = {"num_filters": 12, "short": 16, "middle": 32, "long": 64, "bottleneck": 8, "hidden": 10}
TINY |= {"blocks": 2, "stacks": 2, "embedding_dim": 6, "speakers": 4}


def network() -> SpExPlusNet:
    torch.manual_seed(1)
    return SpExPlusNet(SpExPlusConfig.model_validate(TINY))


def test_number_of_parameters_is_that_of_the_public_code():
    # With 101 training speakers; the public code has 771 biases more, in encoders and decoders.
    with torch.device("meta"):
        net = SpExPlusNet(SpExPlusConfig())
    count = sum(parameter.numel() for parameter in net.parameters())
    n, o, h, d, speakers = 256, 256, 512, 256, 101
    block = (o + 1) * h + 1 + 2 * h + 4 * h + 1 + 2 * h + (h + 1) * o
    filters = 2 * n * (20 + 80 + 160)
    front = 2 * 3 * n + (3 * n + 1) * o
    residuals = 2 * o * o + 4 * o + 2 + 3 * h * h + 2 * o * h + 2 * (4 * h + 2)
    encoder = front + residuals + (h + 1) * d
    stacks = 4 * (8 * block + d * h)
    assert count == filters + front + encoder + stacks + 3 * (o + 1) * n + (d + 1) * speakers
    assert count + 771 == 11_138_734
    assert count == pytest.approx(11.139e6, rel=1e-3)


def test_contract(tmp_path):
    system = load_system(NAME, checkpoint=checkpoint(NAME, TINY, tmp_path))
    results = check_system(system, sample_rate_hz=8000, lengths_s=(0.3, 4.0, 30.0))
    assert [f"{r.name}: {r.detail}" for r in results if not r.passed] == []
    assert (system.card.clues, system.card.causal) == ({"enrollment"}, False)


def test_frames_of_all_scales_start_together():
    # With unit impulses as filters, overlap-add gives each sample once for each covering frame.
    lengths, stride = (4, 8, 12), 2
    scales = ScaleSizes(num_filters=12, filter_lengths=lengths, stride=stride)
    encoder, decoder = MultiScaleEncoder(scales), MultiScaleDecoder(scales)
    filters = [encoder.short.filters, *encoder.longer]
    with torch.no_grad():
        for length, analysis, synthesis in zip(lengths, filters, decoder.bases, strict=True):
            eye = torch.eye(12)[:, None, :length]
            analysis.weight.copy_(eye)
            synthesis.weight.copy_(eye)
        signal = torch.rand(2, 37)
        features = encoder(signal)
        rebuilt = decoder(features, encoder.frame_counts(torch.tensor([37, 37])), num_samples=37)
    assert len({scale.shape for scale in features}) == 1
    torch.testing.assert_close(features[1][:, :4], features[0][:, :4])
    torch.testing.assert_close(rebuilt[0], 2 * signal)
    # A longer filter covers the first samples less often: its frames start no earlier.
    torch.testing.assert_close(rebuilt[1][:, 8:], 4 * signal[:, 8:])
    torch.testing.assert_close(rebuilt[2][:, 12:], 6 * signal[:, 12:])


def test_first_block_hears_the_embedding_below_its_features():
    torch.manual_seed(2)
    stack = InformedStack(BlockSizes(bottleneck=4, hidden=5, kernel=3), num_blocks=2, embedding_dim=3)
    features, embedding = torch.randn(2, 4, 30), torch.randn(2, 3)
    weight = torch.cat([stack.first.widen.weight, stack.clue.weight[..., None]], dim=1)
    below = torch.cat([features, embedding[..., None].expand(-1, -1, 30)], dim=1)
    widened = F.conv1d(below, weight, stack.first.widen.bias)
    expected = features + stack.first.paths(widened, None)[0]
    expected = stack.others[0](expected, None)[0]
    torch.testing.assert_close(stack(features, embedding, None), expected)
    assert stack.others[0].depthwise.dilation == 2


def test_batch_norm_leaves_padding_out_of_its_statistics():
    torch.manual_seed(2)
    ours, theirs = MaskedBatchNorm(3), torch.nn.BatchNorm1d(3)
    features = 2.0 + torch.randn(2, 3, 20)
    mask = frame_mask(torch.tensor([20, 7]), num_frames=20)
    frames = torch.cat([features[0].T, features[1, :, :7].T])
    expected = theirs(frames)
    answer = ours.masked(features, mask)
    torch.testing.assert_close(answer[0].T, expected[:20])
    torch.testing.assert_close(answer[1, :, :7].T, expected[20:])
    torch.testing.assert_close(ours.running_mean, theirs.running_mean)
    torch.testing.assert_close(ours.running_var, theirs.running_var)


@pytest.mark.parametrize("count", [27, 80, 81, 100])
def test_embedding_is_the_mean_over_whole_groups_of_frames(count):
    torch.manual_seed(2)
    embedder = ResidualEmbedder(num_features=6, channels=(4, 4, 5, 5), embedding_dim=3).eval()
    features = torch.randn(1, 6, count)
    padded = F.pad(features, (0, 150 - count))
    alone, together = (embedder(f, torch.tensor([count])) for f in (features, padded))
    torch.testing.assert_close(alone, together)
    whole = count // 27 * 27
    cut = embedder(features[..., :whole], torch.tensor([whole]))
    torch.testing.assert_close(alone, cut)


@pytest.mark.parametrize("num_samples", [1, 20, 300])
def test_short_enrollments_are_used(num_samples, tmp_path):
    system = load_system(NAME, checkpoint=checkpoint(NAME, TINY, tmp_path))
    enrollment = noise(num_samples, 1)
    alone = system.extract(batch((enrollment,))).estimate
    together = system.extract(batch((enrollment,), (noise(2000, 2),))).estimate
    assert torch.isfinite(alone).all()
    torch.testing.assert_close(alone[0], together[0], rtol=1e-3, atol=1e-5)


def test_loss_weighs_three_estimates_and_the_speakers():
    task, criterion = SpExPlusTask(), build_loss(LossConfig(name="neg_si_sdr"))
    items = collate([Voices(1)[index] for index in range(4)])
    net = network().eval()
    with torch.no_grad():
        all_clues = items.queries.clues
        signals = torch.nn.utils.rnn.pad_sequence([clues.enrollments[0] for clues in all_clues], batch_first=True)
        lengths = torch.tensor([len(clues.enrollments[0]) for clues in all_clues])
        embedding = net.embed(signals, lengths)
        mixture = items.queries.mixture[:, 0]
        estimates = net.extract_scales(mixture, items.queries.lengths, embedding)
        short, middle, long = (
            criterion(estimate=e, reference=items.target, mixture=mixture, present=items.present) for e in estimates
        )
        expected = 0.8 * short + 0.1 * middle + 0.1 * long
        torch.testing.assert_close(task.loss(net, items, criterion), expected)
        assert (net.speakers.keys == 0).all()
        # In training the batch norms use the batch, so only the difference is compared here.
        net.train()
        for module in net.modules():
            if isinstance(module, MaskedBatchNorm):
                module.eval()
        with_speakers = task.loss(net, items, criterion)
        names = ["low0", "high0", "low1", "high1"]
        outputs = torch.tensor([net.speakers.output_of(name) for name in names])
        cross_entropy = F.cross_entropy(net.speakers(embedding), outputs, reduction="none")
    assert outputs.tolist() == [0, 1, 2, 3]
    torch.testing.assert_close(with_speakers, expected + 0.5 * cross_entropy)


def test_it_learns_and_the_system_opens_what_it_wrote(tmp_path):
    net = {**TINY, "num_filters": 24, "bottleneck": 12, "hidden": 16, "embedding_dim": 8}
    settings = train_config(
        NAME, net, per_epoch=120, batch_size=8, epochs=4, lr=1e-2, schedule="cosine",
        loss="neg_si_sdr",
    )  # fmt: skip
    result = fit(settings, tmp_path)
    assert result.best_loss < -6.0
    load_system(NAME, checkpoint=str(result.checkpoint))


def test_wrong_hyper_parameters_are_one_line():
    with pytest.raises(ConfigError, match="filter lengths 20, 10, 160 must not fall"):
        parse(SpExPlusConfig, {"middle": 10}, where="net")
