"""The dilated network: zero at first, conditioned on time and clue, neutral to padding."""

from __future__ import annotations

import torch

from tsebench.systems.nets.generative.dilated import DilatedNet
from tsebench.systems.nets.tcn import frame_mask


def net(*, trained: bool) -> DilatedNet:
    torch.manual_seed(0)
    made = DilatedNet(channels_in=4, channels_out=3, clue_dim=5, channels=8, blocks=4, cycle=3, embedding_dim=16)
    if trained:
        torch.nn.init.normal_(made.output.weight, std=0.1)
    return made.eval()


FEATURES, CLUE, TIMES = torch.randn(2, 4, 30), torch.randn(2, 5), torch.tensor([0.2, 0.9])


def test_it_begins_as_zero_and_the_last_layer_learns() -> None:
    made = net(trained=False)
    found = made(FEATURES, TIMES, CLUE, None)
    assert found.shape == (2, 3, 30)
    assert not found.any()
    (found - 1.0).square().sum().backward()
    assert made.output.weight.grad is not None
    assert bool(made.output.weight.grad.any())


@torch.no_grad()
def test_time_and_clue_matter() -> None:
    made = net(trained=True)
    found = made(FEATURES, TIMES, CLUE, None)
    assert float((made(FEATURES, TIMES.flip(0), CLUE, None) - found).abs().mean()) > 1e-3
    assert float((made(FEATURES, TIMES, CLUE.flip(0), None) - found).abs().mean()) > 1e-3
    assert float((made(FEATURES, TIMES + 1e-3, CLUE, None) - found).abs().max()) < 0.1


@torch.no_grad()
def test_padding_does_not_matter() -> None:
    made = net(trained=True)
    alone = made(FEATURES[:1, :, :20], TIMES[:1], CLUE[:1], None)
    mask = frame_mask(torch.tensor([20, 30]), num_frames=30)
    batch = made(FEATURES, TIMES, CLUE, mask)
    torch.testing.assert_close(batch[:1, :, :20], alone)
    assert not batch[0, :, 20:].any()


def test_full_size() -> None:
    """Parameters of the network that was tried on the embedded speech: about 2.3 million."""
    made = DilatedNet(channels_in=4 * 129, channels_out=129, clue_dim=64)
    assert 2.2e6 < sum(each.numel() for each in made.parameters()) < 2.5e6
