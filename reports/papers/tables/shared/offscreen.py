"""What the tables of the on/off-screen paper share."""

from __future__ import annotations

from ...paper_table import Measured, PaperCell, Quoted

PAPER = "av_offscreen"
METRICS = ("si_sdri", "sdri")


def cells(ours: str, published: str, variant: str, scenario: str) -> list[PaperCell]:
    """SI-SDR and SDR improvement in one scenario, which is the role of the dataset."""
    return [
        PaperCell(
            Measured(system=ours, metric=metric, role=scenario),
            Quoted(system=published, variant=variant, condition=scenario, metric=metric),
        )
        for metric in METRICS
    ]
