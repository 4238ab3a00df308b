"""Figures plot the values of the rows, also with awkward names."""

from __future__ import annotations

import math
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from helpers.runs import rows_of
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from tsebench.bench.rows import read_rows, write_shard
from tsebench.bench.run.record import RunFacts
from tsebench.bench.run.system_facts import CostFacts, SystemFacts
from tsebench.bench.score_row import ScoreRow
from tsebench.core.errors import ConfigError, UnknownNameError
from tsebench.reports.figures.cost import pareto
from tsebench.reports.figures.registry import FIGURES, LeftOut, Plot
from tsebench.reports.figures.shared.columns import LONE
from tsebench.reports.figures.shared.scales import limits, scale_of, with_prefix
from tsebench.reports.figures.shared.style import looks, plain, rendered, settle, styled, wrap
from tsebench.reports.formats.figures import write_figures
from tsebench.reports.formats.registry import load_report
from tsebench.reports.leaderboard.assemble import rank_rows as leaderboard
from tsebench.reports.leaderboard.board import Leaderboard

STRATA = (("FMQ", 1, 0), ("PMQ", 1, 1), ("PMQ", 1, 2), ("FUQ", 0, 1))
CLASSES = ("bell", "dog")
# Gains over the mixture in dB, less for each inactive class: known to the last digit.
GAINS = {"mixture": (0.0, 0.0), "net_a": (8.0, 2.0), "net_b": (7.0, 1.0), "oracle": (12.0, 0.0)}
EVIL = r"a_$very$_long <name> & 中 of \a{system} with_options(theta=0.25,window=16)"
N = 12
ONE_BELL = (("bell", -2.0), ("dog", 2.0), ("dog", 2.0))


def facts(name: str, **options: object) -> SystemFacts:
    return SystemFacts(family="discriminative", card={"name": name, "options": options})


def run_facts() -> RunFacts:
    costly = {"params": 4_000_000, "rtf": 0.2, "rtf_low": 0.15, "rtf_high": 0.3}
    cheap = {"params": 500_000, "rtf": 0.01}
    return RunFacts(
        run_id="r",
        name="run",
        systems={
            "mixture": SystemFacts(family="baseline", cost=CostFacts(params=0, rtf=1e-6)),
            "oracle": SystemFacts(family="oracle", privileged=True),
            "net_a": facts("net", theta=0.5, zize=1).model_copy(update={"cost": CostFacts(**costly)}),
            "net_b": facts("net", theta=0.9, zize=2).model_copy(update={"cost": CostFacts(**cheap)}),
            EVIL: facts("other"),
        },
    )


def value_of(system: str, trial: int, n_inactive: int, *, absent: bool) -> float:
    start, slope = GAINS.get(system, (1.0, 0.0))
    value = -2.0 * start if absent else start - slope * n_inactive
    # Twins around the mean leave it where it is.
    return value + (0.0 if system == "mixture" else 0.5 * (-1.0) ** trial)


