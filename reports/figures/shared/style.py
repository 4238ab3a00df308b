"""One style for all figures, sized for a paper's column and readable in colour, in grey and in print.

Colours are those of Okabe and Ito (2008), without the yellow, which is too light on white paper, and two more. A system
has one colour, marker, dash and hatch in all figures of a report; oracles are dark and dashed, baselines grey and
dotted.
"""

from __future__ import annotations

import io
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

from ...leaderboard.board import Leaderboard

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLUMN_IN, PAGE_IN = 3.5, 7.16  # of a two-column paper
CHARACTER_IN = 0.062  # mean width of a letter at 7 pt
_LINE_IN, _ENTRY_IN = 0.12, 0.035  # height of a line of a legend, and of the space between entries
# Letters of a line of a name in a legend: with many systems, two columns fit in the width.
_FEW, _FEW_NAME, _MANY_NAME = 4, 40, 19
_DPI = 300
_RC: Mapping[Any, Any] = {
    **dict.fromkeys(("axes.axisbelow", "axes.grid", "axes.unicode_minus", "figure.constrained_layout.use"), True),
    **dict.fromkeys(("axes.spines.right", "axes.spines.top", "legend.frameon"), False),
    **dict.fromkeys(("axes.labelsize", "axes.titlesize"), 8),
    **dict.fromkeys(("font.size", "legend.fontsize", "xtick.labelsize", "ytick.labelsize"), 7),
    **dict.fromkeys(("figure.constrained_layout.h_pad", "figure.constrained_layout.w_pad"), 0.02),
    "axes.linewidth": 0.6,
    "figure.dpi": _DPI,
    "font.family": "DejaVu Sans",
    "grid.color": "#DDDDDD",
    "grid.linewidth": 0.4,
    "hatch.linewidth": 0.5,
    "legend.handlelength": 2.4,
    "lines.linewidth": 1.1,
    "lines.markersize": 4,
    "pdf.fonttype": 42,
    "svg.hashsalt": "tsebench",
    "text.parse_math": False,  # names may contain $
}


class _Styles(NamedTuple):
    """Styles of one kind of systems, used in turn."""

    colours: tuple[str, ...]
    markers: tuple[str, ...]
    dashes: tuple[Any, ...]
    hatches: tuple[str, ...]


