"""Find and read YAML files: shipped configs by name, the user's by path, folders of corpora.

PyYAML is imported by what reads YAML: many commands read none.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from .errors import ConfigError, shortened, suggest
from .file_kinds import stand_in
from .files import read_limited

SHIPPED = Path(__file__).resolve().parents[1] / "configs"


def read_yaml(path: Path) -> dict[str, Any]:
    """Read a YAML mapping; anything else in the file is a ConfigError."""
    from .yaml_text import MAX_BYTES, parse_yaml  # noqa: PLC0415 - see above

    try:
        text = read_limited(path, MAX_BYTES).decode("utf-8-sig")
    except OSError as error:
        raise ConfigError(f"cannot read config {str(path)!r}: {error.strerror or error}") from None
    except UnicodeDecodeError as error:
        raise ConfigError(
            f"cannot read config {str(path)!r}: it is not UTF-8 ({error.reason}); save it as such"
        ) from None
    if (other := stand_in(text)) is not None:
        raise ConfigError(f"config {str(path)!r} is {other}")
    try:
        data = parse_yaml(text)
    except ConfigError as error:
        raise ConfigError(
            f"config {str(path)!r} is not YAML: {error}; correct it, or put quotes around the value"
        ) from None
    if not isinstance(data, dict):
        raise ConfigError(f"config {str(path)!r} must hold `key: value` lines at its top level")
    return {str(key): value for key, value in data.items()}


def find_config(reference: str, *, folder: str = ".") -> Path:
    """Path of a config that is named by its path, or by the name of a shipped one.

    Args:
        reference: for example "my.yaml", "quickstart", "configs/quickstart.yaml", "datasets/mini_sounds".
        folder: sub-folder of the shipped configs in which bare names are searched first.
    """
    bare = reference.removeprefix("configs/").removesuffix(".yaml")
    candidates = [Path(reference)]
    if ".." not in Path(bare).parts and not Path(bare).is_absolute():
        candidates += [base / f"{bare}.yaml" for base in (SHIPPED / folder, SHIPPED)]
    for path in candidates:
        if _is_file(path):
            return path
    known = shipped_names(folder)
    if folder == ".":
        known += [f"paper/{name}" for name in shipped_names("paper")]
    raise ConfigError(f"no config {reference!r}: neither a file nor a shipped config{suggest(bare, known)}")


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # an invalid file name, or no permission to read the folder
        return False


def shipped_names(folder: str = ".") -> list[str]:
    """Names of the shipped configs of one sub-folder, sorted."""
    return sorted(path.stem for path in (SHIPPED / folder).glob("*.yaml"))


def corpus_dirs(overrides: Mapping[str, Path] | None = None) -> dict[str, Path]:
    """Folders of the user's corpora by name.

    They are read from the user file (`$TSEBENCH_CORPORA`, or `~/.config/tsebench/corpora.yaml`) with lines `name:
    folder`, relative to that file; `overrides` (`--corpus NAME=DIR`) take precedence.
    """
    named = os.environ.get("TSEBENCH_CORPORA")
    path = Path(named) if named else Path.home() / ".config" / "tsebench" / "corpora.yaml"
    found: dict[str, Path] = {}
    if named or path.is_file():
        for name, folder in read_yaml(path).items():
            if not isinstance(folder, str):
                raise ConfigError(f"{str(path)!r}: {name} = {folder!r} is not a folder's path")
            found[str(name)] = path.parent / Path(folder).expanduser()
    given = {name: folder.expanduser() for name, folder in (overrides or {}).items()}
    return {**found, **given}


def setting(option: str, *, example: str, flag: str = "--option") -> tuple[str, Any]:
    """Parse a command-line option KEY=VALUE; the value is YAML. Errors name the `flag` and a correct `example`."""
    from .yaml_text import parse_yaml  # noqa: PLC0415 - see above

    key, separator, value = option.partition("=")
    if not separator or not key:
        raise ConfigError(f"{flag} {option!r} is not KEY=VALUE; write for example {example}")
    try:
        return key, parse_yaml(value)
    except ConfigError as error:
        raise ConfigError(f"the value of {flag} {option!r} is not YAML: {error}; put quotes around it") from None


def settings_of(
    options: Sequence[str], owners: Sequence[str], *, kind: str, named_by: str, example: str
) -> dict[str, dict[str, Any]]:
    """Parse command-line options OWNER.KEY=VALUE to settings by owner; values are YAML.

    Args:
        owners: names that may have settings; each gets a mapping.
        kind: of the owners, for example "metric".
        named_by: command-line option that names the owners.
    """
    found: dict[str, dict[str, Any]] = {name: {} for name in owners}
    for text in options:
        place, value = setting(text, example=example)
        owner, dot, key = place.partition(".")
        if not (dot and owner and key):
            raise ConfigError(f"--option {text!r} is not {kind.upper()}.KEY=VALUE; write for example {example}")
        if owner not in found:
            raise ConfigError(
                f"--option {text!r} sets {kind} {owner!r}, which {named_by} does not name{suggest(owner, owners)}"
            )
        found[owner][key] = value
    return found


def with_settings(
    data: Mapping[str, Any], settings: Sequence[str] | Mapping[str, Any], *, where: str
) -> dict[str, Any]:
    """A config with values set by key; keys and values are validated later, with the whole config.

    Settings are KEY=VALUE: a dot separates sections (`optimiser.epochs=2`), a number is an index of a list, from 0
    (`systems.1.label=mine`), and the value is YAML. As a mapping, their values are plain objects, and a mapping among
    them sets its own keys alone: `{"optimiser": {"epochs": 2}}`.

    Raises:
        ConfigError: a setting is not KEY=VALUE, or its key cannot be set.
    """
    changed: Any = dict(data)
    for key, value in _pairs(settings):
        changed = _set(changed, key.split("."), value, where=f"{where}: --set {key}")
    return cast(dict[str, Any], changed)


def _pairs(settings: object) -> Iterator[tuple[str, Any]]:
    """Keys with dots, and values."""
    if isinstance(settings, Mapping):
        for key, value in settings.items():
            if isinstance(value, Mapping) and value:
                yield from ((f"{key}.{inner}", each) for inner, each in _pairs(value))
            else:
                yield str(key), value
    elif isinstance(settings, str):
        yield setting(settings, example="seed=1", flag="--set")
    elif isinstance(settings, Sequence):
        for text in settings:
            yield setting(str(text), example="seed=1", flag="--set")
    else:
        raise ConfigError(
            f"settings = {shortened(repr(settings), 60)} is neither a mapping nor a list of KEY=VALUE; "
            'write for example {"seed": 1}'
        )


def _set(section: object, parts: Sequence[str], value: object, *, where: str) -> object:
    """Copy of a section with one value set; missing sections are created."""
    if not parts:
        return value
    first, *rest = parts
    if section is None or isinstance(section, Mapping):
        inner = dict(section or {})
        return {**inner, first: _set(inner.get(first), rest, value, where=where)}
    if not isinstance(section, list):
        raise ConfigError(f"{where}: {first!r} cannot be set inside {section!r}; set the whole key")
    if not first.isdigit() or int(first) >= len(section):
        raise ConfigError(f"{where}: {first!r} is not an index of a list of {len(section)}; the first is 0")
    place = int(first)
    return [*section[:place], _set(section[place], rest, value, where=where), *section[place + 1 :]]
