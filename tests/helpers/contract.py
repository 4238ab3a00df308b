"""Queries of the systems' contract tests."""

from __future__ import annotations

from tsebench.datasets.batches import collate
from tsebench.systems.protocol import QueryBatch, SystemCard
from tsebench.systems.shared.probes import make_probe

RATE_HZ = 8000
LENGTHS_S = (0.3, 4.0, 30.0)


def own_batch(card: SystemCard) -> QueryBatch:
    """Two queries of 0.5 and 0.8 s."""
    rate = card.sample_rate_hz or RATE_HZ
    probes = [make_probe(card, name=f"own-{d}", duration_s=d, sample_rate_hz=rate, seed=1) for d in (0.5, 0.8)]
    return collate([probe.query for probe in probes], device="cpu")
