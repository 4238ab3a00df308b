"""Embeddings of texts and sound classes that another program computed, in a JSON file of the user."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from ...core.errors import ConfigError, suggest
from ...datasets.types import Clues

_WANTED = 'give a JSON file {"dog bark": [numbers], ...}, with "" for the empty text if guidance is not 1'


@dataclass(frozen=True, slots=True, kw_only=True)
class ClueEmbeddings:
    """Embeddings [D] by text; case, and underscores for spaces, do not matter.

    Attributes:
        labels: the texts as the file has them, but for the empty one.
        sha256: of the file.
    """

    labels: tuple[str, ...]
    sha256: str
    table: dict[str, Tensor]

    @property
    def without_clue(self) -> Tensor | None:
        """Embedding of the empty text, if there is one."""
        return self.table.get("")

    def of(self, clues: Clues) -> list[Tensor] | str:
        """Embeddings of a query, one for each class, or one of its text; else the reason why there are none."""
        asked = clues.classes or ((clues.text,) if clues.text else ())
        if not asked:
            return "the query names no sound class and has no text, and this system needs one of them"
        return self._found(asked)

    def of_text(self, clues: Clues) -> list[Tensor] | str:
        """The embedding of a query's text, or, without one, of its classes; else the reason why there is none."""
        return self._found((clues.text,)) if clues.text else self.of(clues)

    def _found(self, asked: Sequence[str]) -> list[Tensor] | str:
        unknown = next((text for text in asked if _plain(text) not in self.table), None)
        if unknown is not None:
            return f"the file of embeddings has none of {unknown!r}{suggest(unknown, self.labels)}"
        return [self.table[_plain(text)] for text in asked]


def read_clue_embeddings(path: Path, *, size: int, where: str) -> ClueEmbeddings:
    """Read embeddings of `size` entries.

    Args:
        where: start of an error's line.

    Raises:
        ConfigError: the file is missing, no table of such lists of numbers, or has one text twice.
    """
    what = f"{where}: embeddings {str(path)!r}"
    try:
        content = path.expanduser().read_bytes()
        found = json.loads(content)
    except OSError as error:
        raise ConfigError(f"{what} cannot be read: {error.strerror or error}; {_WANTED}") from None
    except (ValueError, RecursionError):
        raise ConfigError(f"{what} are not JSON; {_WANTED}") from None
    if not isinstance(found, dict) or not found:
        raise ConfigError(f"{what} are no table; {_WANTED}")
    table: dict[str, Tensor] = {}
    for text, numbers in found.items():
        shown = repr(text[:60])
        if not isinstance(numbers, list) or len(numbers) != size or not all(_is_number(n) for n in numbers):
            raise ConfigError(f"{what}: {shown} is no list of {size} finite numbers, as its network takes; {_WANTED}")
        if _plain(text) in table:
            raise ConfigError(f"{what}: {shown} is there twice, but for case and underscores; keep one")
        table[_plain(text)] = torch.tensor(numbers, dtype=torch.float32)
    labels = tuple(text for text in found if _plain(text))
    if not labels:
        raise ConfigError(f"{what} have the empty text alone; {_WANTED}")
    return ClueEmbeddings(labels=labels, sha256=hashlib.sha256(content).hexdigest(), table=table)


def _plain(text: str) -> str:
    return " ".join(text.replace("_", " ").casefold().split())


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
