"""Asteroid's separation models: the same outputs, the right choice of one, the contract."""

from __future__ import annotations

import importlib
import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from helpers.asteroid_models import MODELS, peer, saved
from helpers.small_nets import random_checkpoint
from helpers.voices import batch, noise, voice
from torch import Tensor

from tsebench.core.errors import CheckpointError
from tsebench.datasets.signals.audio import resample
from tsebench.datasets.types import Truth
from tsebench.doctor.system_checks import check_system
from tsebench.systems.asteroid import Asteroid, AsteroidOracle, Separation
from tsebench.systems.protocol import QueryBatch
from tsebench.systems.registry import load_system
from tsebench.systems.shared import speaker_embedders

RATE_HZ = 8000
pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("asteroid") is None, reason="asteroid is not installed: pip install 'tsebench[asteroid]'"
)


@pytest.fixture
def embedder(tmp_path: Path) -> str:
    return random_checkpoint("separate_then_identify_mini", tmp_path / "embedder")


@pytest.mark.parametrize("name", MODELS)
def test_outputs_are_those_of_asteroid(name, tmp_path):
    separation = Separation("asteroid", model=saved(name, tmp_path), device="cpu")
    asked = batch((noise(900, 1),), (noise(900, 2),), num_samples=4000)
    lengths = [4000, 3100]
    asked.lengths.copy_(torch.tensor(lengths))
    asked.mixture[1, :, 3100:] = 7.0  # padding must not be used
    with torch.inference_mode():
        found = separation.outputs(asked)
        for row, length in enumerate(lengths):
            expected = peer(name)(asked.mixture[row, :, :length])[0]
            assert found[row].shape == (MODELS[name]["n_src"], length)
            torch.testing.assert_close(found[row], expected, atol=1e-6, rtol=0)
    card = separation.card
    assert (card.sample_rate_hz, card.options["model_name"]) == (RATE_HZ, name)
    assert card.options["trained_on"] == "Libri2Mix"


@pytest.mark.parametrize("name", MODELS)
def test_lightning_checkpoint_of_a_recipe_is_the_same_model(name, tmp_path):
    filters = ("n_filters", "kernel_size", "stride")
    args = {key: value for key, value in MODELS[name].items() if key != "sample_rate"}
    conf = {
        "filterbank": {key: value for key, value in args.items() if key in filters},
        "masknet": {key: value for key, value in args.items() if key not in filters},
        "data": {"sample_rate": RATE_HZ, "segment": 3},
        "training": {"epochs": 200},
    }
    state = {f"model.{key}": value for key, value in peer(name).state_dict().items()}
    content = {"state_dict": state, "epoch": 3, "pytorch-lightning_version": "2.1", "training_config": conf}
    torch.save(content, tmp_path / "last.ckpt")
    asked = batch((noise(900, 1),), num_samples=4000)
    with torch.inference_mode():
        found = Separation("asteroid", model=str(tmp_path / "last.ckpt"), device="cpu").outputs(asked)[0]
        expected = Separation("asteroid", model=saved(name, tmp_path), device="cpu").outputs(asked)[0]
    assert torch.equal(found, expected)


@pytest.mark.parametrize("name", MODELS)
def test_contract(name, tmp_path, embedder):
    system = load_system("asteroid", model=saved(name, tmp_path), embedder=embedder)
    results = check_system(system, sample_rate_hz=RATE_HZ, lengths_s=(0.3, 4.0))
    assert [f"{r.name}: {r.detail}" for r in results if not r.passed] == []


def test_long_mixtures_are_answered(tmp_path, embedder):
    system = load_system("asteroid", model=saved("ConvTasNet", tmp_path), embedder=embedder)
    results = check_system(system, sample_rate_hz=RATE_HZ, lengths_s=(30.0,))
    assert results[0].passed, results[0].detail


def test_oracle_keeps_the_contract_and_is_marked(tmp_path):
    system = load_system("asteroid_oracle", model=saved("ConvTasNet", tmp_path))
    results = check_system(system, sample_rate_hz=RATE_HZ, lengths_s=(0.3, 4.0))
    assert [f"{r.name}: {r.detail}" for r in results if not r.passed] == []
    assert (system.card.family, system.card.privileged) == ("oracle", True)


def sources() -> Tensor:
    generator = torch.Generator().manual_seed(3)
    return torch.stack([voice(name, 1600, generator) for name in ("low0", "high0")])


def asked_for(enrollment: Tensor) -> QueryBatch:
    asked = batch((enrollment,), num_samples=1600)
    asked.mixture[0] = sources().sum(dim=0)
    return asked


class Pitch:
    """Tells low from high voices."""

    sha256 = "0" * 64

    def embed(self, signal: Tensor, *, sample_rate_hz: int) -> Tensor | None:
        if not len(signal):
            return None
        spectrum = torch.fft.rfft(signal).abs()
        high = float(spectrum.argmax()) / len(signal) * sample_rate_hz > 800
        return torch.tensor([float(high), float(not high)])


class Perfect(torch.nn.Module):
    """Gives the two voices, low first, whatever the mixture."""

    def forward(self, mixture: Tensor) -> Tensor:
        return sources()[None].expand(len(mixture), -1, -1)


