"""The SoundBeam system and its checkpoints, hostile and damaged ones among them."""

from __future__ import annotations

import hashlib
import io
import json
import pickle
from pathlib import Path

import pytest
import torch

from tsebench.core.errors import CheckpointError, ExtractionError
from tsebench.datasets.types import Clues
from tsebench.systems.checkpoints import checkpoint as checkpoints
from tsebench.systems.checkpoints.checkpoint import CheckpointCard, load_checkpoint, save_checkpoint
from tsebench.systems.nets.soundbeam import SoundBeamConfig, SoundBeamNet
from tsebench.systems.protocol import QueryBatch, System
from tsebench.systems.registry import load_system
from tsebench.systems.shared.class_queries import multi_hot

CLASSES = ("bell", "dog_bark", "rain")
NET = SoundBeamConfig(num_filters=12, filter_length=16, bottleneck=8, hidden=10, blocks=2, stacks=2, embedding_dim=8)


def network() -> SoundBeamNet:
    torch.manual_seed(1)
    return SoundBeamNet(NET, classes=CLASSES).eval()


def card(**changes: object) -> CheckpointCard:
    facts = {
        "architecture": "soundbeam",
        "net": NET.model_dump(),
        "classes": CLASSES,
        "sample_rate_hz": 8000,
        "sha256": "",
        "training_data": ("mini/train",),
    }
    return CheckpointCard.model_validate(facts | changes)


@pytest.fixture
def folder(tmp_path):
    save_checkpoint(tmp_path / "net", state=network().state_dict(), card=card())
    return tmp_path / "net"


def replace_weights(folder: Path, weights: bytes) -> None:
    """Swap the weights and sign them anew, as an attacker would."""
    (folder / "model.pt").write_bytes(weights)
    facts = json.loads((folder / "card.json").read_text())
    facts["sha256"] = hashlib.sha256(weights).hexdigest()
    (folder / "card.json").write_text(json.dumps(facts))


def saved(content: object) -> bytes:
    buffer = io.BytesIO()
    torch.save(content, buffer)
    return buffer.getvalue()


def batch(*classes: tuple[str, ...], rate: int = 8000, num_samples: int = 900) -> QueryBatch:
    generator = torch.Generator().manual_seed(4)
    return QueryBatch(
        ids=tuple(f"q{i}" for i in range(len(classes))),
        mixture=torch.randn(len(classes), 1, num_samples, generator=generator),
        lengths=torch.full((len(classes),), num_samples),
        sample_rate_hz=rate,
        clues=tuple(Clues(classes=labels) for labels in classes),
    )


def test_each_named_class_alone(folder):
    """An output is what the system gives if the class is the only one that is named."""
    system = load_system("soundbeam", checkpoint=str(folder), per_class=True)
    assert system.card.labels_outputs
    asked = batch(("bell", "rain"), ("dog_bark",), ("unknown",), ("rain", "dog_bark", "bell"))
    answer = system.extract(asked)
    plain = load_system("soundbeam", checkpoint=str(folder))
    torch.testing.assert_close(answer.estimate, plain.extract(asked).estimate)
    assert plain.extract(asked).outputs is None
    assert [[each.label for each in own] for own in answer.outputs] == [list(c.classes) for c in asked.clues[:2]] + [
        [],
        ["rain", "dog_bark", "bell"],
    ]
    for row in (0, 1, 3):
        for each in answer.outputs[row]:
            alone = batch(*((each.label,) for _ in range(4)))
            torch.testing.assert_close(each.signal, plain.extract(alone).estimate[row], atol=1e-5, rtol=1e-4)


def test_card_tells_what_the_file_holds(folder):
    system = load_system("soundbeam", checkpoint=str(folder))
    assert isinstance(system, System)
    told = system.card
    assert told.sha256 == hashlib.sha256((folder / "model.pt").read_bytes()).hexdigest()
    assert (told.classes, told.sample_rate_hz, told.causal) == (CLASSES, 8000, False)
    assert told.training_data == ("mini/train",)
    assert told.clues == {"classes"}
    assert told.options["filter_length"] == 16


