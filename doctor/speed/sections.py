"""Sections of the page of speeds, and their settings."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from ...core.errors import UnknownNameError
from ...core.progress import Notify, silent


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Device, data and effort of all measurements.

    Attributes:
        device: of runs and of Whisper: "cpu", "cuda" or "cuda:N".
        recordings: folder with a folder of recordings at 8 kHz for each talker; None for synthetic voices.
        asteroid_python: interpreter of an environment that has asteroid.
        quick: few trials and repeats, to see whether all works; the numbers are rough.
        say: gets lines on the progress of sections that take minutes.
    """

    device: str = "cpu"
    recordings: Path | None = None
    asteroid_python: Path | None = None
    quick: bool = False
    say: Notify = silent


@dataclass(frozen=True, slots=True)
class Section:
    """A section: its name, the module that measures it, and one line on it."""

    name: str
    module: str
    about: str


SECTIONS = (
    Section("metrics", "metric_times", "metrics against the packages that they agree with, and memory"),
    Section("metrics_gpu", "metrics_on_gpu", "metrics on a GPU against the CPU"),
    Section("score", "scored_folders", "`tsebench score` against the bare PESQ and a loop over asteroid"),
    Section("run", "run_times", "`tsebench run` against the bare network"),
    Section("whisper", "whisper_batches", "Whisper in batches against the package's loop over files"),
    Section("report", "reports_at_size", "report and comparison of 50 systems on 10,000 trials"),
)


def chosen_sections(names: Sequence[str]) -> tuple[Section, ...]:
    """The named sections in the order of the page; all without names.

    Raises:
        UnknownNameError: there is no section of a name.
    """
    known = [section.name for section in SECTIONS]
    for name in names:
        if name not in known:
            raise UnknownNameError("section", name, known)
    return tuple(section for section in SECTIONS if not names or section.name in names)


def measured(sections: Sequence[Section], settings: Settings) -> Iterator[str]:
    """Markdown of each section, measured one after the other.

    Args:
        sections: see `chosen_sections`.
        settings: see there; a line is said before each section.
    """
    for section in sections:
        settings.say(f"measuring {section.name}: {section.about}")
        report: Callable[[Settings], str] = import_module(f".{section.module}", __package__).report
        yield report(settings)
