"""The runner scripts of docs/examples, with stand-ins for the public code that they call."""

from __future__ import annotations

import json
import runpy
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from helpers.paths import ROOT

RUNNERS = ROOT / "docs/examples/runners"
RATE = 16000

# Modules of each clone, with the arguments and shapes that its own scripts use.
SOLOAUDIO = {
    "diffusers/__init__.py": """
from types import SimpleNamespace
class DDIMScheduler:
    def __init__(self, **kwargs): assert kwargs == {"num_train_timesteps": 1000}
    def set_timesteps(self, steps): self.timesteps = list(range(steps))
    def step(self, model_output, timestep, sample, eta, generator): return SimpleNamespace(prev_sample=model_output)
""",
    "transformers/__init__.py": """
import torch
class AutoProcessor:
    @classmethod
    def from_pretrained(cls, name): return cls()
    def __call__(self, audios=None, sampling_rate=None, text=None, return_tensors=None, padding=None):
        return {"input_features": torch.ones(1, 4)} if text is None else {"input_ids": torch.ones(len(text), 3)}
class ClapModel(torch.nn.Module):
    @classmethod
    def from_pretrained(cls, name): return cls()
    def get_audio_features(self, input_features): return torch.full((len(input_features), 512), 0.5)
    def get_text_features(self, input_ids): return torch.full((len(input_ids), 512), 0.25)
""",
    "model/udit.py": """
import torch
class UDiT(torch.nn.Module):
    def __init__(self, hidden): super().__init__(); self.w = torch.nn.Parameter(torch.zeros(hidden))
    def forward(self, x, timesteps, mixture, timbre): return mixture * timbre.mean() * self.w.mean()
""",
    "vae_modules/autoencoder_wrapper.py": """
import torch
class Autoencoder(torch.nn.Module):
    def __init__(self, path, kind, quantization_first): super().__init__()
    def forward(self, audio=None, embedding=None):
        if audio is not None: return audio[..., : audio.shape[-1] // 8 * 8].reshape(1, -1, 8).transpose(1, 2)
        return embedding.transpose(1, 2).reshape(1, 1, -1)
""",
}
AD_FLOWTSE = {
    "eval.py": """
import torch
def pad_and_reshape(spectrum, multiple):
    assert spectrum.ndim == 3
    padded = torch.nn.functional.pad(spectrum, (0, -spectrum.shape[-1] % multiple))
    return torch.cat(padded.split(multiple, dim=-1)), spectrum.shape[-1]
def reshape_and_remove_padding(spectrum, length): return torch.cat([*spectrum[:, None]], dim=-1)[..., :length]
""",
    "train.py": """
import torch, yaml
class LightningModule(torch.nn.Module):
    @classmethod
    def load_from_checkpoint(cls, path, config, map_location): assert path == "best.ckpt"; return cls()
def parse_config(path): return yaml.safe_load(__import__('pathlib').Path(path).read_text())
""",
    "utils/transforms.py": """
import torch
def stft_torch(x, n_fft, hop_length, win_length):
    whole = torch.stft(x, n_fft, hop_length, win_length, torch.hann_window(win_length), return_complex=True)
    return torch.cat([whole.real, whole.imag])
def istft_torch(x, n_fft, hop_length, win_length, length):
    whole = torch.complex(*x.chunk(2, dim=1))
    return torch.istft(whole, n_fft, hop_length, win_length, torch.hann_window(win_length), length=length)
""",
    "flow_matching/solver/ode_solver.py": """
class ODESolver:
    def __init__(self, velocity_model): pass
    def sample(self, time_grid, x_init, method, step_size, enrollment):
        assert time_grid.tolist() == [0.5, 1.0] and (method, step_size) == ("euler", 1.0)
        assert enrollment.shape[0] == x_init.shape[0] and enrollment.shape[2] == x_init.shape[2] == 376
        return 0.5 * x_init
""",
    "config.yaml": """
dataset: {sample_rate: 16000, n_fft: 510, hop_length: 128, win_length: 510}
eval: {checkpoint: best.ckpt, t_predicter: none.ckpt}
solver: {method: euler, test_step_size: 1.0}
""",
}
AUDIOSEP = {
    "models/clap_encoder.py": """
import torch
class CLAP_Encoder(torch.nn.Module):
    def get_query_embed(self, modality, text):
        assert modality == "text" and not any("_" in each for each in text)
        return torch.stack([torch.full((512,), float(len(each))) for each in text])
"""
}
CLAPSEP = {
    "model/CLAPSep.py": """
import torch
class Clap:
    def get_text_embedding(self, texts, use_tensor):
        return torch.stack([torch.full((512,), 0.01 * len(text)) for text in texts])
class CLAPSep(torch.nn.Module):
    def __init__(self, sizes, clap):
        super().__init__()
        self.w, self.clap_model = torch.nn.Parameter(torch.zeros(1)), Clap()
    def inference_from_data(self, mixture, wanted, unwanted):
        assert mixture.shape == (1, 320000) and wanted.shape == unwanted.shape == (1, 512)
        assert mixture.abs().max() <= 1
        return self.w * (wanted.mean() - unwanted.mean()) * mixture
"""
}
LAURATSE = {
    "src/infer.py": """
import argparse, pathlib, soundfile
p = argparse.ArgumentParser()
for name in "mix_wav_scp ref_wav_scp output_dir config model_ckpt codec_model_file codec_config_file".split():
    p.add_argument("--" + name, required=True)
p.add_argument("--num_proc", type=int); p.add_argument("--gpus", nargs="+")
a = p.parse_args()
out = pathlib.Path(a.output_dir); out.mkdir()
rows = [[dict(line.split() for line in open(f))] for f in (a.mix_wav_scp, a.ref_wav_scp)]
assert rows[0][0].keys() == rows[1][0].keys()
for name, path in rows[0][0].items():
    x, rate = soundfile.read(path)
    soundfile.write(out / (pathlib.Path(path).stem + ".wav"), 0.5 * x[:-100], rate, subtype="FLOAT")
"""
}


