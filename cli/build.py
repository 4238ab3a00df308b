"""`tsebench build`: build benchmark sets."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from typer import Option

from ..core.progress import on_console
from . import options
from .commands import command
from .output import console, say

Out = Annotated[Path, Option(metavar="DIR", help="Folder that gets a sub-folder for each set.")]
Materialise = Annotated[bool, Option("--materialise", help="Write wav files too, for other tools.")]
Threads = Annotated[int, Option(min=1, metavar="N", help="Threads that draw and render mixtures.")]
AllowMissing = Annotated[
    bool, Option("--allow-missing", help="Leave out mixtures whose recordings are missing, and count them on the card.")
]


@command("build", place=20, summary="Build benchmark sets from a config.")
def build(
    config: options.Config,
    out: Out = Path("data"),
    materialise: Materialise = False,
    jobs: Threads = 2,
    allow_missing: AllowMissing = False,
    corpus: options.Corpus = None,
    settings: options.Settings = None,
) -> None:
    """Build benchmark sets as recipes; mixtures are rendered when they are read."""
    from ..core.allocator import keep_freed_memory
    from ..core.config_files import corpus_dirs
    from ..datasets.build import build as build_set
    from ..datasets.build import materialise as write_audio
    from ..datasets.config import check_corpus_names, load_dataset_configs
    from ..reports.terminal.datasets import print_summary

    keep_freed_memory()
    given, configs = options.corpora_of(corpus), load_dataset_configs(config, settings or ())
    check_corpus_names(given, [each.corpora for each in configs])
    dirs, progress = corpus_dirs(given), on_console(console)
    for dataset_config in configs:
        folder = out / dataset_config.name
        dataset = build_set(
            dataset_config, folder, corpus_dirs=dirs, jobs=jobs, allow_missing=allow_missing, progress=progress
        )
        if materialise:
            write_audio(dataset, folder, jobs=jobs, progress=progress)
        print_summary(dataset, console)
        counts = ", ".join(f"{name} {count}" for name, count in dataset.card.counts.items())
        say(f"{folder}: {counts}; fingerprint {dataset.card.fingerprint[:12]}")
