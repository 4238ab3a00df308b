"""The command line. Heavy modules are imported inside the commands, so that help comes at once."""

from __future__ import annotations

import atexit
import gc
import sys
from collections.abc import Sequence
from io import TextIOWrapper
from pathlib import Path
from typing import NoReturn

import typer
from rich.console import Console

from . import __version__, cli_adapt, cli_compare, cli_demo
from . import cli_options as options
from .cli_options import UsageError, corpora_of, names_of, usage_line
from .cli_report import FORMATS, formats_of, report, tell
from .errors import TsebenchError, UnknownNameError
from .progress import on_console

_INTERRUPTED = 130

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)
console = Console()


@app.callback(
    invoke_without_command=True, epilog="`tsebench COMMAND --help` tells more about a command."
)
def top(context: typer.Context, version: options.Version = False) -> None:
    """Benchmark target speech and sound extraction.

    \b
    First steps:
      tsebench run     builds small embedded sets, runs systems on them and
                       prints the leaderboard; there is nothing to download
      tsebench score   scores folders of wav files that you have already
    """  # noqa: D301 - \b keeps the lines as they are
    if version:
        _say(f"tsebench {__version__}")
    elif context.invoked_subcommand is None:
        _say(context.get_help())


@app.command("list", short_help="List systems, datasets, metrics, corpora, builders or reports.")
def list_names(what: options.Kind) -> None:
    """List what is registered or shipped, one line each."""
    from .listing import LISTINGS, rows_of

    if what not in LISTINGS:
        raise UnknownNameError("kind of listing", what, LISTINGS)
    for name, text in rows_of(what):
        console.print(f"{name:<18} {text}", highlight=False, markup=False, soft_wrap=True)


@app.command(short_help="Build benchmark sets from a config.")
def build(
    config: options.Config,
    out: options.BuildOut = Path("data"),
    materialise: options.Materialise = False,
    jobs: options.Threads = 2,
    allow_missing: options.AllowMissing = False,
    corpus: options.Corpus = None,
) -> None:
    """Build benchmark sets as recipes; mixtures are rendered when they are read."""
    from .bench.allocator import keep_freed_memory
    from .config_files import corpus_dirs
    from .datasets.build import build as build_set
    from .datasets.build import materialise as write_audio
    from .datasets.config import load_dataset_configs
    from .reports.dataset_tables import print_summary

    keep_freed_memory()
    dirs = corpus_dirs(corpora_of(corpus))
    progress = on_console(console)
    for dataset_config in load_dataset_configs(config):
        folder = out / dataset_config.name
        dataset = build_set(
            dataset_config,
            folder,
            corpus_dirs=dirs,
            jobs=jobs,
            allow_missing=allow_missing,
            progress=progress,
        )
        if materialise:
            write_audio(dataset, folder, jobs=jobs, progress=progress)
        print_summary(dataset, console)
        counts = ", ".join(f"{name} {count}" for name, count in dataset.card.counts.items())
        _say(f"{folder}: {counts}; fingerprint {dataset.card.fingerprint[:12]}")


@app.command(short_help="Check a dataset folder.")
def validate(
    folder: options.DatasetFolder,
    against: options.Against = None,
    sample: options.Sample = None,
    jobs: options.RenderThreads = 2,
    corpus: options.Corpus = None,
) -> None:
    """Check a dataset folder: recordings, rendering, levels, leaks, query conditions.

    A PROBLEM makes the set unfit, and the exit code 2; a remark tells what is worth knowing.
    """
    from .bench.allocator import keep_freed_memory
    from .datasets.dataset import load_dataset
    from .datasets.validate import validate as check
    from .reports.dataset_tables import print_findings, print_numbers

    keep_freed_memory()
    dirs = corpora_of(corpus)
    dataset = load_dataset(folder, corpus_dirs=dirs)
    findings = check(
        dataset,
        folder=folder,
        against=[load_dataset(other, corpus_dirs=dirs) for other in against or ()],
        jobs=jobs,
        sample=sample,
        progress=on_console(console),
    )
    print_numbers(dataset, console)
    print_findings(findings, console)
    if not all(finding.ok for finding in findings):
        raise typer.Exit(2)


@app.command(
    short_help="Train a network on mixtures drawn on the fly.", epilog=options.TRAIN_EXAMPLES
)
def train(
    config: options.Config,
    out: options.TrainOut = None,
    device: options.Device = "auto",
    corpus: options.Corpus = None,
    tracking_uri: options.Tracking = "none",
    settings: options.Settings = None,
) -> None:
    """Train a network on mixtures drawn on the fly; started again, it goes on."""
    from .bench.provenance import resolve_device
    from .config_files import corpus_dirs
    from .systems.training.config import load_train_config
    from .systems.training.engine import train as train_network

    chosen = load_train_config(config, settings or ())
    result = train_network(
        chosen,
        out=out or Path("runs") / "train" / chosen.name,
        device=resolve_device(device),
        corpus_dirs=corpus_dirs(corpora_of(corpus)),
        tracking_uri=None if tracking_uri == "none" else tracking_uri,
        console=console,
    )
    _say(f"{result.checkpoint}: best validation loss {result.best_loss:.3f}")


app.command(short_help="Add sound classes to a trained SoundBeam.", epilog=cli_adapt.EXAMPLES)(
    cli_adapt.adapt
)