def test_folder_file_and_shipped_name_are_the_same(folder, monkeypatch):
    monkeypatch.setattr(checkpoints, "ZOO", folder.parent)
    answers = [
        load_system("soundbeam", checkpoint=where).extract(batch(("rain",))).estimate
        for where in (str(folder), str(folder / "model.pt"), "net")
    ]
    assert torch.equal(answers[0], answers[1])
    assert torch.equal(answers[0], answers[2])
    with pytest.raises(CheckpointError, match="did you mean 'net'"):
        load_system("soundbeam", checkpoint="nett")


def test_estimate_is_that_of_the_summed_embeddings(folder):
    # The query {bell, rain} is the embedding w_bell + w_rain (eq. 3), in any order.
    system = load_system("soundbeam", checkpoint=str(folder))
    asked = batch(("bell", "rain"), ("rain", "bell"))
    asked.mixture[1] = asked.mixture[0]
    answer = system.extract(asked)
    net = network()
    with torch.no_grad():
        embedding = (net.embedding[0] + net.embedding[2])[None]
        expected = net.extractor(asked.mixture[:1, 0], asked.lengths[:1], embedding)
    torch.testing.assert_close(answer.estimate[:1], expected)
    assert torch.equal(answer.estimate[0], answer.estimate[1])
    assert answer.failures == {}


def test_same_input_gives_the_same_bits_and_leaves_the_random_state(folder):
    state = torch.get_rng_state()
    first, second = (
        load_system("soundbeam", checkpoint=str(folder)).extract(batch(("rain",), ("bell",))) for _ in range(2)
    )
    assert torch.equal(first.estimate, second.estimate)
    assert torch.equal(torch.get_rng_state(), state)


def test_bad_query_fails_alone(folder):
    system = load_system("soundbeam", checkpoint=str(folder))
    answer = system.extract(batch(("dog_brak",), (), ("bell", "cat"), ("rain",)))
    assert set(answer.failures) == {"q0", "q1", "q2"}
    assert "'dog_brak'; did you mean 'dog_bark'" in answer.failures["q0"]
    assert "names no sound class" in answer.failures["q1"]
    assert "'cat'" in answer.failures["q2"]
    asked = batch(("rain",), ("rain",), ("rain",), ("rain",))
    torch.testing.assert_close(answer.estimate[3], system.extract(asked).estimate[3])


def test_damaged_signal_costs_only_its_own_query(folder):
    system = load_system("soundbeam", checkpoint=str(folder))
    asked = batch(("rain",), ("rain",))
    clean = system.extract(asked).estimate
    asked.mixture[0, 0, 5] = torch.nan
    torch.testing.assert_close(system.extract(asked).estimate[1], clean[1])


def test_wrong_rate_is_refused(folder):
    system = load_system("soundbeam", checkpoint=str(folder))
    with pytest.raises(ExtractionError, match="works at 8000 Hz, but the batch is at 16000 Hz"):
        system.extract(batch(("rain",), rate=16000))


def test_multi_hot_matrix():
    assert multi_hot([("rain",), (), ("bell", "rain")], CLASSES).tolist() == [[0, 0, 1], [0, 0, 0], [1, 0, 1]]


class Hostile:
    """Makes a file when it is unpickled."""

    def __init__(self, victim: Path) -> None:
        self.victim = victim

    def __reduce__(self):
        return (Path.touch, (self.victim,))


@pytest.mark.parametrize("legacy", [False, True])
@pytest.mark.parametrize("nested", [False, True])
def test_hostile_pickle_does_not_run(folder, tmp_path, legacy, nested):
    victim = tmp_path / "touched"
    content = {"embedding": Hostile(victim)} if nested else Hostile(victim)
    weights = pickle.dumps(content) if legacy else saved(content)
    pickle.loads(pickle.dumps(content))
    assert victim.exists(), "the pickle must be able to do harm for this test to mean something"
    victim.unlink()
    replace_weights(folder, weights)
    with pytest.raises(CheckpointError) as caught:
        load_system("soundbeam", checkpoint=str(folder))
    assert not victim.exists()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("kept", [0.0, 0.001, 0.2, 0.5, 0.9, 0.999])
