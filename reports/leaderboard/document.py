"""What `leaderboard.json` holds: models that are its schema, see docs/leaderboard_schema.md.

A change that a reader could notice raises `SCHEMA_VERSION`: the first number if a reader of the
older version would be wrong, the second if it only lacks something.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, PlainSerializer, WithJsonSchema

from ...bench.metrics.protocol import MetricInfo
from ...bench.run.record import RunFacts, SystemFacts

SCHEMA_VERSION: Literal["2.0"] = "2.0"
SCHEMA_FILE = "leaderboard.schema.json"

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


# JSON has no NaN and no infinity: null is no value, and infinities are words.
Number = Annotated[
    float,
    BeforeValidator(_read),
    PlainSerializer(_written, return_type=float | str | None, when_used="json"),
    WithJsonSchema({"anyOf": [{"type": "number"}, {"enum": ["Infinity", "-Infinity"]}, {"type": "null"}]}),
]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class CellPart(_Part):
    """One metric of one system: value, interval, and how many trials stand behind it."""

    n: int
    n_undefined: int
    n_inapplicable: int
    n_failed: int
    n_floored: int
    mean: Number
    trial_mean: Number
    median: Number
    ci_low: Number
    ci_high: Number


class GapPart(_Part):
    """System minus baseline on paired trials, in the primary metric."""

    baseline: str
    n: int
    n_clusters: int
    mean: Number
    ci_low: Number
    ci_high: Number
    p_value: Number
    p_adjusted: Number


class EntryPart(_Part):
    """One system in a table; cells and parts by key of their column, if it has rows there."""

    system: str
    rank: int | None
    note: str
    warning: str
    n_missing: int
    n_failed: int
    cells: Mapping[str, CellPart]
    parts: Mapping[str, CellPart]
    gap: GapPart | None


class ColumnPart(_Part):
    """One metric of a table, with the signature that its values have."""

    key: str
    metric: str
    signature: str
    best: tuple[str, ...]


class TablePart(_Part):
    """One stratum of one dataset."""

    dataset: str
    condition: str
    fingerprint: str
    n_trials: int
    columns: tuple[ColumnPart, ...]
    parts: tuple[ColumnPart, ...]
    entries: tuple[EntryPart, ...]
    primary: str | None
    leader: str | None
    rival: str | None


class IssuePart(_Part):
    """Trials of one system that are missing, failed, undefined, flagged or contaminated."""

    dataset: str
    condition: str
    system: str
    status: str
    reason: str
    metrics: tuple[str, ...]
    n_trials: int
    first_trials: tuple[str, ...]


class BoardDocument(_Part):
    """A leaderboard: tables, what is left out and why, and where the numbers come from.

    Attributes:
        generator: what wrote it, for example "tsebench 0.1.0".
        level: coverage of the intervals.
        metrics: by name; a column names its own.
        systems: by name as shown: card, cost, identity.
    """

    schema_version: Literal["2.0"]
    generator: str
    level: float
    resamples: int
    seed: int
    remarks: tuple[str, ...]
    tables: tuple[TablePart, ...]
    metrics: Mapping[str, MetricInfo]
    systems: Mapping[str, SystemFacts]
    issues: tuple[IssuePart, ...]
    runs: tuple[RunFacts, ...]


def json_schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of `leaderboard.json`."""
    schema = BoardDocument.model_json_schema(mode="serialization")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}
