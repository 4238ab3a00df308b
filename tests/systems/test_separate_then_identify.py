"""The cascade for speech: choice of output, its losses, its contract, and that it learns."""

from __future__ import annotations

import math

import pytest
import torch
from helpers.trees.librispeech import make_librispeech
from helpers.voices import Voices, batch, checkpoint, fit, noise, train_config
from torch.nn import functional as F

from tsebench.core.errors import ConfigError
from tsebench.core.validation import parse
from tsebench.datasets.dynamic import open_stream
from tsebench.doctor.system_checks import check_system
from tsebench.systems.nets.separate_then_identify import (
    SeparateThenIdentifyConfig,
    SeparateThenIdentifyNet,
    nearest,
    similarities,
)
from tsebench.systems.nets.speaker_head import CosineSpeakerHead
from tsebench.systems.registry import load_system
from tsebench.systems.separate_then_identify import SeparateThenIdentifyTask, identification_losses, in_order
from tsebench.systems.trainable import TASKS
from tsebench.systems.training.config import load_train_config
from tsebench.systems.training.data import collate
from tsebench.systems.training.losses import LossConfig, build_loss

NAME = "separate_then_identify"
TINY = {
    "num_filters": 16, "filter_length": 16, "bottleneck": 12, "hidden": 14, "blocks": 2,
    "stacks": 2, "voice_filters": 12, "voice_filter_length": 32, "voice_bottleneck": 10,
    "voice_hidden": 12, "voice_blocks": 2, "voice_dim": 8,
}  # fmt: skip
VARIANTS = [
    TINY,
    {**TINY, "num_outputs": 3, "mask": "relu", "skip": 6, "mixture_consistency": False},
    {**TINY, "filterbank": "stft", "filter_length": 64, "stride": 16, "speakers": 3},
]


def network(**changes: object) -> SeparateThenIdentifyNet:
    torch.manual_seed(1)
    config = SeparateThenIdentifyConfig.model_validate({**TINY, **changes})
    return SeparateThenIdentifyNet(config).eval()


@pytest.mark.parametrize("net", VARIANTS)
def test_contract(net, tmp_path):
    system = load_system(NAME, checkpoint=checkpoint(NAME, net, tmp_path))
    results = check_system(system, sample_rate_hz=8000, lengths_s=(0.3, 4.0, 30.0))
    assert [f"{r.name}: {r.detail}" for r in results if not r.passed] == []
    card = system.card
    assert (card.family, card.clues, card.causal) == ("cascade", {"enrollment"}, False)


def test_nearest_output_is_picked():
    wanted = F.normalize(torch.tensor([[1.0, 0.0], [0.0, 1.0]]), dim=-1)
    candidates = torch.tensor([[[0.6, 0.8], [0.8, -0.6]], [[-0.6, 0.8], [1.0, 0.0]]])
    cosines = similarities(candidates, wanted)
    torch.testing.assert_close(cosines, torch.tensor([[0.6, 0.8], [0.8, 0.0]]))
    outputs = torch.arange(12.0).view(2, 2, 3)
    assert torch.equal(nearest(outputs, cosines), torch.stack([outputs[0, 1], outputs[1, 0]]))


def test_estimate_is_the_output_whose_voice_is_nearest(tmp_path):
    net, system = network(), load_system(NAME, checkpoint=checkpoint(NAME, TINY, tmp_path))
    asked = batch((noise(900, 1),), (noise(1500, 2), noise(40, 3)), num_samples=1200)
    answer = system.extract(asked).estimate
    with torch.no_grad():
        for row, clues in enumerate(asked.clues):
            mixture = asked.mixture[row, :1]
            outputs = net.separator(mixture, torch.tensor([1200]))[0]
            joined = torch.cat([*clues.enrollments])
            embeddings = [net.voices(s[None], torch.tensor([len(s)]))[0] for s in (joined, *outputs)]
            cosines = [F.cosine_similarity(embeddings[0], e, dim=0) for e in embeddings[1:]]
            torch.testing.assert_close(answer[row], outputs[int(torch.stack(cosines).argmax())])


