"""Spatial covariances of microphones, for beamformers."""

from __future__ import annotations

import torch
from torch import Tensor

from .masks import safe_ratio


def covariance(spectra: Tensor, weights: Tensor | None = None) -> Tensor:
    """Spatial covariances [F, C, C] of spectra [C, F, N].

    Args:
        spectra: of C microphones.
        weights: [F, N], at least 0, of the frames in each frequency; None: all alike. Without any weight in a frequency
            its covariance is 0.
    """
    if weights is None:
        weights = torch.ones(spectra.shape[1:], dtype=torch.float64, device=spectra.device)
    products = torch.einsum("fn,cfn,dfn->fcd", weights.to(spectra.dtype), spectra, spectra.conj())
    total = weights.sum(dim=-1)[:, None, None].to(products.dtype)
    return safe_ratio(products, total)


def loaded(covariances: Tensor, share: float) -> Tensor:
    """Covariances [F, C, C] with `share` of their mean power added to the diagonal, so that they can be inverted.

    Where there is no power at all, every multiple of the identity is as good, and it becomes the identity.
    """
    load = share * covariances.diagonal(dim1=-2, dim2=-1).real.mean(dim=-1)
    load = torch.where(load > 0, load, torch.ones_like(load))
    identity = torch.eye(covariances.shape[-1], dtype=covariances.dtype, device=covariances.device)
    return covariances + load[:, None, None] * identity
