"""How long soundscapes take to render here and in Scaper, from the same JAMS files; no test.

    python tests/benchmarks/scaper.py

Needs the extra `scaper`. Both sides render each mixture in turn, on one thread, so that a busy
machine slows down both. The sources are noise at 44.1 kHz, the background at 48 kHz.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before NumPy starts its threads
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
import soundfile

from tsebench.datasets.builder import BUILDERS, BuildContext, Selection
from tsebench.datasets.config import CorpusConfig, open_corpora
from tsebench.datasets.corpus import Corpora
from tsebench.datasets.render import render
from tsebench.datasets.seeding import generator
from tsebench.datasets.soundscapes import jams_sidecars
from tsebench.datasets.types import Mixture

MIXTURES, REPEATS = 12, 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """Milliseconds for one mixture of three events in 6 s, and the largest difference."""

    sample_rate_hz: int
    ours_ms: float
    theirs_ms: float
    difference: float


def make_bank(root: Path) -> dict[str, Path]:
    """A few recordings of noise, in the folders that Scaper wants."""
    for label in ("a", "b", "c", "d"):
        for number in range(4):
            noise = generator("bank", label, number).standard_normal(44_100 * (3 + number)) * 0.1
            path = root / "events" / label / f"{label}{number}.wav"
            path.parent.mkdir(parents=True, exist_ok=True)
            soundfile.write(path, noise, 44_100, subtype="PCM_16")
    scene = root / "scenes" / "park" / "park.wav"
    scene.parent.mkdir(parents=True)
    noise = generator("bank", "park").standard_normal(48_000 * 10) * 0.05
    soundfile.write(scene, noise, 48_000, subtype="PCM_24")
    return {name: root / name for name in ("events", "scenes")}


def draw(corpora: Corpora, sample_rate_hz: int) -> list[Mixture]:
    """Mixtures of the builder `sound_mix`."""
    builder = BUILDERS.get("sound_mix")(
        context=BuildContext(name="speed", version="1", seed=1, split="test", corpora=corpora),
        events=Selection(corpus="events"),
        background=Selection(corpus="scenes"),
        count=MIXTURES,
        sample_rate_hz=sample_rate_hz,
        renderer="scaper",
        peak=None,
    )
    return [builder.draw(index).mixture for index in range(MIXTURES)]


def timed(work: Callable[[], object]) -> float:
    """Milliseconds of the fastest of a few runs."""
    times = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        work()
        times.append(1e3 * (time.perf_counter() - start))
    return min(times)


def compare(scaper: object, root: Path, sample_rate_hz: int, dirs: dict[str, Path]) -> Row:
    """Render all mixtures on both sides."""
    kinds = {name: CorpusConfig(kind="folder") for name in dirs}
    corpora = open_corpora(kinds, dirs)
    ours, theirs, differences = [], [], []
    regenerate = scaper.generate_from_jams  # type: ignore[attr-defined]
    for mixture in draw(corpora, sample_rate_hz):
        for path, content in jams_sidecars(mixture, corpora).items():
            (root / path).write_bytes(content)
            file = str(root / path)
        ours.append(timed(lambda mixture=mixture: render(mixture, corpora)))
        theirs.append(timed(lambda file=file: regenerate(file)))
        audio = regenerate(file)[0][:, 0]
        differences.append(float(np.abs(render(mixture, corpora).mixture - audio).max()))
    return Row(
        sample_rate_hz=sample_rate_hz,
        ours_ms=median(ours),
        theirs_ms=median(theirs),
        difference=max(differences),
    )


def main() -> None:
    """Print the table."""
    warnings.simplefilter("ignore")
    here = str(Path(__file__).parent)  # where this file would be taken for the package
    sys.path = [folder for folder in sys.path if folder != here]
    if not hasattr(np, "Inf"):
        np.Inf = np.inf  # type: ignore[attr-defined]
    try:
        import scaper
    except ImportError:
        sys.exit("scaper is not installed: pip install 'tsebench[scaper]'")
    print(f"{'rate':>6} {'here':>9} {'Scaper':>9} {'ratio':>6}  difference")
    for rate in (8000, 16_000, 44_100):
        with tempfile.TemporaryDirectory() as folder:
            row = compare(scaper, Path(folder), rate, make_bank(Path(folder) / "bank"))
        ratio = row.theirs_ms / row.ours_ms
        print(
            f"{rate:6d} {row.ours_ms:6.1f} ms {row.theirs_ms:6.1f} ms {ratio:6.1f}  "
            f"{row.difference:.1e}"
        )


if __name__ == "__main__":
    main()
