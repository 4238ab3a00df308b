"""Table 1 of the query-refinement paper: baselines, thresholds, and an oracle besides."""

from __future__ import annotations

from ..paper_table import EMPTY, FMQ, PAPER_TABLES, Claim, Measured, PaperCell, PaperRow, PaperTable, Quoted
from .shared.refinement import FUQ, PAPER, attenuation, degrades, refinement_helps, snri

_THETAS = ("0.00", "0.05", "0.10", "0.15", "0.20")
_STRATA = ((FMQ, "snri"), ("PMQ 1:1", "snri"), ("PMQ 1:3", "snri"), (FUQ, "attenuation"))


def _row(
    name: str, ours: str, published: str, variant: str = "", *, theta: float = 0.0, rule: bool = False
) -> PaperRow:
    cells = [
        PaperCell(
            Measured(system=ours, metric=metric, condition=condition),
            Quoted(system=published, variant=variant, condition=condition, metric=metric),
        )
        for condition, metric in _STRATA
    ]
    score = Measured(system=ours, metric="macro_f1", threshold=theta)
    quoted = Quoted(system=published, variant=variant, metric="macro_f1")
    cells.append(PaperCell(score, quoted) if theta else EMPTY)
    for cost in ("macs_per_s", "params"):
        own = Measured(system=ours, metric=cost, condition="")
        # The two baselines are one network, of which the paper gives the cost once.
        costly = published.replace("baseline2", "baseline1")
        cells.append(PaperCell(own, Quoted(system=costly, metric=cost)))
    return PaperRow(names=(name,), cells=tuple(cells), rule=rule)


def _oracle() -> PaperRow:
    """The paper has it in its figure 3 alone."""
    cells = [
        PaperCell(Measured(system="proposed_oracle", metric=metric, condition=condition))
        for condition, metric in _STRATA
    ]
    return PaperRow(names=("Proposed (oracle)",), cells=(*cells, EMPTY, EMPTY, EMPTY), rule=True)


PAPER_TABLES.register("query_refinement_table1")(
    PaperTable(
        title="Query refinement (Sato et al.), Table 1",
        paper=PAPER,
        table="Table 1",
        stub=("method",),
        columns=(
            "SNRi (1:0) ↑",
            "SNRi (1:1) ↑",
            "SNRi (1:3) ↑",
            "attenuation (0:1) ↓",
            "macro F1 ↑",
            "MACs (G/s)",
            "params (M)",
        ),
        rows=(
            _row("Baseline 1", "baseline1", "qr_baseline1"),
            _row("Baseline 2 (IS)", "baseline2", "qr_baseline2", "inactive samples 10%"),
            *(
                _row(
                    f"Proposed (θ = {theta})",
                    f"proposed_{theta}",
                    "qr_proposed",
                    f"theta={theta}",
                    theta=float(theta),
                    rule=theta == _THETAS[0],
                )
                for theta in _THETAS
            ),
            _oracle(),
        ),
        claims=(
            degrades("baseline1", 3, "baseline 1"),
            degrades("baseline2", 3, "baseline 2"),
            degrades("proposed_0.00", 3, "the proposed network without refinement"),
            refinement_helps(1, "0.10"),
            refinement_helps(3, "0.10"),
            Claim(
                text="refinement (θ = 0.10) beats baseline 1 with 3 inactive classes",
                better=snri("proposed_0.10", "PMQ 1:3"),
                worse=snri("baseline1", "PMQ 1:3"),
            ),
            Claim(
                text="inactive samples in training (baseline 2) silence queries of absent classes",
                better=attenuation("baseline2"),
                worse=attenuation("baseline1"),
            ),
            Claim(
                text="inactive samples in training (baseline 2) cost fully matched queries",
                better=snri("baseline1", FMQ),
                worse=snri("baseline2", FMQ),
            ),
            Claim(
                text="refinement (θ = 0.10) silences queries of absent classes",
                better=attenuation("proposed_0.10"),
                worse=attenuation("proposed_0.00"),
            ),
            Claim(
                text="refinement (θ = 0.10) costs fully matched queries",
                better=snri("proposed_0.00", FMQ),
                worse=snri("proposed_0.10", FMQ),
            ),
        ),
    )
)
