"""`sealed.json`: the key of the public names, and which public part belongs to a sealed one."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError

from ...core.constraint_words import HEX_KEY
from ...core.errors import DatasetError
from ...core.files import write_atomic
from ...core.json_text import read_json
from ...core.validation import StrictModel, first_problem

SEALED = "sealed.json"
_LENGTH = 20  # hex digits of a public name: 80 bits


class Seal(StrictModel):
    """Secrets of a set that was split.

    Attributes:
        key: of the public names, 32 bytes in hex.
        public_fingerprint: of the public part.
        trials: original ids by public ids.
        mixtures: the same of mixtures.
    """

    version: Literal[1] = 1
    key: str = Field(pattern=HEX_KEY)
    public_fingerprint: str = Field(pattern=HEX_KEY)
    trials: Mapping[str, str]
    mixtures: Mapping[str, str]


def public_name(key: bytes, kind: str, name: str) -> str:
    """Name of a trial or mixture in the public part: HMAC-SHA256 of its id, which tells nothing without the key."""
    return hmac.new(key, f"{kind}\0{name}".encode(), hashlib.sha256).hexdigest()[:_LENGTH]


def write_seal(folder: Path, seal: Seal) -> None:
    """Write `sealed.json`."""
    write_atomic(folder / SEALED, seal.model_dump_json(indent=2).encode() + b"\n")


def public_fingerprint(folder: Path) -> str:
    """Fingerprint of the public part that belongs to a sealed one; "" if the folder is no sealed part.

    Raises:
        DatasetError: `sealed.json` is damaged.
    """
    path = folder / SEALED
    if not path.is_file():
        return ""
    try:
        return Seal.model_validate(read_json(path), strict=False).public_fingerprint
    except ValidationError as error:
        raise DatasetError(f"{str(path)!r} is damaged: {first_problem(error, Seal)}; seal the set again") from None
    except (OSError, ValueError) as error:
        raise DatasetError(f"{str(path)!r} cannot be read ({error}); seal the set again") from None