_SYSTEMS = _Styles(
    colours=("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#7A4B9E", "#5C3A21"),
    markers=("o", "s", "^", "D", "v", "P", "X", "<", ">", "h", "H", "."),
    dashes=("-", (0, (5, 1)), (0, (3, 1, 1, 1))),
    hatches=("", "///", "...", "xx", "\\\\\\", "+++", "ooo", "--", "**", "||", "//..", "\\\\.."),
)
_ORACLES = _Styles(
    colours=("#000000", "#3B4A5A", "#4A1F00", "#003D2B", "#3F1F4F", "#5A5A5A"),
    markers=("*", "d", "8", "p"),
    dashes=((0, (4, 2)), (0, (4, 1, 1, 1)), (0, (6, 3)), (0, (2, 2))),
    hatches=("////", "\\\\\\\\", "xxxx", "...."),
)
_BASELINES = _Styles(
    colours=("#777777", "#999999", "#555555", "#AAAAAA"),
    markers=("x", "+", "1", "2"),
    dashes=((0, (1, 1)), (0, (1, 2)), (0, (1, 3)), (0, (2, 1, 1, 1))),
    hatches=_ORACLES.hatches,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """Style of one system in every figure of a report."""

    label: str
    colour: str
    marker: str
    dash: Any
    hatch: str
    privileged: bool


@contextmanager
def styled() -> Iterator[None]:
    """Draw and save within this style; the user's own settings of matplotlib are ignored."""
    import matplotlib as mpl  # noqa: PLC0415 - takes most of a second to import

    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(dict(_RC))
        yield


def looks(board: Leaderboard) -> dict[str, Look]:
    """Look of each system of a board, by name."""
    places = dict.fromkeys((_SYSTEMS, _ORACLES, _BASELINES), 0)
    found = {}
    for name, facts in board.system_facts.items():
        kind = _ORACLES if facts.privileged else _BASELINES if facts.family == "baseline" else _SYSTEMS
        place = places[kind]
        places[kind] += 1
        # Systems change their dash only when all colours are used.
        dash = place // len(kind.colours) if kind is _SYSTEMS else place
        found[name] = Look(
            label=plain(name),
            colour=kind.colours[place % len(kind.colours)],
            marker=kind.markers[place % len(kind.markers)],
            dash=kind.dashes[dash % len(kind.dashes)],
            hatch=kind.hatches[place % len(kind.hatches)],
            privileged=facts.privileged,
        )
    return found


def figure(*, width_in: float = COLUMN_IN, height_in: float = 2.3) -> Figure:
    """An empty figure; its canvas needs no display."""
    from matplotlib.figure import Figure  # noqa: PLC0415

    return Figure(figsize=(width_in, height_in))


def one_axes(*, width_in: float = COLUMN_IN, height_in: float = 2.3) -> tuple[Figure, Axes]:
    """A figure with one pair of axes."""
    fig = figure(width_in=width_in, height_in=height_in)
    return fig, fig.subplots()


def legend_below(fig: Figure, handles: Sequence[Any], names: Sequence[str]) -> None:
    """A legend under the axes, in as many columns as fit; the figure grows by its height."""
    if not handles:
        return
    wrapped = [wrap(name, _FEW_NAME if len(names) <= _FEW else _MANY_NAME) for name in names]
    longest = max(len(line) for name in wrapped for line in name.split("\n"))
    entry_in = CHARACTER_IN * longest + 0.42
    width_in, height_in = fig.get_size_inches()
    columns = max(1, min(len(names), int((width_in - 0.1) / entry_in)))
    # Columns are filled from the left, the first ones with one more.
    tall_in = [_LINE_IN * (name.count("\n") + 1) + _ENTRY_IN for name in wrapped]
    share, more = divmod(len(names), columns)
    starts = [place * share + min(place, more) for place in range(columns + 1)]
    highest_in = max(sum(tall_in[a:b]) for a, b in pairwise(starts))
    fig.set_size_inches(width_in, height_in + highest_in + 0.08)
    spaces = {"columnspacing": 1.0, "handletextpad": 0.5, "labelspacing": 0.3, "borderaxespad": 0.1}
    fig.legend(handles, wrapped, loc="outside lower center", ncols=columns, **spaces)


def wrap(text: str, width: int) -> str:
    """A name over as many lines as it needs, broken after spaces and punctuation."""
    spaced = "".join(c + "\u200b" if c in "_-/=:;|()+" else c for c in text)
    pieces: list[str] = []
    for word in spaced.replace(" ", " \u200b").split("\u200b"):
        if pieces and len(pieces[-1]) + len(word.rstrip()) <= width:
            pieces[-1] += word
        else:
            pieces.append(word)
    lines = [line for piece in pieces for line in textwrap.wrap(piece, width) or [""]]
    return "\n".join(line.strip() for line in lines if line.strip())


def plain(text: str) -> str:
    """Text in letters that the font has; others are written as "[U+4E2D]"."""
    known = _letters()
    spaced = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return "".join(c if ord(c) in known else f"[U+{ord(c):04X}]" for c in spaced)


@cache
def _letters() -> frozenset[int]:
    from matplotlib.font_manager import findfont  # noqa: PLC0415
    from matplotlib.ft2font import FT2Font  # noqa: PLC0415

    return frozenset(FT2Font(findfont("DejaVu Sans")).get_charmap())


def grid_along(axes: Axes, axis: str) -> None:
    """Show the grid lines of one axis only."""
    axes.grid(visible=False)
    axes.grid(visible=True, axis=axis)  # type: ignore[arg-type]


def settle(fig: Figure) -> None:
    """Compute the layout once, for all files of the figure."""
    fig.draw_without_rendering()
    fig.set_layout_engine("none")


def rendered(fig: Figure, suffix: str) -> bytes:
    """The bytes of a figure as "pdf", "svg" or "png"; the same figure gives the same bytes."""
    metadata: dict[str, Any] = {
        "pdf": {"CreationDate": None, "Creator": None, "Producer": None},
        "svg": {"Date": None, "Creator": None},
        "png": {"Software": None},
    }[suffix]
    content = io.BytesIO()
    fig.savefig(content, format=suffix, metadata=metadata, dpi=_DPI)
    return content.getvalue()
