"""Quantiles of Student's t and tails of the normal distribution.

Without SciPy, which takes longer to import than most leaderboards take to compute.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np

_ENOUGH = 1e-9  # relative step of Newton's after which the next one would be lost in rounding
_MOST = 1.0 - 1e-12  # probability above which rounding decides


@lru_cache(maxsize=256)
def t_quantile(*, level: float, freedom: int) -> float:
    """The t > 0 with P(|T| < t) = `level`, for T of Student's distribution.

    With θ = atan(t / √ν) this probability A is θ, or nothing, and a finite sum of powers of cos θ. It is concave in θ
    with the slope A'(0) cos^(ν−1) θ, so that Newton's steps from 0 grow up to the root. A is accurate to 1e-14 up to
    ν = 10^6.

    Args:
        level: probability in (0, 1); above 1 − 10^−12 taken as that.
        freedom: degrees of freedom ν ≥ 1.

    Source: Abramowitz & Stegun, "Handbook of Mathematical Functions", 1964, equations 26.7.3 and 26.7.4.
    """
    odd = freedom % 2
    terms = np.arange(freedom // 2)
    powers = 2.0 * terms + odd  # of cos θ
    factors = np.cumprod(np.where(terms == 0, 1.0, 1.0 - 1.0 / np.maximum(powers, 1.0)))
    scale = 2.0 / math.pi if odd else 1.0
    angle, step = 0.0, 1.0
    while step > _ENOUGH * angle:
        log_cosine = -0.5 * math.log1p(math.tan(angle) ** 2)
        share = scale * (odd * angle + math.sin(angle) * float(factors @ np.exp(powers * log_cosine)))
        slope = scale * (odd + float(factors.sum())) * math.exp((freedom - 1) * log_cosine)
        step = (min(level, _MOST) - share) / slope
        angle += step
    return math.sqrt(freedom) * math.tan(angle)


def normal_tail(distance: float) -> float:
    """Probability that a standard normal variable exceeds a distance."""
    return 0.5 * math.erfc(distance / math.sqrt(2.0))
