"""One of n parts of a run: which chunks of trials it computes."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from ...core.errors import ConfigError

_TEXT = re.compile(r"(\d{1,6})/(\d{1,6})")


class Share(Protocol):
    """The chunks of a run that one process computes."""

    def chunks(self, name: str, *, first: int, count: int) -> list[int]:
        """Numbers, from 0, of the chunks of one set that belong to it.

        Args:
            name: of the set.
            first: number of chunks of the sets before it.
            count: chunks of the set.
        """
        ...


class Whole:
    """All chunks."""

    def chunks(self, _name: str, *, first: int, count: int) -> list[int]:  # noqa: ARG002
        """All of them."""
        return list(range(count))


@dataclass(frozen=True, slots=True)
class Chosen:
    """Single files of rows, as a worker of a cluster is given them.

    Attributes:
        by_set: numbers of the chunks by set.
        names: of the files; others of these chunks are not made.
    """

    by_set: Mapping[str, Sequence[int]]
    names: frozenset[str]

    def chunks(self, name: str, *, first: int, count: int) -> list[int]:  # noqa: ARG002
        """Those of the set."""
        return sorted(self.by_set.get(name, ()))


@dataclass(frozen=True, slots=True)
class Shard:
    """Part `number` (from 1) of `count` parts of a run.

    Chunks of trials are dealt to the parts one by one, over all sets, so that every part has trials of the beginning,
    the middle and the end, and small sets lie on different parts. All systems answer a chunk in the same part, which
    renders and scores its mixtures once.
    """

    number: int
    count: int

    @classmethod
    def parse(cls, text: str) -> Shard:
        """The shard that a text such as 2/8 names.

        Raises:
            ConfigError: the text is not I/N with 1 ≤ I ≤ N.
        """
        found = _TEXT.fullmatch(text.strip())
        if found is None or not 1 <= int(found[1]) <= int(found[2]):
            raise ConfigError(
                f"--shard {text!r} is not I/N with I from 1 to N; write for example 2/8 for the second of 8"
            )
        return cls(int(found[1]), int(found[2]))

    def chunks(self, _name: str, *, first: int, count: int) -> list[int]:
        """Every n-th chunk, counted over all sets."""
        return [chunk for chunk in range(count) if (first + chunk) % self.count == self.number - 1]

    def __str__(self) -> str:
        return f"{self.number}/{self.count}"

    @property
    def label(self) -> str:
        """Text for names of folders."""
        return f"{self.number}-of-{self.count}"
