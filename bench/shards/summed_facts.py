"""Facts of a merged run that follow from the records of all its shards."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..run.record import RunRecord


def summed_facts(records: Sequence[RunRecord]) -> dict[str, Any]:
    """Fields of the record of the whole: sums of trials, the devices of all, the first date."""
    devices = dict.fromkeys(str(record.device) for record in records)
    return {
        "device": records[0].device if len(devices) == 1 else "; ".join(devices),
        "created": min(record.created for record in records),
        "trials": sum(record.trials or 0 for record in records),
        "failed_trials": sum(record.failed_trials or 0 for record in records),
        "shard": None,
    }
