"""Validation with pydantic: options are checked against a signature, errors are one line."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import fields, is_dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeVar, get_type_hints

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError, create_model
from pydantic.fields import FieldInfo

from .booleans import refuse_as_numbers
from .constraint_words import allowed, shown
from .errors import ConfigError, suggest

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

T = TypeVar("T")
_UNKNOWN_KEY = {"extra_forbidden", "unexpected_keyword_argument"}  # of a model, of a dataclass
_MISSING = {"missing", "missing_argument", "missing_keyword_only_argument", "missing_positional_only_argument"}
# Names that pydantic gives to the branches of a union.
_BRANCH = re.compile(
    r"int|float|str|bool|none|bytes|path|any|is-instance.*|constrained-[a-z]+|[A-Z]\w+"
    r"|(literal|tuple|list|dict|set|frozenset|nullable|chain|lax-or-strict|json-or-python|function-[a-z-]+)\[.*",
    re.DOTALL,
)


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
    adapter = TypeAdapter(model)
    try:
        value = adapter.validate_python(data, context=context)
        refuse_as_numbers(adapter, data, context=context)
    except ValidationError as error:
        raise ConfigError(explain(error, model, where=where) + _see(topic)) from None
    return value


def explain(error: ValidationError, model: Any, *, where: str) -> str:
    """One line for the first problem of a pydantic validation error, and the count of the others."""
    return f"{where}: {first_problem(error, model, add='; add it')}"


def first_problem(error: ValidationError, model: Any, *, add: str = "") -> str:
    """The first problem of a pydantic validation error: key, value and what is allowed, and the count of the others.

    `add` is the fix for what is missing; in a file that nobody writes by hand there is none.

    An unknown key comes first: a missing key is often the same one, misspelt.
    """
    every = error.errors()
    problems = [problem for problem in every if not _follows(problem, every)]
    first = next((p for p in problems if p["type"] in _UNKNOWN_KEY), problems[0])
    first, same, loc = _branches(problems, first, model)
    path = ".".join(str(part) for part in loc)
    if first["type"] in _UNKNOWN_KEY:
        known = _fields_at(model, first["loc"][:-1])
        line = f"unknown key {path!r}{suggest(str(first['loc'][-1]), known)}"
    elif first["type"] in _MISSING:
        line = _missing(loc) + add
    elif first["type"] in {"value_error", "assertion_error"}:
        line = f"{path or 'value'}: {first['ctx']['error']}"
    else:
        line = f"{path or 'value'} = {shown(first['input'])}: {allowed(same)}"
    more = len(problems) - len(same)
    return line + (f" (and {more} more problem{'s' if more > 1 else ''})" if more else "")


def _follows(problem: ErrorDetails, problems: Sequence[ErrorDetails]) -> bool:
    """Whether a list is too short only because entries of it are wrong."""
    loc = problem["loc"]
    return problem["type"] == "too_short" and any(
        len(other["loc"]) > len(loc) and other["loc"][: len(loc)] == loc for other in problems
    )


def _missing(loc: tuple[int | str, ...]) -> str:
    """A key that is missing, or an entry of a list of fixed length."""
    if loc and isinstance(loc[-1], int):
        parent = ".".join(str(part) for part in loc[:-1]) or "value"
        return f"{parent}: its entry {loc[-1] + 1} is missing"
    return f"key {'.'.join(str(part) for part in loc)!r} is missing"


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
) -> tuple[ErrorDetails, list[ErrorDetails], tuple[int | str, ...]]:
    """The problem to report, those that are one with it, and its path without names of branches.

    For `int | Literal["mean"]` pydantic reports a problem for each branch, whose name is a part of the path. A problem
    inside of a branch counts before those of whole branches: the value is of that kind.
    """
    loc = first["loc"]
    place = next((place for place in range(1, len(loc)) if _is_branch(loc, place, model)), None)
    if place is None:
        return first, [first], loc
    group = [problem for problem in problems if problem["loc"][:place] == loc[:place] and len(problem["loc"]) > place]
    inside = [problem for problem in group if len(problem["loc"]) > place + 1]
    if not inside:
        return first, group, loc[:place]
    chosen = inside[0]
    parts = chosen["loc"]
    clean = (part for at, part in enumerate(parts) if not (at and _is_branch(parts, at, model)))
    return chosen, [chosen, *(problem for problem in group if problem is not chosen)], tuple(clean)


def _is_branch(loc: tuple[int | str, ...], place: int, model: Any) -> bool:
    part = loc[place]
    return isinstance(part, str) and bool(_BRANCH.fullmatch(part)) and part not in _fields_at(model, loc[:place])


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
