"""What a run writes down of its systems and sets before it begins."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..datasets.dataset import Dataset
from ..systems.protocol import AnySystem
from .batching import Item
from .cache import system_identity
from .config import RunConfig
from .cost import Cost, measure_cost
from .record import RunRecord, SystemRecord, dataset_record, new_record
from .set_run import OpenSet


def measure_costs(
    sets: Sequence[OpenSet],
    systems: Mapping[str, AnySystem],
    device: str,
    before: RunRecord | None,
) -> dict[str, Cost]:
    """Costs by title, each measured on the first set that the system runs on.

    What was measured before on the same device stays.
    """
    costs: dict[str, Cost] = {}
    for title, system in systems.items():
        known = before.systems.get(title) if before else None
        if (
            known
            and known.cost
            and (known.identity, known.cost.device)
            == (
                system_identity(system),
                device,
            )
        ):
            costs[title] = known.cost
            continue
        dataset = next((each.dataset for each in sets if title in each.systems), None)
        if dataset is not None:
            video = dataset.trials[0].clue.video is not None
            costs[title] = measure_cost(
                system,
                sample_rate_hz=dataset.card.sample_rate_hz,
                device=device,
                # A video is hard to make up; other clues are, so that sets can be compared.
                example=_item(dataset) if video else None,
            )
    return costs


def _item(dataset: Dataset) -> Item:
    query, truth = dataset[0]
    return Item(index=0, query=query, truth=truth)


def record_of(
    config: RunConfig,
    sets: Sequence[OpenSet],
    systems: Mapping[str, AnySystem],
    costs: Mapping[str, Cost],
    device: str,
) -> RunRecord:
    """The record of a run on these sets."""
    return new_record(
        name=config.name,
        config=config,
        systems={
            title: SystemRecord(
                privileged=system.card.privileged,
                family=system.card.family,
                card=system.card,
                identity=system_identity(system),
                resampled_from_hz=_resampled_from_hz(title, system, sets),
                cost=costs.get(title),
            )
            for title, system in systems.items()
        },
        datasets={
            s.dataset.card.name: dataset_record(
                s.dataset,
                systems={title: systems[title].card for title in s.systems},
                skipped=s.skipped,
                role=s.role,
            )
            for s in sets
        },
        device=device,
        seed=config.seed,
    )


def _resampled_from_hz(title: str, system: AnySystem, sets: Sequence[OpenSet]) -> tuple[int, ...]:
    """Rates of the sets that a system runs on, other than its own."""
    own = system.card.sample_rate_hz
    rates = {each.dataset.card.sample_rate_hz for each in sets if title in each.systems}
    return () if own is None else tuple(sorted(rates - {own}))
