"""Whisper networks from files of OpenAI's format and from checkpoints of tsebench."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import pytest
import torch
from helpers.voices import checkpoint

from tsebench.core.errors import CheckpointError, ConfigError
from tsebench.systems.shared.whisper_files import open_listener

pytest.importorskip("whisper", reason="needs openai-whisper")
OWN = {"words": "ALPHA BETA", "audio_ctx": 25, "state": 8, "heads": 2, "audio_layers": 1, "text_layers": 1}


def official(folder: Path, **changes: object) -> Path:
    """A file as `torch.save` of OpenAI's models, of a very small one."""
    from whisper.model import ModelDimensions, Whisper

    sizes = {"n_mels": 80, "n_audio_ctx": 25, "n_audio_state": 8, "n_audio_head": 2, "n_audio_layer": 1}
    sizes |= {"n_vocab": 51864, "n_text_ctx": 12, "n_text_state": 8, "n_text_head": 2, "n_text_layer": 1}
    torch.manual_seed(0)
    model = Whisper(ModelDimensions(**sizes))
    torch.nn.init.zeros_(model.decoder.positional_embedding)
    content = {"dims": asdict(model.dims), "model_state_dict": model.half().state_dict()}
    content["dims"] |= changes
    path = folder / "small.pt"
    torch.save(content, path)
    return path


def test_a_file_of_openai_is_opened_by_its_path(tmp_path):
    path = official(tmp_path)
    listener, sha256 = open_listener(str(path), sample_rate_hz=16000)
    saved = torch.load(path, weights_only=True)["model_state_dict"]
    for name, tensor in listener.model.state_dict().items():
        assert torch.equal(tensor, saved[name].float()), name
    assert len(sha256) == 64
    lengths = torch.tensor([8000])
    states = listener.states(listener.stems(torch.randn(1, 8000), lengths))
    assert states.shape == (1, 1, 25, 8)
    assert len(listener.texts(states, lengths)) == 1
    assert listener.losses(states, ["two old baskets"]).isfinite().all()


def test_a_checkpoint_of_tsebench_brings_its_words(tmp_path):
    listener, _ = open_listener(checkpoint("whisper_mixture", OWN, tmp_path), sample_rate_hz=8000)
    assert listener.vocabulary.words == ("ALPHA", "BETA")
    with pytest.raises(ConfigError, match="8000 Hz, and the data is at 16000 Hz"):
        open_listener(str(tmp_path), sample_rate_hz=16000)


@pytest.mark.parametrize("name", ["small", "large-v2", "base.en", "turbo"])
def test_a_name_is_never_downloaded(name):
    with pytest.raises(CheckpointError, match="nothing is downloaded: give the path"):
        open_listener(name, sample_rate_hz=16000)


def test_a_missing_file_is_named():
    with pytest.raises(CheckpointError, match=r"no checkpoint at '/nowhere/small\.pt'"):
        open_listener("/nowhere/small.pt", sample_rate_hz=16000)


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"n_vocab": 100}, "vocabulary of 100 tokens"),
        ({"n_audio_state": 10**9}, r"shape \(8, 80, 3\)"),
        ({"n_text_ctx": "many"}, "n_text_ctx of 'dims' is 'many'"),
    ],
)
def test_dimensions_that_do_not_fit_are_refused(tmp_path, changes, problem):
    path = official(tmp_path, **changes)
    with pytest.raises(CheckpointError, match=problem) as raised:
        open_listener(str(path), sample_rate_hz=16000)
    assert len(str(raised.value)) < 500


def test_another_file_is_refused(tmp_path):
    torch.save({"weights": torch.zeros(2)}, tmp_path / "other.pt")
    with pytest.raises(CheckpointError, match="not of openai-whisper"):
        open_listener(str(tmp_path / "other.pt"), sample_rate_hz=16000)


def test_code_in_a_file_never_runs(tmp_path):
    torch.save({"dims": Path("x"), "model_state_dict": {}}, tmp_path / "unsafe.pt")
    with pytest.raises(CheckpointError):
        open_listener(str(tmp_path / "unsafe.pt"), sample_rate_hz=16000)