@app.command(
    short_help="Run systems on datasets and print the leaderboard.", epilog=options.RUN_EXAMPLES
)
def run(
    config: options.Config = "quickstart",
    out: options.RunOut = None,
    fresh: options.Fresh = False,
    device: options.Device = "auto",
    executor: options.Executor = "local",
    jobs: options.Processes = 2,
    corpus: options.Corpus = None,
    tracking_uri: options.RunTracking = None,
    formats: options.Formats = FORMATS,
    settings: options.Settings = None,
) -> None:
    """Run systems on datasets and report; a killed run goes on when started again."""
    from .bench.allocator import keep_freed_memory
    from .bench.config import load_run_config
    from .bench.runner import RunOptions
    from .bench.runner import run as run_all
    from .reports.papers.nouns import PAPER_TABLES

    if executor != "local":
        raise UnknownNameError("executor", executor, ["local"])
    names = formats_of(formats)
    keep_freed_memory()
    chosen = load_run_config(config, settings or ())
    for name in chosen.paper_tables:
        PAPER_TABLES.get(name)  # a typo shows before the run, not after it
    folder = out or Path("runs") / chosen.name
    result = run_all(
        chosen,
        RunOptions(
            out=folder,
            device=device,
            jobs=jobs,
            fresh=fresh,
            corpus_dirs=corpora_of(corpus),
            progress=on_console(console),
        ),
    )
    tell(folder, console, names, tracking_uri, corpora_of(corpus))
    if result.failed_trials:
        _say(f"{result.failed_trials} of {result.trials} trials failed; the report says why")
        raise typer.Exit(3)


@app.command(short_help="Score folders of wav files; no config.", epilog=options.SCORE_EXAMPLES)
def score(
    estimates: options.Estimates,
    references: options.References,
    out: options.ScoreOut,
    mixtures: options.Mixtures = None,
    metrics: options.Metrics = "",
    option: options.MetricOption = None,
    transcripts: options.Transcripts = None,
    system: options.Title = "estimates",
    channel: options.Channel = None,
    device: options.Device = "auto",
    jobs: options.Processes = 2,
    tracking_uri: options.Tracking = "none",
    variants: options.Variants = False,
    claimed: options.Claimed = None,
) -> None:
    """Score wav folders: no config, files are paired by name."""
    from .bench.allocator import keep_freed_memory
    from .bench.choices import choices_of
    from .bench.claims import claims_of
    from .bench.folders import ScoreOptions, score_folders

    keep_freed_memory()
    claims = claims_of(claimed) if claimed is not None else ()
    choices = choices_of(names_of(metrics), option or [])
    result = score_folders(
        estimates=estimates,
        references=references,
        mixtures=mixtures,
        options=ScoreOptions(
            out=out,
            metrics=choices,
            transcripts=transcripts,
            system=system,
            channel=channel,
            device=device,
            jobs=jobs,
            progress=on_console(console),
        ),
    )
    if result.unpaired:
        more = ", ..." if len(result.unpaired) > 3 else ""
        first = ", ".join(result.unpaired[:3]) + more
        _say(f"left out, because they have no reference: {len(result.unpaired)} ({first})")
    tell(out, console, names_of(FORMATS), tracking_uri)
    if variants or claims:
        from .bench.variants import score_variants, word_error_rate
        from .reports.variants import report_variants

        progress = on_console(console)
        scores = score_variants(
            result.files,
            system=system,
            device=device,
            wer=word_error_rate(choices, device) if transcripts else None,
            jobs=jobs,
            progress=progress,
        )
        _say(f"variants: {report_variants(scores, claims, out, console)}")
    if result.failed_trials:
        _say(f"{result.failed_trials} of {result.trials} files failed; the report says why")
        raise typer.Exit(3)


app.command(short_help="Write a report of one run or of several.")(report)
app.command(short_help="Write a demo page with players.", epilog=cli_demo.EXAMPLES)(cli_demo.demo)
app.command(short_help="Compare two runs; fails on a regression.", epilog=cli_compare.EXAMPLES)(
    cli_compare.compare
)


@app.command(short_help="Check this machine, the metrics, or a system.")
def doctor(
    system: options.System = None,
    option: options.SystemOption = None,
    device: options.Device = "auto",
) -> None:
    """Check this machine, or one system: lengths, batching, silence, levels, determinism.

    `tsebench doctor metrics` compares every metric with its reference implementation.
    """
    from .doctor import check_machine, check_one
    from .doctor_metrics import report_metrics
    from .systems.registry import RESERVED

    if system in RESERVED:
        if not report_metrics(device, console):
            raise typer.Exit(2)
        return
    results = check_one(system, option or [], device) if system else check_machine(device)
    for result in results:
        _say(f"{'ok' if result.passed else 'PROBLEM':<8} {result.name}: {result.detail}")
    if not all(result.passed for result in results):
        raise typer.Exit(2)


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Entry point: errors become one line on standard error and an exit code."""
    given = list(arguments) if arguments is not None else None
    if given is None:
        _collect_rarely()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal may know no arrows or minus signs
    try:
        code = app(args=given, prog_name="tsebench", standalone_mode=False)
    except UsageError as error:
        _complain(usage_line(error))
        sys.exit(2)
    except TsebenchError as error:
        _complain(str(error))
        sys.exit(error.exit_code)
    except (KeyboardInterrupt, typer.Abort):
        code = _INTERRUPTED
    if code == _INTERRUPTED:
        _complain("interrupted; start the same command again to go on")
    sys.exit(code if isinstance(code, int) else 0)


def _collect_rarely() -> None:
    """Leave the objects that imports make alone, some 100,000, which all stay.

    To look at them again and again, and when the process ends, takes over half a second.
    """
    gc.set_threshold(10_000, 20, 20)
    atexit.register(gc.freeze)


def _say(text: str) -> None:
    console.print(text, markup=False, highlight=False, soft_wrap=True)


def _complain(text: str) -> None:
    Console(stderr=True).print(
        f"tsebench: {' '.join(text.split())}",
        style="red",
        markup=False,
        highlight=False,
        soft_wrap=True,
    )