@pytest.mark.parametrize(("name", "place"), [("low0", 0), ("high0", 1)])
def test_the_voice_of_the_enrollment_is_chosen(name, place, tmp_path, monkeypatch):
    monkeypatch.setattr("tsebench.systems.asteroid.open_embedder", lambda *_, **__: Pitch())
    system = Asteroid(model=saved("ConvTasNet", tmp_path), embedder="pitch")
    system._separation.net = Perfect()
    enrollment = voice(name, 1200, torch.Generator().manual_seed(8))
    answer = system.extract(asked_for(enrollment))
    assert torch.equal(answer.estimate[0], sources()[place])


def test_query_without_enrollment_fails_alone(tmp_path, embedder):
    system = load_system("asteroid", model=saved("ConvTasNet", tmp_path), embedder=embedder)
    answer = system.extract(batch((), (noise(800, 1),), (torch.zeros(0),)))
    assert set(answer.failures) == {"q0", "q2"}
    assert answer.estimate[1].abs().max() > 0


@pytest.mark.parametrize(("target", "place"), [(0, 0), (1, 1)])
def test_oracle_chooses_by_the_truth_whatever_the_level(target, place, tmp_path):
    system = AsteroidOracle(model=saved("ConvTasNet", tmp_path))
    system._separation.net = Perfect()
    asked = asked_for(noise(10, 1))
    truth = Truth(
        target=1e-3 * sources()[target : target + 1], interferers=sources()[1 - target][None],
        active_classes=(), transcript=None,
    )  # fmt: skip
    assert torch.equal(system.extract_with_truth(asked, [truth]).estimate[0], sources()[place])


def test_oracle_takes_the_quietest_output_for_an_absent_target(tmp_path):
    system = AsteroidOracle(model=saved("ConvTasNet", tmp_path))

    class Uneven(torch.nn.Module):
        def forward(self, mixture: Tensor) -> Tensor:
            return sources()[None] * torch.tensor([1.0, 0.1])[:, None]

    system._separation.net = Uneven()
    truth = Truth(target=None, interferers=sources(), active_classes=(), transcript=None)
    answer = system.extract_with_truth(asked_for(noise(10, 1)), [truth])
    assert torch.equal(answer.estimate[0], 0.1 * sources()[1])


def test_another_embedder_is_another_system(tmp_path, embedder):
    model = saved("ConvTasNet", tmp_path)
    first = Asteroid(model=model, embedder=embedder)
    assert first.card.sha256 != Separation("asteroid", model=model, device="cpu").card.sha256
    assert isinstance(first._embedder, speaker_embedders._CheckpointEmbedder)


def test_onnx_embedder_is_resampled_at_its_own_rate(tmp_path):
    pytest.importorskip("onnxruntime")
    onnx = pytest.importorskip("onnx")
    from onnx import TensorProto, helper

    # The mean of |x| and of x: two numbers for signals of any length.
    nodes = [
        helper.make_node("Abs", ["x"], ["a"]),
        helper.make_node("ReduceMean", ["a"], ["m"], axes=[1], keepdims=1),
        helper.make_node("ReduceMax", ["x"], ["p"], axes=[1], keepdims=1),
        helper.make_node("Concat", ["m", "p"], ["y"], axis=1),
    ]
    graph = helper.make_graph(
        nodes, "voice",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, "t"])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 2])],
    )  # fmt: skip
    path = tmp_path / "voice.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)],
                                ir_version=8), path)  # fmt: skip
    system = load_system("asteroid", model=saved("ConvTasNet", tmp_path), embedder=str(path))
    signal = voice("low0", 1600, torch.Generator().manual_seed(1))
    found = system._embedder.embed(signal, sample_rate_hz=RATE_HZ)
    resampled = torch.from_numpy(resample(signal.numpy(), from_hz=RATE_HZ, to_hz=16000))
    expected = torch.stack([resampled.abs().mean(), resampled.max()])
    torch.testing.assert_close(found.float(), expected / expected.norm(), atol=1e-5, rtol=0)
    answer = system.extract(asked_for(signal))
    assert answer.failures == {}


def test_weights_that_do_not_fit_are_one_line(tmp_path):
    content = peer("ConvTasNet").serialize()
    content["model_args"]["hid_chan"] = 13
    torch.save(content, tmp_path / "model.pth")
    with pytest.raises(CheckpointError, match="cannot build its ConvTasNet") as caught:
        AsteroidOracle(model=str(tmp_path / "model.pth"))
    assert "\n" not in str(caught.value)


def test_file_without_a_sample_rate_is_one_line(tmp_path):
    content = peer("ConvTasNet").serialize()
    content["model_args"]["sample_rate"] = None
    torch.save(content, tmp_path / "model.pth")
    with pytest.raises(CheckpointError, match="has the sample rate None"):
        AsteroidOracle(model=str(tmp_path / "model.pth"))


def test_torch_stoi_is_hidden_only_while_models_are_imported():
    program = (
        "import sys, importlib.util as u\n"
        "from tsebench.systems.shared import asteroid_models as m\n"
        "before = m._torchaudio_loads()\n"
        "m._models()\n"
        "assert 'torch_stoi' not in sys.modules or sys.modules['torch_stoi'] is not None\n"
        "assert u.find_spec('torch_stoi') is not None\n"
        "import asteroid.losses\n"
        "print(before)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-1000:]
    assert done.stdout.strip() in {"True", "False"}
