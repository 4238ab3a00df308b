"""TD-SpeakerBeam: its size, its adapted block, its contract, and that it learns."""

from __future__ import annotations

import pytest
import torch
from helpers.voices import Voices, batch, checkpoint, fit, noise, train_config

from tsebench.core.errors import ConfigError, ExtractionError
from tsebench.doctor.system_checks import check_system
from tsebench.systems.checkpoints.checkpoint import load_checkpoint
from tsebench.systems.nets.enrollment import StackEmbedder, join_enrollments, mean_over_frames
from tsebench.systems.nets.filterbank import Encoder
from tsebench.systems.nets.speaker_head import SpeakerHead
from tsebench.systems.nets.tcn import BlockSizes
from tsebench.systems.nets.td_speakerbeam import TdSpeakerBeamConfig, TdSpeakerBeamNet
from tsebench.systems.registry import load_system
from tsebench.systems.training.data import collate
from tsebench.systems.training.losses import LossConfig, build_loss

NAME = "td_speakerbeam"
TINY = {"num_filters": 12, "filter_length": 16, "bottleneck": 8, "hidden": 10, "blocks": 2}
TINY |= {"stacks": 2, "embedding_dim": 8, "skip": 8}
NO_SKIP = {**TINY, "skip": 0}
VARIANTS = [
    TINY,
    {**NO_SKIP, "encoder": "relu", "mask": "sigmoid"},
    {**TINY, "conditioning": "film", "embedding_dim": 5},
    {**TINY, "adapted": "features"},
    {**TINY, "conditioning": "concatenation", "skip": 6},
    {**NO_SKIP, "conditioning": "addition", "aux_filter_length": 64, "aux_blocks": 3},
    {**TINY, "norm": "cumulative", "causal": True},
]


def network(**changes: object) -> TdSpeakerBeamNet:
    torch.manual_seed(1)
    return TdSpeakerBeamNet(TdSpeakerBeamConfig.model_validate({**TINY, **changes})).eval()


def test_number_of_parameters_is_that_of_the_public_recipe():
    n, length, b, h, p, sc, x, r = 512, 16, 128, 512, 3, 128, 8, 3
    block = (b * h + h + 1 + 2 * h) + (h * p + h + 1 + 2 * h) + (h + 1) * (b + sc)
    before = 2 * n + (n + 1) * b
    extraction = before + x * r * block + 1 + (sc + 1) * n
    auxiliary = before + x * block + 1 + (sc + 1) * 2 * b
    with torch.device("meta"):
        net = TdSpeakerBeamNet(TdSpeakerBeamConfig())
    count = sum(parameter.numel() for parameter in net.parameters())
    assert count == 3 * n * length + extraction + auxiliary
    assert count == pytest.approx(6.70e6, rel=1e-3)


@pytest.mark.parametrize("net", VARIANTS)
def test_contract(net, tmp_path):
    system = load_system(NAME, checkpoint=checkpoint(NAME, net, tmp_path))
    results = check_system(system, sample_rate_hz=8000, lengths_s=(0.3, 4.0))
    assert [f"{r.name}: {r.detail}" for r in results if not r.passed] == []
    card = system.card
    assert (card.clues, card.padding_neutral) == ({"enrollment"}, True)
    assert card.causal == net.get("causal", False)
    assert (card.sample_rate_hz, card.training_data) == (8000, ("voices/train",))
    assert card.options["hidden"] == 10


def test_long_mixtures_are_answered(tmp_path):
    system = load_system(NAME, checkpoint=checkpoint(NAME, NO_SKIP, tmp_path))
    results = check_system(system, sample_rate_hz=8000, lengths_s=(30.0,))
    assert results[0].passed, results[0].detail


