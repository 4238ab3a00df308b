"""`tsebench score`: score folders of wav files."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from typer import Option

from ..core.errors import ConfigError
from ..core.progress import on_console
from ..core.text import names_of
from . import options
from .commands import command
from .output import FORMATS, console, ready_report, report_run, say

if TYPE_CHECKING:
    from ..bench.folders.claimed_numbers import ClaimedNumber

Estimates = Annotated[
    list[Path],
    Option(
        metavar="DIR",
        help="Estimates of the system: one file for each reference. With --permutation one folder for each output: "
        "give the option again.",
    ),
]
References = Annotated[
    list[Path] | None,
    Option(
        metavar="DIR",
        help="The clean targets; files pair by path below the folder, without suffix. "
        "With --permutation one folder for each target. Real recordings have none: leave it out.",
    ),
]
Out = Annotated[Path, Option(metavar="DIR", help="Run folder, for the rows and the report.")]
Mixtures = Annotated[Path | None, Option(metavar="DIR", help="Inputs of the system; needed for improvements.")]
Metrics = Annotated[
    str,
    Option(
        metavar="A,B,...",
        help="Names from `tsebench list metrics`.  [default: sdri,si_sdri,snri with mixtures, else sdr,si_sdr,snr]",
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
    Option(
        metavar="CSV",
        help="Transcripts of the targets for wer, cer and ter: columns name (without suffix), text, and perhaps "
        "language (en, zh, ...).",
    ),
]
Enrollments = Annotated[
    Path | None, Option(metavar="DIR", help="Recordings of the targets' voices, for speaker_similarity.")
]
Activity = Annotated[
    Path | None,
    Option(
        metavar="CSV|RTTM",
        help="When each target speaks, for timing_f1 without references: columns name and activity (0.5-1.2; 2-3, in "
        "s), or an RTTM file whose file names are those of the estimates.",
    ),
]
Recognised = Annotated[
    Path | None,
    Option(
        metavar="CSV",
        help="Words recognised in the estimates elsewhere, for --option ter.backend=given: columns name and text.",
    ),
]
Permutation = Annotated[
    str | None,
    Option(
        metavar="NAME",
        help="For several outputs of each mixture, such as s1 and s2 of a separator: si_sdr assigns them to the "
        "references by the best mean SI-SDR, none takes them in the order given. A single folder stands for its "
        "sub-folders.",
    ),
]
Labelled = Annotated[
    bool,
    Option(
        "--labelled",
        help="The files are sounds with labels, several for each mixture: MIXTURE_LABEL.wav, MIXTURE_0_LABEL.wav or "
        "MIXTURE/LABEL.wav, where MIXTURE.wav is a file of --mixtures.",
    ),
]
Title = Annotated[str, Option(metavar="NAME", help="Name of the system in the report.")]
Channel = Annotated[
    str | None,
    Option(
        metavar="N|mean|FOLDER=N,...",
        help="Channel of files with several: a number from 0, or mean; for each folder as "
        "estimates=1,references=0,mixtures=mean.",
    ),
]
Variants = Annotated[
    bool, Option("--variants", help="Also compare all variants of the metrics that papers give under one name.")
]
Claimed = Annotated[
    str | None,
    Option(
        metavar="NAME=X,...",
        help="A paper's numbers, for example si_sdr=15.2,pesq=3.1: mark the variant "
        "nearest to each.  [implies --variants]",
    ),
]

EXAMPLES = """
\b
Examples:
  tsebench score --estimates est --references ref --out runs/mine
  tsebench score --estimates est --references ref --mixtures mix \\
      --metrics sdri,pesq,estoi --system mine --out runs/mine
  tsebench score --estimates est --references ref --mixtures mix \\
      --claimed si_sdr=15.2,pesq=3.1 --out runs/mine
  tsebench score --estimates out/s1 --estimates out/s2 \\
      --references ref/s1 --references ref/s2 --mixtures mix \\
      --permutation si_sdr --out runs/separator
  tsebench score --estimates out --references oracle_target \\
      --mixtures soundscape --labelled --channel mixtures=0 --out runs/scenes
  tsebench score --estimates est --mixtures recordings --enrollments voices \\
      --transcripts said.csv --activity times.rttm \\
      --metrics ter,timing_f1,speaker_similarity_gain \\
      --option ter.backend=whisper:small --out runs/real

