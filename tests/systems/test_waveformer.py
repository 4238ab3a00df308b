"""Waveformer: its size, its chunks, and files of the public code against a second implementation."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import pytest
import torch
from helpers.waveformer_files import PARAMS, reference, saved, shapes, weights

from tsebench.core.errors import CheckpointError, ConfigError
from tsebench.core.validation import parse
from tsebench.datasets.batches import collate
from tsebench.datasets.types import Clues, Query
from tsebench.systems.nets.waveformer import WaveformerConfig, WaveformerNet
from tsebench.systems.registry import load_system
from tsebench.systems.shared.fsdkaggle2018 import CLASSES

PUBLISHED = {**PARAMS, "L": 32, "enc_dim": 256, "num_enc_layers": 10, "dec_dim": 128, "num_dec_layers": 1}
PUBLISHED |= {"dec_buf_len": 13, "dec_chunk_size": 13, "out_buf_len": 4}


def query(num_samples: int, *labels: str) -> Query:
    mixture = 0.2 * torch.randn(1, num_samples, generator=torch.Generator().manual_seed(num_samples))
    return Query(id=f"q{num_samples}", mixture=mixture, sample_rate_hz=44_100, clues=Clues(classes=labels))


def test_defaults_are_the_published_network():
    with torch.device("meta"):
        net = WaveformerNet(WaveformerConfig(), classes=CLASSES)
    ours = sum(tensor.numel() for tensor in net.state_dict().values())
    assert ours == sum(torch.Size(shape).numel() for shape in shapes(PUBLISHED).values())
    config = net.config
    assert (config.chunk_samples, config.lookahead_samples) == (416, 32)
    assert (config.chunk_samples + config.lookahead_samples) / 44.1 == pytest.approx(10.16, abs=0.01)  # ms


@pytest.mark.parametrize("num_samples", [8 * 13, 101, 3])
def test_public_file_answers_as_the_second_implementation(tmp_path, num_samples):
    system = load_system("waveformer_repo", model=saved(tmp_path))
    asked = query(num_samples, "Bark", "Writing")
    answer = system.extract(collate([asked, query(150, "Gong")])).estimate[0, :num_samples]
    wanted = torch.tensor([float(label in asked.clues.classes) for label in CLASSES])
    padded = torch.nn.functional.pad(asked.mixture[0], (0, -num_samples % 8))
    expected = reference(weights(PARAMS), PARAMS, padded, wanted)[:num_samples]
    assert expected.abs().max() > 0.05
    torch.testing.assert_close(answer, expected, atol=2e-5, rtol=0)


def test_card_of_a_public_file(tmp_path):
    card = load_system("waveformer_repo", model=saved(tmp_path)).card
    assert (card.sample_rate_hz, card.causal, card.chunk_samples, card.lookahead_samples) == (44_100, True, 32, 8)
    assert card.classes == CLASSES == tuple(sorted(CLASSES, key=str.lower))
    assert len(CLASSES) == 41


def test_what_does_not_fit_is_one_line(tmp_path):
    model = Path(saved(tmp_path))
    config = tmp_path / "default_config.json"
    good = config.read_text()
    for params, message in (
        ({**PARAMS, "proj": False}, "proj = False is not supported"),
        ({**PARAMS, "label_len": 20}, "label_len must be 41"),
        ({**PARAMS, "kernel": 3}, "model_params names 'kernel'"),
        ({**PARAMS, "enc_dim": 64}, "but the network of its card.json needs"),
    ):
        config.write_text(json.dumps({"model_params": params}))
        with pytest.raises(CheckpointError, match=message) as caught:
            load_system("waveformer_repo", model=str(model))
        assert "\n" not in str(caught.value)
    config.write_text("[]")
    with pytest.raises(CheckpointError, match="no JSON table with model_params"):
        load_system("waveformer_repo", model=str(model))
    config.unlink()
    with pytest.raises(CheckpointError, match=r"no default_config\.json or config\.json next to"):
        load_system("waveformer_repo", model=str(model))
    config.write_text(good)
    torch.save({"net.weight": torch.zeros(2)}, model)
    with pytest.raises(CheckpointError, match="has no 'model_state_dict'"):
        load_system("waveformer_repo", model=str(model))
    torch.save({"model_state_dict": {"in_conv.1.weight": torch.zeros(2)}}, model)
    with pytest.raises(CheckpointError, match=r"has no weight 'in_conv\.1\.weight'"):
        load_system("waveformer_repo", model=str(model))


class Evil:
    def __reduce__(self):
        return (pickle.loads, (b"",))


def test_nothing_in_a_file_is_run(tmp_path):
    model = saved(tmp_path)
    torch.save({"model_state_dict": weights(PARAMS), "train_metrics": Evil()}, model)
    with pytest.raises(CheckpointError, match="nothing in it was run"):
        load_system("waveformer_repo", model=model)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"decoder_dim": 96}, "divide encoder_dim = 256"),
        ({"chunk": 190}, "more than 200"),
        ({"encoder_layers": 0}, "greater than 0"),
    ],
)
def test_wrong_sizes_are_one_line(changes, message):
    with pytest.raises(ConfigError, match=message):
        parse(WaveformerConfig, changes, where="net")
