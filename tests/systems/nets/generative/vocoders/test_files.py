"""Vocoders from files in the public layouts: names, weight norm, and outputs by a second computation."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import weight_norm

from tsebench.core.errors import CheckpointError
from tsebench.systems.nets.generative.log_mel import LogMel
from tsebench.systems.nets.generative.vocoders.big_vgan import BigVganGenerator, _FilteredActivation
from tsebench.systems.nets.generative.vocoders.files import load_vocoder
from tsebench.systems.nets.generative.vocoders.hifi_gan import GeneratorSizes, HifiGanGenerator
from tsebench.systems.nets.generative.vocoders.vocoder import open_vocoder

CONFIG = {
    "resblock": "1",
    "num_gpus": 0,
    "learning_rate": 0.0002,
    "sampling_rate": 8000,
    "n_fft": 256,
    "win_size": 256,
    "hop_size": 4,
    "num_mels": 6,
    "fmin": 0,
    "fmax": 3000,
    "upsample_rates": [2, 2],
    "upsample_kernel_sizes": [4, 4],
    "upsample_initial_channel": 8,
    "resblock_kernel_sizes": [3, 5],
    "resblock_dilation_sizes": [[1, 2], [1, 3]],
}
SNAKE = {"activation": "snakebeta", "snake_logscale": True}
SIZES = GeneratorSizes(
    num_mels=6,
    upsample_rates=(2, 2),
    upsample_kernel_sizes=(4, 4),
    upsample_initial_channel=8,
    resblock_kernel_sizes=(3, 5),
    resblock_dilation_sizes=((1, 2), (1, 3)),
)
MELS = torch.randn(2, 6, 9, generator=torch.Generator().manual_seed(4))


def public_state(net: nn.Module) -> dict[str, Tensor]:
    """State of a network with random weights and biases, in the public form with weight norm (g, v)."""
    generator = torch.Generator().manual_seed(1)
    state = {}
    for name, tensor in net.state_dict().items():
        if name.endswith("filter"):
            state[name] = tensor
            continue
        values = 0.3 * torch.randn(tensor.shape, generator=generator)
        if name.endswith(".weight"):
            state[name + "_v"] = 2.0 * values
            state[name + "_g"] = values.flatten(1).norm(dim=1).reshape(-1, 1, 1)
        else:
            state[name] = values
    return state


def write(folder: Path, state: object, *, config: dict[str, object] | None = CONFIG, name: str = "g.pt") -> Path:
    if config is not None:
        (folder / "config.json").write_text(json.dumps(config))
    torch.save(state, folder / name)
    return folder / name


def weight(state: dict[str, Tensor], stem: str) -> Tensor:
    v = state[f"{stem}.weight_v"]
    return state[f"{stem}.weight_g"] * v / v.flatten(1).norm(dim=1).reshape(-1, 1, 1)


def hifi_gan(state: dict[str, Tensor], hidden: Tensor) -> Tensor:
    """HiFi-GAN by functions, from the public state."""

    def convolved(stem: str, features: Tensor, dilation: int = 1) -> Tensor:
        filters = weight(state, stem)
        padding = dilation * (filters.shape[-1] - 1) // 2
        return F.conv1d(features, filters, state[f"{stem}.bias"], padding=padding, dilation=dilation)

    hidden = convolved("conv_pre", hidden)
    for stage in range(2):
        hidden = F.leaky_relu(hidden, 0.1)
        stem = f"ups.{stage}"
        hidden = F.conv_transpose1d(hidden, weight(state, stem), state[f"{stem}.bias"], stride=2, padding=1)
        total = torch.zeros_like(hidden)
        for kernel, dilations in enumerate(CONFIG["resblock_dilation_sizes"]):
            features, block = hidden, f"resblocks.{2 * stage + kernel}"
            for index, dilation in enumerate(dilations):
                first = convolved(f"{block}.convs1.{index}", F.leaky_relu(features, 0.1), dilation)
                features = features + convolved(f"{block}.convs2.{index}", F.leaky_relu(first, 0.1))
            total = total + features
        hidden = total / 2
    return torch.tanh(convolved("conv_post", F.leaky_relu(hidden)))[:, 0]


@pytest.mark.parametrize("table", ["generator", "state_dict", None])
def test_hifi_gan(tmp_path: Path, table: str | None) -> None:
    state = public_state(HifiGanGenerator(SIZES))
    path = write(tmp_path, state if table is None else {table: state, "optim_g": {"lr": 1.0}})
    vocoder = load_vocoder(path)
    found = vocoder.synthesise(MELS, mixture=torch.zeros(2, 36))
    torch.testing.assert_close(found, hifi_gan(state, MELS))
    assert float(found.std()) > 0.01
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    assert (vocoder.sha256, vocoder.description) == (sha256, f"HiFi-GAN g.pt ({sha256[:12]})")
    mel = vocoder.mel
    assert (mel.sample_rate_hz, mel.n_fft, mel.hop, mel.n_mels, mel.highest_hz) == (8000, 256, 4, 6, 3000.0)
    assert vocoder.synthesise(MELS, mixture=torch.zeros(2, 41)).shape == (2, 41)
    assert vocoder.synthesise(MELS, mixture=torch.zeros(2, 30)).shape == (2, 30)


def test_names_of_the_public_weights() -> None:
    plain, big = (set(public_state(net)) for net in (HifiGanGenerator(SIZES), BigVganGenerator(SIZES)))
    assert {"conv_pre.weight_g", "ups.1.weight_v", "resblocks.3.convs1.1.bias", "resblocks.0.convs2.0.weight_g"} < plain
    names = {"ups.0.0.weight_g", "resblocks.3.convs1.1.weight_v", "activation_post.act.beta", "conv_post.bias"}
    names |= {
        f"resblocks.0.activations.3.{end}" for end in ("act.alpha", "upsample.filter", "downsample.lowpass.filter")
    }
    assert names < big
    second = GeneratorSizes(**{**{key: getattr(SIZES, key) for key in SIZES.__slots__}, "resblock": "2"})
    assert "resblocks.0.convs.1.weight_v" in public_state(HifiGanGenerator(second))


def test_sizes_of_the_public_models() -> None:
    """Parameters that are published: 13.92 M for HiFi-GAN V1 (its Table 1), 112 M for BigVGAN (its Table 2)."""
    with torch.device("meta"):
        v1 = HifiGanGenerator(
            GeneratorSizes(
                num_mels=80,
                upsample_rates=(8, 8, 2, 2),
                upsample_kernel_sizes=(16, 16, 4, 4),
                upsample_initial_channel=512,
            )
        )
        big = BigVganGenerator(
            GeneratorSizes(
                num_mels=100,
                upsample_rates=(4, 4, 2, 2, 2, 2),
                upsample_kernel_sizes=(8, 8, 4, 4, 4, 4),
                upsample_initial_channel=1536,
            )
        )
    assert sum(each.numel() for each in v1.parameters()) / 1e6 == pytest.approx(13.92, abs=0.02)
    assert sum(each.numel() for each in big.parameters()) / 1e6 == pytest.approx(112, abs=0.6)


@pytest.mark.parametrize("form", ["new", "folded", "parallel"])
def test_other_forms_of_the_same_weights(tmp_path: Path, form: str) -> None:
    """Torch's newer weight norm, weights without it (AudioLDM), DataParallel, and a part of a larger model."""
    state = public_state(HifiGanGenerator(SIZES))
    expected = hifi_gan(state, MELS)
    stems = [name.removesuffix(".weight_v") for name in state if name.endswith(".weight_v")]
    biases = {f"{stem}.bias": state[f"{stem}.bias"] for stem in stems}
    if form == "new":
        layer = weight_norm(nn.Conv1d(1, 1, 1))
        ends = [name for name in layer.state_dict() if name != "bias"]
        assert ends == ["parametrizations.weight.original0", "parametrizations.weight.original1"]
        names = dict(zip(("g", "v"), ends, strict=True))
        parts = {f"{stem}.{names[old]}": state[f"{stem}.weight_{old}"] for stem in stems for old in names}
    else:
        parts = {f"{stem}.weight": weight(state, stem) for stem in stems}
    prefix = "module." if form == "parallel" else "first_stage_model.vocoder." if form == "folded" else ""
    given = {prefix + name: tensor for name, tensor in {**parts, **biases}.items()}
    if form == "folded":
        given["first_stage_model.encoder.weight"] = torch.ones(3)
    found = load_vocoder(write(tmp_path, {"state_dict": given})).synthesise(MELS, mixture=torch.zeros(2, 36))
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"use_tanh_at_final": False, "use_bias_at_final": False},
        {"activation": "snake", "snake_logscale": False, "resblock": "2"},
    ],
)
def test_big_vgan(tmp_path: Path, options: dict[str, object]) -> None:
    """By functions, from the public state; the filtered activation has a test of its own."""
    config = {**CONFIG, **SNAKE, **options}
    paired, log = config["resblock"] == "1", bool(config["snake_logscale"])
    sizes = GeneratorSizes(**{**{key: getattr(SIZES, key) for key in SIZES.__slots__}, "resblock": config["resblock"]})
    beta = config["activation"] == "snakebeta"
    tanh, bias = bool(config.get("use_tanh_at_final", True)), bool(config.get("use_bias_at_final", True))
    state = public_state(BigVganGenerator(sizes, beta=beta, log_scale=log, tanh=tanh, bias=bias))
    if not log:
        state = {name: each.abs() + 0.5 if ".act." in name else each for name, each in state.items()}

    def convolved(stem: str, features: Tensor, dilation: int = 1) -> Tensor:
        filters = weight(state, stem)
        padding = dilation * (filters.shape[-1] - 1) // 2
        return F.conv1d(features, filters, state.get(f"{stem}.bias"), padding=padding, dilation=dilation)

    def activated(stem: str, features: Tensor) -> Tensor:
        activation = _FilteredActivation(features.shape[1], beta=beta, log=log)
        start = f"{stem}."
        activation.load_state_dict({k.removeprefix(start): v for k, v in state.items() if k.startswith(start)})
        with torch.no_grad():
            return activation(features)

    hidden = convolved("conv_pre", MELS)
    for stage in range(2):
        stem = f"ups.{stage}.0"
        hidden = F.conv_transpose1d(hidden, weight(state, stem), state[f"{stem}.bias"], stride=2, padding=1)
        total = torch.zeros_like(hidden)
        for kernel, dilations in enumerate(CONFIG["resblock_dilation_sizes"]):
            features, block = hidden, f"resblocks.{2 * stage + kernel}"
            for index, dilation in enumerate(dilations):
                if paired:
                    inner = activated(f"{block}.activations.{2 * index}", features)
                    inner = convolved(f"{block}.convs1.{index}", inner, dilation)
                    inner = activated(f"{block}.activations.{2 * index + 1}", inner)
                    features = features + convolved(f"{block}.convs2.{index}", inner)
                else:
                    inner = activated(f"{block}.activations.{index}", features)
                    features = features + convolved(f"{block}.convs.{index}", inner, dilation)
            total = total + features
        hidden = total / 2
    expected = convolved("conv_post", activated("activation_post", hidden))[:, 0]
    expected = torch.tanh(expected) if tanh else expected.clamp(-1, 1)
    vocoder = load_vocoder(write(tmp_path, {"generator": state}, config=config))
    assert vocoder.description.startswith("BigVGAN g.pt")
    torch.testing.assert_close(vocoder.synthesise(MELS, mixture=torch.zeros(2, 36)), expected)


