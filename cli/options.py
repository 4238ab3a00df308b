"""Options and arguments of the commands, with their help, and the examples below it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Protocol, cast

import typer
from typer import Argument, Option

from ..core.errors import ConfigError, suggest

Version = Annotated[bool, Option("--version", help="Show the version and exit.")]
Kind = Annotated[
    str, Argument(metavar="KIND", help="systems, datasets, metrics, corpora, builders or reports.")
]
Config = Annotated[str, Argument(metavar="CONFIG", help="YAML file, or the name of a shipped config.")]
Corpus = Annotated[
    list[str] | None,
    Option(
        "--corpus",
        metavar="NAME=DIR",
        help="Folder of a corpus that a dataset names; may be given several times.",
    ),
]
# Named: typer 0.27 writes --DEVICE if the name of the value is that of the option.
Device = Annotated[str, Option("--device", metavar="DEVICE", help="auto, cpu, cuda or cuda:N.")]
Threads = Annotated[int, Option(min=1, metavar="N", help="Threads that draw and render mixtures.")]
Processes = Annotated[int, Option(min=1, metavar="N", help="Processes for metrics such as PESQ and STOI.")]
Tracking = Annotated[str, Option(metavar="URI", help="MLflow server or store that the result is logged to.")]
BuildOut = Annotated[Path, Option(metavar="DIR", help="Folder that gets a sub-folder for each set.")]
Materialise = Annotated[bool, Option("--materialise", help="Write wav files too, for other tools.")]
AllowMissing = Annotated[
    bool,
    Option(
        "--allow-missing", help="Leave out mixtures whose recordings are missing, and count them on the card."
    ),
]
Against = Annotated[
    list[Path] | None,
    Option(
        "--against",
        metavar="DIR",
        help="Another dataset folder, such as the training split: recordings, groups and "
        "speakers in both are a PROBLEM, or a remark if both are of the same split; may be "
        "given several times.",
    ),
]
Sample = Annotated[
    int | None,
    Option(
        min=1,
        metavar="N",
        help="Hash and render only N recordings and mixtures, evenly spread.  [default: all]",
    ),
]
RenderThreads = Annotated[int, Option(min=1, metavar="N", help="Threads that hash and render.")]
DatasetFolder = Annotated[Path, Argument(metavar="DIR", help="A dataset folder made by `tsebench build`.")]
TrainOut = Annotated[
    Path | None, Option(metavar="DIR", help="Folder of the training.  [default: runs/train/NAME]")
]
RunOut = Annotated[Path | None, Option(metavar="DIR", help="Run folder.  [default: runs/NAME]")]
Settings = Annotated[
    list[str] | None,
    Option(
        "--set",
        metavar="KEY=VALUE",
        help="Set a key of the config, for example batch_size=2 or a.b=1; may be repeated.",
    ),
]
Fresh = Annotated[bool, Option("--fresh", help="Start over instead of going on.")]
Executor = Annotated[str, Option(metavar="NAME", help="Where the work is done: local.")]
RunTracking = Annotated[
    str | None,
    Option(
        metavar="URI",
        help="MLflow server or store that the run is logged to, or none.  "
        "[default: mlflow.db beside the run folder]",
    ),
]
Estimates = Annotated[Path, Option(metavar="DIR", help="What a system gave: one file for each reference.")]
References = Annotated[Path, Option(metavar="DIR", help="The targets; files pair by name without suffix.")]
Mixtures = Annotated[
    Path | None, Option(metavar="DIR", help="What the system was given; needed for improvements.")
]
ScoreOut = Annotated[Path, Option(metavar="DIR", help="Run folder, for the rows and the report.")]
Metrics = Annotated[
    str,
    Option(
        metavar="A,B,...",
        help="Names from `tsebench list metrics`.  "
        "[default: sdri,si_sdri,snri with mixtures, else sdr,si_sdr,snr]",
    ),
]
MetricOption = Annotated[
    list[str] | None,
    Option(
        "--option",
        metavar="METRIC.KEY=VALUE",
        help="Setting of a metric, for example wer.backend=whisper:base.en; may be repeated.",
    ),
]
Transcripts = Annotated[
    Path | None,
    Option(metavar="CSV", help="What the references say, for wer: columns name (without suffix) and text."),
]
Title = Annotated[str, Option(metavar="NAME", help="What the system is called in the report.")]
Channel = Annotated[int | None, Option(min=0, metavar="N", help="Channel (from 0) of files with several.")]
Variants = Annotated[
    bool,
    Option("--variants", help="Also compare all variants of the metrics that papers give under one name."),
]
Claimed = Annotated[
    str | None,
    Option(
        metavar="NAME=X,...",
        help="A paper's numbers, for example si_sdr=15.2,pesq=3.1: mark the variant "
        "nearest to each.  [implies --variants]",
    ),
]
Runs = Annotated[list[Path], Argument(metavar="DIR", help="Run folders.")]
ReportOut = Annotated[Path, Option(metavar="DIR", help="Folder of the report.")]
Formats = Annotated[str, Option("--format", metavar="A,B,...", help="Names from `tsebench list reports`.")]
ReportOption = Annotated[
    list[str] | None,
    Option(
        "--option",
        metavar="FORMAT.KEY=VALUE",
        help="Setting of a format, for example latex.intervals=false; may be repeated.",
    ),
]
RankBy = Annotated[
    list[str] | None,
    Option(
        "--rank-by",
        metavar="METRIC|SET=METRIC",
        help="Metric that ranks the systems: of all sets, or of one, for example mini_sounds=si_sdri; "
        "may be repeated.",
    ),
]
System = Annotated[
    str | None,
    Argument(metavar="SYSTEM", help="Registered name, or `metrics`; without one, this machine is checked."),
]
SystemOption = Annotated[
    list[str] | None,
    Option("--option", metavar="KEY=VALUE", help="Option of the system; may be given several times."),
]


# By its version, typer uses the package click or a copy of its own, and only this class of either
# is public.
UsageError: type[Exception] = typer.BadParameter.__mro__[2]


class _Usage(Protocol):
    """What typer's errors of wrong use have in common."""

    ctx: Any

    def format_message(self) -> str: ...


