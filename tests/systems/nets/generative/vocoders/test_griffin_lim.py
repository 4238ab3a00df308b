"""Griffin-Lim: consistent spectra are fixed points, and the distance never grows without momentum."""

from __future__ import annotations

import torch
from torch import Tensor

from tsebench.core.ratios import snr_db
from tsebench.systems.nets.generative.log_mel import LogMel
from tsebench.systems.nets.generative.vocoders.griffin_lim import GriffinLim, griffin_lim

MEL = LogMel(sample_rate_hz=8000, n_fft=256, hop=64, n_mels=40)


def tones(*pitches_hz: float, num_samples: int = 4096) -> Tensor:
    time = torch.arange(num_samples, dtype=torch.float64) / 8000
    return torch.stack([0.3 * torch.sin(2 * torch.pi * pitch * time + pitch) for pitch in pitches_hz]).sum(0)[None]


def distance(signal: Tensor, magnitude: Tensor) -> float:
    return float((MEL.spectrum(signal).abs() - magnitude).square().sum() / magnitude.square().sum())


def test_spectrum_and_signal_are_inverse() -> None:
    for num_samples in (4096, 4000, 777):
        signal = tones(440.0, 1234.0, num_samples=num_samples)
        again = MEL.signal(MEL.spectrum(signal), num_samples=num_samples)
        torch.testing.assert_close(again, signal, rtol=0, atol=1e-12)


def test_the_true_phase_is_a_fixed_point() -> None:
    signal = tones(440.0, 1234.0)
    magnitude = MEL.spectrum(signal).abs()
    found = griffin_lim(magnitude, mel=MEL, phase_of=signal, iterations=5)
    torch.testing.assert_close(found, signal, rtol=0, atol=1e-10)


def test_the_distance_never_grows_without_momentum() -> None:
    target, mixture = tones(440.0, 1234.0), tones(440.0, 1234.0) + tones(700.0, 1900.0)
    magnitude = MEL.spectrum(target).abs()
    distances = [
        distance(griffin_lim(magnitude, mel=MEL, phase_of=mixture, iterations=count, momentum=0.0), magnitude)
        for count in (0, 1, 2, 4, 8, 32)
    ]
    assert distances == sorted(distances, reverse=True)
    assert distances[-1] < 0.5 * distances[0]
    fast = griffin_lim(magnitude, mel=MEL, phase_of=mixture, iterations=32)
    assert distance(fast, magnitude) < 0.25 * distances[0]


def test_it_begins_with_the_phase_of_the_mixture() -> None:
    """Without an iteration, the result is the mixture with other magnitudes: −3 dB of all are −3 dB of the signal."""
    mixture = tones(440.0, 700.0)
    magnitude = 0.5 * MEL.spectrum(mixture).abs()
    found = griffin_lim(magnitude, mel=MEL, phase_of=mixture, iterations=0)
    torch.testing.assert_close(found, 0.5 * mixture, rtol=0, atol=1e-10)


def test_the_fine_structure_of_the_mixture_is_kept() -> None:
    """Two tones in one band: its level alone does not tell them from noise, but the mixture does."""
    target = tones(2890.0, 3010.0)
    mixture = target + tones(700.0, 1900.0)
    found = GriffinLim(MEL).synthesise(MEL.transform(target), mixture=mixture)
    inside = slice(300, -300)
    assert float(snr_db(estimate=found[:, inside], reference=target[:, inside])) > 20.0


def test_the_vocoder_is_marked_and_silence_is_nearly_silent() -> None:
    vocoder = GriffinLim(MEL, iterations=4)
    assert vocoder.description == "Griffin-Lim, 4 iterations from the phase of the mixture"
    silent = MEL.transform(torch.zeros(1, 2048))
    found = vocoder.synthesise(silent, mixture=tones(440.0, num_samples=2048).float())
    assert found.shape == (1, 2048)
    assert float(found.abs().max()) < 1e-3
    signal = tones(440.0, num_samples=2048).float()
    loud = vocoder.synthesise(MEL.transform(signal), mixture=signal)
    assert 0.5 < float(loud.square().mean() / signal.square().mean()) < 2.0
