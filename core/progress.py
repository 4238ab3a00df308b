"""Progress of long work: a bar with rate and time left on a terminal, plain lines otherwise."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text

Advance = Callable[[int], None]
ProgressFactory = Callable[[str, int], AbstractContextManager[Advance]]

Notify = Callable[[str], None]
"""Takes one line that the user should see."""

_LINE_EVERY_S = 20.0


@contextmanager
def quiet(_what: str, _total: int) -> Iterator[Advance]:
    """No progress output."""
    yield lambda _count: None


def silent(_line: str) -> None:
    """No notices."""


def on_console(console: Console) -> ProgressFactory:
    """Bars on a terminal; elsewhere a line every 20 s and one at the end."""
    return _bars(console) if console.is_terminal else _lines(console)


def _bars(console: Console) -> ProgressFactory:
    @contextmanager
    def start(what: str, total: int) -> Iterator[Advance]:
        columns = (
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            _RateColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
        )
        with Progress(*columns, console=console) as bars:
            task = bars.add_task(what, total=total)
            yield lambda count: bars.advance(task, count)

    return start


class _RateColumn(ProgressColumn):
    """Items per second."""

    def render(self, task: Task) -> Text:
        return Text(f"{task.speed:.1f}/s" if task.speed else "", style="progress.data.speed")


def _lines(console: Console) -> ProgressFactory:
    @contextmanager
    def start(what: str, total: int) -> Iterator[Advance]:
        begin = printed = time.monotonic()
        done = 0

        def advance(count: int) -> None:
            nonlocal done, printed
            done += count
            now = time.monotonic()
            if now - printed > _LINE_EVERY_S:
                left_s = (now - begin) / done * (total - done) if done else float("nan")
                console.print(f"{what}: {done}/{total}, {left_s:.0f} s left", highlight=False)
                printed = now

        yield advance
        seconds = time.monotonic() - begin
        rate = f", {done / seconds:.1f}/s" if seconds > 0 else ""
        console.print(f"{what}: {done}/{total} in {seconds:.1f} s{rate}", highlight=False)

    return start


def on_terminal() -> ProgressFactory:
    """Bars on standard error if it is a terminal, and nothing elsewhere: for calls from Python."""
    console = Console(stderr=True)
    return _bars(console) if console.is_terminal and not console.is_jupyter else quiet
