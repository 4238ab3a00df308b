"""SpEx+ with the options of the public network: its parameters, and its forward pass written down once more."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tsebench.core.errors import CheckpointError
from tsebench.systems.nets.spex_plus import PUBLISHED, SpExPlusConfig, SpExPlusNet
from tsebench.systems.nets.spex_plus_public import from_public

L1, L2, L3, N, C, P, Q, D, B, R, SPEAKERS = 20, 80, 160, 7, 6, 9, 3, 5, 4, 2, 3
"""Small channels, and the published filter lengths. C = channels of the bottleneck, D of the embedding, and so on."""
SIZES = {
    "short": L1, "middle": L2, "long": L3, "num_filters": N, "bottleneck": C, "hidden": P, "kernel": Q,
    "embedding_dim": D, "blocks": B, "stacks": R, "speakers": SPEAKERS,
}  # fmt: skip
State = dict[str, Tensor]
Shapes = dict[str, tuple[int, ...]]


def published(**sizes: object) -> SpExPlusNet:
    return SpExPlusNet(SpExPlusConfig.model_validate({**sizes, **PUBLISHED}))


def test_each_part_has_the_parameters_of_the_public_network() -> None:
    with torch.device("meta"):
        net = published()
    # Weights and biases: a 1×1 from a to b channels has a·b + b, a norm two for each channel, a PReLU one.
    tcn_block = (256 * 512 + 512) + 1 + 2 * 512 + (512 * 3 + 512) + 1 + 2 * 512 + (512 * 256 + 256)
    residual_256_256 = 2 * 256 * 256 + 2 * (2 * 256) + 2  # 1×1 without biases, batch norms, PReLUs
    residual_256_512 = 256 * 512 + 512 * 512 + 256 * 512 + 2 * (2 * 512) + 2  # and a shortcut
    residual_512_512 = 2 * 512 * 512 + 2 * (2 * 512) + 2
    expected = {
        "encoder": 256 * (20 + 80 + 160) + 3 * 256,
        "norm": 2 * 768,
        "bottleneck": 768 * 256 + 256,
        "stacks": 4 * (8 * tcn_block + 256 * 512),  # the first block of each takes 256 channels more
        "masks": 3 * (256 * 256 + 256),
        "decoder": 256 * (20 + 80 + 160) + 3 * 1,
        "speaker_encoder": (2 * 768)
        + (768 * 256 + 256)
        + (residual_256_256 + residual_256_512 + residual_512_512)
        + (512 * 256 + 256),
        "speakers": 256 * 101 + 101,
    }
    found = {name: sum(p.numel() for p in part.parameters()) for name, part in net.named_children()}
    assert found == expected
    assert sum(found.values()) == 11_138_734
    ours = SpExPlusConfig()
    with torch.device("meta"):
        assert 11_138_734 - sum(p.numel() for p in SpExPlusNet(ours).parameters()) == 3 * 256 + 3 == 771


def conv(name: str, *shape: int, bias: int = 0) -> Shapes:
    return {f"{name}.weight": shape} | ({f"{name}.bias": (bias,)} if bias else {})


def block_shapes(name: str, *, inputs: int) -> Shapes:
    shapes = conv(f"{name}.conv1x1", P, inputs, 1, bias=P)
    shapes |= conv(f"{name}.dconv", P, 1, Q, bias=P) | conv(f"{name}.sconv", C, P, 1, bias=C)
    for number in (1, 2):
        shapes[f"{name}.prelu{number}.weight"] = (1,)
        shapes |= {f"{name}.norm{number}.{leaf}": (P, 1) for leaf in ("gamma", "beta")}
    return shapes


def residual_shapes(name: str, *, before: int, after: int) -> Shapes:
    shapes = conv(f"{name}.conv1", after, before, 1) | conv(f"{name}.conv2", after, after, 1)
    for place in (1, 2):
        shapes[f"{name}.prelu{place}.weight"] = (1,)
        shapes |= conv(f"{name}.batch_norm{place}", after, bias=after)
        shapes |= {f"{name}.batch_norm{place}.running_{leaf}": (after,) for leaf in ("mean", "var")}
        shapes[f"{name}.batch_norm{place}.num_batches_tracked"] = ()
    return shapes | (conv(f"{name}.conv_downsample", after, before, 1) if before != after else {})


def public_shapes() -> Shapes:
    """Names and shapes of the weights of the public class."""
    shapes: Shapes = {}
    for name, length in (("short", L1), ("middle", L2), ("long", L3)):
        shapes |= conv(f"encoder_1d_{name}", N, 1, length, bias=N)
        shapes |= conv(f"decoder_1d_{name}", N, 1, length, bias=1)
    shapes |= conv("ln", 3 * N, bias=3 * N) | conv("proj", C, 3 * N, 1, bias=C)
    for stack in range(1, R + 1):
        shapes |= block_shapes(f"conv_block_{stack}", inputs=C + D)
        for place in range(B - 1):
            shapes |= block_shapes(f"conv_block_{stack}_other.{place}", inputs=C)
    for number in (1, 2, 3):
        shapes |= conv(f"mask{number}", N, C, 1, bias=N)
    shapes |= conv("spk_encoder.0", 3 * N, bias=3 * N) | conv("spk_encoder.1", C, 3 * N, 1, bias=C)
    for number, (before, after) in enumerate(((C, C), (C, P), (P, P)), 2):
        shapes |= residual_shapes(f"spk_encoder.{number}", before=before, after=after)
    return shapes | conv("spk_encoder.5", D, P, 1, bias=D) | conv("pred_linear", SPEAKERS, D, bias=SPEAKERS)


def public_state() -> State:
    generator = torch.Generator().manual_seed(5)
    state = {name: 0.3 * torch.randn(shape, generator=generator) for name, shape in public_shapes().items()}
    state |= {name: value.abs() + 0.5 for name, value in state.items() if name.endswith("running_var")}
    return state | {name: torch.tensor(3) for name in state if name.endswith("num_batches_tracked")}


class Public:
    """The published forward pass, as functions of the public weights."""

    def __init__(self, state: State) -> None:
        self.state = state

    def estimates(self, mixture: Tensor, enrollment: Tensor) -> tuple[list[Tensor], Tensor]:
        """Three estimates [1, T'] of a mixture [1, T], and the logits [1, S]."""
        scales = self.encoded(mixture)
        features = self.conv("proj", self.channel_norm("ln", torch.cat(scales, dim=1)))
        embedding = self.embedding(enrollment)
        for stack in range(1, R + 1):
            clue = embedding[:, :, None].expand(-1, -1, features.shape[-1])
            name = f"conv_block_{stack}"
            features = self.block(name, features, torch.cat([features, clue], dim=1), dilation=1)
            for place in range(1, B):
                features = self.block(f"{name}_other.{place - 1}", features, features, dilation=2**place)
        names = ("short", "middle", "long")
        found = []
        for number, (name, scale) in enumerate(zip(names, scales, strict=True), 1):
            masked = scale * torch.relu(self.conv(f"mask{number}", features))
            weights = [self.state[f"decoder_1d_{name}.{leaf}"] for leaf in ("weight", "bias")]
            found.append(F.conv_transpose1d(masked, *weights, stride=L1 // 2)[:, 0, : mixture.shape[-1]])
        logits = embedding @ self.state["pred_linear.weight"].T + self.state["pred_linear.bias"]
        return found, logits

    def encoded(self, signal: Tensor) -> list[Tensor]:
        frames = (signal.shape[-1] - L1) // (L1 // 2) + 1
        found = []
        for name, length in (("short", L1), ("middle", L2), ("long", L3)):
            padded = F.pad(signal, (0, length))[:, None]
            made = self.conv(f"encoder_1d_{name}", padded, stride=L1 // 2)
            found.append(torch.relu(made[..., :frames]))
        return found

    def embedding(self, enrollment: Tensor) -> Tensor:
        hidden = self.channel_norm("spk_encoder.0", torch.cat(self.encoded(enrollment), dim=1))
        hidden = self.conv("spk_encoder.1", hidden)
        for number in (2, 3, 4):
            name = f"spk_encoder.{number}"
            first = self.prelu(
                f"{name}.prelu1", self.batch_norm(f"{name}.batch_norm1", self.conv(f"{name}.conv1", hidden))
            )
            second = self.batch_norm(f"{name}.batch_norm2", self.conv(f"{name}.conv2", first))
            shortcut = self.conv(f"{name}.conv_downsample", hidden) if number == 3 else hidden
            hidden = F.max_pool1d(self.prelu(f"{name}.prelu2", second + shortcut), 3)
        return self.conv("spk_encoder.5", hidden).mean(dim=-1)

    def block(self, name: str, features: Tensor, inputs: Tensor, *, dilation: int) -> Tensor:
        hidden = self.global_norm(f"{name}.norm1", self.prelu(f"{name}.prelu1", self.conv(f"{name}.conv1x1", inputs)))
        hidden = self.conv(f"{name}.dconv", hidden, padding=dilation, dilation=dilation, groups=P)
        hidden = self.global_norm(f"{name}.norm2", self.prelu(f"{name}.prelu2", hidden))
        return features + self.conv(f"{name}.sconv", hidden)

    def conv(self, name: str, features: Tensor, **how: int) -> Tensor:
        return F.conv1d(features, self.state[f"{name}.weight"], self.state.get(f"{name}.bias"), **how)

    def prelu(self, name: str, features: Tensor) -> Tensor:
        return F.prelu(features, self.state[f"{name}.weight"])

    def channel_norm(self, name: str, features: Tensor) -> Tensor:
        norm = nn.LayerNorm(features.shape[1])
        norm.load_state_dict({leaf: self.state[f"{name}.{leaf}"] for leaf in ("weight", "bias")})
        return norm(features.transpose(1, 2)).transpose(1, 2)

    def global_norm(self, name: str, features: Tensor) -> Tensor:
        centred = features - features.mean(dim=(1, 2), keepdim=True)
        deviation = (centred.square().mean(dim=(1, 2), keepdim=True) + 1e-5).sqrt()
        return self.state[f"{name}.gamma"] * centred / deviation + self.state[f"{name}.beta"]

    def batch_norm(self, name: str, features: Tensor) -> Tensor:
        leaves = ("running_mean", "running_var", "weight", "bias")
        return F.batch_norm(features, *(self.state[f"{name}.{leaf}"] for leaf in leaves))


@pytest.fixture(scope="module")
def state() -> State:
    return public_state()


@pytest.fixture(scope="module")
def net(state: State) -> SpExPlusNet:
    made = published(**SIZES)
    made.load_state_dict(from_public(state, made.config))
    return made.eval()


@pytest.mark.parametrize("level", [1.0, 1e-3])
@pytest.mark.parametrize(("samples", "enrolled"), [(4000, 3000), (1234, 777), (805, 290), (160, 1009)])
@torch.inference_mode()
def test_outputs_are_those_of_the_published_forward_pass(
    net: SpExPlusNet, state: State, samples: int, enrolled: int, level: float
) -> None:
    generator = torch.Generator().manual_seed(samples)
    mixture, enrollment = (level * torch.randn(1, n, generator=generator) for n in (samples, enrolled))
    expected, logits = Public(state).estimates(mixture, enrollment)
    embedding = net.embed(enrollment, torch.tensor([enrolled]))
    found = net.extract_scales(mixture, torch.tensor([samples]), embedding)
    for ours, theirs in zip(found, expected, strict=True):
        # The public short estimate ends with its last frame; ours goes on with zeros.
        torch.testing.assert_close(ours[:, : theirs.shape[-1]], theirs, rtol=1e-4, atol=1e-5)
        assert ours.shape == mixture.shape
        assert not ours[:, theirs.shape[-1] :].any()
    assert net.speakers is not None
    torch.testing.assert_close(net.speakers(embedding), logits, rtol=1e-4, atol=1e-5)


@torch.inference_mode()
def test_a_batch_does_not_change_the_published_network(net: SpExPlusNet) -> None:
    generator = torch.Generator().manual_seed(1)
    lengths, enrolled = torch.tensor([1500, 805]), torch.tensor([900, 437])
    signals = [torch.randn(int(n), generator=generator) for n in (*lengths, *enrolled)]
    mixtures = nn.utils.rnn.pad_sequence(signals[:2], batch_first=True)
    enrollments = nn.utils.rnn.pad_sequence(signals[2:], batch_first=True)
    together = net.extract_scales(mixtures, lengths, net.embed(enrollments, enrolled))
    alone = net.extract_scales(signals[1][None], lengths[1:], net.embed(signals[3][None], enrolled[1:]))
    for one, both in zip(alone, together, strict=True):
        torch.testing.assert_close(both[1:, :805], one, rtol=1e-4, atol=1e-5)


def test_every_weight_has_one_place(state: State) -> None:
    made = published(**SIZES)
    ours = from_public({f"module.{key}": tensor for key, tensor in state.items()}, made.config)
    assert set(ours) == set(made.state_dict())
    with pytest.raises(CheckpointError, match=r"no weight 'conv_block_1\.gain'"):
        from_public({**state, "conv_block_1.gain": torch.ones(1)}, made.config)


def test_one_option_less_is_another_network(net: SpExPlusNet) -> None:
    """Each option changes the output, so none can be left out."""
    signal = 0.1 * torch.randn(1, 900, generator=torch.Generator().manual_seed(2))
    lengths = torch.tensor([900])
    with torch.inference_mode():
        expected = net(signal, lengths, signal, lengths)
        for option in PUBLISHED:
            other = SpExPlusNet(
                SpExPlusConfig.model_validate(
                    {**SIZES, **PUBLISHED, option: SpExPlusConfig.model_fields[option].default}
                )
            )
            other.load_state_dict(net.state_dict(), strict=False)
            found = other.eval()(signal, lengths, signal, lengths)
            assert (found - expected).abs().max() > 1e-6, option
