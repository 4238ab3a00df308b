"""An autoencoder of waveforms in two ONNX files of the user: signals to latent frames and back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from ...core.errors import ConfigError, ExtractionError
from ...core.onnx import Model, load_errors, open_model
from ..nets.generative.noise import Noise

_LEAST_STD = 1e-4
_PROBE_FRAMES = 16


class LatentCodec:
    """Encoder [1, 1, T] to [1, C or 2 C, K], and decoder [1, C, K] to [1, 1, T], on the CPU.

    With 2 C channels the first half is the mean, and softplus of the second the deviation, of latent frames that are
    drawn, as in the VAE of Stable Audio.

    Args:
        latent: C, channels of the latent frames.
        where: start of an error's line.

    Raises:
        ConfigError: a file cannot be used, or has other shapes.
    """

    def __init__(self, encoder: Path, decoder: Path, *, latent: int, where: str) -> None:
        self._latent = latent
        self._encoder: Model = open_model(encoder, where=f"{where}, encoder")
        self._decoder: Model = open_model(decoder, where=f"{where}, decoder")
        self.sha256s = (self._encoder.sha256, self._decoder.sha256)
        size = self._decoder.width(
            latent, _PROBE_FRAMES, where=f"{where}, decoder", hint=f"give one that takes [1, {latent}, K]"
        )
        self.hop, rest = divmod(size, _PROBE_FRAMES)
        if rest or not self.hop:
            raise ConfigError(
                f"{where}, decoder: it makes {size} samples of {_PROBE_FRAMES} frames, which is no whole number for "
                "each; give a decoder without a delay"
            )
        found = self._encoder.width(
            1, _PROBE_FRAMES * self.hop, where=f"{where}, encoder", hint="give one that takes [1, 1, T]"
        )
        if found not in (latent * _PROBE_FRAMES, 2 * latent * _PROBE_FRAMES):
            raise ConfigError(
                f"{where}, encoder: it makes {found} numbers of {_PROBE_FRAMES * self.hop} samples, where {latent} or "
                f"{2 * latent} channels of {_PROBE_FRAMES} frames are needed"
            )
        self._draws = found == 2 * latent * _PROBE_FRAMES

    def frames(self, samples: int) -> int:
        """K, latent frames of a signal."""
        return -(-samples // self.hop)

    def encode(self, signal: Tensor, noise: Noise) -> Tensor:
        """Latent frames [C, K] of a signal [T], padded with zeros to whole frames."""
        frames = self.frames(len(signal))
        padded = F.pad(signal, (0, frames * self.hop - len(signal))).cpu().float().numpy()
        found = _run(self._encoder, padded[None]).reshape(-1, frames)
        latent = torch.from_numpy(found)
        if not self._draws:
            return latent
        mean, spread = latent.chunk(2)
        return mean + (F.softplus(spread) + _LEAST_STD) * noise.draw(mean[None])[0]

    def decode(self, latent: Tensor, *, samples: int) -> Tensor:
        """Signal [T] of `samples` samples from latent frames [C, K]."""
        return torch.from_numpy(_run(self._decoder, latent.cpu().float().numpy()))[:samples]


def _run(model: Model, item: NDArray[np.float32]) -> NDArray[np.float32]:
    try:
        return np.asarray(model.run([item])[0], dtype=np.float32)
    except load_errors() as error:
        raise ExtractionError(f"model {model.path.name!r} fails: {' '.join(str(error).split())[:200]}") from None