def test_level_of_outputs_does_not_change_the_choice():
    net, lengths = network(), torch.tensor([700, 500])
    outputs = torch.randn(2, 2, 700)
    outputs[1, :, 500:] = 0
    quiet = outputs * torch.tensor([1e-3, 10.0])[:, None]
    torch.testing.assert_close(net.embed_each(outputs, lengths), net.embed_each(quiet, lengths))
    alone = net.embed(outputs[1, 1:, :500], torch.tensor([500]))[0]
    torch.testing.assert_close(net.embed_each(outputs, lengths)[1, 1], alone)
    assert net.embed_each(outputs, lengths).norm(dim=-1).allclose(torch.ones(2, 2))


def test_identification_is_a_softmax_over_cosines():
    wanted = torch.tensor([[1.0, 0.0]])
    candidates = torch.tensor([[[0.8, 0.6], [0.6, -0.8], [0.0, 1.0]]])
    shared = {"temperature": 0.2}
    every = identification_losses(candidates, wanted, torch.tensor([[True] * 3]), **shared)
    # exp(0.8 / 0.2), exp(0.6 / 0.2), exp(0)
    assert every.item() == pytest.approx(-4 + math.log(math.exp(4) + math.exp(3) + 1))
    two = identification_losses(candidates, wanted, torch.tensor([[True, True, False]]), **shared)
    assert two.item() == pytest.approx(-4 + math.log(math.exp(4) + math.exp(3)))
    # What is wanted counts in any case, so that the loss stays finite where it is silent.
    none = identification_losses(candidates, wanted, torch.tensor([[False] * 3]), **shared)
    assert none.item() == 0.0


def test_outputs_come_in_the_order_of_the_sources():
    outputs = torch.randn(2, 3, 5)
    chosen = torch.tensor([[2, 0, 1], [0, 2, 1]])
    ordered = in_order(outputs, chosen)
    assert torch.equal(ordered[0], outputs[0, [2, 0, 1]])
    assert torch.equal(ordered[1], outputs[1, [0, 2, 1]])


def test_speaker_head_takes_cosines():
    torch.manual_seed(3)
    head = CosineSpeakerHead(embedding_dim=5, num_speakers=3, temperature=0.5)
    embedding = 7.0 * torch.randn(2, 5)
    expected = F.cosine_similarity(embedding[:, None], head.linear.weight[None], dim=-1) / 0.5
    torch.testing.assert_close(head(embedding), expected)
    losses = head.loss(embedding, ("ann", "bob"))
    logs = expected.log_softmax(dim=-1)
    torch.testing.assert_close(losses, -torch.stack([logs[0, 0], logs[1, 1]]))


def test_loss_is_that_of_its_parts():
    task, criterion = SeparateThenIdentifyTask(), build_loss(LossConfig())
    items = collate([Voices(1)[index] for index in range(4)], sources=True)
    net = network(speakers=4, speaker_loss=0.3, identification_loss=0.7, temperature=0.2)
    mixture, lengths = items.queries.mixture[:, 0], items.queries.lengths
    with torch.no_grad():
        names = ["low0", "high0", "low1", "high1"]
        found, expected, named = task.loss(net, items, criterion), [], []
        for row in range(4):
            target, other = items.target[row], items.interferers[row][0]
            outputs = net.separator(mixture[row : row + 1], lengths[:1])[0]

            def residual(estimate, source):
                return 10 * math.log10((source - estimate).square().sum() / source.square().sum())

            sums = [residual(outputs[n], target) + residual(outputs[1 - n], other) for n in (0, 1)]
            best = int(sums[1] < sums[0])
            signals = [(target, other), (outputs[best], outputs[1 - best])]
            enrollment = items.queries.clues[row].enrollments[0]
            wanted = net.embed(enrollment[None], torch.tensor([len(enrollment)]))[0]
            picking = 0.0
            logits = [net.speakers(wanted[None])]
            for pair in signals:
                voices = [net.embed(s[None], lengths[:1])[0] for s in pair]
                cosines = torch.stack([v @ wanted for v in voices]) / 0.2
                picking -= cosines.log_softmax(0)[0].item() / 2
                logits.append(net.speakers(voices[0][None]))
            expected.append(sums[best] / 2 + 0.7 * picking)
            named.append(-torch.cat(logits).log_softmax(-1)[:, row].mean())
        torch.testing.assert_close(found, torch.tensor(expected), rtol=1e-4, atol=1e-4)
        assert (net.speakers.keys == 0).all()
        with_names = task.loss(net.train(), items, criterion)
        assert [net.speakers.output_of(name) for name in names] == [0, 1, 2, 3]
    torch.testing.assert_close(
        with_names, found + 0.3 * torch.stack(named), rtol=1e-4, atol=1e-4
    )  # fmt: skip


