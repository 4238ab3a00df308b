"""The record of scored folders: one run, which systems join one after another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from ...core.errors import OutputError
from ...datasets.seeding import digest
from ...systems.protocol import Family, SystemCard
from ..run.new_record import new_record, system_record
from ..run.record import DatasetRecord, RunRecord, SystemRecord, read_record
from ..scoring.plan import MetricPlan
from ..shards.shard import Shard
from ..shards.shard_record import ShardRecord, check_same_shard
from .paired_files import DATASET, PairedFiles
from .score_rows import MIXTURE


def record_of(
    samples: Sequence[PairedFiles], *, out: Path, system: str, plan: MetricPlan, device: str, shard: Shard | None = None
) -> RunRecord:
    """The record of this run and of the systems that were scored into the folder `out` before.

    Args:
        samples: files of each sample of the system.
        shard: part of the trials that is scored.

    Raises:
        OutputError: the folder holds scores against other references, or of another shard.
    """
    files = samples[0]
    before = read_record(out)
    if before is not None:
        known = before.datasets.get(DATASET)
        if known is None or known.fingerprint != files.fingerprint:
            raise OutputError(
                f"folder {str(out)!r} holds scores against other references, mixtures or channels; choose another --out"
            )
        check_same_shard(before.shard, shard, folder=str(out))
    systems = dict(before.systems) if before else {}
    answers = files.answers if len(samples) == 1 else digest("samples", *(each.answers for each in samples))
    systems[system] = _scored(system, "external", answers, options=_card_options(files), samples=len(samples))
    if files.mixtures:
        systems[MIXTURE] = _scored(MIXTURE, "baseline", files.fingerprint)
    dataset = DatasetRecord(
        fingerprint=files.fingerprint,
        version="",
        builder="files",
        sample_rate_hz=files.sample_rate_hz,
        licences=(),
        trials={"": len(files.keys)},
        systems=tuple(systems),
        channels={name: str(channel) for name, channel in files.used.items() if name != "estimates"},
    )
    record = new_record(
        name=out.resolve().name or "score",
        config=None,
        systems=systems,
        datasets={DATASET: dataset},
        metrics=[*(before.metrics.values() if before else ()), *plan.infos],
        device=device,
        seed=0,
    )
    if shard is not None:
        columns = (*plan.metrics, *plan.reference_values, *plan.improvements)
        signatures = tuple(column.signature(files.sample_rate_hz) for column in columns)
        part = ShardRecord(number=shard.number, count=shard.count, metrics=signatures)
        record = record.model_copy(update={"shard": part})
    # One run, however many systems join it.
    return record if before is None else record.model_copy(update={"run_id": before.run_id})


def _scored(
    title: str, family: Family, sha256: str, *, options: Mapping[str, int | str] | None = None, samples: int = 1
) -> SystemRecord:
    card = SystemCard(
        name=title,
        family=family,
        description="scored files",
        sha256=sha256,
        stochastic=samples > 1,
        options=options or {},
    )
    return system_record(card, identity=digest("files", title, sha256), samples=samples)


def _card_options(files: PairedFiles) -> dict[str, int | str]:
    """Choices that change the values of the estimates."""
    found: dict[str, int | str] = {}
    if (channel := files.used.get("estimates")) is not None:
        found["channel"] = channel
    if files.permutation:
        mixtures = f"{len(files.reordered)} of {len(files.mixture_names)} mixtures"
        found |= {"permutation": files.permutation, "reordered": mixtures}
    if files.left_out:
        found["outputs_left_out"] = len(files.left_out)
    return found
