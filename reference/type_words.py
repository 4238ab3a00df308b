"""Types, defaults and units of keys in words."""

from __future__ import annotations

import types
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import yaml
from pydantic import BaseModel
from pydantic.fields import FieldInfo

_UNITS = {"_db": "dB", "_hz": "Hz", "_s": "s", "_ms": "ms", "_minutes": "min", "_fps": "1/s"}
_NUMBERS = ("", "", "two", "three", "four", "five", "six")
_PLAIN = {bool: "true or false", int: "whole number", float: "number", str: "text", Path: "path", Any: "any value"}
_NOUNS = ("whole number", "number", "text", "path", "any value", "section", "list")
_LIMITS = (("gt", ">"), ("ge", "≥"), ("lt", "<"), ("le", "≤"))
_LISTS: tuple[object, ...] = (list, tuple, set, frozenset, Sequence)


def unit_of(name: str) -> str:
    """Unit that the name of a key ends with, or ""."""
    return next((unit for suffix, unit in _UNITS.items() if name.endswith(suffix)), "")


def default_words(value: object) -> str:
    """A default as it is written in YAML."""
    if isinstance(value, BaseModel):
        return "{}"
    text = yaml.safe_dump(_plain(value), default_flow_style=True, width=10_000, allow_unicode=True)
    return text.removesuffix("\n").removesuffix("\n...")


def type_words(hint: Any, limits: Sequence[Any] = ()) -> str:
    """A type in words, for example "two numbers > 0" or "list of texts or null".

    Args:
        hint: annotation, with constraints of pydantic in `Annotated`.
        limits: further constraints, as pydantic stores them.
    """
    if get_origin(hint) is Annotated:
        info = FieldInfo.from_annotation(hint)
        return type_words(info.annotation, [*info.metadata, *limits])
    origin, parts = get_origin(hint), get_args(hint)
    if origin is Literal:
        return " | ".join(default_words(value) for value in parts)
    if origin in {Union, types.UnionType}:
        return " or ".join("null" if part is type(None) else type_words(part, limits) for part in parts)
    if origin in {dict, Mapping}:
        return f"mapping of {_plural(type_words(parts[0]))} to {_plural(type_words(parts[1]))}"
    if origin in _LISTS:
        return _list_words(origin, parts)
    return " ".join([_noun(hint), ", ".join(_limit_words(limits))]).strip()


def models_in(hint: Any) -> list[type[BaseModel]]:
    """Models with keys of their own inside a type, in their order."""
    if isinstance(hint, type) and issubclass(hint, BaseModel):
        return [hint]
    return [model for part in get_args(hint) for model in models_in(part)]


def description_in(hint: Any) -> str:
    """Description that a type carries in `Annotated`, also inside of `| None`."""
    if get_origin(hint) is Annotated:
        info = FieldInfo.from_annotation(hint)
        return info.description or description_in(info.annotation)
    if get_origin(hint) in {Union, types.UnionType}:
        return next((found for part in get_args(hint) if (found := description_in(part))), "")
    return ""


def _list_words(origin: object, parts: tuple[Any, ...]) -> str:
    items = [type_words(part) for part in parts if part is not Ellipsis]
    if origin is tuple and Ellipsis not in parts and items:
        same = len({*items}) == 1 and len(items) < len(_NUMBERS)
        return f"{_NUMBERS[len(items)]} {_plural(items[0])}" if same else f"[{', '.join(items)}]"
    return f"list of {_plural(items[0])}" if items else "list"


def _noun(hint: Any) -> str:
    if isinstance(hint, type) and issubclass(hint, BaseModel):
        return "section below"
    return _PLAIN.get(hint) or str(getattr(hint, "__name__", hint))


def _limit_words(limits: Sequence[Any]) -> list[str]:
    """Constraints in symbols; patterns and lengths are left to error messages."""
    return [
        f"{sign} {default_words(value)}"
        for name, sign in _LIMITS
        for limit in limits
        if (value := getattr(limit, name, None)) is not None
    ]


def _plural(words: str) -> str:
    if " or " in words:
        return " or ".join(_plural(part) for part in words.split(" or "))
    noun = next((noun for noun in _NOUNS if words.startswith(noun)), "")
    return f"{noun}s{words.removeprefix(noun)}" if noun else words


def _plain(value: object) -> object:
    """A value in types that YAML has; a section as the keys that are set in it."""
    if isinstance(value, BaseModel):
        return _plain(value.model_dump(exclude_unset=True))
    if isinstance(value, Mapping):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(each) for each in value]
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return int(value)
    return value if isinstance(value, str | int | float | bool | None) else str(value)
