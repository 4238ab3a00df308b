"""WSJ0 with a few utterances of speech-like noise, and the lists of mixtures of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

RATE_HZ = 16_000
UTTERANCES = {
    "wsj0/si_et_05/440/440c0201.wav": 2.51,
    "wsj0/si_et_05/440/440c0202.wav": 1.2,
    "wsj0/si_et_05/440/440o0301.wav": 1.9,
    "wsj0/si_et_05/441/441c0201.wav": 1.7,
    "wsj0/si_et_05/441/441o0302.wav": 2.0,
    "wsj0/si_et_05/441/441o030a.wav": 1.1,
    "wsj0/si_dt_05/22g/22gc0101.wav": 2.2,
    "wsj0/si_dt_05/22g/22go010x.wav": 1.4,
    "wsj0/si_dt_05/050/050a0501.wav": 1.600125,
    "wsj0/si_dt_05/050/050c010f.wav": 1.3,
    "wsj0/si_tr_s/01t/01to030v.wav": 1.5,
    "wsj0/si_tr_s/20g/20ga010m.wav": 1.8,
}
"""Paths as the lists have them, with lengths in seconds; one has an odd number of samples."""

ROWS = (
    "wsj0/si_et_05/440/440c0201.wav 0.60431 wsj0/si_dt_05/22g/22gc0101.wav -0.60431 ",
    "wsj0/si_dt_05/050/050a0501.wav 2.4 wsj0/si_et_05/441/441c0201.wav -2.4 ",
    "wsj0/si_et_05/440/440c0201.wav 1.6043 wsj0/si_dt_05/22g/22gc0101.wav -1.6043 ",
    "wsj0/si_et_05/441/441o0302.wav 5.2094e-07 wsj0/si_dt_05/050/050c010f.wav -5.2094e-07 ",
)
"""Rows with the blank at their end; the same two utterances twice, and an exponent."""

AUXILIARY = (
    "wsj0/si_et_05/440/440o0301.wv1",
    "wsj0/si_dt_05/050/050c010f.wv1",
    "wsj0/si_et_05/440/440c0202.wv1",
    "wsj0/si_et_05/441/441c0201.wv1",
)
"""Fifth column of each row, for its first speaker; its suffix is that of the discs."""

TRANSCRIPTS = {
    "440c0201": "Mr. Smith said ,COMMA the \\%percent is [loud_breath] up .PERIOD",
    "441c0201": 'They call it "DOUBLE-QUOTE a *day* "DOUBLE-QUOTE',
}


def babble(seconds: float, *, seed: int, rate_hz: int = RATE_HZ) -> NDArray[np.float64]:
    """Noise [T] with the spectrum and the syllables of speech, about -30 dB, between two pauses."""
    rng = np.random.default_rng(seed)
    samples = round(seconds * rate_hz)
    spectrum = np.fft.rfft(rng.standard_normal(samples))
    hz = np.fft.rfftfreq(samples, 1 / rate_hz)
    spectrum *= (hz / 300) / (1 + (hz / 500) ** 2)
    time_s = np.arange(samples) / rate_hz
    syllables = np.clip(np.sin(2 * np.pi * (3.1 * time_s + rng.random())), 0, None)
    inside = (time_s > 0.15) & (time_s < seconds - 0.15)
    noise = np.fft.irfft(spectrum, samples) * syllables * inside
    loudness = 10 ** (rng.uniform(-35, -25) / 20)
    return np.asarray(noise / np.sqrt(np.mean(noise**2)) * loudness)


def make_wsj0(
    root: Path,
    *,
    utterances: Mapping[str, float] = UTTERANCES,
    transcripts: Mapping[str, str] | None = None,
    sexes: Mapping[str, str] | None = None,
) -> Path:
    """Write `wsj0/...` below `root`, and return `root`.

    Args:
        root: where it goes.
        utterances: lengths in seconds by path.
        transcripts: text by utterance; None writes none.
        sexes: sex by speaker; None writes none.
    """
    for seed, (path, seconds) in enumerate(sorted(utterances.items())):
        write_speech(root / path, babble(seconds, seed=seed))
    for utterance, text in (transcripts or {}).items():
        folder = root / "wsj0" / "transcrp" / "dots" / utterance[:3]
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / f"{utterance[:6]}00.dot").open("a") as file:
            file.write(f"{text} ({utterance})\n")
    if sexes:
        rows = [f"{speaker}   {sex}    23    Anywhere\n" for speaker, sex in sexes.items()]
        text = "; speakers of the corpus\n---   -\n" + "".join(rows)
        (root / "wsj0" / "doc").mkdir()
        (root / "wsj0" / "doc" / "spkrinfo.txt").write_text(text)
    return root


def write_speech(path: Path, samples: NDArray[np.float64], *, rate_hz: int = RATE_HZ) -> None:
    """Write 16-bit samples [T] as wav, whatever the suffix is."""
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(str(path), samples, rate_hz, subtype="PCM_16", format="WAV")


def make_wsj0_lists(
    root: Path,
    *,
    rows: Sequence[str] = ROWS,
    auxiliary: Sequence[str] = AUXILIARY,
    levels: Mapping[str, float] | None = None,
) -> Path:
    """Write the lists of `tt` and levels of all utterances into `root`, and return it.

    Args:
        root: where they go.
        rows: mixtures.
        auxiliary: fifth column of the list of WSJ0-2mix-extr.
        levels: active level by utterance; None gives each another one, about -30 dB.
    """
    (root / "activlev").mkdir(parents=True)
    (root / "mix_2_spk_tt.txt").write_text("".join(f"{row}\n" for row in rows))
    fifth = "".join(f"{row}{aux}\n" for row, aux in zip(rows, auxiliary, strict=False))
    (root / "mix_2_spk_tt_extr.txt").write_text(fifth)
    for part in ("si_tr_s", "si_dt_05", "si_et_05"):
        names = [Path(path).stem for path in UTTERANCES if part in path]
        known = levels or {name: 1e-3 / (3 + int(name[-2:], 36)) for name in names}
        text = "".join(f"{name} {known[name]:.16e}\n" for name in names if name in known)
        (root / "activlev" / f"activlev_{part}.txt").write_text(text)
    return root
