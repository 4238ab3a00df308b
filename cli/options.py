"""Options and arguments that several commands share, with their help, and parsers of their values."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from typer import Argument, Option

from ..core.errors import ConfigError

if TYPE_CHECKING:
    from ..bench.shards.shard import Shard

Config = Annotated[str, Argument(metavar="CONFIG", help="YAML file, or the name of a shipped config.")]
Corpus = Annotated[
    list[str] | None,
    Option("--corpus", metavar="NAME=DIR", help="Folder of a corpus that a dataset names; may be given several times."),
]
# Named: typer 0.27 writes --DEVICE if the name of the value is that of the option.
Device = Annotated[str, Option("--device", metavar="DEVICE", help="auto, cpu, cuda or cuda:N.")]
Processes = Annotated[int, Option(min=1, metavar="N", help="Processes for metrics such as PESQ and STOI.")]
Tracking = Annotated[
    str, Option("--tracking-uri", metavar="URI", help="MLflow server or store that the result is logged to, or none.")
]
TrackingHere = Annotated[
    str | None,
    Option(
        "--tracking-uri",
        metavar="URI",
        help="MLflow server or store that the work is logged to, or none.  [default: mlflow.db next to the run folder]",
    ),
]
Division = Annotated[
    str | None,
    Option(
        "--shard",
        metavar="I/N",
        help="Do part I (from 1) of N of the work alone, on this machine, into a folder of its own, without a report; "
        "`tsebench merge` makes one run of all parts.",
    ),
]
Settings = Annotated[
    list[str] | None,
    Option(
        "--set",
        metavar="KEY=VALUE",
        help="Set a key of the config, for example batch_size=2 or a.b=1; may be repeated.",
    ),
]
Runs = Annotated[list[Path], Argument(metavar="DIR", help="Run folders.")]
Formats = Annotated[str, Option("--format", metavar="A,B,...", help="Names from `tsebench list reports`.")]


def shard_of(text: str | None) -> Shard | None:
    """Parse the value of `--shard`."""
    from ..bench.shards.shard import Shard

    return None if text is None else Shard.parse(text)


def corpora_of(pairs: Sequence[str] | None) -> dict[str, Path]:
    """Parse the values of `--corpus`: folders by corpus name."""
    folders: dict[str, Path] = {}
    for pair in pairs or ():
        name, separator, folder = pair.partition("=")
        if not separator or not name or not folder:
            raise ConfigError(f"--corpus {pair!r} is not NAME=DIR; write for example esc10=DIR")
        folders[name] = Path(folder).expanduser().absolute()
    return folders


def tracking_uri_of(given: str | None, folder: Path) -> str | None:
    """The store of results in a folder: as given, none, or an SQLite file next to the folder."""
    from ..core.tracking.store import default_tracking_uri

    return None if given == "none" else given or default_tracking_uri(folder)
