"""The shipped AV-ConvTasNet looks at lips: at their movement and its time, not at faces."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest
from numpy.typing import NDArray

from tsebench.core.ratios import si_sdr_db
from tsebench.datasets.build import build
from tsebench.datasets.config import load_dataset_configs
from tsebench.systems.protocol import System
from tsebench.systems.registry import load_system

Gains = Mapping[str, NDArray[np.float64]]

COUNT = 12


@pytest.fixture(scope="module")
def gains(tmp_path_factory: pytest.TempPathFactory) -> Gains:
    """SI-SDR improvements [COUNT] by what is shown, on the first mixtures of unseen faces and voices."""
    (config,) = load_dataset_configs("mini_av_faults")
    small = config.model_copy(update={"params": {**config.params, "count": COUNT}})
    dataset = build(small, tmp_path_factory.mktemp("faults") / "set", corpus_dirs={})
    system = load_system("av_conv_tasnet", checkpoint="av_conv_tasnet_mini")
    assert isinstance(system, System)
    found: dict[str, list[float]] = {}
    for place, trial in enumerate(dataset.trials):
        query, truth = dataset[place]
        assert truth.target is not None
        estimate = system.extract(dataset.batch([trial])).estimate[0][None]
        after = si_sdr_db(estimate=estimate, reference=truth.target)
        before = si_sdr_db(estimate=query.mixture, reference=truth.target)
        found.setdefault(str(trial.tags["video"]), []).append(float(after - before))
    return {shown: np.array(values) for shown, values in found.items()}


@pytest.mark.long
def test_right_lips_extract_their_voice(gains: Gains) -> None:
    assert gains["right"].mean() > 5.0  # 6.44 dB [5.97, 6.90] on 60 mixtures
    assert (gains["right"] > 0).all()


@pytest.mark.long
@pytest.mark.parametrize("shown", ["wrong", "missing", "frozen", "late"])
def test_other_videos_are_far_below(gains: Gains, shown: str) -> None:
    """A network that learned faces would do as well with a still picture of the right one."""
    assert (gains["right"] - gains[shown]).mean() > 10.0  # 14.2 to 16.0 dB on 60 mixtures


@pytest.mark.long
def test_a_video_that_stops_is_in_between(gains: Gains) -> None:
    assert gains["frozen"].mean() < gains["dropped"].mean() < gains["right"].mean()


def test_the_training_data_is_not_that_of_the_test() -> None:
    card = load_system("av_conv_tasnet", checkpoint="av_conv_tasnet_mini").card
    assert "synthetic_av:train" in card.training_data
    assert not any(name.endswith(":test") for name in card.training_data)
