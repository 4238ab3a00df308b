"""2-D U-Net: the layout and the values of diffusers' UNet2DModel, computed with diffusers 0.24."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from tsebench.systems.nets.generative.unet2d import UNet2d

SMALL = {"widths": (8, 16, 24), "attention": (False, True, True), "layers": 2, "head_dim": 8, "groups": 4}
PAPER = {"widths": (128, 256, 512, 512), "attention": (False, False, True, True), "layers": 2, "head_dim": 32}

ROW = [0.522354, 0.581174, 0.586005, 0.757788, 0.69692, 0.651362, 0.698154, 0.57947]
COLUMN = [0.588373, 0.521916, 0.431794, -0.245193, 0.220359, 0.579151, 0.318754, -0.228859]

PUBLISHED = {
    "conv_in.weight": [128, 2, 3, 3],
    "time_embedding.linear_1.weight": [512, 128],
    "time_embedding.linear_2.bias": [512],
    "class_embedding.weight": [41, 512],
    "down_blocks.1.resnets.0.conv_shortcut.weight": [256, 128, 1, 1],
    "down_blocks.1.resnets.1.time_emb_proj.weight": [256, 512],
    "down_blocks.2.attentions.1.to_out.0.weight": [512, 512],
    "down_blocks.2.downsamplers.0.conv.weight": [512, 512, 3, 3],
    "mid_block.attentions.0.group_norm.weight": [512],
    "mid_block.resnets.1.conv2.bias": [512],
    "up_blocks.0.resnets.2.conv1.weight": [512, 1024, 3, 3],
    "up_blocks.1.resnets.2.conv1.weight": [512, 768, 3, 3],
    "up_blocks.1.attentions.2.to_q.bias": [512],
    "up_blocks.2.upsamplers.0.conv.weight": [256, 256, 3, 3],
    "up_blocks.3.resnets.2.norm1.weight": [256],
    "conv_norm_out.weight": [128],
    "conv_out.weight": [1, 128, 3, 3],
}


def small() -> UNet2d:
    """A network whose weights are sines, as in the run of diffusers."""
    net = UNet2d(in_channels=2, out_channels=1, num_classes=5, **SMALL)
    with torch.no_grad():
        for name, weight in net.named_parameters():
            wave = torch.sin(0.37 * torch.arange(weight.numel(), dtype=torch.float64) + len(name))
            inputs = weight.numel() // len(weight) if weight.dim() > 1 else 1
            scaled = 1.0 + 0.1 * wave if "norm" in name and name.endswith("weight") else wave * inputs**-0.5
            weight.copy_(scaled.reshape(weight.shape).float())
    return net


def test_values_are_those_of_diffusers() -> None:
    signal = torch.sin(torch.arange(2 * 2 * 16 * 24, dtype=torch.float64) * 0.7).reshape(2, 2, 16, 24).float()
    with torch.no_grad():
        out = small()(signal, torch.tensor([3, 977]), torch.tensor([0, 4]))
    assert out.shape == (2, 1, 16, 24)
    torch.testing.assert_close(out[:, 0, 3, ::6].flatten(), torch.tensor(ROW), rtol=0, atol=5e-6)
    torch.testing.assert_close(out[:, 0, ::5, 7].flatten(), torch.tensor(COLUMN), rtol=0, atol=5e-6)
    assert out.std().item() == pytest.approx(0.6071464, abs=5e-6)


def test_published_sizes_and_names() -> None:
    with torch.device("meta"):
        net = UNet2d(in_channels=2, out_channels=1, num_classes=41, **PAPER)
    shapes = {name: list(weight.shape) for name, weight in net.state_dict().items()}
    assert sum(weight.numel() for weight in net.parameters()) == 106_397_569
    assert {name: shapes.get(name) for name in PUBLISHED} == PUBLISHED
    assert net.factor == 8


def test_time_and_class_matter() -> None:
    net, signal = small(), torch.ones(1, 2, 8, 8)
    with torch.no_grad():
        pairs = ((10, 1), (500, 1), (10, 2))
        outs = [net(signal, torch.tensor([step]), torch.tensor([label])) for step, label in pairs]
    assert all(float((out - outs[0]).abs().max()) > 1e-3 for out in outs[1:])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"widths": (8, 18, 24)}, "a level has 18 channels; a multiple of 4 and of 8"),
        ({"attention": (True,)}, "3 widths and 1 choices of attention"),
    ],
)
def test_wrong_sizes(change: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        UNet2d(in_channels=2, out_channels=1, num_classes=5, **{**SMALL, **change})


def test_gradients_reach_every_weight() -> None:
    net: nn.Module = small()
    net(torch.randn(1, 2, 8, 8), torch.tensor([5]), torch.tensor([3])).square().sum().backward()
    assert all(weight.grad is not None and bool(weight.grad.any()) for weight in net.parameters())