@torch.no_grad()
def test_the_activation_is_snake_without_aliases() -> None:
    """x + sin²(αx)/β of a slow tone; of a fast one, less of the harmonics above the rate folds back."""
    activation = _FilteredActivation(1, beta=True, log=True)
    activation.act.alpha.fill_(0.5)
    activation.act.beta.fill_(-0.3)
    time = torch.arange(400.0)
    slow = torch.sin(0.05 * time)[None, None]
    alpha, beta = torch.tensor(0.5).exp(), torch.tensor(-0.3).exp()
    expected = slow + torch.sin(alpha * slow).square() / beta
    torch.testing.assert_close(activation(slow)[..., 20:-20], expected[..., 20:-20], rtol=0, atol=2e-3)
    fast = torch.sin(2 * torch.pi * 0.35 * time)[None, None]

    def at(signal: Tensor, frequency: float) -> float:
        part = signal[0, 0, 50:350]
        return float((part * torch.exp(-2j * torch.pi * frequency * torch.arange(len(part)))).mean().abs())

    # The second harmonic, at 0.7 of the rate, folds to 0.3; the public filters of 12 taps are soft.
    plain = fast + torch.sin(alpha * fast).square() / beta
    assert at(activation(fast), 0.3) < 0.3 * at(plain, 0.3)


