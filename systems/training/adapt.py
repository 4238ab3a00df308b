"""New sound classes for a trained SoundBeam, from a few recordings (Delcroix et al., 2021, sec. 3).

Each new class gets a column of the embedding matrix, at first the average embedding of its
recordings (eq. 8 and 9) or random. Only these columns are trained: whatever the network answers
for the classes that it knew stays the same to the last bit.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
from rich.console import Console
from torch import Tensor

from ...errors import ConfigError, TsebenchError
from .._class_queries import multi_hot
from ..checkpoint import Checkpoint, fill, load_checkpoint, net_config, save_checkpoint
from ..nets.label_embedding import embed, fresh_columns
from ..nets.soundbeam_net import SoundBeamConfig, SoundBeamNet
from .data import EpochBatches, TrialStream
from .losses import NegativeSnr
from .shots import find_enrollments
from .task import TrainBatch

ARCHITECTURE = "soundbeam"

Init = Literal["avg", "rnd"]


@dataclass(frozen=True, slots=True, kw_only=True)
class AdaptOptions:
    """How new columns are found; the defaults are the paper's (section 5.2).

    Attributes:
        init: start from the average embedding ("avg") or at random ("rnd").
        epochs: over the same mixtures; 0 keeps the columns as they start.
        lr: learning rate of Adam.
        mixtures: to adapt with.
        batch_size: not told by the paper.
        seed: of random columns.
        threads: that render mixtures ahead.
    """

    init: Init = "avg"
    epochs: int = 10
    lr: float = 1e-3
    mixtures: int = 1000
    batch_size: int = 8
    seed: int = 0
    threads: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class AdaptResult:
    """What an adaptation came to.

    Attributes:
        new_classes: in the order of their columns.
        shots: recordings that each of them was averaged over; 0 with random columns.
        losses: mean training loss of each epoch, in dB.
        checkpoint: folder that `load_system("soundbeam", checkpoint=...)` opens.
    """

    new_classes: tuple[str, ...]
    shots: Mapping[str, int]
    losses: tuple[float, ...]
    checkpoint: Path


def adapt(
    checkpoint: str | Path,
    *,
    dataset: str,
    out: Path,
    enroll_from: str | None = None,
    options: AdaptOptions | None = None,
    device: str = "cpu",
    corpus_dirs: Mapping[str, Path] | None = None,
    console: Console | None = None,
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
        console: gets a line for each epoch.

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
        console=console,
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
    console: Console | None = None,
) -> AdaptResult:
    """`adapt` on streams that are open already; `name` is told of in the card."""
    opened = load_checkpoint(checkpoint, architecture=ARCHITECTURE)
    net = _network(opened, options).to(device)
    new = tuple(label for label in stream.classes if label not in opened.card.classes)
    _check(opened, stream, new)
    recordings = find_enrollments(enrolled, new) if options.init == "avg" else {}
    columns = _start(net, recordings, len(new), options).to(device)
    classes = (*opened.card.classes, *new)
    losses = _trained(net, columns, classes, stream, options=options, console=console)
    _save(opened, columns, new, name=name, out=out)
    return AdaptResult(
        new_classes=new,
        shots={label: len(recordings.get(label, ())) for label in new},
        losses=losses,
        checkpoint=out,
    )


def _open(dataset: str, corpus_dirs: Mapping[str, Path]) -> TrialStream:
    """The trials of a set as its own seed and split draw them: its known recordings are part of it.

    Raises:
        ConfigError: it is a collection of sets.
    """
    # Imported late: the streams need only to be there when a dataset's recipe is adapted to.
    from ...datasets.config import load_dataset_configs  # noqa: PLC0415
    from ...datasets.dynamic import open_stream  # noqa: PLC0415

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
    if not config.knows_classes:
        raise ConfigError(
            f"checkpoint {str(opened.path)!r} is the variant {config.variant!r}, which has no "
            "class embeddings to add to; use a mixed variant (enrollments need no adaptation)"
        )
    if options.init == "avg" and not config.hears_enrollments:
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


def _start(
    net: SoundBeamNet, recordings: Mapping[str, Sequence[Tensor]], count: int, options: AdaptOptions
) -> Tensor:
    """Columns [N, D] before training."""
    if options.init == "avg":
        with torch.no_grad():
            return net.enrollment_embedding([[clips] for clips in recordings.values()])
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(options.seed)
        return fresh_columns(count, net.config.embedding_dim)


def _trained(
    net: SoundBeamNet,
    columns: Tensor,
    classes: tuple[str, ...],
    stream: TrialStream,
    *,
    options: AdaptOptions,
    console: Console | None,
) -> tuple[float, ...]:
    """Train the columns in place; the mean loss of each epoch."""
    columns.requires_grad_(True)
    adam = torch.optim.Adam([columns], lr=options.lr)
    batches = EpochBatches(
        stream,
        per_epoch=options.mixtures,
        batch_size=options.batch_size,
        threads=options.threads,
        epoch=lambda: 0,
    )
    losses: list[float] = []
    for epoch in range(options.epochs):
        values: list[Tensor] = []
        for losses_of_batch in _steps(net, columns, classes, batches):
            adam.zero_grad()
            torch.autograd.backward(losses_of_batch.mean())
            adam.step()
            values.append(losses_of_batch.detach())
        losses.append(float(torch.cat(values).double().mean()))
        if console is not None:
            console.print(f"epoch {epoch}: train {losses[-1]:.2f} dB", highlight=False)
    columns.requires_grad_(False)
    return tuple(losses)


def _steps(
    net: SoundBeamNet, columns: Tensor, classes: tuple[str, ...], batches: EpochBatches
) -> Iterator[Tensor]:
    """Losses [B] of each batch with the columns as they are then.

    Raises:
        TsebenchError: one is not finite.
    """
    seen = net.embedding
    for rendered in batches:
        batch: TrainBatch = rendered.to(columns.device)
        known = columns if seen is None else torch.cat([seen, columns])
        query = multi_hot([clue.classes for clue in batch.queries.clues], classes)
        mixture = batch.queries.mixture[:, 0]
        estimate = net.extractor(
            mixture, batch.queries.lengths, embed(query.to(columns.device), known)
        )
        losses = NegativeSnr()(
            estimate=estimate, reference=batch.target, mixture=mixture, present=batch.present
        )
        if not bool(torch.isfinite(losses).all()):
            raise TsebenchError(
                f"adaptation diverged: a loss is not finite (mixtures "
                f"{', '.join(batch.queries.ids)}); set a lower lr"
            )
        yield losses


def _save(
    opened: Checkpoint, columns: Tensor, new: tuple[str, ...], *, name: str, out: Path
) -> None:
    """The checkpoint with W' = [W, columns] (eq. 9); all other weights are the same bits."""
    # `trained_on` stays: no test mixture holds a known recording of a new class.
    state = dict(opened.state)
    state["embedding"] = torch.cat([state["embedding"], columns.detach().cpu()])
    card = opened.card.model_copy(
        update={
            "classes": (*opened.card.classes, *new),
            "training_data": (*opened.card.training_data, name),
        }
    )
    save_checkpoint(out, state=state, card=card)
