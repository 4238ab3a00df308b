"""YAML texts as plain values: checked before they are made, so that no short text takes long or much memory."""

from __future__ import annotations

from typing import Any

import yaml

from .errors import ConfigError, shortened

MAX_BYTES = 2**20
"""Longest config file: PyYAML reads about 200 kB in a second."""

_MAX_DEPTH = 64
_MAX_VALUES = 100_000  # with aliases and merge keys written out
_MAX_BITS = 64  # of an integer
_TAG = "tag:yaml.org,2002:"
_PLAIN = {_TAG + kind for kind in ("null", "bool", "int", "float", "str", "seq", "map", "merge")}
# What PyYAML's constructors raise for values that do not fit their tag, in addition to its own errors.
_UNFIT = (ValueError, ArithmeticError, LookupError, TypeError, AttributeError)


def parse_yaml(text: str) -> object:
    """The value of a YAML text: null, booleans, 64-bit integers, floats, strings, lists and mappings with unique keys.

    Raises:
        ConfigError: the text is not YAML, holds another kind of value, is nested more than 64 deep, or stands for more
            than 100,000 values when its aliases are written out; the message begins with the problem.
    """
    try:
        loader = _Loader(text)
        try:
            node = loader.get_single_node()
            if node is None:
                return None
            _Check(loader).expanded(node)
            return loader.construct_document(node)
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        raise ConfigError(_problem(error)) from None
    except yaml.YAMLError as error:
        raise ConfigError(" ".join(str(error).split())) from None
    except RecursionError:
        raise ConfigError("it is nested too deeply") from None


class _Loader(yaml.SafeLoader):
    """YAML's safe loader, with an error of its own kind for every value that cannot be made."""

    _depth = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            raise ConfigError(f"it is nested more than {_MAX_DEPTH} deep")
        node = super().compose_node(parent, index)
        self._depth -= 1
        return node

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        if node.tag not in _PLAIN:
            kind = node.tag.removeprefix(_TAG)
            shown = _shown(node)
            raise _error(f"{shown} is read as {kind!r}, which no key takes", node)
        try:
            value = super().construct_object(node, deep=deep)
        except _UNFIT:
            raise _error(f"{_shown(node)} is not {node.tag.removeprefix(_TAG)}", node) from None
        if isinstance(value, int) and value.bit_length() > _MAX_BITS:
            raise _error(f"the number {_shown(node)} has more than {_MAX_BITS} bits", node)
        return value


class _Check:
    """Checks a graph of nodes before any value is made of it."""

    def __init__(self, loader: _Loader) -> None:
        self._loader = loader
        self._known: dict[int, int] = {}  # values that a node stands for; 0 while it is counted

    def expanded(self, node: yaml.Node) -> int:
        """Number of values that a node stands for, itself included.

        Raises:
            yaml.MarkedYAMLError: it holds itself, stands for too many values, or names a key twice.
        """
        if isinstance(node, yaml.ScalarNode):
            return 1
        known = self._known.get(id(node))
        if known == 0:
            raise _error("it holds itself by an alias", node)
        if known:
            return known
        self._known[id(node)] = 0
        if isinstance(node, yaml.MappingNode):
            self._check_keys(node)
            parts = [part for pair in node.value for part in pair]
        else:
            parts = list(node.value)
        count = 1
        for part in parts:
            count += self.expanded(part)
            if count > _MAX_VALUES:
                raise _error(f"its aliases stand for more than {_MAX_VALUES} values", node)
        self._known[id(node)] = count
        return count

    def _check_keys(self, node: yaml.MappingNode) -> None:
        seen: set[Any] = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                continue
            name = key.value if key.tag.endswith((":str", ":merge")) else self._loader.construct_object(key)
            if name in seen or key.value in seen:
                raise _error(f"key {_shown(key)} is written twice", key)
            seen |= {name, key.value}


def _error(problem: str, place: Any) -> yaml.MarkedYAMLError:
    return yaml.constructor.ConstructorError(problem=problem, problem_mark=place.start_mark)


def _shown(node: yaml.Node) -> str:
    """A value in a message, as it is written."""
    return repr(shortened(node.value, 60)) if isinstance(node, yaml.ScalarNode) else "a collection"


def _problem(error: yaml.MarkedYAMLError) -> str:
    what = ", ".join(part for part in (error.context, error.problem) if part) or "it cannot be parsed"
    mark = error.problem_mark or error.context_mark
    return f"{what} (line {mark.line + 1}, column {mark.column + 1})" if mark else what
