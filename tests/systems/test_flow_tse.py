"""Flow matching of target speech: its sizes, its paths, the mixing ratio, and the oracle that reads it."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from helpers.system_options.oracle_flow_tse import BACKGROUND
from helpers.voices import Voices, batch, checkpoint, fit, noise, train_config

from tsebench.core.errors import CheckpointError, ConfigError
from tsebench.core.validation import parse
from tsebench.datasets.types import Truth
from tsebench.doctor.system_checks import check_system
from tsebench.systems.nets.flow_tse import FlowTseConfig, FlowTseNet
from tsebench.systems.registry import load_system
from tsebench.systems.shared.background_flow import mixing_ratio
from tsebench.systems.training.config import load_train_config

NAME = "flow_tse"
TINY = {"n_fft": 64, "hop": 32, "channels": 8, "blocks": 2, "embedding_dim": 8, "clue_dim": 8, "backbone": "dilated"}
TINY |= {"clue_filters": 8, "clue_channels": 8, "clue_blocks": 2, "steps": 2}
UDIT = {**TINY, "backbone": "udit", "channels": 16, "heads": 2, "blocks": 3}


def test_full_size_is_a_transformer_of_16_blocks():
    config = parse(FlowTseConfig, load_train_config(NAME).net, where="net")
    with torch.device("meta"):
        net = FlowTseNet(config)
    width = 1024
    block = 6 * width * (width + 1) + 4 * width * (width + 1) + 4 * width * (width + 1) + width * (4 * width + 1)
    joins = 8 * (2 * width * width + width)
    blocks = [net.backbone.first, net.backbone.second]
    assert sum(p.numel() for part in blocks for p in part.parameters()) == 16 * block + joins
    assert net.clue is None


@pytest.mark.parametrize(
    "net",
    [TINY, UDIT, {**UDIT, "start": "noise"}, {**TINY, "spectrum": "magnitude"}, BACKGROUND],
    ids=["dilated", "udit", "noise", "magnitude", "background"],
)
def test_contract(net, tmp_path):
    system = load_system(NAME, checkpoint=checkpoint(NAME, net, tmp_path))
    results = check_system(system, sample_rate_hz=8000, lengths_s=(0.3, 1.0))
    assert [f"{r.name}: {r.detail}" for r in results if not r.passed] == []
    assert system.card.stochastic == (net is not BACKGROUND)


def two_voices(num_samples: int = 1600) -> tuple[torch.Tensor, torch.Tensor]:
    return noise(num_samples, 1) * 0.3, noise(num_samples, 2) * 0.1


def test_mixing_ratio_is_of_the_levels():
    target, background = two_voices(100_000)
    ratio = mixing_ratio(target=target[None], mixture=(target + background)[None])
    assert float(ratio) == pytest.approx(0.75, abs=0.01)
    assert float(mixing_ratio(target=torch.zeros(1, 9), mixture=torch.ones(1, 9))) == 0.0
    assert float(mixing_ratio(target=torch.zeros(1, 9), mixture=torch.zeros(1, 9))) == 0.5


@pytest.mark.parametrize("steps", [1, 3])
def test_the_true_velocity_and_ratio_give_the_target_and_its_level(steps, tmp_path):
    target, background = two_voices()
    # Uncorrelated, as the level of the path takes them to be.
    background = background - (background @ target) / (target @ target) * target
    asked = replace(batch((noise(700, 5),), num_samples=1600), mixture=(target + background)[None, None])
    truth = Truth(
        target=target[None], interferers=background[None], active_classes=(), transcript=None, target_labels=()
    )
    system = load_system("oracle_flow_tse", checkpoint=checkpoint(NAME, BACKGROUND, tmp_path), steps=steps)
    spectra = system._net.spectra
    unit = [spectra.of((signal / signal.square().mean().sqrt())[None]) for signal in (target, background)]

    class TrueVelocity(torch.nn.Module):
        kind = "velocity"

        def forward(self, state, t, given):
            return unit[1] - unit[0]

    system._net.backbone = TrueVelocity()
    answer = system.extract_with_truth(asked, [truth]).estimate
    torch.testing.assert_close(answer[0], target, atol=1e-4, rtol=1e-3)


def test_the_oracle_is_marked_and_needs_a_path_from_the_background(tmp_path):
    oracle = load_system("oracle_flow_tse", checkpoint=checkpoint(NAME, BACKGROUND, tmp_path / "background"))
    assert oracle.card.privileged
    assert oracle.card.family == "oracle"
    with pytest.raises(CheckpointError, match=r"needs a checkpoint with net\.start"):
        load_system("oracle_flow_tse", checkpoint=checkpoint(NAME, TINY, tmp_path / "mixture"))


def test_the_enrollment_in_front_is_seen(tmp_path):
    net = FlowTseNet(parse(FlowTseConfig, {**UDIT, "clue_dim": 0}, where="net"))
    torch.manual_seed(0)
    for parameter in net.backbone.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    lengths = torch.tensor([800])
    shown = [net.given(net.signals(noise(800, 1)[None], lengths, noise(640, seed)[None], lengths[:1] * 0 + 640),
                       start="mixture") for seed in (2, 3)]  # fmt: skip
    velocity = [net.predictor(given.mixture, torch.tensor([0.5]), given) for given in shown]
    assert (velocity[0] - velocity[1]).abs().max() > 1e-3


def test_padding_of_the_enrollment_is_not_seen(tmp_path):
    net = FlowTseNet(parse(FlowTseConfig, UDIT, where="net")).eval()
    for parameter in net.backbone.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    mixture, lengths = noise(800, 1).repeat(2, 1), torch.tensor([800, 800])
    enrollment = torch.stack([noise(640, 2), noise(640, 3)])
    enrollment[1, 320:] = 0.0
    both = net.given(net.signals(mixture, lengths, enrollment, torch.tensor([640, 320])), start="mixture")
    alone = net.given(net.signals(mixture[1:], lengths[1:], enrollment[1:, :320], torch.tensor([320])), start="mixture")
    t = torch.tensor([0.5, 0.5])
    together = net.predictor(both.mixture, t, both)[1]
    torch.testing.assert_close(together, net.predictor(alone.mixture, t[:1], alone)[0], atol=1e-4, rtol=1e-3)


@pytest.mark.parametrize("net", [{**TINY, "start": "mixture"}, BACKGROUND], ids=["mixture", "background"])
def test_it_learns(net, tmp_path):
    before, after = (
        fit(train_config(NAME, dict(net), per_epoch=size, lr=lr, epochs=epochs), tmp_path / str(lr)).best_loss
        for size, lr, epochs in ((4, 1e-9, 1), (48, 5e-3, 4))
    )
    assert after < 0.9 * before


def test_losses_are_the_same_in_every_validation(tmp_path):
    config = train_config(NAME, TINY, per_epoch=4, lr=1e-12, epochs=2)
    log = fit(config, tmp_path, stream=Voices(1)).checkpoint / "train.log.jsonl"
    values = [line.split('"valid_loss": ')[1].split(",")[0] for line in log.read_text().splitlines()]
    assert float(values[0]) == pytest.approx(float(values[1]), rel=1e-6)


@pytest.mark.parametrize(
    ("net", "message"),
    [
        ({"start": "estimate"}, "needs `initial`"),
        ({"start": "background"}, "needs sums of signals"),
        ({"channels": 10, "heads": 4}, "no multiple of twice"),
    ],
)
def test_bad_configs_are_refused(net, message):
    with pytest.raises(ConfigError, match=message):
        parse(FlowTseConfig, net, where="net")
