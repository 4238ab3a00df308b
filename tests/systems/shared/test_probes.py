"""Synthetic queries."""

from __future__ import annotations

import torch
from helpers.contract import RATE_HZ

from tsebench.systems.protocol import SystemCard
from tsebench.systems.shared.probes import make_probe


def test_probes_follow_from_their_id_alone() -> None:
    card = SystemCard(name="b", family="external", description="b")
    first, again = (make_probe(card, name="x", duration_s=0.1, sample_rate_hz=RATE_HZ, seed=3) for _ in range(2))
    assert torch.equal(first.query.mixture, again.query.mixture)
    other = make_probe(card, name="x", duration_s=0.1, sample_rate_hz=RATE_HZ, seed=4)
    assert not torch.equal(first.query.mixture, other.query.mixture)
    assert first.truth.target is not None
    rebuilt = first.truth.target[0] + first.truth.interferers.sum(dim=0)
    torch.testing.assert_close(first.query.mixture[0], rebuilt)
