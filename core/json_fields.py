"""Types of the fields of records that are written to JSON and read back."""

from __future__ import annotations

import math
from typing import Annotated

from pydantic import BeforeValidator, ConfigDict, Field, PlainSerializer, WithJsonSchema

_INFINITIES = {"Infinity": math.inf, "-Infinity": -math.inf}


def _read(value: object) -> object:
    if value is None:
        return math.nan
    return _INFINITIES.get(value, value) if isinstance(value, str) else value


def _written(value: float) -> float | str | None:
    if math.isnan(value):
        return None
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    return value


Number = Annotated[
    float,
    BeforeValidator(_read),
    PlainSerializer(_written, return_type=float | str | None, when_used="json"),
    WithJsonSchema({"anyOf": [{"type": "number"}, {"enum": ["Infinity", "-Infinity"]}, {"type": "null"}]}),
]
"""A float; JSON has no NaN and no infinity: they are null, "Infinity" and "-Infinity"."""

Placed = Annotated[str, Field(exclude=True)]
"""Name of the system, metric or table of a record; its place in the JSON document gives it."""

CLOSED = ConfigDict(extra="forbid", arbitrary_types_allowed=True, json_schema_serialization_defaults_required=True)
"""Configuration of a record: unknown keys are errors, and all keys are written."""
