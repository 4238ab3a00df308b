"""Target speech extraction against separation followed by speaker verification.

The tutorial sets the one against the other without numbers of one set; beside TD-SpeakerBeam stand
those that ESPnet gives for it.
"""

from __future__ import annotations

from ..paper_table import PAPER_TABLES, Claim, Measured, PaperCell, PaperRow, PaperTable, Quoted

_METRICS = ("sdri", "si_sdri", "wrong_target_rate", "sdr", "si_sdr")


def _row(name: str, system: str, published: str) -> PaperRow:
    cells = tuple(
        PaperCell(
            Measured(system=system, metric=metric),
            Quoted(system=published, metric=metric) if published else None,
        )
        for metric in _METRICS
    )
    return PaperRow(names=(name,), cells=cells)


def _claim(text: str, metric: str) -> Claim:
    return Claim(
        text=text,
        better=Measured(system="td_speakerbeam", metric=metric),
        worse=Measured(system="separate_then_identify", metric=metric),
    )


PAPER_TABLES.register("tse_vs_cascade")(
    PaperTable(
        title="Target speech extraction against the cascade of separation and identification "
        "(Zmolikova et al., 2023)",
        paper="literature",
        table="ESPnet",
        stub=("system",),
        columns=("SDRi dB ↑", "SI-SDRi dB ↑", "wrong target % ↓", "SDR dB ↑", "SI-SDR dB ↑"),
        rows=(
            _row("TD-SpeakerBeam", "td_speakerbeam", "td_speakerbeam"),
            _row("separation + identification", "separate_then_identify", ""),
        ),
        claims=(
            _claim("extraction beats the cascade, SI-SDR improvement", "si_sdri"),
            _claim("extraction beats the cascade, SDR improvement", "sdri"),
            _claim("extraction takes the wrong speaker less often", "wrong_target_rate"),
        ),
    )
)
