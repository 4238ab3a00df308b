"""The variants of SoundBeam: which clues they take, what they make of them, and their losses."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch.nn import functional as F

from tsebench.core.errors import ConfigError
from tsebench.datasets.types import Clues
from tsebench.doctor.system_checks import check_system
from tsebench.systems.checkpoints.checkpoint import CheckpointCard, save_checkpoint
from tsebench.systems.nets.soundbeam import SoundBeamConfig, SoundBeamNet, by_class
from tsebench.systems.protocol import QueryBatch
from tsebench.systems.registry import load_system
from tsebench.systems.soundbeam import SoundBeamTask
from tsebench.systems.trainable import TrainBatch
from tsebench.systems.training.losses import LossConfig, build_loss

CLASSES = ("bell", "dog_bark", "rain")
NET = SoundBeamConfig(
    num_filters=12, filter_length=16, bottleneck=8, hidden=10, blocks=2, stacks=2, embedding_dim=8,
)  # fmt: skip
VARIANTS = ("1hot", "enrl", "mixed", "mixed_el")


def of(variant: str, **changes: object) -> SoundBeamConfig:
    return SoundBeamConfig.model_validate(NET.model_dump() | {"variant": variant} | changes)


def network(variant: str, **changes: object) -> SoundBeamNet:
    torch.manual_seed(1)
    return SoundBeamNet(of(variant, **changes), classes=CLASSES).eval()


def saved(folder: Path, variant: str) -> str:
    card = CheckpointCard(
        architecture="soundbeam", net=of(variant).model_dump(mode="json"), classes=CLASSES,
        sample_rate_hz=8000, sha256="",
    )  # fmt: skip
    save_checkpoint(folder, state=network(variant).state_dict(), card=card)
    return str(folder)


def clip(seed: int, length: int = 700) -> torch.Tensor:
    return torch.randn(length, generator=torch.Generator().manual_seed(seed))


def batch(*clues: Clues, num_samples: int = 900) -> QueryBatch:
    mixture = clip(99, num_samples)[None, None].repeat(len(clues), 1, 1)
    return QueryBatch(
        ids=tuple(f"q{i}" for i in range(len(clues))),
        mixture=mixture,
        lengths=torch.full((len(clues),), num_samples),
        sample_rate_hz=8000,
        clues=clues,
    )


@pytest.mark.parametrize("variant", VARIANTS)
def test_contract(tmp_path, variant):
    system = load_system("soundbeam", checkpoint=saved(tmp_path, variant))
    results = check_system(system, sample_rate_hz=16000, lengths_s=(0.3, 1.0, 30.0))
    assert [result for result in results if not result.passed] == []


@pytest.mark.parametrize(
    ("variant", "query", "clues"),
    [
        ("1hot", "auto", {"classes"}),
        ("enrl", "auto", {"enrollment"}),
        ("mixed", "auto", {"classes", "enrollment"}),
        ("mixed_el", "classes", {"classes"}),
        ("mixed_el", "enrollment", {"enrollment"}),
    ],
)
def test_card_names_the_clues_that_are_used(tmp_path, variant, query, clues):
    card = load_system("soundbeam", checkpoint=saved(tmp_path, variant), query=query).card
    assert card.clues == clues
    assert card.classes == (CLASSES if "classes" in clues else None)
    assert card.options.get("query") == (None if variant == "1hot" else query)


@pytest.mark.parametrize(("variant", "query"), [("1hot", "enrollment"), ("enrl", "classes")])
def test_clue_that_a_variant_cannot_use_is_refused(tmp_path, variant, query):
    with pytest.raises(ConfigError, match=f"query = '{query}'.*is the variant '{variant}'"):
        load_system("soundbeam", checkpoint=saved(tmp_path, variant), query=query)


@pytest.mark.parametrize("variant", ["1hot", "mixed"])
def test_fresh_weights_of_the_extraction_do_not_depend_on_the_variant(variant):
    first, other = network("1hot").state_dict(), network(variant).state_dict()
    assert all(torch.equal(tensor, other[name]) for name, tensor in first.items())


def test_auto_takes_classes_where_all_are_known_and_enrollments_elsewhere(tmp_path):
    checkpoint = saved(tmp_path, "mixed")
    auto, classes, enrolled = (
        load_system("soundbeam", checkpoint=checkpoint, query=query) for query in ("auto", "classes", "enrollment")
    )
    known = Clues(classes=("rain",), enrollments=(clip(1),))
    new = Clues(classes=("owl",), enrollments=(clip(1),))
    answer = auto.extract(batch(known, new)).estimate
    torch.testing.assert_close(answer[0], classes.extract(batch(known)).estimate[0])
    torch.testing.assert_close(answer[1], enrolled.extract(batch(known)).estimate[0])
    assert (answer[0] - answer[1]).abs().max() > 1e-4
    failures = auto.extract(batch(Clues(classes=("owl",)), Clues())).failures
    assert "unknown sound class 'owl'" in failures["q0"]
    assert "names no sound class" in failures["q1"]


def test_embedding_is_the_mean_over_clips_and_the_sum_over_classes():
    net = network("mixed")
    with torch.no_grad():
        one = [net.enrollment_embedding([[[clip(k, 500 + 90 * k)]]])[0] for k in range(4)]
        clips = [clip(k, 500 + 90 * k) for k in range(4)]
        mean = net.enrollment_embedding([[clips]])[0]
        total = net.enrollment_embedding([[clips[:2], clips[2:]], [clips[:1]]])
    torch.testing.assert_close(mean, torch.stack(one).mean(dim=0))
    expected = (one[0] + one[1]) / 2 + (one[2] + one[3]) / 2
    torch.testing.assert_close(total, torch.stack([expected, one[0]]))


def test_level_of_an_enrollment_does_not_matter():
    net = network("enrl")
    with torch.no_grad():
        loud, quiet = net.enrollment_embedding([[[clip(1)]], [[1e-3 * clip(1)]]])
    torch.testing.assert_close(loud, quiet, rtol=1e-4, atol=1e-5)


def test_estimate_by_enrollments_is_that_of_their_embedding(tmp_path):
    system = load_system("soundbeam", checkpoint=saved(tmp_path, "enrl"))
    asked = batch(Clues(enrollments=(clip(1), clip(2))), Clues(enrollments=(clip(3, 321),)))
    answer = system.extract(asked)
    net = network("enrl")
    with torch.no_grad():
        embedding = net.enrollment_embedding([[[clip(1), clip(2)]], [[clip(3, 321)]]])
        expected = net.extractor(asked.mixture[:, 0], asked.lengths, embedding)
    torch.testing.assert_close(answer.estimate, expected)


def test_bad_enrollment_costs_only_its_own_query(tmp_path):
    system = load_system("soundbeam", checkpoint=saved(tmp_path, "enrl"))
    good = Clues(enrollments=(clip(1),))
    broken = clip(2)
    broken[5] = torch.nan
    clues = (
        good,
        Clues(enrollments=(broken,)),
        Clues(enrollments=(torch.zeros(0),)),
        Clues(classes=("bell", "rain"), enrollments=(clip(1), clip(2), clip(3))),
        Clues(classes=("bell",)),
    )
    answer = system.extract(batch(*clues))
    assert set(answer.failures) == {"q2", "q3", "q4"}
    assert "no samples" in answer.failures["q2"]
    assert "3 enrollments cannot be shared out among 2 classes" in answer.failures["q3"]
    assert "no enrollment" in answer.failures["q4"]
    torch.testing.assert_close(answer.estimate[0], system.extract(batch(good)).estimate[0])


def test_clips_are_shared_out_in_the_order_of_the_classes():
    clips = [clip(k, 10) for k in range(4)]
    groups = by_class(clips, num_classes=2)
    assert [[c is clips[i] for c, i in zip(g, p, strict=True)] for g, p in
            zip(groups, ((0, 1), (2, 3)), strict=True)] == [[True, True]] * 2  # fmt: skip
    assert len(by_class(clips, num_classes=0)[0]) == 4
    with pytest.raises(ValueError, match="0 enrollments"):
        by_class([], num_classes=1)


def train_batch() -> TrainBatch:
    queries = batch(
        Clues(classes=("bell",), enrollments=(clip(1),)), Clues(classes=("rain",), enrollments=(clip(2, 450),))
    )
    target = torch.stack([clip(10, 900), clip(11, 900)])
    return TrainBatch(queries=queries, target=target, present=torch.tensor([True, True]))


def losses_of(net: SoundBeamNet, made: TrainBatch) -> torch.Tensor:
    return SoundBeamTask().loss(net, made, build_loss(LossConfig())).detach()


def test_losses_are_the_sums_of_their_branches():
    made = train_batch()
    mixed = network("mixed")
    state = mixed.state_dict()
    one_hot, enrolled = network("1hot"), network("enrl")
    one_hot.load_state_dict({k: v for k, v in state.items() if not k.startswith("enrollment")})
    enrolled.load_state_dict({k: v for k, v in state.items() if k != "embedding"})
    both = losses_of(one_hot, made) + losses_of(enrolled, made)
    torch.testing.assert_close(losses_of(mixed, made), both)
    with torch.no_grad():
        named = mixed.embedding[[0, 2]]
        encoded = mixed.enrollment_embedding([[[clip(1)]], [[clip(2, 450)]]])
    distance = 1 - (named * encoded).sum(-1) / (named.norm(dim=-1) * encoded.norm(dim=-1))
    for weight in (3.0, 0.5):
        drawn = network("mixed_el", embedding_weight=weight)
        drawn.load_state_dict(state)
        torch.testing.assert_close(losses_of(drawn, made), both + weight * distance)
    assert SoundBeamConfig().embedding_weight == 3.0


def test_training_without_enrollments_tells_what_to_set():
    made = train_batch()
    clues = tuple(replace(clue, enrollments=()) for clue in made.queries.clues)
    bare = replace(made, queries=replace(made.queries, clues=clues))
    assert torch.isfinite(losses_of(network("1hot"), bare)).all()
    with pytest.raises(ConfigError, match=r"set data\.overrides\.clues: \[classes, enrollment\]"):
        losses_of(network("mixed"), bare)


@pytest.mark.parametrize("variant", VARIANTS)
def test_loss_goes_down(variant):
    torch.manual_seed(0)
    low = F.avg_pool1d(torch.randn(2, 1, 1600), 9, stride=1, padding=4)[:, 0] * 3
    high = torch.randn(2, 1600).diff(prepend=torch.zeros(2, 1))
    clues = tuple(
        Clues(classes=(name,), enrollments=(signal,)) for name, signal in (("bell", low[1]), ("rain", high[0]))
    )
    queries = replace(batch(*clues, num_samples=1600), mixture=(low + high)[:, None])
    made = TrainBatch(queries=queries, target=torch.stack([low[0], high[1]]), present=torch.tensor([True] * 2))
    net = network(variant).train()
    adam = torch.optim.Adam(net.parameters(), lr=1e-2)
    task, criterion = SoundBeamTask(), build_loss(LossConfig())
    losses = []
    for _ in range(40):
        loss = task.loss(net, made, criterion).mean()
        adam.zero_grad()
        loss.backward()
        adam.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0] - 2.0
