"""Lip networks: public layouts, what they see, and what stays frozen."""

from __future__ import annotations

import pytest
import torch
from pydantic import ValidationError

from tsebench.core.errors import ConfigError
from tsebench.systems.nets.visual.drawn_mouth import DrawnMouth
from tsebench.systems.nets.visual.front_end import FrontEndConfig, VisualEncoder
from tsebench.systems.nets.visual.resnet import LipResNet
from tsebench.systems.nets.visual.synchrony import SynchronyNet
from tsebench.systems.nets.visual.videos import Videos
from tsebench.systems.nets.voice_activity import voice_activity

CONVOLUTIONS = ("conv1a", "conv2a", "downsample", "conv1b", "conv2b")
NORMS = ("bn1a", "outbna", "bn1b", "outbnb")
STATISTICS = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")


def test_the_lip_network_has_the_names_of_the_public_weights() -> None:
    names = {"frontend3D.0.weight", *(f"frontend3D.1.{part}" for part in STATISTICS)}
    for layer in range(1, 5):
        names |= {f"resnet.layer{layer}.{conv}.weight" for conv in CONVOLUTIONS}
        names |= {f"resnet.layer{layer}.{norm}.{part}" for norm in NORMS for part in STATISTICS}
    assert set(LipResNet(layers=4, norm="batch").state_dict()) == names


@pytest.mark.parametrize("side", [88, 112])
def test_every_picture_has_its_features(side: int) -> None:
    net = LipResNet(layers=4, norm="batch").eval()
    pictures = torch.rand(2, 4, side, side)
    with torch.no_grad():
        assert net(pictures).shape == (2, 512, 4)
    small = LipResNet(layers=3, norm="group")
    with torch.no_grad():
        assert small(pictures).shape == (2, 256, 4)


def test_a_picture_of_112_pixels_ends_with_one_place() -> None:
    """The public networks pool with fixed windows; ours with means, which is the same for their pictures."""
    net = LipResNet(layers=3, norm="group")
    sizes: list[tuple[int, ...]] = []
    net.resnet.layer3.register_forward_hook(lambda *hooked: sizes.append(tuple(hooked[2].shape[-2:])))
    net(torch.rand(1, 3, 112, 112))
    assert sizes == [(2, 2)]


def test_the_mouth_network_sees_movement_and_no_face() -> None:
    net = DrawnMouth()
    moving = torch.rand(1, 12, 32, 32) * 0.2
    face = torch.rand(1, 1, 32, 32) * 0.7
    with torch.no_grad():
        assert torch.allclose(net(moving + face), net(moving), atol=1e-5)
        still = net(face.expand(-1, 12, -1, -1))
    assert torch.allclose(still[..., 4:8], still[..., 4:5].expand(-1, -1, 4), atol=1e-6)


@pytest.mark.parametrize(("samples", "pictures"), [(32000, 50), (31000, 50), (32000, 40), (100, 1), (40000, 50)])
def test_the_synchrony_network_brings_audio_to_pictures(samples: int, pictures: int) -> None:
    net = SynchronyNet(num_features=16, hidden=24, samples_per_picture=640, small=True)
    assert net(torch.randn(2, samples), torch.rand(2, pictures, 32, 32)).shape == (2, 16, pictures)


def test_audio_and_pictures_meet_at_the_same_place() -> None:
    """A click during picture 20 changes the audio's features around that picture most."""
    torch.manual_seed(0)
    net = SynchronyNet(num_features=8, hidden=8, samples_per_picture=320, small=True)
    with torch.no_grad():
        silent = torch.zeros(1, 50 * 320)
        click = silent.clone()
        click[0, 20 * 320 + 100 : 20 * 320 + 220] = 1.0
        heard = torch.nn.functional.avg_pool1d(torch.relu(net.filters(click[:, None])), 16)
    assert int(heard.abs().sum(dim=1).argmax()) == 20


def test_a_frozen_front_end_is_not_trained_and_keeps_its_statistics() -> None:
    config = FrontEndConfig(front_end="resnet18", visual_blocks=1, freeze_front_end=True)
    net = VisualEncoder(config).train()
    before = {name: tensor.clone() for name, tensor in net.front_end.state_dict().items()}
    videos = Videos(pictures=torch.rand(2, 3, 48, 48), counts=(3, 2))
    features = net(videos, torch.zeros(2, 100), torch.tensor([100, 100]))
    features.sum().backward()
    assert features.shape == (2, 512, 3)
    assert all(parameter.grad is None for parameter in net.front_end.parameters())
    assert any(parameter.grad is not None for parameter in net.blocks.parameters())
    assert all(torch.equal(before[name], tensor) for name, tensor in net.front_end.state_dict().items())
    trained = VisualEncoder(config.model_copy(update={"freeze_front_end": False})).train()
    trained(videos, torch.zeros(2, 100), torch.tensor([100, 100])).sum().backward()
    # The first layer has a downsampling in the public layout, and no use for it.
    used = [p for name, p in trained.front_end.named_parameters() if "layer1.downsample" not in name]
    assert all(parameter.grad is not None for parameter in used)


def test_a_rate_that_is_no_multiple_is_an_error() -> None:
    with pytest.raises(ValidationError, match="multiple of 16, and it is 441"):
        FrontEndConfig(front_end="slsyn", sample_rate_hz=11025)
    assert FrontEndConfig(front_end="drawn_mouth", sample_rate_hz=11025).samples_per_picture == 441


def test_activity_is_where_someone_speaks() -> None:
    rate = 8000
    signal = torch.zeros(2, rate)
    signal[0, 2000:5000] = 0.1 * torch.randn(3000, generator=torch.Generator().manual_seed(0))
    middles = torch.arange(0, rate, 32, dtype=torch.float64)
    active = voice_activity(signal, middles, sample_rate_hz=rate)
    assert active.shape == (2, 250)
    inside = (middles > 2000 + 120) & (middles < 5000 - 120)
    outside = (middles < 2000 - 120) | (middles > 5000 + 120)
    assert bool(active[0, inside].all())
    assert not bool(active[0, outside].any())
    assert not bool(active[1].any())


def test_given_features_pass_unchanged() -> None:
    net = VisualEncoder(FrontEndConfig(front_end="features", visual_features=3, visual_blocks=0, freeze_front_end=True))
    features = torch.rand(2, 5, 1, 3)
    found = net(Videos(pictures=features, counts=(5, 4)), torch.zeros(2, 8), torch.tensor([8, 8]))
    assert torch.equal(found[0], features[0, :, 0].T)
    assert torch.equal(found[1, :, :4], features[1, :4, 0].T)
    with pytest.raises(ConfigError, match=r"takes 3 numbers .* has 16 x 16"):
        net(Videos(pictures=torch.rand(2, 5, 16, 16), counts=(5, 5)), torch.zeros(2, 8), torch.tensor([8, 8]))
