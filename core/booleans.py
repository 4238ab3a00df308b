"""Booleans where a number belongs: pydantic would read `count: true` as 1."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import TypeAdapter, ValidationError
from pydantic_core import InitErrorDetails

_NUMBERS = {"int_parsing": "int_type", "float_parsing": "float_type"}


def refuse_as_numbers(adapter: TypeAdapter[Any], data: object, *, context: Mapping[str, object] | None) -> None:
    """Refuse a boolean in valid `data` where the type allows a number and no boolean.

    The data are validated again with the words "true" and "false" in place of booleans, which pydantic reads as
    booleans and never as numbers.

    Raises:
        ValidationError: of the types "int_type" and "float_type", with the boolean as the input.
    """
    worded = _worded(data)
    if worded == data:
        return
    try:
        adapter.validate_python(worded, context=context)
    except ValidationError as error:
        problems = [
            InitErrorDetails(type=_NUMBERS[problem["type"]], loc=problem["loc"], input=problem["input"] == "true")
            for problem in error.errors()
            if problem["type"] in _NUMBERS and problem["input"] in ("true", "false")
        ]
        if problems:
            raise ValidationError.from_exception_data(error.title, problems) from None


def _worded(value: object) -> object:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Mapping):
        return {key: _worded(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_worded(entry) for entry in value]
    return value
