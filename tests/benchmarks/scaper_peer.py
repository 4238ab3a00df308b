"""Soundscapes rendered here and in Scaper, from the same JAMS files.

The sources are noise at 44.1 kHz, the background at 48 kHz.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from statistics import median
from types import ModuleType

import numpy as np
import soundfile
from common import fastest

from tsebench.datasets.config import CorpusConfig, open_corpora
from tsebench.datasets.jams.soundscapes import jams_sidecars
from tsebench.datasets.protocols.builder import BUILDERS, BuildContext, Selection
from tsebench.datasets.protocols.corpus import Corpora
from tsebench.datasets.render import render
from tsebench.datasets.seeding import generator
from tsebench.datasets.types import Mixture

MIXTURES = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """Milliseconds for one mixture of three events in 6 s, the lowest ratio of any, and the largest
    difference of a sample."""

    sample_rate_hz: int
    ours_ms: float
    theirs_ms: float
    lowest: float
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


def compare(peer: ModuleType, root: Path, sample_rate_hz: int, dirs: dict[str, Path]) -> Row:
    """Render all mixtures on both sides in turn.

    Args:
        peer: the package scaper.
        root: folder that gets the JAMS files.
        sample_rate_hz: of the mixtures.
        dirs: folders of `make_bank`.
    """
    if not hasattr(np, "Inf"):
        np.Inf = np.inf  # type: ignore[attr-defined]
    root.mkdir(parents=True, exist_ok=True)
    corpora = open_corpora({name: CorpusConfig(kind="folder") for name in dirs}, dirs)
    pairs, differences = [], []
    for mixture in draw(corpora, sample_rate_hz):
        for path, content in jams_sidecars(mixture, corpora).items():
            (root / path).write_bytes(content)
            file = str(root / path)
        pairs.append(
            fastest(lambda mixture=mixture: render(mixture, corpora), lambda file=file: peer.generate_from_jams(file))
        )
        audio = peer.generate_from_jams(file)[0][:, 0]
        differences.append(float(np.abs(render(mixture, corpora).mixture - audio).max()))
    return Row(
        sample_rate_hz=sample_rate_hz,
        ours_ms=1e3 * median(ours for ours, _ in pairs),
        theirs_ms=1e3 * median(theirs for _, theirs in pairs),
        lowest=min(theirs / ours for ours, theirs in pairs),
        difference=max(differences),
    )