def test_the_filter_is_a_sinc_under_a_kaiser_window() -> None:
    """By NumPy; its sum is 1, and half of the amplitude passes at the cutoff."""
    found = _FilteredActivation(1, beta=True, log=True).downsample.lowpass.filter[0, 0].double().numpy()
    place = np.arange(12) - 5.5
    expected = np.kaiser(12, 0.1102 * (2.285 * 5 * np.pi * 1.2 + 7.95 - 8.7)) * np.sinc(place / 2)
    np.testing.assert_allclose(found, expected / expected.sum(), rtol=1e-5, atol=1e-8)
    response = abs((found * np.exp(-0.5j * np.pi * np.arange(12))).sum())
    assert response == pytest.approx(0.5, abs=0.01)


def test_hifi_gan_of_audio_ldm_needs_no_config(tmp_path: Path) -> None:
    with torch.device("meta"):
        net = HifiGanGenerator(GeneratorSizes())
    state = {name: torch.zeros(tensor.shape) for name, tensor in net.state_dict().items()}
    vocoder = load_vocoder(write(tmp_path, state, config=None))
    assert (vocoder.mel.n_mels, vocoder.mel.hop, vocoder.mel.sample_rate_hz) == (64, 160, 16000)


def test_a_vocoder_of_other_spectra_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path, public_state(HifiGanGenerator(SIZES)))
    mel = LogMel(sample_rate_hz=8000, n_fft=256, hop=4, n_mels=6, highest_hz=3000.0)
    assert open_vocoder(path, mel=mel).description.startswith("HiFi-GAN")
    assert open_vocoder(None, mel=mel).description.startswith("Griffin-Lim")
    with pytest.raises(CheckpointError, match=r"trained on spectra with highest_hz = 3000, but .* highest_hz = 4000"):
        open_vocoder(path, mel=replace(mel, highest_hz=None))
    with pytest.raises(CheckpointError, match="hop = 4, but the system makes spectra with hop = 128"):
        open_vocoder(path, mel=replace(mel, hop=128))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"hop_size": 5}, "upsamples by 4, but its hop_size is 5"),
        ({"upsample_kernel_sizes": [4]}, "as many upsample_kernel_sizes"),
        ({"resblock_kernel_sizes": [3]}, "as many resblock_dilation_sizes"),
        ({"win_size": 128}, "win_size 128, n_fft 256"),
        ({"num_mels": "many"}, "num_mels"),
        (
            {"num_mels": 7},
            r"'conv_pre.weight' has the shape \[8, 6, 7\], .* of its config.json it is \[8, 7, 7\]; a vocoder",
        ),
        ({"resblock": "2"}, "lacks weight 'resblocks.0.convs.0.bias'"),
    ],
)
def test_what_does_not_fit_is_one_line(tmp_path: Path, changes: dict[str, object], message: str) -> None:
    path = write(tmp_path, public_state(HifiGanGenerator(SIZES)), config={**CONFIG, **changes})
    with pytest.raises(CheckpointError, match=message) as caught:
        load_vocoder(path)
    assert len(str(caught.value)) < 500


class Hostile:
    def __init__(self, victim: Path) -> None:
        self.victim = victim

    def __reduce__(self) -> tuple[object, ...]:
        return (Path.touch, (self.victim,))


def test_wrong_files_are_one_line(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"missing.pt' is no file; a vocoder is the generator of"):
        load_vocoder(tmp_path / "missing.pt")
    state = public_state(HifiGanGenerator(SIZES))
    for content in ({"generator": {**state, "evil": Hostile(tmp_path / "touched")}}, [1], {"generator": {"a": 3}}):
        with pytest.raises(CheckpointError):
            load_vocoder(write(tmp_path, content))
    assert not (tmp_path / "touched").exists()
    with pytest.raises(CheckpointError, match=r"has the unknown weight 'more\.weight'"):
        load_vocoder(write(tmp_path, {**state, "more.weight": torch.ones(1)}))
    path = write(tmp_path, state)
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(CheckpointError, match=r"config\.json next to it is not JSON"):
        load_vocoder(path)
