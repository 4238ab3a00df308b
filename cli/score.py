"""`tsebench score`: score folders of wav files."""

from __future__ import annotations

import typer

from ..core.progress import on_console
from . import options
from .options import names_of
from .output import FORMATS, console, say, tell

EXAMPLES = """
\b
Examples:
  tsebench score --estimates est --references ref --out runs/mine
  tsebench score --estimates est --references ref --mixtures mix \\
      --metrics sdri,pesq,estoi --system mine --out runs/mine
  tsebench score --estimates est --references ref --mixtures mix \\
      --claimed si_sdr=15.2,pesq=3.1 --out runs/mine

A second system that is scored into the same --out joins the leaderboard.
"""


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
    from ..bench.folders.claimed_numbers import claims_of
    from ..bench.folders.score import ScoreOptions, score_folders
    from ..bench.scoring.plan import parse_metrics
    from ..core.allocator import keep_freed_memory

    keep_freed_memory()
    claims = claims_of(claimed) if claimed is not None else ()
    choices = parse_metrics(names_of(metrics), option or [])
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
        say(f"left out, because they have no reference: {len(result.unpaired)} ({first})")
    tell(out, names_of(FORMATS), tracking_uri)
    if variants or claims:
        from ..bench.folders.variants import score_variants, word_error_rate
        from ..reports.terminal.variants import report_variants

        progress = on_console(console)
        scores = score_variants(
            result.files,
            system=system,
            device=result.device,
            wer=word_error_rate(choices, result.device) if transcripts else None,
            jobs=jobs,
            progress=progress,
        )
        say(f"variants: {report_variants(scores, claims, out, console)}")
    if result.failed_trials:
        say(f"{result.failed_trials} of {result.trials} files failed; the report says why")
        raise typer.Exit(3)
