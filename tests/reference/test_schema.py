"""JSON schemas: shipped configs fit them, and what the program refuses they refuse too."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest

from tsebench.core.config_files import SHIPPED, read_yaml
from tsebench.core.errors import ConfigError
from tsebench.reference.schema import json_schema, schema_text

FOLDERS = {"run": (".", "paper"), "dataset": ("datasets",), "train": ("train",)}
CONFIGS = [
    (kind, path.relative_to(SHIPPED).as_posix())
    for kind, folders in FOLDERS.items()
    for folder in folders
    for path in sorted((SHIPPED / folder).glob("*.yaml"))
]
RUN = {"name": "mine", "datasets": ["mini_sounds"], "systems": ["mixture"]}
SPEECH = {"corpus": "speech"}
SET = {"name": "mine", "builder": "speech_mix", "corpora": {"speech": {"kind": "synthetic_speech"}}}
TRAIN = {"name": "mine", "system": "soundbeam", "data": {"dataset": "mini_sounds", "per_epoch": 8, "valid": 2}}


@pytest.fixture(scope="module")
def checkers() -> dict[str, jsonschema.Draft202012Validator]:
    found = {kind: json_schema(kind) for kind in FOLDERS}
    for schema in found.values():
        jsonschema.Draft202012Validator.check_schema(schema)
    return {kind: jsonschema.Draft202012Validator(schema) for kind, schema in found.items()}


@pytest.mark.parametrize(("kind", "config"), CONFIGS)
def test_shipped_configs_fit(checkers: dict[str, jsonschema.Draft202012Validator], kind: str, config: str) -> None:
    errors = [error.message for error in checkers[kind].iter_errors(read_yaml(SHIPPED / config))]
    assert not errors


@pytest.mark.parametrize(
    ("kind", "data", "wrong"),
    [
        ("run", {**RUN, "batch": 4}, "'batch' was unexpected"),
        ("run", {**RUN, "systems": [{"name": "soundbeam", "options": {"qery": "classes"}}]}, "not valid"),
        ("run", {**RUN, "metrics": [{"name": "wer", "options": {"backnd": "whisper:base"}}]}, "not valid"),
        ("run", {**RUN, "metrics": [{"name": "si_sdri", "options": {"floor_db": "low"}}]}, "not valid"),
        ("dataset", {**SET, "params": {"speech": SPEECH, "count": 2, "snr": [0, 5]}}, "'snr' was unexpected"),
        ("dataset", {**SET, "params": {"speech": SPEECH}}, "'count' is a required property"),
        ("dataset", {**SET, "params": {"speech": {**SPEECH, "label": []}, "count": 1}}, "'label' was unexpected"),
        ("train", {**TRAIN, "net": {"stackz": 2}}, "'stackz' was unexpected"),
        ("train", {**TRAIN, "net": {"stacks": 1}}, "less than or equal to the minimum"),
    ],
)
def test_wrong_keys_do_not(
    checkers: dict[str, jsonschema.Draft202012Validator], kind: str, data: dict[str, Any], wrong: str
) -> None:
    assert any(wrong in error.message for error in checkers[kind].iter_errors(data))


def test_plug_ins_may_have_any_options(checkers: dict[str, jsonschema.Draft202012Validator]) -> None:
    checkers["run"].validate({**RUN, "systems": [{"name": "mine", "options": {"anything": 1}}]})
    checkers["dataset"].validate({**SET, "builder": "mine", "params": {"anything": 1}})


def test_words_units_and_names_are_in_it() -> None:
    schema = json_schema("dataset")
    snr = schema["$defs"]["builder.params.sound_mix"]["properties"]["snr_db"]
    assert "over `background_db`" in snr["description"]
    assert snr["description"].endswith("[dB]")
    assert "sound_mix" in schema["else"]["properties"]["builder"]["anyOf"][0]["enum"]
    bare = json_schema("run")["properties"]["systems"]["anyOf"][1]["items"]["anyOf"]
    assert "oracle_irm" in bare[1]["anyOf"][0]["enum"]


def test_it_is_json_and_only_of_configs() -> None:
    assert json.loads(schema_text("train"))["title"] == "tsebench train config"
    with pytest.raises(ConfigError, match="unknown kind of config 'runs'; did you mean 'run'"):
        json_schema("runs")