def test_cut_file_is_one_line(folder, kept, signed):
    weights = (folder / "model.pt").read_bytes()
    cut = weights[: int(kept * len(weights))]
    if signed:
        replace_weights(folder, cut)
    else:
        (folder / "model.pt").write_bytes(cut)
    with pytest.raises(CheckpointError, match=r"damaged|not a torch archive") as caught:
        load_system("soundbeam", checkpoint=str(folder))
    assert "\n" not in str(caught.value)


def test_flipped_bytes_are_seen_wherever_they_are(folder):
    weights = (folder / "model.pt").read_bytes()
    for place in range(0, len(weights), 97):
        damaged = bytearray(weights)
        damaged[place] ^= 0x55
        (folder / "model.pt").write_bytes(bytes(damaged))
        with pytest.raises(CheckpointError):
            load_checkpoint(folder, architecture="soundbeam")


def spoiled(**changes: object) -> dict[str, object]:
    state: dict[str, object] = dict(network().state_dict())
    for name, value in changes.items():
        if value is None:
            del state[name]
        else:
            state[name] = value
    return state


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (spoiled(embedding=None), "lacks key 'embedding'"),
        (spoiled(extra=torch.zeros(2)), "unknown key 'extra'"),
        (spoiled(embedding=torch.zeros(4, 8)), r"float32 \[4, 8\].* needs float32 \[3, 8\]"),
        (spoiled(embedding=torch.zeros(3, 8).half()), r"float16 \[3, 8\]"),
        (spoiled(embedding=torch.full((3, 8), torch.nan)), "'embedding' holds NaN or inf"),
        (spoiled(embedding=torch.full((3, 8), torch.inf)), "'embedding' holds NaN or inf"),
        (spoiled(embedding=[1.0, 2.0]), "'embedding' is a list, not a tensor"),
        ({"state_dict": spoiled()}, "'state_dict' is a dict, not a tensor"),
        ({"state_dict": spoiled(), "callbacks": {}}, "a checkpoint of PyTorch Lightning: entry 'state_dict' is a dict"),
        ([1, 2], "no state dictionary"),
        ({}, "no state dictionary"),
    ],
)
def test_weights_that_do_not_fit(folder, content, message):
    replace_weights(folder, saved(content))
    with pytest.raises(CheckpointError, match=message):
        load_system("soundbeam", checkpoint=str(folder))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"architecture": "speakerbeam"}, "is of system 'speakerbeam'"),
        ({"sha256": "0" * 64}, "does not match the sha256"),
        ({"classes": ["bell", "bell", "rain"]}, "not distinct"),
        ({"classes": ["bell", "rain"]}, r"needs float32 \[2, 8\]"),
        ({"net": {"num_filterz": 3}}, "did you mean 'num_filters'"),
        ({"net": NET.model_dump() | {"num_filters": 10**9}}, "the weights allow at most"),
        ({"net": NET.model_dump() | {"stacks": 10**9}}, "must be 64 or less"),
        ({"sample_rate_hz": "fast"}, "sample_rate_hz"),
        ({"colour": "red"}, "unknown key 'colour'"),
    ],
)
def test_card_that_does_not_fit(folder, change, message):
    facts = json.loads((folder / "card.json").read_text())
    (folder / "card.json").write_text(json.dumps(facts | change))
    with pytest.raises(CheckpointError, match=message) as caught:
        load_system("soundbeam", checkpoint=str(folder))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("text", "message"), [("{", "not JSON"), ("[]", "card.json"), (None, "no card.json")])
def test_unreadable_card(folder, text, message):
    path = folder / "card.json"
    if text is None:
        path.unlink()
    else:
        path.write_text(text)
    with pytest.raises(CheckpointError, match=message):
        load_system("soundbeam", checkpoint=str(folder))


@pytest.mark.parametrize("where", ["nowhere", "", "../..", "x" * 300, "a\0b", "~no-such-user/x"])
def test_missing_checkpoint(where, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(CheckpointError, match="no checkpoint at"):
        load_system("soundbeam", checkpoint=where)


def test_equal_weights_make_equal_files(tmp_path):
    for name in ("a", "b"):
        save_checkpoint(tmp_path / name, state=network().state_dict(), card=card())
    assert (tmp_path / "a/model.pt").read_bytes() == (tmp_path / "b/model.pt").read_bytes()
    assert not list(tmp_path.rglob("*.part"))
