"""The REVERB challenge's noise, 60 files of 8 channels, in both of its layouts."""

from __future__ import annotations

from pathlib import Path

from helpers.trees.audio import save

ROOMS = tuple(f"{size}Room{k}" for size in ("Small", "Medium", "Large") for k in (1, 2))


def make_reverb_noise(root: Path, *, slr28: bool = False) -> Path:
    """All 60 files; OpenSLR 28 has impulse responses and other noise in the same folder."""
    folder = root / ("RIRS_NOISES/real_rirs_isotropic_noises" if slr28 else "NOISE")
    for room in ROOMS:
        for k in range(1, 11):
            name = f"RVB2014_type1_noise_{room.lower()}_{k}" if slr28 else f"Noise_{room}_{k}"
            seed = 100 * ROOMS.index(room) + k
            save(folder / f"{name}.wav", frames=160, channels=8, seed=seed)
    if slr28:
        for name in ("RVB2014_type1_rir_largeroom1_far_angla", "RVB2014_type2_noise_simroom1_1"):
            save(folder / f"{name}.wav", frames=160, channels=8)
    return root / "RIRS_NOISES" if slr28 else root
