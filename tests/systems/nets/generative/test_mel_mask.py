"""Masks from log-mel spectra: exact for the mixture itself, for a gain and for silence."""

from __future__ import annotations

import math

import torch

from tsebench.systems.nets.generative.log_mel import LogMel
from tsebench.systems.nets.generative.mel_mask import masked

LOG_MEL = LogMel(sample_rate_hz=8000, n_fft=512, hop=128, n_mels=40, floor=1e-4)


def noise(samples: int = 4001, rows: int = 2) -> torch.Tensor:
    return torch.randn(rows, samples, generator=torch.Generator().manual_seed(1))


def mel(signal: torch.Tensor) -> torch.Tensor:
    """Log-mel spectra with the zeros that fill the last frame."""
    return LOG_MEL.transform(torch.nn.functional.pad(signal, (0, -signal.shape[-1] % 128)))


def test_the_mixture_gives_itself() -> None:
    mixture = noise()
    torch.testing.assert_close(masked(LOG_MEL, mixture=mixture, estimate=mel(mixture)).float(), mixture)


def test_a_gain_is_a_gain_and_never_above_one() -> None:
    mixture = noise()
    half = masked(LOG_MEL, mixture=mixture, estimate=mel(mixture) + math.log(0.5))
    torch.testing.assert_close(half.float(), 0.5 * mixture)
    louder = masked(LOG_MEL, mixture=mixture, estimate=mel(mixture) + 1.0)
    torch.testing.assert_close(louder.float(), mixture)


def test_the_floor_is_silence() -> None:
    mixture = noise()
    silent = torch.full_like(mel(mixture), math.log(1e-4))
    assert float(masked(LOG_MEL, mixture=mixture, estimate=silent).abs().max()) == 0.0


def test_a_row_is_the_same_alone() -> None:
    mixture = noise()
    estimate = mel(mixture) - 2.0 * torch.rand(mel(mixture).shape, generator=torch.Generator().manual_seed(2))
    together = masked(LOG_MEL, mixture=mixture, estimate=estimate)
    assert torch.equal(together[:1].float(), masked(LOG_MEL, mixture=mixture[:1], estimate=estimate[:1]).float())


def test_frames_and_bands_are_in_place() -> None:
    """A tone that is kept and one that is not, before and after a change in the middle."""
    time = torch.arange(8192) / 8000.0
    low, high = torch.sin(2 * torch.pi * 500 * time), torch.sin(2 * torch.pi * 2500 * time)
    target = torch.where(time < 0.512, low, high)[None]
    estimate = masked(LOG_MEL, mixture=(low + high)[None], estimate=mel(target)).float()
    error = (estimate - target)[:, 512:-512]
    middle = slice(4096 - 512 - 512, 4096 + 512 - 512)
    error[:, middle] = 0.0
    ratio = 10 * torch.log10(target.square().mean() / error.square().mean())
    assert float(ratio) > 60.0
