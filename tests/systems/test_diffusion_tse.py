"""Diffusion model of target speech: its sizes, its start, its conditions, its samples."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from helpers.voices import batch, checkpoint, fit, noise, train_config

from tsebench.core.errors import ConfigError
from tsebench.core.validation import parse
from tsebench.doctor.system_checks import check_system
from tsebench.systems.nets.diffusion_tse import DiffusionTseConfig, DiffusionTseNet
from tsebench.systems.nets.generative.noise import member_seeds
from tsebench.systems.registry import load_system
from tsebench.systems.training.config import load_train_config

NAME = "diffusion_tse"
SPEAKERBEAM = {"num_filters": 12, "filter_length": 16, "bottleneck": 8, "hidden": 10, "blocks": 2, "stacks": 2}
SPEAKERBEAM |= {"embedding_dim": 8, "skip": 0}
TINY = {"n_fft": 64, "hop": 32, "channels": 8, "blocks": 2, "embedding_dim": 8, "clue_dim": 8, "backbone": "dilated"}
TINY |= {"clue_filters": 8, "clue_channels": 8, "clue_blocks": 2, "steps": 3}
NCSNPP = {**TINY, "backbone": "ncsnpp", "n_fft": 30, "hop": 16, "multipliers": "1,2", "attention": "8", "blocks": 1}


@pytest.fixture(scope="module")
def initial(tmp_path_factory: pytest.TempPathFactory) -> str:
    return checkpoint("td_speakerbeam", SPEAKERBEAM, tmp_path_factory.mktemp("initial"))


@pytest.fixture(scope="module")
def regenerator(initial: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    return checkpoint(NAME, {**TINY, "start": "estimate", "initial": initial}, tmp_path_factory.mktemp("net"))


def queries(count: int = 2) -> object:
    return batch(*[(noise(700, 5 + row),) for row in range(count)])


def test_full_size_is_the_ncsnpp_of_sgmse_with_a_clue():
    config = parse(DiffusionTseConfig, load_train_config(NAME).net, where="net")
    with torch.device("meta"):
        net = DiffusionTseNet(config)
    backbone = sum(parameter.numel() for parameter in net.backbone.parameters())
    clue = config.clue_dim * 4 * config.channels + 4 * config.channels
    # 65.6 M parameters of SGMSE+ (its public checkpoints), and one linear layer of the clue.
    assert (backbone - clue) / 1e6 == pytest.approx(65.6, abs=0.1)


SMALL = [
    pytest.param({**TINY, "start": "mixture"}, id="mixture"),
    pytest.param({**TINY, "start": "noise", "spectrum": "magnitude"}, id="magnitude"),
    pytest.param({**NCSNPP, "start": "mixture"}, id="ncsnpp", marks=pytest.mark.long),
]


@pytest.mark.parametrize("net", SMALL)
def test_contract(net, tmp_path):
    system = load_system(NAME, checkpoint=checkpoint(NAME, net, tmp_path))
    results = check_system(system, sample_rate_hz=8000, lengths_s=(0.3, 1.0))
    assert [f"{r.name}: {r.detail}" for r in results if not r.passed] == []
    assert system.card.stochastic
    assert system.card.phase == "kept"


def test_before_training_one_step_is_the_initial_estimate(regenerator, initial):
    asked = queries()
    expected = load_system("td_speakerbeam", checkpoint=initial).extract(asked).estimate
    one = load_system(NAME, checkpoint=regenerator, sampler="euler", steps=1)
    # Without noise: the mean of the data around the estimate, whose output layer is zero, is the estimate.
    one._net.path._sigma_min = 1e-9
    torch.testing.assert_close(one.extract(asked).estimate, expected, atol=1e-5, rtol=1e-3)


def test_ensemble_is_the_mean_over_its_members_seeds(regenerator):
    asked = queries(1)
    together = load_system(NAME, checkpoint=regenerator, ensemble=3)
    alone = load_system(NAME, checkpoint=regenerator)
    members = [alone.extract(replace(asked, seeds=(seed,))).estimate for seed in member_seeds(asked.seeds[0], 3)]
    torch.testing.assert_close(together.extract(asked).estimate, torch.stack(members).mean(dim=0))
    assert (members[0] - members[1]).abs().max() > 1e-3
    assert together.card.options["ensemble"] == 3
    assert together.card.options["evaluations"] == 3 * alone.card.options["evaluations"] == 3 * 6


def test_a_sample_depends_on_its_seed_alone(regenerator):
    system = load_system(NAME, checkpoint=regenerator)
    asked = queries(2)
    again = replace(asked, seeds=(asked.seeds[0], 77))
    first, second = system.extract(asked).estimate, system.extract(again).estimate
    assert torch.equal(first[0], second[0])
    assert not torch.allclose(first[1], second[1])


@pytest.mark.parametrize("net", [TINY, NCSNPP], ids=["dilated", "ncsnpp"])
def test_the_clue_is_joined_with_the_time(net, tmp_path):
    system = load_system(NAME, checkpoint=checkpoint(NAME, {**net, "start": "mixture"}, tmp_path), steps=1)
    # Last layers begin as zero.
    for parameter in system._net.backbone.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    asked = queries(2)
    asked = replace(asked, mixture=noise(900, 1).expand(2, 1, 900), seeds=(3, 3))
    first, second = system.extract(asked).estimate
    assert (first - second).abs().max() > 1e-4


def test_it_learns(initial, tmp_path):
    net = {**TINY, "start": "estimate", "initial": initial, "draws": 4, "leakage": 0.5}
    before, after = (
        fit(train_config(NAME, net, per_epoch=size, lr=lr, epochs=epochs), tmp_path / str(lr)).best_loss
        for size, lr, epochs in ((4, 1e-9, 1), (32, 1e-2, 3))
    )
    assert after < 0.8 * before


@pytest.mark.parametrize(
    ("net", "message"),
    [
        ({"start": "estimate"}, "needs `initial`"),
        ({"spectrum": "magnitude"}, "generates complex spectra"),
        ({"n_fft": 512}, "no multiple of"),
    ],
)
def test_bad_configs_are_refused(net, message):
    with pytest.raises(ConfigError, match=message):
        parse(DiffusionTseConfig, net, where="net")


@pytest.mark.parametrize("option", [{"steps": 0}, {"ensemble": 0}, {"sampler": "rk4"}])
def test_bad_options_are_refused(regenerator, option):
    with pytest.raises(ConfigError, match=next(iter(option))):
        load_system(NAME, checkpoint=regenerator, **option)