def test_embedder_does_not_reach_the_separator():
    task, criterion = SeparateThenIdentifyTask(), build_loss(LossConfig())
    items = collate([Voices(1)[index] for index in range(4)], sources=True)
    gradients = []
    for weight in (0.0, 5.0):
        net = network(speakers=4, identification_loss=weight, speaker_loss=weight).train()
        task.loss(net, items, criterion).mean().backward()
        gradients.append([p.grad for p in net.separator.parameters()])
        assert all(bool(p.grad.any()) == (weight > 0) for p in net.voices.output.parameters())
    torch.testing.assert_close(gradients[0], gradients[1])


@pytest.mark.long
@pytest.mark.parametrize("speakers", [0, 4])
def test_it_learns_and_the_system_opens_what_it_wrote(speakers, tmp_path):
    net = {**TINY, "num_filters": 24, "hidden": 16, "speakers": speakers}
    settings = train_config(
        NAME, net, per_epoch=160, batch_size=8, epochs=5, lr=1e-2, schedule="cosine",
    )  # fmt: skip
    result = fit(settings, tmp_path)
    system = load_system(NAME, checkpoint=str(result.checkpoint))
    asked = collate([Voices(3)[index] for index in range(16)])
    estimate = system.extract(asked.queries).estimate
    residual = (estimate - asked.target).square().sum(-1)
    snr_db = 10 * torch.log10(asked.target.square().sum(-1) / residual)
    # The other voice has −3 dB, the mixture 0 dB: the right output is picked every time.
    assert snr_db.min() > 3.0
    assert snr_db.mean() > 6.0


def test_more_voices_than_outputs_are_refused():
    items = collate([Voices(1)[0]], sources=True)
    crowded = [torch.cat([items.interferers[0]] * 2)]
    task = SeparateThenIdentifyTask()
    with pytest.raises(ConfigError, match=r"3 sources, background included, but net.num_outputs"):
        task.loss(
            network(),
            type(items)(
                queries=items.queries, target=items.target, present=items.present,
                target_labels=items.target_labels, interferers=tuple(crowded),
            ),
            build_loss(LossConfig()),
        )  # fmt: skip


def test_full_size_is_conv_tasnet():
    config = load_train_config(NAME)
    net_config = parse(SeparateThenIdentifyConfig, config.net, where="net")
    with torch.device("meta"):
        net = TASKS.get(NAME).build(net_config, classes=())
    count = sum(p.numel() for p in net.separator.parameters())
    # Luo and Mesgarani (2019), Table II: 5.1 million parameters.
    assert count == pytest.approx(5.1e6, rel=0.02)


def test_full_size_draws_from_librispeech(tmp_path):
    frames = {
        f"train-clean-100/{speaker}/{chapter}/{speaker}-{chapter}-{number:04d}.flac": 16_000
        for speaker, chapter in ((61, 7), (121, 8))
        for number in range(3)
    }
    root = make_librispeech(tmp_path, frames)
    data = load_train_config(NAME).data
    stream = open_stream(
        data.dataset, split=data.train_split, seed=0, corpus_dirs={"librispeech": root},
        overrides=data.overrides,
    )  # fmt: skip
    query, truth = stream[0]
    assert stream.sample_rate_hz == 8000
    assert truth.target_labels[0] in {"61", "121"}
    assert len(query.clues.enrollments) == len(truth.interferers) == 1
