"""Allowed values in words, for each problem that pydantic finds; the only place that knows its error types."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from .errors import nearest_of, shortened

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

LABEL = r"^[A-Za-z0-9][A-Za-z0-9_.+-]*$"
"""Names that are parts of paths and tables: of datasets, runs and systems."""

_LABEL_WORDS = "a name of letters, digits and _ . + - that begins with a letter or digit"
PACKED_FOLDER = r"^estimates/[0-9]{1,4}$"
"""Folders of estimates in packs of runs."""

HEX_KEY = r"^[0-9a-f]{64}$"
"""32 bytes in hexadecimal digits."""

_PATTERNS: Mapping[str, str] = {
    LABEL: _LABEL_WORDS,
    f"{LABEL}|^$": f"{_LABEL_WORDS}, or empty",
    HEX_KEY: "64 hexadecimal digits in lower case",
    PACKED_FOLDER: "estimates/NUMBER, such as estimates/0",
}

_LIST, _SECTION = "a list, such as [a, b]", "keys with values, such as {key: value}"
_WHOLE, _NUMBER, _TEXT = "a whole number", "a number", "text (in quotes where it looks like a number)"
_PLAIN: Mapping[str, str] = {
    "bool_parsing": "true or false",
    "bool_type": "true or false",
    "bytes_type": "text",
    "callable_type": "a function",
    "finite_number": "a finite number",
    "float_parsing": _NUMBER,
    "float_type": _NUMBER,
    "int_from_float": _WHOLE,
    "int_parsing": _WHOLE,
    "int_parsing_size": "a smaller whole number",
    "int_type": _WHOLE,
    "invalid_key": "keys that are text",
    "none_required": "null",
    "path_type": "a path",
    "set_item_not_hashable": "a list of plain values",
    "string_not_ascii": "text of ASCII characters alone",
    "string_type": _TEXT,
    "string_unicode": "text in UTF-8",
    **dict.fromkeys(("iterable_type", "list_type", "tuple_type", "set_type", "frozen_set_type", "deque_type"), _LIST),
    **dict.fromkeys(("dict_type", "mapping_type", "model_type", "model_attributes_type", "dataclass_type"), _SECTION),
    **dict.fromkeys(("dataclass_exact_type", "named_tuple_type", "ordered_dict_type", "counter_type"), _SECTION),
    **dict.fromkeys(("date_type", "date_parsing"), "a date, such as 2025-12-31"),
    **dict.fromkeys(("datetime_type", "datetime_parsing"), "a date with time, such as 2025-12-31T12:00:00"),
    **dict.fromkeys(("url_type", "url_parsing", "url_syntax_violation"), "an address, such as https://example.org"),
}
_WITH_CONTEXT: Mapping[str, Callable[[Mapping[str, Any]], str]] = {
    "enum": lambda ctx: str(ctx["expected"]),
    "greater_than": lambda ctx: f"greater than {_figure(ctx['gt'])}",
    "greater_than_equal": lambda ctx: f"{_figure(ctx['ge'])} or more",
    "is_instance_of": lambda ctx: f"a {ctx['class']}",
    "is_subclass_of": lambda ctx: f"a kind of {ctx['class']}",
    "less_than": lambda ctx: f"less than {_figure(ctx['lt'])}",
    "less_than_equal": lambda ctx: f"{_figure(ctx['le'])} or less",
    "literal_error": lambda ctx: str(ctx["expected"]),
    "multiple_of": lambda ctx: f"a multiple of {_figure(ctx['multiple_of'])}",
    "string_pattern_mismatch": lambda ctx: _PATTERNS.get(ctx["pattern"], "of another form"),
    "string_too_long": lambda ctx: f"text of at most {_count(ctx['max_length'], 'character')}",
    "string_too_short": lambda ctx: f"text of at least {_count(ctx['min_length'], 'character')}",
    "too_long": lambda ctx: f"a list of at most {_entries(ctx['max_length'])}",
    "too_short": lambda ctx: f"a list of at least {_entries(ctx['min_length'])}",
    "union_tag_invalid": lambda ctx: f"of one of the kinds {ctx['expected_tags']}",
}


def allowed(problems: Sequence[ErrorDetails]) -> str:
    """Allowed values in words, for problems of one value: "must be a whole number or 'mean'; did you mean 'mean'?".

    A type of problem that this table lacks gives pydantic's own message, in the same form.
    """
    nouns = dict.fromkeys(noun for problem in problems if (noun := _noun(problem)))
    if not nouns:
        return _own_message(problems[0])
    return f"must be {' or '.join(nouns)}{_hint(problems)}"


def shown(value: object) -> str:
    """A value as a config writes it, cut where it is long."""
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


def _noun(problem: ErrorDetails) -> str:
    kind = problem["type"]
    if kind in _WITH_CONTEXT:
        return _WITH_CONTEXT[kind](problem.get("ctx", {}))
    return _PLAIN.get(kind, "")


def _hint(problems: Sequence[ErrorDetails]) -> str:
    """The nearest value that is allowed, where one can be found."""
    value = problems[0]["input"]
    if not isinstance(value, str):
        return ""
    for problem in problems:
        context = problem.get("ctx", {})
        if problem["type"] in {"literal_error", "enum"}:
            near = nearest_of(value, re.findall(r"'([^']*)'", str(context["expected"])))
            return f"; did you mean {near!r}?" if near else ""
        if context.get("pattern") in (LABEL, f"{LABEL}|^$"):
            repaired = re.sub(r"[^A-Za-z0-9_.+-]+", "_", value).lstrip("_.+-")
            return f"; write for example {shortened(repaired, 60)!r}" if repaired else ""
    return ""


def _own_message(problem: ErrorDetails) -> str:
    text = re.sub(r"^([A-Z]\w* )?[Ii]nput should ((not )?(be|have))( a valid)?\b", r"must \2", str(problem["msg"]))
    text = re.sub(r"\b(tuple|dictionary)\b", lambda found: {"tuple": "list"}.get(found[0], "section"), text)
    return text[:1].lower() + text[1:]


def _figure(bound: object) -> str:
    return f"{bound:g}" if isinstance(bound, float) else str(bound)


def _entries(number: int) -> str:
    return f"{number:d} entr{'y' if number == 1 else 'ies'}"


def _count(number: int, noun: str) -> str:
    return f"{number:d} {noun}{'' if number == 1 else 's'}"
