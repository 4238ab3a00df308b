"""Voice encoder of Resemblyzer (Apache-2.0): embeddings of 256 numbers by a network of three LSTM layers.

Source: Wan, Wang, Papir & Lopez Moreno, "Generalized end-to-end loss for speaker verification", ICASSP 2018. Weights
and settings are those of the package resemblyzer 0.1.4, whose dependencies (webrtcvad, librosa, numba) this module does
without: its file of weights is opened alone, and the package need not be importable.

The package shortens pauses by webrtcvad before it embeds a signal (`preprocess_wav`); here pauses stay.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ...core.errors import CheckpointError
from ...core.mel import slaney_filters
from ...datasets.signals.audio import resample
from ..checkpoints.archive import load_archive
from ..checkpoints.checkpoint import read_weights
from ..checkpoints.weights import weights_of
from .batches import full_float32

RATE_HZ = 16000
_FFT, _HOP, _MELS = 400, 160, 40
_SIZE, _LAYERS = 256, 3
_PART_FRAMES = 160  # 1.6 s
_STEP_FRAMES = 77  # 1.3 parts a second
_LEAST_COVERAGE = 0.75  # of the last part
_LEVEL_DB = -30.0  # softer signals are raised to it
_PCM = 2**15 - 1
_WANTED = "resemblyzer's pretrained.pt has the entry 'model_state' with an LSTM of 3 x 256"

Array = NDArray[np.float32]


class ResemblyzerNet(nn.Module):
    """Mel spectra [B, 160, 40] to embeddings [B, 256] of unit length without negative numbers."""

    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(_MELS, _SIZE, _LAYERS, batch_first=True)
        self.linear = nn.Linear(_SIZE, _SIZE)

    def forward(self, mels: Tensor) -> Tensor:
        """The last hidden state of the last layer, through a linear layer and a ReLU."""
        _, (hidden, _) = self.lstm(mels)
        raw: Tensor = torch.relu(self.linear(hidden[-1]))
        return torch.nn.functional.normalize(raw, dim=1)


@dataclass(frozen=True, slots=True)
class Resemblyzer:
    """The encoder with its front end, on a device.

    Attributes:
        sha256: of the file of weights, in hex.
    """

    net: ResemblyzerNet
    sha256: str
    device: str

    def signature(self) -> str:
        """For example `resemblyzer|sha256:0ba5c2a1|pauses:kept`."""
        return f"resemblyzer|sha256:{self.sha256[:8]}|pauses:kept"

    @torch.inference_mode()
    def embedding(self, signal: Array, *, sample_rate_hz: int) -> NDArray[np.float64] | None:
        """Embedding [256] of a signal [T]: the mean of those of its parts of 1.6 s; None of a silent one."""
        samples = raised(resample(signal, from_hz=sample_rate_hz, to_hz=RATE_HZ))
        if samples is None:
            return None
        starts = list(part_starts(len(samples)))
        padded = np.pad(samples, (0, max(0, (starts[-1] + _PART_FRAMES) * _HOP - len(samples))))
        mels = voice_mels(padded)
        parts = torch.from_numpy(np.stack([mels[start : start + _PART_FRAMES] for start in starts]))
        with full_float32():
            found = self.net(parts.to(self.device)).double().mean(dim=0)
        return np.asarray((found / found.norm()).cpu().numpy(), dtype=np.float64)


def open_resemblyzer(path: Path, *, device: str) -> Resemblyzer:
    """The encoder with the weights of a file.

    Raises:
        CheckpointError: the file is missing, damaged, unsafe or of another network.
    """
    content = read_weights(path)
    return _opened(str(path), hashlib.sha256(content).hexdigest(), device)


@lru_cache(maxsize=2)
def _opened(path: str, sha256: str, device: str) -> Resemblyzer:
    content, where = read_weights(Path(path)), f"speaker model {path!r}"
    loaded = load_archive(content, where=where, wanted=_WANTED)
    weights = weights_of(loaded.get("model_state") if isinstance(loaded, dict) else None, where=where, wanted=_WANTED)
    net = ResemblyzerNet()
    wanted = {name: weights[name] for name in net.state_dict() if name in weights}
    try:
        net.load_state_dict(wanted)
    except RuntimeError as error:
        reason = " ".join(str(error).split())[:200]
        raise CheckpointError(f"{where} is of another network: {reason}; {_WANTED}") from None
    return Resemblyzer(net.to(device).eval(), sha256, device)


def raised(samples: Array) -> Array | None:
    """A signal [T] at −30 dB of full scale if it is softer; None if it is silent or empty."""
    power = float(np.square(samples, dtype=np.float64).mean()) if len(samples) else 0.0
    if power == 0.0:
        return None
    gain_db = _LEVEL_DB - 10.0 * np.log10(power)
    return samples if gain_db <= 0.0 else np.asarray(samples * 10.0 ** (gain_db / 20.0), dtype=np.float32)


def part_starts(length: int) -> Iterator[int]:
    """First frames of the parts of 160 frames of a signal of T samples at 16 kHz.

    The last part, if it is not the only one, lies at least by three quarters in the signal.
    """
    frames = -(-(length + 1) // _HOP)
    starts = range(0, max(1, frames - _PART_FRAMES + _STEP_FRAMES + 1), _STEP_FRAMES)
    coverage = (length / _HOP - starts[-1]) / _PART_FRAMES
    yield from starts[:-1] if coverage < _LEAST_COVERAGE and len(starts) > 1 else starts


def voice_mels(samples: Array) -> Array:
    """Mel power spectrum [1 + T // 160, 40] of a signal [T] at 16 kHz, as librosa makes it.

    Frames of 25 ms centred on every 10 ms, zeros beyond the ends, a periodic Hann window, Slaney's filters, no
    logarithm.
    """
    padded = np.pad(samples.astype(np.float64), _FFT // 2)
    frames = np.lib.stride_tricks.sliding_window_view(padded, _FFT)[::_HOP]
    power = np.square(np.abs(np.fft.rfft(frames * np.hanning(_FFT + 1)[:-1])))
    filters = slaney_filters(_MELS, n_fft=_FFT, sample_rate_hz=RATE_HZ)
    return np.asarray(power @ filters.T, dtype=np.float32)
