"""Systems of a run; some are adapted to new classes first."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from ...core.errors import ConfigError
from ...core.progress import ProgressFactory
from ...systems.protocol import AnySystem
from ...systems.registry import load_system
from ..config import RunConfig


def load_systems(
    config: RunConfig,
    *,
    folder: Path,
    device: str,
    corpus_dirs: Mapping[str, Path],
    reuse: bool,
    progress: ProgressFactory,
) -> dict[str, AnySystem]:
    """The systems of a run by title; those with `adapt` are adapted first, or were before.

    Args:
        config: of the run.
        folder: gets a checkpoint for each system that is adapted.
        device: "cpu", "cuda", ...
        corpus_dirs: folders of the corpora that live on disk.
        reuse: take what was adapted before in the same way.
        progress: of the adaptations.

    Raises:
        ConfigError: a system or an option does not exist or does not fit.
        CheckpointError: weights are missing, unsafe or do not fit.
        DatasetError: the data to adapt with cannot be opened.
    """
    systems: dict[str, AnySystem] = {}
    for spec in config.systems:
        options = dict(spec.options)
        if spec.adapt is not None:
            if "checkpoint" not in options:
                raise ConfigError(
                    f"system {spec.title!r} has `adapt`, but no option `checkpoint` that could be adapted"
                )
            # Training is heavy to import, and most runs do without.
            from ...systems.training.adaptation.adapt import adapt  # noqa: PLC0415

            adapt(
                str(options["checkpoint"]),
                dataset=spec.adapt.dataset,
                enroll_from=spec.adapt.enroll_from,
                out=folder / spec.title,
                options=spec.adapt.how,
                device=device,
                corpus_dirs=corpus_dirs,
                progress=progress,
                reuse=reuse,
            )
            options["checkpoint"] = str(folder / spec.title)
        systems[spec.title] = load_system(spec.name, device=device, **options)
    return systems
