"""New sound classes for a trained SoundBeam, from a few recordings (Delcroix et al., 2021, sec. 3).

Each new class gets a column of the embedding matrix, at first the average embedding of its
recordings (eq. 8 and 9) or random. Only these columns are trained: whatever the network answers
for the classes that it knew stays the same to the last bit.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from ....core.errors import CheckpointError, ConfigError
from ....datasets.seeding import digest
from ...checkpoints.adaptation_card import Adaptation, AdaptOptions
from ...checkpoints.checkpoint import (
    Checkpoint,
    fill,
    load_checkpoint,
    net_config,
    read_checkpoint_card,
    save_checkpoint,
)
from ...nets.soundbeam import SoundBeamConfig, SoundBeamNet
from ..data import TrialStream
from .new_classes import Telling, start_columns, train_columns
from .shots import find_enrollments, known_clips

__all__ = ["AdaptOptions", "AdaptResult", "Telling", "adapt", "adapt_on"]

ARCHITECTURE = "soundbeam"


@dataclass(frozen=True, slots=True, kw_only=True)
class AdaptResult:
    """What an adaptation came to.

    Attributes:
        adapted: what the card of the checkpoint tells of it.
        checkpoint: folder that `load_system("soundbeam", checkpoint=...)` opens.
    """

    adapted: Adaptation
    checkpoint: Path

    @property
    def new_classes(self) -> tuple[str, ...]:
        """In the order of their columns."""
        return self.adapted.classes

    @property
    def shots(self) -> Mapping[str, int]:
        """Recordings that each column was averaged over; 0 with random columns."""
        return self.adapted.shots

    @property
    def losses(self) -> tuple[float, ...]:
        """Mean training loss of each epoch, in dB."""
        return self.adapted.losses


def adapt(
    checkpoint: str | Path,
    *,
    dataset: str,
    out: Path,
    enroll_from: str | None = None,
    options: AdaptOptions | None = None,
    device: str = "cpu",
    corpus_dirs: Mapping[str, Path] | None = None,
    telling: Telling | None = None,
    reuse: bool = False,
) -> AdaptResult:
    """Adapt a SoundBeam to the classes of a few-shot dataset that it does not know.

    Args:
        checkpoint: of SoundBeam; of a mixed variant for `init="avg"`.
        dataset: config whose mixtures hold the known recordings of new classes, for example
            "fewshot_synthetic_5shot_adaptation".
        out: folder of the new checkpoint.
        enroll_from: config whose trials enroll new classes with those recordings; `dataset` if
            None, which has none where there is one recording for each class.
        options: how.
        device: "cpu", "cuda", ...
        corpus_dirs: folders of the corpora that live on disk.
        telling: of how far it is.
        reuse: take what is in `out` if it was made of the same in the same way.

    Raises:
        CheckpointError: the checkpoint is missing, damaged or unsafe.
        ConfigError: the network or an option does not fit.
        DatasetError: the data cannot be opened, or do not enroll every new class.
        TsebenchError: training diverged.
    """
    folders = corpus_dirs or {}
    return adapt_on(
        checkpoint,
        stream=_open(dataset, folders),
        enrolled=_open(enroll_from or dataset, folders),
        name=dataset,
        out=out,
        options=options or AdaptOptions(),
        device=device,
        telling=telling,
        reuse=reuse,
    )


def adapt_on(
    checkpoint: str | Path,
    *,
    stream: TrialStream,
    enrolled: TrialStream,
    name: str,
    out: Path,
    options: AdaptOptions,
    device: str = "cpu",
    telling: Telling | None = None,
    reuse: bool = False,
) -> AdaptResult:
    """`adapt` on streams that are open already; `name` is told of in the card."""
    opened = load_checkpoint(checkpoint, architecture=ARCHITECTURE)
    net = _network(opened, options).to(device)
    new = tuple(label for label in stream.classes if label not in opened.card.classes)
    _check(opened, stream, new)
    averaged = enrolled if options.init == "avg" else None
    heard = [stream] if averaged is None else [stream, averaged]
    asked = Adaptation(
        **options.model_dump(),
        parent_sha256=opened.card.sha256,
        classes=new,
        clips=known_clips(stream, averaged, new, mixtures=options.mixtures),
        dataset=name,
        data_fingerprint=digest(*(each.fingerprint for each in heard)),
    )
    before = _made_before(out) if reuse else None
    if before is not None and before.same_recipe(asked):
        return AdaptResult(adapted=before, checkpoint=out)
    recordings = find_enrollments(enrolled, new) if options.init == "avg" else {}
    columns = start_columns(net, recordings, len(new), options).to(device)
    classes = (*opened.card.classes, *new)
    losses = train_columns(net, columns, classes, stream, options=options, telling=telling or Telling())
    shots = {label: len(recordings.get(label, ())) for label in new}
    adapted = asked.model_copy(update={"losses": losses, "shots": shots})
    _save(opened, columns, adapted, out=out)
    return AdaptResult(adapted=adapted, checkpoint=out)


def _made_before(out: Path) -> Adaptation | None:
    """What an intact checkpoint in a folder tells of its adaptation; None without one."""
    try:
        if read_checkpoint_card(out).adapted is None:
            return None
        return load_checkpoint(out, architecture=ARCHITECTURE).card.adapted
    except CheckpointError:
        return None


def _open(dataset: str, corpus_dirs: Mapping[str, Path]) -> TrialStream:
    """The trials of a set as its own seed and split draw them: its known recordings are part of it.

    Raises:
        ConfigError: it is a collection of sets.
    """
    # Imported late: the streams need only to be there when a dataset's recipe is adapted to.
    from ....datasets.config import load_dataset_configs  # noqa: PLC0415
    from ....datasets.dynamic import open_stream  # noqa: PLC0415

    configs = load_dataset_configs(dataset)
    return open_stream(
        dataset,
        split=configs[0].split,
        seed=configs[0].seed,
        corpus_dirs=corpus_dirs,
        overrides={"conditions": ["1:0"]},
    )


def _network(opened: Checkpoint, options: AdaptOptions) -> SoundBeamNet:
    """The network, frozen.

    Raises:
        ConfigError: it has no class embeddings, or nothing to average.
    """
    config = net_config(SoundBeamConfig, opened)
    if not config.takes_classes:
        raise ConfigError(
            f"checkpoint {str(opened.path)!r} is the variant {config.variant!r}, which has no "
            "class embeddings to add to; use a mixed variant (enrollments need no adaptation)"
        )
    if options.init == "avg" and not config.takes_enrollments:
        raise ConfigError(
            f"init = 'avg', but checkpoint {str(opened.path)!r} is the variant "
            f"{config.variant!r}, which cannot encode recordings; use init: rnd or a mixed variant"
        )
    with torch.device("meta"):
        net = SoundBeamNet(config, classes=opened.card.classes)
    fill(net, opened)
    return net.requires_grad_(False).eval()


def _check(opened: Checkpoint, stream: TrialStream, new: tuple[str, ...]) -> None:
    if not new:
        raise ConfigError(
            f"the dataset has no class that checkpoint {str(opened.path)!r} does not know; "
            "adapt to a dataset with new classes"
        )
    if stream.sample_rate_hz != opened.card.sample_rate_hz:
        raise ConfigError(
            f"checkpoint {str(opened.path)!r} works at {opened.card.sample_rate_hz} Hz, but the "
            f"dataset is at {stream.sample_rate_hz} Hz; override its sample_rate_hz"
        )


def _save(opened: Checkpoint, columns: Tensor, adapted: Adaptation, *, out: Path) -> None:
    """The checkpoint with W' = [W, columns] (eq. 9); all other weights are the same bits."""
    # `trained_on` stays: no test mixture holds a known recording of a new class.
    state = dict(opened.state)
    state["embedding"] = torch.cat([state["embedding"], columns.detach().cpu()])
    card = opened.card.model_copy(
        update={
            "classes": (*opened.card.classes, *adapted.classes),
            "training_data": (*opened.card.training_data, adapted.dataset),
            "adapted": adapted,
        }
    )
    save_checkpoint(out, state=state, card=card)
