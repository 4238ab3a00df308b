"""`key.json`: which condition every stimulus of a test is; the experimenter keeps it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from pydantic import ValidationError

from ...core.errors import ConfigError
from ...core.files import write_atomic
from ...core.json_text import read_json
from ...core.validation import StrictModel, first_problem
from .designs import DesignName, Kind

KEY = "key.json"


class ListeningPage(StrictModel):
    """One page of a test.

    Attributes:
        stimuli: condition by the id of a stimulus.
        check: whether it only checks the listener, and gives no value.
    """

    dataset: str
    trial_id: str
    stimuli: Mapping[str, str]
    check: bool = False


class ListeningKey(StrictModel):
    """A test.

    Attributes:
        run_id: of the run whose estimates are heard.
        conditions: what each condition is.
        pages: by id.
        listeners: number of orders that were drawn.
        screens_by_anchor: whether the low-pass anchor can be told from the reference at the rate of the sounds.
        remarks: on how the stimuli were made.
    """

    version: Literal[1] = 1
    design: DesignName
    run_id: str
    seed: int
    listeners: int
    conditions: Mapping[str, Kind]
    pages: Mapping[str, ListeningPage]
    screens_by_anchor: bool = True
    remarks: tuple[str, ...] = ()


def write_key(folder: Path, key: ListeningKey) -> Path:
    """Write `key.json`."""
    write_atomic(folder / KEY, key.model_dump_json(indent=2).encode() + b"\n")
    return folder / KEY


def read_key(path: Path) -> ListeningKey:
    """Read the key of a test, from its folder or file.

    Raises:
        ConfigError: there is none, or it is damaged.
    """
    file = path / KEY if path.is_dir() else path
    try:
        return ListeningKey.model_validate(read_json(file), strict=False)
    except ValidationError as error:
        problem = first_problem(error, ListeningKey)
        raise ConfigError(f"{str(file)!r} is no key of a listening test: {problem}") from None
    except (OSError, ValueError) as error:
        raise ConfigError(f"cannot read the key {str(file)!r} of a listening test: {error}") from None
