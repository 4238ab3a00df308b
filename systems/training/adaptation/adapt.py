"""New sound classes for a trained SoundBeam, from a few recordings (Delcroix et al., 2021, sec. 3).

Each new class gets a column of the embedding matrix, initialised with the average embedding of its recordings (eq. 8
and 9) or at random. Only these columns are trained: the outputs for the earlier classes stay the same to the last bit.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import torch
from torch import Tensor

from ....core.errors import CheckpointError, ConfigError
from ....core.progress import ProgressFactory, quiet
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
from ..data import TrainingStream
from .columns import start_columns, train_columns
from .shots import adaptation_clips, find_enrollments

ARCHITECTURE = "soundbeam"


def adapt(
    checkpoint: str | Path,
    *,
    dataset: str,
    out: Path,
    enroll_from: str | None = None,
    options: AdaptOptions | None = None,
    device: str = "cpu",
    corpus_dirs: Mapping[str, Path] | None = None,
    streams: tuple[TrainingStream, TrainingStream] | None = None,
    progress: ProgressFactory = quiet,
    log: Callable[[str], None] | None = None,
    reuse: bool = False,
) -> Adaptation:
    """Adapt a SoundBeam to the classes of a few-shot dataset that it does not know.

    Args:
        checkpoint: of SoundBeam; of a mixed variant for `init="avg"`.
        dataset: config whose mixtures hold the recordings of new classes, for example
            "fewshot_synthetic_5shot_adaptation".
        out: folder of the new checkpoint, for `load_system("soundbeam", checkpoint=...)`.
        enroll_from: config whose trials enroll new classes with those recordings; `dataset` if None, which enrolls
            nothing where there is one recording for each class.
        streams: instead of those of `dataset` and `enroll_from`.
        log: called with a line for each epoch.
        reuse: return the adaptation in `out` if it was made of the same data and options.

    Raises:
        CheckpointError: the checkpoint is missing, damaged or unsafe.
        ConfigError: the network or an option does not fit.
        DatasetError: the data cannot be opened, or do not enroll every new class.
        TsebenchError: training diverged.
    """
    folders, options = corpus_dirs or {}, options or AdaptOptions()
    stream, enrolled = streams or (_open(dataset, folders), _open(enroll_from or dataset, folders))
    opened = load_checkpoint(checkpoint, architecture=ARCHITECTURE)
    net = _network(opened, options).to(device)
    new = tuple(label for label in stream.classes if label not in opened.card.classes)
    _check(opened, stream, new)
    averaged = enrolled if options.init == "avg" else None
    used = [stream] if averaged is None else [stream, averaged]
    planned = Adaptation(
        **options.model_dump(),
        parent_sha256=opened.card.sha256,
        classes=new,
        clips=adaptation_clips(stream, averaged, new, mixtures=options.mixtures),
        dataset=dataset,
        data_fingerprint=digest(*(each.fingerprint for each in used)),
    )
    earlier = _adaptation_in(out) if reuse else None
    if earlier is not None and earlier.same_recipe(planned):
        return earlier
    recordings = {} if averaged is None else find_enrollments(averaged, new)
    columns = start_columns(net, recordings, len(new), options).to(device)
    classes = (*opened.card.classes, *new)
    losses = train_columns(net, columns, classes, stream, options=options, progress=progress, log=log)
    shots = {label: len(recordings.get(label, ())) for label in new}
    adapted = planned.model_copy(update={"losses": losses, "shots": shots})
    _save(opened, columns, adapted, out=out)
    return adapted


def _adaptation_in(folder: Path) -> Adaptation | None:
    """Adaptation on the card of an intact checkpoint; None without one."""
    try:
        if read_checkpoint_card(folder).adapted is None:
            return None
        return load_checkpoint(folder, architecture=ARCHITECTURE).card.adapted
    except CheckpointError:
        return None


def _open(dataset: str, corpus_dirs: Mapping[str, Path]) -> TrainingStream:
    """Trials of a dataset with its own seed and split, which determine the recordings of new classes."""
    # Imported late: open streams need no dataset recipes.
    from ....datasets.config import load_dataset_configs  # noqa: PLC0415
    from ....datasets.dynamic import open_stream  # noqa: PLC0415

    config, overrides = load_dataset_configs(dataset)[0], {"conditions": ["1:0"]}
    return open_stream(dataset, split=config.split, seed=config.seed, corpus_dirs=corpus_dirs, overrides=overrides)


def _network(opened: Checkpoint, options: AdaptOptions) -> SoundBeamNet:
    """The network, frozen; a ConfigError without class embeddings, or without an encoder for `init = "avg"`."""
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


def _check(opened: Checkpoint, stream: TrainingStream, new: tuple[str, ...]) -> None:
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
    """Write the checkpoint with W' = [W, columns] (eq. 9); all other weights are unchanged."""
    # `trained_on` is unchanged: no test mixture holds an adaptation recording of a new class.
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
