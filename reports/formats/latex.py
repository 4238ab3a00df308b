"""The report `latex`: the tables as papers print them, and a document that shows them all."""

from __future__ import annotations

from pathlib import Path

from ...core.files import make_folder, write_atomic
from ..leaderboard.board import Leaderboard
from ..tables.board_tables import print_costs, print_table
from ..tables.detection import detection_tables
from ..tables.latex_floats import to_latex
from ..tables.steps import step_tables
from ..tables.sweep_tables import all_sweep_tables
from .registry import REPORTS

_PER_PAGE = 6  # tables on one page; TeX can only hold so many back
_DOCUMENT = r"""%% Compile this file to see all tables, or \input the others into a paper that has
%% \usepackage{booktabs,array,graphicx,textcomp}
\documentclass[10pt,twocolumn]{article}
\usepackage[T1]{fontenc}
\usepackage[utf8]{inputenc}
\IfFileExists{lmodern.sty}{\usepackage{lmodern}}{}
\usepackage[margin=0.75in]{geometry}
\usepackage{booktabs,array,graphicx,textcomp}
\begin{document}
%s
\end{document}
"""


@REPORTS.register("latex")
def write_latex(board: Leaderboard, out: Path, *, intervals: bool = True) -> list[Path]:
    """LaTeX tables for a paper: one file for each, and `latex/tables.tex` that shows them all.

    Args:
        intervals: print the confidence interval of each mean.
    """
    folder = make_folder(out / "latex")
    tables = [print_table(board, table, intervals=intervals) for table in board.tables]
    costs = print_costs(board)
    paths = []
    absent = [printed for group in detection_tables(board).values() for printed in group]
    for table in [
        *tables,
        *step_tables(board).values(),
        *absent,
        *all_sweep_tables(board),
        *([costs] if costs else []),
    ]:
        paths.append(folder / f"table_{table.name}.tex")
        write_atomic(paths[-1], to_latex(table))
    inputs = [f"\\input{{{path.name}}}" for path in paths]
    for place in range(_PER_PAGE, len(inputs), _PER_PAGE):
        inputs[place] = f"\\clearpage\n{inputs[place]}"
    page = folder / "tables.tex"
    write_atomic(page, _DOCUMENT % "\n".join(inputs))
    return [page, *paths]
