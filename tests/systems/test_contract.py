"""Every registered system keeps the contract; a new one is tested without a change here.

Options of systems that cannot be built without lie in `helpers/system_options/NAME.py`.
"""

from __future__ import annotations

import inspect
import json
from pathlib import Path
from typing import get_args

import pytest
import torch
from helpers.contract import LENGTHS_S, RATE_HZ, own_batch
from helpers.paths import ROOT
from helpers.small_nets import architecture_of, random_checkpoint, small_configs
from helpers.system_options import Options, find_options
from torch import Tensor

from tsebench.datasets.types import ClueKind
from tsebench.doctor.streaming import check_streaming
from tsebench.doctor.system_checks import check_system
from tsebench.systems.protocol import AnySystem, Family, PrivilegedSystem, System, why_not_streaming
from tsebench.systems.registry import SYSTEMS, load_system
from tsebench.systems.trainable import TASKS

ZOO = ROOT / "systems" / "zoo"


def shipped(name: str) -> list[str]:
    """Checkpoints of an architecture that come with the package."""
    cards = sorted(ZOO.glob("*/card.json"))
    return [c.parent.name for c in cards if json.loads(c.read_text())["architecture"] == name]


def required(name: str) -> list[str]:
    """Options without a default."""
    parameters = inspect.signature(SYSTEMS.get(name)).parameters.values()
    return [p.name for p in parameters if p.default is inspect.Parameter.empty]


def weights_of(name: str) -> list[str]:
    """Shipped checkpoints of a system, and configs without one whose network can be filled at random."""
    if find_options(name) or required(name) != ["checkpoint"]:
        return [""]
    architecture = architecture_of(name) or ""
    known = shipped(architecture)
    return [*known, *(f"random:{c}" for c in small_configs(architecture) if c not in known)] or [""]


CASES = [(name, weights) for name in SYSTEMS.names() for weights in weights_of(name)]


def options_of(name: str, weights: str, folder: Path) -> Options:
    if (found := find_options(name)) is not None:
        return found(folder)
    # Samplers keep the contract in two steps as in many.
    short = {"steps": 2} if "steps" in inspect.signature(SYSTEMS.get(name)).parameters else {}
    if weights.startswith("random:"):
        return {"checkpoint": random_checkpoint(weights.removeprefix("random:"), folder), **short}
    if weights:
        return {"checkpoint": weights, **short}
    if missing := required(name):
        pytest.skip(f"{name!r} needs {missing}, and helpers/system_options/ has no {name}.py")
    return {}


# A network is tried with its shipped weights first.
PARAMS = [pytest.param(case, marks=pytest.mark.long) if case[1].startswith("random:") else case for case in CASES]


@pytest.fixture(scope="module", params=PARAMS, ids=lambda case: "-".join(part for part in case if part))
def case(request: pytest.FixtureRequest) -> tuple[str, str]:
    return request.param


@pytest.fixture(scope="module")
def name(case: tuple[str, str]) -> str:
    return case[0]


@pytest.fixture(scope="module")
def options(case: tuple[str, str], tmp_path_factory: pytest.TempPathFactory) -> Options:
    return options_of(*case, tmp_path_factory.mktemp("options"))


@pytest.fixture(scope="module")
def system(name: str, options: Options) -> AnySystem:
    return load_system(name, **options)


def test_every_check_passes(system: AnySystem) -> None:
    results = check_system(system, sample_rate_hz=RATE_HZ, lengths_s=LENGTHS_S)
    assert [result for result in results if not result.passed] == []


def test_streams_keep_their_promises(system: AnySystem) -> None:
    if why_not_streaming(system):
        return
    results = check_streaming(system, sample_rate_hz=RATE_HZ, duration_s=0.3)
    # Whether it keeps up depends on the machine.
    assert [result for result in results if not result.passed and result.name != "real_time"] == []
    assert len(results) > 1


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")
def test_every_check_passes_on_a_gpu(name: str, options: Options) -> None:
    if name == "precomputed":
        pytest.skip("its files are made for the checks on the CPU")
    system = load_system(name, device="cuda", **options)
    results = check_system(system, sample_rate_hz=RATE_HZ, lengths_s=LENGTHS_S, device="cuda")
    assert [result for result in results if not result.passed] == []


def test_every_trainable_system_is_tried() -> None:
    tried = {name for name, weights in CASES if weights}
    stages = {"synchrony"}  # trained for others to start from; no systems
    assert set(TASKS.names()) - stages <= tried
    assert not stages & set(SYSTEMS.names())


@pytest.mark.parametrize("name", SYSTEMS.names())
def test_factory_takes_keywords_and_a_device(name: str) -> None:
    parameters = inspect.signature(SYSTEMS.get(name)).parameters
    assert {p.kind for p in parameters.values()} == {inspect.Parameter.KEYWORD_ONLY}
    assert parameters["device"].default == "cpu"


def test_card_is_sane(name: str, system: AnySystem) -> None:
    card = system.card
    assert card.name.startswith(name)
    assert card.family in get_args(Family)
    assert card.description
    assert "\n" not in card.description
    assert card.clues <= set(get_args(ClueKind))
    assert card.sample_rate_hz is None or 4000 <= card.sample_rate_hz <= 96000
    assert card.privileged == isinstance(system, PrivilegedSystem) == (card.family == "oracle")
    assert card.privileged != isinstance(system, System)
    assert card.licence
    assert card.sha256 is None or (len(card.sha256) == 64 and int(card.sha256, 16) >= 0)
    assert card.checkpoint is None or card.sha256
    assert card.classes is None or len(set(card.classes)) == len(card.classes) > 0
    for key, value in card.options.items():
        assert isinstance(key, str)
        assert isinstance(value, str | int | float | bool | None)


def test_card_is_the_same_when_built_again(name: str, options: Options, system: AnySystem) -> None:
    assert load_system(name, **options).card == system.card


def test_plain_estimate_is_float32_on_the_cpu(system: AnySystem) -> None:
    if isinstance(system, PrivilegedSystem):
        pytest.skip("an oracle needs the truth; its checks cover it")
    batch = own_batch(system.card)
    extraction = system.extract(batch)
    assert extraction.failures == {}
    longest = batch.mixture.shape[-1]
    padded = isinstance(extraction.estimate, Tensor)
    lengths = [longest, longest] if padded else batch.lengths.tolist()
    assert [tuple(estimate.shape) for estimate in extraction.estimate] == [(t,) for t in lengths]
    for estimate in extraction.estimate:
        assert estimate.dtype == torch.float32
        assert estimate.device == batch.mixture.device
        assert not estimate.requires_grad
    if extraction.class_probabilities is not None:
        assert extraction.class_probabilities.shape == (2, len(system.card.classes or ()))
