"""Abbreviations of the pages in words: kinds of query conditions, and metrics."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from markupsafe import Markup, escape

from ...bench.metrics.protocol import MetricInfo
from ..leaderboard.board import Leaderboard
from ..leaderboard.columns import Column

KINDS: Mapping[str, str] = {
    "FMQ": "fully matched query: it names only sounds that are in the mixture",
    "PMQ": "partially matched query: some of the sounds that it names are not in the mixture",
    "FUQ": "fully unmatched query: none of its sounds is in the mixture, and the right answer is silence",
}
_COUNTS = "active : inactive classes of the query, that is, in the mixture : not in it"


def condition(label: str) -> Markup:
    """A stratum such as "PMQ 1:3" whose abbreviations explain themselves; another label stays as it is."""
    kind, _, counts = label.partition(" ")
    if kind not in KINDS:
        return escape(label)
    shown = Markup('<abbr title="{}">{}</abbr>').format(KINDS[kind], kind)
    return shown + Markup(' <abbr title="{}">{}</abbr>').format(_COUNTS, counts) if counts else shown


def metric_hint(column: Column, metrics: Mapping[str, MetricInfo]) -> str:
    """Explanation of a column: "SNRi: improvement over the unprocessed mixture in SNR, signal-to-noise ratio; ..."."""
    facts = column.facts
    base = next((info for info in metrics.values() if info.improvement == facts.name), None)
    meaning = facts.description
    if base is not None:
        meaning = f"improvement over the unprocessed mixture in {base.title}, {base.description}"
    better = {True: "higher is better", False: "lower is better", None: ""}[facts.higher_is_better]
    return f"{column.title}: {'; '.join(filter(None, (meaning, better)))}"


def metric_hints(board: Leaderboard) -> dict[str, str]:
    """Hints of all columns of a board by key, in the order of the tables."""
    columns = [column for table in board.tables for column in table.columns]
    return {column.key: metric_hint(column, board.metrics) for column in columns}


def kinds_of(labels: Iterable[str]) -> list[tuple[str, str]]:
    """The kinds that labels of strata begin with, each with its meaning."""
    found = dict.fromkeys(label.partition(" ")[0] for label in labels)
    return [(kind, KINDS[kind]) for kind in KINDS if kind in found]
