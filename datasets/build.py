"""From a config to a dataset folder."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from .. import __version__
from ..errors import DatasetError
from ..progress import ProgressFactory, quiet
from .audio import write
from .builder import Drawn
from .clips import render_clip
from .config import DatasetConfig, OpenedBuilder, open_builder
from .corpus import Corpora
from .dataset import Dataset, load_dataset
from .manifest import (
    DatasetCard,
    FileHash,
    Manifest,
    check_manifest,
    clips_of,
    fingerprint,
    read_card,
    write_manifest,
)
from .render import render
from .types import Mixture, MixtureClip, Trial


def build(
    config: DatasetConfig,
    folder: Path,
    *,
    corpus_dirs: Mapping[str, Path],
    jobs: int = 1,
    reuse: bool = False,
    progress: ProgressFactory = quiet,
) -> Dataset:
    """Build a dataset folder.

    Args:
        config: the recipe.
        folder: where it goes.
        corpus_dirs: folders of the corpora that live on disk.
        jobs: threads that draw mixtures; the result does not depend on it.
        reuse: open the folder as it is if it was built from the same config.
        progress: shows how far it is.

    Raises:
        DatasetError: nothing can be drawn, or the folder holds another dataset.
    """
    if (folder / "card.json").is_file():
        card = _card_of(folder)
        if not card.matches(config):
            raise DatasetError(
                f"folder {str(folder)!r} holds dataset {card.name!r} made from another config; "
                "remove it or choose another with --out"
            )
        if reuse:
            return load_dataset(folder, corpus_dirs=corpus_dirs)
    opened = open_builder(config, corpus_dirs)
    manifest = _manifest(opened, jobs, progress)
    check_manifest(manifest, where=f"dataset {config.name!r}")
    write_manifest(folder, manifest)
    return Dataset(manifest, opened.corpora)


def materialise(dataset: Dataset, folder: Path, *, progress: ProgressFactory = quiet) -> None:
    """Write wav files for other tools.

    `audio/mixture/<mixture>.wav`, `audio/<source>/<mixture>.wav` for each source, and
    `audio/enrollment/<trial>_<k>.wav`; 16-bit if the recipe says so, float otherwise.
    """
    root = folder / "audio"
    mixtures = list(dataset.mixtures.values())
    with progress(f"write {dataset.card.name}", len(mixtures)) as advance:
        for mixture in mixtures:
            _write_mixture(mixture, dataset.corpora, root)
            advance(1)
    for trial in dataset.trials:
        rate = dataset.card.sample_rate_hz
        for number, clip in enumerate(trial.clue.enrollments):
            samples = (
                dataset.separated(clip)
                if isinstance(clip, MixtureClip)
                else render_clip(clip, sample_rate_hz=rate, corpora=dataset.corpora)
            )
            write(root / "enrollment" / f"{trial.id}_{number}.wav", samples, rate)


def _card_of(folder: Path) -> DatasetCard:
    try:
        return read_card(folder)
    except DatasetError as error:
        raise DatasetError(
            f"{error}, after removing folder {str(folder)!r}, or choose another with --out"
        ) from None


def _write_mixture(mixture: Mixture, corpora: Corpora, root: Path) -> None:
    rendered = render(mixture, corpora)
    subtype = "PCM_16" if mixture.quantise == "int16" else "FLOAT"
    names = ["mixture", *(source.id for source in mixture.sources)]
    for name, samples in zip(names, [rendered.mixture, *rendered.sources], strict=True):
        target = root / name / f"{mixture.id}.wav"
        write(target, samples, mixture.sample_rate_hz, subtype=subtype)


def _manifest(opened: OpenedBuilder, jobs: int, progress: ProgressFactory) -> Manifest:
    builder, config = opened.builder, opened.config
    drawn = list(_draw_all(opened, jobs, progress))
    mixtures = [item.mixture for item in drawn if item.trials]
    trials = [trial for item in drawn for trial in item.trials]
    if not trials:
        raise DatasetError(f"dataset {config.name!r} has no trial; check `count` and `conditions`")
    files = _hashes(mixtures, trials, opened.corpora)
    card = DatasetCard(
        name=config.name,
        version=config.version,
        description=config.description,
        builder=config.builder,
        split=config.split,
        seed=config.seed,
        sample_rate_hz=builder.sample_rate_hz,
        params=config.params,
        corpora=config.corpora,
        corpus_versions={name: corpus.version for name, corpus in opened.corpora.items()},
        licences={name: corpus.licence for name, corpus in opened.corpora.items()},
        vocabulary=builder.vocabulary,
        counts=_counts(drawn, trials, len(files)),
        tsebench_version=__version__,
    )
    manifest = Manifest(card=card, mixtures=mixtures, trials=trials, files=files)
    return replace(manifest, card=replace(card, fingerprint=fingerprint(manifest)))


def _draw_all(opened: OpenedBuilder, jobs: int, progress: ProgressFactory) -> Iterator[Drawn]:
    """Mixtures in order; each draw depends on its index alone."""

    def draw(index: int) -> Drawn:
        return replace(opened.builder.draw(index), rendered=None)  # signals of all would fill RAM

    count = opened.builder.count
    what = f"build {opened.config.name}"
    with ThreadPoolExecutor(max_workers=max(1, jobs)) as pool, progress(what, count) as advance:
        for drawn in pool.map(draw, range(count)):
            advance(1)
            yield drawn


def _counts(drawn: list[Drawn], trials: list[Trial], files: int) -> dict[str, int]:
    counts = Counter({"mixtures": sum(1 for item in drawn if item.trials), "trials": len(trials)})
    counts["files"] = files
    kinds = [f"trials_{trial.condition.kind}_{trial.condition}" for trial in trials]
    counts.update(Counter(sorted(kinds)))
    for item in drawn:
        for reason, number in item.excluded.items():
            counts[f"excluded_{reason}"] += number
    return dict(counts)


def _hashes(mixtures: list[Mixture], trials: list[Trial], corpora: Corpora) -> list[FileHash]:
    used = sorted({(clip.corpus, clip.path) for clip in clips_of(mixtures, trials)})
    with ThreadPoolExecutor() as pool:
        digests = pool.map(lambda item: corpora[item[0]].digest(item[1]), used)
        return [
            FileHash(corpus=corpus, path=path, sha256=sha256)
            for (corpus, path), sha256 in zip(used, digests, strict=True)
        ]
