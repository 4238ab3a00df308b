"""Verification of a pack: its estimates are scored again, on the verifier's own set."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ...core.config_files import shipped_names
from ...core.errors import ConfigError, DatasetError, OutputError, listed
from ...core.files import make_folder
from ...datasets.api import load_dataset
from ...datasets.dataset import Dataset
from ...datasets.sealed.seal_file import public_fingerprint
from ...systems.registry import load_system
from ..rows import ScoreRow, write_shard
from ..run.new_record import dataset_record, system_record
from ..run.record import RunRecord, write_record
from ..run.runner import BASELINE
from .differences import MetricDifference, differences
from .pack_record import PackedEstimates
from .read_pack import Pack, open_pack
from .rescore import RescoredSet, RescoreOptions, rescore


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """Result of a verification.

    Attributes:
        team: of the pack.
        sha256: of the pack (hex).
        compared: each metric of each system and set that was scored again.
        without_estimates: systems and sets whose estimates are not in the pack: claimed, and not verified.
        lacking: trials without an estimate, by system and set.
        unknown: sets of the pack that the verifier does not have.
        rows: scored again.
        record: of these rows; systems are those of the pack.
    """

    team: str
    sha256: str
    compared: tuple[MetricDifference, ...]
    without_estimates: tuple[tuple[str, str], ...]
    lacking: Mapping[tuple[str, str], tuple[str, ...]]
    unknown: tuple[str, ...]
    rows: tuple[ScoreRow, ...] = field(repr=False)
    record: RunRecord = field(repr=False)

    @property
    def verified(self) -> bool:
        """Whether all that the pack claims was scored again and is the same, and no trial lacks its estimate."""
        claimed = not (self.without_estimates or self.unknown or any(self.lacking.values()))
        return claimed and bool(self.compared) and all(each.same for each in self.compared)


def verify_pack(
    path: Path,
    *,
    datasets: Sequence[str] = (),
    corpora: Mapping[str, Path] | None = None,
    options: RescoreOptions | None = None,
) -> Verification:
    """Score the estimates of a pack again, and compare the values that it claims.

    Nothing that the pack names is opened, imported or run: sets and metrics are the verifier's own.

    Args:
        datasets: folders or configs of the sets, also the sealed part of a set that was split (`seal`); of others the
            shipped config of the pack's name is taken.
        corpora: folders of corpora by name, in addition to those of the user file.

    Raises:
        ConfigError: it is no pack, or was changed after packing; or none of its sets is at hand.
        DatasetError: a set of the pack is another one than the verifier's: the fingerprints differ.
    """
    how = options or RescoreOptions()
    with tempfile.TemporaryDirectory(prefix="tsebench-pack-") as folder, open_pack(path, scratch=Path(folder)) as pack:
        sets = verifier_sets(pack, datasets, corpora)
        found = [rescore(pack, each, how, scratch=Path(folder)) for each in sets.values()]
        return _result(pack, found)


def verifier_sets(pack: Pack, datasets: Sequence[str], corpora: Mapping[str, Path] | None) -> dict[str, Dataset]:
    """The verifier's sets that a pack has rows of, by name; raises as `verify_pack`."""
    claimed = {str(name) for name in pack.rows["dataset"].unique()}
    given = [(name, load_dataset(name, corpora=corpora)) for name in datasets]
    found = {each.card.name: (each, name) for name, each in given if each.card.name in claimed}
    for name in sorted((claimed - found.keys()) & {*shipped_names("datasets")}):
        found[name] = (load_dataset(name, corpora=corpora), name)
    if not found:
        own = f"those given are {listed(each.card.name for _, each in given)}" if given else "none is shipped"
        raise ConfigError(
            f"pack {str(pack.path)!r} has sets {listed(sorted(claimed))}, and {own}; give their folders or configs "
            "with --dataset"
        )
    for name, (each, reference) in found.items():
        wanted = public_fingerprint(Path(reference)) or each.card.fingerprint
        facts = pack.run.datasets.get(name)
        if facts is None or facts.fingerprint != wanted:
            theirs = facts.fingerprint[:12] if facts else "no set"
            raise DatasetError(
                f"pack {str(pack.path)!r}: its set {name!r} has fingerprint {theirs!r}, and yours {wanted[:12]!r}: "
                "these are different trials; give the set that it was run on with --dataset"
            )
    return {name: each for name, (each, _) in found.items()}


def write_verified(found: Verification, out: Path) -> None:
    """Write the rows that were scored again as a run folder.

    Raises:
        OutputError: the folder holds something, or cannot be written.
    """
    if out.is_dir() and any(out.iterdir()):
        raise OutputError(f"folder {str(out)!r} is not empty; choose another with --out")
    make_folder(out / "rows")
    for place, dataset in enumerate(dict.fromkeys(row.dataset for row in found.rows)):
        write_shard(out / "rows" / f"part-{place:05d}.parquet", [row for row in found.rows if row.dataset == dataset])
    write_record(out, found.record)


def _result(pack: Pack, found: Sequence[RescoredSet]) -> Verification:
    names = {each.dataset.card.name for each in found}
    compared: list[MetricDifference] = []
    rows: list[ScoreRow] = []
    lacking: dict[tuple[str, str], tuple[str, ...]] = {}
    for each in found:
        name = each.dataset.card.name
        for system, own in each.rows.items():
            rows += own
            if system in each.lacking:
                compared += differences(pack.rows, own, each.plan.infos, system=system, dataset=name)
                lacking[system, name] = _unanswered(pack, each.lacking[system], system, name)
    return Verification(
        team=pack.record.team,
        sha256=pack.sha256,
        compared=tuple(compared),
        without_estimates=tuple((e.system, e.dataset) for e in pack.record.estimates if _unverified(e, names)),
        lacking=lacking,
        unknown=tuple(sorted({str(name) for name in pack.rows["dataset"].unique()} - names)),
        rows=tuple(rows),
        record=_verified_record(pack, found),
    )


def _unverified(each: PackedEstimates, names: set[str]) -> bool:
    return each.dataset in names and not each.included


def _unanswered(pack: Pack, lacking: Sequence[str], system: str, dataset: str) -> tuple[str, ...]:
    """Trials without an estimate, less those of which the pack itself says that the system failed."""
    own = pack.rows[(pack.rows["system"] == system) & (pack.rows["dataset"] == dataset)]
    failed = {*own.loc[own["status"] == "failed", "trial_id"]} - {*own.loc[own["status"] == "ok", "trial_id"]}
    return tuple(name for name in lacking if name not in failed)


def _verified_record(pack: Pack, found: Sequence[RescoredSet]) -> RunRecord:
    """The record of rows that were scored again: facts of sets and metrics are the verifier's."""
    titles = {title for each in found for title in each.rows}
    infos = {info.name: info for each in found for info in each.plan.infos}
    datasets = {
        each.dataset.card.name: dataset_record(each.dataset, systems={}, skipped={}).model_copy(
            update={"systems": tuple(each.rows)}
        )
        for each in found
    }
    trials = sum(len(each.dataset) for each in found for _ in each.rows)
    systems = {title: facts for title, facts in pack.run.systems.items() if title in titles}
    if BASELINE in titles:
        systems[BASELINE] = system_record(load_system(BASELINE).card, identity="")
    return pack.run.model_copy(
        update={"systems": systems, "datasets": datasets, "metrics": infos, "trials": trials, "failed_trials": 0}
    )
