"""Options against signatures, and errors in one line."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from pydantic import Field

from tsebench.core.errors import ConfigError
from tsebench.core.validation import StrictModel, call_with, parse


class Inner(StrictModel):
    depth: int
    share: float = 0.5
    loud: bool | int = False
    kind: Literal["a", "b"] = "a"


class Outer(StrictModel):
    name: str
    inner: Inner = Inner(depth=1)
    many: dict[str, Inner] = Field(default_factory=dict)
    channel: int | Literal["mean"] | None = None


def _line(data: object) -> str:
    with pytest.raises(ConfigError) as caught:
        parse(Outer, data, where="set.yaml")
    line = str(caught.value)
    assert "\n" not in line
    assert line.startswith("set.yaml: ")
    return line.removeprefix("set.yaml: ")


LINES: list[tuple[object, str]] = [
    ({"name": "x", "innner": {}}, "unknown key 'innner'; did you mean 'inner'? (known: channel, "),
    ({"name": "x", "inner": {"depht": 1}}, "unknown key 'inner.depht'; did you mean 'depth'?"),
    ({"name": "x", "many": {"m": {"depht": 1}}}, "unknown key 'many.m.depht'; did you mean 'dept"),
    ({"name": "x", "zzz": 1}, "unknown key 'zzz' (known: channel, inner, many, name)"),
    ({}, "key 'name' is missing; add it"),
    ({"name": "x", "inner": {}}, "key 'inner.depth' is missing; add it"),
    ({"name": "x", "inner": {"depth": "deep"}}, "inner.depth = 'deep': must be a whole number"),
    ({"name": "x", "inner": {"depth": True}}, "inner.depth = true: must be a whole number"),
    ({"name": "x", "channel": False}, "channel = false: must be a whole number"),
    ({"name": "x", "many": {"m": {"depth": 1, "share": True}}}, "many.m.share = true: must be a number"),
    ({"name": "x", "inner": {"depth": 1, "kind": "c"}}, "inner.kind = 'c': must be 'a' or 'b'"),
    ({"name": None}, "name = null: must be text (in quotes where it looks like a number)"),
    ([1, 2], "value = [1, 2]: must be keys with values, such as {key: value}"),
    ({"name": {"x": "y" * 500}}, "name = {'x': 'yyyyyyyyyy"),
]


@pytest.mark.parametrize(("data", "start"), LINES, ids=[start for _, start in LINES])
def test_one_line_names_key_value_and_what_is_allowed(data: object, start: str) -> None:
    line = _line(data)
    assert line.startswith(start)
    assert len(line) < 250


def test_booleans_stay_where_they_are_allowed() -> None:
    assert parse(Outer, {"name": "x", "inner": {"depth": 1, "loud": True}}, where="set.yaml").inner.loud is True


def test_the_branches_of_a_union_are_one_problem() -> None:
    line = _line({"name": "x", "channel": "left"})
    assert line == "channel = 'left': must be a whole number or 'mean'"


def test_other_problems_are_counted() -> None:
    assert _line({"inner": {"depth": "x"}}).endswith(" (and 1 more problem)")
    assert _line({"inner": {"depth": "x"}, "many": 3}).endswith(" (and 2 more problems)")


def test_a_misspelt_key_is_told_before_the_key_that_it_should_be() -> None:
    assert _line({"nmae": "x"}).startswith("unknown key 'nmae'; did you mean 'name'?")


def test_sections_are_frozen_and_parse_gives_them() -> None:
    made = parse(Outer, {"name": "x", "many": {"m": {"depth": 2}}}, where="x")
    assert made.many["m"] == Inner(depth=2)
    with pytest.raises(ValueError, match="frozen"):
        made.name = "y"  # type: ignore[misc]


Positive = Annotated[int, Field(gt=0)]


@dataclass
class Thing:
    root: Path
    size: Positive
    span: tuple[float, float] = (0.0, 1.0)
    context: object = None


def test_options_are_checked_and_turned_into_the_annotated_types() -> None:
    thing = call_with(Thing, {"root": "a/b", "size": 3, "span": [1, 2]}, where="thing")
    assert thing == Thing(root=Path("a/b"), size=3, span=(1.0, 2.0))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"root": "a"}, "thing: key 'size' is missing"),
        ({"root": "a", "size": 0}, "thing: size = 0: must be greater than 0"),
        ({"root": "a", "size": 1, "spam": 1}, "thing: unknown key 'spam'; did you mean 'span'"),
        ({"root": "a", "size": 1, "span": [1]}, "thing: span: its entry 2 is missing; add it"),
        ({"root": "a", "size": 1, "context": 1}, r"thing: unknown key 'context' \(known: root, "),
    ],
)
def test_wrong_options_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        call_with(Thing, options, where="thing", given={"context": object()})


def test_what_the_program_gives_is_passed_as_it_is() -> None:
    context = object()
    thing = call_with(Thing, {"root": "a", "size": 1}, where="", given={"context": context})
    assert thing.context is context


def test_functions_defaults_and_free_options() -> None:
    def make(*, size: Positive = 4, **others: int) -> tuple[int, dict[str, int]]:
        return size, others

    assert call_with(make, {}, where="f") == (4, {})
    assert call_with(make, {"size": 2, "more": 1}, where="f") == (2, {"more": 1})
    assert call_with(lambda: 3, {}, where="f") == 3
