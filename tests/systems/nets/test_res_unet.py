"""ResUNet of AudioSep: closed forms of its mask, and the public names and sizes of its weights."""

from __future__ import annotations

import math

import pytest
import torch
from helpers.audiosep_files import CLUE, network

from tsebench.systems.nets.res_unet import ResUnet, ResUnetConfig


def noise(seed: int, *shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def with_mask(gain: float, real: float, imag: float) -> ResUnet:
    """The network whose mask is the same in all bins: sigmoid(gain), in the direction of (real, imag)."""
    net = network()
    with torch.no_grad():
        net.base.after_conv.weight.zero_()
        net.base.after_conv.bias.copy_(torch.tensor([gain, real, imag]))
    return net


@pytest.mark.parametrize("samples", [40, 128, 1001])
@pytest.mark.parametrize(
    ("gain", "real", "factor"), [(50.0, 9.0, 1.0), (0.0, 9.0, 0.5), (50.0, -9.0, -1.0), (-50.0, 9.0, 0.0)]
)
def test_a_constant_mask_scales_the_mixture(samples: int, gain: float, real: float, factor: float) -> None:
    mixture = 0.1 * noise(1, 2, samples)
    with torch.no_grad():
        estimate = with_mask(gain, real, 0.0)(mixture, noise(2, 2, CLUE))
    assert estimate.shape == mixture.shape
    # The last of 65 bins has padded logits of 0, and is left out.
    assert float((estimate - factor * mixture).square().mean()) < 0.03 * float(mixture.square().mean())


def test_a_mask_turns_the_phase() -> None:
    time = torch.arange(1280) / 128
    tone = torch.cos(2 * math.pi * 10 * time)[None]
    with torch.no_grad():
        turned = with_mask(50.0, 0.0, 9.0)(tone, noise(2, 1, CLUE))
    expected = -torch.sin(2 * math.pi * 10 * time)
    torch.testing.assert_close(turned[0, 200:-200], expected[200:-200], atol=2e-3, rtol=0)


def test_the_clue_comes_in_by_the_shifts_alone() -> None:
    net, mixture = network(), 0.1 * noise(1, 1, 900)
    with torch.no_grad():
        first, second = net(mixture, noise(2, 1, CLUE)), net(mixture, noise(3, 1, CLUE))
        assert (first - second).abs().max() > 1e-5
        for layer in net.film.values():
            layer.weight.zero_()
        assert torch.equal(net(mixture, noise(2, 1, CLUE)), net(mixture, noise(3, 1, CLUE)))


def test_names_and_sizes_of_the_published_network() -> None:
    with torch.device("meta"):
        net = ResUnet(ResUnetConfig())
    state = net.state_dict()
    assert tuple(state["base.bn0.running_mean"].shape) == (1025,)
    assert tuple(state["base.encoder_block5.conv_block1.shortcut.weight"].shape) == (384, 256, 1, 1)
    assert tuple(state["base.decoder_block1.conv1.weight"].shape) == (384, 384, 1, 2)
    assert tuple(state["base.decoder_block2.conv1.weight"].shape) == (384, 384, 2, 2)
    assert tuple(state["base.decoder_block6.conv_block2.conv1.weight"].shape) == (32, 64, 3, 3)
    assert tuple(state["film.decoder_block6->conv_block2->beta1.weight"].shape) == (64, 512)
    assert tuple(state["film.conv_block7a->conv_block1->beta2.bias"].shape) == (384,)
    assert "base.encoder_block1.conv_block1.shortcut.weight" not in state
    assert len(net.film) == 2 * 7 + 4 * 6
    assert (net.config.window, net.config.hop) == (2048, 320)