def rows_for(systems: tuple[str, ...]) -> list[ScoreRow]:
    rows = []
    for kind, n_active, n_inactive in STRATA:
        for system in systems:
            values = [value_of(system, trial, n_inactive, absent=n_active == 0) for trial in range(N)]
            for metric in ("attenuation",) if n_active == 0 else ("snri", "stoii"):
                shown = [0.01 * value if metric == "stoii" else value for value in values]
                if system == EVIL and metric == "snri":
                    shown[0] = math.nan
                rows += rows_of(
                    shown,
                    system,
                    trial_id=[f"{kind}{n_inactive}-{trial}" for trial in range(N)],
                    mixture_id=[f"m{trial}" for trial in range(N)],
                    cluster=[f"m{trial}" for trial in range(N)],
                    condition=kind,
                    n_active=n_active,
                    n_inactive=n_inactive,
                    metric=metric,
                    signature=f"{metric}|f64",
                    reason=["broken" if math.isnan(value) else "" for value in shown],
                    tags=[
                        {"input_snr_db": -2.5 if t < N // 2 else 2.5, "class": CLASSES[t // 2 % 2]} for t in range(N)
                    ],
                )
    return rows


@pytest.fixture(scope="module")
def board(tmp_path_factory: pytest.TempPathFactory) -> Leaderboard:
    folder = tmp_path_factory.mktemp("run")
    write_shard(folder / "rows" / "part-0.parquet", rows_for((*GAINS, EVIL)))
    return leaderboard(read_rows(folder), runs=[run_facts()], resamples=50)


@pytest.fixture(scope="module")
def levels(tmp_path_factory: pytest.TempPathFactory) -> Leaderboard:
    """Levels of outputs with and without a target, which the other board lacks."""
    folder = tmp_path_factory.mktemp("levels")
    rows = []
    for kind, n_active, n_inactive, level in (("FMQ", 1, 0, -5.0), ("FUQ", 0, 1, -20.0)):
        for system in (*GAINS, EVIL):
            rows += rows_of(
                [level + 2.0 * (trial % 12) for trial in range(N)],
                system,
                trial_id=[f"{kind}{n_inactive}-{trial}" for trial in range(N)],
                mixture_id=[f"m{trial}" for trial in range(N)],
                cluster=[f"m{trial}" for trial in range(N)],
                condition=kind,
                n_active=n_active,
                n_inactive=n_inactive,
                metric="output_level",
                signature="output_level|f64",
            )
    write_shard(folder / "rows" / "part-0.parquet", rows)
    return leaderboard(read_rows(folder), runs=[run_facts()], resamples=50)


@pytest.fixture(scope="module")
def made(board: Leaderboard, levels: Leaderboard) -> dict[str, list[Plot | LeftOut]]:
    return {name: list(FIGURES.get(name)(levels if name == "detection" else board)) for name in FIGURES}


@pytest.fixture(scope="module")
def drawn(made: dict[str, list[Plot | LeftOut]]) -> Callable[[str, str], tuple[Plot, Figure]]:
    def draw(name: str, part: str) -> tuple[Plot, Figure]:
        plot = next(p for p in made[name] if isinstance(p, Plot) and part in p.name)
        with styled():
            fig = plot.draw()
            settle(fig)
        return plot, fig

    return draw


def mean_of(board: Leaderboard, system: str, condition: str) -> float:
    rows = board.rows
    here = (rows["system"] == system) & (rows["condition"] == condition)
    ok = (rows["status"] == "ok") & rows["metric"].isin(["snri", "attenuation"])
    return float(rows.loc[here & ok, "value"].mean())


def test_lines_over_inactive_classes(board: Leaderboard, drawn: Callable[..., object]) -> None:
    plot, fig = drawn("n_inactive", "set")  # type: ignore[misc]
    own = plot.data[plot.data["system"] == "net_a"]
    assert own["place"].tolist() == [0, 1, 2]
    assert own["mean"].tolist() == pytest.approx([8.0, 6.0, 4.0])
    for line in plot.data.itertuples():
        assert line.mean == pytest.approx(mean_of(board, line.system, line.condition))
    (axes,) = fig.axes
    heights = {tuple(np.round(np.asarray(line.get_ydata(), float), 9)) for line in axes.lines}
    assert (8.0, 6.0, 4.0) in heights
    assert (7.0, 6.0, 5.0) in heights
    assert axes.get_ylabel() == "SNRi [dB]"
    assert [text.get_text() for text in axes.get_xticklabels()] == ["0", "1", "2"]
    oracle = next(c.lines[0] for c in axes.containers if c.get_label() == "oracle")
    assert oracle.get_linestyle() == "--"
    assert "broken" not in plot.caption
    assert "in PMQ 1:1: n=11, 1 failed" in plot.caption


def test_bins_of_input_snr(board: Leaderboard, drawn: Callable[..., object]) -> None:
    plot, fig = drawn("input_snr", "PMQ 1:1")  # type: ignore[misc]
    own = plot.data[plot.data["system"] == "net_a"]
    assert own["bin"].tolist() == ["-5..0", "0..5"]
    assert own["mean"].tolist() == pytest.approx([6.0, 6.0])
    assert own["n"].tolist() == [N // 2, N // 2]
    assert fig.axes[0].get_xlabel() == "input SNR [dB]"
    assert f"−5 to 0 dB: {N // 2}" in plot.caption


def test_bars_for_each_class(board: Leaderboard, drawn: Callable[..., object]) -> None:
    plot, fig = drawn("class_bars", "PMQ 1:1")  # type: ignore[misc]
    means = {(p[0], p[1]): p[2] for p in plot.data[["class", "system", "mean"]].to_numpy()}
    expected = {
        (name, system): start - slope
        for name in CLASSES
        for system, (start, slope) in {**GAINS, EVIL: (1.0, 0.0)}.items()
    }
    # Of the bells, trial 0 is lost, half a decibel over the mean: six less one.
    assert means == pytest.approx({**expected, ("bell", EVIL): 0.9})
    heights = sorted(bar.get_height() for bar in fig.axes[0].patches)
    assert heights == pytest.approx(sorted(means.values()))
    assert plot.data[plot.data["n_failed"] > 0]["class"].tolist() == ["bell"]
    assert "bell 6, dog 6" in plot.caption
    names = [text.get_text() for text in fig.axes[0].get_xticklabels()]
    assert names == ["bell", "dog"]


def test_boxes_and_violins_hold_every_trial(drawn: Callable[..., object]) -> None:
    for name in ("box", "violin"):
        plot, fig = drawn(name, "PMQ 1:1")  # type: ignore[misc]
        counts = plot.data["system"].value_counts().to_dict()
        assert counts == {**dict.fromkeys(GAINS, N), EVIL: N - 1}
        labels = [text.get_text().replace("\n", "") for text in fig.axes[0].get_yticklabels()]
        assert labels[0] == "oracle"  # as the table is sorted
        assert len(labels) == len(GAINS) + 1
        assert fig.axes[0].get_xlabel() == "SNRi [dB]"


def test_box_is_between_the_quartiles(drawn: Callable[..., object]) -> None:
    plot, fig = drawn("box", "PMQ 1:2")  # type: ignore[misc]
    own = plot.data[plot.data["system"] == "net_a"]["value"]
    low, high = np.quantile(own, [0.25, 0.75])
    spans = [(p.get_path().vertices[:, 0].min(), p.get_path().vertices[:, 0].max()) for p in fig.axes[0].patches]
    assert (pytest.approx(low), pytest.approx(high)) in spans


def test_the_share_of_trials_below(drawn: Callable[..., object]) -> None:
    plot, fig = drawn("attenuation", "attenuation")  # type: ignore[misc]
    assert set(plot.data["system"]) == {*GAINS, EVIL}
    lines = [line for line in fig.axes[0].lines if len(line.get_xdata()) == N + 2]
    assert len(lines) == len(GAINS) + 1
    for line in lines:
        assert line.get_ydata()[-2] == 100.0
        assert sorted(line.get_xdata()[1:-1]) == list(line.get_xdata()[1:-1])


def test_cost_and_its_front(drawn: Callable[..., object]) -> None:
    plot, fig = drawn("cost", "PMQ 1:1_rtf")  # type: ignore[misc]
    placed = plot.data.dropna(subset=["x"]).set_index("system")
    assert placed["x"].to_dict() == {"net_a": 0.2, "net_b": 0.01}
    assert placed["mean"].to_dict() == pytest.approx({"net_a": 6.0, "net_b": 6.0})
    assert plot.data.set_index("system")["level"].to_dict()["mixture"]
    assert f"Without a value of real-time factor: {EVIL}." in plot.caption
    ticks = [text.get_text() for text in fig.axes[0].get_xticklabels()]
    assert len(ticks) >= 2
    (legend,) = fig.legends
    assert [text.get_text() for text in legend.get_texts()].count("Pareto front") == 1
    assert "Pareto front" in plot.caption
    # The spread of the timed passes: one level whisker, of the system that was timed more than once.
    assert placed.loc["net_a", ["x_low", "x_high"]].tolist() == [0.15, 0.3]
    spans = [segment for lines in fig.axes[0].collections for segment in lines.get_segments()]
    level = [s[:, 0].tolist() for s in spans if s[0, 1] == s[1, 1] and s[0, 0] != s[1, 0]]
    assert level == [pytest.approx([0.15, 0.3])]
    assert "timed passes" in plot.caption


def test_means_of_a_single_mixture_are_told_apart(tmp_path: Path) -> None:
    """Rings at points and white bars, with a line in the legend; no whisker that looks like an interval of zero."""
    rows = [
        *rows_of([1.0, 2.0, 3.0], "net_a", tags=[{"class": c, "input_snr_db": s} for c, s in ONE_BELL]),
        *rows_of([2.0, 2.5, 2.0], "net_b", tags=[{"class": c, "input_snr_db": s} for c, s in ONE_BELL]),
    ]
    rows = [replace(row, mixture_id=row.trial_id, cluster=row.trial_id) for row in rows]
    write_shard(tmp_path / "rows" / "part-0.parquet", rows)
    board = leaderboard(read_rows(tmp_path), runs=[run_facts()], resamples=50)
    for name in ("class_bars", "input_snr"):
        (plot,) = FIGURES.get(name)(board)
        assert isinstance(plot, Plot)
        with styled():
            fig = plot.draw()
        (legend,) = fig.legends
        assert [text.get_text().replace("\n", " ") for text in legend.get_texts()][-1] == LONE
        assert LONE in plot.caption
        axes = fig.axes[0]
        if name == "class_bars":
            white = [bar for bar in axes.patches if bar.get_facecolor()[:3] == (1.0, 1.0, 1.0)]
            assert sorted(bar.get_height() for bar in white) == [1.0, 2.0]
        else:
            rings = [line for line in axes.lines if line.get_markersize() == 8]
            assert sorted(line.get_ydata().tolist() for line in rings) == [[1.0], [2.0]]
        segments = [s for lines in axes.collections for s in lines.get_segments() if len(s)]
        assert all(np.isnan(s).any() or s[0, 1] < s[1, 1] for s in segments)


def test_labels_of_axes_are_centred_on_them(made: dict[str, list[Plot | LeftOut]]) -> None:
    for name, all_found in made.items():
        plot = next((found for found in all_found if isinstance(found, Plot)), None)
        if plot is None:
            continue
        with styled():
            fig = plot.draw()
            settle(fig)
            renderer = FigureCanvasAgg(fig).get_renderer()
        assert fig._supylabel is None
        for axes in fig.axes:
            box = axes.get_window_extent(renderer)
            x, y = (label.get_window_extent(renderer) for label in (axes.xaxis.label, axes.yaxis.label))
            if axes.get_xlabel():
                assert (x.x0 + x.x1) / 2 == pytest.approx((box.x0 + box.x1) / 2, abs=2.0), name
            if axes.get_ylabel():
                assert (y.y0 + y.y1) / 2 == pytest.approx((box.y0 + box.y1) / 2, abs=2.0), name


def test_pareto() -> None:
    data = pd.DataFrame({"system": list("abcde"), "x": [1, 2, 3, 4, 1], "mean": [1.0, 3.0, 2.0, 4.0, 0.5]})
    assert pareto(data, higher_is_better=True)["system"].tolist() == ["a", "b", "d"]
    assert pareto(data, higher_is_better=False)["system"].tolist() == ["e"]


def test_metric_against_metric(drawn: Callable[..., object]) -> None:
    plot, _ = drawn("metric_pairs", "PMQ 1:1_stoii_systems")  # type: ignore[misc]
    own = plot.data.set_index("system").loc["net_a"]
    assert (own["mean_x"], own["mean_y"]) == pytest.approx((0.06, 6.0))
    plot, fig = drawn("metric_pairs", "PMQ 1:1_stoii_trials")  # type: ignore[misc]
    assert len(plot.data) == N * (len(GAINS) + 1) - 1  # the failed trial has one value alone
    assert plot.data["value_x"].to_numpy() == pytest.approx(0.01 * plot.data["value_y"].to_numpy())
    assert (fig.axes[0].get_xlabel(), fig.axes[0].get_ylabel()) == ("STOIi", "SNRi [dB]")


def test_heatmap_over_an_option_and_the_inactive_classes(drawn: Callable[..., object]) -> None:
    plot, fig = drawn("heatmap", "_n_inactive")  # type: ignore[misc]
    found = {(p.n_inactive, p.theta): p.mean for p in plot.data.itertuples()}
    expected = {(n, 0.5): 8.0 - 2 * n for n in range(3)} | {(n, 0.9): 7.0 - n for n in range(3)}
    assert found == pytest.approx(expected)
    texts = [text.get_text() for text in fig.axes[0].texts]
    assert texts == ["8.00", "6.00", "4.00", "7.00", "6.00", "5.00"]
    array = np.asarray(fig.axes[0].collections[0].get_array()).ravel()
    assert array.tolist() == pytest.approx([8.0, 6.0, 4.0, 7.0, 6.0, 5.0])


def options_board(board: Leaderboard, options: dict[str, dict[str, object]]) -> Leaderboard:
    """The board with other options: `net_a`, `net_b` and a third are one system."""
    tables = tuple(
        replace(
            table,
            entries=tuple(
                replace(entry, facts=facts("net", **options[entry.system]))
                for entry in table.entries
                if entry.system in options
            ),
        )
        for table in board.tables
    )
    return replace(board, tables=tables)


def test_heatmap_of_two_options_that_are_crossed(board: Leaderboard) -> None:
    crossed = {"net_a": {"theta": 0.5, "size": 1}, "net_b": {"theta": 0.9, "size": 1}, EVIL: {"theta": 0.5, "size": 2}}
    plots = [p for p in FIGURES.get("heatmap")(options_board(board, crossed)) if "_size_" in p.name]
    plot = next(p for p in plots if isinstance(p, Plot) and "PMQ 1:1" in p.name)
    found = {(p.size, p.theta): p.mean for p in plot.data.itertuples()}
    assert found[1, 0.5] == found[1, 0.9] == pytest.approx(6.0)
    assert (2, 0.9) not in found
    with styled():
        fig = plot.draw()
    array = np.ma.asarray(fig.axes[0].collections[0].get_array()).reshape(2, 2)
    assert array.mask.tolist() == [[False, False], [False, True]]  # theta upwards, size to the right


def test_systems_of_a_heatmap_agree_in_all_else(board: Leaderboard) -> None:
    """`net_b` has another mask: it does not belong into the sweep of theta."""
    three = {
        "net_a": {"theta": 0.5, "mask": "x"},
        EVIL: {"theta": 0.7, "mask": "x"},
        "net_b": {"theta": 0.0, "mask": "y"},
    }
    made = FIGURES.get("heatmap")(options_board(board, three))
    (plot,) = [found for found in made if isinstance(found, Plot)]
    assert set(plot.data["system"]) == {"net_a", EVIL}
    assert "; mask = x. Hatched" in plot.caption


def test_heatmap_says_where_options_vary_together(board: Leaderboard) -> None:
    together = {"net_a": {"kind": "a", "mask": "x"}, "net_b": {"kind": "b", "mask": "y"}}
    found = list(FIGURES.get("heatmap")(options_board(board, together)))
    assert [(p.name, p.reason) for p in found if isinstance(p, LeftOut)] == [
        (f"set_net_{metric}", "its options vary together, or more of them than two at once")
        for metric in ("snri", "attenuation")
    ]
    assert len(found) == 2


@pytest.mark.parametrize("name", sorted({*FIGURES.names()} - {"steps", "sweep"}))  # these: tests/reports/tables
def test_every_figure_is_made_or_says_why_not(name: str, made: dict[str, list[Plot | LeftOut]]) -> None:
    assert any(isinstance(found, Plot) for found in made[name])
    for found in made[name]:
        if isinstance(found, Plot):
            assert len(found.data)
            assert found.caption.count("set") > 0
        else:
            assert found.reason


@pytest.mark.parametrize("name", FIGURES.names())
def test_without_rows_nothing_breaks(name: str) -> None:
    for found in FIGURES.get(name)(Leaderboard(tables=(), issues=())):
        assert isinstance(found, LeftOut)


def test_files_are_the_same_twice_and_hold_no_date(board: Leaderboard, tmp_path: Path) -> None:
    written = [write_figures(board, tmp_path / name, only=("n_inactive", "heatmap")) for name in "ab"]
    assert {path.suffix for path in written[0]} == {".md", ".csv", ".pdf", ".svg", ".png"}
    for first, second in zip(*written, strict=True):
        assert first.read_bytes() == second.read_bytes(), first.name
        assert b"CreationDate" not in first.read_bytes()
        assert b"dc:date" not in first.read_bytes()


def test_captions_and_what_was_left_out(board: Leaderboard, tmp_path: Path) -> None:
    index, *_ = write_figures(board, tmp_path, only=("metric_pairs",), files=("svg",))
    text = index.read_text()
    assert "metric_pairs, set\\_FUQ 0:1: no second metric" in text
    assert "<name>" not in text
    assert "![" not in text  # no PNG was asked for


def test_settings(board: Leaderboard, tmp_path: Path) -> None:
    paths = load_report("figures", {"only": ["cost"], "files": ["png"]})(board, tmp_path)
    assert {path.suffix for path in paths} == {".md", ".csv", ".png"}
    with pytest.raises(UnknownNameError, match="unknown figure 'boxes'; did you mean 'box'"):
        load_report("figures", {"only": ["boxes"]})(board, tmp_path)
    with pytest.raises(ConfigError, match="files"):
        load_report("figures", {"files": ["gif"]})


def test_an_evil_name_is_shown_as_it_is() -> None:
    shown = plain(EVIL)
    assert "[U+4E2D]" in shown
    assert "$very$" in shown
    with styled():
        fig = Figure(figsize=(6, 1))
        fig.text(0.1, 0.5, shown)
        assert len(rendered(fig, "png")) > 1000


def test_the_users_own_style_does_not_count() -> None:
    with mpl.rc_context({"font.size": 40}), styled():
        assert mpl.rcParams["font.size"] == 7


def test_nothing_lies_outside_of_the_figure(made: dict[str, list[Plot | LeftOut]]) -> None:
    """Every text is within the canvas, and no two tick labels of an axis lie over each other."""
    for name, all_found in made.items():
        for found in all_found[:2]:
            if isinstance(found, LeftOut):
                continue
            with styled():
                fig = found.draw()
                settle(fig)
                renderer = FigureCanvasAgg(fig).get_renderer()
                canvas = fig.bbox.padded(2.0)
                box = fig.get_tightbbox(renderer).transformed(fig.dpi_scale_trans)
            assert canvas.contains(box.x0, box.y0), (name, found.name)
            assert canvas.contains(box.x1, box.y1), (name, found.name)
            for axes in fig.axes:
                for axis in (axes.xaxis, axes.yaxis):
                    boxes = [t.get_window_extent(renderer) for t in axis.get_ticklabels()]
                    boxes = [b for b in boxes if b.width * b.height > 0]
                    for i, one in enumerate(boxes):
                        assert not one.count_overlaps(boxes[i + 1 :]), (name, found.name)


@pytest.mark.parametrize(
    ("values", "zero", "expected"),
    [
        ([0.0, 10.0], False, (-0.6, 10.6)),
        ([0.0, 10.0], True, (0.0, 10.6)),
        ([5.0], False, (4.5, 5.5)),
        ([0.0], True, (-1.0, 1.0)),
    ],
)
def test_limits(values: list[float], zero: bool, expected: tuple[float, float]) -> None:
    assert limits(values, zero=zero) == pytest.approx(expected)


def test_what_would_squash_the_others_is_off_the_scale(board: Leaderboard) -> None:
    styles = looks(board)
    data = pd.DataFrame(
        {
            "system": ["net_a", "net_b", "oracle", "mixture"],
            "mean": [5.0, 4.0, 110.0, -30.0],
            "ci_low": [4.0, math.nan, 100.0, -30.0],
            "ci_high": [6.0, math.nan, 120.0, -30.0],
            "n": [9, 9, 9, 9],
            "n_floored": [0, 0, 0, 9],
        }
    )
    scale = scale_of(data, styles, unit="dB")
    assert (scale.low, scale.high) == pytest.approx((3.88, 6.12))
    assert scale.off == {"oracle": "110.00", "mixture": "−30.00"}
    assert scale.label("oracle", styles["oracle"]) == "oracle (off scale: 110.00)"
    assert scale.label("net_a", styles["net_a"]) == "net_a"


def test_looks_differ(board: Leaderboard) -> None:
    found = looks(board)
    assert len({(look.colour, look.marker, look.dash) for look in found.values()}) == len(found)
    assert found["oracle"].privileged


@pytest.mark.parametrize(("value", "text"), [(760_000.0, "760 k"), (2e6, "2 M"), (0.02, "0.02"), (5e9, "5 G")])
def test_ticks_with_prefix(value: float, text: str) -> None:
    assert with_prefix(value) == text


def test_long_names_are_broken_and_lose_no_letter() -> None:
    name = "gate_2_with_a_rather_long_name_and_options_theta_0.25"
    lines = wrap(name, 19).split("\n")
    assert all(len(line) <= 19 for line in lines)
    assert "".join(lines) == name
    assert "".join(wrap("x" * 50, 19).split("\n")) == "x" * 50


def test_matplotlib_is_imported_only_to_draw() -> None:
    code = (
        "import sys, tsebench.cli.main, tsebench.reports.formats.figures, tsebench.reports.formats.registry;"
        "from tsebench.reports.figures.registry import FIGURES; FIGURES.names();"
        "sys.exit('matplotlib' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_heatmap_of_a_network_for_each_place(board: Leaderboard) -> None:
    """Options of the training are crossed, and so each place has weights of its own."""
    places = {"net_a": (0.0, 0.0), "net_b": (0.2, 0.0), EVIL: (0.0, 0.2)}
    cards = {
        name: {"name": "net", "sha256": f"{n}" * 64, "options": {"mute_on": on, "mute_off": off}}
        for n, (name, (on, off)) in enumerate(places.items())
    }
    tables = tuple(
        replace(
            table,
            entries=tuple(
                replace(entry, facts=SystemFacts(card=cards[entry.system]))
                for entry in table.entries
                if entry.system in cards
            ),
        )
        for table in board.tables
    )
    plots = [p for p in FIGURES.get("heatmap")(replace(board, tables=tables)) if isinstance(p, Plot)]
    plot = next(p for p in plots if p.name.endswith("_mute_off_mute_on") and "PMQ 1:1" in p.name)
    found = {(p.mute_on, p.mute_off): p.mean for p in plot.data.itertuples()}
    assert found.keys() == set(places.values())
    assert found[0.0, 0.0] == pytest.approx(6.0)
    assert not any("weights" in p.name for p in plots)
