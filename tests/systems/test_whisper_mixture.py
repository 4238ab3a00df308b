"""whisper_mixture: the mixture unchanged, and what a Whisper of a small vocabulary hears in it."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from helpers.voices import Voices, checkpoint, fit, noise, train_config

from tsebench.bench.asr.counting import count_errors
from tsebench.datasets.batches import collate
from tsebench.datasets.dynamic import open_stream
from tsebench.datasets.types import Clues, Query
from tsebench.doctor.system_checks import check_system
from tsebench.systems.checkpoints.checkpoint import shipped_checkpoints
from tsebench.systems.registry import load_system
from tsebench.systems.training.data import collate as training_batch
from tsebench.systems.training.losses import LossConfig, build_loss
from tsebench.systems.whisper_mixture import NAME, WhisperTask

pytest.importorskip("whisper", reason="needs openai-whisper")
TINY = {"words": "LOW HIGH", "audio_ctx": 50, "state": 16, "heads": 2, "audio_layers": 1, "text_layers": 1}
SHIPPED = "whisper_mixture_mini"


class Speaking(Voices):
    """Voices that say what they are."""

    def __getitem__(self, index: int):
        query, truth = super().__getitem__(index)
        return query, replace(truth, transcript=truth.target_labels[0][:-1].upper())


def query(signal: torch.Tensor) -> Query:
    return Query(id="q", mixture=signal[None], sample_rate_hz=8000, clues=Clues())


def test_contract(tmp_path):
    system = load_system(NAME, checkpoint=checkpoint(NAME, TINY, tmp_path))
    results = check_system(system, sample_rate_hz=8000, lengths_s=(0.3, 2.1))
    assert [f"{r.name}: {r.detail}" for r in results if not r.passed] == []
    assert (system.card.family, system.card.clues, system.card.transcribes) == ("baseline", frozenset(), True)


def test_the_mixture_comes_back_with_a_text(tmp_path):
    system = load_system(NAME, checkpoint=checkpoint(NAME, TINY, tmp_path))
    answer = system.extract(collate([query(noise(900, 1)), query(noise(500, 2))]))
    assert torch.equal(answer.estimate[0], noise(900, 1))
    assert all(set(text.split()) <= {"LOW", "HIGH"} for text in answer.transcripts)


def test_the_target_alone_is_learned(tmp_path):
    items = [Speaking(1)[index] for index in range(4)]
    torch.manual_seed(0)
    net = WhisperTask().build(WhisperTask.net_config.model_validate(TINY), classes=()).eval()

    def losses(batch):
        return WhisperTask().loss(net, batch, build_loss(LossConfig()))

    batch = training_batch(items)
    other = replace(batch, queries=replace(batch.queries, mixture=torch.randn_like(batch.queries.mixture)))
    assert torch.equal(losses(batch), losses(other))
    assert not torch.equal(losses(batch), losses(replace(batch, target=batch.target.flip(0))))


def test_training_learns_two_words(tmp_path):
    settings = train_config(NAME, TINY, per_epoch=160, lr=1e-2).model_copy(update={"loss": LossConfig()})
    fit(settings, tmp_path, stream=Speaking(1))
    system = load_system(NAME, checkpoint=str(tmp_path))
    items = [Speaking(9)[index] for index in range(8)]
    answer = system.extract(collate([query(truth.target[0]) for _, truth in items]))
    right = [said == truth.transcript for said, (_, truth) in zip(answer.transcripts, items, strict=True)]
    assert sum(right) >= 7


@pytest.mark.long
@pytest.mark.skipif(SHIPPED not in shipped_checkpoints(), reason=f"{SHIPPED} is not shipped")
def test_the_shipped_one_understands_unseen_voices_alone_and_less_in_mixtures():
    stream = open_stream("mini_speech", split="test", seed=5, corpus_dirs={})
    items = [stream[index] for index in range(16)]
    system = load_system(NAME, checkpoint=SHIPPED)
    errors = {}
    for name, signals in {
        "alone": [truth.target[0] for _, truth in items],
        "mixed": [each.mixture[0] for each, _ in items],
    }.items():
        said = system.extract(collate([query(signal) for signal in signals])).transcripts
        errors[name] = sum(
            count_errors(str(truth.transcript), text).edits for text, (_, truth) in zip(said, items, strict=True)
        )
    assert errors["alone"] < 0.5 * 6 * len(items)
    assert errors["alone"] < errors["mixed"]
