"""A leaderboard as JSON and back, and the JSON Schema; see docs/leaderboard_schema.md."""

from __future__ import annotations

import json
from typing import Any

from pydantic import TypeAdapter

from ...bench.metrics.protocol import MetricInfo
from ...bench.run.system_facts import SystemFacts
from ...core.errors import ConfigError
from ...core.json_text import parse_json
from ...core.validation import parse
from ..tables.escapes import json_in_html
from .board import SCHEMA_VERSION, Leaderboard

SCHEMA_FILE = "leaderboard.schema.json"


def to_json(board: Leaderboard) -> str:
    """The leaderboard without its rows, as JSON that is safe inside of HTML."""
    data = TypeAdapter(Leaderboard).dump_python(board, mode="json", by_alias=True)
    return json_in_html(json.dumps(data, indent=1, ensure_ascii=False, allow_nan=False)) + "\n"


def from_json(text: str | bytes, *, where: str) -> Leaderboard:
    """The leaderboard of a text that `to_json` wrote; `where` starts the line of an error.

    Raises:
        ConfigError: the text does not follow the schema, or is of another version.
    """
    try:
        data = parse_json(text, finite=True)
    except ValueError as error:
        raise ConfigError(f"{where} is not JSON: {error}; write it again with --format json") from None
    version = data.get("schema_version") if isinstance(data, dict) else None
    if not isinstance(data, dict) or version != SCHEMA_VERSION:
        raise ConfigError(
            f"{where} has schema_version {version!r}, and this release reads {SCHEMA_VERSION!r}; "
            "write the report again from its run folders"
        )
    # Facts first: tables refer to them.
    metrics = parse(dict[str, MetricInfo], data.get("metrics", {}), where=f"{where}: metrics")
    systems = parse(dict[str, SystemFacts], data.get("systems", {}), where=f"{where}: systems")
    return parse(Leaderboard, data, where=where, context={"metrics": metrics, "systems": systems})


def json_schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of `leaderboard.json`."""
    schema = TypeAdapter(Leaderboard).json_schema(mode="serialization", by_alias=True)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}
