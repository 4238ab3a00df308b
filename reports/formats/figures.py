"""The report `figures`: figures for a paper, with the data behind each and what was left out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

from ...core.errors import TsebenchError
from ...core.files import make_folder, write_atomic
from ..figures.registry import FIGURES, LeftOut, Plot
from ..figures.shared.style import rendered, settle, styled
from ..leaderboard.board import Issue, Leaderboard
from ..leaderboard.wording import plural, status, stratum_name
from ..tables.csv_text import to_csv
from ..tables.escapes import markdown
from ..tables.table import file_stem
from .registry import REPORTS

Kind = Literal["pdf", "svg", "png"]


@REPORTS.register("figures")
def write_figures(
    board: Leaderboard, out: Path, *, only: tuple[str, ...] = (), files: tuple[Kind, ...] = ("pdf", "svg", "png")
) -> list[Path]:
    """Figures for a paper (PDF, SVG, PNG) and their data (CSV), in `figures/`.

    Args:
        only: names of figures; all if empty.
        files: file types of each figure, in addition to its data.

    Returns:
        `figures.md`, which has all captions and says what was left out and why; then the files.

    Raises:
        UnknownNameError: no such figure.
    """
    folder = make_folder(out / "figures")
    index = folder / "figures.md"
    paths, blocks = [index], ["# Figures"]
    left_out: list[str] = []
    stems: set[str] = set()
    for name in only or FIGURES.names():
        for made in _made(name, board):
            if isinstance(made, LeftOut):
                left_out.append(_left_out_line(name, made))
                continue
            try:
                stem = _unique(file_stem(f"{name}_{made.name}"), stems)
                written, lines = _write(made, folder, stem, files), _figure_lines(made, stem, files)
            except Exception as error:  # noqa: BLE001 - raised again unless another package is at fault
                left_out.append(_left_out_line(name, _broken(name, str(getattr(made, "name", "one")), error)))
            else:
                paths += written
                blocks += lines
    blocks += ["## Left out", "\n".join(left_out) or "Nothing."]
    lost = [_lost(issue) for issue in board.issues if issue.status != "ok"]
    blocks += ["## Failed, missing and undefined trials", "\n".join(lost) or "None."]
    write_atomic(index, "\n\n".join(blocks) + "\n")
    return paths


def _made(name: str, board: Leaderboard) -> Iterator[Plot | LeftOut]:
    """Figures of a maker; if it is of another package and raises, the reason."""
    maker = FIGURES.get(name)
    try:
        yield from maker(board)
    except Exception as error:  # noqa: BLE001 - raised again unless another package is at fault
        yield _broken(name, "all that follow", error)


def _broken(name: str, figure: str, error: Exception) -> LeftOut:
    """A figure of another package that raised; errors of our own figures are raised again."""
    package = FIGURES.package_of(name)
    if not package or isinstance(error, TsebenchError):
        raise error
    return LeftOut(name=figure, reason=f"package {package!r} raised {type(error).__name__}: {error}")


def _left_out_line(name: str, figure: LeftOut) -> str:
    return f"- {name}, {markdown(f'{figure.name}: {figure.reason}', inline=True)}"


def _write(plot: Plot, folder: Path, stem: str, files: Sequence[Kind]) -> list[Path]:
    paths = [folder / f"{stem}.csv", *(folder / f"{stem}.{suffix}" for suffix in files)]
    write_atomic(paths[0], to_csv(plot.data))
    with styled():
        fig = plot.draw()
        settle(fig)
        for path, suffix in zip(paths[1:], files, strict=True):
            write_atomic(path, rendered(fig, suffix))
    return paths


def _figure_lines(plot: Plot, stem: str, files: Sequence[Kind]) -> list[str]:
    links = " · ".join(f"[{suffix}]({stem}.{suffix})" for suffix in (*files, "csv"))
    picture = [f"![{stem}]({stem}.png)"] if "png" in files else []
    return [f"## {markdown(stem)}", *picture, markdown(plot.caption), links]


def _unique(stem: str, taken: set[str]) -> str:
    """The stem, with a number if another figure has it, also where case does not count."""
    names = (stem, *(f"{stem}_{number}" for number in range(2, len(taken) + 2)))
    found = next(name for name in names if name.lower() not in taken)
    taken.add(found.lower())
    return found


def _lost(issue: Issue) -> str:
    where = f"{issue.system}, {stratum_name(issue.dataset, issue.condition)}"
    what = f"{plural(issue.n_trials, 'trial')} {status(issue)}: {issue.reason}"
    return f"- {markdown(f'{where}: {what}')}"
