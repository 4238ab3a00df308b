"""Figure 3 of the query-refinement paper as a table; its numbers are not published."""

from __future__ import annotations

from ..paper_table import PAPER_TABLES, Claim, PaperCell, PaperRow, PaperTable
from .shared.refinement import PAPER, degrades, pmq, refinement_helps, snri

_LINES = {
    "Baseline 1": "baseline1",
    "Baseline 2 (IS)": "baseline2",
    "Proposed (θ = 0.00)": "proposed_0.00",
    "Proposed (θ = 0.05)": "proposed_0.05",
    "Proposed (θ = 0.10)": "proposed_0.10",
    "Proposed (oracle)": "proposed_oracle",
}
_COUNTS = (0, 1, 2, 3, 4, 5)

PAPER_TABLES.register("query_refinement_fig3")(
    PaperTable(
        title="Query refinement (Sato et al.), figure 3: SNR improvement in dB by the number of "
        "inactive classes in the query",
        paper=PAPER,
        table="",
        stub=("method",),
        columns=tuple(str(count) for count in _COUNTS),
        rows=tuple(
            PaperRow(names=(name,), cells=tuple(PaperCell(snri(system, pmq(count))) for count in _COUNTS))
            for name, system in _LINES.items()
        ),
        claims=(
            degrades("baseline1", 5, "baseline 1"),
            degrades("baseline2", 5, "baseline 2"),
            degrades("proposed_0.00", 5, "the proposed network without refinement"),
            Claim(
                text="5 inactive classes degrade baseline 1 more than 1 does",
                better=snri("baseline1", pmq(1)),
                worse=snri("baseline1", pmq(5)),
            ),
            refinement_helps(5, "0.05"),
            refinement_helps(5, "0.10"),
            Claim(
                text="an oracle classifier refines better than the network's own (θ = 0.10), "
                "5 inactive classes",
                better=snri("proposed_oracle", pmq(5)),
                worse=snri("proposed_0.10", pmq(5)),
            ),
        ),
    )
)
