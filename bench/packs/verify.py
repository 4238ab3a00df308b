"""Verification of a pack: its estimates are scored again, on the verifier's own set."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import MappingProxyType

from ...core.config_files import shipped_names
from ...core.errors import ConfigError, DatasetError, listed
from ...core.files import check_empty, make_folder
from ...datasets.api import load_dataset
from ...datasets.contamination import overlap
from ...datasets.dataset import Dataset
from ...datasets.sealed.seal_file import public_fingerprint
from ...systems.registry import load_system
from ..rows import write_shard
from ..run.new_record import dataset_record, system_record
from ..run.record import OverlapRecord, RunRecord, write_record
from ..run.runner import BASELINE
from ..score_row import ScoreRow
from ..scoring.plan import MetricSpec
from .differences import MetricDifference, differences
from .read_pack import Pack, open_pack
from .rescore import RescoredSet, RescoreOptions, rescore


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnSet:
    """A set of the verifier.

    Attributes:
        fingerprint: of the set that packs are run on: of a set that was split, its public part.
        sealed: whether it is the sealed part of one.
    """

    dataset: Dataset
    fingerprint: str
    sealed: bool


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
        metrics: that were computed.
        signatures: of each metric by set and name.
        rows: scored again.
        record: of these rows; systems are those of the pack.
    """

    team: str
    sha256: str
    compared: tuple[MetricDifference, ...]
    without_estimates: tuple[tuple[str, str], ...]
    lacking: Mapping[tuple[str, str], tuple[str, ...]]
    unknown: tuple[str, ...]
    metrics: tuple[MetricSpec, ...]
    signatures: Mapping[str, Mapping[str, str]]
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
        return verify_opened(pack, verifier_sets(pack, datasets, corpora), how, scratch=Path(folder))


def verify_opened(pack: Pack, own: Mapping[str, OwnSet], options: RescoreOptions, *, scratch: Path) -> Verification:
    """The same for an open pack and open sets; `scratch` takes its estimates."""
    found = [rescore(pack, each.dataset, options, scratch=scratch) for each in own.values()]
    return _result(pack, found, sealed={name for name, each in own.items() if each.sealed})


def verifier_sets(
    pack: Pack,
    datasets: Sequence[str],
    corpora: Mapping[str, Path] | None,
    *,
    expected: Mapping[str, str] = MappingProxyType({}),
) -> dict[str, OwnSet]:
    """The verifier's sets that a pack has rows of, by name; raises as `verify_pack`.

    Args:
        expected: fingerprints that they must have by name, if these are settled: then the pack has rows of all.
    """
    claimed = {str(name) for name in pack.rows["dataset"].unique()}
    found = {each.dataset.card.name: each for each in (_own_set(name, corpora) for name in datasets)}
    others = sorted((claimed - found.keys()) & {*shipped_names("datasets")})
    found = {name: each for name, each in found.items() if name in claimed}
    found |= {name: _own_set(name, corpora) for name in others if not expected or name in expected}
    where = f"pack {str(pack.path)!r}"
    if lacking := sorted(expected.keys() - claimed):
        raise ConfigError(f"{where} has rows of {listed(sorted(claimed))}, and none of set {lacking[0]!r}")
    unknown = sorted((expected.keys() or claimed) - found.keys())
    if unknown and (expected or not found):
        raise ConfigError(
            f"{where}: give the folder or config of your set {unknown[0]!r} with --dataset; none is shipped"
        )
    for name, each in found.items():
        facts = pack.run.datasets.get(name)
        theirs = facts.fingerprint if facts else ""
        settled = expected.get(name, each.fingerprint)
        yours = settled if theirs != settled else each.fingerprint
        if theirs != yours:
            raise DatasetError(
                f"{where}: its set {name!r} has fingerprint {theirs[:12]!r}, and yours {yours[:12]!r}: these are "
                "different trials; give the set that it was run on with --dataset"
            )
    return found


def _own_set(reference: str, corpora: Mapping[str, Path] | None) -> OwnSet:
    dataset = load_dataset(reference, corpora=corpora)
    public = public_fingerprint(Path(reference))
    return OwnSet(dataset=dataset, fingerprint=public or dataset.card.fingerprint, sealed=bool(public))


def write_verified(found: Verification, out: Path) -> None:
    """Write the rows that were scored again as a run folder.

    Raises:
        OutputError: the folder holds something, or cannot be written.
    """
    check_empty(out)
    make_folder(out / "rows")
    for place, dataset in enumerate(dict.fromkeys(row.dataset for row in found.rows)):
        write_shard(out / "rows" / f"part-{place:05d}.parquet", [row for row in found.rows if row.dataset == dataset])
    write_record(out, found.record)


def _result(pack: Pack, found: Sequence[RescoredSet], *, sealed: set[str]) -> Verification:
    names = {each.dataset.card.name for each in found}
    compared: list[MetricDifference] = []
    rows: list[ScoreRow] = []
    lacking: dict[tuple[str, str], tuple[str, ...]] = {}
    for each in found:
        name = each.dataset.card.name
        for system, own in each.rows.items():
            rows += own
            if system in each.lacking:
                compared += differences(
                    pack.rows, own, each.plan.infos, system=system, dataset=name, sealed=name in sealed
                )
                lacking[system, name] = _unanswered(pack, each.lacking[system], system, name)
    return Verification(
        team=pack.record.team,
        sha256=pack.sha256,
        compared=tuple(compared),
        without_estimates=tuple(pair for pair in _claimed(pack) if pair[1] in names and pair not in lacking),
        lacking=lacking,
        unknown=tuple(sorted({str(name) for name in pack.rows["dataset"].unique()} - names)),
        metrics=tuple({spec.name: spec for each in found for spec in each.metrics}.values()),
        signatures={each.dataset.card.name: _signatures(each.rows.values()) for each in found},
        rows=tuple(rows),
        record=_verified_record(pack, found),
    )


def _overlaps(pack: Pack, each: RescoredSet) -> dict[str, OverlapRecord]:
    """Overlap of a set with the training data that each system declares, by title."""
    declared = {title: pack.run.systems[title].card.get("training_data") for title in each.lacking}
    found = {
        title: overlap(each.dataset, training_data=tuple(map(str, names)), trained_on=None)
        for title, names in declared.items()
        if isinstance(names, list | tuple) and names
    }
    return {title: OverlapRecord(**asdict(shared)) for title, shared in found.items() if shared}


def _signatures(rows: Iterable[Sequence[ScoreRow]]) -> dict[str, str]:
    return {row.metric: row.signature for own in rows for row in own}


def _claimed(pack: Pack) -> list[tuple[str, str]]:
    """Systems that compete, and the sets that the pack has rows of them for."""
    pairs = pack.rows[["system", "dataset"]].drop_duplicates().itertuples(index=False)
    others = {title for title, facts in pack.run.systems.items() if not facts.competes}
    return sorted((str(system), str(dataset)) for system, dataset in pairs if system not in others)


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
            update={"systems": tuple(each.rows), "overlaps": _overlaps(pack, each)}
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
