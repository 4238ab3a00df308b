"""Query refinement: sizes of the paper, the refinement itself, the classifier, and the metric."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch.nn import functional as F

import tsebench
from tsebench.bench.cost.measure import find_networks, size_of
from tsebench.bench.cost.passes import Passes, cost_items
from tsebench.core.errors import ConfigError, ExtractionError
from tsebench.datasets.types import Clues, Truth
from tsebench.doctor.system_checks import check_system
from tsebench.systems.checkpoints.checkpoint import CheckpointCard, save_checkpoint
from tsebench.systems.nets.class_head import ClassHead, average_frames, class_loss, linear_softmax
from tsebench.systems.nets.label_embedding import embed
from tsebench.systems.nets.query_refinement import QueryRefinementConfig, QueryRefinementNet
from tsebench.systems.protocol import PrivilegedSystem, QueryBatch, System
from tsebench.systems.query_refinement import QueryRefinementTask, refine, with_inactive_samples
from tsebench.systems.registry import load_system
from tsebench.systems.trainable import TrainBatch
from tsebench.systems.training.config import OptimiserConfig
from tsebench.systems.training.lightning_module import lr_factor
from tsebench.systems.training.losses import LossConfig, build_loss

pytestmark = pytest.mark.slow

CLASSES = ("bell", "dog_bark", "rain", "wind")
NET = QueryRefinementConfig(
    num_filters=16, filter_length=16, bottleneck=12, hidden=14, skip=10, blocks=2,
    mask_stacks=2, classifier_units=6, classifier_pool=2,
)  # fmt: skip
BASELINE = NET.model_copy(update={"classifier": False})


def network(config: QueryRefinementConfig = NET) -> QueryRefinementNet:
    torch.manual_seed(2)
    return QueryRefinementNet(config, classes=CLASSES).eval()


def saved(folder: Path, config: QueryRefinementConfig = NET, *, rate_hz: int = 8000) -> str:
    card = CheckpointCard(
        architecture="query_refinement",
        net=config.model_dump(mode="json"),
        classes=CLASSES,
        sample_rate_hz=rate_hz,
        sha256="",
    )
    save_checkpoint(folder, state=network(config).state_dict(), card=card)
    return str(folder)


def batch(*labels: tuple[str, ...], num_samples: int = 2000, rate_hz: int = 8000) -> QueryBatch:
    generator = torch.Generator().manual_seed(5)
    return QueryBatch(
        ids=tuple(f"q{i}" for i in range(len(labels))),
        mixture=torch.randn(1, 1, num_samples, generator=generator).repeat(len(labels), 1, 1),
        lengths=torch.full((len(labels),), num_samples),
        sample_rate_hz=rate_hz,
        clues=tuple(Clues(classes=some) for some in labels),
    )


def truth(*active: str) -> Truth:
    return Truth(target=None, interferers=torch.zeros(1, 2000), active_classes=active, transcript=None)


@pytest.mark.parametrize(("classifier", "params", "macs_per_s"), [(False, 13.06e6, 5.19e9), (True, 13.67e6, 5.43e9)])
def test_sizes_are_those_of_the_paper(tmp_path, classifier, params, macs_per_s):
    classes = tuple(f"class{i}" for i in range(41))
    config = QueryRefinementConfig(classifier=classifier)
    card = CheckpointCard(
        architecture="query_refinement", net=config.model_dump(), classes=classes,
        sample_rate_hz=16000, sha256="",
    )  # fmt: skip
    net = QueryRefinementNet(config, classes=classes)
    save_checkpoint(tmp_path, state=net.state_dict(), card=card)
    system = load_system("query_refinement", checkpoint=str(tmp_path))
    size = size_of(find_networks(system))
    assert size is not None
    assert size.params == pytest.approx(params, rel=0.001)
    # The longest query of a run's cost (5 s) is left out: MACs grow alike from 1 s to 2 s.
    short, longer, _ = cost_items(system.card, 16000, None)
    counts = Passes(system=system, items=(short, longer, longer), device="cpu").count()
    assert counts.macs_per_s == pytest.approx(macs_per_s, rel=0.01)


@pytest.mark.parametrize("config", [NET, BASELINE, NET.model_copy(update={"skip": 0})])
def test_contract(tmp_path, config):
    system = load_system("query_refinement", checkpoint=saved(tmp_path, config))
    assert isinstance(system, System)
    results = check_system(system, sample_rate_hz=16000, lengths_s=(0.3, 1.0, 30.0))
    assert [result for result in results if not result.passed] == []
    assert system.card.padding_neutral


def test_contract_of_the_oracle(tmp_path):
    system = load_system("query_refinement_oracle", checkpoint=saved(tmp_path, BASELINE))
    assert isinstance(system, PrivilegedSystem)
    assert not isinstance(system, System)
    assert (system.card.family, system.card.privileged) == ("oracle", True)
    results = check_system(system, sample_rate_hz=16000, lengths_s=(0.3, 1.0))
    assert [result for result in results if not result.passed] == []


def test_refinement_zeroes_what_is_less_probable():
    query = torch.tensor([[1.0, 1.0, 1.0, 0.0]])
    probabilities = torch.tensor([[0.1, 0.0999, 0.8, 0.9]])
    assert refine(query, probabilities, theta=0.1).tolist() == [[1, 0, 1, 0]]
    assert torch.equal(refine(query, probabilities, theta=0.0), query)


def test_theta_decides_which_classes_are_extracted(tmp_path):
    checkpoint = saved(tmp_path)
    asked = batch(("bell", "dog_bark", "rain", "wind"))
    plain = load_system("query_refinement", checkpoint=checkpoint, theta=0.0).extract(asked)
    ordered = plain.class_probabilities[0].sort(descending=True)
    assert (ordered.values.diff() < -1e-4).all()
    kept = tuple(CLASSES[i] for i in sorted(ordered.indices[:2].tolist()))
    theta = float(ordered.values[1:3].mean())
    refined = load_system("query_refinement", checkpoint=checkpoint, theta=theta).extract(asked)
    expected = load_system("query_refinement", checkpoint=checkpoint, theta=0.0).extract(batch(kept))
    torch.testing.assert_close(refined.estimate, expected.estimate)
    assert (refined.estimate - plain.estimate).abs().max() > 1e-4
    torch.testing.assert_close(refined.class_probabilities, plain.class_probabilities)


@pytest.mark.parametrize("config", [NET, BASELINE])
def test_oracle_keeps_the_classes_that_are_there(tmp_path, config):
    checkpoint = saved(tmp_path, config)
    plain = load_system("query_refinement", checkpoint=checkpoint, theta=0.0)
    oracle = load_system("query_refinement_oracle", checkpoint=checkpoint)
    answer = oracle.extract_with_truth(batch(("bell", "rain"), ("wind",)), [truth("rain", "owl"), truth("rain")])
    torch.testing.assert_close(answer.estimate[:1], plain.extract(batch(("rain",))).estimate)
    zero = network(config)(batch(()).mixture[:, 0], torch.tensor([2000]), torch.zeros(1, 4))
    torch.testing.assert_close(answer.estimate[1:], zero.detach())
    silent = load_system("query_refinement_oracle", checkpoint=checkpoint, empty_query="silence").extract_with_truth(
        batch(("wind",), ("bell",)), [truth("rain"), truth("bell")]
    )
    assert silent.estimate[0].abs().max() == 0
    assert silent.estimate[1].abs().max() > 0


def test_options_are_on_the_card_and_must_fit(tmp_path):
    proposed, baseline = saved(tmp_path / "a"), saved(tmp_path / "b", BASELINE)
    assert load_system("query_refinement", checkpoint=proposed).card.options["theta"] == 0.1
    assert load_system("query_refinement", checkpoint=baseline).card.options["theta"] == 0.0
    with pytest.raises(ConfigError, match="no classifier to refine"):
        load_system("query_refinement", checkpoint=baseline, theta=0.1)
    with pytest.raises(ConfigError, match="theta"):
        load_system("query_refinement", checkpoint=proposed, theta=1.5)
    with pytest.raises(ExtractionError, match="works at 8000 Hz"):
        load_system("query_refinement", checkpoint=proposed).extract(batch(("bell",), rate_hz=16000))
    answer = load_system("query_refinement", checkpoint=baseline).extract(batch(("bel",), ()))
    assert answer.class_probabilities is None
    assert "unknown sound class 'bel'; did you mean 'bell'" in answer.failures["q0"]
    assert "names no sound class" in answer.failures["q1"]


def test_linear_softmax_is_its_formula():
    frames = torch.tensor([[[0.2, 0.0], [0.6, 0.0], [0.9, 0.9]]])
    inside = torch.tensor([[True, True, False]])
    pooled = linear_softmax(frames, inside)
    torch.testing.assert_close(pooled, torch.tensor([[(0.04 + 0.36) / 0.8, 0.0]]))


def test_frames_are_averaged_over_those_that_are_there():
    features = torch.tensor([[[1.0, 3.0, 5.0, 9.0, 2.0]], [[1.0, 3.0, 5.0, 0.0, 0.0]]])
    means, counts = average_frames(features, torch.tensor([5, 3]), size=2)
    assert means.tolist() == [[[2, 7, 2]], [[2, 5, 0]]]
    assert counts.tolist() == [3, 2]


@pytest.mark.parametrize("pool", [1, 3])
def test_head_hears_nothing_of_the_padding(pool):
    torch.manual_seed(0)
    head = ClassHead(channels=5, units=4, layers=2, num_classes=3, pool=pool).eval()
    features = torch.randn(1, 5, 20)
    with torch.no_grad():
        alone = head(features, torch.tensor([20]))
        other = torch.randn(1, 5, 37)
        together = head(torch.cat([F.pad(features, (0, 17)), other]), torch.tensor([20, 37]))
    torch.testing.assert_close(together[:1], alone)


def test_class_loss_counts_known_classes_only():
    losses = class_loss(
        probabilities=torch.tensor([[0.5, 0.25, 0.9]]),
        labels=torch.tensor([[1.0, 0.0, 0.0]]),
        known=torch.tensor([[True, True, False]]),
    )
    assert losses.item() == pytest.approx((math.log(2) - math.log(0.75)) / 2, rel=1e-6)


def test_embeddings_do_not_depend_on_how_many_classes_there_are():
    generator = torch.Generator().manual_seed(1)
    columns = torch.randn(40, 64, generator=generator)
    query = (torch.rand(8, 40, generator=generator) < 0.3).float()
    more = torch.cat([columns, torch.randn(7, 64, generator=generator)])
    assert torch.equal(embed(query, columns), embed(F.pad(query, (0, 7)), more))


def train_batch(count: int, **changes: object) -> TrainBatch:
    queries = batch(*[("bell",)] * count)
    queries = replace(queries, ids=tuple(f"m{i}" for i in range(count)))
    made = TrainBatch(
        queries=queries,
        target=0.5 * queries.mixture[:, 0],
        present=torch.ones(count, dtype=torch.bool),
        active_classes=(("bell", "rain"),) * count,
    )
    return replace(made, **changes)


def test_inactive_samples_are_the_share_asked_for_and_follow_from_the_id():
    whole = train_batch(600)
    changed = with_inactive_samples(whole, CLASSES, share=0.1)
    drawn = [i for i, here in enumerate(changed.present.tolist()) if not here]
    # 60 expected; the standard deviation is 7.3.
    assert 30 < len(drawn) < 90
    asked = {changed.queries.clues[i].classes for i in drawn}
    assert asked == {("dog_bark",), ("wind",)}
    assert changed.target[drawn].abs().max() == 0
    kept = [i for i in range(600) if i not in drawn]
    assert torch.equal(changed.target[kept], whole.target[kept])
    again = with_inactive_samples(whole, CLASSES, share=0.1)
    assert again.queries.clues == changed.queries.clues
    assert with_inactive_samples(whole, CLASSES, share=0.0) is whole


def test_loss_is_that_of_extraction_and_lambda_times_that_of_classes():
    task, made = QueryRefinementTask(), train_batch(2)
    criterion = build_loss(LossConfig(name="thresholded_snr"))
    losses = []
    for weight in (0.0, 1.0, 3.0):
        net = network(NET.model_copy(update={"class_weight": weight}))
        losses.append(task.loss(net, made, criterion).detach())
        features = net.encode(made.queries.mixture[:, 0], made.queries.lengths)
        probabilities = net.probabilities(features)
    labels = torch.tensor([[1.0, 0.0, 1.0, 0.0]] * 2)
    expected = F.binary_cross_entropy(probabilities, labels, reduction="none").mean(dim=1).detach()
    torch.testing.assert_close(losses[1] - losses[0], expected, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(losses[2] - losses[0], 3 * expected, rtol=1e-4, atol=1e-5)


def test_both_tasks_are_learnt():
    """Low and high noise: after a few steps the classifier knows which is there."""
    task, criterion = QueryRefinementTask(), build_loss(LossConfig(name="thresholded_snr"))
    net = network(NET).train()
    adam = torch.optim.Adam(net.parameters(), lr=1e-2)
    generator = torch.Generator().manual_seed(3)
    losses = []
    for _ in range(25):
        noise = torch.randn(4, 1600, generator=generator)
        low = F.avg_pool1d(noise, 16, stride=1, padding=8)[:, :1600] * 4
        high = noise.diff(dim=-1, prepend=noise[:, :1])
        low = low * torch.tensor([[1.0], [1.0], [1.0], [0.0]])
        high = high * torch.tensor([[1.0], [1.0], [0.0], [1.0]])
        present = [("bell", "rain"), ("bell", "rain"), ("bell",), ("rain",)]
        asked = [("bell",), ("rain",), ("bell",), ("rain",)]
        wanted = torch.stack([low[0], high[1], low[2], high[3]])
        queries = replace(batch(*asked, num_samples=1600), mixture=(low + high)[:, None], ids=tuple("abcd"))
        made = TrainBatch(
            queries=queries, target=wanted, present=torch.ones(4, dtype=torch.bool),
            active_classes=tuple(present),
        )  # fmt: skip
        loss = task.loss(net, made, criterion).mean()
        adam.zero_grad()
        loss.backward()
        adam.step()
        losses.append(loss.item())
    assert sum(losses[-5:]) / 5 < sum(losses[:3]) / 3 - 3.0


def test_cosine_after_the_warm_up():
    options = OptimiserConfig(schedule="warmup_cosine", warmup_steps=10)
    factors = [lr_factor(options, step=step, progress=step / 110, reductions=0) for step in (0, 9, 10, 60, 110)]
    assert factors == pytest.approx([0.1, 1.0, 1.0, 0.5, 0.0], abs=1e-12)


def test_macro_f1_from_end_to_end(tmp_path):
    from tsebench import evaluate
    from tsebench.bench.config import load_run_config
    from tsebench.bench.rows import read_rows
    from tsebench.datasets.dynamic import open_stream

    classes = open_stream("mini_sounds", split="test", seed=1, corpus_dirs={}).classes
    config = NET.model_copy(update={"classifier_pool": 8})
    torch.manual_seed(0)
    card = CheckpointCard(
        architecture="query_refinement", net=config.model_dump(), classes=classes,
        sample_rate_hz=8000, sha256="",
    )  # fmt: skip
    state = QueryRefinementNet(config, classes=classes).state_dict()
    save_checkpoint(tmp_path / "net", state=state, card=card)
    mini = (Path(tsebench.__file__).parent / "configs/datasets/mini_sounds.yaml").read_text()
    (tmp_path / "set.yaml").write_text(mini.replace("count: 40", "count: 2"))
    (tmp_path / "run.yaml").write_text(
        f"""
name: tiny
datasets: [{tmp_path / "set.yaml"}]
metrics: [macro_f1, snri]
systems:
  - {{name: query_refinement, options: {{checkpoint: {tmp_path / "net"}}}}}
"""
    )
    result = evaluate(load_run_config(str(tmp_path / "run.yaml")), out=tmp_path / "out", device="cpu", jobs=1)
    rows = read_rows(result.out)
    scores = rows[rows["metric"] == "macro_f1"]
    assert len(scores) == 2 * 4
    assert set(scores["status"]) == {"ok"}
    details = [json.loads(detail) for detail in scores["detail"]]
    assert all(details)
