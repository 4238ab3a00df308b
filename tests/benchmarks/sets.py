"""How long benchmark sets take to build and to render, as ratios; nothing here is a test.

    python tests/benchmarks/sets.py              prints the section
    python tests/benchmarks/sets.py --write      and puts it into docs/benchmarks.md

The tables of LibriMix are needed (`../shared/data`), and the extra `scaper` for
its rows. Recordings are made: all of Libri2Mix test (1.7 GB), and FSDKaggle2018 and TAU 2019 as
sparse files.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

if __name__ == "__main__":  # before NumPy starts its threads
    for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(_name, "1")

import librimix
import soundfile
from common import REPEATS, fastest, put_section
from sound_trees import make_sounds

from tsebench.core.allocator import keep_freed_memory
from tsebench.datasets.build import build
from tsebench.datasets.config import DatasetConfig, load_dataset_configs, open_builder
from tsebench.datasets.render import render
from tsebench.datasets.types import Mixture
from tsebench.doctor.speed.page import machine, table

RENDERED, JOBS = 40, 2
LIBRIMIX = (("clean", 8000, "min"), ("both", 8000, "min"), ("clean", 16_000, "max"),
            ("both", 16_000, "max"), ("both", 8000, "max"))  # fmt: skip
RATES_HZ = (8000, 16_000, 44_100)

Dirs = dict[str, Path]


@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """A manifest: seconds on the clock, and of the processor."""

    config: DatasetConfig
    mixtures: int
    wall_s: float
    cpu_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """Milliseconds for a mixture, of one side and of the other."""

    title: str
    ours_ms: float
    theirs_ms: float


def report() -> str:
    """The section of the page."""
    keep_freed_memory()  # as the commands do
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        libri, sounds = _libri_dirs(root / "libri"), make_sounds(root / "full", full=True)
        noise = make_sounds(root / "noise", full=False)
        built = [
            _build(_libri("both", 8000, "min"), libri, root / "a"),
            _build(_libri("both", 16_000, "max"), libri, root / "b"),
            _build(load_dataset_configs("fsd_query_test")[0], sounds, root / "c"),
        ]
        pairs = [_against_decoding(_libri(*kind), libri) for kind in LIBRIMIX]
        pairs.append(_against_decoding(load_dataset_configs("fsd_query_test")[0], noise))
    return "\n\n".join(["## Benchmark sets", _built(built), _decoded(pairs), _scaper()])


def _libri_dirs(root: Path) -> Dirs:
    librimix.make(root, full=True)
    return {"librimix": librimix.METADATA, "librispeech": root / "LibriSpeech", "wham": root / "wham_noise"}


def _libri(mix: str, rate_hz: int, mode: str) -> DatasetConfig:
    params = {"metadata": librimix.TABLE, "mix": mix, "sample_rate_hz": rate_hz, "mode": mode}
    return librimix.librimix_config(name=f"libri2mix_{mix}_{rate_hz // 1000}k_{mode}", **params)


def _build(config: DatasetConfig, dirs: Dirs, out: Path) -> Built:
    wall_s, cpu_s = time.perf_counter(), time.process_time()
    dataset = build(config, out, corpus_dirs=dirs, jobs=JOBS)
    return Built(
        config=config,
        mixtures=len(dataset.mixtures),
        wall_s=time.perf_counter() - wall_s,
        cpu_s=time.process_time() - cpu_s,
    )


def _against_decoding(config: DatasetConfig, dirs: Dirs) -> Pair:
    opened = open_builder(config, dirs)
    step = max(1, opened.builder.count // RENDERED)
    mixtures = [opened.builder.draw(step * k).mixture for k in range(RENDERED)]
    times = [fastest(lambda m=m: render(m, opened.corpora), lambda m=m: _decode(m, dirs))
             for m in mixtures]  # fmt: skip
    ours, theirs = (1e3 * sum(side) / len(times) for side in zip(*times, strict=True))
    return Pair(title=config.name, ours_ms=ours, theirs_ms=theirs)


def _decode(mixture: Mixture, dirs: Dirs) -> None:
    """The stretches of a recipe by soundfile, to floats."""
    for source in mixture.sources:
        clip = source.clip
        with soundfile.SoundFile(str(dirs[clip.corpus] / clip.path)) as file:
            file.seek(clip.start)
            file.read(clip.frames, dtype="float32")


def _built(rows: Sequence[Built]) -> str:
    lines = [[f"`{row.config.name}`", str(row.mixtures), f"{row.wall_s:.1f}", f"{row.cpu_s:.1f}"] for row in rows]
    return (
        f"Building a manifest with `--jobs {JOBS}`, the hashes of all recordings it uses included: "
        "Libri2Mix test by the real tables over FLACs of the real lengths, and `fsd_query_test` "
        "over all 11,073 clips and 21,600 scenes (the scenes are sparse files of the real sizes). "
        f"Seconds on the clock, and of the processor. {_load()}\n\n"
        + table(["set", "mixtures", "seconds", "of the processor"], lines)
    )


def _load() -> str:
    """How busy the machine is, for whom it matters."""
    return f"On average {os.getloadavg()[0]:.1f} processes ran on {os.cpu_count()} cores meanwhile."


def _decoded(rows: Sequence[Pair]) -> str:
    lines = [[f"`{r.title}`", f"{r.ours_ms:.2f}", f"{r.theirs_ms:.2f}", f"{r.ours_ms / r.theirs_ms:.2f}"] for r in rows]
    return (
        "Rendering a mixture and all of its sources from the recipe, against decoding the same "
        "stretches by soundfile alone (FLAC and 16-bit stereo for Libri2Mix; 16-bit wav and 24-bit "
        f"stereo scenes for `fsd_query_test`). Milliseconds of the processor for one of {RENDERED} "
        f"mixtures; the fastest of {REPEATS} runs, in which both take turns. {_load()}\n\n"
        + table(["set", "rendering, ms", "decoding, ms", "ratio"], lines)
    )


def _scaper() -> str:
    try:
        import scaper as peer
    except ImportError:
        return "Scaper is not installed here; its rows are left out."
    from scaper_peer import compare, make_bank

    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        dirs = make_bank(Path(folder) / "bank")
        rows = [compare(peer, Path(folder) / str(rate), rate, dirs) for rate in RATES_HZ]
    lines = [
        [f"{row.sample_rate_hz} Hz", f"{row.ours_ms:.1f}", f"{row.theirs_ms:.1f}",
         f"{row.theirs_ms / row.ours_ms:.1f}", f"{row.lowest:.1f}", f"{row.difference:.0e}"]
        for row in rows
    ]  # fmt: skip
    return (
        "Rendering the same JAMS files here and in Scaper 1.6.5: three events at 44.1 kHz and a "
        "background at 48 kHz, 6 s. Milliseconds of the processor; medians over mixtures of the "
        f"fastest of {REPEATS} runs, in which both take turns. {_load()}\n\n"
        + table(["rate", "here, ms", "Scaper, ms", "times faster", "least of any mixture", "largest difference"], lines)
    )


def main() -> None:
    """Print the section, or put it into the page."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--write", action="store_true", help="put it into docs/benchmarks.md")
    options = parser.parse_args()
    text = report()
    print(f"{machine()}\n\n{text}")
    if options.write:
        put_section(text)


if __name__ == "__main__":
    main()
