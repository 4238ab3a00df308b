"""Networks: closed forms, second implementations, and answers that padding does not change."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from tsebench.core.errors import ConfigError, UnknownNameError
from tsebench.core.validation import parse
from tsebench.systems.nets.conditioning import Multiplication, conditioning
from tsebench.systems.nets.conv_tasnet import Extractor, ExtractorConfig
from tsebench.systems.nets.filterbank import Decoder, Encoder, rms
from tsebench.systems.nets.tcn import (
    BlockSizes,
    CumulativeLayerNorm,
    DepthwiseConv,
    GlobalLayerNorm,
    PReLU,
    Stack,
    frame_mask,
)

TINY = {"num_filters": 12, "filter_length": 16, "bottleneck": 8, "hidden": 10, "blocks": 3}
TINY |= {"stacks": 2, "embedding_dim": 8}
VARIANTS = [
    {},
    {"mask": "sigmoid"},
    {"skip": 6, "embedding_dim": 8, "bottleneck": 6},
    {"stride": 5, "kernel": 4},
    {"norm": "cumulative"},
    {"norm": "cumulative", "causal": True},
]


def extractor(**changes: object) -> Extractor:
    torch.manual_seed(3)
    config = parse(ExtractorConfig, {**TINY, **changes}, where="test")
    return Extractor(config).eval()


def run(net: Extractor, mixture: torch.Tensor, lengths: list[int]) -> torch.Tensor:
    dim = net.conditioning.gain.in_features if hasattr(net.conditioning.gain, "in_features") else 8
    embedding = torch.linspace(0.5, 1.5, dim).expand(len(mixture), dim)
    with torch.no_grad():
        return net(mixture, torch.tensor(lengths), embedding)


@pytest.mark.parametrize(("length", "stride"), [(4, 2), (6, 2), (8, 8), (5, 1)])
@pytest.mark.parametrize("num_samples", [1, 2, 3, 7, 8, 9, 50])
def test_every_sample_is_covered_by_the_same_frames(length, stride, num_samples):
    # With unit impulses as filters, overlap-add gives each sample once for each covering frame.
    encoder = Encoder(num_filters=length, filter_length=length, stride=stride)
    decoder = Decoder(num_filters=length, filter_length=length, stride=stride)
    with torch.no_grad():
        encoder.filters.weight.copy_(torch.eye(length)[:, None])
        decoder.basis.weight.copy_(torch.eye(length)[:, None])
        signal = torch.rand(2, num_samples)
        features = encoder(signal)
        rebuilt = decoder(features, num_samples=num_samples)
    torch.testing.assert_close(rebuilt, signal * (length // stride))
    starts = range(-(length - stride), num_samples, stride)
    assert features.shape[-1] == encoder.num_frames(num_samples) == len(starts)
    assert encoder.frame_counts(torch.tensor([num_samples])).tolist() == [len(starts)]


def test_encoder_frames_do_not_change_when_zeros_follow():
    encoder = Encoder(num_filters=7, filter_length=12, stride=5)
    signal = torch.randn(1, 43)
    alone, padded = encoder(signal), encoder(F.pad(signal, (0, 30)))
    torch.testing.assert_close(padded[..., : alone.shape[-1]], alone)
    assert padded[..., alone.shape[-1] :].abs().max() == 0


def test_global_norm_is_its_formula_with_and_without_a_mask():
    norm = GlobalLayerNorm(5)
    with torch.no_grad():
        norm.weight.copy_(torch.rand(5) + 0.5)
        norm.bias.copy_(torch.randn(5))
    features = 3.0 + 2.0 * torch.randn(2, 5, 40)
    counts = torch.tensor([40, 23])
    mask = frame_mask(counts, num_frames=40)
    assert mask is not None
    answer = norm(features * mask, mask)
    for row, count in enumerate(counts.tolist()):
        true = features[row, :, :count].double()
        scaled = (true - true.mean()) / true.var(unbiased=False).sqrt()
        expected = (scaled * norm.weight[:, None] + norm.bias[:, None]).float()
        torch.testing.assert_close(answer[row, :, :count], expected, atol=2e-6, rtol=0)
        torch.testing.assert_close(norm(features[row : row + 1, :, :count], None)[0], expected)
    assert answer[1, :, 23:].abs().max() == 0


def test_cumulative_norm_is_its_formula():
    norm = CumulativeLayerNorm(4)
    features = 100.0 + torch.randn(1, 4, 30)
    answer = norm(features, None)
    for frame in range(30):
        past = features[0, :, : frame + 1].double()
        expected = (past[:, -1] - past.mean()) / (past.var(unbiased=False) + 1e-8).sqrt()
        torch.testing.assert_close(answer[0, :, frame], expected.float(), atol=1e-5, rtol=0)


@pytest.mark.parametrize(("kernel", "dilation"), [(3, 1), (3, 8), (4, 2), (5, 64), (2, 1)])
def test_depthwise_convolution_is_that_of_torch(kernel, dilation):
    ours = DepthwiseConv(num_channels=6, kernel=kernel, dilation=dilation, causal=False)
    reach = (kernel - 1) * dilation
    theirs = nn.Conv1d(6, 6, kernel, dilation=dilation, groups=6)
    theirs.load_state_dict(ours.state_dict())
    features = torch.randn(2, 6, 50)
    padded = F.pad(features, (reach // 2, reach - reach // 2))
    torch.testing.assert_close(ours(features), theirs(padded))


def test_prelu_and_its_slope_are_those_of_torch():
    ours, features = PReLU(), torch.randn(2, 3, 9)
    torch.testing.assert_close(ours(features), F.prelu(features, ours.weight.view(1)))
    ours(features).sum().backward()
    torch.testing.assert_close(ours.weight.grad, features.clamp_max(0).sum())


def test_masks_and_no_masks():
    assert frame_mask(torch.tensor([4, 4]), num_frames=4) is None
    mask = frame_mask(torch.tensor([4, 1]), num_frames=4)
    assert mask.tolist() == [[[1, 1, 1, 1]], [[1, 0, 0, 0]]]


def test_stack_reaches_as_far_as_its_dilations():
    # 1 + 2 + 4 = 7 frames back for P = 3 in a causal stack is 2·7.
    stack = Stack(BlockSizes(bottleneck=4, hidden=5, kernel=3, norm="cumulative", causal=True, skip=2), num_blocks=3)
    for block in stack.blocks:
        block.widen_norm = block.depthwise_norm = PassBy()
    features = torch.randn(1, 4, 60, requires_grad=True)
    out, skips = stack(features, None)
    (out[..., 40].sum() + skips[..., 40].sum()).backward()
    touched = features.grad.abs().sum(dim=1)[0].nonzero().flatten()
    assert (touched.min().item(), touched.max().item()) == (40 - 14, 40)


class PassBy(nn.Module):
    def forward(self, features, mask, past=None):
        return features


@pytest.mark.parametrize("changes", VARIANTS)
def test_answer_does_not_depend_on_padding_or_batch(changes):
    net = extractor(**changes)
    lengths = [1600, 977, 400, 1]
    signals = [torch.randn(1, length) for length in lengths]
    batch = torch.cat([F.pad(s, (0, 1600 - s.shape[-1])) for s in signals])
    together = run(net, batch, lengths)
    for row, signal in enumerate(signals):
        alone = run(net, signal, [lengths[row]])[0]
        largest = alone.abs().max()
        assert largest > 0
        difference = (together[row, : lengths[row]] - alone).abs().max()
        assert difference < 2e-5 * largest


@pytest.mark.parametrize("num_samples", [1, 2, 15, 16, 17, 400, 4001])
def test_output_has_the_length_of_the_input(num_samples):
    answer = run(extractor(), torch.randn(2, num_samples), [num_samples] * 2)
    assert answer.shape == (2, num_samples)
    assert torch.isfinite(answer).all()


@pytest.mark.parametrize("gain", [1e-30, 1e-4, 0.01, 10.0, 1e6])
def test_answer_scales_with_the_mixture(gain):
    net, mixture = extractor(), torch.randn(1, 800)
    torch.testing.assert_close(run(net, gain * mixture, [800]) / gain, run(net, mixture, [800]), rtol=1e-3, atol=1e-6)


def test_silence_gives_silence():
    assert run(extractor(), torch.zeros(2, 500), [500, 100]).abs().max() == 0


def test_level_of_a_padded_sine():
    signal = F.pad(torch.sin(2 * torch.pi * torch.arange(800) / 80), (0, 200))[None]
    assert rms(signal, torch.tensor([800])).item() == pytest.approx(0.5**0.5, rel=1e-6)


def test_causal_network_does_not_look_ahead():
    net = extractor(norm="cumulative", causal=True)
    first = torch.randn(1, 800)
    second = first.clone()
    second[:, 500:] *= 30.0
    a, b = run(net, first, [800]), run(net, second, [800])
    # Frames of 16 samples: those over sample 484 and before end at sample 499.
    assert a[:, :485].equal(b[:, :485])
    assert (a - b)[:, 500:].abs().max() > 1e-3


def test_clue_changes_the_answer():
    net, mixture = extractor(), torch.randn(2, 800)
    mixture[1] = mixture[0]
    with torch.no_grad():
        answer = net(mixture, torch.tensor([800, 800]), torch.stack([torch.ones(8), -torch.ones(8)]))
    assert (answer[0] - answer[1]).abs().max() > 1e-3


def test_number_of_parameters_is_that_of_the_paper_s_letters():
    n, length, b, h, p, x, r = 256, 20, 256, 512, 3, 8, 4
    block = (b * h + h + 1 + 2 * h) + (h * p + h + 1 + 2 * h) + (h * b + b)
    expected = 2 * n * length + 2 * n + (n * b + b) + x * r * block + 1 + (b * n + n)
    with torch.device("meta"):
        net = Extractor(ExtractorConfig())
    assert sum(parameter.numel() for parameter in net.parameters()) == expected


def test_multiplication_is_elementwise():
    features, embedding = torch.randn(2, 3, 5), torch.randn(2, 3)
    answer = Multiplication(num_channels=3, embedding_dim=3)(features, embedding)
    torch.testing.assert_close(answer, torch.einsum("bnk,bn->bnk", features, embedding))


def test_unknown_conditioning_names_the_nearest():
    with pytest.raises(UnknownNameError, match="did you mean 'multiplication'"):
        conditioning("multiplicaton", num_channels=3, embedding_dim=3)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"stride": 17}, "stride 17 is longer than filter_length 16"),
        ({"conditioned_after": 2}, "leaves no stack after the clue"),
        ({"causal": True}, "needs norm: cumulative"),
        ({"botleneck": 3}, "did you mean 'bottleneck'"),
        ({"blocks": 0}, "greater than 0"),
        ({"conditioning": "film?"}, "unknown conditioning"),
    ],
)
def test_wrong_hyper_parameters_are_one_line(changes, message):
    with pytest.raises(ConfigError, match=message.replace("?", r"\?")) as caught:
        extractor(**changes)
    assert "\n" not in str(caught.value)
