"""SoloAudio: the public schedule and guidance, the user's autoencoder and embeddings, and files that are refused."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.soloaudio_files import CLUE, LABELS, codec, embeddings, files, network
from torch import Tensor

from tsebench.core.errors import CheckpointError, ConfigError
from tsebench.datasets.batches import collate
from tsebench.datasets.types import Clues, Query
from tsebench.systems.nets.generative.noise import QueryNoise
from tsebench.systems.protocol import Extraction
from tsebench.systems.registry import load_system
from tsebench.systems.soloaudio import RATE_HZ

SAMPLES = 61


def query(clues: Clues, *, seed: int = 3) -> Query:
    signal = 0.1 * torch.randn(1, SAMPLES, generator=torch.Generator().manual_seed(1))
    return Query(id=f"q{seed}-{clues}", mixture=signal, sample_rate_hz=RATE_HZ, clues=clues, seed=seed)


def asked(options: dict[str, str], *queries: Query, **more: object) -> Extraction:
    return load_system("soloaudio", **options, **{"steps": 2, **more}).extract(collate(queries))


def estimate(options: dict[str, str], clues: Clues, *, seed: int = 3, **more: object) -> Tensor:
    found = asked(options, query(clues, seed=seed), **more)
    assert found.failures == {}
    assert isinstance(found.estimate, Tensor)
    return found.estimate[0]


def zero_snr_signal() -> np.ndarray:
    """√ᾱ of the public schedule (scaled_linear), rescaled to zero terminal SNR (Lin et al., 2024, alg. 1)."""
    betas = np.linspace(0.00085**0.5, 0.012**0.5, 1000) ** 2
    root = np.sqrt(np.cumprod(1 - betas))
    return (root - root[-1]) * root[0] / (root[0] - root[-1])


@torch.no_grad()
@pytest.mark.parametrize("guidance", [1.0, 3.0])
def test_sampling_is_ddim_on_the_public_schedule(guidance: float, tmp_path: Path) -> None:
    options = files(tmp_path)
    net, steps = network(8), 4
    table = json.loads(Path(options["embeddings"]).read_text())
    clue, nothing = (torch.tensor([table[text]]) for text in ("dog_bark", ""))
    signal = query(Clues()).mixture[0]
    mixture = torch.nn.functional.pad(signal, (0, 3)).reshape(8, 8).T[None]
    x = QueryNoise([3], [8]).draw(torch.zeros(1, 8, 8))
    root = zero_snr_signal()
    times = [999 - index * 250 for index in range(steps)]  # trailing
    for t, after in zip(times, [*times[1:], None], strict=True):
        v = net(x, torch.tensor([float(t)]), mixture, clue)
        if guidance != 1:
            v0 = net(x, torch.tensor([float(t)]), mixture, nothing)
            v = v0 + guidance * (v - v0)
        a, s = root[t], np.sqrt(1 - root[t] ** 2)
        data, noise = a * x - s * v, a * v + s * x
        a, s = (1.0, 0.0) if after is None else (root[after], np.sqrt(1 - root[after] ** 2))
        x = a * data + s * noise
    expected = x[0].T.reshape(-1)[:SAMPLES]
    found = estimate(options, Clues(classes=("dog_bark",)), steps=steps, guidance=guidance)
    torch.testing.assert_close(found, expected.float(), rtol=1e-3, atol=1e-4)


def test_clues_seeds_and_several_classes(tmp_path: Path) -> None:
    options = files(tmp_path)
    one = estimate(options, Clues(classes=("dog_bark",)))
    assert torch.equal(estimate(options, Clues(text="Dog bark")), one)
    assert not torch.allclose(estimate(options, Clues(classes=("Acoustic_guitar",))), one, atol=1e-3)
    assert not torch.allclose(estimate(options, Clues(classes=("dog_bark",)), seed=4), one, atol=1e-3)
    card = load_system("soloaudio", **options, steps=7, guidance=2).card
    assert card.classes == LABELS
    assert (card.options["evaluations"], card.stochastic, card.phase) == (14, True, "generated")


def test_an_encoder_of_means_and_deviations_is_drawn_from(tmp_path: Path) -> None:
    options = files(tmp_path, draws=True)
    drawn = [estimate(options, Clues(text="dog bark"), seed=seed, steps=1) for seed in (1, 2, 1)]
    assert torch.equal(drawn[0], drawn[2])
    assert not torch.allclose(drawn[0], drawn[1], atol=1e-3)


def test_queries_without_an_embedding_fail_alone(tmp_path: Path) -> None:
    found = asked(
        files(tmp_path), query(Clues(), seed=1), query(Clues(text="cat"), seed=2), query(Clues(text="dog bark"))
    )
    assert sorted(found.failures.values()) == [
        f"the file of embeddings has none of 'cat' (known: {', '.join(LABELS)})",
        "the query names no sound class and has no text, and this system needs one of them",
    ]
    assert found.estimate[2].any()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[1]", "no table"),
        ("{", "are not JSON"),
        ('{"dog": [1, 2]}', f"'dog' is no list of {CLUE} finite numbers"),
        (json.dumps({"dog": [float("nan")] * CLUE}), "finite numbers"),
        (json.dumps({"dog bark": [1] * CLUE, "Dog_bark": [1] * CLUE}), "there twice"),
        (json.dumps({"": [1] * CLUE}), "the empty text alone"),
    ],
)
def test_wrong_embeddings_are_one_line(content: str, message: str, tmp_path: Path) -> None:
    options = files(tmp_path)
    Path(options["embeddings"]).write_text(content)
    with pytest.raises(ConfigError, match=message) as caught:
        load_system("soloaudio", **options)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 500


def test_wrong_files_are_one_line(tmp_path: Path) -> None:
    options = files(tmp_path)
    (tmp_path / "other").mkdir()
    other = codec(tmp_path / "other", hop=4)
    with pytest.raises(ConfigError, match=r"decoder: model .* does not take a float32 input of shape \[1, 8, 16\]"):
        load_system("soloaudio", **{**options, "decoder": other["decoder"]})
    with pytest.raises(ConfigError, match=r"encoder: model .*is not an \.onnx file"):
        load_system("soloaudio", **{**options, "encoder": options["model"]})
    table = json.loads(Path(embeddings(tmp_path)).read_text())
    del table[""]
    Path(options["embeddings"]).write_text(json.dumps(table))
    with pytest.raises(ConfigError, match="guidance = 2 needs an embedding of the text ''"):
        load_system("soloaudio", **options, guidance=2)


def test_other_networks_are_refused(tmp_path: Path) -> None:
    options = files(tmp_path)
    state = network(8).state_dict()

    def refused(content: object, message: str) -> None:
        torch.save(content, tmp_path / "other.pt")
        with pytest.raises(CheckpointError, match=message):
            load_system("soloaudio", **{**options, "model": str(tmp_path / "other.pt")})

    refused({"model": {"w": torch.ones(2)}}, "has no weight 'input_proj.weight' of UDiT")
    refused({"model": {**state, "pos_embed.abs_pe": torch.ones(1, 5, 16)}}, "has the unknown weight 'pos_embed.abs_pe'")
    refused({"model": {**state, "input_proj.bias": torch.ones(3)}}, r"'input_proj.bias' has the shape \[3\]")
    refused({"model": {k: v for k, v in state.items() if "norm_q" not in k}}, "mid_block.attn.norm_q.weight")
