"""How long a whole Libri2Mix test set takes to build and to render; nothing here is a test.

    python tests/benchmarks/librimix.py            files of a few kilobytes
    python tests/benchmarks/librimix.py --full     files as large as the real ones, 1.7 GB

The real metadata are needed (`../shared/data`); the recordings are noise of the
real lengths.
"""

from __future__ import annotations

import argparse
import csv
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import soundfile

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from helpers.trees.librimix import librimix_config
from helpers.trees.librispeech import HEAD, words_of

from tsebench.core.progress import Advance
from tsebench.datasets.build import build
from tsebench.datasets.dataset import Dataset
from tsebench.datasets.types import MixtureClip

METADATA = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "librimix" / "metadata"
TABLE = "Libri2Mix/libri2mix_test-clean.csv"
NOISE_S = 10.0
RENDERED = 100


class Stopwatch:
    """Seconds of the parts of a build, told by its progress."""

    def __init__(self) -> None:
        self.begin = time.perf_counter()
        self.marks: list[tuple[str, float, float]] = []

    @contextmanager
    def progress(self, what: str, _total: int) -> Iterator[Advance]:
        start = time.perf_counter()
        yield lambda _count: None
        self.marks.append((what.partition(" ")[0], start, time.perf_counter()))

    def parts(self) -> dict[str, float]:
        """Seconds before, in and after the parts that show progress."""
        end = time.perf_counter()
        found = {"open corpora and tables": self.marks[0][1] - self.begin}
        found |= {name: stop - start for name, start, stop in self.marks}
        return {**found, "check, fingerprint, write": end - self.marks[-1][2], "all": end - self.begin}


def make(root: Path, *, full: bool) -> None:
    """All recordings that the test set can use."""
    with (METADATA / "LibriSpeech" / "test-clean.csv").open() as file:
        lengths = {row["origin_path"]: int(row["length"]) for row in csv.DictReader(file)}
    with (METADATA / TABLE).open() as file:
        noise = sorted({row["noise_path"] for row in csv.DictReader(file)})
    # 9 bits a sample make FLACs of 130 kB on average, as the real ones.
    amplitude = 256 if full else 1
    draws = np.random.default_rng(0).integers(-amplitude, amplitude, 700_000, dtype=np.int16)
    texts: dict[Path, list[str]] = {}
    for number, (path, frames) in enumerate(lengths.items()):
        file_path = root / "LibriSpeech" / path
        file_path.parent.mkdir(parents=True, exist_ok=True)
        samples = draws[number : number + frames] if full else np.full(frames, number, np.int16)
        soundfile.write(str(file_path), samples, 16_000)
        texts.setdefault(file_path.parent, []).append(f"{file_path.stem} {words_of(file_path.stem)}")
    for chapter, lines in texts.items():
        name = f"{chapter.parent.name}-{chapter.name}.trans.txt"
        (chapter / name).write_text("\n".join(lines) + "\n")
    speakers = sorted({Path(path).parts[1] for path in lengths})
    rows = "".join(f"{speaker} | F | test-clean | 8.0 | A Reader\n" for speaker in speakers)
    (root / "LibriSpeech" / "SPEAKERS.TXT").write_text(HEAD + rows)
    frames = round(NOISE_S * 16_000) if full else 1_000
    for number, path in enumerate(noise):
        file_path = root / "wham_noise" / path
        file_path.parent.mkdir(parents=True, exist_ok=True)
        samples = draws[number : number + 2 * frames].reshape(frames, 2)
        soundfile.write(str(file_path), samples, 16_000)


def time_build(root: Path, *, lists: bool, mix: str, mode: str) -> Dataset:
    metadata = METADATA
    if not lists:
        metadata = root / "bare"
        (metadata / "Libri2Mix").mkdir(parents=True, exist_ok=True)
        (metadata / TABLE).write_bytes((METADATA / TABLE).read_bytes())
    dirs = {"librimix": metadata, "librispeech": root / "LibriSpeech", "wham": root / "wham_noise"}
    watch = Stopwatch()
    dataset = build(
        librimix_config(metadata=TABLE, mix=mix, mode=mode),
        root / f"{mix}-{mode}-{lists}",
        corpus_dirs=dirs,
        jobs=2,
        progress=watch.progress,
    )
    print(f"{mix}, {mode}, lengths from {'the lists' if lists else 'the headers'}")
    for name, seconds in watch.parts().items():
        print(f"  {name:<28} {seconds:6.2f} s")
    files = dataset.manifest.files
    size = sum((dirs[file.corpus] / file.path).stat().st_size for file in files)
    print(f"  {len(dataset.mixtures)} mixtures, {len(files)} files, {size / 1e9:.2f} GB")
    return dataset


def time_rendering(dataset: Dataset) -> None:
    names = list(dataset.mixtures)[:RENDERED]
    start = time.perf_counter()
    for name in names:
        dataset.signals(name)
    middle = time.perf_counter()
    for name in names:
        dataset.separated(MixtureClip(mixture_id=name, source_id="s1"))
    end = time.perf_counter()
    whole, alone = (1e3 * t / RENDERED for t in (middle - start, end - middle))
    print(f"  rendering a mixture {whole:.1f} ms, one source of it {alone:.1f} ms (one thread)")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--full", action="store_true", help="files as large as the real ones")
    parser.add_argument("--folder", type=Path, help="where the files go [default: a temporary one]")
    options = parser.parse_args()
    if not METADATA.is_dir():
        sys.exit(f"no LibriMix metadata in {METADATA}")
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        root = Path(folder)
        start = time.perf_counter()
        make(root, full=options.full)
        print(f"recordings made in {time.perf_counter() - start:.0f} s")
        for lists in (True, False):
            for mix, mode in (("clean", "min"), ("both", "max")):
                dataset = time_build(root, lists=lists, mix=mix, mode=mode)
        if options.full:  # the noise of the small files is too short to be extended
            time_rendering(dataset)


if __name__ == "__main__":
    main()
