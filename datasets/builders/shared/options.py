"""Types of builders' options, with their constraints."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field


def _rising(value: tuple[float, float]) -> tuple[float, float]:
    if value[0] > value[1]:
        raise ValueError(f"{list(value)} falls; write the lowest first")
    return value


Level = Annotated[float, Field(allow_inf_nan=False)]
NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Peak = Annotated[float, Field(gt=0, le=1)]
Quantise = Literal["none", "int16"]
Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, le=1)]

LevelSpan = Annotated[tuple[Level, Level], AfterValidator(_rising)]
SecondsSpan = Annotated[tuple[Seconds, Seconds], AfterValidator(_rising)]
ShareSpan = Annotated[tuple[Share, Share], AfterValidator(_rising)]
