"""Keys of configs and options, read from models, dataclasses and signatures."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import Any, get_type_hints

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from .docstrings import key_words
from .type_words import default_words, description_in, models_in, type_words, unit_of

REQUIRED = "required"


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """One key.

    Attributes:
        type: in words.
        unit: from the end of the name, or "".
        default: as in YAML, or `REQUIRED`.
        meaning: "" where its author gives none.
    """

    name: str
    type: str
    unit: str
    default: str
    meaning: str


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyTable:
    """Keys of one section.

    Attributes:
        places: dotted keys that hold such a section; empty for the keys of the top level.
        section: name of the model of a section; "" for the top level.
        free: whether keys of any other name are allowed.
    """

    places: tuple[str, ...] = ()
    section: str = ""
    keys: tuple[Key, ...] = ()
    free: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class _Field:
    key: Key
    hint: Any


def tables_of(subject: Callable[..., object], *, given: Collection[str] = ()) -> tuple[KeyTable, ...]:
    """Keys of a model, or options of a class or function, then the keys of the sections in them.

    Args:
        given: arguments that the program gives, not the user.
    """
    places: dict[type[BaseModel], list[str]] = {}
    fields = [*_fields(subject, given)]
    waiting = [(field.key.name, field.hint) for field in fields]
    while waiting:
        place, hint = waiting.pop(0)
        for model in models_in(hint):
            known = model in places
            places.setdefault(model, []).append(place)
            if not known:
                waiting += [(f"{place}.{field.key.name}", field.hint) for field in _fields(model)]
    return (
        KeyTable(keys=tuple(field.key for field in fields), free=_is_free(subject)),
        *(
            KeyTable(places=tuple(found), section=model.__name__, keys=tuple(field.key for field in _fields(model)))
            for model, found in places.items()
        ),
    )


def _fields(subject: Callable[..., object], given: Collection[str] = ()) -> Iterator[_Field]:
    words = key_words(subject)
    is_model = isinstance(subject, type) and issubclass(subject, BaseModel)
    for name, info, hint in (_of_model if is_model else _of_signature)(subject):
        if name not in given:
            default = REQUIRED if info.is_required() else default_words(info.get_default(call_default_factory=True))
            yield _Field(
                key=Key(
                    name=name,
                    type=type_words(info.annotation, info.metadata),
                    unit=unit_of(name),
                    default=default,
                    meaning=_sentence(words.get(name) or info.description or description_in(hint)),
                ),
                hint=info.annotation,
            )


def _sentence(words: str) -> str:
    return f"{words.rstrip('.')}." if words else ""


def _of_model(model: Any) -> Iterator[tuple[str, FieldInfo, Any]]:
    for name, info in model.model_fields.items():
        yield info.alias or name, info, info.annotation


def _of_signature(subject: Callable[..., object]) -> Iterator[tuple[str, FieldInfo, Any]]:
    target = subject.__init__ if isinstance(subject, type) else subject  # type: ignore[misc]
    hints = get_type_hints(target, include_extras=True)
    for name, parameter in inspect.signature(subject).parameters.items():
        if parameter.kind in {inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL}:
            continue
        hint = hints.get(name, Any)
        info = FieldInfo.from_annotation(hint)
        if parameter.default is not inspect.Parameter.empty:
            info = FieldInfo.from_annotated_attribute(hint, parameter.default)
        yield name, info, hint


def _is_free(subject: Callable[..., object]) -> bool:
    parameters = inspect.signature(subject).parameters.values()
    return any(parameter.kind is inspect.Parameter.VAR_KEYWORD for parameter in parameters)