def usage_line(error: Exception) -> str:
    """One line for wrong use of the command line: what is wrong, with its value, and the help.

    Args:
        error: a `UsageError`.
    """
    usage = cast(_Usage, error)
    context = usage.ctx
    line = usage.format_message().strip().rstrip(".")
    details = getattr(error.__cause__, "errors", None)
    if details is not None:
        line += f", not {details()[0]['input']!r}"
    unknown = getattr(error, "option_name", None)
    if unknown is not None and context is not None:
        names = [name for parameter in context.command.params for name in parameter.opts]
        known = [name for name in [*names, "--help"] if name.startswith("-")]
        line = f"unknown option {unknown!r}{suggest(unknown, known)}"
    command = context.command_path if context is not None else "tsebench"
    return f"{line[:1].lower()}{line[1:]}; see `{command} --help`"


def corpora_of(pairs: Sequence[str] | None) -> dict[str, Path]:
    """Folders by corpus name, from the values of `--corpus`.

    Raises:
        ConfigError: a value is not NAME=DIR.
    """
    folders: dict[str, Path] = {}
    for pair in pairs or ():
        name, separator, folder = pair.partition("=")
        if not separator or not name or not folder:
            raise ConfigError(f"--corpus {pair!r} is not NAME=DIR; write for example esc10=DIR")
        folders[name] = Path(folder).expanduser()
    return folders


def names_of(text: str) -> tuple[str, ...]:
    """Names in a comma-separated value."""
    return tuple(name.strip() for name in text.split(",") if name.strip())
