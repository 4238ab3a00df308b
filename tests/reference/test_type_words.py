"""Types, defaults and units in words."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from pydantic import Field

from tsebench.core.validation import StrictModel
from tsebench.reference.type_words import default_words, description_in, type_words, unit_of

Level = Annotated[float, Field(gt=0, le=1, description="how loud")]


class Part(StrictModel):
    name: str = "x"


@pytest.mark.parametrize(
    ("hint", "words"),
    [
        (int, "whole number"),
        (bool, "true or false"),
        (Path | None, "path or null"),
        (Level, "number > 0, ≤ 1"),
        (Level | None, "number > 0, ≤ 1 or null"),
        (Annotated[int, Field(lt=2**31)], "whole number < 2147483648"),
        (tuple[Level, Level], "two numbers > 0, ≤ 1"),
        (tuple[int, str], "[whole number, text]"),
        (tuple[str, ...], "list of texts"),
        (list[Literal["a", "b"]], "list of a | b"),
        (Literal["32", "bf16"], "'32' | bf16"),
        (Mapping[str, tuple[str, ...]], "mapping of texts to lists of texts"),
        (dict[str, Part], "mapping of texts to sections below"),
        (int | tuple[int, ...], "whole number or list of whole numbers"),
        (tuple[str | Part, ...], "list of texts or sections below"),
        (dict[str, Any], "mapping of texts to any values"),
    ],
)
def test_types(hint: object, words: str) -> None:
    assert type_words(hint) == words


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (None, "null"),
        (True, "true"),
        ("", "''"),
        ("1", "'1'"),
        ("plain", "plain"),
        (15.0, "15"),
        (1e-3, "0.001"),
        ((15.0, 25.5), "[15, 25.5]"),
        (("1:0",), "['1:0']"),
        ((("video", "enrollment"),), "[[video, enrollment]]"),
        (Path("a/b"), "a/b"),
        (Part(), "{}"),
        ((Part(name="y"),), "[{name: y}]"),
    ],
)
def test_defaults_as_in_yaml(value: object, words: str) -> None:
    assert default_words(value) == words


def test_units() -> None:
    assert [unit_of(name) for name in ("snr_db", "rate_hz", "event_s", "fade_ms", "max_minutes", "steps")] == [
        *("dB", "Hz", "s", "ms", "min"),
        "",
    ]


def test_words_of_a_type_hold_inside_of_a_union() -> None:
    assert description_in(Level | None) == "how loud"
    assert description_in(int) == ""
