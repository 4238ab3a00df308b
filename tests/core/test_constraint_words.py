"""Problems that pydantic finds, in plain words: no pattern, no class and no type of Python is shown."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from helpers.tree import modules
from pydantic import BaseModel, Field, TypeAdapter
from pydantic_core._pydantic_core import list_all_errors

from tsebench.core.constraint_words import LABEL, allowed
from tsebench.core.errors import ConfigError
from tsebench.core.validation import StrictModel, parse

RAW = re.compile(
    r"Input should|pydantic|valid (integer|string|dictionary|tuple)|\\^|\\$|Tuple|unable to parse", re.IGNORECASE
)
LABEL_WORDS = "a name of letters, digits and _ . + - that begins with a letter or digit"
Positive = Annotated[int, Field(gt=0)]


class Everything(StrictModel):
    """A key for each constraint that configs, options and cards have."""

    name: str = Field(default="x", pattern=LABEL)
    label: str = Field(default="", pattern=f"{LABEL}|^$")
    whole: int = 1
    stacks: int = Field(default=2, gt=1, le=64)
    share: float = Field(default=0.5, ge=0, lt=1, allow_inf_nan=False)
    seed: int = Field(default=0, ge=0, lt=2**31)
    switch: bool = False
    kind: Literal["cosine", "plateau"] = "cosine"
    folder: Path = Path()
    pair: tuple[float, float] = (0.0, 1.0)
    many: tuple[str, ...] = Field(default=("a",), min_length=1, max_length=2)
    table: dict[str, int] = Field(default_factory=dict)
    size: Positive | None = None
    sizes: int | tuple[int, ...] = 1
    channel: int | Literal["mean"] = 0


@pytest.mark.parametrize(
    ("content", "line"),
    [
        ({"name": "a/b"}, f"name = 'a/b': must be {LABEL_WORDS}; write for example 'a_b'"),
        ({"label": "x y"}, f"label = 'x y': must be {LABEL_WORDS}, or empty; write for example 'x_y'"),
        ({"name": 5}, "name = 5: must be text (in quotes where it looks like a number)"),
        ({"whole": "two"}, "whole = 'two': must be a whole number"),
        ({"whole": 1.5}, "whole = 1.5: must be a whole number"),
        ({"stacks": 1}, "stacks = 1: must be greater than 1"),
        ({"stacks": 65}, "stacks = 65: must be 64 or less"),
        ({"share": 1.0}, "share = 1.0: must be less than 1"),
        ({"share": float("nan")}, "share = nan: must be a finite number"),
        ({"seed": 2**31}, "seed = 2147483648: must be less than 2147483648"),
        ({"switch": "perhaps"}, "switch = 'perhaps': must be true or false"),
        ({"kind": "cosin"}, "kind = 'cosin': must be 'cosine' or 'plateau'; did you mean 'cosine'?"),
        ({"folder": 3}, "folder = 3: must be a path"),
        ({"pair": 3}, "pair = 3: must be a list, such as [a, b]"),
        ({"pair": [1]}, "pair: its entry 2 is missing; add it"),
        ({"pair": [1, 2, 3]}, "pair = [1, 2, 3]: must be a list of at most 2 entries"),
        ({"many": []}, "many = []: must be a list of at least 1 entry"),
        ({"many": [None]}, "many.0 = null: must be text (in quotes where it looks like a number)"),
        ({"table": [1]}, "table = [1]: must be keys with values, such as {key: value}"),
        ({"size": 0}, "size = 0: must be greater than 0"),
        ({"sizes": "x"}, "sizes = 'x': must be a whole number or a list, such as [a, b]"),
        ({"sizes": [1, "x"]}, "sizes.1 = 'x': must be a whole number"),
        ({"channel": "left"}, "channel = 'left': must be a whole number or 'mean'"),
        ({"channel": True, "whole": None}, "whole = null: must be a whole number"),
    ],
    ids=str,
)
def test_each_constraint_in_words(content: dict[str, Any], line: str) -> None:
    with pytest.raises(ConfigError) as refused:
        parse(Everything, content, where="c.yaml")
    assert str(refused.value) == f"c.yaml: {line}"


@pytest.mark.parametrize("kind", list_all_errors(), ids=lambda kind: kind["type"])
def test_no_problem_that_pydantic_knows_is_shown_raw(kind: dict[str, Any]) -> None:
    problem = {"type": kind["type"], "loc": ("key",), "msg": kind["example_message_python"], "input": "x"}
    if kind.get("example_context"):
        problem["ctx"] = kind["example_context"]
    line = allowed([problem])  # type: ignore[list-item]
    assert line
    assert not RAW.search(line), line


def _models() -> Iterator[type[BaseModel]]:
    for name in modules():
        for found in vars(import_module(f"tsebench.{name}")).values():
            if isinstance(found, type) and issubclass(found, BaseModel) and found.__module__.startswith("tsebench"):
                yield found


def _patterns(schema: object) -> Iterator[str]:
    if isinstance(schema, dict):
        if isinstance(schema.get("pattern"), str):
            yield schema["pattern"]
        for part in schema.values():
            yield from _patterns(part)
    elif isinstance(schema, list):
        for part in schema:
            yield from _patterns(part)


def test_every_pattern_of_our_models_has_words() -> None:
    for model in {*_models()}:
        for pattern in _patterns(TypeAdapter(model).core_schema):
            problem = {"type": "string_pattern_mismatch", "loc": (), "msg": "", "input": 1, "ctx": {"pattern": pattern}}
            assert "of another form" not in allowed([problem]), (model, pattern)  # type: ignore[list-item]