@pytest.mark.parametrize("adapted", ["block", "features"])
@pytest.mark.parametrize("skip", [0, 8])
def test_clue_multiplies_what_the_first_stack_ends_with(skip, adapted):
    extractor = network(skip=skip, blocks=3, adapted=adapted).extractor
    encoded, halves = torch.rand(2, 12, 40), torch.randn(2, 2, 8)
    embedding = halves.flatten(1) if skip else halves[:, 0]
    with torch.no_grad():
        answer = extractor._mask_logits(encoded, embedding, None)
        features = extractor.bottleneck(extractor.norm(encoded, None))
        total = torch.zeros_like(features)
        for number in range(6):
            stack = (extractor.before[0], extractor.after[0])[number // 3]
            after, skipped = stack.blocks[number % 3](features, None)
            gains = halves[..., None] if number == 2 else torch.ones(2, 2, 8, 1)
            before = features if adapted == "block" else torch.zeros_like(features)
            summed = total if adapted == "block" else torch.zeros_like(total)
            features = before + gains[:, 0] * (after - before)
            total = summed + gains[:, 1] * (total - summed + skipped) if skip else features
        expected = extractor.output(extractor.output_activation(total))
    torch.testing.assert_close(answer, expected, atol=2e-6, rtol=1e-5)


def test_encoder_is_linear_unless_asked():
    signal = torch.randn(1, 400)
    assert network().extractor.encoder(signal).min() < 0
    assert network(encoder="relu").extractor.encoder(signal).min() == 0
    assert network(encoder="relu").auxiliary.encoder(signal).min() == 0


def test_auxiliary_network_may_be_smaller():
    auxiliary = network(aux_filter_length=64, aux_num_filters=20, aux_hidden=6, aux_blocks=3)
    encoder = auxiliary.auxiliary.encoder
    assert (encoder.filter_length, encoder.stride, len(encoder.filters.weight)) == (64, 32, 20)
    assert [len(b.widen.weight) for b in auxiliary.auxiliary.stack.blocks] == [6, 6, 6]


def test_embedding_is_the_mean_over_true_frames_and_ignores_the_level():
    torch.manual_seed(2)
    sizes = BlockSizes(bottleneck=6, hidden=7, kernel=3, skip=5)
    encoder = Encoder(num_filters=9, filter_length=8, stride=4)
    embedder = StackEmbedder(encoder, sizes, blocks=2, embedding_dim=4)
    signals = [noise(333, 1), 1e-4 * noise(801, 2)]
    joined, lengths = join_enrollments([(s,) for s in signals], device="cpu")
    with torch.no_grad():
        together = embedder(joined, lengths)
        for row, signal in enumerate(signals):
            for gain in (1.0, 1e3):
                alone = embedder(gain * signal[None], torch.tensor([len(signal)]))[0]
                torch.testing.assert_close(together[row], alone, rtol=1e-4, atol=1e-6)


def test_mean_over_frames_is_its_formula():
    features, mask = torch.randn(2, 3, 5), torch.tensor([[[1.0, 1, 1, 1, 1]], [[1, 1, 0, 0, 0]]])
    answer = mean_over_frames(features, mask)
    torch.testing.assert_close(answer[0], features[0].mean(-1))
    torch.testing.assert_close(answer[1], features[1, :, :2].mean(-1))


def test_several_enrollments_are_heard_one_after_the_other(tmp_path):
    system = load_system(NAME, checkpoint=checkpoint(NAME, TINY, tmp_path))
    first, second = noise(300, 1), noise(500, 2)
    asked = batch((first, second), (torch.cat([first, second]),), (second,))
    asked.mixture[:] = asked.mixture[:1].clone()
    answer = system.extract(asked).estimate
    torch.testing.assert_close(answer[0], answer[1])
    assert (answer[0] - answer[2]).abs().max() > 1e-4


def test_query_without_enrollment_fails_alone(tmp_path):
    system = load_system(NAME, checkpoint=checkpoint(NAME, TINY, tmp_path))
    enrollment = noise(400, 3)
    asked = batch((), (enrollment,), (torch.zeros(0),))
    answer = system.extract(asked)
    assert set(answer.failures) == {"q0", "q2"}
    assert "has no enrollment" in answer.failures["q0"]
    full = system.extract(batch((enrollment,), (enrollment,), (enrollment,)))
    torch.testing.assert_close(answer.estimate[1], full.estimate[1])


def test_damaged_or_silent_enrollment_costs_only_its_own_query(tmp_path):
    system = load_system(NAME, checkpoint=checkpoint(NAME, TINY, tmp_path))
    good, bad = noise(400, 3), noise(500, 4)
    clean = system.extract(batch((good,), (bad,))).estimate
    bad[7] = torch.nan
    answer = system.extract(batch((good,), (bad,))).estimate
    torch.testing.assert_close(answer[0], clean[0])
    assert torch.isfinite(system.extract(batch((torch.zeros(400),))).estimate).all()


def test_wrong_rate_is_refused(tmp_path):
    system = load_system(NAME, checkpoint=checkpoint(NAME, TINY, tmp_path))
    with pytest.raises(ExtractionError, match="works at 8000 Hz, but the batch is at 16000 Hz"):
        system.extract(batch((noise(400, 1),), rate=16000))


def test_it_learns_and_the_system_opens_what_it_wrote(tmp_path):
    net = {**NO_SKIP, "num_filters": 24, "bottleneck": 12, "embedding_dim": 12, "hidden": 16}
    settings = train_config(NAME, net, per_epoch=160, batch_size=8, epochs=5, lr=1e-2, schedule="cosine")
    result = fit(settings, tmp_path)
    # The mixture itself has a loss of 0 dB, and so has the wrong voice or silence.
    assert result.best_loss < -6.0
    system = load_system(NAME, checkpoint=str(result.checkpoint))
    asked = collate([Voices(3)[index] for index in range(16)])
    estimate = system.extract(asked.queries).estimate
    residual = (estimate - asked.target).square().sum(-1)
    snr_db = 10 * torch.log10(asked.target.square().sum(-1) / residual)
    assert snr_db.mean() > 6.0


def test_run_with_a_speaker_loss_goes_on_where_it_stopped(tmp_path):
    net = {**TINY, "speakers": 4}
    whole = fit(train_config(NAME, net, epochs=3), tmp_path / "whole")
    fit(train_config(NAME, net, epochs=1), tmp_path / "parts")
    resumed = fit(train_config(NAME, net, epochs=3), tmp_path / "parts")
    assert (tmp_path / "whole/model.pt").read_bytes() == (tmp_path / "parts/model.pt").read_bytes()
    assert resumed.best_loss == whole.best_loss
    assert (load_checkpoint(tmp_path / "whole", architecture=NAME).state["speakers.keys"] > 0).all()
    load_system(NAME, checkpoint=str(tmp_path / "whole"))


def test_speaker_loss_is_a_cross_entropy_that_knows_names():
    torch.manual_seed(3)
    head = SpeakerHead(embedding_dim=5, num_speakers=3)
    embedding = torch.randn(3, 5)
    losses = head.loss(embedding, ("ann", "bob", "ann"))
    logs = head.linear(embedding).log_softmax(dim=-1)
    torch.testing.assert_close(losses, -torch.stack([logs[0, 0], logs[1, 1], logs[2, 0]]))
    other = SpeakerHead(embedding_dim=5, num_speakers=3)
    other.load_state_dict(head.state_dict())
    assert (other.output_of("bob"), other.output_of("cy")) == (1, 2)


def test_unfit_training_data_is_one_line(tmp_path):
    with pytest.raises(ConfigError, match=r"one more than net.speakers = 3"):
        fit(train_config(NAME, {**TINY, "speakers": 3}), tmp_path / "a")
    with pytest.raises(ConfigError, match="trial 'm0' of the training data has no enrollment"):
        fit(train_config(NAME, TINY), tmp_path / "b", stream=Voices(1, enrolled=False))


def test_si_sdr_loss_ignores_level_and_mean():
    reference = noise(800, 1)[None]
    residual = noise(800, 2)[None]
    batch = {"reference": reference, "mixture": reference, "present": torch.tensor([True])}
    loss = build_loss(LossConfig(name="neg_si_sdr"))
    first = loss(estimate=reference + 0.1 * residual, **batch)
    other = loss(estimate=3.0 * (reference + 0.1 * residual) + 0.5, **batch)
    torch.testing.assert_close(first, other, rtol=1e-4, atol=1e-4)
    assert first.item() == pytest.approx(-20.0, abs=1.0)
    with pytest.raises(ConfigError, match="'neg_si_sdr' has no value where the target is absent"):
        loss(estimate=reference, **{**batch, "present": torch.tensor([False])})