@pytest.fixture
def clone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Writes the stand-ins, and makes them what Python imports; real packages come back at the end."""
    before = dict(sys.modules)
    names = {"models", "diffusers", "transformers", "model", "vae_modules", "eval", "train", "utils", "flow_matching"}

    def made(files: dict[str, str]) -> Path:
        for name, text in files.items():
            path = tmp_path / "clone" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        for name in [each for each in sys.modules if each.partition(".")[0] in names]:
            del sys.modules[name]
        monkeypatch.chdir(tmp_path / "clone")
        monkeypatch.syspath_prepend(str(tmp_path / "clone"))
        return tmp_path / "clone"

    yield made
    for name in [each for each in sys.modules if each.partition(".")[0] in names]:
        del sys.modules[name]
    sys.modules.update({name: module for name, module in before.items() if name.partition(".")[0] in names})


def batch(folder: Path, rate: int) -> tuple[str, list[np.ndarray]]:
    """A batch file as the system `command` writes it, and its mixtures."""
    queries, mixtures = [], []
    for number, frames in enumerate((rate // 2 + 3, 4 * rate)):
        place = folder / f"query-{number}"
        place.mkdir()
        rng = np.random.default_rng(number)
        mixtures.append(0.1 * rng.standard_normal(frames))
        soundfile.write(place / "mixture.wav", mixtures[-1], rate, subtype="FLOAT")
        soundfile.write(place / "enrollment-0.wav", 0.1 * rng.standard_normal(rate), rate, subtype="FLOAT")
        paths = {"mixture": str(place / "mixture.wav"), "output": str(place / "output.wav")}
        more = {"enrollments": [str(place / "enrollment-0.wav")], "seed": number, "sample_rate_hz": rate}
        texts = {"classes": [], "text": None, "negative_text": None}
        queries.append({"id": str(number), **texts, **paths, **more})
    (folder / "batch.json").write_text(json.dumps(queries))
    return str(folder / "batch.json"), mixtures


def run(script: str, *arguments: str) -> dict[str, object]:
    old = sys.argv
    try:
        sys.argv = [script, *arguments]
        return runpy.run_path(str(RUNNERS / script), run_name="__main__")
    finally:
        sys.argv = old


def answers(folder: Path, rate: int) -> list[np.ndarray]:
    found = [soundfile.read(folder / f"query-{number}/output.wav") for number in range(2)]
    assert [each for _, each in found] == [rate, rate]
    return [samples for samples, _ in found]


def test_soloaudio(clone, tmp_path: Path) -> None:
    folder = clone(SOLOAUDIO)
    (folder / "config").mkdir()
    config = "ddim: {diffusers: {num_train_timesteps: 1000}}\ndiffwrap: {UDiT: {hidden: 3}}\n"
    (folder / "config/SoloAudio.yaml").write_text(config)
    (folder / "pretrained_models").mkdir()
    torch.save({"model": {"w": torch.full((3,), 2.0)}}, folder / "pretrained_models/soloaudio_v2.pt")
    file, mixtures = batch(tmp_path, 48000)  # the rate of CLAP: nothing to resample
    run("soloaudio_batch.py", file)
    for found, mixture in zip(answers(tmp_path, 48000), mixtures, strict=True):
        whole = len(mixture) // 8 * 8
        np.testing.assert_allclose(found[:whole], mixture[:whole], atol=1e-6)
        assert len(found) == len(mixture)


def test_embeddings_of_clap(clone, tmp_path: Path) -> None:
    clone(SOLOAUDIO)
    run("clap_embeddings.py", str(tmp_path / "embeddings.json"), "Bark", "a bell")
    found = json.loads((tmp_path / "embeddings.json").read_text())
    assert list(found) == ["Bark", "a bell", ""]
    assert {len(row) for row in found.values()} == {512}


def test_embeddings_of_audiosep(clone, tmp_path: Path) -> None:
    clone(AUDIOSEP)
    clues = [{"text": "A bell", "classes": ["bell", "dog_bark"]}, {"text": None, "classes": ["dog bark"]}]
    (tmp_path / "trials.jsonl").write_text("".join(json.dumps({"clue": clue}) + "\n" for clue in clues))
    run("audiosep_embeddings.py", str(tmp_path / "embeddings.json"), str(tmp_path / "trials.jsonl"), "rain")
    found = json.loads((tmp_path / "embeddings.json").read_text())
    assert {text: row[511] for text, row in found.items()} == {"A bell": 6, "bell": 4, "dog_bark": 8, "rain": 4}


def test_clapsep(clone, tmp_path: Path) -> None:
    folder = clone(CLAPSEP)
    torch.save({"w": torch.full((1,), 2.0)}, folder / "model/best_model.ckpt")
    file, mixtures = batch(tmp_path, 32000)
    queries = json.loads(Path(file).read_text())
    queries[0] |= {"text": "x" * 50, "negative_text": "x" * 10}
    queries[1] |= {"classes": ["x" * 30]}
    loud = 30 * mixtures[1]
    soundfile.write(queries[1]["mixture"], loud, 32000, subtype="FLOAT")
    Path(file).write_text(json.dumps(queries))
    run("clapsep_batch.py", file)
    for found, expected in zip(answers(tmp_path, 32000), (0.8 * mixtures[0], 0.6 * loud), strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-4)


def test_ad_flowtse(clone, tmp_path: Path) -> None:
    clone(AD_FLOWTSE)
    file, mixtures = batch(tmp_path, RATE)
    run("ad_flowtse_batch.py", "config.yaml", file)
    for found, mixture in zip(answers(tmp_path, RATE), mixtures, strict=True):
        np.testing.assert_allclose(found, 0.5 * mixture, atol=1e-5)


def test_lauratse(clone, tmp_path: Path) -> None:
    clone(LAURATSE)
    file, mixtures = batch(tmp_path, RATE)
    run("lauratse_batch.py", "config.yaml", "model.pth", "codec.pth", "codec.yaml", file)
    for found, mixture in zip(answers(tmp_path, RATE), mixtures, strict=True):
        assert len(found) == len(mixture)
        np.testing.assert_allclose(found[:-100], 0.5 * mixture[:-100], atol=1e-6)
        assert not found[-100:].any()
