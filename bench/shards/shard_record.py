"""The part of run.json that says which shard of a run its folder holds."""

from __future__ import annotations

from collections.abc import Mapping

from ...core.errors import OutputError
from ..run.system_facts import FrozenFacts
from .shard import Shard


class ShardRecord(FrozenFacts):
    """A shard of a run, as its run.json names it.

    Attributes:
        number: from 1.
        count: shards of the run.
        parts: by the beginning of the names of files of rows, which holds a digest of all that determines the rows: the
            chunks of the sets before theirs, and those of their own set in the whole run. A shard of scored folders has
            none.
        metrics: signatures of the metrics of scored folders, for the last system.
    """

    number: int
    count: int
    parts: Mapping[str, tuple[int, int]] = {}
    metrics: tuple[str, ...] = ()

    @property
    def shard(self) -> Shard:
        """Number and count."""
        return Shard(self.number, self.count)


def check_same_shard(before: ShardRecord | None, shard: Shard | None, *, folder: str) -> None:
    """Check that a folder goes on with the shard that it holds.

    Raises:
        OutputError: it holds another one, or a whole run.
    """
    known = before.shard if before else None
    if known != shard:
        holds = f"shard {known}" if known else "a run that is not divided"
        wanted = f"shard {shard}" if shard else "the whole run"
        raise OutputError(
            f"folder {folder!r} holds {holds}, and this is {wanted}; give each shard a folder of its own with --out"
        )
