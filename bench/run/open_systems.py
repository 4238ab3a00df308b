"""Systems of a run that are adapted to new classes before it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ...core.errors import ConfigError
from ...core.progress import ProgressFactory
from ...systems.protocol import AnySystem
from ...systems.registry import load_system
from ..config import RunConfig, SystemSpec


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
    return {
        spec.title: load_system(
            spec.name,
            device=device,
            **_options(
                spec,
                folder=folder / spec.title,
                device=device,
                corpus_dirs=corpus_dirs,
                reuse=reuse,
                progress=progress,
            ),
        )
        for spec in config.systems
    }


def _options(
    spec: SystemSpec,
    *,
    folder: Path,
    device: str,
    corpus_dirs: Mapping[str, Path],
    reuse: bool,
    progress: ProgressFactory,
) -> dict[str, Any]:
    if spec.adapt is None:
        return spec.options
    if "checkpoint" not in spec.options:
        raise ConfigError(
            f"system {spec.title!r} has `adapt`, but no option `checkpoint` that could be adapted"
        )
    # Training is heavy to import, and most runs do without.
    from ...systems.training.adaptation.adapt import adapt  # noqa: PLC0415

    adapt(
        str(spec.options["checkpoint"]),
        dataset=spec.adapt.dataset,
        enroll_from=spec.adapt.enroll_from,
        out=folder,
        options=spec.adapt.how,
        device=device,
        corpus_dirs=corpus_dirs,
        progress=progress,
        reuse=reuse,
    )
    return {**spec.options, "checkpoint": str(folder)}
