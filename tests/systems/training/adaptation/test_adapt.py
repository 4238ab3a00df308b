"""Few-shot adaptation: new columns are trained, and nothing else changes, to the last bit."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from tsebench.core.errors import ConfigError, DatasetError
from tsebench.datasets.types import Clues, Query, Truth
from tsebench.systems.checkpoints.adaptation_card import Adaptation, AdaptOptions
from tsebench.systems.checkpoints.checkpoint import CheckpointCard, load_checkpoint, save_checkpoint
from tsebench.systems.nets.soundbeam import SoundBeamConfig, SoundBeamNet
from tsebench.systems.protocol import QueryBatch
from tsebench.systems.registry import load_system
from tsebench.systems.training.adaptation.adapt import adapt
from tsebench.systems.training.adaptation.shots import find_enrollments

SEEN = ("bell", "dog_bark", "rain")
NEW = ("chirp", "hum")
NET = {"num_filters": 16, "filter_length": 16, "bottleneck": 12, "hidden": 14, "blocks": 2}
NET |= {"stacks": 2, "embedding_dim": 12}


def tone(pitch_hz: float, length: int = 1600) -> torch.Tensor:
    return torch.sin(2 * torch.pi * pitch_hz * torch.arange(length) / 8000)


class NewSounds:
    """A tone of a new class in noise; three known recordings of each class enroll it."""

    classes = tuple(sorted((*SEEN, *NEW)))
    sample_rate_hz = 8000
    fingerprint = "new"
    clips = {  # noqa: RUF012 - constant of a test
        "chirp": [tone(1900 + 30 * k, 800 + k) for k in range(3)],
        "hum": [tone(200 + 10 * k, 800 + k) for k in range(3)],
    }

    def __init__(self, *, enrolled: bool = True) -> None:
        self.enrolled = enrolled

    def __len__(self) -> int:
        return 10**6

    def __getitem__(self, index: int) -> tuple[Query, Truth]:
        label = NEW[index % 2]
        generator = torch.Generator().manual_seed(index)
        noise = torch.randn(1600, generator=generator)
        target = self.clips[label][index % 3].repeat(3)[:1600]
        others = [clip for k, clip in enumerate(self.clips[label]) if k != index % 3]
        query = Query(
            id=f"m{index}",
            mixture=(target + noise)[None],
            sample_rate_hz=8000,
            clues=Clues(classes=(label,), enrollments=tuple(others) if self.enrolled else ()),
        )
        truth = Truth(target=target[None], interferers=noise[None], active_classes=(label,), transcript=None)
        return query, truth


def saved(folder: Path, variant: str = "mixed") -> str:
    config = SoundBeamConfig.model_validate(NET | {"variant": variant})
    torch.manual_seed(1)
    card = CheckpointCard(
        architecture="soundbeam", net=config.model_dump(mode="json"), classes=SEEN,
        sample_rate_hz=8000, sha256="", training_data=("seen:train",),
    )  # fmt: skip
    save_checkpoint(folder, state=SoundBeamNet(config, classes=SEEN).state_dict(), card=card)
    return str(folder)


def run(tmp_path: Path, *, variant: str = "mixed", stream=None, **options) -> Adaptation:
    settings = AdaptOptions(**{"epochs": 2, "mixtures": 16, "batch_size": 4, **options})
    return adapt(
        saved(tmp_path / "base", variant),
        dataset="new:train",
        streams=(stream or NewSounds(), stream or NewSounds()),
        out=tmp_path / "adapted",
        options=settings,
    )


def batch(*labels: tuple[str, ...]) -> QueryBatch:
    generator = torch.Generator().manual_seed(9)
    return QueryBatch(
        ids=tuple(f"q{i}" for i in range(len(labels))),
        mixture=torch.randn(len(labels), 1, 3000, generator=generator),
        lengths=torch.tensor([3000 - 311 * i for i in range(len(labels))]),
        sample_rate_hz=8000,
        clues=tuple(Clues(classes=some) for some in labels),
    )


@pytest.mark.parametrize("init", ["avg", "rnd"])
def test_seen_classes_answer_the_same_bits(tmp_path, init):
    run(tmp_path, init=init, lr=0.1)
    before = load_system("soundbeam", checkpoint=str(tmp_path / "base"))
    after = load_system("soundbeam", checkpoint=str(tmp_path / "adapted"))
    asked = batch(("bell",), ("rain",), ("bell", "dog_bark"), SEEN)
    assert torch.equal(before.extract(asked).estimate, after.extract(asked).estimate)
    old = load_checkpoint(tmp_path / "base", architecture="soundbeam")
    new = load_checkpoint(tmp_path / "adapted", architecture="soundbeam")
    assert set(old.state) == set(new.state)
    for name, tensor in old.state.items():
        earlier = new.state[name][: len(SEEN)] if name == "embedding" else new.state[name]
        assert torch.equal(earlier, tensor), name
    assert new.state["embedding"].shape == (5, 12)
    assert new.card.classes == (*SEEN, *NEW)
    assert new.card.net == old.card.net
    assert new.card.training_data == ("seen:train", "new:train")
    assert new.card.sha256 != old.card.sha256


def test_new_classes_are_answered_by_their_columns(tmp_path):
    result = run(tmp_path, epochs=0)
    assert (result.classes, result.losses) == (NEW, ())
    assert dict(result.shots) == {"chirp": 3, "hum": 3}
    before = load_system("soundbeam", checkpoint=str(tmp_path / "base"), query="enrollment")
    after = load_system("soundbeam", checkpoint=str(tmp_path / "adapted"), query="classes")
    named = batch(("chirp",), ("hum",), ("chirp", "hum"))
    clips = NewSounds.clips
    recordings = [clips["chirp"], clips["hum"], [*clips["chirp"], *clips["hum"]]]
    clues = tuple(
        Clues(classes=clue.classes, enrollments=tuple(some)) for clue, some in zip(named.clues, recordings, strict=True)
    )
    asked = QueryBatch(
        ids=named.ids, mixture=named.mixture, lengths=named.lengths, sample_rate_hz=8000,
        clues=clues,
    )  # fmt: skip
    # Without training, a column is the average of the K embeddings (eq. 8).
    torch.testing.assert_close(after.extract(named).estimate, before.extract(asked).estimate, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("init", ["avg", "rnd"])
def test_training_helps(tmp_path, init):
    result = run(tmp_path, init=init, epochs=4, lr=0.05)
    assert result.losses[-1] < result.losses[0]
    assert len(result.losses) == 4
    # The same again gives the same weights.
    first = (tmp_path / "adapted/model.pt").read_bytes()
    run(tmp_path, init=init, epochs=4, lr=0.05)
    assert (tmp_path / "adapted/model.pt").read_bytes() == first


def test_enrollments_are_found_once_and_in_an_order_of_their_own():
    found = find_enrollments(NewSounds(), NEW)
    for label, clips in found.items():
        assert sorted(len(clip) for clip in clips) == [800, 801, 802], label

    class Late(NewSounds):
        def __getitem__(self, index: int) -> tuple[Query, Truth]:
            return super().__getitem__(index + 7)

    again = find_enrollments(Late(), NEW)
    for label in NEW:
        pairs = zip(found[label], again[label], strict=True)
        assert all(torch.equal(a, b) for a, b in pairs)


def test_data_and_networks_that_do_not_fit_are_refused(tmp_path):
    with pytest.raises(DatasetError, match=r"no enrollment of new class 'chirp'.*enroll_from"):
        run(tmp_path, stream=NewSounds(enrolled=False))
    assert run(tmp_path, stream=NewSounds(enrolled=False), init="rnd").shots["hum"] == 0
    with pytest.raises(ConfigError, match="'enrl', which has no class embeddings"):
        run(tmp_path, variant="enrl")
    with pytest.raises(ConfigError, match=r"init = 'avg'.*'1hot', which cannot encode"):
        run(tmp_path, variant="1hot")
    assert run(tmp_path, variant="1hot", init="rnd").classes == NEW

    class Known(NewSounds):
        classes = SEEN

    with pytest.raises(ConfigError, match=r"no class that checkpoint .* does not know"):
        run(tmp_path, stream=Known())

    class Wide(NewSounds):
        sample_rate_hz = 16000

    with pytest.raises(ConfigError, match="works at 8000 Hz, but the dataset is at 16000 Hz"):
        run(tmp_path, stream=Wide())


def test_defaults_are_the_paper_s():
    options = AdaptOptions()
    assert (options.epochs, options.lr, options.mixtures, options.init) == (10, 1e-3, 1000, "avg")


def test_shipped_few_shot_sets_are_adapted_to(tmp_path):
    from tsebench.datasets.dynamic import open_stream

    seen = open_stream("mini_sounds", split="train", seed=0, corpus_dirs={}).classes
    config = SoundBeamConfig.model_validate(NET | {"variant": "mixed"})
    torch.manual_seed(1)
    card = CheckpointCard(
        architecture="soundbeam", net=config.model_dump(mode="json"), classes=seen,
        sample_rate_hz=8000, sha256="",
    )  # fmt: skip
    state = SoundBeamNet(config, classes=seen).state_dict()
    save_checkpoint(tmp_path / "base", state=state, card=card)
    result = adapt(
        tmp_path / "base",
        dataset="fewshot_synthetic_5shot_adaptation",
        enroll_from="fewshot_synthetic_5shot",
        out=tmp_path / "out",
        options=AdaptOptions(epochs=1, mixtures=2, batch_size=2),
    )
    assert result.classes == ("baby_cry", "bubbles", "cricket", "helicopter")
    assert set(result.shots.values()) == {5}
