"""What the tables and figures of the query-refinement paper share: numbers by system."""

from __future__ import annotations

from ...paper_table import FMQ, Claim, Measured

PAPER = "query_refinement"
FUQ = "FUQ 0:1"


def pmq(n_inactive: int) -> str:
    """Label of one active and n inactive classes."""
    return FMQ if n_inactive == 0 else f"PMQ 1:{n_inactive}"


def snri(system: str, condition: str) -> Measured:
    """SNR improvement of a system."""
    return Measured(system=system, metric="snri", condition=condition)


def attenuation(system: str) -> Measured:
    """Attenuation of a system on queries of nothing that is there."""
    return Measured(system=system, metric="attenuation", condition=FUQ)


def degrades(system: str, n_inactive: int, name: str) -> Claim:
    """Partially matched queries are harder than fully matched ones."""
    return Claim(
        text=f"{name} suffers from {_inactive(n_inactive)} in the query",
        better=snri(system, FMQ),
        worse=snri(system, pmq(n_inactive)),
    )


def refinement_helps(n_inactive: int, theta: str) -> Claim:
    """Refined queries are better than unrefined ones."""
    return Claim(
        text=f"refinement (θ = {theta}) helps queries with {_inactive(n_inactive)}",
        better=snri(f"proposed_{theta}", pmq(n_inactive)),
        worse=snri("proposed_0.00", pmq(n_inactive)),
    )


def _inactive(count: int) -> str:
    return f"{count} inactive class{'es' if count > 1 else ''}"
