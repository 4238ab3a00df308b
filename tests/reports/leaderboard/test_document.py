"""leaderboard.json and leaderboard.parquet: the documented schema, and the way back."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from helpers.paths import ROOT
from helpers.runs import facts_of, make_run, rows_of

from tsebench.core.errors import ConfigError
from tsebench.reports.formats.json import read_json, write_json
from tsebench.reports.formats.parquet import read_parquet, write_parquet
from tsebench.reports.leaderboard.assemble import open_board
from tsebench.reports.leaderboard.board import SCHEMA_VERSION, Leaderboard
from tsebench.reports.leaderboard.document import SCHEMA_FILE, from_json, json_schema, to_json

VALUES = [10.0 + 0.3 * (i % 9) for i in range(40)]
SHIPPED = ROOT / "reports" / "leaderboard" / SCHEMA_FILE


@pytest.fixture
def board(tmp_path: Path) -> Leaderboard:
    """Two runs: a failed trial, a pooled metric with parts, an infinite value, an absent target."""
    absent = {
        "condition": "FUQ",
        "n_active": 0,
        "n_inactive": 1,
        "trial_id": ["u0", "u1"],
        "status": "undefined",
        "reason": "absent_target",
    }
    first = [
        *rows_of(VALUES),
        *rows_of([*VALUES[:-1], math.nan], "<b>lost</b>"),
        *rows_of([math.inf, *VALUES[1:]], "perfect"),
        *rows_of([5.0] * 40, metric="wer", signature="wer", weight=[float(i) for i in range(40)]),
        *rows_of([1.0] * 40, metric="wer_substitutions", signature="wer_substitutions|wer"),
        *rows_of([math.nan, math.nan], **absent),
        *rows_of([-20.0, -30.0], metric="attenuation", signature="att", **{**absent, "status": "ok", "reason": ""}),
    ]
    cost = {"params": 7, "rtf": 0.5, "device": "cpu", "notes": ["n"]}
    systems = {
        "net": {"family": "discriminative", "cost": cost, "card": {"sha256": "ab", "clues": ["x"]}},
        "perfect": {"privileged": True, "family": "oracle"},
    }
    sets = {
        "set": {
            "fingerprint": "f" * 64,
            "licences": {"esc": "CC0"},
            "trials": {"FMQ 1:0": 40, "FUQ 0:1": 2},
            "systems": ["net", "late"],
            "overlaps": {"net": {"named": ["esc:train"], "trials": 3}},
        }
    }
    second = rows_of([x - 1.0 for x in VALUES], run_id="q")
    runs = [
        make_run(tmp_path / "a", first, facts_of(systems=systems, datasets=sets)),
        make_run(
            tmp_path / "b", second, facts_of(run_id="q", name="again", datasets=sets, trials=None, git={"sha": "1"})
        ),
    ]
    return open_board(runs)


def same(one: Leaderboard, other: Leaderboard) -> bool:
    """Equal in all that a document holds; NaN equals NaN."""
    return repr(replace(one, folders=())) == repr(replace(other, folders=()))


def test_json_comes_back_as_it_was(board: Leaderboard, tmp_path: Path) -> None:
    (path,) = write_json(board, tmp_path / "out")
    found = read_json(path)
    assert same(found, board)
    assert to_json(found) == to_json(board)
    assert found.to_frame().equals(board.to_frame())


def test_parquet_comes_back_as_it_was(board: Leaderboard, tmp_path: Path) -> None:
    (path,) = write_parquet(board, tmp_path / "out")
    assert same(read_parquet(path), board)
    table = pd.read_parquet(path)
    lines = board.to_frame()
    assert list(table["mean"]) == pytest.approx(list(lines["mean"]), nan_ok=True)
    assert set(table["fingerprint"]) == {"f" * 64}
    assert set(table["schema_version"]) == {SCHEMA_VERSION}


def test_the_board_of_the_test_has_what_is_hard(board: Leaderboard) -> None:
    cells = [c for t in board.tables for e in t.entries for c in (*e.cells, *e.parts)]
    assert None in cells
    assert any(cell and math.isinf(cell.mean) for cell in cells)
    assert any(cell and math.isnan(cell.ci_low) for cell in cells)
    assert any(entry.gap for table in board.tables for entry in table.entries)
    assert any(table.parts for table in board.tables)
    assert any(entry.warning for table in board.tables for entry in table.entries)
    assert board.remarks
    assert {issue.status for issue in board.issues} >= {"failed", "missing", "contaminated"}


def test_the_file_is_plain_json_that_can_stand_in_a_page(board: Leaderboard) -> None:
    text = to_json(board)
    assert not set("<>&") & set(text)
    data = json.loads(text, parse_constant=lambda word: pytest.fail(f"{word} is no JSON"))
    assert data["schema_version"] == SCHEMA_VERSION
    entries = data["tables"][0]["entries"]
    perfect = next(entry for entry in entries if entry["system"] == "perfect")
    assert perfect["cells"]["si_sdri"]["mean"] == "Infinity"
    assert perfect["cells"]["si_sdri"]["ci_low"] is None
    assert "<b>lost</b>" in {entry["system"] for entry in entries}


def test_the_shipped_schema_is_that_of_the_models() -> None:
    assert json.loads(SHIPPED.read_text(encoding="utf-8")) == json_schema()


def check_bounds(value: Any, schema: Mapping[str, Any], at: str) -> None:
    if isinstance(value, int | float):
        assert schema.get("minimum", value) <= value <= schema.get("maximum", value), at
        assert schema.get("exclusiveMinimum", -math.inf) < value < schema.get("exclusiveMaximum", math.inf), at


def check(value: Any, schema: Mapping[str, Any], root: Mapping[str, Any], at: str = "$") -> None:
    """Validate against the part of JSON Schema that the shipped schema uses."""
    known = {
        *("$ref", "$schema", "$defs", "anyOf", "enum", "const", "type", "properties", "required"),
        *("additionalProperties", "items", "title", "description", "default"),
        *("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"),
    }
    assert set(schema) <= known, f"{at}: this test does not know {set(schema) - known}"
    if "$ref" in schema:
        name = schema["$ref"].removeprefix("#/$defs/")
        check(value, root["$defs"][name], root, at)
    if "anyOf" in schema:
        assert any(passes(value, option, root, at) for option in schema["anyOf"]), f"{at}: {value!r}"
    assert value in schema.get("enum", [value]), at
    check_bounds(value, schema, at)
    assert value == schema.get("const", value), at
    if "type" in schema:
        assert of_type(value, schema["type"]), f"{at}: {value!r} is not {schema['type']}"
    if isinstance(value, dict) and "type" in schema:
        own = schema.get("properties", {})
        assert set(schema.get("required", [])) <= set(value), at
        more = schema.get("additionalProperties", True)
        for key, item in value.items():
            if key in own:
                check(item, own[key], root, f"{at}.{key}")
            elif isinstance(more, dict):
                check(item, more, root, f"{at}.{key}")
            else:
                assert more, f"{at}: {key!r} is not allowed"
    if isinstance(value, list):
        for place, item in enumerate(value):
            check(item, schema.get("items", {}), root, f"{at}[{place}]")


def of_type(value: Any, name: str) -> bool:
    if name in ("integer", "number") and isinstance(value, bool):
        return False
    kinds: dict[str, Any] = {
        "object": dict,
        "array": list,
        "string": str,
        "integer": int,
        "number": (int, float),
        "boolean": bool,
        "null": type(None),
    }
    return isinstance(value, kinds[name])


def passes(value: Any, schema: Mapping[str, Any], root: Mapping[str, Any], at: str) -> bool:
    try:
        check(value, schema, root, at)
    except AssertionError:
        return False
    return True


def test_what_is_written_follows_the_schema(board: Leaderboard) -> None:
    schema = json.loads(SHIPPED.read_text(encoding="utf-8"))
    data = json.loads(to_json(board))
    check(data, schema, schema)
    data["tables"][0]["entries"][0]["rank"] = "first"
    assert not passes(data, schema, schema, "$")


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("{", "file is not JSON"),
        ("[]", "schema_version None, and this release reads '2.4'"),
        ('{"schema_version": "9.0"}', "schema_version '9.0', and this release reads '2.4'"),
        ('{"schema_version": "2.4"}', "is missing"),
        ('{"schema_version": "2.4", "systems": {"a": {"options": {"b": 1e999}}}}', "a number is not finite"),
        ('{"schema_version": "2.4", "tablse": []}', "unknown key 'tablse'; did you mean 'tables'"),
    ],
)
def test_errors_of_other_documents(text: str, match: str) -> None:
    with pytest.raises(ConfigError, match=match):
        from_json(text, where="file")


@pytest.mark.parametrize(
    ("name", "match"),
    [
        ("metrics", "tables.0.columns.0.metric: there are no facts of 'si_sdri' in `metrics`"),
        ("systems", "tables.0.entries: there are no facts of '[^']+' in `systems`"),
    ],
)
def test_a_reference_without_facts_is_an_error(name: str, match: str, board: Leaderboard) -> None:
    data = json.loads(to_json(board))
    data[name] = {}
    with pytest.raises(ConfigError, match=match):
        from_json(json.dumps(data), where="file")


def test_a_misspelt_key_inside_a_table_is_named(board: Leaderboard) -> None:
    data = json.loads(to_json(board))
    data["tables"][0]["leadr"] = data["tables"][0].pop("leader")
    with pytest.raises(ConfigError, match=r"unknown key 'tables\.0\.leadr'; did you mean 'leader'"):
        from_json(json.dumps(data), where="file")


def test_errors_of_unreadable_files(tmp_path: Path) -> None:
    other = tmp_path / "other.parquet"
    pd.DataFrame({"a": [1]}).to_parquet(other)
    with pytest.raises(ConfigError, match="holds no leaderboard"):
        read_parquet(other)
    for read in (read_parquet, read_json):
        with pytest.raises(ConfigError, match="cannot read"):
            read(tmp_path / "none")
