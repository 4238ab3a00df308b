"""NCSN++ equals a second implementation in NumPy, and has the sizes, names and order of the public network."""

from __future__ import annotations

import hashlib

import pytest
import torch
from helpers.ncsnpp_reference import Reference
from torch.nn import functional as F

from tsebench.core.errors import ConfigError
from tsebench.core.validation import parse
from tsebench.systems.nets.generative.ncsnpp.config import NcsnppConfig
from tsebench.systems.nets.generative.ncsnpp.net import FramePadding, Ncsnpp, pad_frames

SMALL = {"channels": 8, "multipliers": "1,2,2", "blocks": 1, "attention": "8", "bins": 16}
# SHA-256 of the lines "name shape" of the parameters of sp-uhh/sgmse's networks, in their order.
PUBLIC = {
    "ncsnpp": ({}, 65_590_822, "d43b36a1d840c65b064d44f4070da7f518362cf924ddf7bf57970878b0e25735"),
    "ncsnpp_48k": (
        {"attention": "", "skips": False, "bins": 768},
        64_739_854,
        "9308456b8c6da8eb9ac0999b1233182fda221d90234562afbba9d400071ffab2",
    ),
}


def small(**changes: object) -> Ncsnpp:
    torch.manual_seed(3)
    net = Ncsnpp(NcsnppConfig(**{**SMALL, **changes})).eval()
    for parameter in net.parameters():
        parameter.data = 0.2 * torch.randn(parameter.shape)
    return net


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"division": "inside"},
        {"attention": "", "skips": False, "division": "outside"},
        {"blocks": 2, "attention": "16,4", "spectra": 3, "multipliers": "2,1,3"},
    ],
)
@torch.no_grad()
def test_equals_a_second_implementation(changes: dict[str, object]) -> None:
    net = small(**changes)
    spectra = torch.randn(2, net.config.spectra, 16, 24, dtype=torch.complex64)
    time = torch.tensor([0.03, 0.8])
    found = net(spectra, time)
    reference = Reference(net.state_dict(), widths=net.config.widths, blocks=net.config.blocks)
    expected = torch.from_numpy(reference(spectra, time, division=net.config.division))
    assert found.shape == (2, 16, 24)
    assert expected.abs().mean() > 0.01
    torch.testing.assert_close(found.to(torch.complex128), expected, rtol=1e-4, atol=1e-5 * float(expected.abs().max()))


@pytest.mark.parametrize("name", PUBLIC)
def test_names_order_and_shapes_are_the_public_ones(name: str) -> None:
    changes, count, digest = PUBLIC[name]
    with torch.device("meta"):
        net = Ncsnpp(NcsnppConfig(**changes))
    assert sum(parameter.numel() for parameter in net.parameters()) == count
    lines = "\n".join(f"{key} {list(parameter.shape)}" for key, parameter in net.named_parameters())
    assert hashlib.sha256(lines.encode()).hexdigest() == digest
    assert list(net.state_dict()) == [key for key, _ in net.named_parameters()]


@torch.no_grad()
def test_an_embedding_of_the_clue_is_joined_behind_the_public_weights() -> None:
    plain, clued = small(), small(embedding_dim=5)
    names = [name for name, _ in plain.named_parameters()]
    assert [name for name, _ in clued.named_parameters()] == [*names, "clue.weight", "clue.bias"]
    spectra = torch.randn(1, 2, 16, 8, dtype=torch.complex64).expand(2, 2, 16, 8)
    first, second = clued(spectra, torch.full((2,), 0.5), torch.randn(2, 5))
    assert (first - second).abs().max() > 1e-3


@torch.no_grad()
def test_items_of_a_batch_do_not_change_each_other() -> None:
    net = small()
    spectra = torch.randn(3, 2, 16, 8, dtype=torch.complex64)
    time = torch.tensor([0.1, 0.5, 1.0])
    together = net(spectra, time)
    for row in range(3):
        torch.testing.assert_close(net(spectra[row : row + 1], time[row : row + 1])[0], together[row])


def test_starts_near_zero_but_for_the_last_bias() -> None:
    torch.manual_seed(0)
    net = Ncsnpp(NcsnppConfig(**SMALL))
    with torch.no_grad():
        output = net(torch.randn(1, 2, 16, 8, dtype=torch.complex64), torch.ones(1))
    bias = torch.view_as_complex(net.output_layer.bias.detach())
    assert (output - bias).abs().max() < 1e-3


def test_training_reaches_every_weight() -> None:
    net = small(embedding_dim=3).train()
    output = net(torch.randn(2, 2, 16, 8, dtype=torch.complex64), torch.rand(2) + 0.1, torch.randn(2, 3))
    output.abs().square().mean().backward()
    without = [name for name, parameter in net.named_parameters() if parameter.grad is None]
    assert without == ["all_modules.0.W"]


@pytest.mark.parametrize("padding", ["zeros", "reflection"])
@pytest.mark.parametrize("frames", [1, 20, 33, 64, 65, 128])
def test_frames_are_padded_to_a_multiple(frames: int, padding: FramePadding) -> None:
    spectra = torch.randn(1, 4, frames, dtype=torch.complex64)
    padded = pad_frames(spectra, multiple=64, padding=padding)
    missing = -frames % 64
    assert padded.shape == (1, 4, frames + missing)
    assert torch.equal(padded[..., :frames], spectra)
    if padding == "zeros":
        assert not padded[..., frames:].any()
    elif missing < frames:
        parts = [F.pad(part, (0, missing), mode="reflect") for part in (spectra.real, spectra.imag)]
        assert torch.equal(padded, torch.complex(*parts))
    elif frames > 1:
        assert torch.equal(padded[..., 2 * (frames - 1)], spectra[..., 0])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"bins": 250}, "bins 250 is no multiple of 4"),
        ({"channels": 6}, "multiple of 4"),
        ({"multipliers": "1,,2"}, "multipliers"),
        ({"attention": "16;8"}, "attention"),
    ],
)
def test_impossible_sizes_are_refused(changes: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        parse(NcsnppConfig, {**SMALL, **changes}, where="net")
