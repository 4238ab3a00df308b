"""Settings of the command line, laid over a config before it is checked: `--set KEY=VALUE`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .config_files import setting
from .errors import ConfigError

_EXAMPLE = "seed=1"


def with_settings(
    data: Mapping[str, Any], settings: Sequence[str], *, where: str
) -> dict[str, Any]:
    """A config with values set by key; what the key and the value may be, its model checks.

    Args:
        data: a config as it was read.
        settings: KEY=VALUE; a dot goes into a section (`optimiser.epochs=2`), a number is a place
            in a list, from 0 (`systems.1.label=mine`), and the value is YAML.
        where: start of an error's line.

    Raises:
        ConfigError: one is not KEY=VALUE, or goes into something that is no section and no list.
    """
    changed: Any = dict(data)
    for text in settings:
        key, value = setting(text, example=_EXAMPLE, flag="--set")
        changed = _set(changed, key.split("."), value, where=f"{where}: --set {key}")
    result: dict[str, Any] = changed
    return result


def _set(section: object, parts: Sequence[str], value: object, *, where: str) -> object:
    """A copy of a section with one value changed; a section that is missing is made."""
    if not parts:
        return value
    first, *rest = parts
    if section is None or isinstance(section, Mapping):
        inner = dict(section or {})
        return {**inner, first: _set(inner.get(first), rest, value, where=where)}
    if not isinstance(section, list):
        raise ConfigError(f"{where}: {first!r} cannot be set inside {section!r}; set the whole key")
    if not first.isdigit() or int(first) >= len(section):
        raise ConfigError(
            f"{where}: {first!r} is no place in a list of {len(section)}; the first is 0"
        )
    place = int(first)
    inner_value = _set(section[place], rest, value, where=where)
    return [*section[:place], inner_value, *section[place + 1 :]]
