"""DPM-TSE: the published layout and schedule, its loss, seeds and classes of small networks."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from tsebench.core.errors import CheckpointError, ConfigError, ExtractionError
from tsebench.core.validation import parse
from tsebench.datasets.types import Clues
from tsebench.systems.checkpoints.checkpoint import CheckpointCard, save_checkpoint
from tsebench.systems.dpm_tse import DpmTse, DpmTseTask, Waveform
from tsebench.systems.nets.dpm_tse import DpmTseConfig, DpmTseNet, QueriedMixture
from tsebench.systems.nets.generative.noise import QueryNoise
from tsebench.systems.nets.generative.parametrisation import convert, from_data_and_noise
from tsebench.systems.nets.generative.samplers.ddim import Ddim
from tsebench.systems.nets.generative.variance_preserving import VariancePreserving
from tsebench.systems.protocol import QueryBatch
from tsebench.systems.shared.class_pairs import class_pairs
from tsebench.systems.trainable import TrainBatch
from tsebench.systems.training.config import load_train_config
from tsebench.systems.training.losses import LossConfig, build_loss

CLASSES = ("bell", "crow", "rain")
SMALL = DpmTseConfig(
    sample_rate_hz=8000, n_fft=256, hop=128, mels=16, floor=0.01, lowest=-4.6, highest=0.6, span=2.0, pad_s=0.0,
    backbone="dilated", channels=12, blocks=3, embedding=8,
)  # fmt: skip
UNET = SMALL.model_copy(
    update={
        "backbone": "unet",
        "channels": 8,
        "levels": 3,
        "channels_most": 16,
        "groups": 4,
        "head_dim": 8,
        "pad_s": 0.4,
    }
)

DIFFUSERS = (
    (999, [-0.0033, 0.966774, 1.483054, 1.298011, 0.500132, -0.527849]),
    (199, [-0.127627, 0.670262, 1.208022, 1.009816, 0.246103, -0.43578]),
)
"""States after the first and after the last of five trailing steps, eta = 0, by diffusers 0.24."""
CUT = [-0.12763, 0.67026, 1.0, 1.0, 0.2461, -0.43578]
"""The last one with `clip_sample`, its default."""


def network(config: DpmTseConfig = SMALL) -> DpmTseNet:
    torch.manual_seed(4)
    net = DpmTseNet(config, classes=CLASSES).eval()
    with torch.no_grad():
        for weight in net.parameters():
            weight.add_(0.1 * torch.randn(weight.shape))
    return net


def saved(folder: Path, config: DpmTseConfig = SMALL, *, rate_hz: int = 8000) -> str:
    card = CheckpointCard(
        architecture="dpm_tse", net=config.model_dump(mode="json"), classes=CLASSES, sample_rate_hz=rate_hz, sha256=""
    )
    save_checkpoint(folder, state=network(config).state_dict(), card=card)
    return str(folder)


def batch(*labels: tuple[str, ...], samples: int = 2000, rate_hz: int = 8000) -> QueryBatch:
    noise = torch.randn(1, 1, samples, generator=torch.Generator().manual_seed(5)) * 0.3
    return QueryBatch(
        ids=tuple(f"q{index}" for index in range(len(labels))),
        mixture=noise.repeat(len(labels), 1, 1),
        lengths=torch.full((len(labels),), samples),
        sample_rate_hz=rate_hz,
        clues=tuple(Clues(classes=each) for each in labels),
        seeds=tuple(range(len(labels))),
    )


def train_batch(count: int = 3) -> TrainBatch:
    queries = batch(*[(label,) for label in (CLASSES * count)[:count]])
    return TrainBatch(
        queries=queries,
        target=0.5 * queries.mixture[:, 0],
        present=torch.ones(count, dtype=torch.bool),
        active_classes=tuple(clue.classes for clue in queries.clues),
    )


def test_full_size_network_has_the_names_and_sizes_of_the_public_one() -> None:
    config = load_train_config("dpm_tse")
    with torch.device("meta"):
        net = DpmTseTask().build(
            parse(DpmTseConfig, config.net, where="net"), classes=tuple(f"c{i}" for i in range(41))
        )
    names = net.net.state_dict()
    assert all(name.startswith("unet.") for name in names)
    assert sum(weight.numel() for weight in net.parameters()) == 106_397_569
    assert names["unet.class_embedding.weight"].shape == (41, 512)
    assert names["unet.down_blocks.3.attentions.0.to_q.weight"].shape == (512, 512)
    assert "unet.down_blocks.1.attentions.0.to_q.weight" not in names
    # 4 s of training and the 10 s of inference are 400 and 1000 frames.
    assert (net.frames(64000), net.frames(64000, padded=True), net.frames(176000, padded=True)) == (400, 1000, 1100)
    assert config.optimiser.lr == 1e-4


def test_schedule_and_steps_are_those_of_diffusers() -> None:
    path = VariancePreserving()
    at = path.coefficients(torch.tensor([1, 200, 400, 999, 1000]) / 1000)
    expected = [0.9998999834, 0.6570869088, 0.1920059323, 4.213273286e-09, 0.0]
    torch.testing.assert_close(at.data.square(), torch.tensor(expected, dtype=torch.float64), rtol=2e-5, atol=1e-11)
    states = []

    def denoiser(state: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        states.append(state)
        v = 0.3 * torch.cos(state) - 0.2
        return convert(v, kind="v", to="data", path=path, state=state, start=torch.zeros_like(state), t=t)

    first = (torch.sin(torch.arange(6) * 0.7) * 1.5).reshape(1, 1, 6)
    out = Ddim(steps=5, eta=0.0).sample(
        path, denoiser, start=torch.zeros_like(first), noise=QueryNoise([0], [6]), state=first
    )
    torch.testing.assert_close(states[1].flatten(), torch.tensor(DIFFUSERS[0][1]), rtol=0, atol=1e-5)
    torch.testing.assert_close(out.flatten(), torch.tensor(DIFFUSERS[1][1]), rtol=0, atol=1e-5)
    cut = Ddim(steps=5, eta=0.0, limit=1.0).sample(
        path, denoiser, start=torch.zeros_like(first), noise=QueryNoise([0], [6]), state=first
    )
    torch.testing.assert_close(cut.flatten(), torch.tensor(CUT), rtol=0, atol=1e-5)


@torch.no_grad()
@pytest.mark.parametrize("config", [SMALL, UNET], ids=["dilated", "unet"])
def test_loss_is_the_error_of_v(config: DpmTseConfig) -> None:
    net = network(config.model_copy(update={"time_least": 0.2}))
    made = train_batch()
    torch.manual_seed(11)
    losses = DpmTseTask().loss(net, made, build_loss(LossConfig()))
    pairs = class_pairs(made, CLASSES, draws=1, inactive_share=0.0)
    frames = net.frames(2000)
    mixture, data = net.scaled(pairs.mixture, frames), net.scaled(pairs.target, frames)
    torch.manual_seed(11)
    t = 1.0 - 0.8 * ((torch.rand(1) + torch.arange(3, dtype=torch.float64) / 3) % 1.0)
    noise = torch.randn_like(data)
    zero = torch.zeros_like(data)
    state = net.path.state(data=data, start=zero, noise=noise, t=t)
    found = net(state, t, QueriedMixture(mixture=mixture, classes=pairs.classes))
    v = convert(found, kind="data", to="v", path=net.path, state=state, start=zero, t=t)
    wanted = from_data_and_noise(data, noise, "v", path=net.path, start=zero, t=t)
    torch.testing.assert_close(losses, (v - wanted).square().mean(dim=(1, 2)), rtol=2e-3, atol=1e-4)


@torch.no_grad()
def test_the_unet_predicts_v_at_the_public_time_index() -> None:
    net = network(UNET)
    state, mixture = torch.randn(2, 1, 16, 24).unbind()
    t, classes = torch.tensor([0.3], dtype=torch.float64), torch.tensor([1])
    found = net(state, t, QueriedMixture(mixture=mixture, classes=classes))
    v = net.net.unet(torch.stack([state, mixture], dim=1), torch.tensor([299.0]), classes)[:, 0]
    at = net.path.coefficients(t)
    torch.testing.assert_close(found, (at.data * state - at.noise * v).float(), rtol=1e-4, atol=1e-5)


@torch.no_grad()
def test_padding_of_a_training_batch_does_not_matter() -> None:
    net = network()
    state, mixture = torch.randn(2, 2, 16, 20).unbind()
    mask = torch.ones(2, 1, 20)
    mask[1, :, 12:] = 0.0
    t, classes = torch.tensor([0.3, 0.6], dtype=torch.float64), torch.tensor([1, 2])
    both = net(state * mask, t, QueriedMixture(mixture=mixture * mask, classes=classes, mask=mask))
    alone = net(state[1:, :, :12], t[1:], QueriedMixture(mixture=mixture[1:, :, :12], classes=classes[1:]))
    torch.testing.assert_close(both[1:, :, :12], alone, rtol=1e-4, atol=1e-5)
    assert float(both[1, :, 12:].abs().max()) == 0.0


@torch.no_grad()
def test_a_certain_network_ignores_the_noise_and_an_uncertain_one_follows_it() -> None:
    net = network()
    state, mixture = torch.randn(2, 1, 16, 9).unbind()
    t, given = torch.tensor([0.05], dtype=torch.float64), QueriedMixture(mixture=mixture, classes=torch.tensor([0]))
    at = net.path.coefficients(t)
    for log_variance, expected in ((-50.0, torch.full_like(state, -2.0)), (50.0, (state / at.data).float())):
        for weight in net.net.net.output.parameters():
            weight.zero_()
        bias = net.net.net.output.bias
        bias[:16], bias[32:] = -50.0, log_variance
        torch.testing.assert_close(net(state, t, given), expected, rtol=0, atol=0.02)


@pytest.mark.parametrize("config", [SMALL, UNET], ids=["dilated", "unet"])
def test_answers_follow_from_seed_and_class_alone(tmp_path: Path, config: DpmTseConfig) -> None:
    system = DpmTse(checkpoint=saved(tmp_path, config), steps=3)
    assert (system.card.stochastic, system.card.phase, system.card.options["evaluations"]) == (True, "kept", 3)
    queries = batch(("bell",), ("bell",), ("rain",), ("bell",))
    queries = replace(queries, seeds=(7, 8, 7, 7))
    estimate = system.extract(queries).estimate
    assert isinstance(estimate, torch.Tensor)
    torch.testing.assert_close(estimate[0], estimate[3], rtol=0, atol=1e-6)
    energy = float(estimate[0].square().sum())
    for other in (1, 2):
        assert float((estimate[0] - estimate[other]).square().sum()) > 1e-4 * energy
    alone = system.extract(replace(batch(("rain",)), seeds=(7,))).estimate
    torch.testing.assert_close(estimate[2], alone[0], rtol=0, atol=1e-5)
    longer = DpmTse(checkpoint=str(tmp_path), steps=6).extract(replace(batch(("rain",)), seeds=(7,))).estimate
    assert float((longer[0] - alone[0]).square().sum()) > 1e-4 * energy


@torch.no_grad()
def test_several_classes_are_drawn_one_by_one_and_added(tmp_path: Path) -> None:
    system = DpmTse(checkpoint=saved(tmp_path), steps=2)
    mixture = batch(("bell",)).mixture[:, 0]
    both = system._drawn(mixture, [("bell", "rain")], [3]).exp() - 0.01
    bell = system._drawn(mixture, [("bell",)], [3]).exp() - 0.01
    rest = both - bell
    assert float(rest.min()) > -1e-5
    assert float(rest.max()) > 1e-3


def test_griffin_lim_makes_the_spectrum_and_its_phase_is_marked(tmp_path: Path) -> None:
    system = DpmTse(checkpoint=saved(tmp_path), steps=1, waveform="griffin_lim")
    assert system.card.phase == "generated"
    assert "Griffin-Lim" in str(system.card.options["waveform"])
    mixture = batch(("bell",), samples=2001).mixture[:, 0]
    net = system._net
    log_mel = net.unscaled(net.scaled(mixture, net.frames(2001)))
    made = system._waveforms(log_mel, mixture)
    assert made.shape == mixture.shape
    again = net.unscaled(net.scaled(made, net.frames(2001)))
    assert float((again - log_mel)[..., :-1].abs().mean()) < 0.35
    silent = system._waveforms(torch.full_like(log_mel, math.log(0.01)), mixture)
    assert float(silent.square().mean()) < 1e-5 * float(mixture.square().mean())


@pytest.mark.parametrize(("waveform", "vocoder"), [("vocoder", None), ("mask", "g_1.pt")])
def test_a_vocoder_and_its_file_belong_together(tmp_path: Path, waveform: Waveform, vocoder: str | None) -> None:
    with pytest.raises(ConfigError, match="give the weights file of a vocoder with `waveform: vocoder`"):
        DpmTse(checkpoint=saved(tmp_path), waveform=waveform, vocoder=vocoder)


def test_unknown_classes_fail_alone(tmp_path: Path) -> None:
    system = DpmTse(checkpoint=saved(tmp_path), steps=1)
    extraction = system.extract(batch(("bell",), ("bel",), ()))
    assert set(extraction.failures) == {"q1", "q2"}
    assert "'bel'; did you mean 'bell'" in extraction.failures["q1"]


def test_wrong_rates(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="its card says 16000 Hz, and its network 8000 Hz"):
        DpmTse(checkpoint=saved(tmp_path, rate_hz=16000))
    with pytest.raises(ExtractionError, match="works at 8000 Hz"):
        DpmTse(checkpoint=saved(tmp_path)).extract(batch(("bell",), rate_hz=16000))
    made = train_batch()
    other = replace(made, queries=replace(made.queries, sample_rate_hz=16000))
    with pytest.raises(ConfigError, match=r"net.sample_rate_hz = 8000, but the training data is at 16000 Hz"):
        DpmTseTask().loss(network(), other, build_loss(LossConfig()))
