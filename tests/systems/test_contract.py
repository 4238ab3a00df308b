"""Every registered system keeps the contract; a new one is tested without a change here.

Options of systems that cannot be built without lie in `helpers/system_options/NAME.py`.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import get_args

import pytest
import torch
from helpers.contract import LENGTHS_S, RATE_HZ, own_batch
from helpers.paths import ROOT
from helpers.small_nets import architecture_of, random_checkpoint, small_configs
from helpers.system_options import Options, find_options
from torch import Tensor
from torch.nn import functional as F

from tsebench.datasets.types import ClueKind
from tsebench.doctor.system_checks import CheckResult, check_system
from tsebench.systems.protocol import (
    AnySystem,
    Extraction,
    Family,
    PrivilegedSystem,
    QueryBatch,
    System,
    SystemCard,
)
from tsebench.systems.registry import SYSTEMS, load_system
from tsebench.systems.shared.probes import make_probe
from tsebench.systems.trainable import TASKS

ZOO = ROOT / "systems" / "zoo"


@dataclass
class Broken:
    """The mixture as a system, with one thing wrong."""

    answer: Callable[[QueryBatch], Tensor | Sequence[Tensor]]
    card: SystemCard = field(
        default_factory=lambda: SystemCard(name="b", family="external", description="broken")
    )
    failures: Mapping[str, str] = field(default_factory=dict)

    def extract(self, batch: QueryBatch) -> Extraction:
        return Extraction(estimate=self.answer(batch), failures=self.failures)


def shipped(name: str) -> list[str]:
    """Checkpoints of an architecture that come with the package."""
    cards = sorted(ZOO.glob("*/card.json"))
    return [c.parent.name for c in cards if json.loads(c.read_text())["architecture"] == name]


def required(name: str) -> list[str]:
    """Options without a default."""
    parameters = inspect.signature(SYSTEMS.get(name)).parameters.values()
    return [p.name for p in parameters if p.default is inspect.Parameter.empty]


def weights_of(name: str) -> list[str]:
    """Shipped checkpoints of a system, and configs whose network can be filled at random."""
    if find_options(name) or required(name) != ["checkpoint"]:
        return [""]
    architecture = architecture_of(name) or ""
    return [*shipped(architecture), *(f"random:{c}" for c in small_configs(architecture))] or [""]


CASES = [(name, weights) for name in SYSTEMS.names() for weights in weights_of(name)]


def options_of(name: str, weights: str, folder: Path) -> Options:
    if (found := find_options(name)) is not None:
        return found(folder)
    if weights.startswith("random:"):
        return {"checkpoint": random_checkpoint(weights.removeprefix("random:"), folder)}
    if weights:
        return {"checkpoint": weights}
    if missing := required(name):
        pytest.skip(f"{name!r} needs {missing}, and helpers/system_options/ has no {name}.py")
    return {}


@pytest.fixture(scope="module", params=CASES, ids=lambda case: "-".join(part for part in case if part))
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


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")
def test_every_check_passes_on_a_gpu(name: str, options: Options) -> None:
    if name == "precomputed":
        pytest.skip("its files are made for the checks on the CPU")
    system = load_system(name, device="cuda", **options)
    results = check_system(system, sample_rate_hz=RATE_HZ, lengths_s=LENGTHS_S, device="cuda")
    assert [result for result in results if not result.passed] == []


def test_checks_ask_in_full_float32(monkeypatch: pytest.MonkeyPatch) -> None:
    """TF32 would make answers depend on the batch; a run does not use it either."""
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", True)
    seen: set[bool] = set()

    def look(batch: QueryBatch) -> Tensor:
        seen.add(torch.backends.cudnn.allow_tf32)
        return batch.mixture[:, 0]

    check_system(Broken(look), sample_rate_hz=RATE_HZ, lengths_s=LENGTHS_S)
    assert seen == {False}
    assert torch.backends.cudnn.allow_tf32 is True


def test_every_trainable_system_is_tried() -> None:
    tried = {name for name, weights in CASES if weights}
    assert set(TASKS.names()) <= tried


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


def failed(system: AnySystem, **options: object) -> dict[str, str]:
    results: list[CheckResult] = check_system(system, sample_rate_hz=RATE_HZ, lengths_s=(0.3,), **options)
    return {result.name: result.detail for result in results if not result.passed}


def with_card(answer: Callable[[QueryBatch], Tensor], **fields: object) -> Broken:
    card = SystemCard(name="b", family="external", description="broken", **fields)
    return Broken(answer, card=card)


def channel(batch: QueryBatch) -> Tensor:
    return batch.mixture[:, 0].clone()


def normalised(batch: QueryBatch) -> Tensor:
    """The padding enters the mean of the squares."""
    x = channel(batch)
    return x / (x.square().mean(dim=-1, keepdim=True).sqrt() + 1e-3)


def test_sound_system_fails_no_check() -> None:
    assert failed(Broken(channel)) == {}


def test_padding_is_noticed_and_compared_with_the_card() -> None:
    found = failed(Broken(normalised))
    assert list(found) == ["batch_invariance"]
    assert "card.padding_neutral = True does not agree" in found["batch_invariance"]
    assert failed(with_card(normalised, padding_neutral=False)) == {}


def test_neighbours_that_matter_are_noticed() -> None:
    def mixed_up(batch: QueryBatch) -> Tensor:
        return channel(batch) + 0.1 * channel(batch).mean(dim=0)

    assert set(failed(with_card(mixed_up, padding_neutral=False))) == {"equal_length_batch"}


def test_difference_is_in_decibels_of_the_output() -> None:
    # Alone the answer is x, in a batch 1.01 x: −40 dB.
    def shifted(batch: QueryBatch) -> Tensor:
        return channel(batch) * (1.01 if len(batch.ids) > 1 else 1.0)

    found = failed(Broken(shifted))
    assert found["equal_length_batch"] == "largest difference -40.0 dB of the output"


def test_breaches_are_reported() -> None:
    def crash(batch: QueryBatch) -> Tensor:
        raise ValueError("boom\nsecond line")

    def in_place(batch: QueryBatch) -> Tensor:
        return batch.mixture[:, 0].mul_(0.5)

    cases: list[tuple[Callable[[QueryBatch], Tensor], str]] = [
        (crash, "0.3 s: raised ValueError: boom second line"),
        (in_place, "0.3 s: changed the mixture of its batch in place"),
        (lambda b: channel(b)[:, 1:], "0.3 s: estimate has shape (1, 2399) instead of (1, 2400)"),
        (lambda b: channel(b) / 0.0, "0.3 s: estimate holds NaN or inf"),
        (lambda b: channel(b).int(),
         "0.3 s: estimate of a query is torch.int32 (2400,) instead of float (2400,)"),
    ]  # fmt: skip
    for answer, detail in cases:
        assert failed(Broken(answer))["lengths"] == detail
    stray = failed(Broken(channel, failures={"other": "no"}))
    assert stray["lengths"] == "0.3 s: failures names unknown ids ['other']"


def test_an_exception_class_of_the_systems_own_is_a_problem() -> None:
    class OwnError(Exception):
        """Derived from none of Python's usual errors."""

    def crash(batch: QueryBatch) -> Tensor:
        raise OwnError("broken weights")

    found = failed(Broken(crash))
    assert found["lengths"] == "0.3 s: raised OwnError: broken weights"
    assert "missing_clue" not in found  # the card names no clues


