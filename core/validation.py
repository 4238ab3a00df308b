"""Validation with pydantic: options are checked against a signature, errors are one line."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import fields, is_dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeVar, get_type_hints

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError, create_model
from pydantic.fields import FieldInfo

from .errors import ConfigError, suggest

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

T = TypeVar("T")
_UNKNOWN_KEY = {"extra_forbidden", "unexpected_keyword_argument"}  # of a model, of a dataclass


class StrictModel(BaseModel):
    """A config section: frozen, and an unknown key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def parse(
    model: type[T], data: object, *, where: str, context: Mapping[str, object] | None = None, topic: str = ""
) -> T:
    """Validate `data` as `model`: a pydantic model, a dataclass, or a collection of them.

    Args:
        where: start of the error message.
        topic: of `tsebench explain`, which describes the keys; the error message names it.

    Raises:
        ConfigError: naming `where`, the key, its value, what is allowed and the nearest key.
    """
    try:
        return TypeAdapter(model).validate_python(data, context=context)
    except ValidationError as error:
        raise ConfigError(explain(error, model, where=where) + _see(topic)) from None


def explain(error: ValidationError, model: Any, *, where: str) -> str:
    """One line for the first problem of a pydantic validation error, and the count of the others.

    An unknown key comes first: a missing key is often the same one, misspelt.
    """
    problems = error.errors()
    first = next((p for p in problems if p["type"] in _UNKNOWN_KEY), problems[0])
    loc, same = _branches(problems, first, model)
    path = ".".join(str(part) for part in loc)
    if first["type"] in _UNKNOWN_KEY:
        known = _fields_at(model, first["loc"][:-1])
        line = f"{where}: unknown key {path!r}{suggest(str(first['loc'][-1]), known)}"
    elif first["type"] == "missing":
        line = f"{where}: key {path!r} is missing; add it"
    elif first["type"] == "value_error":
        line = f"{where}: {path or 'value'}: {first['ctx']['error']}"
    else:
        messages = " or ".join(str(problem["msg"]) for problem in same)
        line = f"{where}: {path or 'value'} = {_short(first['input'])}: {messages}"
    more = len(problems) - len(same)
    return line + (f" (and {more} more problem{'s' if more > 1 else ''})" if more else "")


def call_with(
    factory: Callable[..., T],
    options: Mapping[str, Any],
    *,
    where: str,
    given: Mapping[str, object] | None = None,
    topic: str = "",
) -> T:
    """Call `factory(**options, **given)` after checking the options against its signature.

    Args:
        factory: a function or class with annotated keyword arguments; constraints of pydantic in `Annotated` apply, and
            `**kwargs` takes options of any name.
        where: start of the error message.
        given: arguments from the program; they are not checked, and users cannot set them.
        topic: of `tsebench explain`, which describes the options; error messages about one of them name it.
    """
    given = given or {}
    checked = checked_options(factory, options, where=where, given=[*given], topic=topic)
    try:
        return factory(**checked, **given)
    except ConfigError as error:
        keys = inspect.signature(factory).parameters
        if type(error) is ConfigError and any(f"{key} = " in str(error) or f"`{key}`" in str(error) for key in keys):
            raise ConfigError(f"{error}{_see(topic)}") from None
        raise


def checked_options(
    factory: Callable[..., object],
    options: Mapping[str, Any],
    *,
    where: str,
    given: Collection[str] = (),
    topic: str = "",
) -> dict[str, Any]:
    """Check the options of a factory as `call_with` does, without calling it."""
    checked = parse(options_model(factory, given=given), dict(options), where=where, topic=topic)
    return {name: getattr(checked, name) for name in options}


def options_model(factory: Callable[..., object], *, given: Collection[str] = ()) -> type[BaseModel]:
    """Model of the options of a function or class, without the arguments that the program gives."""
    target = factory.__init__ if isinstance(factory, type) else factory  # type: ignore[misc]
    hints = get_type_hints(target, include_extras=True)
    named: dict[str, Any] = {}
    extra: Literal["forbid", "allow"] = "forbid"
    for name, parameter in inspect.signature(factory).parameters.items():
        default = ... if parameter.default is inspect.Parameter.empty else parameter.default
        if parameter.kind is inspect.Parameter.VAR_KEYWORD:
            extra = "allow"
        elif parameter.kind is not inspect.Parameter.VAR_POSITIONAL and name not in given:
            named[name] = (hints.get(name, Any), default)
    config = ConfigDict(extra=extra, arbitrary_types_allowed=True, protected_namespaces=())
    return create_model("Options", __config__=config, **named)


def _see(topic: str) -> str:
    return f"; see `tsebench explain {topic}`" if topic else ""


def _branches(
    problems: Sequence[ErrorDetails], first: ErrorDetails, model: Any
) -> tuple[tuple[int | str, ...], list[ErrorDetails]]:
    """Path of the first problem, and the problems that are reported with it as one.

    For `int | Literal["mean"]` pydantic reports a problem for each branch; the last part of its path is the branch.
    """
    loc = first["loc"]
    if first["type"] in {*_UNKNOWN_KEY, "missing", "value_error"}:
        return loc, [first]
    if len(loc) < 2 or not isinstance(loc[-1], str) or loc[-1] in _fields_at(model, loc[:-1]):
        return loc, [first]
    same = [p for p in problems if p["loc"][:-1] == loc[:-1] and p["input"] is first["input"]]
    return (loc[:-1], same) if len(same) > 1 else (loc, [first])


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


def _fields_at(model: Any, path: tuple[int | str, ...]) -> list[str]:
    """Keys of a model or dataclass at a nested path."""
    for part in path:
        nested = _fields_of(model).get(str(part))
        candidates = [nested, *getattr(nested, "__args__", ())]
        found = [c for c in candidates if _fields_of(c)]
        if found:
            model = found[0]
    return list(_fields_of(model))


def _fields_of(model: Any) -> dict[str, Any]:
    """Annotations of the fields by key; empty for other types."""
    if isinstance(model, type) and issubclass(model, BaseModel):
        return {name: field.annotation for name, field in model.model_fields.items()}
    if not isinstance(model, type) or not is_dataclass(model):
        return {}
    hints = get_type_hints(model, include_extras=True)
    known = {field.name: FieldInfo.from_annotation(hints[field.name]) for field in fields(model)}
    return {info.alias or name: info.annotation for name, info in known.items() if not info.exclude}
