"""SGMSE's network with its scaling, its path and its sampler, and the spectra that it works on."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from ...core.errors import ConfigError
from ..nets.generative.ncsnpp.net import Ncsnpp, pad_frames
from ..nets.generative.parametrisation import Denoiser
from ..nets.generative.paths import OrnsteinUhlenbeck, Path, SchroedingerBridge, expand
from ..nets.generative.samplers.build import SamplerConfig, SamplerName
from ..nets.generative.samplers.sampler import Sampler
from ..nets.generative.spectra import CompressedStft
from .sgmse_bridge import BridgeKind, PublicBridge
from .sgmse_files import SgmseSettings

_STEPS = 30
_BRIDGE_STEPS = 50


class SgmseModel:
    """Network, path and sampler of a checkpoint; see the system `sgmse` for the options.

    Attributes:
        path: between clean and degraded spectra.
        sampler: along that path.
        predicts: "score" or "data".
        stochastic: whether samples depend on noise.
    """

    def __init__(
        self,
        settings: SgmseSettings,
        net: Ncsnpp,
        *,
        sampler: SamplerName | None,
        steps: int | None,
        corrector_steps: int,
        corrector_snr: float,
        eta: float,
        bridge: BridgeKind,
    ) -> None:
        self._settings = settings
        self._net = net
        self.predicts = settings.predicts
        self._bridge = settings.sde == "sbve"
        self.path: Path = (
            SchroedingerBridge(k=settings.k, c=settings.c)
            if self._bridge
            else OrnsteinUhlenbeck(theta=settings.theta, sigma_min=settings.sigma_min, sigma_max=settings.sigma_max)
        )
        steps = steps or ((settings.N or _BRIDGE_STEPS) if self._bridge else _STEPS)
        self._facts: dict[str, str | int | float | None]
        if sampler is None and self._bridge:
            public = PublicBridge(k=settings.k, c=settings.c, steps=steps, stochastic=bridge == "sde")
            self.sampler: Sampler = public
            self.stochastic = public.stochastic
            self._facts = {"sampler": f"bridge_{bridge}", "steps": steps}
            return
        config = SamplerConfig(
            name=sampler or "predictor_corrector",
            steps=steps,
            eta=eta,
            corrector_steps=corrector_steps,
            corrector_snr=corrector_snr,
            last=settings.t_eps,
        )
        self.sampler = config.build()
        fresh = config.name == "predictor_corrector" or (config.name == "ddim" and eta > 0)
        self.stochastic = fresh or not self._bridge  # a bridge begins without noise
        self._facts = _facts(config)

    @property
    def title(self) -> str:
        """Kind of model in words."""
        return "Schrödinger bridge" if self._bridge else "diffusion model"

    @property
    def evaluations(self) -> int:
        """Evaluations of the network for a sample."""
        return self.sampler.evaluations(self.path)

    def options(self) -> dict[str, str | int | float | None]:
        """Facts for the card of a system."""
        return {"backbone": self._settings.backbone, "sde": self._settings.sde, **self._facts}

    def network(self, degraded: Tensor) -> Denoiser:
        """What the network predicts, given degraded spectra [B, F, K]; states are such spectra too."""

        def predict(state: Tensor, t: Tensor) -> Tensor:
            return self._predicted(state, degraded, t)

        return predict

    def _predicted(self, state: Tensor, degraded: Tensor, t: Tensor) -> Tensor:
        """Score or data, by the network and the scaling of its training (Richter et al., 2025, section II)."""
        settings = self._settings
        time = t.to(state.real)
        if settings.backbone != "ncsnpp_v2":
            return -self._output(state, degraded, time)
        sigma = expand(self.path.coefficients(t).noise, state)
        into = self._edm(sigma).rsqrt() if settings.c_in == "edm" else torch.ones_like(sigma)
        output = self._output(into * state, into * degraded, time)
        if settings.network_scaling is not None:
            output = output / (sigma if settings.network_scaling == "1/sigma" else expand(time, state))
        if settings.loss_type == "denoiser":
            return (output - state) / sigma.square()
        skip = settings.sigma_data**2 / self._edm(sigma) if settings.c_skip == "edm" else torch.zeros_like(sigma)
        return skip * state + self._out(sigma) * output

    def _edm(self, sigma: Tensor) -> Tensor:
        return sigma.square() + self._settings.sigma_data**2

    def _out(self, sigma: Tensor) -> Tensor:
        """Factor c_out of the output."""
        if self._settings.c_out == "edm":
            return sigma * self._settings.sigma_data * self._edm(sigma).rsqrt()
        return {"1": torch.ones_like(sigma), "sigma": sigma, "1/sigma": 1.0 / sigma}[self._settings.c_out]

    def _output(self, state: Tensor, degraded: Tensor, time: Tensor) -> Tensor:
        output: Tensor = self._net(torch.stack((state, degraded), dim=1), time)
        return output


def _facts(config: SamplerConfig) -> dict[str, str | int | float | None]:
    """Those settings of a sampler that it uses."""
    facts: dict[str, str | int | float | None] = {"sampler": config.name, "steps": config.steps}
    if config.name == "ddim":
        facts["eta"] = config.eta
    if config.name == "predictor_corrector":
        facts |= {"corrector_steps": config.corrector_steps, "corrector_snr": config.corrector_snr}
    return facts


class SgmseSpectra:
    """Compressed complex spectra in frames up to a multiple of the network's.

    Args:
        multiple: of the frames and bins that the network needs.

    Raises:
        ConfigError: the number of bins is no such multiple.
    """

    def __init__(self, settings: SgmseSettings, *, multiple: int) -> None:
        plain = settings.transform_type == "none"
        self._stft = CompressedStft(
            n_fft=settings.n_fft,
            hop=settings.hop_length,
            exponent=1.0 if plain else settings.spec_abs_exponent,
            scale=1.0 if plain else settings.spec_factor,
            pad_mode="reflect",
        )
        self._padding = settings.padding
        self._multiple = multiple
        if self._stft.num_bins % multiple:
            raise ConfigError(
                f"n_fft {settings.n_fft} gives {self._stft.num_bins} bins, and its network needs a multiple of "
                f"{multiple}"
            )

    def forward(self, signals: Tensor) -> Tensor:
        """Signals [B, T] to spectra [B, F, K]; shorter ones than a window are filled up with zeros."""
        filled = F.pad(signals, (0, max(0, self._stft.n_fft - signals.shape[-1])))
        return pad_frames(self._stft.transform(filled), multiple=self._multiple, padding=self._padding)

    def inverse(self, spectra: Tensor, *, length: int) -> Tensor:
        """Spectra [B, F, K] to signals [B, T] of `length` samples."""
        return self._stft.inverse(spectra, num_samples=max(length, self._stft.n_fft))[:, :length]
