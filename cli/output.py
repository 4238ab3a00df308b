"""Console output that commands share: lines, errors, and the report of a finished run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment

from ..core.errors import ConfigError, one_line
from ..core.text import names_of, visible

if TYPE_CHECKING:
    from ..reports.leaderboard.board import Leaderboard

FORMATS = "html,md,csv"
WAIT_S = 60.0
"""How long a report waits for another process that writes into its folder."""


class SafeConsole(Console):
    """A console on which no text of a system, a file or a program acts: control characters show as escapes."""

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """Segments of what is printed."""
        for segment in super().render(renderable, options):
            yield segment if segment.control else segment._replace(text=visible(segment.text))


console = SafeConsole()


def say(text: str) -> None:
    """Print a plain line to standard output."""
    console.print(text, markup=False, highlight=False, soft_wrap=True)


def print_error(text: str) -> None:
    """Print a message as one line to standard error."""
    SafeConsole(stderr=True).print(
        f"tsebench: {one_line(text)}", style="red", markup=False, highlight=False, soft_wrap=True
    )


def print_warning(text: str) -> None:
    """Print a message as one line to standard error, for something that the command goes on without."""
    SafeConsole(stderr=True).print(
        f"tsebench: warning: {one_line(text)}", style="yellow", markup=False, highlight=False, soft_wrap=True
    )


def formats_of(text: str) -> tuple[str, ...]:
    """Parse and check names of report formats, before any long work."""
    from ..reports.formats.registry import load_report

    names = names_of(text)
    if not names:
        raise ConfigError(f"--format {text!r} names no format; write for example html,md")
    for name in names:
        load_report(name)
    return names


def report_run(
    folder: Path,
    formats: Sequence[str],
    corpora: Mapping[str, Path] | None = None,
    *,
    track: Callable[[], None] = lambda: None,
) -> None:
    """Print the leaderboard of a run, write its report, and `track` both."""
    from ..core.allocator import give_back_freed_memory
    from ..core.folder_lock import folder_lock
    from ..reports.formats.registry import write_board
    from ..reports.leaderboard.assemble import open_board
    from ..reports.terminal.print_leaderboard import print_leaderboard

    give_back_freed_memory()  # of the sets and systems of the run
    with folder_lock(folder / "report", wait_s=WAIT_S):  # the last of several processes reports the rows of all
        board = open_board([folder])
        print_leaderboard(board, console)
        papers = _print_papers(board)
        give_back_freed_memory()  # of the statistics, most of which pages need no longer
        settings = {"html": {"corpora": corpora}}
        written = write_board(board, folder / "report", [*formats, *papers], settings)
    track()
    page = next((path for path in written if path.suffix == ".html"), folder / "report")
    say(f"rows: {folder / 'rows'}")
    say(f"report: {page.resolve()}")


def _print_papers(board: Leaderboard) -> list[str]:
    """Print the papers' tables that the runs' configs name, mostly none; the report formats that have them."""
    if not any(run.config is not None and run.config.paper_tables for run in board.runs):
        return []
    from ..reports.terminal.papers import print_papers

    return print_papers(board, console)


def ready_report() -> None:
    """Do what a report needs and no value changes, while the values are computed: imports and templates."""
    from ..reports.formats import registry
    from ..reports.leaderboard import assemble
    from ..reports.site.pages import ready_templates
    from ..reports.terminal import print_leaderboard

    del assemble, print_leaderboard
    for name in names_of(FORMATS):
        registry.load_report(name)
    ready_templates()


def say_files(written: Sequence[Path], out: Path) -> None:
    """Print the path of each written file in `out`, and the count of each sub-folder."""
    top = [str(path) for path in written if path.parent == out]
    below = Counter(path.relative_to(out).parts[0] for path in written if path.parent != out)
    for line in [*top, *(f"{out / name}: {count} files" for name, count in sorted(below.items()))]:
        say(line)
