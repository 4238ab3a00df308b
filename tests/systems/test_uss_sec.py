"""The cascade: filterbanks, separation, assignment of outputs in training, choice of output."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch.nn import functional as F

from tsebench.core.errors import ConfigError
from tsebench.core.validation import parse
from tsebench.datasets.types import Clues
from tsebench.doctor.system_checks import check_system
from tsebench.systems.checkpoints.checkpoint import CheckpointCard, save_checkpoint
from tsebench.systems.nets.banks import LearnedBank, StftBank
from tsebench.systems.nets.separator import Separator, consistent
from tsebench.systems.nets.uss_sec import UssSecConfig, UssSecNet
from tsebench.systems.protocol import QueryBatch, System
from tsebench.systems.registry import load_system
from tsebench.systems.trainable import TrainBatch
from tsebench.systems.training.losses import LossConfig, build_loss
from tsebench.systems.training.pit import all_sources, assigned_losses, best_assignment
from tsebench.systems.uss_sec import UssSecTask, likeliest, output_labels, pick

CLASSES = ("bell", "dog_bark", "rain")
SMALL = {
    "num_outputs": 3, "num_filters": 16, "filter_length": 16, "bottleneck": 12, "hidden": 14,
    "blocks": 2, "stacks": 2, "event_filters": 8, "event_filter_length": 16,
    "event_bottleneck": 8, "event_hidden": 10, "event_blocks": 2, "event_units": 5,
}  # fmt: skip
STFT = {**SMALL, "filterbank": "stft", "filter_length": 64, "stride": 16}


def config(options: dict[str, object]) -> UssSecConfig:
    return parse(UssSecConfig, options, where="test")


def network(options: dict[str, object] = SMALL) -> UssSecNet:
    torch.manual_seed(4)
    return UssSecNet(config(options), classes=CLASSES).eval()


def saved(folder: Path, options: dict[str, object] = SMALL) -> str:
    card = CheckpointCard(
        architecture="uss_sec", net=config(options).model_dump(mode="json"), classes=CLASSES,
        sample_rate_hz=8000, sha256="",
    )  # fmt: skip
    save_checkpoint(folder, state=network(options).state_dict(), card=card)
    return str(folder)


def batch(*labels: tuple[str, ...], num_samples: int = 1600) -> QueryBatch:
    generator = torch.Generator().manual_seed(5)
    return QueryBatch(
        ids=tuple(f"q{i}" for i in range(len(labels))),
        mixture=torch.randn(1, 1, num_samples, generator=generator).repeat(len(labels), 1, 1),
        lengths=torch.full((len(labels),), num_samples),
        sample_rate_hz=8000,
        clues=tuple(Clues(classes=some) for some in labels),
    )


@pytest.mark.parametrize("options", [SMALL, STFT, {**SMALL, "mixture_consistency": False}])
def test_contract(tmp_path, options):
    system = load_system("uss_sec", checkpoint=saved(tmp_path, options))
    assert isinstance(system, System)
    assert (system.card.family, system.card.clues) == ("cascade", {"classes"})
    results = check_system(system, sample_rate_hz=16000, lengths_s=(0.3, 1.0, 30.0))
    assert [result for result in results if not result.passed] == []


@pytest.mark.parametrize(("length", "stride"), [(64, 16), (64, 32), (60, 20)])
@pytest.mark.parametrize("num_samples", [1, 15, 16, 64, 301])
def test_spectra_give_the_signal_back(length, stride, num_samples):
    bank = StftBank(filter_length=length, stride=stride)
    signal = torch.randn(2, num_samples)
    spectra = bank.analyse(signal)
    assert spectra.shape[1:] == (length // 2 + 1, int(bank.frame_counts(torch.tensor(num_samples))))
    rebuilt = bank.synthesise(spectra, num_samples=num_samples)
    torch.testing.assert_close(rebuilt, signal, atol=1e-5, rtol=0)


@pytest.mark.parametrize(
    "bank", [StftBank(filter_length=64, stride=16), LearnedBank(num_filters=5, filter_length=12, stride=5)]
)
def test_frames_do_not_change_when_zeros_follow(bank):
    signal = torch.randn(1, 203)
    alone, padded = bank.analyse(signal), bank.analyse(F.pad(signal, (0, 90)))
    torch.testing.assert_close(padded[..., : alone.shape[-1]], alone)
    assert padded[..., alone.shape[-1] :].abs().max() == 0


def test_consistent_outputs_add_up_and_move_least():
    outputs, mixture = torch.randn(2, 3, 50), torch.randn(2, 50)
    moved = consistent(outputs, mixture)
    torch.testing.assert_close(moved.sum(dim=1), mixture)
    # The projection: every output moves by the same signal.
    steps = moved - outputs
    torch.testing.assert_close(steps[:, 0], steps[:, 2])
    torch.testing.assert_close(consistent(moved, mixture), moved)


@pytest.mark.parametrize("options", [SMALL, STFT])
def test_separator_adds_up_to_the_mixture(options):
    torch.manual_seed(0)
    separator = Separator(config(options))
    mixture = 1e-3 * torch.randn(2, 700)
    mixture[1, 400:] = 0
    with torch.no_grad():
        outputs = separator(mixture, torch.tensor([700, 400]))
    assert outputs.shape == (2, 3, 700)
    torch.testing.assert_close(outputs.sum(dim=1), mixture, atol=1e-8, rtol=1e-4)
    assert outputs[1, :, 400:].abs().max() == 0


def test_assignment_is_the_best_of_all_permutations():
    losses = torch.randn(6, 4, 4, generator=torch.Generator().manual_seed(2))
    chosen = best_assignment(losses)
    for table, found in zip(losses, chosen, strict=True):
        totals = {p: sum(table[s, n].item() for s, n in enumerate(p)) for p in itertools.permutations(range(4))}
        assert tuple(found.tolist()) == min(totals, key=totals.__getitem__)


def test_outputs_in_any_order_have_the_same_loss():
    generator = torch.Generator().manual_seed(6)
    sources = torch.randn(2, 3, 400, generator=generator)
    sources[1, 2] = 0
    outputs = sources + 0.1 * torch.randn(2, 3, 400, generator=generator)
    order = torch.tensor([2, 0, 1])
    criterion = build_loss(LossConfig(name="thresholded_snr"))
    facts = {"sources": sources, "mixture": sources.sum(dim=1), "present": sources.any(dim=-1)}
    losses, chosen = assigned_losses(criterion, outputs=outputs, **facts)
    shuffled, places = assigned_losses(criterion, outputs=outputs[:, order], **facts)
    assert chosen.tolist() == [[0, 1, 2]] * 2
    assert places.tolist() == [[1, 2, 0]] * 2
    torch.testing.assert_close(losses, shuffled)
    direct = criterion(
        estimate=outputs[0], reference=sources[0], mixture=sources[0].sum(0).expand(3, -1),
        present=torch.tensor([True] * 3),
    )  # fmt: skip
    torch.testing.assert_close(losses[0], direct)
    # An output of a tenth of noise where nothing is: well below the mixture.
    assert -20 < losses[1, 2] < -15


PROBABILITIES = torch.tensor([[[0.9, 0.1, 0.2], [0.1, 0.3, 0.6], [0.2, 0.2, 0.7]]])


@pytest.mark.parametrize(
    ("query", "threshold", "picked"),
    [
        ([1, 0, 0], 0.0, [True, False, False]),
        ([0, 1, 0], 0.0, [False, True, False]),
        ([0, 1, 0], 0.4, [False, False, False]),
        ([1, 0, 1], 0.4, [True, False, True]),
        ([1, 1, 0], 0.4, [True, False, False]),
        ([0, 0, 0], 0.0, [False, False, False]),
    ],
)
def test_most_probable_output_is_picked(query, threshold, picked):
    chosen = pick(PROBABILITIES, torch.tensor([query]).float(), threshold=threshold)
    assert chosen.any(dim=-1).tolist() == [picked]


@pytest.mark.parametrize(("threshold", "held"), [(0.0, [(0, 0), (1, 2), (2, 2)]), (0.65, [(0, 0), (2, 2)]), (0.95, [])])
def test_every_output_holds_its_likeliest_class(threshold, held):
    """Two outputs may hold one class: two sources of it."""
    found = likeliest(PROBABILITIES, threshold=threshold)
    assert [tuple(place) for place in found[0].nonzero().tolist()] == held


def test_labelled_outputs_of_named_classes_and_of_all(tmp_path):
    checkpoint = saved(tmp_path)
    asked = batch(("bell",), ("bell", "dog_bark", "rain"))
    with torch.no_grad():
        outputs, probabilities = network()(asked.mixture[:, 0], asked.lengths)
    plain = load_system("uss_sec", checkpoint=checkpoint)
    named = load_system("uss_sec", checkpoint=checkpoint, answer="named")
    answer = named.extract(asked)
    assert plain.extract(asked).outputs is None
    assert not plain.card.labels_outputs
    assert named.card.labels_outputs
    torch.testing.assert_close(answer.estimate, plain.extract(asked).estimate)
    assert sorted(each.label for each in answer.outputs[1]) == ["bell", "dog_bark", "rain"]
    (bell,) = answer.outputs[0]
    torch.testing.assert_close(bell.signal, outputs[0, probabilities[0, :, 0].argmax()])
    every = load_system("uss_sec", checkpoint=checkpoint, answer="all")
    assert every.card.clues == frozenset()
    answer = every.extract(batch((), ("unknown",)))
    assert answer.failures == {}
    for row in (0, 1):
        assert [each.label for each in answer.outputs[row]] == [CLASSES[k] for k in probabilities[row].argmax(dim=-1)]
        torch.testing.assert_close(answer.estimate[row], sum(each.signal for each in answer.outputs[row]))


def test_estimate_is_the_sum_of_the_picked_outputs(tmp_path):
    checkpoint = saved(tmp_path)
    asked = batch(("bell",), ("bell", "dog_bark", "rain"))
    answer = load_system("uss_sec", checkpoint=checkpoint).extract(asked)
    with torch.no_grad():
        outputs, probabilities = network()(asked.mixture[:, 0], asked.lengths)
    places = probabilities.argmax(dim=1)
    torch.testing.assert_close(answer.estimate[0], outputs[0, places[0, 0]])
    union = outputs[1, sorted(set(places[1].tolist()))].sum(dim=0)
    torch.testing.assert_close(answer.estimate[1], union)
    torch.testing.assert_close(answer.class_probabilities, probabilities.amax(dim=1))
    strict = load_system("uss_sec", checkpoint=checkpoint, threshold=1.0)
    assert strict.extract(asked).estimate.abs().max() == 0
    assert strict.card.options["threshold"] == 1.0


def test_bad_query_fails_alone(tmp_path):
    system = load_system("uss_sec", checkpoint=saved(tmp_path))
    answer = system.extract(batch(("bel",), (), ("rain",)))
    assert set(answer.failures) == {"q0", "q1"}
    assert "unknown sound class 'bel'; did you mean 'bell'" in answer.failures["q0"]
    assert answer.estimate[2].abs().max() > 0


def train_batch() -> TrainBatch:
    queries = batch(("bell",), ("rain",))
    generator = torch.Generator().manual_seed(8)
    sources = torch.randn(2, 3, 1600, generator=generator)
    return TrainBatch(
        queries=replace(queries, mixture=sources.sum(dim=1, keepdim=True)),
        target=sources[:, 0],
        present=torch.tensor([True, True]),
        active_classes=(("bell", "rain"), ("rain",)),
        interferers=(sources[0, 1:], sources[1, 1:2]),
    )


def test_sources_are_the_target_and_the_interferers():
    made = train_batch()
    sources = all_sources(made, 3)
    assert torch.equal(sources[:, 0], made.target)
    assert torch.equal(sources[0, 1:], made.interferers[0])
    assert sources.any(dim=-1).tolist() == [[True] * 3, [True, True, False]]
    with pytest.raises(ConfigError, match=r"3 sources, background included, but net\.num_outputs"):
        all_sources(made, 2)


def test_labels_are_what_the_data_tell():
    labels, known = output_labels(train_batch(), CLASSES, torch.tensor([[1, 0, 2], [2, 1, 0]]))
    assert labels[0].tolist() == [[0, 0, 0], [1, 0, 0], [0, 0, 0]]
    assert labels[1].tolist() == [[0, 0, 0], [0, 0, 0], [0, 0, 1]]
    # Rain is in the first mixture, in one of the outputs that were not asked for.
    assert known[0].tolist() == [[True, True, False], [True] * 3, [True, True, False]]
    assert known[1].tolist() == [[True] * 3] * 3


def test_classifier_does_not_reach_the_separator():
    net = network()
    outputs, probabilities = net(torch.randn(1, 800), torch.tensor([800]))
    probabilities.sum().backward()
    assert all(p.grad is None for p in net.separator.parameters())
    assert any(p.grad is not None for p in net.events.parameters())
    assert outputs.requires_grad


def test_loss_goes_down():
    net, task, made = network().train(), UssSecTask(), train_batch()
    assert task.needs_sources
    criterion = build_loss(LossConfig(name="thresholded_snr"))
    adam = torch.optim.Adam(net.parameters(), lr=1e-2)
    losses = []
    for _ in range(40):
        loss = task.loss(net, made, criterion).mean()
        adam.zero_grad()
        loss.backward()
        adam.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0] - 1.0


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"stride": 17}, "stride 17 is longer than filter_length 16"),
        ({"filterbank": "stft", "stride": 5}, "an stft needs an even length"),
        ({"num_outputs": 1}, "num_outputs = 1"),
        ({"num_output": 3}, "did you mean 'num_outputs'"),
    ],
)
def test_wrong_hyper_parameters_are_one_line(changes, message):
    with pytest.raises(ConfigError, match=message):
        config({**SMALL, **changes})
