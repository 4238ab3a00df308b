"""Hyper-parameters of NCSN++."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from .....core.validation import StrictModel

Whole = Annotated[int, Field(ge=1, le=4096)]


def _multipliers(text: str) -> str:
    if not re.fullmatch(r"[1-9](,[1-9]){0,9}", text):
        raise ValueError(f"{text!r} must be one to ten digits from 1 to 9, joined by commas, such as 1,1,2,2")
    return text


def _bins(text: str) -> str:
    if not re.fullmatch(r"([1-9]\d{0,4}(,[1-9]\d{0,4}){0,9})?", text):
        raise ValueError(f"{text!r} must be up to ten numbers of bins, joined by commas, such as 16 or 32,16")
    return text


class NcsnppConfig(StrictModel):
    """Hyper-parameters of NCSN++; the defaults are those of SGMSE+ (Richter et al., 2023, section V-A).

    Attributes:
        channels: nf, channels of the first level; a multiple of 4.
        multipliers: channels of each level as multiples of `channels`, joined by commas; each further level has half
            the bins and frames.
        blocks: residual blocks of a level.
        attention: numbers of bins whose levels have self-attention, joined by commas; "" for none. The bottleneck
            always has it.
        bins: F, frequency bins of the spectra that `attention` refers to.
        spectra: S, complex spectra at the input: the state and what it is conditioned on.
        fourier_scale: standard deviation of the frequencies of the Fourier features of the time.
        skips: add the resampled input to every level (input_skip), and sum the output over the levels (output_skip).
        division: where the output is divided by the time (`scale_by_sigma` of the public code): "none", "inside" before
            the last layer (`ncsnpp`), or "outside" after it (`ncsnpp_48k`).
        embedding_dim: D, entries of the embedding of a clue, added to that of the time; 0 for none.
    """

    channels: Annotated[int, Field(ge=4, le=4096, multiple_of=4)] = 128
    multipliers: Annotated[str, AfterValidator(_multipliers)] = "1,1,2,2,2,2,2"
    blocks: Annotated[int, Field(ge=1, le=16)] = 2
    attention: Annotated[str, AfterValidator(_bins)] = "16"
    bins: Whole = 256
    spectra: Annotated[int, Field(ge=1, le=16)] = 2
    fourier_scale: Annotated[float, Field(gt=0)] = 16.0
    skips: bool = True
    division: Literal["none", "inside", "outside"] = "none"
    embedding_dim: Annotated[int, Field(ge=0, le=4096)] = 0

    @model_validator(mode="after")
    def _check_bins(self) -> NcsnppConfig:
        if self.bins % self.multiple:
            raise ValueError(
                f"bins {self.bins} is no multiple of {self.multiple}, which {len(self.widths)} levels need; "
                "an STFT of 510 samples has 256"
            )
        return self

    @property
    def widths(self) -> tuple[int, ...]:
        """Channels of each level."""
        return tuple(self.channels * int(factor) for factor in self.multipliers.split(","))

    @property
    def attended(self) -> tuple[bool, ...]:
        """Whether each level has self-attention."""
        bins = {int(number) for number in self.attention.split(",") if number}
        return tuple(self.bins // 2**level in bins for level in range(len(self.widths)))

    @property
    def multiple(self) -> int:
        """Numbers of bins and frames must be multiples of this one."""
        return int(2 ** self.multipliers.count(","))
