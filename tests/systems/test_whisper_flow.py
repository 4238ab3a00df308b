"""whisper_flow: its frozen parts, what it is conditioned on, its samples and its ablations."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from helpers.voices import Voices, batch, checkpoint, fit, noise, train_config, voice

from tsebench.core.errors import CheckpointError, ConfigError
from tsebench.doctor.system_checks import check_system
from tsebench.systems.checkpoints.checkpoint import CheckpointCard, load_checkpoint, save_checkpoint
from tsebench.systems.protocol import System
from tsebench.systems.registry import load_system
from tsebench.systems.training.data import collate
from tsebench.systems.training.losses import LossConfig, build_loss
from tsebench.systems.whisper_flow import NAME, WhisperFlowTask

pytest.importorskip("whisper", reason="needs openai-whisper")
WORDS = {"words": "LOW HIGH", "audio_ctx": 50, "state": 16, "heads": 2, "audio_layers": 2, "text_layers": 1}
EXTRACTOR = {"num_filters": 12, "filter_length": 16, "bottleneck": 8, "hidden": 10, "blocks": 2, "stacks": 2}
TINY = {"sample_rate_hz": 8000, "lora_rank": 2, "soft_prompts": 2, "enrollment_frames": 5, "speaker_dim": 6}
TINY |= {"n_fft": 64, "hop": 32, "channels": 8, "blocks": 2, "cycle": 2, "embedding_dim": 8}
CRITERION = build_loss(LossConfig())


class Speaking(Voices):
    """Voices that say what they are."""

    def __getitem__(self, index: int):
        query, truth = super().__getitem__(index)
        return query, replace(truth, transcript=truth.target_labels[0][:-1].upper())


@pytest.fixture(scope="module")
def frozen(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """A Whisper and an extractor with random weights."""
    folder = tmp_path_factory.mktemp("frozen")
    return {
        "whisper_checkpoint": checkpoint("whisper_mixture", WORDS, folder / "whisper"),
        "initial": checkpoint("td_speakerbeam", {**EXTRACTOR, "embedding_dim": 8, "skip": 8}, folder / "initial"),
    }


def filled(frozen: dict[str, str], folder: Path, **changes: object) -> str:
    """A checkpoint whose adapters and acoustic model do something."""
    saved = checkpoint(NAME, {**TINY, **frozen, **changes}, folder)
    opened = load_checkpoint(saved, architecture=NAME)
    generator = torch.Generator().manual_seed(3)
    state = {
        name: 0.2 * torch.randn(tensor.shape, generator=generator)
        if name.endswith(("up.weight", "acoustic.output.weight", "beside.weight"))
        else tensor
        for name, tensor in opened.state.items()
    }
    save_checkpoint(folder, state=state, card=opened.card)
    return saved


def estimate(system: System, *, seeds: tuple[int, ...] = (1, 2), enrolled: str = "low0") -> torch.Tensor:
    asked = batch((voice(enrolled, 700, torch.Generator().manual_seed(5)),), (noise(700, 6),))
    return system.extract(replace(asked, seeds=seeds)).estimate


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"initial": None},
        {"initial": None, "output": "log_mel", "n_mels": 8},
        {"enrollment_prompt": False, "semantic": False, "asr_loss": 0.0},
    ],
)
def test_contract(frozen, tmp_path, changes):
    system = load_system(NAME, checkpoint=filled(frozen, tmp_path, **changes), steps=2)
    results = check_system(system, sample_rate_hz=8000, lengths_s=(0.3, 2.1))
    assert [f"{r.name}: {r.detail}" for r in results if not r.passed] == []
    card = system.card
    assert (card.family, card.stochastic, card.padding_neutral) == ("generative", True, "output" not in changes)
    assert card.phase == ("generated" if "output" in changes else "kept")
    assert card.transcribes == (changes.get("asr_loss", 1.0) > 0)
    assert (card.options["steps"], card.options["evaluations"]) == (2, 2)
    assert ("frozen estimate" in card.description) == (changes.get("initial", "") is not None)


def test_frozen_weights_are_in_no_checkpoint(frozen, tmp_path):
    state = load_checkpoint(filled(frozen, tmp_path), architecture=NAME).state
    parts = {name.split(".")[0] for name in state}
    assert parts == {"adapters", "prompts", "embedder", "beside", "acoustic", "built_on", "mean", "deviation"}


def test_training_leaves_the_frozen_networks_bit_by_bit(frozen):
    task = WhisperFlowTask()
    torch.manual_seed(0)
    net = task.build(task.net_config.model_validate({**TINY, **frozen}), classes=())
    listener, initial = net.base.net, net.start.net
    before = [{k: v.clone() for k, v in each.state_dict().items()} for each in (listener, initial)]
    own = {name: parameter.clone() for name, parameter in net.named_parameters()}
    optimiser = torch.optim.AdamW(net.parameters(), lr=1e-2, weight_decay=0.1)
    items = collate([Speaking(1)[index] for index in range(4)])
    for _ in range(3):
        optimiser.zero_grad()
        task.loss(net.train(), items, CRITERION).mean().backward()
        optimiser.step()
    for each, kept in zip((listener, initial), before, strict=True):
        assert all(torch.equal(tensor, kept[name]) for name, tensor in each.state_dict().items())
        assert all(parameter.grad is None for parameter in each.parameters())
    still = [name for name, parameter in net.named_parameters() if torch.equal(parameter, own[name])]
    assert still == []


def test_training_from_a_config(frozen, tmp_path):
    settings = train_config(NAME, {**TINY, **frozen}, per_epoch=64).model_copy(update={"loss": LossConfig()})
    result = fit(settings, tmp_path, stream=Speaking(1))
    card = CheckpointCard.model_validate_json((tmp_path / "card.json").read_text())
    assert card.prepared.startswith("mean and deviation of the spectra")
    assert result.steps == 16
    system = load_system(NAME, checkpoint=str(tmp_path))
    answer = system.extract(batch((noise(700, 1),)))
    assert set(answer.transcripts[0].split()) <= {"LOW", "HIGH"}


def test_losses_follow_the_global_generator(frozen):
    task = WhisperFlowTask()
    torch.manual_seed(0)
    net = task.build(task.net_config.model_validate({**TINY, **frozen, "leak": 0.5}), classes=())
    items = collate([Speaking(1)[index] for index in range(2)])
    losses = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        losses.append(task.loss(net.train(), items, CRITERION))
    assert torch.equal(losses[0], losses[1])
    assert not torch.equal(losses[0], losses[2])


def test_words_count_in_the_loss_by_their_weight(frozen):
    task = WhisperFlowTask()
    items = collate([Speaking(1)[0]])

    def loss(**changes: object) -> float:
        torch.manual_seed(0)
        net = task.build(task.net_config.model_validate({**TINY, **frozen, **changes}), classes=()).eval()
        torch.manual_seed(4)
        return float(task.loss(net, items, CRITERION).detach())

    silent = loss(asr_loss=0.0)
    assert loss(asr_loss=2.0) - silent == pytest.approx(2 * (loss(asr_loss=1.0) - silent), rel=1e-4)
    assert loss(asr_loss=1.0) - silent > 0.5


def test_samples_follow_their_seeds(frozen, tmp_path):
    system = load_system(NAME, checkpoint=filled(frozen, tmp_path))
    first = estimate(system)
    assert torch.equal(first, estimate(system))
    other = estimate(system, seeds=(1, 7))
    torch.testing.assert_close(other[0], first[0])
    assert (other[1] - first[1]).norm() > 0.01 * first[1].norm()


def test_steps_sampler_and_ensemble_change_the_answer(frozen, tmp_path):
    saved = filled(frozen, tmp_path)
    options = [{"steps": 1}, {"steps": 4}, {"steps": 2, "sampler": "midpoint"}, {"steps": 4, "ensemble": 2}]
    systems = [load_system(NAME, checkpoint=saved, **each) for each in options]
    assert [system.card.options["evaluations"] for system in systems] == [1, 4, 4, 8]
    answers = [estimate(system) for system in systems]
    for index, answer in enumerate(answers):
        assert all((answer - other).norm() > 1e-3 * answer.norm() for other in answers[:index])


def test_ensemble_is_the_mean_of_its_members(frozen, tmp_path):
    from tsebench.systems.nets.generative.noise import member_seeds

    saved = filled(frozen, tmp_path)
    single = load_system(NAME, checkpoint=saved, steps=1)
    members = [member_seeds(seed, 2) for seed in (1, 2)]
    each = [estimate(single, seeds=(members[0][k], members[1][k])) for k in range(2)]
    torch.testing.assert_close(
        estimate(load_system(NAME, checkpoint=saved, steps=1, ensemble=2)), torch.stack(each).mean(dim=0)
    )


@pytest.mark.parametrize("changes", [{}, {"initial": None}, {"initial": None, "enrollment_prompt": False}])
def test_the_enrollment_matters(frozen, tmp_path, changes):
    system = load_system(NAME, checkpoint=filled(frozen, tmp_path, **changes), steps=2)
    right, other = estimate(system), estimate(system, enrolled="high1")
    assert (right[0] - other[0]).norm() > 1e-3 * right[0].norm()
    torch.testing.assert_close(right[1], other[1])


def test_without_the_recogniser_there_is_no_transcript(frozen, tmp_path):
    system = load_system(NAME, checkpoint=filled(frozen, tmp_path, asr_loss=0.0))
    assert system.extract(batch((noise(700, 1),))).transcripts is None


def test_without_semantic_features_the_acoustic_model_takes_no_states(frozen):
    task = WhisperFlowTask()
    built = [
        task.build(task.net_config.model_validate({**TINY, **frozen, "semantic": on}), classes=()).acoustic
        for on in (True, False)
    ]
    assert built[0].input.in_channels - built[1].input.in_channels == WORDS["state"]


def test_another_whisper_is_refused(frozen, tmp_path):
    saved = filled(frozen, tmp_path / "flow")
    other = checkpoint("whisper_mixture", {**WORDS, "words": "LOW HIGH UP"}, tmp_path / "other")
    with pytest.raises(CheckpointError, match="give that one by the option whisper_checkpoint") as raised:
        load_system(NAME, checkpoint=saved, whisper_checkpoint=other)
    assert len(str(raised.value)) < 500
    load_system(NAME, checkpoint=saved, whisper_checkpoint=frozen["whisper_checkpoint"], initial=frozen["initial"])


def test_options_out_of_range_are_refused(frozen, tmp_path):
    saved = filled(frozen, tmp_path)
    with pytest.raises(ConfigError, match="steps = 0"):
        load_system(NAME, checkpoint=saved, steps=0)
    with pytest.raises(ConfigError, match="sampler = 'ddim'; choose one of euler"):
        load_system(NAME, checkpoint=saved, sampler="ddim")


def test_card_records_what_it_is_built_on(frozen, tmp_path):
    saved = Path(filled(frozen, tmp_path))
    state = load_checkpoint(str(saved), architecture=NAME).state
    shas = [
        json.loads((Path(frozen[key]) / "card.json").read_text())["sha256"] for key in ("whisper_checkpoint", "initial")
    ]
    assert [bytes(row.tolist()).hex() for row in state["built_on"]] == shas
