"""The command line. Heavy modules are imported inside the commands, so that help comes at once."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, NoReturn

import click
import typer
from rich.console import Console

from .errors import ConfigError, TsebenchError
from .progress import on_console

app = typer.Typer(
    help=(
        "Benchmark target speech and sound extraction.\n\n"
        "First steps: `tsebench run quickstart` builds small embedded sets, runs systems on them "
        "and prints the leaderboard. `tsebench score --estimates DIR --references DIR --out DIR` "
        "scores folders of wav files."
    ),
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
console = Console()

Config = Annotated[str, typer.Argument(help="YAML file, or the name of a shipped config.")]
Corpus = Annotated[
    list[str] | None,
    typer.Option("--corpus", help="Folder of a corpus, NAME=DIR; may be given several times."),
]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")]
Jobs = Annotated[int, typer.Option(min=1, help="Processes (metrics) and threads (building).")]
Tracking = Annotated[
    str | None,
    typer.Option(
        help="MLflow tracking server or store; 'none' turns it off. "
        "Default: mlflow.db beside the run folder."
    ),
]


@app.command("list")
def list_names(
    what: Annotated[str, typer.Argument(help="systems, datasets, metrics, corpora or reports.")],
) -> None:
    """List what is registered or shipped, one line each."""
    from .listing import LISTINGS, rows_of

    if what not in LISTINGS:
        raise ConfigError(f"cannot list {what!r}; choose one of {', '.join(LISTINGS)}")
    for name, text in rows_of(what):
        console.print(f"{name:<18} {text}", highlight=False, markup=False, soft_wrap=True)


@app.command()
def build(
    config: Config,
    out: Annotated[Path, typer.Option(help="Folder that gets one sub-folder for each set.")] = Path(
        "data"
    ),
    materialise: Annotated[bool, typer.Option(help="Write wav files too.")] = False,
    jobs: Jobs = 2,
    corpus: Corpus = None,
) -> None:
    """Build benchmark sets as recipes; mixtures are rendered when they are read."""
    from .config_files import corpus_dirs
    from .datasets.build import build as build_set
    from .datasets.build import materialise as write_audio
    from .datasets.config import load_dataset_configs

    dirs = corpus_dirs(_corpora(corpus))
    progress = on_console(console)
    for dataset_config in load_dataset_configs(config):
        folder = out / dataset_config.name
        dataset = build_set(dataset_config, folder, corpus_dirs=dirs, jobs=jobs, progress=progress)
        if materialise:
            write_audio(dataset, folder, progress=progress)
        counts = ", ".join(f"{name} {count}" for name, count in dataset.card.counts.items())
        _say(f"{folder}: {counts}; fingerprint {dataset.card.fingerprint[:12]}")


@app.command()
def validate(
    folder: Annotated[Path, typer.Argument(help="A dataset folder made by `tsebench build`.")],
    corpus: Corpus = None,
) -> None:
    """Check a dataset folder: recordings, rendering, leaks, query conditions."""
    from .datasets.dataset import load_dataset
    from .datasets.validate import validate as check

    dataset = load_dataset(folder, corpus_dirs=_corpora(corpus))
    findings = check(dataset, progress=on_console(console))
    for finding in findings:
        verdict = "ok" if finding.ok else "PROBLEM"
        _say(f"{verdict:<8} {finding.check}: {finding.looked_at} looked at {finding.detail}")
    if not all(finding.ok for finding in findings):
        raise typer.Exit(2)


@app.command()
def train(
    config: Config,
    out: Annotated[Path | None, typer.Option(help="Default: runs/train/NAME.")] = None,
    device: Device = "auto",
    corpus: Corpus = None,
    tracking_uri: Tracking = "none",
) -> None:
    """Train a network on mixtures drawn on the fly; started again, it goes on."""
    from .bench.provenance import resolve_device
    from .config_files import corpus_dirs
    from .systems.training.config import load_train_config
    from .systems.training.engine import train as train_network

    settings = load_train_config(config)
    result = train_network(
        settings,
        out=out or Path("runs") / "train" / settings.name,
        device=resolve_device(device),
        corpus_dirs=corpus_dirs(_corpora(corpus)),
        tracking_uri=None if tracking_uri == "none" else tracking_uri,
        console=console,
    )
    _say(f"{result.checkpoint}: best validation loss {result.best_loss:.3f}")


@app.command()
def run(
    config: Config = "quickstart",
    out: Annotated[Path | None, typer.Option(help="Run folder; default: runs/NAME.")] = None,
    fresh: Annotated[bool, typer.Option(help="Start over instead of going on.")] = False,
    device: Device = "auto",
    executor: Annotated[str, typer.Option(help="Where the work is done: local.")] = "local",
    jobs: Jobs = 2,
    corpus: Corpus = None,
    tracking_uri: Tracking = None,
) -> None:
    """Run systems on datasets and report; a killed run goes on when started again."""
    from .bench.config import load_run_config
    from .bench.runner import RunOptions
    from .bench.runner import run as run_all

    if executor != "local":
        raise ConfigError(f"unknown executor {executor!r} (known: local)")
    settings = load_run_config(config)
    folder = out or Path("runs") / settings.name
    result = run_all(
        settings,
        RunOptions(
            out=folder,
            device=device,
            jobs=jobs,
            fresh=fresh,
            corpus_dirs=_corpora(corpus),
            progress=on_console(console),
        ),
    )
    _tell(folder, tracking_uri)
    if result.failed_trials:
        _say(f"{result.failed_trials} of {result.trials} trials failed; the report says why")
        raise typer.Exit(3)


@app.command()
def score(
    estimates: Annotated[Path, typer.Option(help="Folder of estimates to score.")],
    references: Annotated[Path, typer.Option(help="Folder of references; files pair by stem.")],
    out: Annotated[Path, typer.Option(help="Run folder for the rows and the report.")],
    mixtures: Annotated[Path | None, typer.Option(help="Folder of mixtures.")] = None,
    metrics: Annotated[str, typer.Option(help="Comma-separated names.")] = "",
    system: Annotated[str, typer.Option(help="Name of the system in the report.")] = "estimates",
    channel: Annotated[int | None, typer.Option(help="Channel of files with several.")] = None,
    device: Device = "auto",
    jobs: Jobs = 2,
    tracking_uri: Tracking = "none",
) -> None:
    """Score wav folders: no config, files are paired by name."""
    from .bench.folders import ScoreOptions, score_folders

    result = score_folders(
        estimates=estimates,
        references=references,
        mixtures=mixtures,
        options=ScoreOptions(
            out=out,
            metrics=tuple(name.strip() for name in metrics.split(",") if name.strip()),
            system=system,
            channel=channel,
            device=device,
            jobs=jobs,
            progress=on_console(console),
        ),
    )
    if result.unpaired:
        first = ", ".join(result.unpaired[:3])
        _say(f"{len(result.unpaired)} estimates have no reference and are left out: {first}")
    _tell(out, tracking_uri)
    if result.failed_trials:
        _say(f"{result.failed_trials} of {result.trials} files failed; the report says why")
        raise typer.Exit(3)


@app.command()
def report(
    runs: Annotated[list[Path], typer.Argument(help="Run folders.")],
    out: Annotated[Path, typer.Option(help="Folder of the report.")],
    formats: Annotated[str, typer.Option("--format", help="html, md, csv.")] = "html,md,csv",
) -> None:
    """Write a report of one run or of several, from their score rows alone."""
    from .reports.write import write_reports

    names = [name.strip() for name in formats.split(",") if name.strip()]
    for path in write_reports(runs, out, names):
        _say(str(path))


@app.command()
def doctor(
    system: Annotated[str | None, typer.Argument(help="Registered name of a system.")] = None,
    option: Annotated[
        list[str] | None, typer.Option(help="Option of the system, KEY=VALUE.")
    ] = None,
    device: Device = "auto",
) -> None:
    """Check this machine, or one system: lengths, batching, silence, levels, determinism."""
    from .doctor import check_machine, check_one

    results = check_one(system, option or [], device) if system else check_machine(device)
    for result in results:
        _say(f"{'ok' if result.passed else 'PROBLEM':<8} {result.name}: {result.detail}")
    if not all(result.passed for result in results):
        raise typer.Exit(1)


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Entry point: errors become one line on standard error and an exit code."""
    try:
        code = app(args=list(arguments) if arguments is not None else None, standalone_mode=False)
    except click.exceptions.Exit as stop:
        sys.exit(stop.exit_code)
    except click.ClickException as error:
        error.show()
        sys.exit(2)
    except TsebenchError as error:
        Console(stderr=True).print(
            f"tsebench: {error}", style="red", markup=False, highlight=False, soft_wrap=True
        )
        sys.exit(error.exit_code)
    except (KeyboardInterrupt, click.Abort):
        Console(stderr=True).print("tsebench: interrupted; start the same command again to go on")
        sys.exit(130)
    sys.exit(code if isinstance(code, int) else 0)


def _tell(folder: Path, tracking_uri: str | None) -> None:
    """Print the leaderboard, write the report, track the run."""
    from .bench.tracking import default_tracking_uri, track
    from .reports.console import print_leaderboard
    from .reports.write import open_board, write_board

    board = open_board([folder])
    print_leaderboard(board, console)
    written = write_board(board, folder / "report", ["html", "md", "csv"])
    if tracking_uri != "none":
        uri = tracking_uri or default_tracking_uri(folder)
        track(folder, uri=uri)
        _say(f"tracked in MLflow: {uri}")
    page = next((path for path in written if path.suffix == ".html"), folder)
    _say(f"rows: {folder / 'rows'}")
    _say(f"report: {page.resolve()}")


def _corpora(pairs: Sequence[str] | None) -> dict[str, Path]:
    folders: dict[str, Path] = {}
    for pair in pairs or ():
        name, separator, folder = pair.partition("=")
        if not separator or not name or not folder:
            raise ConfigError(f"--corpus {pair!r} is not NAME=DIR; write for example esc10=DIR")
        folders[name] = Path(folder).expanduser()
    return folders


def _say(text: str) -> None:
    console.print(text, markup=False, highlight=False, soft_wrap=True)
