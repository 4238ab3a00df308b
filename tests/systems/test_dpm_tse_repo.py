"""Files of the public DPM-TSE repository: layout, sizes and classes, and files that are refused."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from helpers.dpm_tse_files import SIZES, network, public_state, saved

from tsebench.core.errors import CheckpointError
from tsebench.systems.dpm_tse_repo import read_dpm_tse
from tsebench.systems.nets.dpm_tse import DpmTseConfig, DpmTseNet
from tsebench.systems.registry import load_system
from tsebench.systems.shared.fsdkaggle2018 import CLASSES


@pytest.mark.parametrize("old", [False, True])
def test_weights_and_sizes_are_those_of_the_file(old: bool, tmp_path: Path) -> None:
    found = read_dpm_tse(Path(saved(tmp_path, state=public_state(old=old))))
    assert DpmTseConfig(**found.card.net) == DpmTseConfig(**SIZES)
    expected = network().state_dict()
    assert list(found.state) == list(expected)
    assert all(torch.equal(found.state[name], value) for name, value in expected.items())


def test_the_public_base_model_is_the_default() -> None:
    """Channels 128, 256, 512, 512, two layers, attention in the two lower levels; as diffusers counts them."""
    with torch.device("meta"):
        net = DpmTseNet(DpmTseConfig(), classes=CLASSES)
    assert sum(parameter.numel() for parameter in net.parameters()) == 106_397_569
    assert len(CLASSES) == len(set(CLASSES)) == 41
    assert list(CLASSES) == sorted(CLASSES, key=str.casefold)


def test_the_card(tmp_path: Path) -> None:
    card = load_system("dpm_tse_repo", model=saved(tmp_path)).card
    assert card.classes == CLASSES
    assert (card.sample_rate_hz, card.stochastic, card.options["steps"]) == (16000, True, 50)


def test_other_networks_are_refused(tmp_path: Path) -> None:
    state = public_state()

    def refused(changed: dict[str, torch.Tensor], message: str) -> None:
        with pytest.raises(CheckpointError, match=message) as caught:
            load_system("dpm_tse_repo", model=saved(tmp_path, state=changed))
        assert len(str(caught.value)) < 500

    refused({**state, "feature_net.0.weight": torch.ones(2, 2)}, "has the unknown weight 'net.feature_net.0.weight'")
    refused({**state, "unet.conv_in.weight": torch.ones(32, 9, 3, 3)}, r"shape \[32, 9, 3, 3\]")
    refused({**state, "unet.class_embedding.weight": torch.ones(7, 128)}, "7 classes")
    refused({"unet.conv_in.weight": torch.ones(2)}, "no weight 'unet.class_embedding.weight'")
    refused({"w": torch.ones(2)}, "no weight 'unet.conv_in.weight'")
