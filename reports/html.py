"""The report `html`: one self-contained page, no network, light and dark, made for a phone too."""

from __future__ import annotations

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from ..files import make_folder, write_atomic
from . import text
from .board import Leaderboard
from .charts import bars
from .cost import HEADINGS, cost_lines
from .profile import legend, panels
from .provenance import plain
from .registry import REPORTS

_TEMPLATES = Path(__file__).resolve().parent / "templates"


@REPORTS.register("html")
def write_html(board: Leaderboard, out: Path) -> list[Path]:
    """Write `report.html`.

    Raises:
        OutputError: the folder cannot be written.
    """
    path = make_folder(out) / "report.html"
    write_atomic(path, render(board))
    return [path]


def render(board: Leaderboard) -> str:
    """The whole page; every name is escaped."""
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    template = environment.get_template("report.html.j2")
    return template.render(
        board=board,
        text=text,
        bars=bars,
        legend=legend,
        panels=panels,
        plain=plain,
        costs=cost_lines(board),
        cost_headings=HEADINGS,
    )