A second system that is scored into the same --out joins the leaderboard.
With --shard I/N each part has an --out of its own; `tsebench merge` makes one run of them.
"""


GROUPS = {
    "Files": ("estimates", "references", "mixtures", "channel", "permutation", "labelled"),
    "Facts on the targets": ("transcripts", "enrollments", "activity", "recognised"),
    "Metrics": ("metrics", "option", "variants", "claimed"),
    "Result": ("out", "system", "tracking_uri"),
}


@command("score", place=70, summary="Score folders of wav files; no config.", examples=EXAMPLES, groups=GROUPS)
def score(
    estimates: Estimates,
    out: Out,
    references: References = None,
    mixtures: Mixtures = None,
    metrics: Metrics = "",
    option: MetricOption = None,
    transcripts: Transcripts = None,
    enrollments: Enrollments = None,
    activity: Activity = None,
    recognised: Recognised = None,
    permutation: Permutation = None,
    labelled: Labelled = False,
    system: Title = "estimates",
    channel: Channel = None,
    device: options.Device = "auto",
    jobs: options.Processes = 2,
    shard: options.Division = None,
    tracking_uri: options.Tracking = "none",
    variants: Variants = False,
    claimed: Claimed = None,
) -> None:
    """Score wav folders: no config, files are paired by name."""
    from ..core.allocator import share_freed_memory

    share_freed_memory()
    from ..bench.folders.channels import channels_of
    from ..bench.folders.known_facts import FactFiles
    from ..bench.folders.score import ScoreOptions, score_folders
    from ..bench.scoring.plan import parse_metrics
    from ..core.allocator import keep_freed_memory

    keep_freed_memory()
    given = {"mixtures": mixtures is not None, "transcripts": transcripts is not None}
    if not references and (variants or claimed is not None):
        raise ConfigError("--variants and --claimed compare values against references; add --references DIR")
    claims: tuple[ClaimedNumber, ...] = ()
    if claimed is not None:
        from ..bench.folders.claimed_numbers import claims_of

        claims = claims_of(claimed, **given)
    if labelled and (variants or claims):
        raise ConfigError("--labelled has no variants to compare; leave out --variants and --claimed")
    part = options.shard_of(shard)
    if part and (variants or claims):
        raise ConfigError("--variants and --claimed need all trials; leave out --shard")
    choices = parse_metrics(names_of(metrics), option or [])
    progress = on_console(console)
    how = ScoreOptions(
        out=out,
        metrics=choices,
        facts=FactFiles(transcripts=transcripts, enrollments=enrollments, activity=activity, recognised=recognised),
        system=system,
        channel=channels_of(channel),
        permutation=permutation,
        labelled=labelled,
        shard=part,
        device=device,
        jobs=jobs,
        get_ready=None if part else ready_report,
        keep_rows=bool(variants or claims),
        progress=progress,
        say=say,
    )
    with _tracked(out, None if part else options.tracking_uri_of(tracking_uri, out)) as track:
        result = score_folders(estimates=estimates, references=references or (), mixtures=mixtures, options=how)
        if result.unpaired:
            first = ", ".join(result.unpaired[:3]) + (", ..." if len(result.unpaired) > 3 else "")
            why = "they have no reference" if references else "no trial has their name"
            say(f"left out, because {why}: {len(result.unpaired)} ({first})")
        if part:
            say(f"shard {part}: {result.trials} trials in {out}; `tsebench merge` takes the folders of all shards")
        else:
            report_run(out, names_of(FORMATS), track=track)
    if variants or claims:
        from ..bench.folders.variants import score_variants, word_error_rate
        from ..reports.terminal.variants import report_variants

        wer = word_error_rate(choices, result.device) if transcripts else None
        scores = score_variants(
            result.files,
            system=system,
            device=result.device,
            wer=wer,
            known=result.rows,
            known_of_mixture=result.mixture_rows,
            jobs=jobs,
            progress=progress,
        )
        say(f"variants: {report_variants(scores, claims, out, console)}")
    if result.failed_trials:
        where = "the report of the merged run" if part else "the report"
        say(f"{result.failed_trials} of {result.trials} files failed; {where} says why")
        raise typer.Exit(3)


@contextmanager
def _tracked(out: Path, uri: str | None) -> Iterator[Callable[[], None]]:
    """Track what is done meanwhile in the store `uri`, if there is one; gives a function for the end of the report."""
    if uri is None:
        yield lambda: None
        return
    from ..bench.tracking.live import tracked_run

    with tracked_run(out, uri=uri, say=say) as live:
        yield live.finish
