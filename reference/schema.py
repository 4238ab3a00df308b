"""JSON schemas of configs, so that editors complete and check keys; options follow the names that own them."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from ..bench.config import RunConfig
from ..bench.metrics.registry import GIVEN, METRICS, known_infos
from ..core.config_files import shipped_names
from ..core.errors import UnknownNameError
from ..core.validation import options_model
from ..datasets.config import CollectionConfig, DatasetConfig
from ..datasets.protocols.builder import BUILDERS
from ..datasets.protocols.corpus import CORPORA
from ..systems.registry import SYSTEMS
from ..systems.trainable import TASKS
from ..systems.training.config import TrainConfig
from .keys import tables_of

Schema = dict[str, Any]


class _Generator(GenerateJsonSchema):
    """Schemas in which a type that JSON cannot describe is any value."""

    def handle_invalid_for_json_schema(self, schema: core_schema.CoreSchema, error_info: str) -> JsonSchemaValue:  # noqa: ARG002
        return {}


def schema_text(kind: str) -> str:
    """The schema of a kind of configs as JSON."""
    return json.dumps(json_schema(kind), indent=2, ensure_ascii=False)


def json_schema(kind: str) -> Schema:
    """JSON schema (draft 2020-12) of "run", "dataset" or "train" configs; UnknownNameError for any other kind.

    Names that are not registered are allowed, with any options: they may be those of plug-ins.
    """
    made: Mapping[str, Callable[[], Schema]] = {"run": _run, "dataset": _dataset, "train": _train}
    if kind not in made:
        raise UnknownNameError("kind of config", kind, made)
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": f"tsebench {kind} config"}
    return {**head, **made[kind]()}


def _run() -> Schema:
    root = _described(RunConfig)
    system, metric, dataset = (root["$defs"][name] for name in ("SystemSpec", "MetricSpec", "DatasetSpec"))
    systems = {name: _described(SYSTEMS.get(name), given=["device"]) for name in SYSTEMS}
    _follow(system, "name", "options", systems, root)
    metrics = {name: _described(METRICS.get(name), given=GIVEN) for name in METRICS}
    improved = {info.improvement: metrics[info.name] for info in known_infos() if info.improvement}
    _follow(metric, "name", "options", metrics | improved, root)
    _suggest(dataset, "dataset", shipped_names("datasets"))
    bare = {"SystemSpec": system, "MetricSpec": metric}
    _suggest_bare(root, {f"#/$defs/{name}": owner["properties"]["name"] for name, owner in bare.items()})
    _suggest_bare(root, {"#/$defs/DatasetSpec": dataset["properties"]["dataset"]})
    return root


def _dataset() -> Schema:
    root = _described(DatasetConfig)
    builders = {name: _described(BUILDERS.get(name), given=["context"]) for name in BUILDERS}
    corpora = {name: _described(CORPORA.get(name), given=["name", "root"]) for name in CORPORA}
    _follow(root, "builder", "params", builders, root)
    _follow(root["$defs"]["CorpusConfig"], "kind", "options", corpora, root)
    definitions = root.pop("$defs")
    several = {"if": {"required": ["datasets"]}, "then": _described(CollectionConfig), "else": root}
    return {**several, "$defs": definitions}


def _train() -> Schema:
    root = _described(TrainConfig)
    _follow(root, "system", "net", {name: _described(TASKS.get(name).net_config) for name in TASKS}, root)
    _suggest(root["$defs"]["DataConfig"], "dataset", shipped_names("datasets"))
    return root


def _described(subject: Callable[..., object], *, given: Collection[str] = ()) -> Schema:
    """Schema of a model, or of the options of a class or function, with the words of its keys."""
    is_model = isinstance(subject, type) and issubclass(subject, BaseModel)
    model: Any = subject if is_model else options_model(subject, given=given)
    schema: Schema = model.model_json_schema(schema_generator=_Generator)
    schema.pop("title", None)
    for table in tables_of(subject, given=given):
        owner = schema["$defs"][table.section] if table.section else schema
        owner.pop("description", None)
        for key in table.keys:
            entry = owner["properties"][key.name]
            entry.pop("title", None)
            unit = f" [{key.unit}]" if key.unit else ""
            owner["properties"][key.name] = {**entry, "description": f"{key.meaning}{unit}"}
    return schema


def _follow(owner: Schema, key: str, options: str, choices: Mapping[str, Schema], root: Schema) -> None:
    """Let the value of `key` decide on the schema of `options`, in the schema of an object."""
    rules = owner.setdefault("allOf", [])
    definitions = root.setdefault("$defs", {})
    for name, schema in choices.items():
        definitions.update(schema.pop("$defs", {}))
        place = f"{key}.{options}.{name}"
        definitions[place] = schema
        then: Schema = {"properties": {options: {"$ref": f"#/$defs/{place}"}}}
        if "required" in schema:
            then["required"] = [options]
        rules.append({"if": {"properties": {key: {"const": name}}, "required": [key]}, "then": then})
    _suggest(owner, key, choices)


def _suggest(owner: Schema, key: str, names: Collection[str]) -> None:
    """Let editors offer names for a key that takes any text."""
    entry = owner["properties"][key]
    kept = {name: value for name, value in entry.items() if name != "type"}
    owner["properties"][key] = {**kept, "anyOf": [{"enum": sorted(names)}, {"type": "string"}]}


def _suggest_bare(node: object, names: Mapping[str, Schema]) -> None:
    """Let editors offer names where a bare text stands for a section, given by its reference."""
    if isinstance(node, list):
        for each in node:
            _suggest_bare(each, names)
    if not isinstance(node, dict):
        return
    branches = node.get("anyOf", [])
    found = [names[branch["$ref"]] for branch in branches if branch.get("$ref") in names]
    if found and {"type": "string"} in branches:
        branches[branches.index({"type": "string"})] = {"anyOf": found[0]["anyOf"]}
    for each in node.values():
        _suggest_bare(each, names)
