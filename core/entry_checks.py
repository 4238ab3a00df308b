"""Checks of an entry of another package, without using it: how it is called, and which methods it has.

Every function returns the problem in words, "" without one.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class _Problem:
    """A method that is missing, or something that is wrong."""

    text: str
    missing: bool = False


def call_problem(function: object, *, positional: Sequence[str] = (), keywords: Sequence[str] = ()) -> str:
    """Why a class or function cannot be called with these arguments.

    Further arguments that it needs are options of the user; with `positional`, which names all that a function gets,
    they are a problem.
    """
    if not callable(function):
        return f"{function!r} is no class or function"
    parameters = _signature(function)
    if parameters is None:
        return ""
    bind = parameters.bind if positional else parameters.bind_partial
    try:
        bind(*positional, **dict.fromkeys(keywords))
    except TypeError:
        call = _call("", (*positional, *(f"{keyword}=..." for keyword in keywords)))
        return f"{_name(function)} takes {_short(parameters)}, but is called with {call}"
    return ""


def face_problem(thing: object, *protocols: type) -> str:
    """Why a class, or an object, follows none of the protocols; of a class, only methods are checked.

    The problem of the protocol that it nearly follows is the one that is named.
    """
    found = [list(_problems(thing, protocol)) for protocol in protocols]
    fewest = min(map(len, found), default=0)
    if not fewest:
        return ""
    first = [problems[0] for problems in found if len(problems) == fewest]
    wrong = next((problem.text for problem in first if not problem.missing), "")
    name = _name(thing if isinstance(thing, type) else type(thing))
    return wrong or f"{name} has no {' or '.join(dict.fromkeys(problem.text for problem in first))}"


def type_problem(name: str, value: object, kind: type) -> str:
    """Why the value of an attribute is not what it must be."""
    return "" if isinstance(value, kind) else f"its {name} is of type {type(value).__name__}, not {kind.__name__}"


def _problems(thing: object, protocol: type) -> Iterator[_Problem]:
    for place in reversed(protocol.__mro__):
        if place in {object, Protocol} or not getattr(place, "_is_protocol", False):
            continue
        if not isinstance(thing, type):
            wanted = [*inspect.get_annotations(place), *(n for n, v in vars(place).items() if isinstance(v, property))]
            yield from (_Problem(f"attribute {name!r}", missing=True) for name in wanted if not hasattr(thing, name))
        for name, method in vars(place).items():
            if inspect.isfunction(method) and (not name.startswith("_") or name == "__call__"):
                yield from _method_problems(thing, name, inspect.signature(method))


def _method_problems(thing: object, name: str, wanted: inspect.Signature) -> Iterator[_Problem]:
    parameters = list(wanted.parameters.values())[1:]  # without self
    words = [p.name if p.kind is not p.KEYWORD_ONLY else f"{p.name}=..." for p in parameters]
    method = getattr(thing, name, None)
    if not callable(method):
        yield _Problem(f"method {_call(name, words)}", missing=True)
        return
    found = _signature(method)
    if found is None:
        return
    bound = not isinstance(thing, type) or isinstance(inspect.getattr_static(thing, name), staticmethod | classmethod)
    given = [*([] if bound else [None]), *(None for p in parameters if p.kind is not p.KEYWORD_ONLY)]
    named = {p.name: None for p in parameters if p.kind is p.KEYWORD_ONLY}
    try:
        found.bind(*given, **named)
    except TypeError:
        kind = _name(thing if isinstance(thing, type) else type(thing))
        yield _Problem(f"{kind}.{name} takes {_short(found)}, but is called as {_call(name, words)}")


def _signature(function: Any) -> inspect.Signature | None:
    try:
        return inspect.signature(function)
    except (TypeError, ValueError):  # compiled code may have none
        return None


def _short(signature: inspect.Signature) -> str:
    """Names of the parameters, without annotations and without `self`."""
    plain = [
        parameter.replace(annotation=parameter.empty)
        for name, parameter in signature.parameters.items()
        if name != "self"
    ]
    return str(inspect.Signature(plain))


def _call(name: str, words: Sequence[str]) -> str:
    return f"{name}({', '.join(words)})"


def _name(thing: object) -> str:
    kind = "class" if isinstance(thing, type) else "function"
    return f"{kind} {getattr(thing, '__qualname__', None) or repr(thing)}"