def cut(batch: QueryBatch, excess: int) -> list[Tensor]:
    """The mixtures at their own lengths, changed by `excess` samples at the end."""
    rows = zip(channel(batch), batch.lengths.tolist(), strict=True)
    return [F.pad(row[:length], (0, excess)) for row, length in rows]


@pytest.mark.parametrize("excess", [-79, 0, 79])
def test_one_tensor_for_each_query_may_be_off_by_less_than_ten_ms(excess: int) -> None:
    assert failed(Broken(lambda batch: cut(batch, excess))) == {}


def test_breaches_of_one_tensor_for_each_query_are_reported() -> None:
    cases: list[tuple[Callable[[QueryBatch], Sequence[Tensor]], str]] = [
        (lambda b: cut(b, -80), "0.3 s: estimate has 2320 samples and its query 2400"),
        (lambda b: cut(b, 80), "0.3 s: estimate has 2480 samples and its query 2400"),
        (lambda b: [row / 0.0 for row in cut(b, 0)], "0.3 s: estimate holds NaN or inf"),
        (lambda b: [], "0.3 s: estimate has 0 tensors for 1 queries"),
        (lambda b: [row[None] for row in cut(b, 0)],
         "0.3 s: estimate of a query is torch.float32 (1, 2400) instead of float (2400,)"),
        (lambda b: [row.numpy() for row in cut(b, 0)],
         "0.3 s: estimate is a ndarray instead of a tensor"),
    ]  # fmt: skip
    for answer, detail in cases:
        assert failed(Broken(answer))["lengths"] == detail


def test_silent_and_quiet_input_is_tried() -> None:
    def peak_normalised(batch: QueryBatch) -> Tensor:
        x = channel(batch)
        return x / x.abs().amax(dim=-1, keepdim=True)

    assert failed(Broken(peak_normalised)) == {"silence": "estimate holds NaN or inf"}


def test_chance_is_noticed() -> None:
    generator = torch.Generator().manual_seed(0)

    def random(batch: QueryBatch) -> Tensor:
        return torch.rand(channel(batch).shape, generator=generator)

    assert "determinism" in failed(Broken(random))


def test_unknown_class_must_be_refused() -> None:
    card = {"clues": frozenset({"classes"}), "classes": ("cat", "dog")}
    assert list(failed(with_card(channel, **card))) == ["unknown_class"]

    def look_up(batch: QueryBatch) -> Tensor:
        for clue in batch.clues:
            _ = {"cat": 0, "dog": 1}[clue.classes[0]]
        return channel(batch)

    found = failed(with_card(look_up, **card))
    assert found["unknown_class"] == "raised KeyError: 'no_such_sound_class'"
    assert found["missing_clue"].startswith("raised IndexError")


def test_probes_follow_from_their_id_alone() -> None:
    card = SystemCard(name="b", family="external", description="b")
    first, again = (
        make_probe(card, name="x", duration_s=0.1, sample_rate_hz=RATE_HZ, seed=3) for _ in range(2)
    )
    assert torch.equal(first.query.mixture, again.query.mixture)
    other = make_probe(card, name="x", duration_s=0.1, sample_rate_hz=RATE_HZ, seed=4)
    assert not torch.equal(first.query.mixture, other.query.mixture)
    assert first.truth.target is not None
    rebuilt = first.truth.target[0] + first.truth.interferers.sum(dim=0)
    torch.testing.assert_close(first.query.mixture[0], rebuilt)
